"""Cases of the rules about the pipeline's parts, and about silence."""

from cast import *  # noqa: F403
from records import *  # noqa: F403

BUCKET = "arn:aws:s3:::snowy-trail"
QUEUE = f"arn:aws:sqs:us-west-2:{ACCOUNT}:snowtrail_feed"
TOPIC = f"arn:aws:sns:us-west-2:{ACCOUNT}:snowtrail-pages"
RULE = f"arn:aws:events:us-west-2:{ACCOUNT}:rule/watch/snowtrail-feed"
SERVICE = f"arn:aws:ecs:us-west-2:{ACCOUNT}:service/ops/snowtrail"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/snow/Snowtrail-Worker"
KEY = key_arn("trail")

S3, SQS, SNS = "s3.amazonaws.com", "sqs.amazonaws.com", "sns.amazonaws.com"
EVENTS, ECS, IAM = "events.amazonaws.com", "ecs.amazonaws.com", "iam.amazonaws.com"


def protect(*arns):
    """A policy that names parts of the pipeline."""
    listed = ", ".join(f'"{arn}"' for arn in arns)
    return f"[trail]\nprotect = [{listed}]\n"


def attacked(*told, **more):
    """Findings of pipeline-attacked: part, call, severity, and the second after noon."""
    findings = [
        ("pipeline-attacked", "|".join((HOME, part, call, STRANGER.arn, stamp(after(NOON, second)))), severity)
        for part, call, severity, second in told
    ]
    return {"findings": findings, **{"tighten": {"min_rank": 5}, **more}}


def bucket_call(t, when, name, bucket="snowy-trail", key=None, **params):
    """A call on a bucket, or on an object in it, as CloudTrail has it."""
    resources = [{"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::{bucket}/{key}"}] if key else []
    resources.append({"accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"})
    named = {"bucketName": bucket, "Host": f"{bucket}.s3.us-west-2.amazonaws.com", "key": key, **params}
    return t.other(when, STRANGER, S3, name, named, read_only=False, resources=resources)


def bucket_policy(*services, principal=None):
    """A bucket policy that lets services write, and perhaps others read."""
    statements = [{"Effect": "Allow", "Principal": {"Service": s}, "Action": "s3:PutObject", "Resource": f"{BUCKET}/*"} for s in services]
    if principal:
        statements.append({"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": f"{BUCKET}/*"})
    return {"Version": "2012-10-17", "Statement": statements}


# ---- pipeline-attacked -----------------------------------------------------------------------------------------------


@case
def pipeline_attacked__fires_bucket(t):
    """Lifecycle, notification and encryption of the bucket: what they do the record does not show. Then it is deleted."""
    calls = ("PutBucketLifecycle", "PutBucketNotification", "PutBucketEncryption", "DeleteBucketPolicy", "DeleteBucket")
    for second, name in enumerate(calls):
        bucket_call(t, after(NOON, second), name)
    severities = ("medium", "medium", "medium", "high", "critical")
    return attacked(*((BUCKET, name, severities[n], n) for n, name in enumerate(calls)), policy=protect(BUCKET))


@case
def pipeline_attacked__fires_bucket_policy_without_the_trail(t):
    """No policy file: the lake saw a trail being given this bucket, and the new policy does not let it write."""
    t.create_trail("2026-10-01T12:00:00Z", batch_job("deploy"))
    bucket_call(t, NOON, "PutBucketPolicy", bucketPolicy=bucket_policy("delivery.logs.amazonaws.com"))
    return attacked((BUCKET, "PutBucketPolicy", "high", 0), tighten={"min_rank": 4})


@case
def pipeline_attacked__fires_bucket_open_to_everybody(t):
    """The trail may still write, and everybody may read."""
    t.create_trail("2026-10-01T12:00:00Z", batch_job("deploy"))
    bucket_call(t, NOON, "PutBucketPolicy", bucketPolicy=bucket_policy("cloudtrail.amazonaws.com", principal="*"))
    return attacked((BUCKET, "PutBucketPolicy", "high", 0), tighten={"min_rank": 4})


@case
def pipeline_attacked__fires_log_files_deleted(t):
    """Three files within an hour are one finding."""
    for n in range(3):
        key = f"AWSLogs/{ACCOUNT}/CloudTrail/us-west-2/2026/11/03/{ACCOUNT}_CloudTrail_us-west-2_20261103T100{n}Z_a.json.gz"
        bucket_call(t, after(NOON, 60 + 300 * n), "DeleteObject", key=key)
    return attacked((BUCKET, "DeleteObject", "critical", 0), policy=protect(BUCKET))


@case
def pipeline_attacked__fires_queue(t):
    """Re-pointed or starved, emptied, deleted. The queue's name has an underscore, which is no wildcard."""
    url = {"queueUrl": f"https://sqs.us-west-2.amazonaws.com/{ACCOUNT}/snowtrail_feed"}
    calls = ("SetQueueAttributes", "PurgeQueue", "DeleteQueue")
    for second, name in enumerate(calls):
        t.other(after(NOON, second), STRANGER, SQS, name, url, read_only=False)
    severities = ("medium", "high", "critical")
    return attacked(*((QUEUE, name, severities[n], n) for n, name in enumerate(calls)), policy=protect(QUEUE))


@case
def pipeline_attacked__fires_topics(t):
    """The pages' topic loses its subscriber and goes; the policy says it with a glob."""
    t.other(NOON, STRANGER, SNS, "Unsubscribe", {"subscriptionArn": f"{TOPIC}:6f0c1111-2222-4333-8444-555566667777"}, read_only=False)
    t.other(after(NOON, 1), STRANGER, SNS, "DeleteTopic", {"topicArn": TOPIC}, read_only=False)
    told = (TOPIC, "Unsubscribe", "high", 0), (TOPIC, "DeleteTopic", "critical", 1)
    return attacked(*told, policy=protect("arn:aws:sns:us-west-2:*:snowtrail-*"))


@case
def pipeline_attacked__fires_rule_on_a_bus(t):
    """The rule is on a bus of its own, which the call names beside it."""
    part = RULE.replace("watch/", "")
    named = {"name": "snowtrail-feed", "eventBusName": "watch"}
    targets = {"rule": "snowtrail-feed", "eventBusName": "watch", "ids": ["queue"]}
    t.other(NOON, STRANGER, EVENTS, "PutRule", {**named, "state": "DISABLED"}, read_only=False)
    t.other(after(NOON, 1), STRANGER, EVENTS, "DisableRule", named, read_only=False)
    t.other(after(NOON, 2), STRANGER, EVENTS, "RemoveTargets", targets, read_only=False)
    told = (part, "PutRule", "high", 0), (part, "DisableRule", "high", 1), (part, "RemoveTargets", "high", 2)
    return attacked(*told, policy=protect(RULE))


@case
def pipeline_attacked__fires_service(t):
    """A task of its cluster stopped, a shell opened in it, the service deleted."""
    t.other(NOON, STRANGER, ECS, "StopTask", {"cluster": "ops", "task": "0a1b2c3d4e5f"}, read_only=False)
    t.other(after(NOON, 1), STRANGER, ECS, "ExecuteCommand", {"cluster": "ops", "task": "0a1b2c3d4e5f", "interactive": True}, read_only=False)
    t.other(after(NOON, 2), STRANGER, ECS, "DeleteService", {"cluster": "ops", "service": "snowtrail"}, read_only=False)
    told = ("ops", "StopTask", "medium", 0), ("ops", "ExecuteCommand", "high", 1), ("snowtrail", "DeleteService", "critical", 2)
    return attacked(*told, policy=protect(SERVICE))


@case
def pipeline_attacked__fires_role(t):
    """The worker's role loses its permissions, and is deleted. The calls name it without its path."""
    named, part = {"roleName": "Snowtrail-Worker"}, ROLE.replace("snow/", "")
    t.other(NOON, STRANGER, IAM, "DeleteRolePolicy", {**named, "policyName": "read-trail"}, read_only=False)
    t.other(after(NOON, 1), STRANGER, IAM, "DeleteRole", named, read_only=False)
    return attacked((part, "DeleteRolePolicy", "high", 0), (part, "DeleteRole", "critical", 1), policy=protect(ROLE))


@case
@also(("key-about-to-die", f"{HOME}|9df26d66-496e-5d73-833d-578234513d8a|DisableKey|2026-11-03T12:00:00Z", "low"))
def pipeline_attacked__fires_key(t):
    """The key of the trail's files, known from CreateTrail."""
    settings = {"s3BucketName": "snowy-trail", "kmsKeyId": KEY, "isMultiRegionTrail": True, "enableLogFileValidation": True}
    t.create_trail("2026-10-01T12:00:00Z", batch_job("deploy"), settings=settings)
    t.key_switch(NOON, STRANGER, "DisableKey", KEY)
    return attacked((KEY, "DisableKey", "critical", 0))


@case
def pipeline_attacked__fires_account_leaves(t):
    """An account that leaves the organization leaves its trail."""
    t.other(NOON, STRANGER, "organizations.amazonaws.com", "LeaveOrganization", None, read_only=False)
    return attacked(("organization", "LeaveOrganization", "high", 0), tighten={"min_rank": 4})


@case
def pipeline_attacked__quiet_another_queue(t):
    """Differs in the queue: its name has another character where the protected one has its underscore."""
    url = {"queueUrl": f"https://sqs.us-west-2.amazonaws.com/{ACCOUNT}/snowtrail-feed"}
    t.other(NOON, STRANGER, SQS, "DeleteQueue", url, read_only=False)
    return {"policy": protect(QUEUE)}


@case
def pipeline_attacked__quiet_refused(t):
    """Differs in the outcome."""
    call = t.other(NOON, STRANGER, SQS, "PurgeQueue", None, read_only=False)
    call.update(errorCode="AccessDenied", errorMessage=f"User: {STRANGER.arn} is not authorized to perform: sqs:purgequeue "
                f"on resource: {QUEUE} because no identity-based policy allows the sqs:purgequeue action")
    return {"policy": protect(QUEUE), "loosen": {"min_rank": 0}}


@case
def pipeline_attacked__quiet_policy_keeps_the_trail(t):
    """Differs in the bucket policy: the trail may write as before."""
    t.create_trail("2026-10-01T12:00:00Z", batch_job("deploy"))
    bucket_call(t, NOON, "PutBucketPolicy", bucketPolicy=bucket_policy("cloudtrail.amazonaws.com", "delivery.logs.amazonaws.com"))
    return {"loosen": {"min_rank": 1}}


@case
def pipeline_attacked__quiet_own_lake_cleared_away(t):
    """Differs in the object: a file of the lake, which its own worker replaces."""
    bucket_call(t, NOON, "DeleteObject", key="lake/events/part-00001.parquet")
    return {"policy": protect(BUCKET), "loosen": {"min_rank": 1}}


@case
def pipeline_attacked__quiet_mended(t):
    """Differs in the call: the rule is enabled, as far as the call says."""
    t.other(NOON, STRANGER, EVENTS, "EnableRule", {"name": "snowtrail-feed"}, read_only=False)
    return {"policy": protect(RULE), "loosen": {"min_rank": 0}}


@case
def pipeline_attacked__fires_low_for_a_changed_service(t):
    """The service is given its new release: as every deploy does, so it is a report."""
    t.other(NOON, STRANGER, ECS, "UpdateService", {"cluster": "ops", "service": "snowtrail", "forceNewDeployment": True}, read_only=False)
    return attacked(("snowtrail", "UpdateService", "low", 0), policy=protect(SERVICE), tighten={"min_rank": 3})


def scaled(t, tasks, service="snowtrail"):
    t.other(NOON, STRANGER, ECS, "UpdateService", {"cluster": "ops", "service": service, "desiredCount": tasks}, read_only=False)


@case
def pipeline_attacked__fires_service_scaled_to_zero(t):
    """The service is asked to run no task: the queue fills, and nobody is paged."""
    scaled(t, 0)
    return attacked(("snowtrail", "UpdateService", "high", 0), policy=protect(SERVICE), tighten={"min_rank": 4})


@case
def pipeline_attacked__fires_low_for_another_number_of_tasks(t):
    """Differs in the number: the service goes on, with two tasks."""
    scaled(t, 2)
    return attacked(("snowtrail", "UpdateService", "low", 0), policy=protect(SERVICE), tighten={"min_rank": 3})


@case
def pipeline_attacked__quiet_another_service_scaled_to_zero(t):
    """Differs in the service: somebody else's."""
    scaled(t, 0, "checkout")
    return {"policy": protect(SERVICE)}


@case
def pipeline_attacked__fires_rule_that_passes_on_no_reads(t):
    """The rule is put again without its state: EventBridge's default hands it no GetSecretValue. And with the state that does."""
    named, part = {"name": "snowtrail-feed"}, RULE.replace("watch/", "")
    t.other(NOON, STRANGER, EVENTS, "PutRule", named, read_only=False)
    all_events = {**named, "state": "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"}
    t.other(after(NOON, 1), STRANGER, EVENTS, "PutRule", all_events, read_only=False)
    return attacked((part, "PutRule", "medium", 0), (part, "PutRule", "medium", 1), policy=protect(RULE))


# ---- trail-silent ----------------------------------------------------------------------------------------------------

EAST = "us-east-1"
LAST = "2026-10-19T00:00:00Z"


def beat(t, start, end, hours, region=EAST):
    """The trail's own noise, every so many hours, both ends included."""
    when = at(start)
    while when <= at(end):
        t.log_file_key(when, key_arn("trail", region=region), "snowy-trail", region=region)
        when = after(when, 3600 * hours)


def silent(since, severity="medium", **more):
    """One finding of trail-silent about us-east-1."""
    return {"findings": [("trail-silent", f"{ACCOUNT}|{EAST}|{since}", severity)], "gz": True, **{"tighten": {"tolerance": 900}, **more}}


@case
def trail_silent__fires_region_goes_dark(t):
    """Every three hours for 16 days, then nothing for six hours and the delivery's twenty minutes."""
    beat(t, "2026-10-03T00:00:00Z", LAST, 3)
    return silent(LAST, now="2026-10-19T06:20:00Z", tighten={"heartbeat": "12h"})


@case
def trail_silent__fires_though_heard_again(t):
    """It came back after nine hours: it was silent all the same."""
    beat(t, "2026-10-03T00:00:00Z", LAST, 3)
    beat(t, "2026-10-19T09:00:00Z", "2026-10-20T00:00:00Z", 3)
    return silent(LAST)


@case
def trail_silent__fires_when_a_loud_sender_stops(t):
    """Every quarter of an hour for 15 days; more than an hour of silence is not like it."""
    beat(t, "2026-10-04T00:00:00Z", LAST, 0.25)
    return silent(LAST, "high", now="2026-10-19T01:30:00Z", tighten={"heartbeat": "3h"})


@case
def trail_silent__quiet_before_the_deadline(t):
    """Differs in now: the deadline has passed, and the last file may still be under way."""
    beat(t, "2026-10-03T00:00:00Z", LAST, 3)
    return {"gz": True, "now": "2026-10-19T06:19:00Z", "loosen": {"delivery": "10m"}}


@case
def trail_silent__quiet_heard_in_time(t):
    """Differs in one event of the sixth hour, however late it came."""
    beat(t, "2026-10-03T00:00:00Z", LAST, 3)
    beat(t, "2026-10-19T05:59:00Z", "2026-10-19T05:59:00Z", 3)
    return {"gz": True, "now": "2026-10-19T06:20:00Z", "loosen": {"tolerance": 150}}


@case
def trail_silent__quiet_weekend(t):
    """Differs in rhythm: a region where people work, from Monday to Friday; nobody is there for 62 hours."""
    for day in (5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 19, 20, 21, 22, 23, 26):
        beat(t, f"2026-10-{day:02}T09:00:00Z", f"2026-10-{day:02}T18:00:00Z", 1)
    return {"gz": True, "loosen": {"tolerance": 50}}


@case
def trail_silent__quiet_too_young(t):
    """Differs in age: heard for twelve days, it has no rhythm yet."""
    beat(t, "2026-10-06T22:30:00Z", LAST, 1.5)
    return {"gz": True, "now": "2026-10-20T00:00:00Z", "loosen": {"warm_up": "7d"}}


@case
def trail_silent__quiet_hardly_ever_heard(t):
    """Differs in number: a region with four events a day."""
    beat(t, "2026-10-03T00:00:00Z", LAST, 6)
    return {"gz": True, "now": "2026-10-20T00:00:00Z", "loosen": {"min_minutes": 20}}
