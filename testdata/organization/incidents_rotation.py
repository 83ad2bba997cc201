"""Incidents of rotation, of a secret's life, and of policies, each loud and quiet."""

from datetime import timedelta

from callers import admin, engineer
from calls_more import secret_policy, stop_replication
from cases import Case, incident
from life_care import rotate
from records import after, derive, key_arn, role_arn
from world import EAST, PROD, STAGE, WEST

STRANGE_REGION = "ap-southeast-2"


def _rotated(case: Case, want=lambda item: True):
    """A declared secret with a schedule, none of whose own rotations is near."""
    near = range(case.number - 2, case.number + 3)
    return case.world.take(
        lambda i: i.is_declared and i.rotates and not i.replicas and want(i) and not set(near) & set(i.rotation_days)
    )


@incident("rotation-failed", "loud", small=True)
def failed_loud(case):
    """The database refuses the new password, three times in a night."""
    item = _rotated(case, lambda i: i.sensitivity != "low")
    for n in range(3):
        rotate(case.world, case.trail, item, after(case.when(2), 5400 * n), fail_at="setSecret")
    case.names(item)


@incident("rotation-failed", "quiet")
def failed_quiet(case):
    """One rotation fails in its last step, and nobody tries again."""
    item = _rotated(case)
    rotate(case.world, case.trail, item, case.when(2), fail_at="finishSecret")
    case.names(item)


@incident("rotation-stuck", "loud", small=True)
def stuck_loud(case):
    """A rotation sets the new password and is never heard of again."""
    _stuck(case, "setSecret")


@incident("rotation-stuck", "quiet")
def stuck_quiet(case):
    """A rotation starts, and its function never does."""
    _stuck(case, "RotationStarted")


def _stuck(case, step):
    item = _rotated(case)
    rotate(case.world, case.trail, item, case.when(2), stop_after=step)
    item.rotation_days = []
    case.names(item)
    case.lasts(case.when(2), after(case.when(2), 86400))


@incident("rotation-abandoned", "loud")
def abandoned_loud(case):
    """Somebody writes a value by hand while a rotation runs; the rotation is abandoned."""
    item = _rotated(case)
    when = case.when(2)
    person = engineer("otto.sleet", when)
    case.trail.put_secret_value(after(when, 8), person, item.secret, str(derive("meddled", item.name)))
    rotate(case.world, case.trail, item, when, abandoned=True)
    case.names(item)


@incident("rotation-abandoned", "quiet")
def abandoned_quiet(case):
    """A rotation is abandoned, and the trail does not say why."""
    item = _rotated(case)
    rotate(case.world, case.trail, item, case.when(3), abandoned=True)
    case.names(item)


def _overdue(case, want, days):
    item = case.world.take(want)
    item.rotation_days, item.rotates = [], False
    first = case.world.clock.begin
    case.names(item)
    case.is_absence = True
    case.lasts(first + timedelta(days=days - 1), case.world.clock.end)
    return item


@incident("rotation-overdue", "loud", day=0)
def overdue_loud(case):
    """The contract wants a new value every thirty days; none comes in forty-five."""
    _overdue(case, lambda i: i.is_declared and i.kind == "database" and i.service.name != "winterday-db", 30)


@incident("rotation-overdue", "quiet", day=0)
def overdue_quiet(case):
    """The contract names no period, only that it is a public API's token; its value never changes."""
    _overdue(case, lambda i: i.is_declared and i.kind == "api-token", 13).cadence = False


@incident("rotation-disabled", "loud", small=True)
def disabled_loud(case):
    """A function's role turns a secret's rotation off."""
    item, role = _rotated(case), case.world.take_function()
    when = case.when(23)
    case.trail.cancel_rotate_secret(when, role.caller(when, ip="203.0.113.66"), item.secret)
    item.rotation_off_from = when
    case.names(item)


@incident("rotation-disabled", "quiet")
def disabled_quiet(case):
    """The admin turns a secret's rotation off and forgets it."""
    item, when = _rotated(case), case.when(11)
    case.trail.cancel_rotate_secret(when, admin(when), item.secret, ask="arn")
    item.rotation_off_from = when
    case.names(item)


@incident("lambda-swapped", "loud")
def lambda_loud(case):
    """A secret's rotation is handed to a function of a foreign account."""
    _lambda(case, "999988887777", "rotate")


@incident("lambda-swapped", "quiet")
def lambda_quiet(case):
    """A secret's rotation is handed to another function of the same account."""
    _lambda(case, PROD, "Snowy-Rotation-2")


def _lambda(case, account, function):
    item, when = _rotated(case, lambda i: i.is_scheduled), case.when(10)
    case.trail.rotate_secret(
        when,
        admin(when),
        item.secret,
        str(derive("swap", item.name)),
        after_days=26,
        immediately=False,
        lambda_arn=f"arn:aws:lambda:{WEST}:{account}:function:{function}",
    )
    case.names(item)


@incident("written-outside-rotation", "loud", small=True)
def written_loud(case):
    """Another team's role writes a new value of a secret."""
    item, role = _rotated(case), case.world.take_function()
    when = case.when(22)
    case.trail.put_secret_value(
        when, role.caller(when, ip="203.0.113.66"), item.secret, str(derive("forged", item.name))
    )
    case.names(item)


@incident("written-outside-rotation", "quiet")
def written_quiet(case):
    """A person moves the label of a secret back to the value before."""
    item, when = _rotated(case), case.when(14)
    current = item.secret.version_at(when)
    case.trail.update_secret_version_stage(
        when, engineer("lena.hoar", when), item.secret, str(derive("previous", current)), current
    )
    case.names(item)


@incident("rotation-herd", "loud")
def herd_loud(case):
    """Nine users of one database are rotated within a minute."""
    _herd(case, 9, 6, 2)


@incident("rotation-herd", "quiet")
def herd_quiet(case):
    """Five users of one database are rotated within six minutes."""
    _herd(case, 5, 70, 4)


def _herd(case, count, pace, hour):
    items = [
        i
        for i in case.world.items
        if i.service.name == "winterday-db" and i is not case.world.master and i.gone_from is None
    ]
    for n, item in enumerate(items[:count]):
        rotate(case.world, case.trail, item, after(case.when(hour), pace * n))
        case.names(item)


@incident("rotation-in-quiet-hours", "loud")
def quiet_hours_loud(case):
    """A rotation at lunch time, though the contract gives it a few hours of the night."""
    _quiet_hours(case, 12.5)


@incident("rotation-in-quiet-hours", "quiet")
def quiet_hours_quiet(case):
    """A rotation an hour after the hours that the contract gives it."""
    _quiet_hours(case, 6.2)


def _quiet_hours(case, hour):
    item = _rotated(case)
    item.has_quiet_hours = True
    rotate(case.world, case.trail, item, case.when(hour))
    case.names(item)


@incident("secret-deleted", "loud", small=True)
def deleted_loud(case):
    """A secret in use is deleted without a way back."""
    _delete(case, True)


@incident("secret-deleted", "quiet")
def deleted_quiet(case):
    """The admin deletes a secret with the longest recovery window; its service stops reading it the same day."""
    _delete(case, False)


def _delete(case, force):
    item, when = case.world.take(lambda i: i.is_declared and not i.replicas), case.when(17)
    who = case.world.take_function().caller(when, ip="203.0.113.66") if force else admin(when)
    item.gone_from = when
    case.trail.delete_secret(when, who, item.secret, force=force)
    case.names(item)


@incident("secret-policy-widened", "loud", "public", small=True)
def public_loud(case):
    """A resource policy opens a secret to everybody."""
    _policy(case, secret_policy("*"))


@incident("secret-policy-widened", "loud", "external")
def external_loud(case):
    """A resource policy opens a secret to an account outside the organization."""
    _policy(case, secret_policy({"AWS": "arn:aws:iam::999988887777:root"}))


@incident("secret-policy-widened", "quiet", "condition")
def condition_quiet(case):
    """A resource policy loses the condition that kept it inside the organization."""
    reader = {"AWS": f"arn:aws:iam::{STAGE}:root"}
    condition = {"StringEquals": {"aws:PrincipalArn": role_arn("Stage-Report-Role", STAGE)}}
    item = _policy(case, secret_policy(reader, condition))
    when = after(case.when(13), 86400)
    case.on(1, lambda: case.trail.put_resource_policy(when, admin(when), item.secret, secret_policy(reader)))
    case.lasts(when, when)


@incident("secret-policy-widened", "quiet", "omitted")
def omitted_quiet(case):
    """A resource policy is put that the record leaves out, because it is too large."""
    item = _policy(case, secret_policy({"AWS": "arn:aws:iam::999988887777:root"}))
    case.trail.records[-1]["requestParameters"] = {"omitted": True}
    case.trail.records[-1]["responseElements"] = {"arn": item.secret.arn, "name": item.name}


def _policy(case, policy):
    item, when = case.world.take(lambda i: i.is_declared), case.when(13)
    case.trail.put_resource_policy(when, admin(when), item.secret, policy)
    case.names(item)
    return item


@incident("replica-unapproved", "loud")
def replicated_loud(case):
    """A secret is replicated to a region in which the organization has nothing."""
    _replicate(case, STRANGE_REGION)


@incident("replica-unapproved", "quiet")
def replicated_quiet(case):
    """A secret is replicated to a region of the organization that its contract does not name."""
    _replicate(case, EAST)


def _replicate(case, region):
    item, when = case.world.take(lambda i: i.is_declared and not i.replicas), case.when(15)
    case.trail.replicate(when, admin(when), item.secret, [region])
    case.names(item)


@incident("replica-detached", "loud")
def detached_loud(case):
    """A function's role makes a replica a secret of its own, which rotations no longer reach."""
    when = case.when(4)
    _detach(case, when, case.world.take_function().caller(when, ip="203.0.113.66"))


@incident("replica-detached", "quiet")
def detached_quiet(case):
    """The admin does so by day."""
    when = case.when(15)
    _detach(case, when, admin(when))


def _detach(case, when, who):
    item = case.world.take(lambda i: i.is_declared and i.replicas)
    stop_replication(case.trail, when, who, item.secret.replica(EAST))
    case.names(item)


@incident("secret-key-swapped", "loud")
def key_swapped_loud(case):
    """A secret is put under a key of a foreign account."""
    _swap(case, key_arn("theirs", "999988887777", WEST))


@incident("secret-key-swapped", "quiet")
def key_swapped_quiet(case):
    """A secret is put under another key of its own account."""
    _swap(case, key_arn("volumes", PROD, WEST))


def _swap(case, key):
    item, when = case.world.take(lambda i: i.is_declared), case.when(12)
    made = case.trail.update_secret(when, admin(when), item.secret, kms_key=key)
    for probe in made[1:]:
        probe["resources"] = [{"accountId": key.split(":")[4], "type": "AWS::KMS::Key", "ARN": key}]
        if "keyId" in (probe["requestParameters"] or {}):
            probe["requestParameters"]["keyId"] = key
    item.secret.key = key
    case.names(item)
