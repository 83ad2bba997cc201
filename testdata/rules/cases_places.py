"""Cases of the rules about where a secret is read from: networks, accounts, regions."""

from cast import *  # noqa: F403
from records import *  # noqa: F403

# ---- read-outside-network ------------------------------------------------------------------------------------------

LAPTOP = "203.0.113.66"


def at_home(t, days=8, **changes):
    """The service reads twice a day, through its endpoint."""
    for i in range(days):
        t.get_secret_value(after("2026-10-26T10:00:00Z", 86400 * i), task().but(**changes), db())
        t.batch_get_secret_value(after("2026-10-26T16:00:00Z", 86400 * i), task("b7"), [db()])


@case
def read_outside_network__fires_from_a_laptop(t):
    """The service's role reads from a public address, and goes on reading from its own network."""
    at_home(t)
    t.get_secret_value("2026-11-03T10:00:00Z", task().but(ip=LAPTOP, vpc_endpoint=None), db())
    t.get_secret_value("2026-11-04T09:00:00Z", task(), db())
    key = f"{TASK_ARN}|public|2026-11-03T00:00:00Z"
    return {"findings": [("read-outside-network", key, "high")], "tighten": {"min_days": 9}, "gz": True}


@case
def read_outside_network__fires_medium_when_it_may_have_moved(t):
    """The same, and it is not seen inside any more."""
    at_home(t)
    t.get_secret_value("2026-11-03T10:00:00Z", task().but(ip=LAPTOP, vpc_endpoint=None), db())
    t.get_secret_value("2026-11-04T10:00:00Z", task().but(ip=LAPTOP, vpc_endpoint=None), db())
    key = f"{TASK_ARN}|public|2026-11-03T00:00:00Z"
    return {"findings": [("read-outside-network", key, "medium")], "tighten": {"min_days": 9}, "gz": True}


@case
def read_outside_network__fires_low_through_another_endpoint(t):
    """An endpoint that the role never used: somebody else's network, or a new one of one's own."""
    at_home(t)
    t.get_secret_value("2026-11-03T10:00:00Z", task().but(vpc_endpoint="vpce-0fffeeee11112222a"), db())
    key = f"{TASK_ARN}|vpce-0fffeeee11112222a|2026-11-03T00:00:00Z"
    return {"findings": [("read-outside-network", key, "low")], "tighten": {"min_days": 9}, "gz": True}


@case
def read_outside_network__quiet_from_inside(t):
    """Differs in the address: another one, of its own network."""
    at_home(t)
    t.get_secret_value("2026-11-03T10:00:00Z", task().but(ip="172.20.4.9"), db())
    t.get_secret_value("2026-11-03T11:00:00Z", task().but(ip="10.20.7.7", vpc_endpoint=None), db())
    return {"gz": True}


@case
def read_outside_network__quiet_for_a_week_only(t):
    """Differs in history: six days are no habit yet."""
    at_home(t, days=6)
    t.get_secret_value("2026-11-03T10:00:00Z", task().but(ip=LAPTOP, vpc_endpoint=None), db())
    t.get_secret_value("2026-11-04T09:00:00Z", task(), db())
    return {"loosen": {"min_days": 6}, "gz": True}


@case
def read_outside_network__quiet_was_outside_before(t):
    """Differs in history: it also read from a public address a week ago."""
    at_home(t)
    t.get_secret_value("2026-10-27T10:00:00Z", task().but(ip="203.0.113.9", vpc_endpoint=None), db())
    t.get_secret_value("2026-11-03T10:00:00Z", task().but(ip=LAPTOP, vpc_endpoint=None), db())
    return {"gz": True}


@case
def read_outside_network__quiet_service_on_behalf(t):
    """Differs in the caller: a service reads for it, through an endpoint of AWS's own."""
    at_home(t)
    t.get_secret_value("2026-11-03T10:00:00Z", task().through("ecs-tasks.amazonaws.com", "2026-11-03T10:00:00Z"), db(),
                       vpcEndpointId="vpce-0c0ffee5a5e11d00d")
    return {"gz": True}


@case
def read_outside_network__quiet_person(t):
    """Differs in the reader: a person, whose laptop travels."""
    for i in range(8):
        t.get_secret_value(after("2026-10-26T18:00:00Z", 86400 * i), anna().but(ip="10.8.0.4"), db())
    t.get_secret_value("2026-11-03T18:00:00Z", anna().but(ip=LAPTOP), db())
    return {"policy": '[rules."off-hours-read"]\nenabled = false\n', "gz": True}


# ---- cross-account-read --------------------------------------------------------------------------------------------

ACCOUNTS = f'[organization]\naccounts = ["{ACCOUNT}", "222233334444"]\n'
ALIEN, SISTER = "999900001111", "222233334444"


def both_copies(t, when, account):
    """A read from another account, as both accounts' trails tell it."""
    stranger = assumed_role("Frost-Reports", "weekly", account=account, ip="203.0.113.9")
    caller_copy, _ = t.get_secret_value(when, stranger, db(), ask="arn")
    caller_copy["recipientAccountId"] = account
    caller_copy["sharedEventID"] = str(derive("shared", account, stamp(when)))
    owner = foreign_account(account, stranger.identity["principalId"], ip="203.0.113.9")
    t.get_secret_value(when, owner, db(), ask="arn", decrypt=False, sharedEventID=caller_copy["sharedEventID"])


@case
def cross_account_read__fires_outside_the_organization(t):
    """A role of an account that the organization does not list."""
    both_copies(t, "2026-11-03T10:00:00Z", ALIEN)
    key = f"{HOME}|prod/blizzard-checkout/db|{ALIEN}|{role_arn('Frost-Reports', ALIEN)}|2026-11-03T00:00:00Z"
    return {"policy": ACCOUNTS, "findings": [("cross-account-read", key, "high")]}


@case
def cross_account_read__fires_for_a_caller_without_a_name(t):
    """Only the owner's copy was delivered: it names no ARN. No accounts are listed."""
    caller = foreign_account(ALIEN, "AROAQ3EGVXAMPLEID0001:run", ip="203.0.113.9")
    t.get_secret_value("2026-11-03T10:00:00Z", caller, db(), ask="arn", decrypt=False)
    key = f"{HOME}|prod/blizzard-checkout/db|{ALIEN}|AROAQ3EGVXAMPLEID0001|2026-11-03T00:00:00Z"
    return {"findings": [("cross-account-read", key, "medium")]}


@case
def cross_account_read__fires_low_within_the_organization(t):
    """A sister account, in a lake that is old enough; told once, not on each of the following days."""
    t.get_secret_value("2026-10-12T10:00:00Z", task(), Secret("prod/winterday-reports/db"))
    for day in ("2026-11-03", "2026-11-04", "2026-11-10"):
        both_copies(t, f"{day}T10:00:00Z", SISTER)
    key = f"{HOME}|prod/blizzard-checkout/db|{SISTER}|{role_arn('Frost-Reports', SISTER)}|2026-11-03T00:00:00Z"
    return {"policy": ACCOUNTS, "findings": [("cross-account-read", key, "low")], "tighten": {"maturity": "30d"}, "gz": True}


@case
def cross_account_read__quiet_within_a_young_lake(t):
    """Differs in the lake's age: a week, so that the read may be an old habit."""
    t.get_secret_value("2026-10-27T10:00:00Z", task(), Secret("prod/winterday-reports/db"))
    both_copies(t, "2026-11-03T10:00:00Z", SISTER)
    return {"policy": ACCOUNTS, "loosen": {"maturity": "5d"}, "gz": True}


@case
def cross_account_read__quiet_own_account(t):
    """Differs in the account: the secret's own."""
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db(), ask="arn")
    return {"policy": ACCOUNTS}


@case
def cross_account_read__quiet_declared(t):
    """Differs in the policy: the contract names the role for emergencies, and unexpected-reader reports it."""
    both_copies(t, "2026-11-03T10:00:00Z", ALIEN)
    arn = role_arn("Frost-Reports", ALIEN)
    policy = ACCOUNTS + f'\n[[secrets]]\nmatch = "prod/*"\nbreak_glass = ["{arn}"]\n'
    key = f"{HOME}|prod/blizzard-checkout/db|{arn}|2026-11-03T00:00:00Z"
    return {"policy": policy, "findings": [("unexpected-reader", key, "low")]}


# ---- undeclared-region-read ----------------------------------------------------------------------------------------

REGIONS = '[organization]\nregions = ["us-west-2", "us-east-1"]\n'


@case
def undeclared_region_read__fires_on_a_hidden_replica(t):
    """A replica in a region that the organization does not use, read two days running: told once."""
    for day in ("2026-11-03", "2026-11-04"):
        t.get_secret_value(f"{day}T10:00:00Z", batch_job(), db().replica("sa-east-1"))
    key = f"{ACCOUNT}|sa-east-1|prod/blizzard-checkout/db|{BATCH_ARN}|2026-11-03T00:00:00Z"
    return {"policy": REGIONS, "findings": [("undeclared-region-read", key, "medium")], "tighten": {"min_reads": 2}}


@case
def undeclared_region_read__fires_high_where_it_hurts(t):
    """The same with a sensitive secret, in a batch."""
    t.batch_get_secret_value("2026-11-03T10:00:00Z", batch_job(), [db().replica("sa-east-1")], derived=None)
    key = f"{ACCOUNT}|sa-east-1|prod/blizzard-checkout/db|{BATCH_ARN}|2026-11-03T00:00:00Z"
    policy = REGIONS + '\n[[secrets]]\nmatch = "prod/*"\nsensitivity = "high"\n'
    return {"policy": policy, "findings": [("undeclared-region-read", key, "high")]}


def read_at_home(t, days=20):
    """The secret is read at home on every second day of some weeks before."""
    for day in range(days, 0, -2):
        t.get_secret_value(after("2026-11-03T10:00:00Z", -86400 * day), batch_job(), db())


@case
def undeclared_region_read__fires_low_for_an_unknown_replica(t):
    """A region of the organization, but until now the secret was read at home only."""
    read_at_home(t)
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db().replica("us-east-1"))
    key = f"{ACCOUNT}|us-east-1|prod/blizzard-checkout/db|{BATCH_ARN}|2026-11-03T00:00:00Z"
    return {"policy": REGIONS, "findings": [("undeclared-region-read", key, "low")], "tighten": {"maturity": "30d"}}


@case
def undeclared_region_read__quiet_a_declared_replica_of_an_old_secret(t):
    """Differs in the policy: the contract has a replica there."""
    read_at_home(t)
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db().replica("us-east-1"))
    return {"policy": REGIONS + '\n[[secrets]]\nmatch = "prod/*"\nreplica_regions = ["us-east-1"]\n'}


@case
def undeclared_region_read__quiet_a_young_secret(t):
    """Differs in the age: the secret is known for ten days."""
    read_at_home(t, 10)
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db().replica("us-east-1"))
    return {"policy": REGIONS, "loosen": {"maturity": "5d"}}


@case
def undeclared_region_read__quiet_declared_region(t):
    """Differs in the region: one that the organization lists."""
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db().replica("us-east-1"))
    return {"policy": REGIONS}


@case
def undeclared_region_read__quiet_nothing_listed(t):
    """Differs in the policy: it lists no regions."""
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db().replica("sa-east-1"))
    return {}


@case
def undeclared_region_read__quiet_refused(t):
    """Differs in the outcome: refused."""
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db().replica("sa-east-1"), outcome="denied")
    return {"policy": REGIONS}


@case
def undeclared_region_read__quiet_one_where_two_are_asked_for(t):
    """Differs in the policy: a single read is not to be told."""
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db().replica("sa-east-1"))
    return {"policy": REGIONS + '\n[rules."undeclared-region-read"]\nmin_reads = 2\n', "loosen": {"min_reads": 1}}
