//! Targets of the calls that can blind or starve the pipeline or hand out power: trails, buckets, queues, topics,
//! rules, services, roles, users. One table says under which request key each service names its things.
//!
//! Sources: the services' API references, with CloudTrail's spelling of the members.

use snowtrail_model::{Target, TargetKind};

use super::{Call, TargetSet, by_arn, by_either, classify};
use crate::view::{Object, View};

/// Service, key of the request, kind. Values may be ARNs, names, or lists of either.
const ASKED: &[(&str, &str, TargetKind)] = &[
    ("sts.amazonaws.com", "roleArn", TargetKind::Role),
    ("sts.amazonaws.com", "targetPrincipal", TargetKind::Other),
    ("cloudtrail.amazonaws.com", "name", TargetKind::Trail),
    ("cloudtrail.amazonaws.com", "trailName", TargetKind::Trail),
    ("cloudtrail.amazonaws.com", "trailARN", TargetKind::Trail),
    ("cloudtrail.amazonaws.com", "trailNameList", TargetKind::Trail),
    ("cloudtrail.amazonaws.com", "eventDataStore", TargetKind::Trail),
    ("cloudtrail.amazonaws.com", "resourceId", TargetKind::Trail),
    ("cloudtrail.amazonaws.com", "resourceArn", TargetKind::Trail),
    ("s3.amazonaws.com", "bucketName", TargetKind::Bucket),
    ("sqs.amazonaws.com", "queueUrl", TargetKind::Queue),
    ("sqs.amazonaws.com", "queueName", TargetKind::Queue),
    ("sqs.amazonaws.com", "sourceArn", TargetKind::Queue),
    ("sns.amazonaws.com", "topicArn", TargetKind::Topic),
    ("sns.amazonaws.com", "subscriptionArn", TargetKind::Topic),
    ("sns.amazonaws.com", "resourceArn", TargetKind::Topic),
    ("sns.amazonaws.com", "name", TargetKind::Topic),
    ("events.amazonaws.com", "rule", TargetKind::Rule),
    ("events.amazonaws.com", "name", TargetKind::Rule),
    ("events.amazonaws.com", "archiveName", TargetKind::Other),
    ("ecs.amazonaws.com", "service", TargetKind::Service),
    ("ecs.amazonaws.com", "serviceName", TargetKind::Service),
    ("ecs.amazonaws.com", "cluster", TargetKind::Service),
    ("ecs.amazonaws.com", "clusterName", TargetKind::Service),
    ("ecs.amazonaws.com", "task", TargetKind::Other),
    ("ecs.amazonaws.com", "taskDefinition", TargetKind::Other),
    ("ecs.amazonaws.com", "taskDefinitions", TargetKind::Other),
    ("ecs.amazonaws.com", "family", TargetKind::Other),
    ("iam.amazonaws.com", "roleName", TargetKind::Role),
    ("iam.amazonaws.com", "userName", TargetKind::User),
    ("iam.amazonaws.com", "groupName", TargetKind::Other),
    ("iam.amazonaws.com", "policyArn", TargetKind::Other),
    ("organizations.amazonaws.com", "policyId", TargetKind::Other),
    ("organizations.amazonaws.com", "targetId", TargetKind::Other),
    ("organizations.amazonaws.com", "accountId", TargetKind::Other),
];

pub(crate) fn add(call: &Call<'_>, set: &mut TargetSet) {
    for &(source, key, kind) in ASKED {
        if source == call.source {
            let asked = call.request.get_any_case(key).map(View::strings).unwrap_or_default();
            set.add_all(asked.iter().filter(|asked| !asked.is_empty()).map(|asked| typed(kind, asked, call)));
        }
    }
    for arn in proven(call) {
        let (kind, _) = classify(&arn);
        if kind == TargetKind::Other || !set.has(kind) || !set.resolve_only(kind, &arn) {
            set.add(by_arn(&arn));
        }
    }
    set.add_all(object_of_bucket(call));
}

/// What was typed. A queue's URL ends with its name, and what is not there to be named by ARN is named by its name.
fn typed(kind: TargetKind, asked: &str, call: &Call<'_>) -> Target {
    let kind = if call.name == "DeleteEventBus" { TargetKind::Other } else { kind };
    let target = by_either(kind, asked);
    match target.kind {
        TargetKind::Queue if !asked.starts_with("arn:") => {
            Target { name: asked.rsplit('/').next().map(str::to_owned), ..target }
        }
        TargetKind::Topic => Target { arn: target.arn.map(without_subscription), ..target },
        // An ARN under a key whose kind is known, of a form that is not.
        TargetKind::Other if kind != TargetKind::Other => Target { kind, ..target },
        _ => target,
    }
}

/// `arn:aws:sns:r:1:topic:subscription-id` → the topic's ARN.
fn without_subscription(arn: String) -> String {
    match arn.match_indices(':').nth(5) {
        Some((at, _)) => arn.get(..at).unwrap_or_default().to_owned(),
        None => arn,
    }
}

/// ARNs that AWS wrote: `resources`, and those of the answer, at its top or one level below (`role.arn`).
fn proven(call: &Call<'_>) -> Vec<String> {
    let mut arns = call.resource_arns.clone();
    let mut take = |object: &Object<'_>| {
        let keys = ["arn", "trailARN", "topicArn", "ruleArn", "roleArn", "eventDataStoreArn"];
        let found = keys.into_iter().filter_map(|key| object.text(key));
        arns.extend(found.filter(|arn| arn.starts_with("arn:")));
    };
    take(&call.response);
    for part in ["role", "user", "policy"] {
        take(&call.response.object(part));
    }
    arns.retain(|arn| call.source != "sts.amazonaws.com" || classify(arn).0 == TargetKind::Role);
    arns
}

/// The object that an S3 data event names.
fn object_of_bucket(call: &Call<'_>) -> Option<Target> {
    if call.source != "s3.amazonaws.com" {
        return None;
    }
    let (bucket, key) = (call.request.text("bucketName")?, call.request.text("key")?);
    let suffix = format!(":::{bucket}/{key}");
    let arn = call.resource_arns.iter().find(|arn| arn.ends_with(&suffix)).cloned();
    Some(Target { kind: TargetKind::Other, arn, name: None, as_asked: Some(key) })
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn trails_by_name_and_by_arn_are_one() {
        check(
            r#"{"eventSource":"cloudtrail","eventName":"UpdateTrail","requestParameters":{"name":"org"},"responseElements":{"name":"org","trailARN":"arn:aws:cloudtrail:r:1:trail/org"}}"#,
            &["trail arn:aws:cloudtrail:r:1:trail/org org org"],
        );
        check(
            r#"{"eventSource":"cloudtrail","eventName":"StopLogging","requestParameters":{"name":"arn:aws:cloudtrail:r:1:trail/org"}}"#,
            &["trail arn:aws:cloudtrail:r:1:trail/org org arn:aws:cloudtrail:r:1:trail/org"],
        );
    }

    #[test]
    fn roles_assumed() {
        check(
            r#"{"eventSource":"sts","eventName":"AssumeRole","requestParameters":{"roleArn":"arn:aws:iam::1:role/p/R"},"resources":[{"ARN":"arn:aws:iam::1:role/p/R"}],"responseElements":{"assumedRoleUser":{"arn":"arn:aws:sts::1:assumed-role/R/s"}}}"#,
            &["role arn:aws:iam::1:role/p/R R arn:aws:iam::1:role/p/R"],
        );
    }

    #[test]
    fn buckets_objects_queues_topics_rules_services() {
        check(
            r#"{"eventSource":"s3","eventName":"DeleteObject","requestParameters":{"bucketName":"b","key":"AWSLogs/x"},"resources":[{"ARN":"arn:aws:s3:::b/AWSLogs/x"},{"ARN":"arn:aws:s3:::b"}]}"#,
            &["bucket arn:aws:s3:::b b b", "other arn:aws:s3:::b/AWSLogs/x - AWSLogs/x"],
        );
        check(
            r#"{"eventSource":"sqs","eventName":"PurgeQueue","requestParameters":{"queueUrl":"https://sqs.r.amazonaws.com/1/feed"},"resources":[{"ARN":"arn:aws:sqs:r:1:feed"}]}"#,
            &["queue arn:aws:sqs:r:1:feed feed https://sqs.r.amazonaws.com/1/feed"],
        );
        check(
            r#"{"eventSource":"sns","eventName":"Unsubscribe","requestParameters":{"subscriptionArn":"arn:aws:sns:r:1:t:0f"}}"#,
            &["topic arn:aws:sns:r:1:t t arn:aws:sns:r:1:t:0f"],
        );
        check(
            r#"{"eventSource":"events","eventName":"DisableRule","requestParameters":{"name":"feed"}}"#,
            &["rule - feed feed"],
        );
        check(
            r#"{"eventSource":"ecs","eventName":"UpdateService","requestParameters":{"service":"snowtrail","cluster":"ops","desiredCount":0}}"#,
            &["service - snowtrail snowtrail", "service - ops ops"],
        );
    }

    #[test]
    fn new_roles_have_the_arn_of_the_answer() {
        check(
            r#"{"eventSource":"iam","eventName":"CreateRole","requestParameters":{"roleName":"R"},"responseElements":{"role":{"arn":"arn:aws:iam::1:role/p/R"}}}"#,
            &["role arn:aws:iam::1:role/p/R R R"],
        );
    }
}
