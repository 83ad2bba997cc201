"""Calls beside Secrets Manager: KMS, Parameter Store, STS, CloudTrail, and a few that Snowtrail does not keep.

A mixin of `records.Trail`; see there for how to use it.
"""

import json

from identities import ACCOUNT, REGION, Caller, after, aws_service, derive, derive_id, java_date, service_event_identity, stamp
from record import DROP, key_material

KMS, SSM, STS = "kms.amazonaws.com", "ssm.amazonaws.com", "sts.amazonaws.com"
CLOUDTRAIL = "cloudtrail.amazonaws.com"
CRYPTO = {"Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncrypt"}


def _arn_part(arn: str, position: int) -> str:
    return arn.split(":")[position]


class OtherCalls:
    """Mixin: every method appends its record and returns it."""

    # ---- KMS -----------------------------------------------------------------------------------------------------

    def kms(self, when, caller: Caller, name: str, key: str, params: dict | None = None, response: dict | None = None,
            **fields) -> dict:
        """Any KMS call on one key (`key`: its ARN). Account and region are the key's."""
        if name in CRYPTO and "errorCode" not in fields:
            fields.setdefault("additionalEventData", key_material(key))
        fields.setdefault("resources", [{"accountId": _arn_part(key, 4), "type": "AWS::KMS::Key", "ARN": key}])
        return self.call(when, caller, KMS, name, _arn_part(key, 4), _arn_part(key, 3), params, response, **fields)

    def kms_decrypt(self, when, caller: Caller, key: str, context: dict, *, key_id: str | None = None, **fields) -> dict:
        """A Decrypt by the caller itself, with any encryption context."""
        params = {"encryptionAlgorithm": "SYMMETRIC_DEFAULT", "encryptionContext": context, "keyId": key_id}
        return self.kms(when, caller, "Decrypt", key, params, **fields)

    def generate_data_key(self, when, caller: Caller, key: str, context: dict, **fields) -> dict:
        """A GenerateDataKey by the caller itself."""
        return self.kms(when, caller, "GenerateDataKey", key, {"keyId": key, "keySpec": "AES_256", "encryptionContext": context}, **fields)

    def schedule_key_deletion(self, when, caller: Caller, key: str, *, days: int = 30, **fields) -> dict:
        """ScheduleKeyDeletion; the deletion date comes as zone-less text."""
        response = {"keyId": key, "keyState": "PendingDeletion", "deletionDate": java_date(after(when, 86400 * days)),
                    "pendingWindowInDays": days}
        params = {"keyId": key, "pendingWindowInDays": days}
        return self.kms(when, caller, "ScheduleKeyDeletion", key, params, response, **fields)

    def key_switch(self, when, caller: Caller, name: str, key: str, **fields) -> dict:
        """DisableKey, EnableKey, CancelKeyDeletion, DisableKeyRotation, EnableKeyRotation."""
        return self.kms(when, caller, name, key, {"keyId": key}, {"keyId": key}, **fields)

    def put_key_policy(self, when, caller: Caller, key: str, policy: dict, *, bypass: bool = False, **fields) -> dict:
        """PutKeyPolicy; the policy travels as a string with line breaks."""
        params = {"keyId": key, "policyName": "default", "policy": json.dumps(policy, indent=2),
                  "bypassPolicyLockoutSafetyCheck": bypass}
        return self.kms(when, caller, "PutKeyPolicy", key, params, {"keyId": key}, **fields)

    def create_grant(self, when, caller: Caller, key: str, grantee: str, operations: list, *, subset: dict | None = None,
                     **fields) -> dict:
        """CreateGrant."""
        params = {"keyId": key, "granteePrincipal": grantee, "operations": operations,
                  "constraints": {"encryptionContextSubset": subset} if subset else None}
        grant = str(derive("grant", key, grantee, stamp(when))).replace("-", "") * 2
        return self.kms(when, caller, "CreateGrant", key, params, {"grantId": grant, "keyId": key}, **fields)

    def create_key(self, when, caller: Caller, key: str, *, policy: dict | None = None, **fields) -> dict:
        """CreateKey, with a policy or with AWS's own."""
        params = {"keyUsage": "ENCRYPT_DECRYPT", "policy": json.dumps(policy) if policy else None}
        metadata = {"keyId": _arn_part(key, 5).removeprefix("key/"), "arn": key, "keyState": "Enabled", "origin": "AWS_KMS"}
        return self.kms(when, caller, "CreateKey", key, params, {"keyMetadata": metadata}, **fields)

    def alias_call(self, when, caller: Caller, name: str, alias: str, key: str, **fields) -> dict:
        """CreateAlias, UpdateAlias, DeleteAlias. `resources` has alias and key, both typed as keys."""
        account, region = _arn_part(key, 4), _arn_part(key, 3)
        arns = [f"arn:aws:kms:{region}:{account}:{alias}", key]
        params = {"aliasName": alias, "targetKeyId": None if name == "DeleteAlias" else _arn_part(key, 5).removeprefix("key/")}
        resources = [{"accountId": account, "type": "AWS::KMS::Key", "ARN": arn} for arn in arns]
        return self.kms(when, caller, name, key, params, None, resources=resources, **fields)

    def key_material_gone(self, when, key: str, caller: Caller | None = None, **fields) -> dict:
        """DeleteImportedKeyMaterial by a caller, or (without one) the service event when the material expires."""
        if caller:
            return self.key_switch(when, caller, "DeleteImportedKeyMaterial", key, **fields)
        who = service_event_identity(_arn_part(key, 4), "AWS Internal")
        shape = {"eventType": "AwsServiceEvent", "serviceEventDetails": {"keyId": _arn_part(key, 5).removeprefix("key/")}, "tlsDetails": DROP, **fields}
        return self.kms(when, who, "DeleteExpiredKeyMaterial", key, None, read_only=False, **shape)

    def dead_key(self, when, caller: Caller, key: str, context: dict, *, name: str = "Decrypt", state: str = "is pending deletion",
                 code: str = "KMSInvalidStateException", **fields) -> dict:
        """A use of a key that cannot be used: the message names the key, `resources` is absent."""
        params = {"encryptionAlgorithm": "SYMMETRIC_DEFAULT", "encryptionContext": context}
        return self.kms(when, caller, name, key, params, errorCode=code, errorMessage=f"{key} {state}.", resources=DROP, **fields)

    def reencrypt(self, when, caller: Caller, source: str, destination: str, context: dict, *, typed: str = "arn", **fields) -> dict:
        """ReEncrypt: two keys, two contexts. typed: how the destination was named, `arn` or `alias`."""
        params = {"sourceEncryptionContext": context, "destinationEncryptionContext": context,
                  "destinationKeyId": destination if typed == "arn" else "alias/new-home",
                  "sourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT", "destinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT"}
        resources = [{"accountId": _arn_part(key, 4), "type": "AWS::KMS::Key", "ARN": key} for key in (source, destination)]
        return self.kms(when, caller, "ReEncrypt", source, params, resources=resources, **fields)

    def rotate_key(self, when, key: str, **fields) -> dict:
        """KMS rotates a key's material by schedule: a service event."""
        details = {"keyId": _arn_part(key, 5).removeprefix("key/"), "rotationType": "AUTOMATIC", "keyOrigin": "AWS_KMS"}
        who = service_event_identity(_arn_part(key, 4), "AWS Internal")
        shape = {"eventType": "AwsServiceEvent", "serviceEventDetails": details, "tlsDetails": DROP, **fields}
        return self.kms(when, who, "RotateKey", key, None, read_only=False, **shape)

    def log_file_key(self, when, key: str, bucket: str, *, account: str = ACCOUNT, region: str = REGION, **fields) -> dict:
        """CloudTrail asks KMS for the data key of one log file: the trail's own noise."""
        context = {"aws:cloudtrail:arn": f"arn:aws:cloudtrail:{region}:{account}:trail/snowy-trail", "aws:s3:arn": f"arn:aws:s3:::{bucket}"}
        return self.generate_data_key(when, aws_service(CLOUDTRAIL), key, context, **fields)

    # ---- Parameter Store -------------------------------------------------------------------------------------------

    def get_parameters(self, when, caller: Caller, names: list, *, decrypt: bool = True, account: str = ACCOUNT,
                       region: str = REGION, key: str | None = None, **fields) -> list:
        """GetParameter for one name, GetParameters for more; one KMS Decrypt for each, made by `AWS Internal`."""
        arns = [f"arn:aws:ssm:{region}:{account}:parameter/{name.lstrip('/')}" for name in names]
        params = {"name": names[0]} if len(names) == 1 else {"names": names}
        call = "GetParameter" if len(names) == 1 else "GetParameters"
        made = [self.call(when, caller, SSM, call, account, region, {**params, "withDecryption": decrypt or None},
                          resources=[{"accountId": account, "ARN": arn} for arn in arns], **fields)]
        for arn in arns if decrypt and key else []:
            made.append(self.kms_decrypt(when, caller.through("AWS Internal", when), key, {"PARAMETER_ARN": arn}))
        return made

    def get_parameters_by_path(self, when, caller: Caller, path: str, *, account: str = ACCOUNT, region: str = REGION,
                               found: list = (), key: str | None = None, **fields) -> dict:
        """GetParametersByPath: it does not say which parameters came back. The Decrypts do (`found`, with a `key`)."""
        params = {"path": path, "recursive": True, "withDecryption": True, "maxResults": 10}
        made = self.call(when, caller, SSM, "GetParametersByPath", account, region, params, **fields)
        for name in found if key else []:
            arn = f"arn:aws:ssm:{region}:{account}:parameter/{name.lstrip('/')}"
            self.kms_decrypt(when, caller.through("AWS Internal", when), key, {"PARAMETER_ARN": arn})
        return made

    def get_parameter_history(self, when, caller: Caller, name: str, key: str, *, versions: int = 3, account: str = ACCOUNT,
                              region: str = REGION, **fields) -> list:
        """GetParameterHistory with decryption: all values that a parameter ever had, one Decrypt for each."""
        arn = f"arn:aws:ssm:{region}:{account}:parameter/{name.lstrip('/')}"
        made = [self.call(when, caller, SSM, "GetParameterHistory", account, region, {"name": name, "withDecryption": True},
                          resources=[{"accountId": account, "ARN": arn}], **fields)]
        through = caller.through("AWS Internal", when)
        return made + [self.kms_decrypt(when, through, key, {"PARAMETER_ARN": arn}) for _ in range(versions)]

    def put_parameter(self, when, caller: Caller, name: str, *, account: str = ACCOUNT, region: str = REGION, version: int = 1, **fields) -> dict:
        """PutParameter of a SecureString; AWS hides the value."""
        params = {"name": name, "type": "SecureString", "value": "HIDDEN_DUE_TO_SECURITY_REASONS", "overwrite": True}
        arn = f"arn:aws:ssm:{region}:{account}:parameter/{name.lstrip('/')}"
        return self.call(when, caller, SSM, "PutParameter", account, region, params, {"version": version, "tier": "Standard"},
                         read_only=False, resources=[{"accountId": account, "ARN": arn}], **fields)

    # ---- STS -------------------------------------------------------------------------------------------------------

    def assume_role(self, when, caller: Caller, role: str, session: str, *, account: str = ACCOUNT, region: str = REGION,
                    source_identity: str | None = None, name: str = "AssumeRole", **fields) -> dict:
        """AssumeRole by a principal or a service (`aws_service("ecs-tasks.amazonaws.com")`). `role` is the role's ARN."""
        path, short = role.split(":role", 1)[1].rsplit("/", 1)
        key = derive_id("ASIA", _arn_part(role, 4), short, session, stamp(when))
        role_id = derive_id("AROA", _arn_part(role, 4), path + "/", short)
        params = {"roleArn": role, "roleSessionName": session, "sourceIdentity": source_identity}
        response = {"credentials": {"accessKeyId": key, "sessionToken": "HIDDEN_DUE_TO_SECURITY_REASONS",
                                    "expiration": java_date(after(when, 3600))},
                    "assumedRoleUser": {"assumedRoleId": f"{role_id}:{session}",
                                        "arn": f"arn:aws:sts::{_arn_part(role, 4)}:assumed-role/{short}/{session}"}}
        resources = [{"accountId": _arn_part(role, 4), "type": "AWS::IAM::Role", "ARN": role}]
        return self.call(when, caller, STS, name, account, region, params, response, resources=resources, **fields)

    def caller_identity(self, when, caller: Caller, *, account: str = ACCOUNT, region: str = REGION, **fields) -> dict:
        """GetCallerIdentity: what a thief runs first."""
        return self.call(when, caller, STS, "GetCallerIdentity", account, region, None, **fields)

    # ---- IAM -------------------------------------------------------------------------------------------------------

    def create_role(self, when, caller: Caller, role: str, *, account: str = ACCOUNT, path: str = "/", **fields) -> dict:
        """CreateRole; IAM's records come from us-east-1, whatever region its callers sit in."""
        arn = f"arn:aws:iam::{account}:role{path}{role}"
        response = {"role": {"path": path, "roleName": role, "roleId": derive_id("AROA", account, path, role), "arn": arn}}
        return self.call(when, caller, "iam.amazonaws.com", "CreateRole", account, "us-east-1", {"roleName": role, "path": path},
                         response, read_only=False, **fields)

    # ---- CloudTrail ------------------------------------------------------------------------------------------------

    def trail_call(self, when, caller: Caller, name: str, *, trail: str = "snowy-trail", account: str = ACCOUNT,
                   region: str = REGION, **fields) -> dict:
        """StopLogging, StartLogging, DeleteTrail, GetTrailStatus: calls that name a trail and no more."""
        return self.call(when, caller, CLOUDTRAIL, name, account, region, {"name": trail},
                         read_only=name.startswith("Get"), **fields)

    def create_trail(self, when, caller: Caller, *, trail: str = "snowy-trail", bucket: str = "snowy-trail",
                     account: str = ACCOUNT, region: str = REGION, name: str = "CreateTrail", settings: dict | None = None, **fields) -> dict:
        """CreateTrail, or (`name="UpdateTrail"`) UpdateTrail with the given settings alone."""
        default = {"s3BucketName": bucket, "isMultiRegionTrail": True, "includeGlobalServiceEvents": True, "enableLogFileValidation": True}
        params = {"name": trail, **(default if settings is None else settings)}
        response = {"name": trail, "s3BucketName": params.get("s3BucketName", bucket),
                    "includeGlobalServiceEvents": params.get("includeGlobalServiceEvents", True),
                    "isMultiRegionTrail": params.get("isMultiRegionTrail", True),
                    "trailARN": f"arn:aws:cloudtrail:{region}:{account}:trail/{trail}",
                    "logFileValidationEnabled": params.get("enableLogFileValidation", True), "isOrganizationTrail": False}
        return self.call(when, caller, CLOUDTRAIL, name, account, region, params, response, read_only=False, **fields)

    def update_trail(self, when, caller: Caller, settings: dict, **fields) -> dict:
        """UpdateTrail: `{"isMultiRegionTrail": False}`, `{"s3BucketName": "elsewhere"}`, …"""
        return self.create_trail(when, caller, name="UpdateTrail", settings=settings, **fields)

    def put_event_selectors(self, when, caller: Caller, *, basic: list | None = None, advanced: list | None = None,
                            trail: str = "snowy-trail", account: str = ACCOUNT, region: str = REGION, **fields) -> dict:
        """PutEventSelectors. basic: as `basic_selector()`; advanced: as `advanced_selector()`; lists of them."""
        chosen = {"advancedEventSelectors": advanced} if advanced is not None else {"eventSelectors": basic or []}
        response = {"trailARN": f"arn:aws:cloudtrail:{region}:{account}:trail/{trail}", **chosen}
        return self.call(when, caller, CLOUDTRAIL, "PutEventSelectors", account, region, {"trailName": trail, **chosen},
                         response, read_only=False, **fields)

    # ---- calls outside Snowtrail's scope -----------------------------------------------------------------------------

    def other(self, when, caller: Caller, source: str, name: str, params: dict | None = None, *, account: str = ACCOUNT,
              region: str = REGION, **fields) -> dict:
        """Any call of any service."""
        return self.call(when, caller, source, name, account, region, params, **fields)

    def bucket_acl(self, when, caller: Caller, bucket: str, *, account: str = ACCOUNT, region: str = REGION, **fields) -> dict:
        """s3 GetBucketAcl, the most frequent management event of many trails."""
        params = {"bucketName": bucket, "Host": f"{bucket}.s3.{region}.amazonaws.com", "acl": ""}
        data = {"SignatureVersion": "SigV4", "CipherSuite": "TLS_AES_128_GCM_SHA256", "bytesTransferredIn": 0,
                "AuthenticationMethod": "AuthHeader", "x-amz-id-2": str(derive("s3", self.seed, str(len(self.records)))), "bytesTransferredOut": 565}
        resources = [{"accountId": account, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"}]
        return self.call(when, caller, "s3.amazonaws.com", "GetBucketAcl", account, region, params,
                         additionalEventData=data, resources=resources, **fields)

    def lambda_decoy(self, when, caller: Caller, function: str, *, account: str = ACCOUNT, region: str = REGION, **fields) -> dict:
        """A Lambda call whose text names the services that Snowtrail keeps: a filter by substring falls for it."""
        response = {"functionName": function, "description": "calls \"eventSource\":\"secretsmanager.amazonaws.com\" GetSecretValue and kms.amazonaws.com Decrypt"}
        return self.call(when, caller, "lambda.amazonaws.com", "UpdateFunctionConfiguration20150331v2", account, region,
                         {"functionName": function}, response, read_only=False, **fields)


def basic_selector(read_write: str = "All", management: bool = True, exclude: list = ()) -> dict:
    """A basic event selector; `exclude=["kms.amazonaws.com"]` drops KMS."""
    return {"readWriteType": read_write, "includeManagementEvents": management, "dataResources": [],
            "excludeManagementEventSources": list(exclude)}


def advanced_selector(name: str = "management", **operators) -> dict:
    """An advanced event selector from `field__operator=[values]`:
    `advanced_selector(eventCategory__equals=["Management"], eventSource__notEquals=["kms.amazonaws.com"])`."""
    fields: dict = {}
    for key, values in operators.items():
        name_of, operator = key.split("__")
        fields.setdefault(name_of.replace("_", "."), {})[operator] = list(values)
    return {"name": name, "fieldSelectors": [{"field": f, **operators} for f, operators in fields.items()]}
