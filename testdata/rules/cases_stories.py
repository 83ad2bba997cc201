"""Cases of the stories: rules whose findings are made of several steps, each of which other rules may tell alone."""

from cast import *  # noqa: F403
from records import *  # noqa: F403

ADMIN_ARN = role_arn("Winterday-Secrets-Admin")
NO_FIRSTS = '[rules."first-seen-reader"]\nenabled = false\n'
DB_KEY = f"{HOME}|prod/blizzard-checkout/db"


def admin():
    """Who manages secrets and rights."""
    return assumed_role("Winterday-Secrets-Admin", "kim", ip="198.51.100.30")


def six_weeks(t):
    """The service reads its secret, the other role reads another, for six weeks."""
    for day in ("2026-09-22", "2026-10-13", "2026-10-27"):
        t.get_secret_value(f"{day}T10:00:00Z", task(), db())
        t.get_secret_value(f"{day}T11:00:00Z", batch_job(), Secret("prod/winterday-reports/db"))


# ---- recon-then-breadth --------------------------------------------------------------------------------------------


def old_lake(t):
    """Somebody was there a month ago, so that it is clear what is usual."""
    t.describe_secret("2026-10-05T10:00:00Z", task(), db())


def read_each(t, family, start="2026-11-03T18:10:00Z", apart=120):
    for i, secret in enumerate(family):
        t.get_secret_value(after(start, apart * i), batch_job(), secret, decrypt=False)


@case
def recon_then_breadth__fires_after_a_listing(t):
    """A listing, and five secrets within twenty minutes: fewer than breadth alone asks for."""
    old_lake(t)
    t.list_secrets("2026-11-03T18:00:00Z", batch_job())
    read_each(t, secrets(5))
    key = f"{BATCH_ARN}|2026-11-03T18:18:00Z"
    return {"findings": [("recon-then-breadth", key, "high")], "tighten": {"min_secrets": 6}, "gz": True}


@case
def recon_then_breadth__fires_critical_after_a_sweep_of_descriptions(t):
    """Ten descriptions by ARN in another session, then eleven secrets in batches: the story outranks breadth."""
    old_lake(t)
    family = secrets(11)
    for i, secret in enumerate(family[:10]):
        t.describe_secret(after("2026-11-03T18:00:00Z", 10 * i), batch_job("look"), secret, ask="arn")
    t.batch_get_secret_value("2026-11-03T18:05:00Z", batch_job("take"), family[:6], derived=None)
    t.batch_get_secret_value("2026-11-03T18:07:00Z", batch_job("take"), family[6:], derived=None)
    findings = [("recon-then-breadth", f"{BATCH_ARN}|2026-11-03T18:05:00Z", "critical"),
                ("secret-read-breadth", f"fast|{BATCH_ARN}|2026-11-03T18:05:00Z", "high")]
    return {"findings": findings, "tighten": {"min_secrets": 12}, "gz": True}


@case
def recon_then_breadth__quiet_four(t):
    """Differs in the number: four secrets."""
    old_lake(t)
    t.list_secrets("2026-11-03T18:00:00Z", batch_job())
    read_each(t, secrets(4))
    return {"loosen": {"min_secrets": 4}}


@case
def recon_then_breadth__fires_low_in_a_young_lake(t):
    """The same on the lake's first day: it may be what happens every night."""
    t.list_secrets("2026-11-03T18:00:00Z", batch_job())
    read_each(t, secrets(5))
    return {"findings": [("recon-then-breadth", f"{BATCH_ARN}|2026-11-03T18:18:00Z", "low")], "tighten": {"min_secrets": 6}}


@case
def recon_then_breadth__quiet_hours_later(t):
    """Differs in the time: two hours lie between."""
    t.list_secrets("2026-11-03T16:00:00Z", batch_job())
    read_each(t, secrets(5))
    return {"loosen": {"within": "3h"}}


@case
def recon_then_breadth__quiet_nine_descriptions(t):
    """Differs in the look around: nine descriptions."""
    for i, secret in enumerate(secrets(9)):
        t.describe_secret(after("2026-11-03T18:00:00Z", 10 * i), batch_job(), secret)
    read_each(t, secrets(5))
    return {"loosen": {"min_described": 9}}


@case
def recon_then_breadth__quiet_as_every_week(t):
    """Differs in history: the tool opened three after a listing a week ago, so that five are not twice as many."""
    t.list_secrets("2026-10-27T18:00:00Z", batch_job())
    read_each(t, secrets(3), "2026-10-27T18:10:00Z")
    t.list_secrets("2026-11-03T18:00:00Z", batch_job())
    read_each(t, secrets(5))
    return {"loosen": {"percent": 150}}


@case
def recon_then_breadth__quiet_refused_to_list(t):
    """Differs in the outcome: the listing was refused."""
    t.list_secrets("2026-11-03T18:00:00Z", batch_job(), outcome="denied")
    read_each(t, secrets(5))
    return {}


# ---- denied-then-granted -------------------------------------------------------------------------------------------


def refused_then_given(t, change):
    """Refused at ten, something happens, given at eleven."""
    six_weeks(t)
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), db(), outcome="denied")
    change()
    t.get_secret_value("2026-11-03T11:00:00Z", batch_job(), db())


def let_in(t, when, who, arn=BATCH_ARN, secret=None):
    """A resource policy that allows a principal."""
    statement = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    t.put_resource_policy(when, who, secret or db(), {"Version": "2012-10-17", "Statement": [statement]})


def role_policy(t, when, who, role="Winterday-Batch-Role"):
    """A policy put on a role."""
    t.other(when, who, "iam.amazonaws.com", "PutRolePolicy", {"roleName": role, "policyName": "more"}, region="us-east-1", read_only=False)


def weekly_admin(t):
    """An admin who changes rights every week."""
    for day in ("2026-10-14", "2026-10-21"):
        role_policy(t, f"{day}T15:00:00Z", admin(), role="Sleet-Export")


GIVEN = [("denied-then-allowed", f"{DB_KEY}|{BATCH_ARN}|2026-11-03T11:00:00Z", "medium")]
GRANTED_KEY = f"{DB_KEY}|{BATCH_ARN}|2026-11-03T11:00:00Z"


@case
def denied_then_granted__fires_critical_for_itself(t):
    """The role puts the policy on itself."""
    refused_then_given(t, lambda: role_policy(t, "2026-11-03T10:30:00Z", batch_job()))
    return {"policy": NO_FIRSTS, "findings": [("denied-then-granted", GRANTED_KEY, "critical"), *GIVEN], "tighten": {"within": "30m"}, "gz": True}


@case
def denied_then_granted__fires_high_by_a_stranger(t):
    """Somebody who never changed rights sets the secret's policy."""
    refused_then_given(t, lambda: let_in(t, "2026-11-03T10:30:00Z", anna()))
    return {"policy": NO_FIRSTS, "findings": [("denied-then-granted", GRANTED_KEY, "high"), *GIVEN], "tighten": {"within": "30m"}, "gz": True}


@case
def denied_then_granted__fires_on_a_grant_of_the_key(t):
    """A grant of the key to the role, which was refused at the key."""
    def grant():
        t.get_secret_value("2026-11-03T10:10:00Z", batch_job(), db(), outcome="denied_kms")
        t.create_grant("2026-11-03T10:30:00Z", anna(), db().key, BATCH_ARN, ["Decrypt"])
    refused_then_given(t, grant)
    return {"policy": NO_FIRSTS, "findings": [("denied-then-granted", GRANTED_KEY, "high"), *GIVEN], "tighten": {"within": "30m"}, "gz": True}


@case
def denied_then_granted__fires_medium_by_the_pipeline(t):
    """The same change, by an admin who sets policies every week; but role and secret are old and never met."""
    weekly_admin(t)
    refused_then_given(t, lambda: let_in(t, "2026-11-03T10:30:00Z", admin()))
    return {"policy": NO_FIRSTS, "findings": [("denied-then-granted", GRANTED_KEY, "medium"), *GIVEN], "tighten": {"within": "30m"}, "gz": True}


@case
def denied_then_granted__fires_low_for_a_new_service_by_the_pipeline(t):
    """The same for a secret that is a day old: a service whose permission was forgotten. Somebody asked and got it."""
    weekly_admin(t)
    new = Secret("prod/blizzard-returns/db")
    six_weeks(t)
    t.create_secret("2026-11-02T10:00:00Z", batch_job("deploy"), new)
    t.get_secret_value("2026-11-03T10:00:00Z", batch_job(), new, outcome="denied")
    let_in(t, "2026-11-03T10:30:00Z", admin(), secret=new)
    t.get_secret_value("2026-11-03T11:00:00Z", batch_job(), new)
    key = f"{HOME}|prod/blizzard-returns/db|{BATCH_ARN}|2026-11-03T11:00:00Z"
    findings = [("denied-then-granted", key, "low"), ("denied-then-allowed", key, "low")]
    return {"policy": NO_FIRSTS, "findings": findings, "tighten": {"within": "30m"}, "gz": True}


@case
def denied_then_granted__fires_high_past_the_contracts_readers(t):
    """The same change by the same admin, though the contract names other readers: the story weighs what its members weigh."""
    weekly_admin(t)
    refused_then_given(t, lambda: let_in(t, "2026-11-03T10:30:00Z", admin()))
    policy = NO_FIRSTS + f'\n[[secrets]]\nmatch = "prod/blizzard-checkout/*"\nreaders = ["{TASK_ARN}"]\n'
    unexpected = ("unexpected-reader", f"{DB_KEY}|{BATCH_ARN}|2026-11-03T00:00:00Z", "high")
    return {"policy": policy, "findings": [("denied-then-granted", GRANTED_KEY, "high"), *GIVEN, unexpected],
            "tighten": {"within": "30m"}, "gz": True}


@case
def denied_then_granted__quiet_other_role(t):
    """Differs in the change: another role's policy."""
    refused_then_given(t, lambda: role_policy(t, "2026-11-03T10:30:00Z", anna(), role="Sleet-Export"))
    return {"policy": NO_FIRSTS, "findings": GIVEN, "gz": True}


@case
def denied_then_granted__quiet_changed_before(t):
    """Differs in the order: the policy was set before the refusal."""
    refused_then_given(t, lambda: let_in(t, "2026-11-03T09:30:00Z", anna()))
    return {"policy": NO_FIRSTS, "findings": GIVEN, "gz": True}


@case
def denied_then_granted__quiet_two_days_later(t):
    """Differs in the time: the value was given two days after the refusal."""
    six_weeks(t)
    t.get_secret_value("2026-11-01T10:00:00Z", batch_job(), db(), outcome="denied")
    let_in(t, "2026-11-01T10:30:00Z", anna())
    t.get_secret_value("2026-11-03T11:00:00Z", batch_job(), db())
    return {"policy": NO_FIRSTS, "loosen": {"within": "3d"}, "gz": True}


# ---- widened-then-external -----------------------------------------------------------------------------------------

ALIEN, SISTER = "999900001111", "222233334444"
ALIEN_ARN = role_arn("Frost-Reports", ALIEN)
ACCOUNTS = f'[organization]\naccounts = ["{ACCOUNT}", "{SISTER}"]\n'


def alien(account=ALIEN):
    """A role of another account."""
    return assumed_role("Frost-Reports", "weekly", account=account, ip="203.0.113.9")


def crossing(account=ALIEN, severity="high", at="2026-11-05T10:00:00Z"):
    return ("cross-account-read", f"{DB_KEY}|{account}|{role_arn('Frost-Reports', account)}|{at[:10]}T00:00:00Z", severity)


@case
@also(("secret-policy-widened", f"{HOME}|prod/blizzard-checkout/db|PutResourcePolicy|2026-11-03T10:00:00Z", "critical"))
def widened_then_external__fires_for_everybody(t):
    """Opened to everybody, and read by an account outside the organization two days later."""
    let_in(t, "2026-11-03T10:00:00Z", admin(), "*")
    t.get_secret_value("2026-11-05T10:00:00Z", alien(), db(), ask="arn")
    findings = [("widened-then-external", f"{DB_KEY}|{ALIEN}|{ALIEN_ARN}|2026-11-05T10:00:00Z", "critical"), crossing()]
    return {"policy": ACCOUNTS, "findings": findings, "tighten": {"within": "1d"}}


@case
@also(("secret-policy-widened", f"{HOME}|prod/blizzard-checkout/db|PutResourcePolicy|2026-11-03T10:00:00Z", "medium"))
def widened_then_external__fires_high_where_nothing_is_listed(t):
    """Opened to one account; the policy does not say which are the organization's."""
    let_in(t, "2026-11-03T10:00:00Z", admin(), f"arn:aws:iam::{ALIEN}:root")
    t.get_secret_value("2026-11-05T10:00:00Z", alien(), db(), ask="arn")
    findings = [("widened-then-external", f"{DB_KEY}|{ALIEN}|{ALIEN_ARN}|2026-11-05T10:00:00Z", "high"), crossing(severity="medium")]
    return {"findings": findings, "tighten": {"within": "1d"}}


@case
@also(("secret-policy-widened", f"{HOME}|prod/blizzard-checkout/db|PutResourcePolicy|2026-11-03T10:00:00Z", "critical"))
def widened_then_external__quiet_after_two_weeks(t):
    """Differs in the time: the read comes two weeks after the change."""
    let_in(t, "2026-11-03T10:00:00Z", admin(), "*")
    t.get_secret_value("2026-11-17T10:00:00Z", alien(), db(), ask="arn")
    return {"policy": ACCOUNTS + NO_FIRSTS, "findings": [crossing(at="2026-11-17T10:00:00Z")], "loosen": {"within": "15d"}}


@case
def widened_then_external__quiet_own_account_let_in(t):
    """Differs in the policy that was set: it lets in a role of the secret's own account."""
    let_in(t, "2026-11-03T10:00:00Z", admin())
    t.get_secret_value("2026-11-05T10:00:00Z", alien(), db(), ask="arn")
    return {"policy": ACCOUNTS, "findings": [crossing()]}


@case
@also(("secret-policy-widened", f"{HOME}|prod/blizzard-checkout/db|PutResourcePolicy|2026-11-03T10:00:00Z", "critical"))
def widened_then_external__quiet_reads_since_long(t):
    """Differs in history: the partner read the secret before the change as well."""
    t.get_secret_value("2026-10-28T10:00:00Z", alien(), db(), ask="arn")
    let_in(t, "2026-11-03T10:00:00Z", admin(), "*")
    t.get_secret_value("2026-11-05T10:00:00Z", alien(), db(), ask="arn")
    return {"policy": ACCOUNTS, "findings": [crossing(at="2026-10-28T10:00:00Z")], "loosen": {"memory": "5d"}}


# ---- rotation-cancelled-then-read ----------------------------------------------------------------------------------


@case
@also(("rotation-disabled", f"{HOME}|prod/blizzard-checkout/db|2026-11-03T18:00:00Z", "medium"))
def rotation_cancelled_then_read__fires_for_the_same_hand(t):
    """An admin switches rotation off and reads the value, twice: one finding."""
    t.cancel_rotate_secret("2026-11-03T18:00:00Z", admin(), db())
    t.get_secret_value("2026-11-03T18:20:00Z", admin(), db())
    t.get_secret_value("2026-11-03T19:00:00Z", admin(), db())
    key = f"{DB_KEY}|{ADMIN_ARN}|2026-11-03T18:20:00Z"
    return {"findings": [("rotation-cancelled-then-read", key, "high")], "tighten": {"within": "10m"}}


@case
@also(("rotation-disabled", f"{HOME}|prod/blizzard-checkout/db|2026-11-03T18:00:00Z", "high"))
def rotation_cancelled_then_read__fires_critical_for_a_stranger(t):
    """One role switches it off, another that never read it reads a sensitive value, in a batch."""
    six_weeks(t)
    t.cancel_rotate_secret("2026-11-03T18:00:00Z", admin(), db())
    t.batch_get_secret_value("2026-11-03T18:20:00Z", batch_job(), [db()], derived=None)
    key = f"{DB_KEY}|{BATCH_ARN}|2026-11-03T18:20:00Z"
    policy = '[[secrets]]\nmatch = "prod/*"\nsensitivity = "high"\n\n' + NO_FIRSTS
    return {"policy": policy, "findings": [("rotation-cancelled-then-read", key, "critical")], "tighten": {"within": "10m"}, "gz": True}


@case
@also(("rotation-disabled", f"{HOME}|prod/blizzard-checkout/db|2026-11-03T18:00:00Z", "medium"))
def rotation_cancelled_then_read__quiet_the_service_goes_on(t):
    """Differs in the reader: the service that always reads it."""
    six_weeks(t)
    t.cancel_rotate_secret("2026-11-03T18:00:00Z", admin(), db())
    t.get_secret_value("2026-11-03T18:20:00Z", task(), db())
    return {"loosen": {"memory": "5d"}, "gz": True}


@case
@also(("rotation-disabled", f"{HOME}|prod/blizzard-checkout/db|2026-11-03T18:00:00Z", "medium"))
def rotation_cancelled_then_read__quiet_days_later(t):
    """Differs in the time: two days lie between."""
    t.cancel_rotate_secret("2026-11-03T18:00:00Z", admin(), db())
    t.get_secret_value("2026-11-05T18:20:00Z", admin(), db())
    return {"loosen": {"within": "3d"}}


@case
def rotation_cancelled_then_read__quiet_refused(t):
    """Differs in the outcome: the cancelling was refused."""
    t.cancel_rotate_secret("2026-11-03T18:00:00Z", admin(), db(), outcome="denied")
    t.get_secret_value("2026-11-03T18:20:00Z", admin(), db())
    return {}


# ---- read-after-blinding -------------------------------------------------------------------------------------------

LEGACY_ARN = f"arn:aws:iam::{ACCOUNT}:user/terraform-legacy"


def legacy():
    """An IAM user whose key should have been gone for years."""
    return iam_user("terraform-legacy")


def blinded(call, rank, at="2026-11-03T18:00:00Z"):
    return ("trail-blinded", f"{HOME}|snowy-trail|{call}|{at}", rank)


@case
def read_after_blinding__fires_for_the_same_hand(t):
    """Logging is stopped, and ten minutes later the same user reads two secrets."""
    t.trail_call("2026-11-03T18:00:00Z", legacy(), "StopLogging")
    for i, secret in enumerate(secrets(2)):
        t.get_secret_value(after("2026-11-03T18:10:00Z", 30 * i), legacy(), secret)
    key = f"snowy-trail|StopLogging|2026-11-03T18:00:00Z|{LEGACY_ARN}|2026-11-03T18:10:00Z"
    return {"findings": [("read-after-blinding", key, "critical"), blinded("StopLogging", "critical")], "tighten": {"within": "5m"}}


@case
def read_after_blinding__fires_for_the_same_address(t):
    """KMS is taken out of the trail; then a role reads from the same address."""
    t.put_event_selectors("2026-11-03T18:00:00Z", legacy(), basic=[basic_selector(exclude=["kms.amazonaws.com"])])
    t.get_secret_value("2026-11-03T18:10:00Z", batch_job().but(ip="198.51.100.77"), db(), decrypt=False)
    key = f"snowy-trail|PutEventSelectors|2026-11-03T18:00:00Z|{BATCH_ARN}|2026-11-03T18:10:00Z"
    return {"findings": [("read-after-blinding", key, "critical"), blinded("PutEventSelectors", "high")], "tighten": {"within": "5m"}}


@case
def read_after_blinding__fires_high_for_a_stranger(t):
    """A role that never read the secret does so in the dark, from elsewhere."""
    six_weeks(t)
    t.trail_call("2026-11-03T18:00:00Z", legacy(), "StopLogging")
    t.get_secret_value("2026-11-03T18:10:00Z", batch_job(), db())
    key = f"snowy-trail|StopLogging|2026-11-03T18:00:00Z|{BATCH_ARN}|2026-11-03T18:10:00Z"
    findings = [("read-after-blinding", key, "high"), blinded("StopLogging", "critical")]
    return {"policy": NO_FIRSTS, "findings": findings, "tighten": {"within": "5m"}, "gz": True}


@case
def read_after_blinding__fires_for_what_was_read_just_before(t):
    """A user reads a secret and stops the logging ten minutes later."""
    t.get_secret_value("2026-11-03T17:50:00Z", legacy(), db())
    t.trail_call("2026-11-03T18:00:00Z", legacy(), "StopLogging")
    key = f"snowy-trail|StopLogging|2026-11-03T18:00:00Z|{LEGACY_ARN}|2026-11-03T17:50:00Z"
    return {"findings": [("read-after-blinding", key, "critical"), blinded("StopLogging", "critical")], "tighten": {"within": "5m"}}


@case
def read_after_blinding__quiet_the_service_goes_on(t):
    """Differs in the reader: the service that always reads it."""
    six_weeks(t)
    t.trail_call("2026-11-03T18:00:00Z", legacy(), "StopLogging")
    t.get_secret_value("2026-11-03T18:10:00Z", task(), db())
    return {"findings": [blinded("StopLogging", "critical")], "loosen": {"memory": "5d"}, "gz": True}


@case
def read_after_blinding__quiet_after_half_an_hour(t):
    """Differs in the time: half an hour lies between."""
    t.trail_call("2026-11-03T18:00:00Z", legacy(), "StopLogging")
    t.get_secret_value("2026-11-03T18:30:00Z", legacy(), db())
    return {"findings": [blinded("StopLogging", "critical")], "loosen": {"within": "1h"}}


@case
def read_after_blinding__quiet_trail_widened(t):
    """Differs in the call: selectors that record all management events."""
    t.put_event_selectors("2026-11-03T18:00:00Z", legacy(), basic=[basic_selector()])
    t.get_secret_value("2026-11-03T18:10:00Z", legacy(), db())
    return {}


# ---- newcomer-role-read --------------------------------------------------------------------------------------------

DEPLOY = assumed_role("ci-blizzard-deploy", "run-7", ip="10.20.8.8")
DEPLOY_ARN = role_arn("ci-blizzard-deploy")


def enter(t, when, who, role=BATCH_ARN, **how):
    t.assume_role(when, who, role, "debug", **how)


@case
def newcomer_role_read__fires_medium_within_the_account(t):
    """A pipeline assumes the batch role for the first time, and the role reads a secret that it never read."""
    six_weeks(t)
    enter(t, "2026-11-03T18:00:00Z", DEPLOY)
    t.get_secret_value("2026-11-03T18:20:00Z", batch_job("debug"), db())
    key = f"{DB_KEY}|{BATCH_ARN}|{DEPLOY_ARN}|2026-11-03T18:20:00Z"
    return {"policy": NO_FIRSTS, "findings": [("newcomer-role-read", key, "medium")], "tighten": {"within": "10m"}, "gz": True}


@case
def newcomer_role_read__fires_high_from_another_account(t):
    """The same by a role of another account."""
    six_weeks(t)
    enter(t, "2026-11-03T18:00:00Z", alien())
    t.get_secret_value("2026-11-03T18:20:00Z", batch_job("debug"), db())
    key = f"{DB_KEY}|{BATCH_ARN}|{ALIEN_ARN}|2026-11-03T18:20:00Z"
    return {"policy": NO_FIRSTS, "findings": [("newcomer-role-read", key, "high")], "tighten": {"within": "10m"}, "gz": True}


@case
def newcomer_role_read__quiet_assumes_it_always(t):
    """Differs in history: the pipeline assumed the role two weeks ago as well."""
    six_weeks(t)
    enter(t, "2026-10-20T18:00:00Z", DEPLOY)
    enter(t, "2026-11-03T18:00:00Z", DEPLOY)
    t.get_secret_value("2026-11-03T18:20:00Z", batch_job("debug"), db())
    return {"policy": NO_FIRSTS, "loosen": {"memory": "13d", "maturity": "7d"}, "gz": True}


@case
def newcomer_role_read__quiet_reads_what_it_reads(t):
    """Differs in the secret: the role's own."""
    six_weeks(t)
    enter(t, "2026-11-03T18:00:00Z", DEPLOY)
    t.get_secret_value("2026-11-03T18:20:00Z", batch_job("debug"), Secret("prod/winterday-reports/db"))
    return {"policy": NO_FIRSTS, "gz": True}


@case
def newcomer_role_read__quiet_the_next_morning(t):
    """Differs in the time: fifteen hours lie between."""
    six_weeks(t)
    enter(t, "2026-11-03T18:00:00Z", DEPLOY)
    t.get_secret_value("2026-11-04T09:00:00Z", batch_job("debug"), db())
    return {"policy": NO_FIRSTS, "loosen": {"within": "20h"}, "gz": True}


@case
def newcomer_role_read__quiet_service(t):
    """Differs in who assumes: the container service, for a task."""
    six_weeks(t)
    enter(t, "2026-11-03T18:00:00Z", aws_service("ecs-tasks.amazonaws.com"))
    t.get_secret_value("2026-11-03T18:20:00Z", batch_job("debug"), db())
    return {"policy": NO_FIRSTS, "gz": True}
