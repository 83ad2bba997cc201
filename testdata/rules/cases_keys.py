"""Cases of the rules about what happens to keys: their life, policies, grants, aliases and rotation."""

from cast import *  # noqa: F403
from records import *  # noqa: F403

KEY = key_arn("secrets")  # noqa: F405 (the key of every secret in these cases)
KEY_ID = KEY.split("/")[-1]
STRANGE = "444455556666"
DEPLOY = assumed_role("ci-deploy", "run-7", ip="10.20.7.7")


def on_key(call, at=NOON):
    """The part of a finding's key that names the key, the call and the time."""
    return f"{HOME}|{KEY_ID}|{call}|{at}"


def old_lake(t):
    """The lake began six weeks ago, with something else."""
    t.get_secret_value("2026-09-20T10:00:00Z", batch_job(), Secret("prod/winterday-reports/db", key=key_arn("reports")))  # noqa: F405


def used_key(t):
    """A lake of six weeks, in which a service used the key a few days ago."""
    old_lake(t)
    t.get_secret_value("2026-09-21T10:00:00Z", task(), db())
    t.get_secret_value("2026-10-30T10:00:00Z", task(), db())


# ---- key-about-to-die ----------------------------------------------------------------------------------------------


@case
def key_about_to_die__fires_deletion_scheduled(t):
    """A service read a secret under the key four days ago."""
    used_key(t)
    t.schedule_key_deletion(NOON, STRANGER, KEY, days=7)
    return {"findings": [("key-about-to-die", on_key("ScheduleKeyDeletion"), "high")], "tighten": {"min_uses": 2}}


@case
def key_about_to_die__fires_critical_for_sensitive_secrets(t):
    """Disabled; the contract says that the secret under it is critical."""
    used_key(t)
    t.key_switch(NOON, STRANGER, "DisableKey", KEY)
    return {"policy": CONTRACT, "findings": [("key-about-to-die", on_key("DisableKey"), "critical")], "tighten": {"min_uses": 2}}


@case
def key_about_to_die__fires_material_deleted(t):
    """Imported material has no waiting period. A parameter and a caller's own data were under the key."""
    old_lake(t)
    t.get_parameters("2026-10-30T10:00:00Z", task(), ["/prod/checkout/flag-key"], key=KEY)
    t.kms_decrypt("2026-10-30T11:00:00Z", batch_job(), KEY, {"purpose": "exports"})
    t.key_material_gone(NOON, KEY, STRANGER)
    return {"findings": [("key-about-to-die", on_key("DeleteImportedKeyMaterial"), "high")], "tighten": {"min_uses": 3}}


@case
def key_about_to_die__fires_material_expired(t):
    """Nobody did it: a date that was set long ago came. The event is a service's."""
    used_key(t)
    t.key_material_gone(NOON, KEY)
    return {"findings": [("key-about-to-die", on_key("DeleteExpiredKeyMaterial"), "high")], "tighten": {"min_uses": 2}}


@case
def key_about_to_die__fires_medium_in_a_young_lake(t):
    """Nothing used it, but the lake is a day old and cannot know."""
    t.get_secret_value("2026-11-02T10:00:00Z", batch_job(), Secret("prod/winterday-reports/db", key=key_arn("reports")))  # noqa: F405
    t.schedule_key_deletion(NOON, DEPLOY, KEY)
    return {"findings": [("key-about-to-die", on_key("ScheduleKeyDeletion"), "medium")], "tighten": {"min_uses": 1}}


@case
def key_about_to_die__fires_low_when_nothing_used_it(t):
    """Replaced a month before: the last use lies beyond the memory."""
    old_lake(t)
    t.get_secret_value("2026-09-30T10:00:00Z", task(), db())
    t.schedule_key_deletion(NOON, DEPLOY, KEY)
    return {"findings": [("key-about-to-die", on_key("ScheduleKeyDeletion"), "low")], "tighten": {"min_uses": 1}}


@case
def key_about_to_die__fires_low_when_taken_back(t):
    """A slip: deletion cancelled after ten minutes, and the key, which stays disabled then, enabled."""
    used_key(t)
    t.schedule_key_deletion(NOON, DEPLOY, KEY)
    t.key_switch(after(NOON, 600), DEPLOY, "CancelKeyDeletion", KEY)
    t.key_switch(after(NOON, 660), DEPLOY, "EnableKey", KEY)
    return {"findings": [("key-about-to-die", on_key("ScheduleKeyDeletion"), "low")], "tighten": {"min_uses": 2}}


@case
def key_about_to_die__fires_though_the_deletion_was_cancelled(t):
    """Cancelled, but not enabled: what the key encrypts stays unreadable."""
    used_key(t)
    t.schedule_key_deletion(NOON, DEPLOY, KEY)
    t.key_switch(after(NOON, 600), DEPLOY, "CancelKeyDeletion", KEY)
    return {"findings": [("key-about-to-die", on_key("ScheduleKeyDeletion"), "high")], "tighten": {"min_uses": 2}}


@case
def key_about_to_die__quiet_enabled(t):
    """Differs in the call: a key that was disabled before the lake began is enabled."""
    used_key(t)
    t.key_switch(NOON, DEPLOY, "EnableKey", KEY)
    return {}


@case
def key_about_to_die__quiet_unused_and_not_asked_for(t):
    """Differs in the policy: only keys that are in use are to be told."""
    old_lake(t)
    t.schedule_key_deletion(NOON, DEPLOY, KEY)
    return {"policy": '[rules."key-about-to-die"]\nmin_uses = 1\n', "loosen": {"min_uses": 0}}


@case
def key_about_to_die__quiet_refused(t):
    """Differs in the outcome: the intruder was not allowed to."""
    used_key(t)
    t.schedule_key_deletion(NOON, STRANGER, KEY, errorCode="AccessDenied", responseElements=None)
    return {}


# ---- key-policy-widened --------------------------------------------------------------------------------------------

ROOT = {"Sid": "Root", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
VIA = {"StringEquals": {"kms:ViaService": "secretsmanager.us-west-2.amazonaws.com"}}


def use(*principals, sid="Use", actions=("kms:Decrypt", "kms:DescribeKey"), condition=None, effect="Allow"):
    """One statement of a key policy."""
    statement = {"Sid": sid, "Effect": effect, "Principal": "*" if principals == ("*",) else {"AWS": list(principals)},
                 "Action": list(actions), "Resource": "*"}
    return {**statement, "Condition": condition} if condition else statement


def policy_of(*statements):
    """A key policy."""
    return {"Version": "2012-10-17", "Statement": [ROOT, *statements]}


def widened(severity, call="PutKeyPolicy", **more):
    """One finding of key-policy-widened, at noon."""
    return {"policy": ORGANIZATION, "findings": [("key-policy-widened", on_key(call), severity)], "tighten": {"min_rank": 5}, **more}


@case
def key_policy_widened__fires_everybody(t):
    """A star, and no condition."""
    t.put_key_policy(NOON, STRANGER, KEY, policy_of(use("*")))
    return widened("critical")


@case
def key_policy_widened__fires_everybody_but_one(t):
    """A NotPrincipal in an Allow is a star in disguise."""
    statement = use(TASK_ARN)
    statement["NotPrincipal"] = statement.pop("Principal")
    t.put_key_policy(NOON, STRANGER, KEY, policy_of(statement))
    return widened("critical")


@case
def key_policy_widened__fires_another_account(t):
    """A role of an account that the organization does not list, beside one that it lists."""
    t.put_key_policy(NOON, STRANGER, KEY, policy_of(use(role_arn("Reader", STRANGE), role_arn("Reader", "222233334444"))))
    return widened("high", tighten={"min_rank": 4})


@case
def key_policy_widened__fires_medium_for_another_account_under_a_condition(t):
    """A bare account number, through Secrets Manager only."""
    t.put_key_policy(NOON, STRANGER, KEY, policy_of(use(STRANGE, condition=VIA)))
    return widened("medium", tighten={"min_rank": 3})


@case
def key_policy_widened__fires_medium_when_nobody_lists_accounts(t):
    """Without a policy file nobody can say whose account it is."""
    t.put_key_policy(NOON, STRANGER, KEY, policy_of(use(role_arn("Reader", STRANGE))))
    return widened("medium", policy=None, tighten={"min_rank": 3})


@case
def key_policy_widened__fires_more_for_the_same_outsider(t):
    """It could encrypt before; now it can decrypt."""
    t.put_key_policy("2026-10-03T12:00:00Z", DEPLOY, KEY, policy_of(use(STRANGE, actions=["kms:Encrypt"], condition=VIA)))
    t.put_key_policy(NOON, STRANGER, KEY, policy_of(use(STRANGE, actions=["kms:Encrypt", "kms:Decrypt"], condition=VIA)))
    return widened("medium", tighten={"min_rank": 3})


@case
def key_policy_widened__fires_condition_lost(t):
    """The service could use the key through Secrets Manager only; now by hand too."""
    t.put_key_policy("2026-10-03T12:00:00Z", DEPLOY, KEY, policy_of(use(TASK_ARN, condition=VIA)))
    t.put_key_policy(NOON, STRANGER, KEY, policy_of(use(TASK_ARN)))
    return widened("medium", tighten={"min_rank": 3})


@case
def key_policy_widened__fires_deny_lost(t):
    """What nobody was to do, somebody may do again."""
    t.put_key_policy("2026-10-03T12:00:00Z", DEPLOY, KEY, policy_of(use("*", sid="Never", actions=["kms:ScheduleKeyDeletion"], effect="Deny")))
    t.put_key_policy(NOON, STRANGER, KEY, policy_of())
    return widened("medium", tighten={"min_rank": 3})


@case
def key_policy_widened__fires_too_large_to_be_shown(t):
    """CloudTrail left the policy out."""
    t.put_key_policy(NOON, STRANGER, KEY, policy_of(use(TASK_ARN)))["requestParameters"] = {"omitted": True}
    return widened("high", tighten={"min_rank": 4})


@case
def key_policy_widened__fires_born_wide(t):
    """A key whose first policy lets a stranger in."""
    t.create_key(NOON, STRANGER, KEY, policy=policy_of(use(role_arn("Reader", STRANGE))))
    return widened("high", "CreateKey", tighten={"min_rank": 4})


@case
def key_policy_widened__quiet_account_of_ours(t):
    """Differs in the account: one that the organization lists."""
    t.put_key_policy(NOON, DEPLOY, KEY, policy_of(use(role_arn("Reader", "222233334444"))))
    return {"policy": ORGANIZATION, "loosen": {"min_rank": 0}}


@case
def key_policy_widened__quiet_said_again(t):
    """Differs in the actions: the outsider may do what it could; infrastructure as code sets the same in another order."""
    outsider = use(STRANGE, sid="Partner", actions=["kms:Encrypt"], condition=VIA)
    t.put_key_policy("2026-10-03T12:00:00Z", DEPLOY, KEY, policy_of(outsider, use(TASK_ARN)))
    t.put_key_policy(NOON, DEPLOY, KEY, policy_of(use(TASK_ARN), outsider))
    return {"policy": ORGANIZATION, "loosen": {"min_rank": 0}}


@case
def key_policy_widened__quiet_aws_pattern(t):
    """Differs in the condition: everybody of the own account, through a service, as AWS's own keys have it."""
    condition = {"StringEquals": {"kms:CallerAccount": ACCOUNT, **VIA["StringEquals"]}}
    t.put_key_policy(NOON, DEPLOY, KEY, policy_of(use("*", condition=condition)))
    return {"policy": ORGANIZATION, "loosen": {"min_rank": 1}}


@case
def key_policy_widened__quiet_condition_gained(t):
    """Differs in the direction."""
    t.put_key_policy("2026-10-03T12:00:00Z", DEPLOY, KEY, policy_of(use(TASK_ARN)))
    t.put_key_policy(NOON, DEPLOY, KEY, policy_of(use(TASK_ARN, condition=VIA)))
    return {"policy": ORGANIZATION, "loosen": {"min_rank": 0}}


@case
def key_policy_widened__quiet_refused(t):
    """Differs in the outcome."""
    t.put_key_policy(NOON, STRANGER, KEY, policy_of(use("*")), errorCode="AccessDenied", responseElements=None)
    return {"policy": ORGANIZATION, "loosen": {"min_rank": 0}}


# ---- key-alias-repointed -------------------------------------------------------------------------------------------

ALIAS, OTHER_KEY = "alias/checkout", key_arn("other")  # noqa: F405


def repointed(call, severity="medium", **more):
    """One finding of key-alias-repointed, at noon."""
    return {"findings": [("key-alias-repointed", f"{HOME}|{ALIAS}|{call}|{NOON}", severity)], "tighten": {"min_rank": 3}, **more}


@case
def key_alias_repointed__fires_update(t):
    """It named one key for a month, now another."""
    t.alias_call("2026-10-03T12:00:00Z", DEPLOY, "CreateAlias", ALIAS, KEY)
    t.alias_call(NOON, STRANGER, "UpdateAlias", ALIAS, OTHER_KEY)
    return repointed("UpdateAlias")


@case
def key_alias_repointed__fires_deleted_and_made_anew(t):
    """The same in two calls."""
    t.alias_call("2026-10-03T12:00:00Z", DEPLOY, "CreateAlias", ALIAS, KEY)
    t.alias_call("2026-11-03T11:59:00Z", STRANGER, "DeleteAlias", ALIAS, KEY)
    t.alias_call(NOON, STRANGER, "CreateAlias", ALIAS, OTHER_KEY)
    return repointed("CreateAlias")


@case
def key_alias_repointed__quiet_same_key(t):
    """Differs in the key: infrastructure as code says again what is so."""
    t.alias_call("2026-10-03T12:00:00Z", DEPLOY, "CreateAlias", ALIAS, KEY)
    t.alias_call(NOON, DEPLOY, "UpdateAlias", ALIAS, KEY)
    return {"loosen": {"min_rank": 0}}


@case
def key_alias_repointed__quiet_same_alias_in_another_region(t):
    """Differs in the region: two aliases that are called alike."""
    t.alias_call("2026-10-03T12:00:00Z", DEPLOY, "CreateAlias", ALIAS, KEY)
    t.alias_call(NOON, DEPLOY, "CreateAlias", ALIAS, key_arn("other", region="us-east-1"))  # noqa: F405
    return {}


@case
def key_alias_repointed__quiet_unknown_before(t):
    """Differs in memory: the lake does not know what it named."""
    t.alias_call(NOON, STRANGER, "UpdateAlias", ALIAS, OTHER_KEY)
    return {"loosen": {"min_rank": 1}}


# ---- key-rotation-disabled -----------------------------------------------------------------------------------------


@case
def key_rotation_disabled__fires_and_stays_off(t):
    """Turned off, and never on again."""
    t.key_switch(NOON, STRANGER, "DisableKeyRotation", KEY)
    return {"findings": [("key-rotation-disabled", f"{HOME}|{KEY_ID}|{NOON}", "medium")], "tighten": {"min_rank": 3}}


@case
def key_rotation_disabled__fires_though_on_again_the_next_day(t):
    """Differs from the slip in the time: a day later."""
    t.key_switch(NOON, STRANGER, "DisableKeyRotation", KEY)
    t.key_switch(after(NOON, 86400), DEPLOY, "EnableKeyRotation", KEY)
    return {"findings": [("key-rotation-disabled", f"{HOME}|{KEY_ID}|{NOON}", "medium")], "tighten": {"grace": "2d"}}


@case
def key_rotation_disabled__quiet_on_again(t):
    """Differs in what followed: on again after five minutes."""
    t.key_switch(NOON, DEPLOY, "DisableKeyRotation", KEY)
    t.key_switch(after(NOON, 300), DEPLOY, "EnableKeyRotation", KEY)
    return {"loosen": {"grace": "1m"}}


@case
def key_rotation_disabled__quiet_refused(t):
    """Differs in the outcome."""
    t.key_switch(NOON, STRANGER, "DisableKeyRotation", KEY, errorCode="AccessDenied", responseElements=None)
    return {"loosen": {"min_rank": 0}}
