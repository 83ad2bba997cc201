"""Cases of the rules that ask what a contract declares: endpoints, quiet hours, replica regions."""

from cast import *  # noqa: F403
from records import *  # noqa: F403

ENDPOINT = "vpce-0a1b2c3d4e5f60718"
ENDPOINTS = f'[[secrets]]\nmatch = "prod/blizzard-checkout/*"\nsensitivity = "high"\nvpc_endpoints = ["{ENDPOINT}"]\n'
QUIET = (
    '[organization]\ntimezone = "America/Los_Angeles"\n\n[[secrets]]\nmatch = "prod/*"\n'
    'quiet_hours = { from = "23:00", to = "02:00" }\n'
)
WORKER = rotator()


def outside(severity, principal, **more):
    """One finding of read-outside-endpoint, on that Tuesday."""
    key = f"{HOME}|{NAME}|{principal}|2026-11-03T00:00:00Z"
    return {"findings": [("read-outside-endpoint", key, severity)], "tighten": {"min_reads": 2}, **more}


@case
def read_outside_endpoint__fires_from_an_address(t):
    """The right role, from an address instead of the endpoint; sensitive."""
    t.get_secret_value("2026-11-03T12:00:00Z", batch_job(), db())
    return outside("high", BATCH_ARN, policy=ENDPOINTS)


@case
def read_outside_endpoint__fires_through_another_endpoint(t):
    """An endpoint, and not the declared one."""
    other = assumed_role("Blizzard-Checkout-TaskRole", "3f9c1d20", vpc_endpoint="vpce-0ffffffffffffffff")
    t.get_secret_value("2026-11-03T12:00:00Z", other, db())
    return outside("medium", TASK_ARN, policy=ENDPOINTS.replace('sensitivity = "high"\n', ""))


@case
def read_outside_endpoint__quiet_through_the_endpoint(t):
    """Differs in the endpoint: the declared one."""
    t.get_secret_value("2026-11-03T12:00:00Z", task(), db())
    return {"policy": ENDPOINTS}


@case
def read_outside_endpoint__quiet_for_emergencies(t):
    """Differs in the policy: who reads is declared for emergencies."""
    t.get_secret_value("2026-11-03T12:00:00Z", batch_job(), db())
    return {
        "policy": ENDPOINTS + f'break_glass = ["{BATCH_ARN}"]\n',
        "findings": [("unexpected-reader", f"{HOME}|{NAME}|{BATCH_ARN}|2026-11-03T00:00:00Z", "low")],
    }


@case
def read_outside_endpoint__quiet_once(t):
    """Differs in the parameter: one read a day is not told."""
    t.get_secret_value("2026-11-03T12:00:00Z", batch_job(), db())
    return {"policy": ENDPOINTS + '\n[rules."read-outside-endpoint"]\nmin_reads = 2\n', "loosen": {"min_reads": 1}}


@case
def rotation_outside_quiet_hours__fires_at_noon(t):
    """At noon local time; the quiet hours are around midnight."""
    t.rotation("2026-11-03T20:00:00Z", db(), WORKER)
    key = f"{HOME}|{NAME}|2026-11-03T20:00:00Z"
    return {
        "policy": QUIET,
        "findings": [("rotation-outside-quiet-hours", key, "info")],
        "tighten": {"grace_minutes": 720},
    }


@case
def rotation_outside_quiet_hours__quiet_after_midnight(t):
    """Differs in time: half past one at night."""
    t.rotation("2026-11-03T09:30:00Z", db(), WORKER)
    return {"policy": QUIET}


@case
def rotation_outside_quiet_hours__quiet_just_before(t):
    """Differs in time: a few minutes before the quiet hours, which is near enough."""
    t.rotation("2026-11-04T06:50:00Z", db(), WORKER)
    return {"policy": QUIET, "loosen": {"grace_minutes": 0}}


@case
def replica_in_unapproved_region__fires_outside_the_contract(t):
    """The organization lists the region, the secret's contract does not."""
    noon = "2026-11-03T12:00:00Z"
    t.replicate(noon, assumed_role("Winterday-Secrets-Admin", "nils.rime"), db(), ["us-east-1"])
    policy = '[organization]\nregions = ["us-west-2", "us-east-1"]\n\n[[secrets]]\nmatch = "prod/*"\nreplica_regions = ["eu-north-1"]\n'
    key = f"{HOME}|{NAME}|us-east-1|{noon}"
    return {"policy": policy, "findings": [("replica-in-unapproved-region", key, "medium")], "tighten": {"min_rank": 3}}


@case
def replica_in_unapproved_region__fires_low_where_the_contract_is_silent(t):
    """The organization is in that region, and the contract does not speak of replicas."""
    noon = "2026-11-03T12:00:00Z"
    t.replicate(noon, assumed_role("Winterday-Secrets-Admin", "nils.rime"), db(), ["us-east-1"])
    policy = '[organization]\nregions = ["us-west-2", "us-east-1"]\n\n[[secrets]]\nmatch = "prod/*"\n'
    key = f"{HOME}|{NAME}|us-east-1|{noon}"
    return {"policy": policy, "findings": [("replica-in-unapproved-region", key, "low")], "tighten": {"min_rank": 3}}


@case
def undeclared_region_read__quiet_in_a_declared_replica(t):
    """Differs in the policy: the contract has a replica there."""
    t.get_secret_value("2026-11-03T12:00:00Z", task(), db().replica("eu-north-1"))
    policy = '[organization]\nregions = ["us-west-2"]\n\n[[secrets]]\nmatch = "prod/*"\nreplica_regions = ["eu-north-1"]\n'
    return {"policy": policy}
