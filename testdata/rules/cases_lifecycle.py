"""Cases of the rules about a secret's life: deletion, resource policy, replicas, key."""

from cast import *  # noqa: F403
from records import *  # noqa: F403

STRANGER_ARN = STRANGER.arn

ORGANIZATION = f'[organization]\naccounts = ["{ACCOUNT}", "{SECOND}"]\nregions = ["us-west-2", "us-east-1"]\n\n'


def at_noon(rule, severity, *middle, **more):
    """One finding about the checkout database's secret, at noon."""
    return {"findings": [(rule, "|".join((HOME, NAME, *middle, NOON)), severity)], **more}


# ---- secret-deleted --------------------------------------------------------------------------------------------------


@case
def secret_deleted__fires_without_recovery(t):
    """A stranger deletes by force what somebody else created."""
    t.create_secret("2026-10-01T10:00:00Z", batch_job("deploy"), db())
    t.delete_secret(NOON, STRANGER, db(), force=True)
    return at_noon("secret-deleted", "high", tighten={"min_rank": 4})


@case
def secret_deleted__fires_critical_for_a_sensitive_secret(t):
    """The same, and the contract calls the secret sensitive."""
    t.create_secret("2026-10-01T10:00:00Z", batch_job("deploy"), db())
    t.delete_secret(NOON, STRANGER, db(), force=True)
    return at_noon("secret-deleted", "critical", policy=SENSITIVE_DB, tighten={"min_rank": 5})


@case
def secret_deleted__fires_with_recovery_by_a_stranger(t):
    """It can be restored, and was, an hour later; it was deleted all the same."""
    t.create_secret("2026-10-01T10:00:00Z", batch_job("deploy"), db())
    t.delete_secret(NOON, STRANGER, db())
    t.restore_secret("2026-11-03T13:00:00Z", admin(), db())
    return at_noon("secret-deleted", "medium", tighten={"min_rank": 3})


@case
def secret_deleted__fires_by_the_admin_if_forced(t):
    """The contract names the admin; no recovery is no recovery."""
    t.delete_secret(NOON, admin(), db(), force=True, ask="arn")
    policy = CONTRACT.replace('sensitivity = "critical"\n', "")
    return at_noon("secret-deleted", "medium", policy=policy, tighten={"min_rank": 3})


@case
def secret_deleted__quiet_by_the_admin(t):
    """Differs from the forced one in the recovery window."""
    t.delete_secret(NOON, admin(), db(), ask="arn")
    return {"policy": CONTRACT.replace('sensitivity = "critical"\n', ""), "loosen": {"min_rank": 1}}


@case
def secret_deleted__quiet_by_its_creator(t):
    """Differs from the stranger's in who deletes."""
    t.create_secret("2026-10-01T10:00:00Z", batch_job("deploy"), db())
    t.delete_secret(NOON, batch_job("deploy-2"), db())
    return {"loosen": {"min_rank": 1}}


@case
def secret_deleted__quiet_short_lived(t):
    """Differs from the forced one in age and creator: a preview environment is cleared away two days after its birth."""
    preview = Secret("stage/preview-7/db")
    t.create_secret("2026-11-01T12:00:00Z", batch_job("preview"), preview)
    t.delete_secret(NOON, batch_job("preview"), preview, force=True)
    return {"loosen": {"short_life": "1d"}}


@case
def secret_deleted__quiet_refused(t):
    """Differs in the outcome."""
    t.create_secret("2026-10-01T10:00:00Z", batch_job("deploy"), db())
    t.delete_secret(NOON, STRANGER, db(), force=True, outcome="denied")
    return {"loosen": {"min_rank": 0}}


# ---- secret-policy-widened -------------------------------------------------------------------------------------------


def statement(principal, effect="Allow", actions="secretsmanager:GetSecretValue", condition=None):
    """One statement of a policy on a secret."""
    return {"Effect": effect, "Principal": principal, "Action": actions, "Resource": "*", **({"Condition": condition} if condition else {})}


def policy_of(*statements):
    """A policy of such statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


ENDPOINT_ONLY = {"StringEquals": {"aws:SourceVpce": "vpce-0a1b2c3d4e5f60718"}}
NOT_ENDPOINT = {"StringNotEquals": {"aws:SourceVpce": "vpce-0a1b2c3d4e5f60718"}}
OUTSIDER = {"AWS": f"arn:aws:iam::{OUTSIDE}:root"}


def widened(severity, call="PutResourcePolicy", **more):
    """One finding of secret-policy-widened, at noon."""
    return at_noon("secret-policy-widened", severity, call, **{"tighten": {"min_rank": 5}, **more})


@case
def secret_policy_widened__fires_public(t):
    """Everybody, without a condition."""
    t.put_resource_policy(NOON, batch_job("deploy"), db(), policy_of(statement("*")))
    return widened("critical")


@case
def secret_policy_widened__fires_everybody_but_one(t):
    """An Allow for NotPrincipal is everybody."""
    policy = policy_of({"Effect": "Allow", "NotPrincipal": {"AWS": TASK_ARN}, "Action": "secretsmanager:*", "Resource": "*"})
    t.put_resource_policy(NOON, batch_job("deploy"), db(), policy)
    return widened("critical")


@case
def secret_policy_widened__fires_external_account(t):
    """An account that the organization does not list."""
    t.put_resource_policy(NOON, batch_job("deploy"), db(), policy_of(statement(OUTSIDER)))
    return widened("high", policy=ORGANIZATION, tighten={"min_rank": 4})


@case
def secret_policy_widened__fires_another_account_without_a_list(t):
    """The same without a policy file: whose account it is nobody says. It is named by its number alone."""
    t.put_resource_policy(NOON, batch_job("deploy"), db(), policy_of(statement({"AWS": OUTSIDE})))
    return widened("medium", tighten={"min_rank": 3})


@case
def secret_policy_widened__fires_condition_lost(t):
    """The same role, no longer bound to the endpoint."""
    t.put_resource_policy("2026-10-01T10:00:00Z", batch_job("deploy"), db(), policy_of(statement({"AWS": TASK_ARN}, condition=ENDPOINT_ONLY)))
    t.put_resource_policy(NOON, batch_job("deploy"), db(), policy_of(statement({"AWS": TASK_ARN})))
    return widened("high", tighten={"min_rank": 4})


@case
def secret_policy_widened__fires_deny_dropped(t):
    """A Deny for whoever does not come through the endpoint is gone; high, because the secret is sensitive."""
    deny = statement("*", "Deny", "secretsmanager:*", NOT_ENDPOINT)
    t.put_resource_policy("2026-10-01T10:00:00Z", batch_job("deploy"), db(), policy_of(deny, statement({"AWS": TASK_ARN})))
    t.put_resource_policy(NOON, batch_job("deploy"), db(), policy_of(statement({"AWS": TASK_ARN})))
    return widened("high", policy=SENSITIVE_DB, tighten={"min_rank": 4})


@case
def secret_policy_widened__fires_too_large_to_be_shown(t):
    """AWS left the parameters out."""
    call = t.put_resource_policy(NOON, batch_job("deploy"), db(), policy_of(statement({"AWS": TASK_ARN})))
    call["requestParameters"] = {"omitted": True, "originalSize": 120455, "reason": "LargerThan100KB"}
    return widened("medium", tighten={"min_rank": 3})


@case
def secret_policy_widened__fires_removed_with_its_deny(t):
    """The policy is removed, and its Deny with it."""
    deny = statement("*", "Deny", "secretsmanager:*", NOT_ENDPOINT)
    t.put_resource_policy("2026-10-01T10:00:00Z", batch_job("deploy"), db(), policy_of(deny))
    t.delete_resource_policy(NOON, batch_job("deploy"), db())
    return widened("medium", "DeleteResourcePolicy", tighten={"min_rank": 3})


@case
def secret_policy_widened__fires_once_though_said_again(t):
    """Infrastructure as code says the same again in the evening, in another order: only the first time is told."""
    policy = [statement("*", condition=ENDPOINT_ONLY), statement(OUTSIDER)]
    t.put_resource_policy(NOON, batch_job("deploy"), db(), policy_of(*policy))
    t.put_resource_policy("2026-11-03T18:00:00Z", batch_job("deploy"), db(), policy_of(*reversed(policy)))
    return widened("high", policy=ORGANIZATION, tighten={"min_rank": 4})


@case
def secret_policy_widened__quiet_another_account_of_ours(t):
    """Differs in the account: one of the organization's."""
    t.put_resource_policy(NOON, batch_job("deploy"), db(), policy_of(statement({"AWS": role_arn("Stage-Report-Role", SECOND)})))
    return {"policy": ORGANIZATION, "loosen": {"min_rank": 0}}


@case
def secret_policy_widened__quiet_public_may_only_look(t):
    """Differs from the public one in the action: everybody may ask for the description, nobody for the value."""
    t.put_resource_policy(NOON, batch_job("deploy"), db(), policy_of(statement("*", actions=["secretsmanager:DescribeSecret"])))
    return {"loosen": {"min_rank": 1}}


@case
def secret_policy_widened__quiet_public_refused(t):
    """Differs from the public one in the outcome: AWS blocked a public policy."""
    call = t.put_resource_policy(NOON, batch_job("deploy"), db(), policy_of(statement("*")), block_public=True)
    call.update(errorCode="PublicPolicyException", errorMessage="You can't attach a resource policy that allows broad access", responseElements=None)
    return {"loosen": {"min_rank": 0}}


@case
def secret_policy_widened__quiet_condition_added(t):
    """Differs from the lost condition in the direction."""
    t.put_resource_policy("2026-10-01T10:00:00Z", batch_job("deploy"), db(), policy_of(statement({"AWS": TASK_ARN})))
    t.put_resource_policy(NOON, batch_job("deploy"), db(), policy_of(statement({"AWS": TASK_ARN}, condition=ENDPOINT_ONLY)))
    return {"loosen": {"min_rank": 0}}


@case
def secret_policy_widened__quiet_removed_that_only_allowed(t):
    """Differs from the removed Deny in what the policy said: without it fewer may read."""
    t.put_resource_policy("2026-10-01T10:00:00Z", batch_job("deploy"), db(), policy_of(statement({"AWS": TASK_ARN})))
    t.delete_resource_policy(NOON, batch_job("deploy"), db())
    return {"loosen": {"min_rank": 1}}


# ---- replica-in-unapproved-region --------------------------------------------------------------------------------------


@case
def replica_in_unapproved_region__fires_by_replication(t):
    """Two regions in one call, one of which the policy lists."""
    t.replicate(NOON, admin(), db(), ["us-east-1", "ap-southeast-3"])
    return at_noon("replica-in-unapproved-region", "medium", "ap-southeast-3", policy=ORGANIZATION, tighten={"min_rank": 2})


@case
def replica_in_unapproved_region__fires_at_birth(t):
    """Created with its replica; sensitive."""
    t.create_secret(NOON, batch_job("deploy"), db(), replicate_to=["ap-southeast-3"])
    return at_noon("replica-in-unapproved-region", "high", "ap-southeast-3", policy=ORGANIZATION + SENSITIVE_DB, tighten={"min_rank": 3})


@case
def replica_in_unapproved_region__quiet_listed(t):
    """Differs in the region."""
    t.replicate(NOON, admin(), db(), ["us-east-1"])
    return {"policy": ORGANIZATION}


@case
def replica_in_unapproved_region__quiet_without_a_list(t):
    """Differs in the policy, which lists no regions."""
    t.replicate(NOON, admin(), db(), ["ap-southeast-3"])
    return {}


@case
def replica_in_unapproved_region__quiet_failed(t):
    """Differs in the outcome: AWS does not know such a region."""
    call = t.replicate(NOON, admin(), db(), ["ap-southeast-3"])
    del t.records[1:]
    call[0].update(errorCode="InvalidParameterException", errorMessage="Invalid replica region.", responseElements=None)
    return {"policy": ORGANIZATION, "loosen": {"min_rank": 0}}


# ---- replica-detached ------------------------------------------------------------------------------------------------


@case
def replica_detached__fires_promoted(t):
    """The call is made in the replica's region and named by the replica's ARN."""
    t.stop_replication(NOON, STRANGER, db().replica("us-east-1"))
    key = f"{ACCOUNT}|us-east-1|{NAME}|StopReplicationToReplica|{NOON}"
    return {"findings": [("replica-detached", key, "medium")], "tighten": {"min_rank": 3}}


@case
def replica_detached__fires_high_for_a_sensitive_secret(t):
    """The same with a contract."""
    t.stop_replication(NOON, STRANGER, db().replica("us-east-1"))
    key = f"{ACCOUNT}|us-east-1|{NAME}|StopReplicationToReplica|{NOON}"
    return {"findings": [("replica-detached", key, "high")], "policy": SENSITIVE_DB, "tighten": {"min_rank": 4}}


@case
def replica_detached__fires_low_when_removed(t):
    """Replicas taken away."""
    t.remove_regions(NOON, admin(), db(), ["us-east-1"])
    return at_noon("replica-detached", "low", "RemoveRegionsFromReplication", tighten={"min_rank": 2})


@case
def replica_detached__quiet_refused(t):
    """Differs in the outcome."""
    t.stop_replication(NOON, STRANGER, db().replica("us-east-1"), outcome="denied")
    return {"loosen": {"min_rank": 0}}


@case
def replica_detached__quiet_replicated(t):
    """Differs in the call: a replica is added."""
    t.replicate(NOON, admin(), db(), ["us-east-1"])
    return {}


# ---- secret-key-swapped ----------------------------------------------------------------------------------------------


def swapped(key, severity, **more):
    """One finding of secret-key-swapped: the key whose trial KMS logged at noon."""
    return at_noon("secret-key-swapped", severity, key, **{"tighten": {"min_rank": 5}, **more})


@case
def secret_key_swapped__fires_foreign_key(t):
    """A key of an account that nobody knows: the owner of the key now decides who can read."""
    t.create_secret("2026-10-01T10:00:00Z", batch_job("deploy"), db())
    key = key_arn("ransom", OUTSIDE)
    t.swap_key(NOON, STRANGER, db(), key)
    return swapped(key, "critical")


@case
def secret_key_swapped__fires_foreign_key_of_an_old_secret(t):
    """The secret is older than the lake, so that the key before is unknown."""
    key = key_arn("ransom", OUTSIDE)
    t.swap_key(NOON, STRANGER, db(), key)
    return swapped(key, "high", tighten={"min_rank": 4})


@case
def secret_key_swapped__fires_central_account(t):
    """A key of another account of the organization."""
    t.create_secret("2026-10-01T10:00:00Z", batch_job("deploy"), db())
    key = key_arn("central", SECOND)
    t.swap_key(NOON, STRANGER, db(), key)
    return swapped(key, "high", policy=ORGANIZATION, tighten={"min_rank": 4})


@case
def secret_key_swapped__fires_aws_managed_key(t):
    """Back to the key without a policy of its own."""
    t.create_secret("2026-10-01T10:00:00Z", batch_job("deploy"), db())
    key = key_arn("aws-secretsmanager")
    t.swap_key(NOON, STRANGER, db(), key, typed="alias/aws/secretsmanager")
    return swapped(key, "medium", tighten={"min_rank": 3})


@case
def secret_key_swapped__fires_low_for_the_admin(t):
    """The admin that the contract names, with a key of the same account: a report."""
    t.create_secret("2026-10-01T10:00:00Z", admin(), db())
    t.swap_key(NOON, admin(), db(), key_arn("secrets-2"))
    return swapped(key_arn("secrets-2"), "low", policy=CONTRACT, tighten={"min_rank": 2})


@case
def secret_key_swapped__quiet_reports_are_not_wanted(t):
    """Differs in the policy: what the admin does is not to be told."""
    t.create_secret("2026-10-01T10:00:00Z", admin(), db())
    t.swap_key(NOON, admin(), db(), key_arn("secrets-2"))
    return {"policy": CONTRACT + '\n[rules."secret-key-swapped"]\nmin_rank = 2\n', "loosen": {"min_rank": 1}}


@case
def secret_key_swapped__quiet_same_key(t):
    """Differs in the key: UpdateSecret names the key that it has, and a value is written with it."""
    secret = db()
    t.create_secret("2026-10-01T10:00:00Z", batch_job("deploy"), secret)
    t.swap_key(NOON, batch_job("deploy"), secret, secret.key)
    t.put_secret_value("2026-11-03T12:10:00Z", batch_job("deploy"), secret, "6f0c1111-2222-4333-8444-555566667777")
    return {}


@case
def secret_key_swapped__quiet_created_again(t):
    """Differs in the secret: the name was deleted, and created again with another key."""
    old = db()
    new = Secret(NAME, suffix="Zz9Yy8", key=key_arn("secrets-2"))
    t.create_secret("2026-10-01T10:00:00Z", batch_job("deploy"), old)
    t.delete_secret("2026-10-02T10:00:00Z", batch_job("deploy"), old, force=True)
    t.create_secret(NOON, batch_job("deploy"), new)
    return {}


@case
def secret_key_swapped__quiet_replica_has_its_own(t):
    """Differs in the region: a replica's key is another one from the beginning."""
    secret = db()
    t.create_secret("2026-10-01T10:00:00Z", batch_job("deploy"), secret)
    t.replicate(NOON, admin(), secret, ["us-east-1"])
    return {}
