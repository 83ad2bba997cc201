"""Thirty ordinary days: reads with the rhythm of a shop, rotations, deploys, jobs, people, and the trail's own noise.

Nothing in this file should be found by any rule, with one exception that README.md names (a new reader).
Each function is one strand with its own seed, so that a change to one leaves the others' bytes alone.
"""

from datetime import timedelta

from cast import (CART, CHECKOUT, DB, DB_EAST, EAST, FIRST_DAY, FLURRY, HAIL, SECOND, SERVICES, SIGNING, UNDECLARED,
                  WINTERDAY, admin, checkout_task, days, deploy_days, dice, engineer, inventory, local, on_call,
                  rotation_worker, task)
from records import (AGENT_LAMBDA, AGENT_TERRAFORM, Secret, Trail, after, assumed_role, aws_service, basic_selector,
                     derive, foreign_account, key_arn, role_arn, stamp, web_identity)

BUCKET = "snowy-trail"


def rotations() -> list:
    """Healthy rotations, designed errors included. They come first: reads then know which version was current."""
    trail = Trail("story/rotations")
    _healthy(trail, local("2026-10-13", 2, 30), WINTERDAY["prod/winterday-db/orders"])
    _healthy(trail, local("2026-10-14", 3, 0), DB, replicas=[DB_EAST])
    start = local("2026-10-15", 9, 30)
    _healthy(trail, start, WINTERDAY["prod/winterday-db/ledger"], by=admin(start), first=True)
    _healthy(trail, local("2026-10-16", 3, 0), CART["prod/snowy-cart/db"])
    # The answer to the spike of 4 November: everybody who read the old password now holds a dead one.
    start = local("2026-11-04", 15, 20)
    _healthy(trail, start, DB, by=admin(start), replicas=[DB_EAST])
    return trail.records


def _healthy(trail, start, secret, *, by=None, first=False, replicas=()):
    trail.rotation(start, secret, rotation_worker(start), by=by, first=first)
    for twin in replicas:
        trail.service_event(after(start, 17), "ReplicationStarted", twin)
        trail.service_event(after(start, 19), "ReplicationSucceeded", twin)


def creations() -> list:
    """Six secrets are born on the first morning, a preview secret lives for two days, one gets a replica and a policy.
    The other secrets are older than the trail: it knows them by Decrypt contexts and ARNs alone."""
    trail = Trail("story/creations")
    for minute, secret in enumerate([*FLURRY.values(), *HAIL.values()]):
        when = local(FIRST_DAY, 9, 2 + minute)
        team = secret.name.split("/")[1]
        trail.create_secret(when, admin(when), secret, description=f"{team}, moved from the old vault",
                            tags={"Service": team, "Env": "prod"})
    when = local("2026-10-13", 11, 15)
    trail.replicate(when, admin(when), SIGNING, [EAST])
    trail.tag_resource(after(when, 95), admin(when), DB, {"Service": "Snowy-Checkout", "Env": "prod"})
    reader = {"Effect": "Allow", "Principal": {"AWS": role_arn("Stage-Report-Role", SECOND)},
              "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    trail.put_resource_policy(after(when, 300), admin(when), WINTERDAY["prod/winterday-db/reporting"],
                              {"Version": "2012-10-17", "Statement": [reader]}, block_public=True)
    _preview(trail)
    return trail.records


def _preview(trail):
    """A preview environment of a pull request: created, read, deleted, and asked for once too often."""
    preview = Secret("stage/preview-412/db", account=SECOND)
    start = local("2026-10-13", 13, 0)
    ci = assumed_role("ci-preview", "pr-412", account=SECOND, created=start, ip="203.0.113.80", agent=AGENT_TERRAFORM)
    pod = assumed_role("Stage-TaskRole", "preview-412", account=SECOND, created=start, ip="10.40.2.9")
    trail.create_secret(start, ci, preview, tags={"Env": "preview"})
    for hour in (1, 5, 22, 30):
        trail.get_secret_value(start + timedelta(hours=hour), pod, preview, ask="arn")
    trail.delete_secret(start + timedelta(hours=44), ci, preview, window_days=7)
    trail.get_secret_value(start + timedelta(hours=45), pod, preview, ask="arn", outcome="deleted")


def checkout_reads() -> list:
    """Blizzard-Checkout: four caching tasks, six to eight reads of the database password in a business hour."""
    trail = Trail("story/checkout")
    for hour in _hours():
        busy = _busy(hour)
        roll = dice("checkout", stamp(hour))
        _spread(trail, roll, hour, DB, roll.randint(6, 8) if busy else roll.randint(2, 3), lambda n, t: checkout_task(n % 4, t))
        for name, secret in CHECKOUT.items():
            if secret is not DB and roll.random() < (0.9 if busy else 0.3):
                _spread(trail, roll, hour, secret, 1, lambda n, t: checkout_task(roll.randrange(4), t))
        if roll.random() < (0.9 if busy else 0.35):
            _spread(trail, roll, hour, DB_EAST, 1, lambda n, t: checkout_task(n % 2, t, EAST))
    return trail.records


def service_reads() -> list:
    """The neighbours read their own secrets, a few times a day."""
    trail = Trail("story/services")
    born = local(FIRST_DAY, 10, 0)
    for role, (secrets, ask, account, agent) in SERVICES.items():
        for hour in _hours():
            roll = dice(role, stamp(hour))
            for name, secret in sorted(secrets.items()):
                count = _reads_of(secret, _busy(hour), roll)
                if hour >= born:
                    _spread(trail, roll, hour, secret, count,
                            lambda n, t: task(role, roll.randrange(2), t, account=account, agent=agent), ask)
        # Each reads all of its own once on the first day, as services do when they start.
        for second, (name, secret) in enumerate(sorted(secrets.items())):
            start = local(FIRST_DAY, 10, 5, second * 3)
            trail.get_secret_value(start, task(role, 0, start, account=account, agent=agent), secret, ask=ask)
    return trail.records


def _reads_of(secret, busy, roll) -> int:
    """How often a neighbour's secret is read in one hour: the cart's database more than the rest."""
    if secret is CART["prod/snowy-cart/db"]:
        return roll.randint(1, 2) if busy else int(roll.random() < 0.5)
    return int(roll.random() < (0.16 if busy else 0.06))


def _hours():
    start, end = local(days()[0], 0), local(days()[-1], 23)
    return [start + timedelta(hours=n) for n in range(int((end - start).total_seconds() // 3600) + 1)]


def _busy(hour) -> bool:
    """Whether this UTC hour lies in local business hours."""
    offset = 7 if hour < local("2026-11-01", 3) else 8
    wall = hour - timedelta(hours=offset)
    return wall.isoweekday() <= 5 and 8 <= wall.hour < 18


def _spread(trail, roll, hour, secret, count, caller, ask=None):
    """`count` reads, evenly over the hour with some jitter: a cache that runs out, not a loop."""
    for n in range(count):
        when = after(hour, int((n + roll.random() * 0.8) * 3600 / count))
        trail.get_secret_value(when, caller(n, when), secret, ask=ask or roll.choice(["name", "name", "name", "arn", "partial"]))


def deploys() -> list:
    """Twice a week CI rolls out Blizzard-Checkout: it looks at secrets without reading them, and new tasks start."""
    trail = Trail("story/deploys")
    for day in deploy_days():
        start = local(day, 10, 0)
        session = f"run-{derive(str(day)).int % 90000}"
        ci = assumed_role("ci-blizzard-deploy", session, created=start, ip="203.0.113.80", agent=AGENT_TERRAFORM)
        who = web_identity("token.actions.githubusercontent.com", "repo:snowy/blizzard-checkout:ref:refs/heads/main")
        trail.assume_role(start, who, role_arn("ci-blizzard-deploy"), session, name="AssumeRoleWithWebIdentity")
        for second, secret in enumerate(CHECKOUT.values()):
            trail.describe_secret(after(start, 20 + second), ci, secret)
        trail.put_parameter(after(start, 40), ci, "/blizzard-checkout/config/release", version=(day - FIRST_DAY).days)
        trail.other(after(start, 60), ci, "ecs.amazonaws.com", "UpdateService",
                    {"cluster": "blizzard", "service": "blizzard-checkout", "forceNewDeployment": True}, read_only=False)
        for number in range(4):
            when = after(start, 90 + 20 * number)
            fresh = checkout_task(number, when)
            trail.assume_role(when, aws_service("ecs-tasks.amazonaws.com"), role_arn("Blizzard-Checkout-TaskRole"),
                              fresh.identity["principalId"].split(":")[1])
            for second, secret in enumerate(CHECKOUT.values()):
                trail.get_secret_value(after(when, 5 + second), fresh, secret)
        if day.isoweekday() == 2:
            trail.get_secret_value(after(start, 30), ci, Secret("prod/blizzard-chekout/db"), outcome="not_found")
    return trail.records


def jobs() -> list:
    """The nightly inventory (two secrets a night, all of them in eleven), the settlement of every second Monday of the
    month, and a report in the other account whose reads leave a copy in both."""
    trail = Trail("story/jobs")
    everything = list(UNDECLARED.values())
    for number, day in enumerate(days()):
        when = local(day, 3, 5) if number else local(day, 12, 5)
        for n in (0, 1):
            secret = everything[(2 * number + n) % len(everything)]
            trail.get_secret_value(after(when, 30 * n), inventory(when), secret, ask="arn")
        _two_copies(trail, local(day, 12, 40, number), WINTERDAY["prod/winterday-db/reporting"])
    for day in ("2026-10-12", "2026-11-09"):
        when = local(day, 13, 0)
        job = assumed_role("Glacier-Settlement-Role", "settlement", created=when, ip="10.20.7.30", agent=AGENT_LAMBDA)
        read = (HAIL["prod/hail-batch/gpg"], HAIL["prod/hail-batch/warehouse"], WINTERDAY["prod/winterday-db/ledger"])
        for n, secret in enumerate(read):
            trail.get_secret_value(after(when, 9 * n), job, secret, ask="name")
    return trail.records


def _two_copies(trail, when, secret):
    """A read from the second account: the caller's copy knows who, the owner's copy knows only the account."""
    reader = assumed_role("Stage-Report-Role", "report", account=SECOND, created=when, ip="10.40.1.5", agent=AGENT_LAMBDA)
    foreign = foreign_account(SECOND, reader.identity["principalId"], ip=reader.ip, agent=reader.agent)
    shared = [str(derive("copies", stamp(when), kind)) for kind in ("read", "decrypt")]
    owner = trail.get_secret_value(when, foreign, secret, ask="arn")
    caller = trail.get_secret_value(when, reader, secret, ask="arn", recipientAccountId=SECOND)
    caller[1]["recipientAccountId"] = SECOND
    owner[1]["userIdentity"].pop("sessionContext")
    for copy in (owner, caller):
        for record, shared_id in zip(copy, shared):
            record["sharedEventID"] = shared_id


def people() -> list:
    """People at work: reads in business hours, looks (no reads) at night, one denied slip, terraform against a throttle."""
    trail = Trail("story/people")
    orders, customers = WINTERDAY["prod/winterday-db/orders"], WINTERDAY["prod/winterday-db/customers"]
    for number, day in enumerate(days()):
        if day.isoweekday() == 1:
            when = local(day, 10, 20 + number % 7)
            trail.get_secret_value(when, on_call("maria.frost", when), orders, ask="name")
        if day.isoweekday() == 3:
            when = local(day, 14, 5 + number % 9)
            trail.get_secret_value(when, engineer("lena.hoar@snowy.example", when), customers, ask="arn")
        if day.isoweekday() in (2, 6):
            when = local(day, 3, 12)
            trail.describe_secret(when, on_call("jun.hale", when), DB)
            trail.list_secrets(after(when, 20), on_call("jun.hale", when))
    # 17:35 on the first working day of winter time; by the clock of the week before it would be past six.
    when = local("2026-11-02", 17, 35)
    trail.get_secret_value(when, engineer("lena.hoar@snowy.example", when), customers, ask="arn")
    when = local("2026-10-27", 11, 2)
    trail.get_secret_value(when, engineer("otto.sleet@snowy.example", when), DB, outcome="denied")
    when = local("2026-10-28", 16, 40)
    plan = assumed_role("ci-terraform", "plan", created=when, ip="203.0.113.81", agent=AGENT_TERRAFORM)
    for second in range(12):
        error = {"errorCode": "ThrottlingException", "errorMessage": "Rate exceeded"} if second % 3 else {}
        names = [f"/winterday/flag/{second}"]
        record = trail.get_parameters(after(when, second // 3), plan, names, decrypt=False, **error)[0]
        if error:
            record["requestParameters"] = None
            record.pop("resources")
    return trail.records


def new_reader() -> list:
    """From 3 November on Icicle-Mail uses the web shop's OAuth client: planned by two teams, announced to nobody."""
    trail = Trail("story/new-reader")
    for day in [d for d in days() if d.isoformat() >= "2026-11-03"]:
        for hour in (11, 16):
            when = local(day, hour, 7, day.day)
            trail.get_secret_value(when, task("Icicle-Mail-TaskRole", 0, when), FLURRY["prod/flurry-web/oauth"])
    return trail.records


def background() -> list:
    """The trail's own keys, Parameter Store, role sessions, and calls that nobody who watches secrets needs."""
    trail = Trail("story/background")
    start, end = local(days()[0], 0), local(days()[-1], 23, 50)
    minutes = int((end - start).total_seconds() // 60)
    for minute in range(0, minutes, 30):
        when = start + timedelta(minutes=minute)
        roll = dice("background", stamp(when))
        trail.log_file_key(after(when, 40), key_arn("trail"), BUCKET)
        if minute % 60 == 0:
            trail.log_file_key(after(when, 55), key_arn("trail", region=EAST), BUCKET, region=EAST)
            trail.log_file_key(after(when, 70), key_arn("trail", account=SECOND), BUCKET, account=SECOND)
            _out_of_scope(trail, roll, when)
        if minute % 120 == 0:
            _configuration(trail, roll, when)
        if minute % 360 == 0:
            for role in ("Blizzard-Checkout-TaskRole", *list(SERVICES)[:4]):
                session = task(role, 0, when).identity["principalId"].split(":")[1]
                trail.assume_role(after(when, 660), aws_service("ecs-tasks.amazonaws.com"), role_arn(role), session)
    _trail_care(trail)
    return trail.records


def _configuration(trail, roll, when):
    """Services read parameters; the cart decrypts a blob with its own key."""
    reader = task("Snowy-Cart-TaskRole", roll.randrange(2), after(when, 300))
    names = [f"/snowy-cart/config/{n}" for n in ("region", "flags", "queue")]
    trail.get_parameters(after(when, 300), reader, names[: roll.randint(1, 3)], key=key_arn("parameters"))
    trail.kms_decrypt(after(when, 400), reader, key_arn("snowy-cart"), {"purpose": "cart-cookie"})
    if roll.random() < 0.3:
        trail.get_parameters_by_path(after(when, 700), reader, "/snowy-cart/config")


def _out_of_scope(trail, roll, when):
    when = after(when, roll.randrange(1700))
    began = when.replace(minute=0, second=0)
    monitor = assumed_role("Frost-Monitor-Role", "monitor", created=began, ip="10.20.8.8", agent=AGENT_LAMBDA)
    trail.bucket_acl(when, aws_service("cloudtrail.amazonaws.com"), BUCKET)
    trail.other(after(when, 3), monitor, "ec2.amazonaws.com", "DescribeInstances", {"maxResults": 1000, "filterSet": {}})
    if roll.random() < 0.25:
        trail.other(after(when, 5), monitor, "logs.amazonaws.com", "CreateLogStream",
                    {"logGroupName": "/aws/lambda/Snowy-Rotation"}, read_only=False)
    if roll.random() < 0.06:
        trail.lambda_decoy(after(when, 9), monitor, "snowy-audit-notes")
    if roll.random() < 0.2:
        trail.other(after(when, 15), monitor, "ec2.amazonaws.com", "DescribeSubnets", {"filterSet": {}}, region=EAST)


def _trail_care(trail):
    """Somebody makes the trail see more: none of this blinds it."""
    when = local("2026-10-19", 14, 0)
    trail.trail_call(when, admin(when), "GetTrailStatus")
    trail.update_trail(after(when, 60), admin(when), {"isMultiRegionTrail": True, "enableLogFileValidation": True})
    trail.put_event_selectors(after(when, 120), admin(when), basic=[basic_selector()])
    for secret_key in ("blizzard-checkout", "snowy-cart"):
        trail.rotate_key(local("2026-10-21", 5, 0), key_arn(secret_key))


STRANDS = [rotations, creations, checkout_reads, service_reads, deploys, jobs, people, new_reader, background]
