"""Care: rotations with their designed errors, creations, keys, the trail's own noise, and what is out of scope."""

from datetime import timedelta

from callers import admin, ci, rotation_worker, task
from clock import WEST_COAST, dice, is_working_day
from life_services import hours_of
from records import (
    AGENT_LAMBDA,
    Secret,
    Trail,
    after,
    assumed_role,
    aws_service,
    basic_selector,
    derive,
    key_arn,
    role_arn,
    stamp,
)
from world import BUCKET, CLUSTER, ENDPOINTS, KINDS, OWN_SERVICE, PLACES, PROD, STAGE, TRAIL_KEY, WEST, World


def plan_rotations(world: World):
    """On which days each secret gets a new value: a little more often than its contract wants."""
    for item in world.items:
        roll = dice("rotations", world.seed, item.name)
        every = KINDS[item.kind][1]
        first = roll.randrange(1, every)
        item.rotation_days = list(range(first, world.clock.days, every)) if item.service.tasks else []
        item.rotation_hour = 1.25 + roll.random() * 3
    # Neighbours in one database are rotated on different days, as people learn to.
    users = [i for i in world.items if i.service.name == "winterday-db" and i.rotates]
    for n, item in enumerate(users):
        item.rotation_days = list(range(1 + 2 * n, world.clock.days, 26))


def rotations(world: World, number: int) -> list:
    """Healthy rotations at night; values of keys without a rotation function are written by the admin, by day."""
    trail = Trail(f"organization/{world.seed}/rotations/{number}")
    for item in world.items:
        if number not in item.rotation_days or item.gone_from or (item.rotation_off_from is not None):
            continue
        start = WEST_COAST.utc(world.clock.day(number), item.rotation_hour)
        if not item.rotates:
            start += timedelta(hours=9)
            trail.put_secret_value(
                start, admin(start, item.service.account), item.secret, str(derive("by hand", item.name, stamp(start)))
            )
            continue
        rotate(world, trail, item, start)
    return trail.records


def rotate(world: World, trail: Trail, item, start, **how) -> list:
    """One rotation by the account's function; replicas follow. One database's users go through a master."""
    began = len(trail.records)
    worker = rotation_worker(item.service, start)
    first = dice("first", world.seed, item.name).random() < 0.2 and len(item.secret.versions) == 1
    trail.rotation(start, item.secret, worker, first=first, **how)
    if item.service.name == "winterday-db":
        trail.get_secret_value(after(start, 6), worker, world.master.secret, ask="arn")
    for region in item.replicas:
        trail.service_event(after(start, 17), "ReplicationStarted", item.secret.replica(region))
        trail.service_event(after(start, 19), "ReplicationSucceeded", item.secret.replica(region))
    return trail.records[began:]


def managed_rotations(world: World, number: int) -> list:
    """Secrets of a managed database: no function, service events alone."""
    trail = Trail(f"organization/{world.seed}/managed/{number}")
    if number % 7 == 2:
        owned = Secret(f"rds!cluster-{derive('cluster', str(world.seed))}", key=key_arn("rds", PROD, WEST))
        when = WEST_COAST.utc(world.clock.day(number), 4.5)
        trail.service_event(when, "RotationStarted", owned, token=str(derive("managed", stamp(when))))
        trail.service_event(after(when, 21), "RotationSucceeded", owned, token=str(derive("managed", stamp(when))))
    return trail.records


def beginnings(world: World, number: int) -> list:
    """On the first day: aliases, policies of keys, schedules, tags, the trail's settings; the lake must learn them."""
    trail = Trail(f"organization/{world.seed}/beginnings/{number}")
    if number != 0:
        return trail.records
    when = WEST_COAST.utc(world.clock.day(0), 9)
    trail.create_trail(when, admin(when), bucket=BUCKET)
    trail.put_event_selectors(after(when, 30), admin(when), basic=[basic_selector()])
    for n, service in enumerate(world.services):
        if service.account == PROD and service.region == WEST:
            at = after(when, 60 + 5 * n)
            trail.kms(
                at,
                admin(at),
                "CreateAlias",
                service.key,
                {"aliasName": f"alias/{service.name}", "targetKeyId": service.key},
                resources=alias_resources(service.key, service.name),
            )
            trail.put_key_policy(after(at, 2), admin(at), service.key, key_policy({"AWS": service.role_arn}))
        for item in service.items:
            if item.is_scheduled:
                _set_schedule(trail, item, after(when, 700 + 11 * n))
            if item.service.account == STAGE:
                trail.tag_resource(
                    after(when, 300 + n), admin(when, STAGE), item.secret, {"Env": "stage", "Service": service.name}
                )
    return trail.records


def _set_schedule(trail, item, when):
    """RotateSecret with a schedule and no rotation now: Secrets Manager tries the function."""
    own = f"arn:aws:lambda:{item.service.region}:{item.service.account}:function:Snowy-Rotation"
    token = str(derive("schedule", item.name))
    trail.rotate_secret(
        when,
        admin(when, item.service.account),
        item.secret,
        token,
        lambda_arn=own,
        after_days=KINDS[item.kind][0],
        immediately=False,
    )
    for second, name in ((1, "TestRotationStarted"), (9, "TestRotationSucceeded")):
        trail.service_event(after(when, second), name, item.secret, token=token)


def key_policy(principal, condition: dict | None = None) -> dict:
    """A key policy: the account as owner, and one more who may decrypt."""
    owner = {
        "Sid": "owner",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{PROD}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    more = {"Sid": "use", "Effect": "Allow", "Principal": principal, "Action": "kms:Decrypt", "Resource": "*"}
    if condition:
        more["Condition"] = condition
    return {"Version": "2012-10-17", "Statement": [owner, more]}


def alias_resources(key: str, alias: str) -> list:
    """`resources` of an alias call: alias and key, both typed as keys."""
    base = key.rsplit(":key/", 1)[0]
    account = key.split(":")[4]
    return [
        {"accountId": account, "type": "AWS::KMS::Key", "ARN": f"{base}:alias/{alias}"},
        {"accountId": account, "type": "AWS::KMS::Key", "ARN": key},
    ]


def previews(world: World, number: int) -> list:
    """Preview environments: a secret is born, read for a day, deleted, and asked for once too often."""
    trail = Trail(f"organization/{world.seed}/previews/{number}")
    if not is_working_day(world.clock.day(number)) or number % 3 or number > world.clock.days - 3:
        return trail.records
    name = f"stage/preview-{400 + number}/db"
    preview, start = Secret(name, account=STAGE), WEST_COAST.utc(world.clock.day(number), 13)
    run = ci("ci-preview", f"pr-{400 + number}", start, STAGE)
    pod = assumed_role(
        "Stage-Preview-TaskRole", f"preview-{400 + number}", account=STAGE, created=start, ip="10.40.2.9"
    )
    trail.create_secret(start, run, preview, tags={"Env": "preview"})
    for hour in (0.2, 5, 9):
        trail.get_secret_value(start + timedelta(hours=hour), pod, preview, ask="arn")
    trail.delete_secret(start + timedelta(hours=20), run, preview, window_days=7)
    trail.get_secret_value(start + timedelta(hours=20.5), pod, preview, ask="arn", outcome="deleted")
    return trail.records


def keys(world: World, number: int) -> list:
    """Keys rotate by schedule; AWS services get grants; a data job re-encrypts a little every night."""
    trail = Trail(f"organization/{world.seed}/keys/{number}")
    day = world.clock.day(number)
    service = world.services[number % len(world.services)]
    if number % 5 == 1:
        trail.rotate_key(WEST_COAST.utc(day, 5), service.key)
    if number % 2 == 0:
        when = WEST_COAST.utc(day, 7.4)
        key = key_arn("volumes", PROD, WEST)
        scaling = aws_service("autoscaling.amazonaws.com")
        trail.create_grant(
            when,
            scaling,
            key,
            role_arn("AWSServiceRoleForAutoScaling", PROD, "/aws-service-role/autoscaling.amazonaws.com/"),
            ["Decrypt", "GenerateDataKeyWithoutPlaintext", "CreateGrant"],
        )
    when = WEST_COAST.utc(day, 1.5)
    exporter = assumed_role("Powder-Export-Role", "export", created=when, ip="10.20.7.44", agent=AGENT_LAMBDA)
    for n in range(3):
        re_encrypt(trail, after(when, 30 * n), exporter, key_arn("exports", PROD, WEST), key_arn("archive", PROD, WEST))
    for hour in hours_of(world, number):
        for n in range(6):
            trail.kms_decrypt(
                after(hour, 540 * n + 17),
                exporter.but(),
                key_arn("exports", PROD, WEST),
                {"purpose": "export", "part": str(n)},
            )
    return trail.records


def re_encrypt(trail: Trail, when, caller, source: str, destination: str, context: dict | None = None) -> dict:
    """ReEncrypt: `resources` holds the source, then the destination."""
    context = context or {"purpose": "export"}
    params = {
        "sourceEncryptionContext": context,
        "destinationEncryptionContext": context,
        "destinationKeyId": destination,
        "sourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        "destinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
    }
    account = source.split(":")[4]
    resources = [{"accountId": key.split(":")[4], "type": "AWS::KMS::Key", "ARN": key} for key in (source, destination)]
    return trail.kms(when, caller, "ReEncrypt", source, params, resources=resources, recipientAccountId=account)


def background(world: World, number: int) -> list:
    """The trail's own keys, sessions of roles, the pipeline's deploys, and calls that no watcher needs."""
    trail = Trail(f"organization/{world.seed}/background/{number}")
    for hour in hours_of(world, number):
        roll = dice("background", world.seed, stamp(hour))
        for account, region in PLACES:
            for quarter in range(0, 60, 20):
                trail.log_file_key(
                    after(hour, quarter * 60 + 41),
                    key_arn(TRAIL_KEY, account, region),
                    BUCKET,
                    account=account,
                    region=region,
                )
            monitor = assumed_role(
                "Frost-Monitor-Role",
                "monitor",
                account=account,
                created=hour,
                ip="10.20.8.8",
                agent=AGENT_LAMBDA,
                vpc_endpoint=ENDPOINTS[(account, region)],
            )
            where = {"account": account, "region": region}
            at = after(hour, 100 + roll.randrange(900))
            trail.assume_role(
                at, aws_service("lambda.amazonaws.com"), role_arn("Frost-Monitor-Role", account), "monitor", **where
            )
            trail.list_secrets(after(at, 5), monitor, **where)
            trail.trail_call(after(at, 9), monitor, "GetTrailStatus", **where)
            trail.other(
                after(at, 3),
                monitor,
                "ec2.amazonaws.com",
                "DescribeInstances",
                {"maxResults": 1000, "filterSet": {}},
                **where,
            )
            if roll.random() < 0.2:
                trail.bucket_acl(after(at, 60), aws_service("cloudtrail.amazonaws.com"), BUCKET, **where)
        if hour.hour % 6 == 0:
            for service in world.services:
                at = after(hour, 660)
                session = task(service, 0, at).identity["principalId"].split(":")[1]
                trail.assume_role(
                    at,
                    aws_service("ecs-tasks.amazonaws.com"),
                    service.role_arn,
                    session,
                    account=service.account,
                    region=service.region,
                )
    if number % 7 == 3:
        when = WEST_COAST.utc(world.clock.day(number), 11)
        trail.lambda_decoy(when, admin(when), "snowy-audit-notes")
        trail.other(
            after(when, 30),
            ci("ci-snowtrail", f"run-{number}", when),
            "ecs.amazonaws.com",
            "UpdateService",
            {"cluster": CLUSTER, "service": OWN_SERVICE, "desiredCount": 2, "forceNewDeployment": True},
            read_only=False,
        )
    return trail.records


STRANDS = [managed_rotations, beginnings, previews, keys, background]
