"""Cases of the rules about reads that need a longer look: sums over weeks, emergencies, refusals that end."""

from cast import *  # noqa: F403
from records import *  # noqa: F403

# ---- slow-harvest --------------------------------------------------------------------------------------------------

OWN = "prod/winterday-reports/db"
# First reads are told one by one as well; here the sum is what matters.
NO_FIRSTS = '[rules."first-seen-reader"]\nenabled = false\n'


def established(t, family):
    """All secrets are five weeks old, and the batch role has read its own for as long."""
    for secret in family:
        t.describe_secret("2026-09-21T09:00:00Z", task(), secret)
        t.describe_secret("2026-10-12T09:00:00Z", task(), secret)
    for week in range(6):
        t.get_secret_value(after("2026-09-22T11:00:00Z", 604800 * week), batch_job(), Secret(OWN), decrypt=False)


def harvest(t, family, start="2026-10-24T02:00:00Z", a_day=3):
    """`a_day` secrets each second day, by list, by name, or in the other region."""
    for i, secret in enumerate(family):
        when = after(start, 172800 * (i // a_day) + 3000 * (i % a_day))
        who = batch_job(f"run-{i % 3}")
        if i % 3 == 0:
            t.batch_get_secret_value(when, who, [secret], derived=None, decrypt=False)
        else:
            t.get_secret_value(when, who, secret if i % 3 == 1 else secret.replica("us-east-1"), decrypt=False)


@case
def slow_harvest__fires_three_every_other_night(t):
    """Eleven established secrets in seven nights, three a night, over sessions, regions and batches."""
    family = secrets(11)
    established(t, family)
    harvest(t, family)
    findings = [("slow-harvest", f"{BATCH_ARN}|2026-10-30T00:00:00Z", "medium")]
    return {"policy": NO_FIRSTS, "findings": findings, "tighten": {"floor": 11}, "gz": True}


@case
def slow_harvest__quiet_ten(t):
    """Differs in the number: ten secrets."""
    family = secrets(10)
    established(t, family)
    harvest(t, family)
    return {"policy": NO_FIRSTS, "loosen": {"floor": 9}, "gz": True}


@case
def slow_harvest__quiet_over_two_months(t):
    """Differs in the pace: one secret every fourth day, so that no two weeks see more than four."""
    family = secrets(11)
    established(t, family)
    for i, secret in enumerate(family):
        t.get_secret_value(after("2026-10-24T02:00:00Z", 345600 * i), batch_job(), secret, decrypt=False)
    return {"policy": NO_FIRSTS, "loosen": {"floor": 3}, "gz": True}


@case
def slow_harvest__quiet_declared(t):
    """Differs in the policy: the contracts name the role."""
    family = secrets(11)
    established(t, family)
    harvest(t, family)
    return {"policy": f'[[secrets]]\nmatch = "prod/blizzard-*"\nreaders = ["{BATCH_ARN}", "{TASK_ARN}"]\n', "gz": True}


@case
def slow_harvest__quiet_new_secrets(t):
    """Differs in the secrets: each was made in the days before, as preview environments make them."""
    established(t, [])
    family = secrets(11)
    for secret in family:
        t.create_secret("2026-10-23T09:00:00Z", anna(), secret)
    harvest(t, family)
    return {"policy": NO_FIRSTS, "loosen": {"maturity": "1d"}, "gz": True}


# ---- break-glass-misuse --------------------------------------------------------------------------------------------

EMERGENCIES = '[[secrets]]\nmatch = "prod/*"\nbreak_glass = ["arn:aws:iam::*:role/Snowy-OnCall"]\n'


def reported(family, day):
    """What unexpected-reader reports of each secret in any case."""
    return [("unexpected-reader", f"{HOME}|{s.name}|{ONCALL_ARN}|{day}T00:00:00Z", "low") for s in family]


@case
def break_glass_misuse__fires_many_secrets(t):
    """Six secrets in an afternoon."""
    family = secrets(6)
    for i, secret in enumerate(family):
        t.get_secret_value(after("2026-11-03T18:00:00Z", 1200 * i), on_call(), secret, decrypt=False)
    findings = [("break-glass-misuse", f"{ONCALL_ARN}|2026-11-03T00:00:00Z", "medium"), *reported(family, "2026-11-03")]
    return {"policy": EMERGENCIES, "findings": findings, "tighten": {"max_secrets": 6}}


@case
def break_glass_misuse__fires_a_loop(t):
    """One secret, every twenty minutes, by somebody who is no person."""
    read_every(t, "2026-11-03T16:00:00Z", 1200, 11, on_call(), db())
    findings = [("break-glass-misuse", f"{ONCALL_ARN}|2026-11-03T00:00:00Z", "medium"), *reported([db()], "2026-11-03")]
    return {"policy": EMERGENCIES, "findings": findings, "tighten": {"max_reads": 11}}


@case
def break_glass_misuse__fires_a_habit(t):
    """Once on each of nine days within a month: told on the ninth, not again on the tenth."""
    days = [stamp(after("2026-10-12T00:00:00Z", 172800 * i))[:10] for i in range(10)]
    for day in days:
        t.get_secret_value(f"{day}T18:00:00Z", on_call(), db(), decrypt=False)
    findings = [("break-glass-misuse", f"{ONCALL_ARN}|{days[8]}T00:00:00Z", "medium")]
    findings += [reported([db()], day)[0] for day in days]
    return {"policy": EMERGENCIES, "findings": findings, "tighten": {"max_days": 10}, "gz": True}


@case
def break_glass_misuse__quiet_one_service(t):
    """Differs in the number: five secrets, two reads of each, on the eighth day within a month."""
    family = secrets(5)
    days = [stamp(after("2026-10-12T00:00:00Z", 172800 * i))[:10] for i in range(8)]
    for day in days[:7]:
        t.get_secret_value(f"{day}T18:00:00Z", on_call(), family[0], decrypt=False)
    for i in range(10):
        t.get_secret_value(after(f"{days[7]}T18:00:00Z", 300 * i), on_call(), family[i % 5], decrypt=False)
    findings = [reported(family[:1], day)[0] for day in days[:7]] + reported(family, days[7])
    return {"policy": EMERGENCIES, "findings": findings, "loosen": {"max_secrets": 4}, "gz": True}


@case
def break_glass_misuse__quiet_reader_as_well(t):
    """Differs in the policy: the contract also names the role as a reader."""
    for i, secret in enumerate(secrets(6)):
        t.get_secret_value(after("2026-11-03T18:00:00Z", 1200 * i), on_call(), secret, decrypt=False)
    policy = EMERGENCIES + 'readers = ["arn:aws:iam::*:role/Snowy-OnCall"]\n\n[rules."unexpected-reader"]\nreport_break_glass = false\n'
    return {"policy": policy}


# ---- denied-then-allowed -------------------------------------------------------------------------------------------


@case
def denied_then_allowed__fires_after_two_refusals(t):
    """Refused by name and at the key, then given by ARN in a batch, forty minutes later."""
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job("one"), db(), outcome="denied")
    t.get_secret_value("2026-11-03T10:20:00Z", batch_job("one"), db(), outcome="denied_kms")
    t.batch_get_secret_value("2026-11-03T11:00:00Z", batch_job("two"), [db()], ask="arn", derived=None)
    key = f"{HOME}|prod/blizzard-checkout/db|{BATCH_ARN}|2026-11-03T11:00:00Z"
    return {"findings": [("denied-then-allowed", key, "low")], "tighten": {"within": "30m"}}


@case
def denied_then_allowed__fires_medium_where_it_hurts(t):
    """The same with a secret that the policy calls sensitive."""
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db(), outcome="denied")
    t.get_secret_value("2026-11-03T11:00:00Z", batch_job(), db())
    key = f"{HOME}|prod/blizzard-checkout/db|{BATCH_ARN}|2026-11-03T11:00:00Z"
    policy = '[[secrets]]\nmatch = "prod/*"\nsensitivity = "high"\n'
    return {"policy": policy, "findings": [("denied-then-allowed", key, "medium")], "tighten": {"within": "30m"}}


@case
def denied_then_allowed__fires_medium_for_old_acquaintances(t):
    """The same three weeks later: role and secret have both been around, and never met."""
    t.get_secret_value("2026-10-10T10:00:00Z", task(), db())
    t.get_secret_value("2026-10-10T11:00:00Z", batch_job(), Secret(OWN))
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db(), outcome="denied")
    t.get_secret_value("2026-11-03T11:00:00Z", batch_job(), db())
    key = f"{HOME}|prod/blizzard-checkout/db|{BATCH_ARN}|2026-11-03T11:00:00Z"
    first = ("first-seen-reader", f"{HOME}|prod/blizzard-checkout/db|{BATCH_ARN}|2026-11-03T00:00:00Z", "low")
    return {"findings": [("denied-then-allowed", key, "medium"), first], "tighten": {"within": "30m"}}


@case
def denied_then_allowed__quiet_the_next_day(t):
    """Differs in the time: a day lies between."""
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db(), outcome="denied")
    t.get_secret_value("2026-11-04T10:00:00Z", batch_job(), db())
    return {"loosen": {"within": "24h"}}


@case
def denied_then_allowed__quiet_had_it_before(t):
    """Differs in history: it read the secret a week before, so that it lost its right and got it back."""
    t.get_secret_value("2026-10-27T10:00:00Z", batch_job(), db())
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db(), outcome="denied")
    t.get_secret_value("2026-11-03T11:00:00Z", batch_job(), db())
    return {"loosen": {"memory": "1d"}}


@case
def denied_then_allowed__quiet_other_secret(t):
    """Differs in the secret: refused one, given another."""
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db(), outcome="denied")
    t.get_secret_value("2026-11-03T11:00:00Z", batch_job(), Secret(OWN))
    return {}


@case
def denied_then_allowed__quiet_declared(t):
    """Differs in the policy: the contract names the role; its first deploy lacked the permission."""
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db(), outcome="denied")
    t.get_secret_value("2026-11-03T11:00:00Z", batch_job(), db())
    return {"policy": f'[[secrets]]\nmatch = "prod/*"\nreaders = ["{BATCH_ARN}"]\n'}
