"""Cases of the rules about rotation settings, writes outside a rotation, herds, and deadlines by type."""

from cast import *  # noqa: F403
from records import *  # noqa: F403

TOKEN = "6f0c1111-2222-4333-8444-555566667777"


def function(name, account=ACCOUNT):
    """The ARN of a Lambda function."""
    return f"arn:aws:lambda:us-west-2:{account}:function:{name}"


# ---- rotation-disabled -----------------------------------------------------------------------------------------------


def disabled(severity, **more):
    """One finding of rotation-disabled, at noon."""
    return {"findings": [("rotation-disabled", f"{HOME}|{NAME}|{NOON}", severity)], **{"tighten": {"min_rank": 4}, **more}}


@case
def rotation_disabled__fires_without_policy(t):
    """Turned off, and on again six hours later."""
    t.cancel_rotate_secret(NOON, STRANGER, db())
    t.rotate_secret("2026-11-03T18:00:00Z", admin(), db(), TOKEN, after_days=30, immediately=False)
    return disabled("medium", tighten={"restored_within": "7h", "min_rank": 2})


@case
def rotation_disabled__fires_high_against_the_contract(t):
    """The contract says how often it must rotate."""
    t.create_secret("2026-11-01T10:00:00Z", batch_job("deploy"), db())
    t.cancel_rotate_secret(NOON, batch_job("deploy"), db())
    return disabled("high", policy='[[secrets]]\nmatch = "prod/blizzard-checkout/*"\nrotate_every = "30d"\n')


@case
def rotation_disabled__fires_high_for_a_sensitive_secret(t):
    """Named by its ARN; even by the admin, because nobody is told otherwise."""
    t.cancel_rotate_secret(NOON, admin(), db(), ask="arn")
    return disabled("high", policy=CONTRACT)


@case
def rotation_disabled__fires_low_when_turned_on_again(t):
    """A tool changes the settings: off, and on again two minutes later."""
    t.cancel_rotate_secret(NOON, batch_job("deploy"), db())
    t.rotate_secret("2026-11-03T12:02:00Z", batch_job("deploy"), db(), TOKEN, after_days=30, immediately=False)
    return disabled("low", policy=SENSITIVE_DB, tighten={"min_rank": 2})


@case
def rotation_disabled__quiet_refused(t):
    """Differs in the outcome."""
    t.cancel_rotate_secret(NOON, STRANGER, db(), outcome="denied")
    return {"loosen": {"min_rank": 0}}


@case
def rotation_disabled__quiet_schedule_changed(t):
    """Differs in the call: a longer schedule is still a schedule."""
    t.rotate_secret(NOON, STRANGER, db(), TOKEN, after_days=90, immediately=False)
    return {}


# ---- rotation-lambda-swapped -----------------------------------------------------------------------------------------


def swapped(to, severity, **more):
    """One finding of rotation-lambda-swapped, at noon."""
    key = f"{HOME}|{NAME}|{to}|{NOON}"
    return {"findings": [("rotation-lambda-swapped", key, severity)], **{"tighten": {"min_rank": 5}, **more}}


def set_function(t, when, caller, to, **fields):
    """RotateSecret that names a function and starts nothing."""
    token = str(derive("settings", to, stamp(when)))
    return t.rotate_secret(when, caller, db(), token, lambda_arn=to, after_days=90, immediately=False, **fields)


@case
def rotation_lambda_swapped__fires_another_function(t):
    """Another function of the same account."""
    set_function(t, "2026-10-10T10:00:00Z", batch_job("deploy"), function("Snowy-Rotation"))
    set_function(t, NOON, STRANGER, function("tmp-helper"))
    return swapped(function("tmp-helper"), "high", tighten={"min_rank": 4})


@case
def rotation_lambda_swapped__fires_foreign_function(t):
    """A function of an account that nobody knows."""
    set_function(t, "2026-10-10T10:00:00Z", batch_job("deploy"), function("Snowy-Rotation"))
    set_function(t, NOON, STRANGER, function("rotate", OUTSIDE))
    return swapped(function("rotate", OUTSIDE), "critical", policy=ORGANIZATION)


@case
def rotation_lambda_swapped__fires_foreign_first_function(t):
    """The first function that the lake sees, and it is outside."""
    set_function(t, NOON, STRANGER, function("rotate", OUTSIDE))
    return swapped(function("rotate", OUTSIDE), "high", tighten={"min_rank": 4})


@case
def rotation_lambda_swapped__fires_medium_by_the_admin(t):
    """The admin that the contract names."""
    set_function(t, "2026-10-10T10:00:00Z", admin(), function("Snowy-Rotation"))
    set_function(t, NOON, admin(), function("Snowy-Rotation-2"))
    return swapped(function("Snowy-Rotation-2"), "medium", policy=CONTRACT, tighten={"min_rank": 3})


@case
def rotation_lambda_swapped__quiet_another_version(t):
    """Differs in the function: the same, by another alias."""
    set_function(t, "2026-10-10T10:00:00Z", batch_job("deploy"), function("Snowy-Rotation") + ":blue")
    set_function(t, NOON, STRANGER, function("Snowy-Rotation") + ":green")
    return {"loosen": {"min_rank": 1}}


@case
def rotation_lambda_swapped__quiet_same_again(t):
    """Differs in the function: the same. In between a swap failed."""
    set_function(t, "2026-10-10T10:00:00Z", batch_job("deploy"), function("Snowy-Rotation"))
    failed = set_function(t, "2026-10-11T10:00:00Z", STRANGER, function("tmp-helper"))
    failed.update(errorCode="InvalidRequestException", errorMessage="Secrets Manager can't find the function", responseElements=None)
    set_function(t, NOON, STRANGER, function("Snowy-Rotation"))
    return {"loosen": {"min_rank": 0}}


@case
def rotation_lambda_swapped__quiet_first_in_a_central_account(t):
    """Differs from the foreign first function in the account: one of the organization's."""
    set_function(t, NOON, STRANGER, function("rotate", SECOND))
    return {"policy": ORGANIZATION, "loosen": {"min_rank": 0}}


# ---- secret-written-outside-rotation ---------------------------------------------------------------------------------


def written(by, severity, **more):
    """One finding of secret-written-outside-rotation, on the third of November."""
    key = f"{HOME}|{NAME}|{by}|2026-11-03T00:00:00Z"
    return {"findings": [("secret-written-outside-rotation", key, severity)], **{"tighten": {"min_writes": 9}, **more}}


def with_a_rotation(t, secret):
    """Its rotator was seen at work, so that the contract's word counts."""
    t.rotation("2026-11-01T10:00:00Z", secret, rotator())
    return secret


@case
def secret_written_outside_rotation__fires_put(t):
    """A job of another team sets a new value."""
    secret = with_a_rotation(t, db())
    t.put_secret_value(NOON, batch_job(), secret, TOKEN)
    return written(BATCH_ARN, "high", policy=CONTRACT)


@case
def secret_written_outside_rotation__fires_update_with_a_value(t):
    """UpdateSecret; that there was a value is known from its data key. The contract calls the secret insensitive."""
    secret = with_a_rotation(t, db())
    update = t.update_secret(NOON, batch_job(), secret)
    update[0]["requestParameters"]["clientRequestToken"] = TOKEN
    t.secret_data_key(NOON, batch_job(), secret, TOKEN)
    return written(BATCH_ARN, "low", policy=CONTRACT.replace("critical", "low"))


@case
def secret_written_outside_rotation__fires_label_moved_back(t):
    """AWSCURRENT goes back to the version that was rotated away: two moves on one day are one finding."""
    secret = with_a_rotation(t, db())
    old, new = secret.versions[0][1], secret.versions[1][1]
    for when in (NOON, "2026-11-03T12:10:00Z"):
        t.update_secret_version_stage(when, batch_job(), secret, old, new)
    return written(BATCH_ARN, "medium", policy=CONTRACT.replace('sensitivity = "critical"\n', ""))


@case
def secret_written_outside_rotation__fires_low_by_habit_alone(t):
    """No policy: a secret that is rotated, and somebody who never wrote it."""
    secret = db()
    t.create_secret("2026-10-10T10:00:00Z", batch_job("deploy"), secret)
    t.rotation("2026-10-20T10:00:00Z", secret, rotator())
    t.put_secret_value(NOON, STRANGER, secret, TOKEN)
    return written(STRANGER.arn, "low", tighten={"memory": "30d"})


@case
def secret_written_outside_rotation__quiet_in_a_rotation(t):
    """Differs in the version: the rotation's own, by a function that the contract does not name."""
    secret = with_a_rotation(t, db())
    t.rotation(NOON, secret, rotator("Snowy-Rotation-Role-2", "Snowy-Rotation-2"))
    return {"policy": f'[[secrets]]\nmatch = "prod/blizzard-checkout/*"\nrotators = ["{ROTATOR_ARN}"]\n'}


@case
def secret_written_outside_rotation__quiet_by_the_admin(t):
    """Differs in who writes."""
    secret = with_a_rotation(t, db())
    t.put_secret_value(NOON, admin(), secret, TOKEN)
    return {"policy": CONTRACT}


@case
def secret_written_outside_rotation__quiet_description_only(t):
    """Differs in what is updated: a description; the token that every tool sends along proves nothing."""
    secret = with_a_rotation(t, db())
    update = t.update_secret(NOON, batch_job(), secret, description="checkout")
    update[0]["requestParameters"]["clientRequestToken"] = TOKEN
    return {"policy": CONTRACT}


@case
def secret_written_outside_rotation__quiet_filled_by_its_creator(t):
    """Differs in the secret: it was born a minute ago, and whoever made it fills it."""
    secret = db()
    t.create_secret("2026-11-03T11:59:00Z", batch_job("deploy"), secret)
    t.put_secret_value(NOON, batch_job("deploy"), secret, TOKEN)
    t.rotation("2026-11-04T10:00:00Z", secret, rotator())
    return {"policy": CONTRACT, "loosen": {"setting_up": "10s"}}


@case
def secret_written_outside_rotation__quiet_lake_too_young(t):
    """Differs from habit alone in the lake's age: four days old, it knows nobody yet."""
    secret = db()
    t.rotation("2026-10-30T10:00:00Z", secret, rotator())
    t.put_secret_value(NOON, STRANGER, secret, TOKEN)
    return {"loosen": {"memory": "2d"}}


@case
def secret_written_outside_rotation__quiet_known_writer(t):
    """Differs from habit alone in the writer: who wrote it before, and created it."""
    secret = db()
    t.create_secret("2026-10-10T10:00:00Z", batch_job("deploy"), secret)
    t.rotation("2026-10-20T10:00:00Z", secret, rotator())
    t.put_secret_value(NOON, batch_job("deploy-9"), secret, TOKEN)
    return {}


# ---- rotation-herd ---------------------------------------------------------------------------------------------------


def herd(t, names, seconds=40):
    """Rotations that begin one after the other."""
    for n, name in enumerate(names):
        t.rotation(after(NOON, seconds * n), Secret(name), rotator())


ORDERS = [f"prod/orders-db/user-{n}" for n in range(1, 6)]


@case
def rotation_herd__fires_five_of_one_family(t):
    """Five users of one database within three minutes."""
    herd(t, ORDERS)
    return {"findings": [("rotation-herd", f"{HOME}|prod/orders-db/|{NOON}", "low")], "tighten": {"min_secrets": 6}}


@case
def rotation_herd__quiet_four(t):
    """Differs in number."""
    herd(t, ORDERS[:4])
    return {"loosen": {"min_secrets": 4}}


@case
def rotation_herd__quiet_an_hour_apart(t):
    """Differs in the pauses."""
    herd(t, ORDERS, seconds=3600)
    return {"loosen": {"apart": "2h"}}


@case
def rotation_herd__quiet_of_different_families(t):
    """Differs in the paths."""
    herd(t, [f"prod/team-{n}/db" for n in range(1, 6)])
    return {}


# ---- rotation-overdue, by type ---------------------------------------------------------------------------------------


def of_type(kind, more=""):
    """A contract that only says what kind of secret it is."""
    return f'[[secrets]]\nmatch = "prod/blizzard-checkout/*"\ntype = "{kind}"\n{more}'


def overdue(due, **more):
    """One finding of rotation-overdue by type."""
    return {"findings": [("rotation-overdue", f"{HOME}|{NAME}|{due}", "low")], **more}


@case
def rotation_overdue__fires_against_the_type(t):
    """An API token that is older than 14 days; a schedule that cannot be read stops no clock."""
    t.create_secret("2026-10-01T10:00:00Z", batch_job("deploy"), db())
    t.rotate_secret("2026-10-03T10:00:00Z", batch_job("deploy"), db(), TOKEN, schedule="cron(0 10 1 * ? *)", immediately=False)
    return overdue("2026-10-15T10:00:00Z", policy=of_type("api-token", 'sensitivity = "high"\n'), now="2026-10-18T10:00:00Z",
                   tighten={"api_token_every": "20d"})


@case
def rotation_overdue__fires_against_the_type_of_a_shared_key(t):
    """A key that two parties hold has sixty days."""
    t.create_secret("2026-08-01T10:00:00Z", batch_job("deploy"), db())
    return overdue("2026-09-30T10:00:00Z", policy=of_type("shared-key"), now="2026-10-03T10:00:00Z", tighten={"shared_key_every": "90d"})


@case
def rotation_overdue__quiet_declared_longer_than_the_type(t):
    """Differs in the contract: it says ninety days itself."""
    t.create_secret("2026-10-01T10:00:00Z", batch_job("deploy"), db())
    return {"policy": of_type("api-token", 'rotate_every = "90d"\n'), "now": "2026-10-18T10:00:00Z"}


@case
def rotation_overdue__quiet_scheduled_longer_than_the_type(t):
    """Differs in the schedule: somebody set one of forty days on purpose."""
    t.create_secret("2026-10-01T10:00:00Z", batch_job("deploy"), db())
    t.rotate_secret("2026-10-01T10:05:00Z", batch_job("deploy"), db(), TOKEN, after_days=40, immediately=False)
    return {"policy": of_type("database"), "now": "2026-11-05T10:00:00Z"}


@case
def rotation_overdue__quiet_database_within_thirty_days(t):
    """Differs in the type: a database has thirty days."""
    t.create_secret("2026-10-01T10:00:00Z", batch_job("deploy"), db())
    return {"policy": of_type("database"), "now": "2026-10-18T10:00:00Z", "loosen": {"database_every": "7d"}}
