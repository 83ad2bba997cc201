"""Cases of the rules about versions, deleted secrets, and the two logs of a read."""

from cast import *  # noqa: F403
from records import *  # noqa: F403

# ---- stale-version-read --------------------------------------------------------------------------------------------

TUESDAY = "2026-11-03T10:00:00Z"


def rotated(t):
    """The checkout database's secret, read by its service, rotated on Tuesday at ten. Gives it, and its old version."""
    secret = db()
    old = secret.version_at(TUESDAY)
    t.get_secret_value("2026-11-02T10:00:00Z", task(), secret)
    t.rotation(TUESDAY, secret, rotator())
    return secret, old


GRACE = """[[secrets]]
match = "prod/blizzard-checkout/*"

[secrets.parameters.stale-version-read]
grace = "3h"
"""


def stale_key(arn, at="2026-11-03T10:00:15Z"):
    return f"{HOME}|prod/blizzard-checkout/db|{arn}|{at}"


@case
def stale_version_read__fires_on_a_pinned_version(t):
    """A job that names the old version's id, two hours after the rotation and on the next day: one finding."""
    secret, old = rotated(t)
    for when in ("2026-11-03T12:00:00Z", "2026-11-03T18:00:00Z", "2026-11-04T18:00:00Z"):
        t.get_secret_value(when, batch_job(), secret, version_id=old)
    return {"findings": [("stale-version-read", stale_key(BATCH_ARN), "medium")], "tighten": {"min_reads": 3}}


@case
def stale_version_read__fires_after_a_change_by_hand(t):
    """A value set by hand; the replica's reader still asks for the old version."""
    secret = db()
    old = secret.version_at(TUESDAY)
    t.get_secret_value("2026-11-02T10:00:00Z", task(), secret)
    admin = assumed_role("Winterday-Secrets-Admin", "kim", ip="198.51.100.30")
    t.put_secret_value(TUESDAY, admin, secret, "5a1d1111-2222-4333-8444-555566667777")
    t.get_secret_value("2026-11-03T12:00:00Z", task(), secret.replica("us-east-1"), version_id=old, decrypt=False)
    key = f"{ACCOUNT}|us-east-1|prod/blizzard-checkout/db|{TASK_ARN}|2026-11-03T10:00:00Z"
    return {"findings": [("stale-version-read", key, "medium")], "tighten": {"min_reads": 2}}


@case
def stale_version_read__fires_low_for_the_previous_label(t):
    """A client that asks for AWSPREVIOUS."""
    secret, _ = rotated(t)
    t.get_secret_value("2026-11-03T12:00:00Z", batch_job(), secret, version_stage="AWSPREVIOUS", decrypt=False)
    return {"findings": [("stale-version-read", stale_key(BATCH_ARN), "low")], "tighten": {"min_reads": 2}}


@case
def stale_version_read__fires_beyond_the_contracts_grace(t):
    """Half an hour after the rotation, and the contract forgives ten minutes."""
    secret, old = rotated(t)
    t.get_secret_value("2026-11-03T10:30:00Z", batch_job(), secret, version_id=old)
    return {"policy": GRACE.replace("3h", "10m"), "findings": [("stale-version-read", stale_key(BATCH_ARN), "medium")],
            "tighten": {"min_reads": 2}}


@case
def stale_version_read__quiet_within_the_contracts_grace(t):
    """Differs in the contract: it forgives three hours, though others have one."""
    secret, old = rotated(t)
    t.get_secret_value("2026-11-03T12:00:00Z", batch_job(), secret, version_id=old)
    return {"policy": GRACE}


@case
def stale_version_read__quiet_no_version_asked_for(t):
    """Differs in the call: it names no version, and only the key's log shows the old one. A label moved out of sight."""
    secret, old = rotated(t)
    t.get_secret_value("2026-11-03T12:00:00Z", batch_job(), secret, decrypt=False)
    t.secret_decrypt("2026-11-03T12:00:00Z", batch_job(), secret, old)
    return {}


@case
def stale_version_read__quiet_within_the_grace(t):
    """Differs in the time: half an hour after the rotation."""
    secret, old = rotated(t)
    t.get_secret_value("2026-11-03T10:30:00Z", batch_job(), secret, version_id=old)
    return {"loosen": {"grace": "10m"}}


@case
def stale_version_read__quiet_current_version(t):
    """Differs in the version: the one that the rotation made."""
    secret, _ = rotated(t)
    t.get_secret_value("2026-11-03T12:00:00Z", batch_job(), secret, version_id=secret.version_at("2026-11-03T12:00:00Z"))
    return {}


@case
def stale_version_read__quiet_after_a_rollback(t):
    """Differs in what is current: somebody moved the label back."""
    secret, old = rotated(t)
    new = secret.version_at("2026-11-03T10:30:00Z")
    admin = assumed_role("Winterday-Secrets-Admin", "kim", ip="198.51.100.30")
    t.update_secret_version_stage("2026-11-03T10:40:00Z", admin, secret, old, new)
    t.get_secret_value("2026-11-03T12:00:00Z", batch_job(), secret, version_id=old)
    return {}


@case
def stale_version_read__quiet_next_rotation(t):
    """Differs in the reader: the rotation function, which reads AWSPREVIOUS a week later."""
    secret, _ = rotated(t)
    t.rotation("2026-11-10T10:00:00Z", secret, rotator())
    return {}


# ---- doomed-secret-access ------------------------------------------------------------------------------------------


def deleted(t, *minutes, outcome="deleted", who=None, **how):
    """The service's secret is deleted at ten, and asked for some minutes later."""
    admin = assumed_role("Winterday-Secrets-Admin", "kim", ip="198.51.100.30")
    t.get_secret_value("2026-11-02T10:00:00Z", task(), db())
    t.delete_secret(TUESDAY, admin, db(), **how)
    for minute in minutes:
        t.get_secret_value(after(TUESDAY, 60 * minute), who or task(), db(), outcome=outcome)


@case
@also(("secret-deleted", f"{HOME}|prod/blizzard-checkout/db|2026-11-03T10:00:00Z", "medium"))
def doomed_secret_access__fires_for_hours(t):
    """The service goes on asking for two hours; on the next day too, which is no second finding."""
    deleted(t, 5, 65, 125, 1600)
    return {"findings": [("doomed-secret-access", stale_key(TASK_ARN, TUESDAY), "medium")], "tighten": {"min_attempts": 5, "straggling": "2d"}}


@case
@also(("secret-deleted", f"{HOME}|prod/blizzard-checkout/db|2026-11-03T10:00:00Z", "high"))
def doomed_secret_access__fires_low_for_minutes(t):
    """Deleted without recovery; its tasks outlive it by half an hour."""
    deleted(t, 1, 10, 30, outcome="not_found", force=True)
    return {"findings": [("doomed-secret-access", stale_key(TASK_ARN, TUESDAY), "low")], "tighten": {"min_attempts": 4}}


@case
@also(("secret-deleted", f"{HOME}|prod/blizzard-checkout/db|2026-11-03T10:00:00Z", "medium"))
def doomed_secret_access__quiet_a_straggler(t):
    """Differs in the number: two attempts, at once after the deletion."""
    deleted(t, 5, 50)
    return {"loosen": {"min_attempts": 2}}


@case
@also(("secret-deleted", f"{HOME}|prod/blizzard-checkout/db|2026-11-03T10:00:00Z", "medium"))
def doomed_secret_access__fires_low_once_three_days_later(t):
    """One attempt, three days later: a job that nobody thought of."""
    deleted(t, 4320)
    return {"findings": [("doomed-secret-access", stale_key(TASK_ARN, TUESDAY), "low")], "tighten": {"straggling": "4d"}}


@case
@also(("secret-deleted", f"{HOME}|prod/blizzard-checkout/db|2026-11-03T10:00:00Z", "medium"))
def doomed_secret_access__quiet_restored(t):
    """Differs in the secret's life: it is restored before the attempts that fail for another reason."""
    deleted(t)
    t.restore_secret("2026-11-03T10:02:00Z", assumed_role("Winterday-Secrets-Admin", "kim", ip="198.51.100.30"), db())
    for minute in (5, 65, 125):
        t.get_secret_value(after(TUESDAY, 60 * minute), task(), db(), outcome="not_found")
    return {}


@case
@also(("secret-deleted", f"{HOME}|prod/blizzard-checkout/db|2026-11-03T10:00:00Z", "medium"))
def doomed_secret_access__quiet_misspelt(t):
    """Differs in the secret: one that never was."""
    deleted(t)
    for minute in (5, 65, 125):
        t.get_secret_value(after(TUESDAY, 60 * minute), task(), Secret("prod/blizzard-checkuot/db"), outcome="not_found")
    return {}


# ---- ledger-mismatch -----------------------------------------------------------------------------------------------

LATER = "2026-11-04T12:00:00Z"


def paired(t, count=40):
    """Two secrets, read every two hours, each read with its Decrypt."""
    for i in range(count):
        t.get_secret_value(after("2026-10-30T10:00:00Z", 7200 * i), task(), [db(), Secret("prod/winterday-reports/db")][i % 2])


def unpaired(t, count=6, secret=None, apart=600):
    for i in range(count):
        t.get_secret_value(after("2026-11-03T18:00:00Z", apart * i), task(), secret or secrets(3)[i % 3], decrypt=False)


@case
def ledger_mismatch__fires_kms_is_missing(t):
    """Six reads of three secrets within the hour leave no Decrypt."""
    paired(t)
    unpaired(t)
    key = f"no-decrypt|{HOME}|*|2026-11-02T16:00:00Z"
    return {"now": LATER, "findings": [("ledger-mismatch", key, "medium")], "tighten": {"run": 7}, "gz": True}


@case
def ledger_mismatch__fires_low_for_one_secret(t):
    """One secret's reads have lost their Decrypts, another's have theirs."""
    paired(t, 62)
    for i in range(6):
        t.get_secret_value(after("2026-11-04T14:00:00Z", 600 * i), task(), db(), decrypt=False)
        t.get_secret_value(after("2026-11-04T14:05:00Z", 600 * i), task(), Secret("prod/winterday-reports/db"))
    key = f"no-decrypt|{HOME}|prod/blizzard-checkout/db|2026-11-04T10:00:00Z"
    return {"now": "2026-11-05T12:00:00Z", "findings": [("ledger-mismatch", key, "low")], "tighten": {"run": 7}, "gz": True}


def interleaved(t, odd):
    """Fourteen reads of a day, of which some have no Decrypt, each between two that have one."""
    paired(t, 86)
    for i in range(14):
        t.get_secret_value(after("2026-11-05T14:10:00Z", 600 * i), task(), db(), decrypt=i % 2 == 0 or i // 2 >= odd)


@case
def ledger_mismatch__fires_low_between_others_that_have_theirs(t):
    """Six of a day's reads of one secret have no Decrypt, never two in a row."""
    interleaved(t, 6)
    key = f"few-decrypts|{HOME}|prod/blizzard-checkout/db|2026-11-05T00:00:00Z"
    return {"now": "2026-11-07T12:00:00Z", "findings": [("ledger-mismatch", key, "low")], "tighten": {"run": 7}, "gz": True}


@case
def ledger_mismatch__quiet_five_between_others(t):
    """Differs in the number: five."""
    interleaved(t, 5)
    return {"now": "2026-11-07T12:00:00Z", "loosen": {"run": 5, "day_percent": 20}, "gz": True}


@case
def ledger_mismatch__fires_reads_are_missing(t):
    """Five values are decrypted for a role that, by the trail, asked Secrets Manager for nothing."""
    for i, secret in enumerate(secrets(5)):
        t.secret_decrypt(after("2026-11-03T18:00:00Z", 600 * i), batch_job(), secret, secret.version_at(TUESDAY))
    key = f"no-read|{HOME}|2026-11-03T00:00:00Z"
    return {"now": LATER, "findings": [("ledger-mismatch", key, "medium")], "tighten": {"min_orphans": 6}}


@case
def ledger_mismatch__quiet_before_the_deadline(t):
    """Differs in the time of looking: the other records may still come."""
    paired(t)
    unpaired(t)
    return {"now": "2026-11-03T20:30:00Z", "loosen": {"deadline": "1h"}, "gz": True}


@case
def ledger_mismatch__quiet_five(t):
    """Differs in the number: five reads, and a batch of three in one second with the last of them."""
    paired(t)
    unpaired(t, 5)
    t.batch_get_secret_value("2026-11-03T18:40:00Z", task(), [Secret(f"prod/snowy-{i}/db") for i in range(3)], derived=None, decrypt=False)
    return {"now": LATER, "loosen": {"run": 5}, "gz": True}


@case
def ledger_mismatch__quiet_never_had_any(t):
    """Differs in history: the reads before had no Decrypts either, because KMS was never in the trail."""
    for i in range(40):
        t.get_secret_value(after("2026-10-30T10:00:00Z", 7200 * i), task(), db(), decrypt=False)
    unpaired(t)
    return {"now": LATER, "gz": True}


@case
def ledger_mismatch__quiet_batch_by_filter(t):
    """Differs in the calls: a batch by filter stands before the Decrypts, though it names no secret."""
    family = secrets(5)
    t.batch_get_secret_value("2026-11-03T18:00:00Z", batch_job(), family, filters=[{"key": "name", "values": ["prod/"]}], derived=None)
    return {"now": LATER}
