"""Cases of the rules about the use of keys: of dead ones, through grants, by hand, in bulk."""

from cast import *  # noqa: F403
from records import *  # noqa: F403

DAY = "2026-11-03T00:00:00Z"
KEY = key_arn("secrets")  # noqa: F405 (the key of every secret in these cases)
KEY_ID = KEY.split("/")[-1]
DATA_KEY = key_arn("data")  # noqa: F405 (an application's own)
DATA_KEY_ID = DATA_KEY.split("/")[-1]
STRANGE = "444455556666"
DEPLOY = assumed_role("ci-deploy", "run-7", ip="10.20.7.7")


def context_of(secret):
    """The encryption context of a secret's current version."""
    return {"SecretARN": secret.arn, "SecretVersionId": secret.version_at(NOON)}


def parameter_context(name):
    """The encryption context of a parameter."""
    return {"PARAMETER_ARN": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/{name.lstrip('/')}"}


def old_lake(t):
    """The lake began six weeks ago, with something else."""
    t.get_secret_value("2026-09-20T10:00:00Z", batch_job(), Secret("prod/winterday-reports/db", key=key_arn("reports")))  # noqa: F405


# ---- key-used-after-death ------------------------------------------------------------------------------------------


def failed_read(t, when, caller, secret, **how):
    """A read that Secrets Manager could not decrypt, and the Decrypt that it tried."""
    t.get_secret_value(when, caller, secret, decrypt=False, errorCode="DecryptionFailure",
                       errorMessage="Secrets Manager can't decrypt the protected secret text using the provided KMS key.")
    t.dead_key(when, caller.through("secretsmanager.amazonaws.com", when), secret.key, context_of(secret), **how)


def dead(severity, principal=TASK_ARN, key_id=KEY_ID, **more):
    """One finding of key-used-after-death, and no more."""
    return {"findings": [("key-used-after-death", f"{HOME}|{key_id}|{principal}|{DAY}", severity)], **more}


@case
def key_used_after_death__fires_read_under_a_key_pending_deletion(t):
    """Deletion was scheduled a week before; the service was told by nobody."""
    old_lake(t)
    t.schedule_key_deletion("2026-10-27T12:00:00Z", DEPLOY, KEY)
    failed_read(t, NOON, task(), db())
    failed_read(t, after(NOON, 60), task("another"), db())
    told = dead("high", tighten={"min_failures": 3})
    told["findings"].insert(0, ("key-about-to-die", f"{HOME}|{KEY_ID}|ScheduleKeyDeletion|2026-10-27T12:00:00Z", "low"))
    return told


@case
def key_used_after_death__fires_critical_for_a_sensitive_secret(t):
    """Disabled before the lake began."""
    failed_read(t, NOON, task(), db(), state="is disabled", code="DisabledException")
    return dead("critical", policy=CONTRACT, tighten={"min_failures": 2})


@case
def key_used_after_death__fires_medium_for_own_data(t):
    """An application's own ciphertexts; the key waits for its material."""
    t.dead_key(NOON, batch_job(), DATA_KEY, {"purpose": "exports"}, state="is pending import")
    return dead("medium", BATCH_ARN, DATA_KEY_ID, tighten={"min_failures": 2})


@case
def key_used_after_death__quiet_refused(t):
    """Differs in the error: access control."""
    t.get_secret_value(NOON, task(), db(), outcome="denied_kms")
    return {}


@case
def key_used_after_death__quiet_once_and_not_asked_for(t):
    """Differs in the policy: one failure is not to be told."""
    failed_read(t, NOON, task(), db())
    return {"policy": '[rules."key-used-after-death"]\nmin_failures = 2\n', "loosen": {"min_failures": 1}}


@case
def key_used_after_death__quiet_management_of_a_dead_key(t):
    """Differs in the call: to schedule the deletion of a key that is being deleted fails with the same error."""
    t.schedule_key_deletion(NOON, DEPLOY, KEY, errorCode="KMSInvalidStateException", errorMessage=f"{KEY} is pending deletion.", responseElements=None)
    return {}


# ---- key-grant-to-stranger -----------------------------------------------------------------------------------------

USE = ["Decrypt", "GenerateDataKey"]


def granted(grantee, severity, **more):
    """One finding of key-grant-to-stranger, at noon."""
    findings = [("key-grant-to-stranger", f"{HOME}|{KEY_ID}|{grantee}|{NOON}", severity)]
    return {"policy": ORGANIZATION, "findings": findings, "tighten": {"min_rank": 4}, **more}


@case
def key_grant_to_stranger__fires_another_account(t):
    """A role of an account that the organization does not list."""
    grantee = role_arn("Reader", STRANGE)
    t.create_grant(NOON, STRANGER, KEY, grantee, USE, subset={"SecretARN": db().arn})
    return granted(grantee, "high")


@case
def key_grant_to_stranger__fires_medium_to_encrypt_only(t):
    """The whole other account, which can write what we must read."""
    grantee = f"arn:aws:iam::{STRANGE}:root"
    t.create_grant(NOON, STRANGER, KEY, grantee, ["Encrypt"])
    return granted(grantee, "medium")


@case
def key_grant_to_stranger__fires_medium_when_nobody_lists_accounts(t):
    """Without a policy file nobody can say whose account it is."""
    grantee = role_arn("Reader", STRANGE)
    t.create_grant(NOON, STRANGER, KEY, grantee, USE)
    return granted(grantee, "medium", policy=None)


@case
def key_grant_to_stranger__fires_medium_never_seen(t):
    """A user of our own that never did anything in six weeks may decrypt."""
    old_lake(t)
    grantee = f"arn:aws:iam::{ACCOUNT}:user/spare-7"
    t.create_grant(NOON, STRANGER, KEY, grantee, USE)
    return granted(grantee, "medium")


@case
def key_grant_to_stranger__fires_low_not_with_this_key(t):
    """A role that has been at work, but never with this key, named by one of its sessions."""
    old_lake(t)
    grantee = batch_job("today").arn
    t.create_grant(NOON, STRANGER, KEY, grantee, USE)
    return granted(grantee, "low")


@case
def key_grant_to_stranger__quiet_acquaintance(t):
    """Differs in the grantee's past: it has used the key."""
    old_lake(t)
    t.kms_decrypt("2026-10-20T12:00:00Z", batch_job(), KEY, {"purpose": "export"})
    t.create_grant(NOON, DEPLOY, KEY, batch_job("today").arn, USE)
    return {"policy": ORGANIZATION, "loosen": {"min_rank": 0}}


@case
def key_grant_to_stranger__quiet_account_of_ours(t):
    """Differs in the account: one that the organization lists, and whose trail is not here."""
    old_lake(t)
    t.create_grant(NOON, DEPLOY, KEY, role_arn("Reader", "222233334444"), USE)
    return {"policy": ORGANIZATION, "loosen": {"min_rank": 0}}


@case
def key_grant_to_stranger__quiet_new_service(t):
    """Differs in the grantee's age: the role was made an hour before, with the rest of its service."""
    old_lake(t)
    t.create_role(after(NOON, -3600), DEPLOY, "Glacier-Ledger-TaskRole")
    t.create_grant(NOON, DEPLOY, KEY, role_arn("Glacier-Ledger-TaskRole"), USE)
    return {"policy": ORGANIZATION, "loosen": {"min_rank": 1}}


@case
def key_grant_to_stranger__quiet_made_by_a_service(t):
    """Differs in the caller: Lambda makes the grant for a function's role that has not run yet."""
    old_lake(t)
    t.create_grant(NOON, DEPLOY.through("lambda.amazonaws.com", NOON), KEY, role_arn("Fresh-Function"), ["Decrypt", "RetireGrant"])
    return {"policy": ORGANIZATION, "loosen": {"min_rank": 0}}


@case
def key_grant_to_stranger__quiet_to_a_service(t):
    """Differs in the grantee: an AWS service."""
    old_lake(t)
    t.create_grant(NOON, DEPLOY, KEY, "rds.us-west-2.amazonaws.com", USE)
    return {"policy": ORGANIZATION, "loosen": {"min_rank": 0}}


@case
def key_grant_to_stranger__quiet_young_lake(t):
    """Differs in the lake: a day old, everybody is new to it."""
    t.get_secret_value("2026-11-02T10:00:00Z", batch_job(), Secret("prod/winterday-reports/db"))
    t.create_grant(NOON, DEPLOY, KEY, role_arn("Some-Role"), USE)
    return {"policy": ORGANIZATION, "loosen": {"maturity": "12h"}}


@case
def key_grant_to_stranger__quiet_refused(t):
    """Differs in the outcome."""
    t.create_grant(NOON, STRANGER, KEY, role_arn("Reader", STRANGE), USE, errorCode="AccessDenied", responseElements=None)
    return {"policy": ORGANIZATION, "loosen": {"min_rank": 0}}


# ---- direct-decrypt ------------------------------------------------------------------------------------------------

SECRET_NAME, PARAMETER = "prod/blizzard-checkout/db", "/prod/checkout/flag-key"


def by_hand(severity, kind="secret", name=SECRET_NAME, **more):
    """One finding of direct-decrypt by the batch role."""
    return {"findings": [("direct-decrypt", f"{HOME}|{kind}|{name}|{BATCH_ARN}|{DAY}", severity)], **more}


@case
def direct_decrypt__fires_secret(t):
    """No service made the call."""
    t.kms_decrypt(NOON, batch_job(), KEY, context_of(db()))
    return by_hand("high", tighten={"min_calls": 2})


@case
def direct_decrypt__fires_critical_by_the_contract(t):
    """The contract says critical, and that the batch role may read it changes nothing: this was no read."""
    t.kms_decrypt(NOON, batch_job(), KEY, context_of(db()))
    return by_hand("critical", policy=CONTRACT.replace(TASK_ARN, BATCH_ARN), tighten={"min_calls": 2})


@case
def direct_decrypt__fires_parameter(t):
    """Its ciphertext was fetched without decryption before."""
    t.get_parameters(after(NOON, -60), batch_job(), [PARAMETER], decrypt=False)
    t.kms_decrypt(NOON, batch_job(), KEY, parameter_context(PARAMETER))
    return by_hand("medium", "parameter", PARAMETER, tighten={"min_calls": 2})


@case
def direct_decrypt__fires_re_encrypted_under_another_key(t):
    """ReEncrypt is a Decrypt whose plaintext waits under a key of one's own."""
    t.reencrypt(NOON, batch_job(), KEY, DATA_KEY, context_of(db()))
    return by_hand("high", tighten={"min_calls": 2})


@case
def direct_decrypt__fires_medium_for_a_failed_attempt(t):
    """Refused by the key; to try, the ciphertext was needed too."""
    t.kms_decrypt(NOON, batch_job(), KEY, context_of(db()), errorCode="AccessDenied",
                  errorMessage=f"User: {batch_job().arn} is not authorized to perform: kms:Decrypt on resource: {KEY} because no identity-based policy allows it")
    return by_hand("medium", tighten={"include_failed": False})


@case
def direct_decrypt__quiet_through_secrets_manager(t):
    """Differs in the caller: Secrets Manager, on behalf of the same role."""
    t.get_secret_value(NOON, batch_job(), db())
    return {}


@case
def direct_decrypt__quiet_through_parameter_store(t):
    """Differs in the caller: Parameter Store, which calls itself AWS Internal."""
    t.get_parameters(NOON, batch_job(), [PARAMETER], key=KEY)
    return {}


@case
def direct_decrypt__quiet_own_context(t):
    """Differs in the context: an application's own."""
    t.kms_decrypt(NOON, batch_job(), KEY, {"purpose": SECRET_NAME})
    return {}


@case
def direct_decrypt__quiet_failed_and_not_asked_for(t):
    """Differs in the policy: failed attempts are not to be told."""
    t.kms_decrypt(NOON, batch_job(), KEY, context_of(db()), errorCode="AccessDenied", errorMessage="no")
    return {"policy": '[rules."direct-decrypt"]\ninclude_failed = false\n', "loosen": {"include_failed": True}}


# ---- decrypt-spike -------------------------------------------------------------------------------------------------

TUESDAYS = ["2026-10-13T18:00:00Z", "2026-10-20T18:00:00Z", "2026-10-27T18:00:00Z"]


def decrypts(t, start, seconds, count, caller=None, context=None):
    """`count` Decrypts of an application's own data, `seconds` apart."""
    for i in range(count):
        t.kms_decrypt(after(start, seconds * i), caller or task(), DATA_KEY, context or {"purpose": "card"})


def sudden(severity, **more):
    """One finding of decrypt-spike on a Tuesday at 18:00."""
    key = f"{HOME}|{DATA_KEY_ID}|{TASK_ARN}|2026-11-03T18:00:00Z"
    return {"findings": [("decrypt-spike", key, severity)], "gz": True, **more}


@case
def decrypt_spike__fires_far_above_every_hour(t):
    """Twenty on Tuesdays at 18:00, now a hundred and one: more than three times the busiest hour."""
    for tuesday in TUESDAYS:
        decrypts(t, tuesday, 120, 20)
    decrypts(t, "2026-11-03T18:00:00Z", 30, 101)
    return sudden("high", tighten={"floor": 101})


@case
def decrypt_spike__fires_low_at_an_odd_hour(t):
    """As many as on a busy night, but at an hour that knows twenty."""
    for tuesday in TUESDAYS:
        decrypts(t, tuesday, 120, 20)
    decrypts(t, "2026-10-14T03:00:00Z", 25, 120)
    decrypts(t, "2026-10-21T03:00:00Z", 25, 120)
    decrypts(t, "2026-11-03T18:00:00Z", 30, 101)
    policy = '[rules."decrypt-spike"]\ncold_floor = 200\n'
    return sudden("low", policy=policy, tighten={"percent": 600})


@case
def decrypt_spike__fires_low_in_the_first_hour(t):
    """Nobody knows the pair."""
    decrypts(t, "2026-11-03T18:00:00Z", 30, 101)
    return sudden("low", policy='[rules."decrypt-spike"]\ncold_floor = 100\n', tighten={"cold_floor": 101})


@case
def decrypt_spike__fires_parameters_over_and_over(t):
    """One SecureString, read through Parameter Store: nobody else counts those."""
    for tuesday in TUESDAYS:
        decrypts(t, tuesday, 120, 20, task().through("AWS Internal", tuesday), parameter_context(PARAMETER))
    at = "2026-11-03T18:00:00Z"
    decrypts(t, at, 30, 101, task().through("AWS Internal", at), parameter_context(PARAMETER))
    return sudden("high", tighten={"floor": 101})


@case
def decrypt_spike__quiet_at_the_floor(t):
    """Differs in the number: fifty, where twelve are usual."""
    for tuesday in TUESDAYS:
        decrypts(t, tuesday, 120, 12)
    decrypts(t, "2026-11-03T18:00:00Z", 30, 50)
    return {"gz": True, "loosen": {"floor": 49}}


@case
def decrypt_spike__quiet_as_every_week(t):
    """Differs in the earlier weeks: forty, so a hundred and one is no more than three times as many."""
    for tuesday in TUESDAYS:
        decrypts(t, tuesday, 80, 40)
    decrypts(t, "2026-11-03T18:00:00Z", 30, 101)
    return {"gz": True, "loosen": {"percent": 200}}


@case
def decrypt_spike__quiet_new_service(t):
    """Differs in age: a pair without rhythm may begin eagerly."""
    decrypts(t, "2026-11-03T18:00:00Z", 30, 101)
    return {"gz": True, "loosen": {"cold_floor": 100}}


# ---- bulk-reencrypt ------------------------------------------------------------------------------------------------

FOREIGN_KEY = key_arn("ransom", STRANGE)  # noqa: F405


def moved(form, severity, principal=BATCH_ARN, **more):
    """One finding of bulk-reencrypt, from noon on."""
    return {"policy": ORGANIZATION, "findings": [("bulk-reencrypt", f"{form}|{principal}|{NOON}", severity)], **more}


def move(t, start, count, context=None, caller=None, seconds=60):
    """Ciphertexts moved from one key of ours to another."""
    for i in range(count):
        t.reencrypt(after(start, seconds * i), caller or batch_job(), KEY, DATA_KEY, context or {"purpose": "exports", "row": str(i)}, typed="alias")


@case
def bulk_reencrypt__fires_loop(t):
    """Twenty-one within the hour, by two sessions."""
    move(t, NOON, 11)
    move(t, after(NOON, 660), 10, caller=batch_job("two"))
    return moved("bulk", "medium", tighten={"floor": 21})


@case
def bulk_reencrypt__fires_one_under_a_foreign_key(t):
    """One call, and the ciphertext is another account's to read."""
    t.reencrypt(NOON, batch_job(), KEY, FOREIGN_KEY, {"purpose": "exports"})
    return moved("foreign", "critical", tighten={"min_foreign": 2})


@case
def bulk_reencrypt__fires_high_when_nobody_lists_accounts(t):
    """Without a policy file: any account but the caller's own."""
    t.reencrypt(NOON, batch_job(), KEY, FOREIGN_KEY, {"purpose": "exports"}, typed="alias")
    return moved("foreign", "high", policy=None, tighten={"min_foreign": 2})


@case
def bulk_reencrypt__quiet_at_the_floor(t):
    """Differs in the number: twenty."""
    move(t, NOON, 20)
    return {"policy": ORGANIZATION, "loosen": {"floor": 19}}


@case
def bulk_reencrypt__quiet_over_a_day(t):
    """Differs in the pace: one every ten minutes."""
    move(t, NOON, 21, seconds=600)
    return {"policy": ORGANIZATION, "loosen": {"pace": "4h"}}


@case
def bulk_reencrypt__quiet_as_every_week(t):
    """Differs in history: a job that moved eleven a week before."""
    move(t, "2026-10-27T12:00:00Z", 11)
    move(t, NOON, 21)
    return {"policy": ORGANIZATION, "loosen": {"percent": 100}}


@case
def bulk_reencrypt__quiet_key_of_ours(t):
    """Differs in the account: a sister account that the organization lists."""
    t.reencrypt(NOON, batch_job(), KEY, key_arn("shared", "222233334444"), {"purpose": "exports"})  # noqa: F405
    return {"policy": ORGANIZATION}


@case
def bulk_reencrypt__quiet_by_a_service(t):
    """Differs in the caller: a service that moves its own ciphertexts on somebody's behalf."""
    move(t, NOON, 21, caller=batch_job().through("dynamodb.amazonaws.com", NOON))
    return {"policy": ORGANIZATION}
