"""What services do every day: reads with the rhythm of their users, deploys, autoscaling, functions, parameters.

Every strand makes one day's records; `organization.py` calls them day by day.
"""

from datetime import timedelta

from callers import ci, task
from clock import WEST_COAST, activity, dice, is_working_day
from records import Trail, after, aws_service, derive, derive_hex, key_arn, role_arn, stamp, web_identity
from world import EAST, Item, Service, World


def read(world: World, trail: Trail, when, caller, item: Item, region: str | None = None, **how) -> list:
    """One read in daily life: it fails while the key is out of use, and now and then leaves no Decrypt of its own."""
    if item.gone_from and when >= item.gone_from:
        return []
    secret = item.secret.replica(region) if region else item.secret
    out = world.outages.get(secret.key)
    if out and out[0] <= when < out[1]:
        return dead_key_read(trail, when, caller, secret, item.service.ask)
    # AWS reuses data keys at times; a read without its Decrypt is no news by itself.
    pairs = dice("pair", world.seed, item.name, stamp(when)).random() > 0.004
    return trail.get_secret_value(when, caller, secret, ask=how.pop("ask", item.service.ask), decrypt=pairs, **how)


def dead_key_read(trail: Trail, when, caller, secret, ask: str) -> list:
    """A read whose key is disabled or about to be deleted: both calls fail."""
    text = f"{secret.key} is pending deletion or disabled."
    made = trail.get_secret_value(when, caller, secret, ask=ask, outcome="denied_kms")
    made[0].update(
        errorCode="DecryptionFailure",
        errorMessage="Secrets Manager can't decrypt the protected secret text using the provided KMS key.",
    )
    made[1].update(errorCode="KMSInvalidStateException", errorMessage=text)
    return made


def hours_of(world: World, number: int) -> list:
    """The hours of one local day of the west coast, as moments in UTC; 23 or 25 when clocks change."""
    begin, end = (WEST_COAST.utc(world.clock.day(n), 0) for n in (number, number + 1))
    return [begin + timedelta(hours=n) for n in range(int((end - begin).total_seconds() // 3600))]


def steady_reads(world: World, number: int) -> list:
    """Each task reads each secret when its cache has run out and somebody needs it: intervals, used or not."""
    trail = Trail(f"organization/{world.seed}/steady/{number}")
    begin = hours_of(world, number)[0]
    end = hours_of(world, number)[-1] + timedelta(hours=1)
    for service in world.services:
        first = int((begin.timestamp() - 1) // service.interval) + 1
        for slot in range(first, int((end.timestamp() - 1) // service.interval) + 1):
            when = begin + timedelta(seconds=slot * service.interval - begin.timestamp())
            level = activity(service.zone, when)
            roll = dice("steady", world.seed, service.name, slot)
            for n in range(service.tasks):
                for item in service.items:
                    if roll.random() < level * 0.8:
                        _steady_read(world, trail, roll, service, n, item, when)
    return trail.records


def _steady_read(world, trail, roll, service, n, item, when):
    phase = int(derive_hex(4, service.name, item.name, str(n)), 16) % max(1, int(service.interval * 0.7))
    moment = after(when, phase + roll.random() * service.interval * 0.15)
    if item.replicas and n == 0 and roll.random() < 0.5:
        read(world, trail, moment, task(service, n, moment, EAST), item, EAST)
    else:
        read(world, trail, moment, task(service, n, moment), item)


def plan_deploys(world: World):
    """When each service will be deployed: one to three times a week, in its team's working hours."""
    for service in world.services:
        roll = dice("deploys", world.seed, service.name)
        weekdays = roll.sample(range(5), roll.choice([1, 1, 2, 3]))
        hour = roll.choice([9.5, 10, 11, 14, 15])
        days = [world.clock.day(n) for n in range(world.clock.days)]
        moments = [
            service.zone.utc(d, hour + roll.random() / 2) for d in days if d.weekday() in weekdays and is_working_day(d)
        ]
        service.deploys = [m for m in moments if world.clock.begin <= m < world.clock.end] if service.tasks else []


def deploys(world: World, number: int) -> list:
    """CI looks at secrets without reading them; new tasks start and read everything at once."""
    trail = Trail(f"organization/{world.seed}/deploys/{number}")
    hours = hours_of(world, number)
    for service in world.services:
        for start in service.deploys:
            if hours[0] <= start < hours[-1] + timedelta(hours=1):
                _deploy(world, trail, service, start)
    return trail.records


def _deploy(world, trail, service, start):
    run, role = f"run-{derive(service.name, stamp(start)).int % 90000}", f"ci-{service.name}"
    place = {"account": service.account, "region": service.region}
    worker = ci(role, run, start, service.account)
    who = web_identity("token.actions.githubusercontent.com", f"repo:snowy/{service.name}:ref:refs/heads/main")
    trail.assume_role(start, who, role_arn(role, service.account), run, name="AssumeRoleWithWebIdentity", **place)
    for second, item in enumerate(service.items):
        trail.describe_secret(after(start, 20 + second), worker, item.secret)
    if service.parameters:
        trail.put_parameter(after(start, 40), worker, f"/{service.name}/release", **place)
    for n in range(service.tasks):
        start_task(world, trail, service, n, after(start, 90 + 25 * n))


def start_task(world: World, trail: Trail, service: Service, n: int, when):
    """A task takes its role and reads all that it needs, by batch or one by one."""
    fresh = task(service, n, when)
    trail.assume_role(
        when,
        aws_service("ecs-tasks.amazonaws.com"),
        service.role_arn,
        fresh.identity["principalId"].split(":")[1],
        account=service.account,
        region=service.region,
    )
    there = [i for i in service.items if i.gone_from is None or when < i.gone_from]
    out = world.outages.get(service.key)
    if service.uses_batch and there and not (out and out[0] <= when < out[1]):
        trail.batch_get_secret_value(
            after(when, 4), fresh, [i.secret for i in there], ask=service.ask, derived="caller"
        )
        return
    for second, item in enumerate(there):
        read(world, trail, after(when, 4 + second), fresh, item)


def autoscaling(world: World, number: int) -> list:
    """On most working days some services grow for an hour or two: more tasks, each of which starts."""
    trail = Trail(f"organization/{world.seed}/scaling/{number}")
    day = world.clock.day(number)
    for service in world.services:
        roll = dice("scaling", world.seed, service.name, number)
        if service.tasks and is_working_day(day) and roll.random() < 0.4:
            at = service.zone.utc(day, roll.choice([10, 12, 16]) + roll.random())
            for n in range(roll.randint(1, service.tasks)):
                start_task(world, trail, service, 20 + n, after(at, 70 * n))
    return trail.records


def functions(world: World, number: int) -> list:
    """Functions by the timer: each reads its one secret and nothing else."""
    trail = Trail(f"organization/{world.seed}/functions/{number}")
    for function in world.functions:
        minute = int(derive_hex(4, function.name), 16) % 60
        for hour in hours_of(world, number):
            if hour.hour % function.every == 0:
                when = after(hour, minute * 60)
                read(world, trail, when, function.caller(when), function.item)
    return trail.records


def parameters(world: World, number: int) -> list:
    """Services read their configuration from Parameter Store; some read it whole, by path."""
    trail = Trail(f"organization/{world.seed}/parameters/{number}")
    for service in world.services:
        roll = dice("parameters", world.seed, service.name, number)
        key = key_arn("parameters", service.account, service.region)
        for hour in hours_of(world, number)[::3] if service.parameters else []:
            when = after(hour, roll.randrange(3000))
            reader = task(service, roll.randrange(service.tasks), when)
            names = service.parameters[: roll.randint(1, 4)]
            trail.get_parameters(when, reader, names, account=service.account, region=service.region, key=key)
            if service.uses_batch and roll.random() < 0.3:
                trail.get_parameters_by_path(
                    after(when, 60), reader, f"/{service.name}/", account=service.account, region=service.region
                )
            # Applications encrypt their own things with the service's key, too.
            trail.kms_decrypt(after(when, 90), reader, service.key, {"purpose": f"{service.name}-cookie"})
    return trail.records


STRANDS = [steady_reads, deploys, autoscaling, functions, parameters]
