"""Cases of the rules about how programs use a secret: throttled, uncached, reading what they write."""

from cast import *  # noqa: F403
from records import *  # noqa: F403

# ---- throttled-reads -----------------------------------------------------------------------------------------------


def turned_away(t, count, caller=None):
    """Throttled reads, ten seconds apart."""
    for i in range(count):
        t.get_secret_value(after("2026-11-03T18:00:00Z", 10 * i), caller or task(f"t{i % 3}"), db(), outcome="throttled")


@case
def throttled_reads__fires_low_for_a_loop(t):
    """Eight reads by three tasks are turned away, and one is answered."""
    turned_away(t, 8)
    t.get_secret_value("2026-11-03T18:30:00Z", task(), db())
    key = f"{HOME}|{TASK_ARN}|2026-11-03T18:00:00Z"
    return {"findings": [("throttled-reads", key, "low")], "tighten": {"min_throttled": 9}}


@case
def throttled_reads__fires_medium_for_a_harvest(t):
    """The same, while twenty-one different secrets are delivered to it."""
    turned_away(t, 8, batch_job())
    for i, secret in enumerate(secrets(21)):
        t.get_secret_value(after("2026-11-03T18:05:00Z", 20 * i), batch_job(), secret)
    key = f"{HOME}|{BATCH_ARN}|2026-11-03T18:00:00Z"
    findings = [("throttled-reads", key, "medium"), ("secret-read-breadth", f"fast|{BATCH_ARN}|2026-11-03T18:05:00Z", "high")]
    return {"findings": findings, "tighten": {"min_throttled": 9}}


@case
def throttled_reads__quiet_seven(t):
    """Differs in the number: seven."""
    turned_away(t, 7)
    return {"loosen": {"min_throttled": 7}}


@case
def throttled_reads__quiet_describes(t):
    """Differs in the call: descriptions are turned away, not reads."""
    for i in range(25):
        t.describe_secret(after("2026-11-03T18:00:00Z", 10 * i), task(), db(), outcome="throttled")
    return {}


# ---- cache-ignored -------------------------------------------------------------------------------------------------

CACHED = '[[secrets]]\nmatch = "prod/*"\ncache_ttl = "15m"\n'


def per_request(t, hours, each=13, start="2026-11-03T09:00:00Z", session="3f9c1d20"):
    """One task reads `each` times in each of some hours."""
    for hour in range(hours):
        read_every(t, after(start, 3600 * hour), 240, each, task(session), db())


@case
def cache_ignored__fires_three_hours(t):
    """Thirteen reads an hour by one task, where four would do, for three hours."""
    per_request(t, 3)
    key = f"{HOME}|prod/blizzard-checkout/db|{TASK_ARN}|2026-11-03T00:00:00Z"
    return {"policy": CACHED, "findings": [("cache-ignored", key, "low")], "tighten": {"min_hours": 4}}


@case
def cache_ignored__quiet_two_hours(t):
    """Differs in the hours: two."""
    per_request(t, 2)
    return {"policy": CACHED, "loosen": {"min_hours": 2}}


@case
def cache_ignored__quiet_many_tasks(t):
    """Differs in the actors: four tasks share the reads, each in its time."""
    for i, session in enumerate(("a1", "b2", "c3", "d4")):
        per_request(t, 3, each=4, start=after("2026-11-03T09:00:00Z", 20 * i), session=session)
    return {"policy": CACHED, "loosen": {"floor": 3, "percent": 50}}


@case
def cache_ignored__quiet_short_cache(t):
    """Differs in the policy: the value is kept for a minute."""
    per_request(t, 3)
    return {"policy": CACHED.replace("15m", "1m"), "loosen": {"percent": 20}}


@case
def cache_ignored__fires_by_the_contracts_own_percent(t):
    """Nine reads an hour: fewer than three times what the cache needs, but the contract allows twice as many."""
    per_request(t, 3, each=9)
    key = f"{HOME}|prod/blizzard-checkout/db|{TASK_ARN}|2026-11-03T00:00:00Z"
    own = "\n[secrets.parameters.cache-ignored]\npercent = 200\n"
    return {"policy": CACHED + own, "findings": [("cache-ignored", key, "low")], "tighten": {"min_hours": 4}}


@case
def cache_ignored__quiet_at_the_contracts_own_floor(t):
    """Differs in the contract: it allows thirteen, whatever the cache would need."""
    per_request(t, 3)
    return {"policy": CACHED + "\n[secrets.parameters.cache-ignored]\nfloor = 13\n"}


@case
def cache_ignored__quiet_nothing_declared(t):
    """Differs in the policy: it says nothing of a cache."""
    per_request(t, 3)
    return {}


# ---- reads-and-writes ----------------------------------------------------------------------------------------------

VERSION = "5a1d1111-2222-4333-8444-555566667777"


@case
def reads_and_writes__fires_once_for_both(t):
    """A role that reads, and a week later writes; told on the day of the write, not on the days after."""
    secret = db()
    t.get_secret_value("2026-10-27T18:00:00Z", batch_job(), secret)
    t.put_secret_value("2026-11-03T18:00:00Z", batch_job(), secret, VERSION)
    t.get_secret_value("2026-11-09T18:00:00Z", batch_job(), secret)
    key = f"{HOME}|prod/blizzard-checkout/db|{BATCH_ARN}|2026-11-03T00:00:00Z"
    return {"findings": [("reads-and-writes", key, "info")], "tighten": {"memory": "5d"}}


@case
def reads_and_writes__quiet_two_principals(t):
    """Differs in the writer: another role."""
    secret = db()
    t.get_secret_value("2026-10-27T18:00:00Z", batch_job(), secret)
    t.put_secret_value("2026-11-03T18:00:00Z", assumed_role("Winterday-Secrets-Admin", "kim"), secret, VERSION)
    return {}


@case
def reads_and_writes__quiet_two_months_apart(t):
    """Differs in the time: the write comes six weeks after the read."""
    secret = db()
    t.get_secret_value("2026-09-20T18:00:00Z", batch_job(), secret)
    t.put_secret_value("2026-11-03T18:00:00Z", batch_job(), secret, VERSION)
    return {"loosen": {"memory": "60d"}, "gz": True}


@case
def reads_and_writes__quiet_description_only(t):
    """Differs in the call: a new description, no new value."""
    secret = db()
    t.get_secret_value("2026-10-27T18:00:00Z", batch_job(), secret)
    t.update_secret("2026-11-03T18:00:00Z", batch_job(), secret, description="moved")
    return {}


@case
def reads_and_writes__quiet_rotator(t):
    """Differs in the policy: the contract names the role as a rotator."""
    secret = db()
    t.get_secret_value("2026-10-27T18:00:00Z", batch_job(), secret)
    t.put_secret_value("2026-11-03T18:00:00Z", batch_job(), secret, VERSION)
    return {"policy": f'[[secrets]]\nmatch = "prod/*"\nrotators = ["{BATCH_ARN}"]\n'}
