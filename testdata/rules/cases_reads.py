"""Cases of the rules about reads."""

from cast import *  # noqa: F403
from records import *  # noqa: F403

# ---- secret-read-spike ---------------------------------------------------------------------------------------------

TUESDAYS = ["2026-10-13T18:00:00Z", "2026-10-20T18:00:00Z", "2026-10-27T18:00:00Z"]
SPIKE_KEY = f"{HOME}|prod/blizzard-checkout/db|{TASK_ARN}|2026-11-03T18:00:00Z"


@case
def secret_read_spike__fires_task_role_hammers(t):
    """A task role that reads four times on Tuesdays at 18:00 reads thirty times."""
    for tuesday in TUESDAYS:
        read_every(t, tuesday, 600, 4, task(), db())
    read_every(t, "2026-11-03T18:05:00Z", 60, 30, task(), db())
    return {"findings": [("secret-read-spike", SPIKE_KEY, "high")], "tighten": {"floor": 40}, "gz": True}


@case
def secret_read_spike__fires_names_arns_batches_and_sessions_add_up(t):
    """Eight reads by name, eight by ARN, eight in batches, over two sessions: no single form is above the floor."""
    for tuesday in TUESDAYS:
        read_every(t, tuesday, 600, 2, task(), db())
    read_every(t, "2026-11-03T18:02:00Z", 90, 8, task("aa01"), db())
    read_every(t, "2026-11-03T18:20:00Z", 90, 8, task("bb02"), db(), ask="arn")
    for i in range(8):
        t.batch_get_secret_value(after("2026-11-03T18:40:00Z", 60 * i), task("bb02"), [db()], ask="partial", derived=None, decrypt=False)
    t.create_secret("2026-10-13T09:00:00Z", anna(), db())
    return {"findings": [("secret-read-spike", SPIKE_KEY, "high")], "tighten": {"floor": 24}, "gz": True}


@case
def secret_read_spike__fires_low_when_a_service_grows(t):
    """A sale: thirty tasks start within half an hour, and each reads once, from its own address."""
    for tuesday in TUESDAYS:
        read_every(t, tuesday, 600, 2, task(), db())
    for i in range(30):
        t.get_secret_value(after("2026-11-03T18:00:00Z", 55 * i), task(f"grown-{i}").but(ip=f"10.20.9.{i + 1}"), db())
    return {"findings": [("secret-read-spike", SPIKE_KEY, "low")], "tighten": {"floor": 30}, "gz": True}


@case
def secret_read_spike__fires_for_many_names_of_one_address(t):
    """Thirty sessions, each with another name, from one address that nobody knows: names are cheap."""
    for tuesday in TUESDAYS:
        read_every(t, tuesday, 600, 2, task(), db())
    for i in range(30):
        t.get_secret_value(after("2026-11-03T18:00:00Z", 55 * i), task(f"grown-{i}").but(ip="203.0.113.66"), db())
    return {"findings": [("secret-read-spike", SPIKE_KEY, "high")], "tighten": {"floor": 30}, "gz": True}


@case
def secret_read_spike__fires_cold_start_says_so(t):
    """A pair that nobody knows yet reads 101 times in its first hour: low, and the finding says that there is no baseline."""
    read_every(t, "2026-11-03T18:00:00Z", 30, 101, task(), db())
    return {"findings": [("secret-read-spike", SPIKE_KEY, "low")], "tighten": {"cold_floor": 200}, "gz": True}


OWN_FLOOR = """[[secrets]]
match = "prod/blizzard-checkout/*"

[secrets.parameters.secret-read-spike]
floor = 29
"""


@case
def secret_read_spike__fires_above_the_contracts_own_floor(t):
    """Thirty reads are one above what the contract allows, though the policy allows all secrets forty."""
    for tuesday in TUESDAYS:
        read_every(t, tuesday, 600, 4, task(), db())
    read_every(t, "2026-11-03T18:05:00Z", 60, 30, task(), db())
    policy = OWN_FLOOR + "\n[rules.secret-read-spike]\nfloor = 40\n"
    return {"policy": policy, "findings": [("secret-read-spike", SPIKE_KEY, "high")], "tighten": {"min_weeks": 9}, "gz": True}


@case
def secret_read_spike__quiet_at_the_contracts_own_floor(t):
    """Differs in the contract: it allows thirty."""
    for tuesday in TUESDAYS:
        read_every(t, tuesday, 600, 4, task(), db())
    read_every(t, "2026-11-03T18:05:00Z", 60, 30, task(), db())
    return {"policy": OWN_FLOOR.replace("29", "30"), "gz": True}


@case
def secret_read_spike__quiet_as_every_week(t):
    """Differs in the earlier weeks: ten reads on Tuesdays at 18:00, so thirty are no more than three times as many."""
    for tuesday in TUESDAYS:
        read_every(t, tuesday, 300, 10, task(), db())
    read_every(t, "2026-11-03T18:05:00Z", 60, 30, task(), db())
    return {"loosen": {"percent": 150}, "gz": True}


@case
def secret_read_spike__quiet_the_job_slipped_by_an_hour(t):
    """Differs in the earlier weeks: as many reads, an hour earlier. A change of clocks looks like this."""
    for tuesday in TUESDAYS:
        read_every(t, after(tuesday, -3600), 110, 30, task(), db())
    read_every(t, "2026-11-03T18:05:00Z", 60, 30, task(), db())
    return {"loosen": {"percent": 50}, "gz": True}


@case
def secret_read_spike__quiet_at_the_floor(t):
    """Differs in the number: twenty reads, which is the floor."""
    for tuesday in TUESDAYS:
        read_every(t, tuesday, 600, 4, task(), db())
    read_every(t, "2026-11-03T18:05:00Z", 60, 20, task(), db())
    return {"loosen": {"floor": 19}, "gz": True}


# ---- secret-read-breadth -------------------------------------------------------------------------------------------


def known_for_weeks(t):
    """The lake is older than a nightly job would need to be known."""
    t.describe_secret("2026-10-13T10:00:00Z", task(), db())


@case
def secret_read_breadth__fires_loop_over_a_list(t):
    """Eleven secrets within five minutes, one by one, in a lake that knows the role's week."""
    known_for_weeks(t)
    for i, secret in enumerate(secrets(11)):
        t.get_secret_value(after("2026-11-03T10:00:00Z", 25 * i), batch_job(), secret)
    key = f"fast|{BATCH_ARN}|2026-11-03T10:00:00Z"
    return {"findings": [("secret-read-breadth", key, "high")], "tighten": {"fast_floor": 11}}


@case
def secret_read_breadth__fires_over_sessions_regions_and_batches(t):
    """Three singly, four in a list, four by filter (seen in their Decrypts alone); two sessions, two regions."""
    known_for_weeks(t)
    family = secrets(11)
    for i, secret in enumerate(family[:3]):
        t.get_secret_value(after("2026-11-03T23:57:00Z", 20 * i), batch_job("one"), secret)
    t.batch_get_secret_value("2026-11-03T23:59:30Z", batch_job("two"), [s.replica("us-east-1") for s in family[3:7]], derived=None)
    t.batch_get_secret_value("2026-11-04T00:01:00Z", batch_job("two"), family[7:], filters=[{"key": "name", "values": ["prod/"]}], derived=None)
    key = f"fast|{BATCH_ARN}|2026-11-03T23:57:00Z"
    return {"findings": [("secret-read-breadth", key, "high")], "tighten": {"fast_floor": 11}}


@case
def secret_read_breadth__fires_slow_through_the_night(t):
    """Twenty-one secrets, one every fifty minutes."""
    known_for_weeks(t)
    for i, secret in enumerate(secrets(21)):
        t.get_secret_value(after("2026-11-03T01:00:00Z", 3000 * i), batch_job(), secret, decrypt=False)
    key = f"slow|{BATCH_ARN}|2026-11-03T01:00:00Z"
    return {"findings": [("secret-read-breadth", key, "medium")], "tighten": {"slow_floor": 21}}


@case
def secret_read_breadth__fires_low_in_a_young_lake(t):
    """Eleven secrets, but nobody knows yet what this role does every night."""
    for i, secret in enumerate(secrets(11)):
        t.get_secret_value(after("2026-11-03T10:00:00Z", 25 * i), batch_job(), secret)
    key = f"fast|{BATCH_ARN}|2026-11-03T10:00:00Z"
    return {"findings": [("secret-read-breadth", key, "low")], "tighten": {"fast_floor": 11}}


@case
def secret_read_breadth__fires_high_in_a_young_lake_for_very_many(t):
    """Twenty-one in nine minutes are told at once: no habit is needed to see that."""
    for i, secret in enumerate(secrets(21)):
        t.get_secret_value(after("2026-11-03T10:00:00Z", 25 * i), batch_job(), secret)
    key = f"fast|{BATCH_ARN}|2026-11-03T10:00:00Z"
    return {"findings": [("secret-read-breadth", key, "high")], "tighten": {"fast_floor": 21, "slow_floor": 21}}


@case
def secret_read_breadth__fires_low_for_declared_readers(t):
    """A job that works for the first time; the contracts name it as a reader of all that it reads."""
    known_for_weeks(t)
    for i, secret in enumerate(secrets(11)):
        t.get_secret_value(after("2026-11-03T10:00:00Z", 25 * i), batch_job(), secret)
    key = f"fast|{BATCH_ARN}|2026-11-03T10:00:00Z"
    policy = f'[[secrets]]\nmatch = "*"\nreaders = ["{BATCH_ARN}"]\n'
    return {"policy": policy, "findings": [("secret-read-breadth", key, "low")], "tighten": {"fast_floor": 11}}


@case
def secret_read_breadth__quiet_ten_secrets(t):
    """Differs in the number: ten secrets."""
    for i, secret in enumerate(secrets(10)):
        t.get_secret_value(after("2026-11-03T10:00:00Z", 25 * i), batch_job(), secret)
    return {"loosen": {"fast_floor": 9}}


@case
def secret_read_breadth__quiet_as_broad_as_before(t):
    """Differs in history: the same role read eight of them at once two days earlier."""
    for i, secret in enumerate(secrets(8)):
        t.get_secret_value(after("2026-11-01T10:00:00Z", 25 * i), batch_job(), secret, decrypt=False)
    for i, secret in enumerate(secrets(11)):
        t.get_secret_value(after("2026-11-03T10:00:00Z", 25 * i), batch_job(), secret, decrypt=False)
    return {"loosen": {"percent": 100}}


@case
def secret_read_breadth__quiet_replicas_are_one_secret(t):
    """Differs in the secrets: six, each in two regions."""
    for i, secret in enumerate(secrets(6)):
        t.get_secret_value(after("2026-11-03T10:00:00Z", 25 * i), batch_job(), secret)
        t.get_secret_value(after("2026-11-03T10:00:05Z", 25 * i), batch_job(), secret.replica("us-east-1"))
    return {"loosen": {"fast_floor": 5}}


@case
def secret_read_breadth__quiet_rotations_in_a_herd(t):
    """Differs in the reader: a rotation function that rotates eleven secrets at once, and reads their master."""
    master = Secret("prod/blizzard-master/db")
    for i, secret in enumerate(secrets(11)):
        start = after("2026-11-03T10:00:00Z", 20 * i)
        t.rotation(start, secret, rotator())
        t.get_secret_value(after(start, 6), rotator(), master)
    return {"gz": True}


# ---- unexpected-reader ---------------------------------------------------------------------------------------------


@case
def unexpected_reader__fires_stranger(t):
    """A role that the contract does not name reads by name."""
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db())
    key = f"{HOME}|prod/blizzard-checkout/db|{BATCH_ARN}|2026-11-03T00:00:00Z"
    return {"policy": CONTRACT, "findings": [("unexpected-reader", key, "critical")], "tighten": {"min_reads": 2}}


@case
def unexpected_reader__fires_batch_by_filter(t):
    """The record of the call names no secret; the Decrypt that Secrets Manager made for it does."""
    t.batch_get_secret_value("2026-11-03T10:00:00Z", batch_job(), [db()], filters=[{"key": "tag-key", "values": ["Env"]}], derived=None)
    key = f"{HOME}|prod/blizzard-checkout/db|{BATCH_ARN}|2026-11-03T00:00:00Z"
    return {"policy": CONTRACT, "findings": [("unexpected-reader", key, "critical")], "tighten": {"min_reads": 2}}


@case
def unexpected_reader__fires_admin(t):
    """An admin manages the secret and may not read it."""
    admin = assumed_role("Winterday-Secrets-Admin", "kim", ip="198.51.100.30")
    t.get_secret_value("2026-11-03T10:00:00Z", admin, db(), ask="partial")
    key = f"{HOME}|prod/blizzard-checkout/db|{role_arn('Winterday-Secrets-Admin')}|2026-11-03T00:00:00Z"
    return {"policy": CONTRACT, "findings": [("unexpected-reader", key, "critical")], "tighten": {"min_reads": 2}}


@case
def unexpected_reader__fires_cross_account(t):
    """A role of another account; both accounts' copies of the call were delivered, and it is one read."""
    stranger = assumed_role("Frost-Reports", "weekly", account="222233334444", ip="203.0.113.9")
    caller_copy, _ = t.get_secret_value("2026-11-03T10:00:00Z", stranger, db(), ask="arn")
    caller_copy["recipientAccountId"] = "222233334444"
    caller_copy["sharedEventID"] = "7d0c1d5e-6a3b-5f0e-9d0a-3c2b1a0f9e8d"
    owner = foreign_account("222233334444", stranger.identity["principalId"], ip="203.0.113.9")  # noqa: F405
    t.get_secret_value("2026-11-03T10:00:00Z", owner, db(), ask="arn", decrypt=False, sharedEventID=caller_copy["sharedEventID"])
    key = f"{HOME}|prod/blizzard-checkout/db|{role_arn('Frost-Reports', '222233334444')}|2026-11-03T00:00:00Z"
    return {"policy": CONTRACT, "findings": [("unexpected-reader", key, "critical")], "tighten": {"min_reads": 2}}


@case
def unexpected_reader__fires_decoy(t):
    """Nobody has a reason to read a decoy."""
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), Secret("prod/legacy-payroll/api"))
    key = f"{HOME}|prod/legacy-payroll/api|{BATCH_ARN}|2026-11-03T00:00:00Z"
    return {"policy": DECOY, "findings": [("unexpected-reader", key, "critical")], "tighten": {"min_reads": 2}}


@case
def unexpected_reader__fires_high_for_a_decoy_that_stays_shut(t):
    """Refused: but somebody tried the handle."""
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), Secret("prod/legacy-payroll/api"), outcome="denied")
    key = f"{HOME}|prod/legacy-payroll/api|{BATCH_ARN}|2026-11-03T00:00:00Z"
    return {"policy": DECOY, "findings": [("unexpected-reader", key, "high")], "tighten": {"min_reads": 2}}


@case
def unexpected_reader__quiet_refused(t):
    """Differs in the policy: a secret that is no decoy, and whose contract does not name the reader."""
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db(), outcome="denied")
    return {"policy": CONTRACT}


@case
def unexpected_reader__quiet_reader(t):
    """Differs in the principal: a declared reader."""
    t.get_secret_value("2026-11-03T10:00:00Z", task(), db())
    return {"policy": CONTRACT}


@case
def unexpected_reader__fires_low_for_break_glass(t):
    """Declared for emergencies: it may read, and every read is reported."""
    t.get_secret_value("2026-11-03T10:00:00Z", on_call(), db())
    key = f"{HOME}|prod/blizzard-checkout/db|{ONCALL_ARN}|2026-11-03T00:00:00Z"
    return {"policy": CONTRACT, "findings": [("unexpected-reader", key, "low")], "tighten": {"report_break_glass": False}}


@case
def unexpected_reader__quiet_break_glass_not_reported(t):
    """Differs in the policy: break-glass reads are not to be reported."""
    t.get_secret_value("2026-11-03T10:00:00Z", on_call(), db())
    policy = CONTRACT + '\n[rules."unexpected-reader"]\nreport_break_glass = false\n'
    return {"policy": policy, "loosen": {"report_break_glass": True}}


@case
def unexpected_reader__quiet_refused(t):
    """Differs in the outcome: the stranger got nothing."""
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db(), outcome="denied")
    return {"policy": CONTRACT}


@case
def unexpected_reader__quiet_probe_of_the_key(t):
    """Differs in the call: Secrets Manager tries the stranger's right to the key, and delivers nothing."""
    t.key_access_probe("2026-11-03T10:00:00Z", batch_job(), db())
    return {"policy": CONTRACT}


@case
def unexpected_reader__quiet_rotation_without_declared_rotator(t):
    """Differs in the reader: the rotation's worker, while it rotates, which the contract forgot to name."""
    t.rotation("2026-11-03T10:00:00Z", db(), rotator())
    return {"policy": NO_ROTATORS}


# ---- first-seen-reader ---------------------------------------------------------------------------------------------

OTHER = "prod/winterday-reports/db"


def known_apart(t):
    """The service reads its secret, the other role reads another, for six weeks."""
    for day in ("2026-09-22", "2026-10-13", "2026-10-27"):
        t.get_secret_value(f"{day}T10:00:00Z", task(), db())
        t.get_secret_value(f"{day}T11:00:00Z", batch_job(), Secret(OTHER))


@case
def first_seen_reader__fires_old_role_old_secret(t):
    """Two that have been around for weeks and never met."""
    known_apart(t)
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db())
    key = f"{HOME}|prod/blizzard-checkout/db|{BATCH_ARN}|2026-11-03T00:00:00Z"
    return {"findings": [("first-seen-reader", key, "medium")], "tighten": {"maturity": "60d"}}


@case
def first_seen_reader__fires_low_for_a_wide_reader(t):
    """The same by a role that has read twelve others: it meets new secrets as a matter of course."""
    known_apart(t)
    for secret in secrets(11):
        t.get_secret_value("2026-10-01T10:00:00Z", batch_job(), secret, decrypt=False)
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db())
    key = f"{HOME}|prod/blizzard-checkout/db|{BATCH_ARN}|2026-11-03T00:00:00Z"
    policy = '[rules."secret-read-breadth"]\nenabled = false\n'
    return {"policy": policy, "findings": [("first-seen-reader", key, "low")], "tighten": {"maturity": "60d"}}


@case
def first_seen_reader__fires_new_role_in_a_batch(t):
    """A role that was never seen reads the old secret, by a partial ARN that looks like a full one, in a batch."""
    api = Secret("prod/blizzard-checkout/api-secret")
    t.create_secret("2026-09-22T09:00:00Z", anna(), api)
    for day in ("2026-09-22", "2026-10-13", "2026-10-27"):
        t.get_secret_value(f"{day}T10:00:00Z", task(), api)
    newcomer = assumed_role("Sleet-Export", "run-1", ip="10.20.9.9")
    t.batch_get_secret_value("2026-11-03T10:00:00Z", newcomer, [api], ask="partial", derived=None, decrypt=False)
    key = f"{HOME}|prod/blizzard-checkout/api-secret|{role_arn('Sleet-Export')}|2026-11-03T00:00:00Z"
    return {"findings": [("first-seen-reader", key, "low")], "tighten": {"maturity": "60d"}}


@case
def first_seen_reader__quiet_new_service(t):
    """Differs in age: role and secret both appeared five days before the first read."""
    known_apart(t)
    new, service = Secret("prod/glacier-ledger/db"), assumed_role("Glacier-Ledger-TaskRole", "t1", ip="10.20.4.4")
    t.create_secret("2026-10-29T10:00:00Z", anna(), new)
    t.describe_secret("2026-10-29T10:05:00Z", service, new)
    t.get_secret_value("2026-11-03T10:00:00Z", service, new)
    return {"loosen": {"maturity": "3d"}}


@case
def first_seen_reader__quiet_monthly_job(t):
    """Differs in memory: the same role read it 31 days before."""
    t.get_secret_value("2026-08-30T10:00:00Z", task(), db())
    t.get_secret_value("2026-08-30T11:00:00Z", batch_job(), Secret(OTHER))
    known_apart(t)
    t.get_secret_value("2026-09-03T10:00:00Z", batch_job(), db())
    t.get_secret_value("2026-10-03T10:00:00Z", batch_job(), db())
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db())
    return {"loosen": {"memory": "28d"}}


QUARTER = """[[secrets]]
match = "prod/blizzard-checkout/*"

[secrets.parameters.first-seen-reader]
memory = "100d"
"""


@case
def first_seen_reader__quiet_quarterly_job_by_the_contract(t):
    """Differs in the contract: it remembers for a hundred days, and the same role read it three months before."""
    t.get_secret_value("2026-08-03T10:00:00Z", task(), db())
    t.get_secret_value("2026-08-03T11:00:00Z", batch_job(), Secret(OTHER))
    t.get_secret_value("2026-08-03T12:00:00Z", batch_job(), db())
    known_apart(t)
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db())
    return {"policy": QUARTER}


@case
def first_seen_reader__quiet_failover_to_a_replica(t):
    """Differs in the reader: the service itself, in the declared region where it fails over to."""
    known_apart(t)
    t.get_secret_value("2026-11-03T10:00:00Z", task(), db().replica("us-east-1"))
    return {"policy": '[[secrets]]\nmatch = "prod/blizzard-checkout/*"\nreplica_regions = ["us-east-1"]\n'}


@case
def first_seen_reader__quiet_declared(t):
    """Differs in the policy: a contract names the principal as a reader."""
    known_apart(t)
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db())
    policy = f'[[secrets]]\nmatch = "prod/blizzard-checkout/*"\nreaders = ["{TASK_ARN}", "{BATCH_ARN}"]\n'
    return {"policy": policy}


# ---- off-hours-read ------------------------------------------------------------------------------------------------

ANNA_ARN = anna().identity["sessionContext"]["sessionIssuer"]["arn"]


NO_FIRSTS = '\n[rules."first-seen-reader"]\nenabled = false\n'


def bert():
    """A colleague of Anna's, with the same permission set."""
    return sso_user("Developers", "bert@example.com", agent=AGENT_CLI, from_console=False)


def seen_at_work(t, person, until="2026-11-03T18:30:00Z", days=22):
    """Looks at secrets on the working days of three weeks, always at the same hour."""
    for day in range(days, -1, -1):
        when = after(until, -86400 * day)
        if when.weekday() < 5:
            t.list_secrets(when, person)


@case
def off_hours_read__fires_at_night(t):
    """A person who works by day, on a Tuesday at 22:30 local time, which is Wednesday 06:30 UTC."""
    seen_at_work(t, anna())
    t.get_secret_value("2026-11-04T06:30:00Z", anna(), db())
    key = f"{HOME}|prod/blizzard-checkout/db|{ANNA_ARN}|2026-11-04T00:00:00Z"
    return {"policy": HOURS + NO_FIRSTS, "findings": [("off-hours-read", key, "medium")], "tighten": {"margin": "6h"}, "gz": True}


@case
def off_hours_read__fires_on_a_holiday_in_a_batch(t):
    """A Thursday at 11:00, but a holiday; a batch whose single reads Secrets Manager logged on the person's behalf."""
    seen_at_work(t, anna(), "2026-11-25T19:00:00Z")
    t.batch_get_secret_value("2026-11-26T19:00:00Z", anna(), [db()])
    key = f"{HOME}|prod/blizzard-checkout/db|{ANNA_ARN}|2026-11-26T00:00:00Z"
    return {"policy": SENSITIVE + NO_FIRSTS, "findings": [("off-hours-read", key, "high")], "tighten": {"min_reads": 2}}


@case
def off_hours_read__fires_low_while_nobody_is_known(t):
    """The same night in a lake that has just begun: no rhythm to judge by, and the finding says so."""
    t.get_secret_value("2026-11-04T06:30:00Z", anna(), db())
    key = f"{HOME}|prod/blizzard-checkout/db|{ANNA_ARN}|2026-11-04T00:00:00Z"
    return {"policy": HOURS + NO_FIRSTS, "findings": [("off-hours-read", key, "low")], "tighten": {"margin": "6h"}}


@case
def off_hours_read__fires_for_an_unknown_person_in_an_old_lake(t):
    """Nobody has seen this person, nor anybody else with this role at this hour."""
    seen_at_work(t, bert())
    t.get_secret_value("2026-11-04T06:30:00Z", anna(), db())
    key = f"{HOME}|prod/blizzard-checkout/db|{ANNA_ARN}|2026-11-04T00:00:00Z"
    return {"policy": HOURS + NO_FIRSTS, "findings": [("off-hours-read", key, "medium")], "tighten": {"margin": "6h"}, "gz": True}


@case
def off_hours_read__fires_low_when_others_of_the_role_work_then(t):
    """Nobody has seen this person, but colleagues with the same role work at this hour."""
    seen_at_work(t, bert(), "2026-11-03T06:30:00Z")
    t.get_secret_value("2026-11-04T06:30:00Z", anna(), db())
    key = f"{HOME}|prod/blizzard-checkout/db|{ANNA_ARN}|2026-11-04T00:00:00Z"
    return {"policy": HOURS + NO_FIRSTS, "findings": [("off-hours-read", key, "low")], "tighten": {"margin": "6h"}, "gz": True}


@case
def off_hours_read__fires_while_colleagues_far_away_work(t):
    """A person who works by day at headquarters reads while those far away, with the same role, are at work."""
    seen_at_work(t, anna())
    seen_at_work(t, bert(), "2026-11-03T06:30:00Z")
    t.get_secret_value("2026-11-04T06:30:00Z", anna(), db())
    key = f"{HOME}|prod/blizzard-checkout/db|{ANNA_ARN}|2026-11-04T00:00:00Z"
    return {"policy": HOURS + NO_FIRSTS, "findings": [("off-hours-read", key, "medium")], "tighten": {"margin": "6h"}, "gz": True}


@case
def off_hours_read__quiet_far_away(t):
    """Differs in the person's days: always at work at this hour, as people in another time zone are."""
    seen_at_work(t, anna(), "2026-11-03T06:30:00Z")
    t.get_secret_value("2026-11-04T06:30:00Z", anna(), db())
    return {"policy": HOURS + NO_FIRSTS, "loosen": {"percent": 101}, "gz": True}


@case
def off_hours_read__fires_low_for_break_glass(t):
    """The same night, in the role that the contract grants for it: a report, not an alarm."""
    t.get_secret_value("2026-11-04T06:30:00Z", on_call(), db())
    key = f"{HOME}|prod/blizzard-checkout/db|{ONCALL_ARN}|2026-11-04T00:00:00Z"
    findings = [("off-hours-read", key, "low"), ("unexpected-reader", key, "low")]
    return {"policy": ONCALL, "findings": findings, "tighten": {"min_reads": 2}}


@case
def off_hours_read__quiet_stays_late(t):
    """Differs in the hour: 18:40 local time, within the margin."""
    t.get_secret_value("2026-11-04T02:40:00Z", anna(), db())
    return {"policy": HOURS, "loosen": {"margin": "15m"}}


@case
def off_hours_read__quiet_afternoon(t):
    """Differs in the hour: 16:30 local time, though 00:30 UTC."""
    t.get_secret_value("2026-11-04T00:30:00Z", anna(), db())
    return {"policy": HOURS}


@case
def off_hours_read__quiet_service_at_night(t):
    """Differs in the reader: a service keeps no hours."""
    t.get_secret_value("2026-11-04T06:30:00Z", task(), db())
    return {"policy": HOURS}


@case
def off_hours_read__quiet_service_on_behalf(t):
    """Differs in the caller: CloudFormation resolves the reference in a template that the person deployed by day."""
    person = anna()
    t.get_secret_value("2026-11-04T06:30:00Z", person.through("cloudformation.amazonaws.com", "2026-11-04T06:30:00Z"), db())
    return {"policy": HOURS}


# ---- denied-read-burst ---------------------------------------------------------------------------------------------


@case
def denied_read_burst__fires_tries_what_opens(t):
    """Five secrets refused within four minutes; requestParameters is null, the error message alone names them."""
    for i, secret in enumerate(secrets(5)):
        t.get_secret_value(after("2026-11-03T10:00:00Z", 50 * i), batch_job(), secret, outcome="denied")
    key = f"{BATCH_ARN}|2026-11-03T10:00:00Z"
    return {"findings": [("denied-read-burst", key, "high")], "tighten": {"min_denied": 6}}


@case
def denied_read_burst__fires_over_sessions_and_forms(t):
    """Two sessions across midnight; bare names, a batch, a refused key, and a batch whose message names nothing."""
    family = secrets(4)
    t.get_secret_value("2026-11-03T23:56:00Z", batch_job("one"), family[0], outcome="denied", denied_names="name")
    t.get_secret_value("2026-11-03T23:58:00Z", batch_job("one"), family[1], outcome="denied", denied_names="name")
    t.batch_get_secret_value("2026-11-03T23:59:00Z", batch_job("two"), [family[2]], outcome="denied")
    t.get_secret_value("2026-11-04T00:01:00Z", batch_job("two"), family[3], outcome="denied_kms")
    nameless = t.batch_get_secret_value("2026-11-04T00:02:00Z", batch_job("two"), [family[0]], outcome="denied")
    nameless[0]["errorMessage"] = "User is not authorized to perform this action"
    key = f"{BATCH_ARN}|2026-11-03T23:56:00Z"
    return {"findings": [("denied-read-burst", key, "high")], "tighten": {"min_denied": 6}}


@case
def denied_read_burst__fires_low_for_one_secret(t):
    """A service without its permission, whose tasks start again and again."""
    for i in range(5):
        t.get_secret_value(after("2026-11-03T10:00:00Z", 60 * i), task(f"task-{i}"), db(), outcome="denied")
    key = f"{TASK_ARN}|2026-11-03T10:00:00Z"
    return {"findings": [("denied-read-burst", key, "low")], "tighten": {"min_denied": 6}}


@case
def denied_read_burst__quiet_four(t):
    """Differs in the number: four refusals."""
    for i, secret in enumerate(secrets(4)):
        t.get_secret_value(after("2026-11-03T10:00:00Z", 50 * i), batch_job(), secret, outcome="denied")
    return {"loosen": {"min_denied": 4}}


@case
def denied_read_burst__quiet_over_an_hour(t):
    """Differs in the pace: five refusals, a quarter of an hour apart."""
    for i, secret in enumerate(secrets(5)):
        t.get_secret_value(after("2026-11-03T10:00:00Z", 900 * i), batch_job(), secret, outcome="denied")
    return {"loosen": {"burst_window": "1h"}}


@case
def denied_read_burst__quiet_throttled_and_missing(t):
    """Differs in the outcome: throttled, missing and pending versions are no refusals."""
    outcomes = ["throttled", "throttled", "not_found", "no_version", "deleted", "throttled"]
    for i, (secret, outcome) in enumerate(zip(secrets(6), outcomes)):
        t.get_secret_value(after("2026-11-03T10:00:00Z", 50 * i), batch_job(), secret, outcome=outcome)
    return {}
