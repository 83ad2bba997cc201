"""Constructors of faithful CloudTrail records, for the story and for the rules' fixtures. Python 3.11, stdlib only.

    import sys; sys.path.insert(0, "../compose")
    from records import *

    trail = Trail("fires-task-role-hammers")                  # the seed: ids follow from it and from the call's position
    db = Secret("prod/blizzard-checkout/db")                  # suffix, key and version are derived from the name
    task = assumed_role("Blizzard-Checkout-TaskRole", "0a1b2c", vpc_endpoint="vpce-0a1b2c3d4e5f60718")
    trail.get_secret_value("2026-11-02T18:00:00Z", task, db, ask="name")           # + its paired KMS Decrypt
    trail.get_secret_value("2026-11-02T18:00:09Z", task, db, outcome="denied")     # AccessDenied, null parameters
    trail.rotation("2026-11-03T10:00:00Z", db, rotator())     # the whole healthy rotation, designed error included
    write_log("fires-task-role-hammers.json", trail.records, pretty=True)

Every method of `Trail` appends what it makes to `trail.records` and returns it (a record, or a list where one call
leaves several). Records are plain dicts: alter them afterwards where a case needs an oddity. Any method takes further
record fields as keywords (`sharedEventID=…`, `eventVersion="1.08"`); a field set to `DROP` is left out.
`when` is a datetime or text such as `2026-11-02T10:00:00Z`. Nothing here reads the clock or a random source.

Shapes follow AWS's documentation and public captures; what AWS leaves out (values, tokens) is left out here.
The nouns (`Secret`, `Caller`, identities) are in `identities.py`, the writers in `delivery.py`; both are re-exported.
"""

import json

from calls import OtherCalls, advanced_selector, basic_selector  # noqa: F401
from delivery import *  # noqa: F403 (re-exported)
from delivery import deliver, eventbridge, gzip_bytes, log_bytes, log_key, write_lines, write_log  # noqa: F401
from identities import *  # noqa: F403
from identities import (ACCOUNT, AGENT_LAMBDA, REGION, Caller, Secret, after, assumed_role, at, derive,  # noqa: F401
                        java_date, service_event_identity, stamp)
from record import DROP, FAILURES, RecordMaker  # noqa: F401

SM = "secretsmanager.amazonaws.com"
KMS = "kms.amazonaws.com"


def rotator(role: str = "Snowy-Rotation-Role", function: str = "Snowy-Rotation", *, account: str = ACCOUNT,
            region: str = REGION, path: str = "/", created=None) -> Caller:
    """The Lambda function that rotates, under its role."""
    arn = f"arn:aws:lambda:{region}:{account}:function:{function}"
    return assumed_role(role, function, account=account, path=path, created=created, ip="10.20.9.40",
                        agent=AGENT_LAMBDA, function=arn)


class Trail(OtherCalls, RecordMaker):
    """Collects the records that its methods make. The seed decides every eventID and requestID."""

    # ---- reads -------------------------------------------------------------------------------------------------

    def get_secret_value(self, when, caller: Caller, secret: Secret, *, ask: str = "name", version_id: str | None = None,
                         version_stage: str | None = None, outcome: str = "ok", decrypt: bool = True,
                         denied_names: str = "arn", keep_parameters: bool = False, **fields) -> list:
        """GetSecretValue and, if it succeeds, the paired KMS Decrypt (`decrypt=False` leaves it out).

        ask: `name`, `partial`, `arn`, or any text, verbatim. outcome: `ok`, `denied`, `denied_kms` (the key refuses:
        a failed read and a failed Decrypt), `not_found`, `no_version` (no such staging label, the rotation's designed
        error), `throttled`, `deleted`. On denied and throttled calls requestParameters is null, as CloudTrail mostly
        has it, unless `keep_parameters`; the target is then in errorMessage alone, as ARN or (`denied_names="name"`)
        as typed.
        """
        params = {"secretId": secret.asked(ask), "versionId": version_id, "versionStage": version_stage}
        error = self.failure(outcome, caller, f"{SM.split('.')[0]}:GetSecretValue", secret, denied_names, version_stage)
        if outcome in ("denied", "throttled") and not keep_parameters:
            params = None
        made = [self.call(when, caller, SM, "GetSecretValue", secret.account, secret.region, params, **error, **fields)]
        if decrypt and outcome in ("ok", "denied_kms"):
            version = version_id or secret.version_at(when)
            made.append(self.secret_decrypt(when, caller, secret, version, denied=outcome == "denied_kms"))
        return made

    def batch_get_secret_value(self, when, caller: Caller, secrets: list, *, ask: str = "name", filters: list | None = None,
                               derived: str | None = "service", decrypt: bool = True, outcome: str = "ok", **fields) -> list:
        """BatchGetSecretValue by list, or by `filters=[{"key":"name","values":["prod/"]}]` (which names no secret).

        derived: each secret also leaves its own GetSecretValue, `"service"` (invoked by Secrets Manager), `"caller"`
        (as if called directly) or None (captures exist without any). decrypt: one paired Decrypt for each secret.
        """
        first = secrets[0]
        params = {"filters": filters, "maxResults": 20} if filters else {"secretIdList": [s.asked(ask) for s in secrets]}
        error = self.failure(outcome, caller, "secretsmanager:BatchGetSecretValue", first)
        if outcome in ("denied", "throttled"):
            params = None
        made = [self.call(when, caller, SM, "BatchGetSecretValue", first.account, first.region, params, **error, **fields)]
        for secret in secrets if outcome == "ok" else []:
            if derived:
                reader = caller.through(SM, when) if derived == "service" else caller
                params = {"secretId": secret.arn}
                made.append(self.call(when, reader, SM, "GetSecretValue", secret.account, secret.region, params))
            if decrypt:
                made.append(self.secret_decrypt(when, caller, secret, secret.version_at(when)))
        return made

    def secret_decrypt(self, when, caller: Caller, secret: Secret, version: str, *, denied: bool = False) -> dict:
        """The KMS Decrypt that Secrets Manager makes on the caller's behalf: same principal, fresh key, the context
        names the secret's ARN and version."""
        return self._secret_kms(when, caller, secret, version, "Decrypt", {"encryptionAlgorithm": "SYMMETRIC_DEFAULT"}, denied)

    def secret_data_key(self, when, caller: Caller, secret: Secret, version: str) -> dict:
        """The KMS GenerateDataKey behind a write."""
        return self._secret_kms(when, caller, secret, version, "GenerateDataKey", {"keyId": secret.key, "keySpec": "AES_256"})

    def key_access_probe(self, when, caller: Caller, secret: Secret) -> list:
        """Secrets Manager tries the caller's right to the key: GenerateDataKey and Decrypt with a placeholder version.
        No read."""
        probe = "RequestToValidateKeyAccess"
        return [self.secret_data_key(when, caller, secret, probe), self.secret_decrypt(when, caller, secret, probe)]

    def describe_secret(self, when, caller: Caller, secret: Secret, *, ask: str = "name", outcome: str = "ok", **fields) -> dict:
        """DescribeSecret: metadata, no value."""
        error = self.failure(outcome, caller, "secretsmanager:DescribeSecret", secret)
        params = None if outcome in ("denied", "throttled") else {"secretId": secret.asked(ask)}
        return self.call(when, caller, SM, "DescribeSecret", secret.account, secret.region, params, **error, **fields)

    def list_secrets(self, when, caller: Caller, *, account: str = ACCOUNT, region: str = REGION,
                     filters: list | None = None, outcome: str = "ok", **fields) -> dict:
        """ListSecrets."""
        error = self.failure(outcome, caller, "secretsmanager:ListSecrets", "*")
        params = None if outcome != "ok" else {"filters": filters, "maxResults": 100}
        return self.call(when, caller, SM, "ListSecrets", account, region, params, **error, **fields)

    # ---- writes ------------------------------------------------------------------------------------------------

    def create_secret(self, when, caller: Caller, secret: Secret, *, description: str | None = None, tags: dict | None = None,
                      replicate_to: list = (), **fields) -> list:
        """CreateSecret with its data key; the response proves the full ARN."""
        params = {"name": secret.name, "clientRequestToken": secret.version_at(when), "description": description,
                  "kmsKeyId": secret.key, "forceOverwriteReplicaSecret": False,
                  "addReplicaRegions": [{"region": r} for r in replicate_to] or None,
                  "tags": [{"key": k, "value": v} for k, v in (tags or {}).items()] or None}
        return [self._write(when, caller, "CreateSecret", secret, params, {"arn": secret.arn}, **fields),
                self.secret_data_key(when, caller, secret, secret.version_at(when))]

    def put_secret_value(self, when, caller: Caller, secret: Secret, version: str, *, ask: str = "name",
                         stages: list | None = None, **fields) -> list:
        """PutSecretValue. The new version's id is clientRequestToken; the value is not in the record. Without `stages`
        AWSCURRENT moves at once (and `secret.versions` learns it)."""
        params = {"secretId": secret.asked(ask), "clientRequestToken": version, "versionStages": stages}
        if not stages:
            secret.versions.append((at(when), version))
        return [self._write(when, caller, "PutSecretValue", secret, params, {"arn": secret.arn}, **fields),
                self.secret_data_key(when, caller, secret, version)]

    def update_secret(self, when, caller: Caller, secret: Secret, *, ask: str = "name", description: str | None = None,
                      kms_key: str | None = None, **fields) -> list:
        """UpdateSecret without a new value; with a new key, the probe of that key as well."""
        params = {"secretId": secret.asked(ask), "description": description, "kmsKeyId": kms_key}
        made = [self._write(when, caller, "UpdateSecret", secret, params, {"arn": secret.arn, "name": secret.name}, **fields)]
        return made + (self.key_access_probe(when, caller, secret) if kms_key else [])

    def update_secret_version_stage(self, when, caller: Caller, secret: Secret, move_to: str | None, remove_from: str | None,
                                    *, stage: str = "AWSCURRENT", ask: str = "arn", **fields) -> dict:
        """UpdateSecretVersionStage: moves a label. Moving AWSCURRENT is recorded in `secret.versions`."""
        params = {"secretId": secret.asked(ask), "versionStage": stage, "moveToVersionId": move_to,
                  "removeFromVersionId": remove_from}
        if stage == "AWSCURRENT" and move_to:
            secret.versions.append((at(when), move_to))
        return self._write(when, caller, "UpdateSecretVersionStage", secret, params, {"arn": secret.arn, "name": secret.name}, **fields)

    def rotate_secret(self, when, caller: Caller, secret: Secret, version: str, *, ask: str = "name",
                      lambda_arn: str | None = None, after_days: int | None = None, schedule: str | None = None,
                      duration: str | None = None, immediately: bool | None = None, **fields) -> dict:
        """RotateSecret: starts a rotation now and/or sets the schedule."""
        rules = {"automaticallyAfterDays": after_days, "scheduleExpression": schedule, "duration": duration}
        rules = {k: v for k, v in rules.items() if v is not None}
        params = {"secretId": secret.asked(ask), "clientRequestToken": version, "rotationLambdaARN": lambda_arn,
                  "rotationRules": rules or None, "rotateImmediately": immediately}
        response = {"arn": secret.arn, "name": secret.name, "versionId": version}
        return self._write(when, caller, "RotateSecret", secret, params, response, **fields)

    def cancel_rotate_secret(self, when, caller: Caller, secret: Secret, *, ask: str = "name", **fields) -> dict:
        """CancelRotateSecret: turns automatic rotation off."""
        return self._write(when, caller, "CancelRotateSecret", secret, {"secretId": secret.asked(ask)},
                           {"arn": secret.arn, "name": secret.name}, **fields)

    def delete_secret(self, when, caller: Caller, secret: Secret, *, ask: str = "name", window_days: int | None = 30,
                      force: bool = False, **fields) -> dict:
        """DeleteSecret, with a recovery window or `force`. The response says `aRN`."""
        params = {"secretId": secret.asked(ask), "recoveryWindowInDays": None if force else window_days,
                  "forceDeleteWithoutRecovery": True if force else None}
        gone = after(when, 0 if force else 86400 * (window_days or 30))
        response = {"aRN": secret.arn, "name": secret.name, "deletionDate": java_date(gone)}
        return self._write(when, caller, "DeleteSecret", secret, params, response, **fields)

    def restore_secret(self, when, caller: Caller, secret: Secret, *, ask: str = "name", **fields) -> dict:
        """RestoreSecret."""
        return self._write(when, caller, "RestoreSecret", secret, {"secretId": secret.asked(ask)},
                           {"arn": secret.arn, "name": secret.name}, **fields)

    def put_resource_policy(self, when, caller: Caller, secret: Secret, policy: dict, *, ask: str = "name",
                            block_public: bool | None = None, **fields) -> dict:
        """PutResourcePolicy; the policy travels as a string."""
        params = {"secretId": secret.asked(ask), "resourcePolicy": json.dumps(policy), "blockPublicPolicy": block_public}
        return self._write(when, caller, "PutResourcePolicy", secret, params, {"arn": secret.arn, "name": secret.name}, **fields)

    def delete_resource_policy(self, when, caller: Caller, secret: Secret, *, ask: str = "name", **fields) -> dict:
        """DeleteResourcePolicy."""
        return self._write(when, caller, "DeleteResourcePolicy", secret, {"secretId": secret.asked(ask)},
                           {"arn": secret.arn, "name": secret.name}, **fields)

    def swap_key(self, when, caller: Caller, secret: Secret, key: str, *, typed: str | None = None, **fields) -> list:
        """UpdateSecret with another key: the trial of the new key, and the current version read with the old key and
        encrypted again. `typed`: what stands in keyId (an alias); the key's ARN by default. `secret.key` is the new one then."""
        params = {"secretId": secret.name, "kmsKeyId": typed or key}
        version, probe = secret.version_at(when), "RequestToValidateKeyAccess"
        made = [self._write(when, caller, "UpdateSecret", secret, params, {"arn": secret.arn, "name": secret.name}, **fields),
                self.secret_decrypt(when, caller, secret, version)]
        secret.key = key
        for name, tried in (("GenerateDataKey", probe), ("Decrypt", probe), ("Encrypt", version)):
            asked = {} if name == "Decrypt" else {"keyId": typed or key}
            made.append(self._secret_kms(when, caller, secret, tried, name, asked))
        return made

    def tag_resource(self, when, caller: Caller, secret: Secret, tags: dict, *, ask: str = "name", **fields) -> dict:
        """TagResource."""
        params = {"secretId": secret.asked(ask), "tags": [{"key": k, "value": v} for k, v in tags.items()]}
        return self._write(when, caller, "TagResource", secret, params, None, **fields)

    def replicate(self, when, caller: Caller, secret: Secret, regions: list, *, ask: str = "name", succeed: bool = True,
                  **fields) -> list:
        """ReplicateSecretToRegions: Decrypt at home, GenerateDataKey and Encrypt abroad, then the service events."""
        params = {"secretId": secret.asked(ask), "addReplicaRegions": [{"region": r} for r in regions],
                  "forceOverwriteReplicaSecret": False}
        made = [self._write(when, caller, "ReplicateSecretToRegions", secret, params, {"arn": secret.arn}, **fields),
                self.secret_decrypt(when, caller, secret, secret.version_at(when))]
        for region in regions:
            twin = secret.replica(region)
            made.append(self.service_event(after(when, 1), "ReplicationStarted", twin))
            made.append(self.secret_data_key(after(when, 1), caller, twin, secret.version_at(when)))
            made.append(self.service_event(after(when, 3), "ReplicationSucceeded" if succeed else "ReplicationFailed", twin))
        return made

    def stop_replication(self, when, caller: Caller, replica: Secret, **fields) -> dict:
        """StopReplicationToReplica: made in the replica's region, it becomes a secret of its own."""
        return self._write(when, caller, "StopReplicationToReplica", replica, {"secretId": replica.arn}, {"arn": replica.arn}, **fields)

    def remove_regions(self, when, caller: Caller, secret: Secret, regions: list, *, ask: str = "name", **fields) -> dict:
        """RemoveRegionsFromReplication: made at home, the replicas are gone at once."""
        params = {"secretId": secret.asked(ask), "removeReplicaRegions": regions}
        return self._write(when, caller, "RemoveRegionsFromReplication", secret, params, {"arn": secret.arn}, **fields)

    # ---- service events and rotations ----------------------------------------------------------------------------

    def service_event(self, when, name: str, secret: Secret, *, token: str | None = None, message: str | None = None,
                      **fields) -> dict:
        """A service event of Secrets Manager: RotationStarted|Succeeded|Failed|Abandoned, TestRotation…, Replication…,
        Start|Cancel|EndSecretVersionDelete, SecretVersionDeletion. The identity has no type, the requestID is compound,
        the ARN's place depends on the family, and a failure has errorMessage without errorCode."""
        if "Rotation" in name:
            data = {"SecretId": secret.arn}
            request = f"Rotation-{secret.arn}-{token or derive('token', self.seed, secret.arn, stamp(when))}"
        elif "VersionDele" in name:
            data = {"ARN": secret.arn, "Name": secret.name}
            request = f"SecretDeleteMessage:{secret.arn}:{stamp(when)}:Forced"
        else:
            data, request = {"SecretId": secret.arn}, f"Replication-{secret.arn}-{token or derive('token', self.seed, stamp(when))}"
        shape = {"eventType": "AwsServiceEvent", "requestID": request, "additionalEventData": data, "errorMessage": message or DROP,
                 "tlsDetails": DROP, **fields}
        return self.call(when, service_event_identity(secret.account), SM, name, secret.account, secret.region, None,
                         read_only=False, **shape)

    def rotation(self, when, secret: Secret, worker: Caller, *, by: Caller | None = None, version: str | None = None,
                 first: bool = False, fail_at: str | None = None, stop_after: str | None = None, abandoned: bool = False,
                 ask: str = "arn", pace: float = 3, lambda_arn: str | None = None) -> list:
        """One rotation as the standard template runs it, started by the schedule or (`by`) by RotateSecret.

        Healthy: RotationStarted; createSecret (Describe, read AWSCURRENT, read AWSPENDING which fails by design,
        GetRandomPassword, Put), setSecret (Describe, reads PENDING/CURRENT/PREVIOUS), testSecret, finishSecret
        (Describe, move AWSCURRENT), RotationSucceeded. `first`: AWSPREVIOUS does not exist yet. `fail_at`: one of the
        four step names; it ends in RotationFailed. `stop_after`: RotationStarted or a step; then silence (stuck).
        `abandoned`: ends in RotationAbandoned before finishSecret. `pace`: seconds between steps.
        """
        began, start = len(self.records), at(when)
        old = secret.version_at(start)
        new = version or str(derive("rotation", self.seed, secret.arn, stamp(start)))
        lambda_arn = lambda_arn or worker.identity.get("inScopeOf", {}).get("credentialsIssuedTo", "")
        if by:
            self.rotate_secret(start, by, secret, new)
        self.service_event(start, "RotationStarted", secret, token=new)
        steps = ["createSecret", "setSecret", "testSecret", "finishSecret"]
        ending = "RotationSucceeded"
        for position, step in enumerate(steps if stop_after != "RotationStarted" else []):
            moment = after(start, pace * (position + 1))
            if step == "finishSecret" and abandoned:
                ending = "RotationAbandoned"
                break
            self._rotation_step(moment, secret, worker, step, old, new, first, ask, broken=step == fail_at)
            if step == fail_at:
                ending = "RotationFailed"
                break
            if step == stop_after:
                break
        if not stop_after:
            message = None
            if ending == "RotationFailed":
                message = f"Error when executing lambda {lambda_arn} during {fail_at} step"
            self.service_event(after(start, pace * 5), ending, secret, token=new, message=message)
        return self.records[began:]

    def _rotation_step(self, t, secret, worker, step, old, new, first, ask, broken):
        self.describe_secret(t, worker, secret, ask=ask)
        if step == "createSecret":
            self.get_secret_value(t, worker, secret, ask=ask, version_stage="AWSCURRENT", version_id=None)
            self.get_secret_value(after(t, 1), worker, secret, ask=ask, version_id=new, version_stage="AWSPENDING", outcome="no_version")
            if not broken:
                self.call(after(t, 1), worker, SM, "GetRandomPassword", secret.account, secret.region,
                          {"excludeCharacters": "/@\"'\\", "passwordLength": 32})
                self.put_secret_value(after(t, 1), worker, secret, new, ask=ask, stages=["AWSPENDING"])
        elif step == "setSecret":
            outcome = "no_version" if first else "ok"
            before = str(derive("previous", old))
            self.get_secret_value(t, worker, secret, ask=ask, version_id=None, version_stage="AWSPREVIOUS", outcome=outcome, decrypt=False)
            if not first:
                self.secret_decrypt(t, worker, secret, before)
            self.get_secret_value(t, worker, secret, ask=ask, version_stage="AWSCURRENT")
            self.get_secret_value(t, worker, secret, ask=ask, version_id=new, version_stage="AWSPENDING")
        elif step == "testSecret":
            self.get_secret_value(t, worker, secret, ask=ask, version_id=new, version_stage="AWSPENDING")
        elif not broken:
            self.describe_secret(after(t, 1), worker, secret, ask=ask)
            self.update_secret_version_stage(after(t, 1), worker, secret, new, old, ask=ask)

    # ---- the shared forms ------------------------------------------------------------------------------------------

    def _write(self, when, caller, name, secret, params, response, *, outcome="ok", **fields):
        error = self.failure(outcome, caller, f"secretsmanager:{name}", secret)
        if outcome != "ok":
            response = None
        if outcome in ("denied", "throttled"):
            params = None
        return self.call(when, caller, SM, name, secret.account, secret.region, params, response, read_only=False, **error, **fields)

    def _secret_kms(self, when, caller, secret, version, name, params, denied=False):
        params = {**params, "encryptionContext": {"SecretARN": secret.arn, "SecretVersionId": version}}
        on_behalf = caller.through(SM, when) if caller.invoked_by != SM else caller
        error = {}
        if denied:
            error = {"errorCode": "AccessDenied",
                     "errorMessage": f"User: {caller.arn} is not authorized to perform: kms:{name} on resource: {secret.key} "
                                     f"because no identity-based policy allows the kms:{name} action"}
        return self.kms(when, on_behalf, name, secret.key, params, **error)
