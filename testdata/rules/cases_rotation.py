"""Cases of the rules about rotations."""

from cast import *  # noqa: F403
from records import *  # noqa: F403

# ---- rotation-failed -----------------------------------------------------------------------------------------------


@case
def rotation_failed__fires_in_set_secret(t):
    """The database refused the new value."""
    t.rotation("2026-11-03T10:00:00Z", db(), rotator(), fail_at="setSecret")
    key = f"{HOME}|prod/blizzard-checkout/db|RotationFailed|2026-11-03T10:00:15Z"
    return {"findings": [("rotation-failed", key, "high")], "tighten": {"min_failures": 2}}


@case
def rotation_failed__fires_named_by_request_id_alone(t):
    """A failure without message, code and additionalEventData: the request id is all that names the secret."""
    event = t.service_event("2026-11-03T10:00:00Z", "RotationFailed", db(), token="6f0c1111-2222-4333-8444-555566667777")
    del event["additionalEventData"]
    key = f"{HOME}|prod/blizzard-checkout/db|RotationFailed|2026-11-03T10:00:00Z"
    return {"findings": [("rotation-failed", key, "high")], "tighten": {"min_failures": 2}}


@case
def rotation_failed__fires_medium_when_abandoned(t):
    """Somebody wrote a value in the middle."""
    t.rotation("2026-11-03T10:00:00Z", db(), rotator(), abandoned=True)
    key = f"{HOME}|prod/blizzard-checkout/db|RotationAbandoned|2026-11-03T10:00:15Z"
    return {"findings": [("rotation-failed", key, "medium")], "tighten": {"include_abandoned": False}}


@case
def rotation_failed__fires_low_when_repeated_at_once(t):
    """It failed, and the next attempt succeeded ten minutes later."""
    secret = db()
    t.rotation("2026-11-03T10:00:00Z", secret, rotator(), fail_at="testSecret")
    t.rotation("2026-11-03T10:10:00Z", secret, rotator())
    key = f"{HOME}|prod/blizzard-checkout/db|RotationFailed|2026-11-03T10:00:15Z"
    return {"findings": [("rotation-failed", key, "low")], "tighten": {"min_failures": 2}}


@case
def rotation_failed__quiet_test_failed(t):
    """Differs in the event: a test of the rotation function, with somebody watching."""
    token = "6f0c1111-2222-4333-8444-555566667777"
    t.service_event("2026-11-03T10:00:00Z", "TestRotationStarted", db(), token=token)
    t.service_event("2026-11-03T10:00:20Z", "TestRotationFailed", db(), token=token, message="Error when executing lambda during testSecret step")
    return {"loosen": {"include_tests": True}}


@case
def rotation_failed__quiet_healthy_first_rotation(t):
    """Differs in the end: the secret's first rotation, at night and at a person's command, with its two designed errors;
    declared readers are known for weeks, the rotation function was never seen."""
    secret = db()
    for day in ("2026-09-20", "2026-10-04", "2026-10-20"):
        t.get_secret_value(f"{day}T10:00:00Z", task(), secret)
    t.rotation("2026-11-04T06:30:00Z", secret, rotator(), by=anna(), first=True)
    return {"policy": HOURS + NO_ROTATORS}


@case
def rotation_failed__quiet_healthy_rotation_without_policy(t):
    """Differs in the end: a scheduled rotation by a function that was never seen, of a secret known for weeks, with the
    master secret of another team, and no policy to excuse it."""
    secret, master = db(), Secret("prod/blizzard-master/db")
    for day in ("2026-09-20", "2026-10-04", "2026-10-20"):
        t.get_secret_value(f"{day}T10:00:00Z", task(), secret)
        t.get_secret_value(f"{day}T10:00:00Z", batch_job(), master)
    t.rotation("2026-11-04T06:30:00Z", secret, rotator())
    t.get_secret_value("2026-11-04T06:30:06Z", rotator(), master)
    return {}


# ---- rotation-stuck ------------------------------------------------------------------------------------------------

STUCK_KEY = f"{HOME}|prod/blizzard-checkout/db|2026-11-03T10:00:00Z"


@case
def rotation_stuck__fires_silence_after_create_secret(t):
    """The function made the pending version and was never heard of again."""
    t.rotation("2026-11-03T10:00:00Z", db(), rotator(), stop_after="createSecret")
    return {"now": "2026-11-03T14:00:00Z", "findings": [("rotation-stuck", STUCK_KEY, "high")], "tighten": {"stuck_after": "5h"}}


@case
def rotation_stuck__fires_though_it_ended_in_the_end(t):
    """It succeeded an hour after the deadline: it was stuck all the same. The start is known from RotateSecret alone."""
    secret, token = db(), "6f0c1111-2222-4333-8444-555566667777"
    t.rotate_secret("2026-11-03T10:00:00Z", batch_job("deploy"), secret, token)
    t.service_event("2026-11-03T15:00:00Z", "RotationSucceeded", secret, token=token)
    return {"findings": [("rotation-stuck", STUCK_KEY, "high")], "tighten": {"stuck_after": "6h"}}


@case
def rotation_stuck__quiet_still_running(t):
    """Differs in now: three hours in."""
    t.rotation("2026-11-03T10:00:00Z", db(), rotator(), stop_after="createSecret")
    return {"now": "2026-11-03T13:00:00Z", "loosen": {"stuck_after": "3h"}}


@case
def rotation_stuck__quiet_next_attempt_succeeded(t):
    """Differs in what followed: another attempt, with another token, within the deadline."""
    secret = db()
    t.rotation("2026-11-03T10:00:00Z", secret, rotator(), stop_after="createSecret")
    t.rotation("2026-11-03T11:00:00Z", secret, rotator())
    return {"now": "2026-11-03T20:00:00Z", "loosen": {"stuck_after": "30m"}}


@case
def rotation_stuck__quiet_schedule_set_without_rotating(t):
    """Differs in the call: RotateSecret that only sets the schedule starts nothing."""
    t.rotate_secret("2026-11-03T10:00:00Z", batch_job("deploy"), db(), "6f0c1111-2222-4333-8444-555566667777", after_days=30, immediately=False)
    return {"now": "2026-11-03T20:00:00Z"}


# ---- rotation-overdue ----------------------------------------------------------------------------------------------

EVERY_30_DAYS = '[[secrets]]\nmatch = "prod/blizzard-checkout/*"\nrotate_every = "30d"\n'


@case
def rotation_overdue__fires_against_the_contract(t):
    """Created on October 1, never rotated, and the contract says thirty days."""
    t.create_secret("2026-10-01T10:00:00Z", batch_job("deploy"), db())
    key = f"{HOME}|prod/blizzard-checkout/db|2026-10-31T10:00:00Z"
    return {"policy": EVERY_30_DAYS, "now": "2026-11-02T10:00:00Z", "findings": [("rotation-overdue", key, "medium")],
            "tighten": {"grace": "3d"}}


@case
def rotation_overdue__fires_against_the_schedule_though_it_came_late(t):
    """A weekly schedule, no policy. One rotation came four days late, then two deadlines passed in silence."""
    secret = db()
    t.rotate_secret("2026-10-01T10:00:00Z", batch_job("deploy"), secret, "6f0c1111-2222-4333-8444-555566667777", schedule="rate(7 days)", immediately=False)
    t.service_event("2026-10-12T10:00:00Z", "RotationStarted", secret, token="7f0c1111-2222-4333-8444-555566667777")
    t.service_event("2026-10-12T10:00:20Z", "RotationSucceeded", secret, token="7f0c1111-2222-4333-8444-555566667777")
    keys = ["2026-10-08T10:00:00Z", "2026-10-19T10:00:20Z", "2026-10-26T10:00:20Z"]
    findings = [("rotation-overdue", f"{HOME}|prod/blizzard-checkout/db|{due}", "medium") for due in keys]
    return {"now": "2026-10-30T10:00:00Z", "findings": findings, "tighten": {"grace": "60d"}}


@case
def rotation_overdue__quiet_within_grace(t):
    """Differs in now: one day late."""
    t.create_secret("2026-10-01T10:00:00Z", batch_job("deploy"), db())
    return {"policy": EVERY_30_DAYS, "now": "2026-11-01T10:00:00Z", "loosen": {"grace": "12h"}}


@case
def rotation_overdue__quiet_within_the_contracts_grace(t):
    """Differs in the contract: it forgives three days."""
    t.create_secret("2026-10-01T10:00:00Z", batch_job("deploy"), db())
    own = "\n[secrets.parameters.rotation-overdue]\ngrace = \"3d\"\n"
    return {"policy": EVERY_30_DAYS + own, "now": "2026-11-02T10:00:00Z"}


def listed(name, created, **more):
    """A secret as `aws secretsmanager list-secrets` gives it."""
    arn = Secret(name).arn
    return {"ARN": arn, "Name": name, "CreatedDate": created, "LastChangedDate": created, **more}


def with_inventory(name, more=""):
    """A policy that names the inventory beside it."""
    return f'[organization]\ninventory = ["{name}.inventory"]\n\n{more}'


@case
def rotation_overdue__fires_for_a_listed_secret_that_nobody_touched(t):
    """Last rotated two years ago, chosen by its tag, and never in the trail: the last deadline before it, and those since."""
    t.get_secret_value("2026-10-20T10:00:00Z", task(), db())
    forgotten = listed("prod/forgotten/db", "2024-01-01T00:00:00Z", LastRotatedDate="2024-09-01T00:00:00Z",
                       Tags=[{"Key": "Tier", "Value": "gold"}])
    policy = with_inventory("fires-for-a-listed-secret-that-nobody-touched", '[[secrets]]\ntags = { Tier = "gold" }\nrotate_every = "30d"\n')
    keys = ["2026-09-21T00:00:00Z", "2026-10-21T00:00:00Z"]
    return {"policy": policy, "listed": [forgotten], "now": "2026-11-02T10:00:00Z", "tighten": {"grace": "60d"},
            "findings": [("rotation-overdue", f"{HOME}|prod/forgotten/db|{due}", "medium") for due in keys]}


@case
def rotation_overdue__fires_since_the_listed_rotation(t):
    """In the trail it is only read; the inventory lists when it was rotated last, and its schedule."""
    for when in ("2026-10-20T10:00:00Z", "2026-11-01T10:00:00Z"):
        t.get_secret_value(when, task(), db())
    known = listed(NAME, "2025-01-01T00:00:00Z", LastRotatedDate="2026-09-25T00:00:00Z", RotationEnabled=True,
                   RotationRules={"AutomaticallyAfterDays": 30})
    key = f"{HOME}|{NAME}|2026-10-25T00:00:00Z"
    return {"policy": with_inventory("fires-since-the-listed-rotation"), "listed": [known], "now": "2026-11-02T10:00:00Z",
            "findings": [("rotation-overdue", key, "medium")], "tighten": {"grace": "20d"}}


@case
def rotation_overdue__quiet_rotated_since_it_was_listed(t):
    """Differs in the trail: a rotation after the inventory was written."""
    t.get_secret_value("2026-10-02T10:00:00Z", task(), db())
    t.rotation("2026-10-20T10:00:00Z", db(), rotator())
    known = listed(NAME, "2025-01-01T00:00:00Z", LastRotatedDate="2026-09-25T00:00:00Z", RotationEnabled=True,
                   RotationRules={"AutomaticallyAfterDays": 30})
    return {"policy": with_inventory("quiet-rotated-since-it-was-listed"), "listed": [known], "now": "2026-11-02T10:00:00Z"}


@case
def rotation_overdue__quiet_listed_as_deleted(t):
    """Differs in the inventory: the secret is marked for deletion."""
    t.get_secret_value("2026-10-20T10:00:00Z", task(), db())
    gone = listed("prod/forgotten/db", "2024-09-01T00:00:00Z", DeletedDate="2024-09-02T00:00:00Z",
                  LastChangedDate="2024-09-02T00:00:00Z", Tags=[{"Key": "Tier", "Value": "gold"}])
    policy = with_inventory("quiet-listed-as-deleted", '[[secrets]]\ntags = { Tier = "gold" }\nrotate_every = "30d"\n')
    return {"policy": policy, "listed": [gone], "now": "2026-11-02T10:00:00Z"}


@case
def rotation_overdue__quiet_replica(t):
    """Differs in the secret: a replica, whose primary was rotated on October 25."""
    secret = db()
    t.create_secret("2026-10-01T10:00:00Z", batch_job("deploy"), secret, replicate_to=["us-east-1"])
    t.get_secret_value("2026-10-02T10:00:00Z", task(), secret.replica("us-east-1"))
    t.rotation("2026-10-25T10:00:00Z", secret, rotator())
    t.get_secret_value("2026-11-05T10:00:00Z", task(), secret.replica("us-east-1"))
    return {"policy": EVERY_30_DAYS}


@case
def rotation_overdue__quiet_written_by_hand(t):
    """Differs in between: a person wrote a new value with UpdateSecret."""
    secret = db()
    t.create_secret("2026-10-01T10:00:00Z", batch_job("deploy"), secret)
    version = "6f0c1111-2222-4333-8444-555566667777"
    update = t.update_secret("2026-10-20T10:00:00Z", batch_job("deploy"), secret)
    update[0]["requestParameters"]["clientRequestToken"] = version
    t.secret_data_key("2026-10-20T10:00:00Z", batch_job("deploy"), secret, version)
    return {"policy": EVERY_30_DAYS, "now": "2026-11-05T10:00:00Z"}


@case
def rotation_overdue__quiet_deleted(t):
    """Differs in between: the secret was deleted before the deadline."""
    t.create_secret("2026-10-01T10:00:00Z", batch_job("deploy"), db())
    t.delete_secret("2026-10-20T10:00:00Z", batch_job("deploy"), db())
    return {"policy": EVERY_30_DAYS, "now": "2026-11-05T10:00:00Z"}


@case
def rotation_overdue__quiet_never_there(t):
    """Differs in existence: somebody asked for a name that the contract would cover, and there is no such secret."""
    t.get_secret_value("2026-10-01T10:00:00Z", task(), Secret("prod/blizzard-checkout/typo"), outcome="not_found")
    return {"policy": EVERY_30_DAYS, "now": "2026-11-05T10:00:00Z"}
