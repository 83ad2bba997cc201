"""What looks odd and is not: everything of the issue's list of what are no anomalies, and more.

A trap is stepped into by a finding of medium or above about its people, secrets and hours that no incident explains.
`case.may` names rules that may rightly report it all the same, because nobody is paged (planned work).
"""

from callers import admin, ci, engineer, on_call, task
from calls_more import create_role, iam, put_role_policy, secret_policy
from cases import trap, weekend, working
from clock import BERLIN, WEST_COAST
from life_care import rotate
from life_services import start_task
from records import (
    AGENT_TERRAFORM,
    Secret,
    after,
    basic_selector,
    derive,
    derive_hex,
    derive_id,
    key_arn,
    role_arn,
    stamp,
)
from world import ADMIN, EAST, ENDPOINTS, PROD, STAGE, WEST, Item, Service


def _window(case, caller_arn: str, begin, hours: float, reason: str):
    """Planned work, written into the policy: findings inside are recorded, not paged."""
    case.world.windows.append((caller_arn, stamp(after(begin, -600)), stamp(after(begin, hours * 3600)), reason))


@trap("flash-sale", small=True, want=working)
def flash_sale(case):
    """A sale: a service grows from a few tasks to thirty within half an hour, and each of them starts."""
    service = max(
        (s for s in case.world.services if s.account == PROD and s.region == WEST and s.items and s.tasks),
        key=lambda s: s.tasks,
    )
    for n in range(30):
        start_task(case.world, case.trail, service, 40 + n, after(case.when(11), 55 * n))
    case.names(service)


@trap("new-service", small=True, span=5)
def new_service(case):
    """A new service: its role and three secrets are made in one hour, and it reads them from then on."""
    when = case.when(11)
    run = ci("ci-platform", "run-7001", when)
    service = Service("comet-quote", PROD, WEST, WEST_COAST, 3, 4800, "none", "name", AGENT_TERRAFORM, False)
    create_role(case.trail, when, run, service.role)
    for n, leaf in enumerate(("db", "api", "oauth")):
        item = Item(Secret(f"prod/comet-quote/{leaf}", key=service.key), service, "database", "none", "high")
        case.trail.create_secret(after(when, 40 + n), run, item.secret, tags={"Service": service.name, "Env": "prod"})
        service.items.append(item)
        case.names(item)

    def one_day(day):
        for n in range(3):
            start_task(case.world, case.trail, service, n, after(when, 86400 * day + 600 + 60 * n))
        for n in range(8):
            later = after(when, 86400 * day + 4000 + 3000 * n)
            for item in service.items:
                case.trail.get_secret_value(after(later, 7), task(service, n % 3, later), item.secret)

    for day in range(5):
        case.on(day, lambda day=day: one_day(day))
    case.names(service)


@trap("role-made-again", small=True, span=4)
def role_made_again(case):
    """A service's role is deleted and made again under its name: another id, the same readers, the same reads."""
    item = case.world.take(lambda i: i.contract == "none") if not case.world.small else case.world.take()
    service, when = item.service, case.when(10)
    run, new_id = ci("ci-platform", "run-7002", when), derive_id("AROA", "again", service.name)
    iam(case.trail, when, run, "DeleteRole", {"roleName": service.role})
    create_role(case.trail, after(when, 20), run, service.role, new_id)
    put_role_policy(case.trail, after(when, 25), run, service.role)
    service.extra_role_id = (after(when, 20), new_id)
    for n in range(service.tasks):
        start_task(case.world, case.trail, service, n, after(when, 60 + 20 * n))
    case.names(service)
    case.lasts(when, after(when, 4 * 86400))


@trap("secret-made-again", span=2)
def secret_made_again(case):
    """A secret of the second account is deleted and made again under its name: another ARN, the same reader."""
    service = next(s for s in case.world.services if s.account == STAGE)
    item, when = service.items[0], case.when(10)
    run = ci("ci-platform", "run-7003", when, STAGE)
    case.trail.delete_secret(when, run, item.secret, force=True)
    item.gone_from = when
    again = Secret(
        item.name, account=STAGE, region=service.region, key=service.key, suffix=derive_hex(6, "again", item.name)
    )
    case.trail.create_secret(after(when, 900), run, again, tags={"Env": "stage", "Service": service.name})
    for n in range(10):
        later = after(when, 1000 + 3600 * n)
        case.trail.get_secret_value(later, task(service, n % service.tasks, later), again, ask="name")
    case.names(service, item)
    case.may = ["secret-deleted"]  # it was deleted, after all


@trap("planned-migration", small=True)
def planned_migration(case):
    """A migration that the policy announces: the pipeline reads everything within ten minutes."""
    when = case.when(20)
    run = ci("ci-migration", "run-7004", when)
    for n, item in enumerate(
        [i for i in case.world.items if i.service.place == (PROD, WEST) and i.service.tasks and not i.gone_from][:40]
    ):
        case.trail.get_secret_value(after(when, 14 * n), run, item.secret, ask="arn")
    _window(case, role_arn("ci-migration"), when, 3, "CHG-2201: copy of all secrets to the new vault")
    case.names(run)
    case.may = ["*"]


@trap("planned-key-retirement")
def planned_retirement(case):
    """A key that nothing uses is disabled and scheduled for deletion, as announced."""
    when, key = case.when(10), key_arn("retired", PROD, WEST)
    case.trail.key_switch(when, admin(when), "DisableKey", key)
    case.trail.schedule_key_deletion(after(when, 60), admin(when), key, days=30)
    _window(case, ADMIN, when, 0.5, "CHG-2202: the old vault's key goes")
    case.names(key, others=[key.split("/")[-1]])
    case.may = ["*"]


@trap("rotation-off-and-on")
def off_and_on(case):
    """A rotation is turned off for a database's maintenance and on again twenty minutes later, as announced."""
    item, when = case.world.take(lambda i: i.is_declared and i.rotates and not i.replicas), case.when(20)
    case.trail.cancel_rotate_secret(when, admin(when), item.secret)
    case.trail.rotate_secret(
        after(when, 1200),
        admin(when),
        item.secret,
        str(derive("on again", item.name)),
        after_days=26,
        immediately=False,
    )
    _window(case, ADMIN, when, 0.6, "CHG-2203: maintenance of a database")
    case.names(item)
    case.may = ["*"]


@trap("colleague-in-berlin", small=True, want=working)
def in_berlin(case):
    """A colleague in Berlin reads at ten in the morning there: the middle of the night at headquarters."""
    when, item = case.when(10, zone=BERLIN), case.roll.choice(case.world.tools)
    case.trail.get_secret_value(when, engineer("greta.harsch", when), item.secret)
    case.names(engineer("greta.harsch", when), item)
    case.needs_all = True


@trap("staying-late", want=working)
def staying_late(case):
    """Somebody stays until half past six."""
    item, when = case.roll.choice(case.world.tools), case.when(18.1)
    case.trail.get_secret_value(when, engineer("ada.thaw", when), item.secret)
    case.names(engineer("ada.thaw", when), item)
    case.needs_all = True


@trap("looking-at-night", want=weekend)
def looking(case):
    """The person on call looks around in a night of a weekend, and reads nothing."""
    when = case.when(3.2)
    case.trail.list_secrets(when, on_call("maria.frost", when))
    for n, item in enumerate(case.world.items[:9]):
        case.trail.describe_secret(after(when, 20 + 4 * n), on_call("maria.frost", when), item.secret)
    case.names(on_call("maria.frost", when))


@trap("break-glass-at-night", want=weekend)
def glass_at_night(case):
    """The person on call breaks the glass at night: declared, with MFA; a report is right, an alarm is not."""
    item, when = case.world.take(lambda i: i.is_declared and not i.has_endpoints), case.when(3.5)
    case.trail.get_secret_value(when, on_call("maria.frost", when), item.secret)
    case.names(on_call("maria.frost", when), item)
    case.needs_all = True


@trap("throttled-plan", small=True, want=working)
def throttled_plan(case):
    """A terraform plan runs into a throttle: metadata and parameters, no value of a secret."""
    when = case.when(15)
    run = ci("ci-terraform", "plan-extra", when)
    for second in range(40):
        error = (
            {"errorCode": "ThrottlingException", "errorMessage": "Rate exceeded", "requestParameters": None}
            if second % 3
            else {}
        )
        made = case.trail.get_parameters(after(when, second // 3), run, [f"/flags/{second}"], decrypt=False, **error)[0]
        if error:
            made.pop("resources")
    case.names(run)


@trap("misspelt", small=True)
def misspelt(case):
    """CI asks for a secret that does not exist, eight times."""
    when = case.when(12)
    run = ci("ci-blizzard-checkout", "run-7005", when)
    for n in range(8):
        case.trail.get_secret_value(after(when, 30 * n), run, Secret("prod/blizzard-chekout/db"), outcome="not_found")
    case.names(run, "prod/blizzard-chekout/db")


@trap("permission-forgotten", want=working)
def forgotten(case):
    """A release lacks a permission on a secret of its own: two tasks are refused, and it is taken back."""
    item, when = case.world.take(lambda i: i.is_declared), case.when(11)
    for n in range(2):
        case.trail.get_secret_value(
            after(when, 60 * n), task(item.service, 60 + n, when), item.secret, outcome="denied"
        )
    case.names(item.service, item)
    case.needs_all = True


@trap("failed-then-healed", small=True)
def healed(case):
    """A rotation fails because the database restarts, and succeeds four minutes later."""
    item = case.world.take(
        lambda i: (
            i.is_declared
            and i.rotates
            and not i.replicas
            and not set(range(case.number - 1, case.number + 2)) & set(i.rotation_days)
        )
    )
    rotate(case.world, case.trail, item, case.when(2), fail_at="setSecret")
    rotate(case.world, case.trail, item, after(case.when(2), 240))
    case.names(item)


@trap("rotated-by-hand")
def by_hand(case):
    """The admin starts a rotation by hand, in the hours that the contract gives it."""
    item = case.world.take(
        lambda i: (
            i.is_declared
            and i.rotates
            and not i.replicas
            and not set(range(case.number - 1, case.number + 2)) & set(i.rotation_days)
        )
    )
    when = case.when(2.5)
    rotate(case.world, case.trail, item, when, by=admin(when))
    case.names(item)


@trap("old-version-for-a-minute")
def old_for_a_minute(case):
    """Two minutes after a rotation a pool still asks for the version before, once."""
    item = case.world.take(
        lambda i: (
            i.is_declared
            and i.rotates
            and not i.replicas
            and not set(range(case.number - 1, case.number + 2)) & set(i.rotation_days)
        )
    )
    old, when = item.secret.version_at(case.when(0)), case.when(3)
    rotate(case.world, case.trail, item, when)
    later = after(when, 130)
    case.trail.get_secret_value(later, task(item.service, 0, later), item.secret, ask=item.service.ask, version_id=old)
    case.names(item)


@trap("replicated-as-declared")
def replicated(case):
    """The admin replicates a secret to the region that its contract names; what KMS logs is a copy, no read."""
    item, when = case.world.take(lambda i: i.is_declared and not i.replicas), case.when(11)
    item.replicas = [EAST]
    case.trail.replicate(when, admin(when), item.secret, [EAST])
    case.names(item)


@trap("policy-tightened")
def tightened(case):
    """A resource policy that names one role of the own account, with a condition."""
    item, when = case.world.take(lambda i: i.is_declared), case.when(14)
    policy = secret_policy(
        {"AWS": item.service.role_arn}, {"StringEquals": {"aws:SourceVpce": ENDPOINTS[(PROD, WEST)]}}
    )
    case.trail.put_resource_policy(when, admin(when), item.secret, policy, block_public=True)
    case.names(item)


@trap("trail-cared-for", small=True)
def cared_for(case):
    """The trail is made to see more, and looked at."""
    when = case.when(14)
    case.trail.update_trail(when, admin(when), {"isMultiRegionTrail": True, "enableLogFileValidation": True})
    case.trail.put_event_selectors(after(when, 60), admin(when), basic=[basic_selector()])
    case.names("snowy-trail")


@trap("another-bucket", small=True)
def another_bucket(case):
    """Other people's bucket, queue, rule and service: lifecycle, purge, disable, scaled to zero."""
    when = case.when(13)
    who, at = ci("ci-drift-auth", "run-7006", when), iter(range(0, 400, 40))
    rule = {"ID": "tidy", "Status": "Enabled", "Prefix": "tmp/", "Expiration": {"Days": 1}}
    for source, name, params in (
        (
            "s3",
            "PutBucketLifecycle",
            {"bucketName": "render-cache", "lifecycle": "", "LifecycleConfiguration": {"Rule": rule}},
        ),
        ("sqs", "PurgeQueue", {"queueUrl": f"https://sqs.{WEST}.amazonaws.com/{PROD}/render-jobs"}),
        ("events", "DisableRule", {"name": "nightly-render"}),
        ("ecs", "UpdateService", {"cluster": "render", "service": "preview", "desiredCount": 0}),
    ):
        case.trail.other(after(when, next(at)), who, f"{source}.amazonaws.com", name, params, read_only=False)
    case.names(who, others=["render-cache", "render-jobs", "nightly-render"])


@trap("value-by-hand")
def value_by_hand(case):
    """The admin writes a new value of a key that has no rotation function."""
    item, when = case.world.take(lambda i: i.is_declared and not i.rotates), case.when(11)
    case.trail.put_secret_value(when, admin(when), item.secret, str(derive("hand", item.name)))
    case.names(item)


@trap("key-rotated")
def key_rotated(case):
    """A key's yearly rotation, by schedule; rotation is turned on for another key."""
    service, when = case.world.take().service, case.when(6)
    case.trail.rotate_key(when, service.key)
    case.trail.key_switch(after(when, 4000), admin(when), "EnableKeyRotation", key_arn("volumes", PROD, WEST))
    case.names(service.key, key_arn("volumes", PROD, WEST))


@trap("second-region-first-time")
def second_region(case):
    """A service reads its declared replica for the first time in an exercise of a failover, every task at once."""
    item, when = case.world.take(lambda i: i.is_declared and i.replicas), case.when(10)
    for n in range(item.service.tasks * 2):
        later = after(when, 31 * n)
        case.trail.get_secret_value(
            later, task(item.service, 70 + n, later, EAST), item.secret.replica(EAST), ask="arn"
        )
    case.names(item.service, item)
    case.needs_all = True
