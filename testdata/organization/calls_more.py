"""Calls that `../compose` does not have: of the pipeline's parts, of IAM, of replicas and aliases."""

import json

from life_care import alias_resources, key_policy  # noqa: F401 (re-exported)
from records import ACCOUNT, REGION, SM, Trail, derive_id, role_arn
from world import BUCKET, CLUSTER, OWN_SERVICE, QUEUE, RULE, TOPIC, WEST

TOPIC_ARN = f"arn:aws:sns:{WEST}:{ACCOUNT}:{TOPIC}"
QUEUE_URL = f"https://sqs.{WEST}.amazonaws.com/{ACCOUNT}/{QUEUE}"
# form -> (event source, event name, request parameters): each blinds the pipeline in its own way
ATTACKS = {
    "bucket-lifecycle": (
        "s3",
        "PutBucketLifecycle",
        {
            "bucketName": BUCKET,
            "lifecycle": "",
            "LifecycleConfiguration": {
                "Rule": {"ID": "tidy", "Status": "Enabled", "Prefix": "AWSLogs/", "Expiration": {"Days": 1}}
            },
        },
    ),
    "bucket-policy": (
        "s3",
        "PutBucketPolicy",
        {
            "bucketName": BUCKET,
            "policy": "",
            "bucketPolicy": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Deny",
                        "Principal": {"Service": "cloudtrail.amazonaws.com"},
                        "Action": "s3:PutObject",
                        "Resource": f"arn:aws:s3:::{BUCKET}/*",
                    }
                ],
            },
        },
    ),
    "bucket-notification": (
        "s3",
        "PutBucketNotification",
        {"bucketName": BUCKET, "notification": "", "NotificationConfiguration": ""},
    ),
    "bucket-objects": ("s3", "DeleteObjects", {"bucketName": BUCKET, "delete": ""}),
    "queue-deleted": ("sqs", "DeleteQueue", {"queueUrl": QUEUE_URL}),
    "queue-purged": ("sqs", "PurgeQueue", {"queueUrl": QUEUE_URL}),
    "queue-retention": (
        "sqs",
        "SetQueueAttributes",
        {"queueUrl": QUEUE_URL, "attributes": {"MessageRetentionPeriod": "60"}},
    ),
    "queue-repointed": (
        "sqs",
        "SetQueueAttributes",
        {
            "queueUrl": QUEUE_URL,
            "attributes": {
                "Policy": json.dumps(
                    {
                        "Version": "2012-10-17",
                        "Statement": [
                            {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
                        ],
                    }
                )
            },
        },
    ),
    "topic-deleted": ("sns", "DeleteTopic", {"topicArn": TOPIC_ARN}),
    "topic-unsubscribed": (
        "sns",
        "Unsubscribe",
        {"subscriptionArn": f"{TOPIC_ARN}:6b0e71bd-7e97-4d97-80ce-4a0994e55286"},
    ),
    "rule-disabled": ("events", "DisableRule", {"name": RULE}),
    "rule-emptied": ("events", "RemoveTargets", {"rule": RULE, "ids": ["feed"], "force": False}),
    "service-scaled": ("ecs", "UpdateService", {"cluster": CLUSTER, "service": OWN_SERVICE, "desiredCount": 0}),
}


def attack(trail: Trail, when, caller, form: str) -> dict:
    """One call that blinds the pipeline."""
    source, name, params = ATTACKS[form]
    fields = {}
    if source == "s3":
        fields["resources"] = [{"accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{BUCKET}"}]
    return trail.other(when, caller, f"{source}.amazonaws.com", name, params, read_only=False, **fields)


def iam(trail: Trail, when, caller, name: str, params: dict, response: dict | None = None) -> dict:
    """An IAM call: global, delivered to us-east-1."""
    return trail.call(when, caller, "iam.amazonaws.com", name, ACCOUNT, "us-east-1", params, response, read_only=False)


def create_role(trail: Trail, when, caller, role: str, role_id: str | None = None) -> dict:
    """CreateRole; `role_id`: the new AROA id."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    made = {
        "roleName": role,
        "path": "/",
        "arn": role_arn(role),
        "roleId": role_id or derive_id("AROA", ACCOUNT, "/", role),
    }
    return iam(
        trail,
        when,
        caller,
        "CreateRole",
        {"roleName": role, "assumeRolePolicyDocument": json.dumps(trust)},
        {"role": made},
    )


def put_role_policy(trail: Trail, when, caller, role: str) -> dict:
    """PutRolePolicy that grants reads of all secrets."""
    grants = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}],
    }
    return iam(
        trail,
        when,
        caller,
        "PutRolePolicy",
        {"roleName": role, "policyName": "fix", "policyDocument": json.dumps(grants)},
    )


def stop_replication(trail: Trail, when, caller, twin) -> dict:
    """StopReplicationToReplica, called in the replica's region: it becomes a secret of its own."""
    return trail.call(
        when,
        caller,
        SM,
        "StopReplicationToReplica",
        twin.account,
        twin.region,
        {"secretId": twin.name},
        {"arn": twin.arn},
        read_only=False,
    )


def update_alias(trail: Trail, when, caller, alias: str, key: str) -> dict:
    """UpdateAlias: everybody who encrypts under the alias uses another key from now on."""
    return trail.kms(
        when,
        caller,
        "UpdateAlias",
        key,
        {"aliasName": f"alias/{alias}", "targetKeyId": key},
        resources=alias_resources(key, alias),
    )


def parameter_history(trail: Trail, when, caller, name: str) -> dict:
    """GetParameterHistory with decryption: every value that the parameter ever had."""
    arn = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/{name.lstrip('/')}"
    return trail.call(
        when,
        caller,
        "ssm.amazonaws.com",
        "GetParameterHistory",
        ACCOUNT,
        REGION,
        {"name": name, "withDecryption": True},
        resources=[{"accountId": ACCOUNT, "ARN": arn}],
    )


def secret_policy(principal, condition: dict | None = None) -> dict:
    """A resource policy that lets somebody read."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    if condition:
        statement["Condition"] = condition
    return {"Version": "2012-10-17", "Statement": [statement]}
