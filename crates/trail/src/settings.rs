//! What a call sets or asks for, as typed columns: versions, rotation, tags, replicas, deletion, grants, trails, and
//! whether a part of the pipeline is left running.
//!
//! The spelling of acronyms inside `requestParameters` is irregular (`rotationLambdaARN`), so keys are matched without
//! regard to case. Sources: Secrets Manager, KMS, CloudTrail, ECS and EventBridge API References.

use jiff::Timestamp;
use snowtrail_model::event::{Grant, KeyValue, RotationSettings, TrailSettings};

use crate::target::{CONTEXTS, Call, rotation_token};
use crate::time::loose_date;
use crate::view::{Object, View};

/// The secret version that the call asks for or writes. PutSecretValue and its kin name it `clientRequestToken` only;
/// a rotation's service events hold it at the end of `requestID`. `RequestToValidateKeyAccess` in a Decrypt's context
/// is kept as it is: views must tell it from a read.
pub(crate) fn secret_version(call: &Call<'_>) -> Option<String> {
    match call.source {
        "kms.amazonaws.com" => {
            CONTEXTS.into_iter().find_map(|context| call.request.object(context).text("SecretVersionId"))
        }
        "secretsmanager.amazonaws.com" => {
            asked_version(call).or_else(|| written_version(call)).or_else(|| {
                let in_parts =
                    [&call.additional, &call.details].into_iter().find_map(|part| part.text("versionId"));
                in_parts.or_else(|| call.request_id.and_then(rotation_token).map(str::to_owned))
            })
        }
        _ => None,
    }
}

fn asked_version(call: &Call<'_>) -> Option<String> {
    call.request.text("versionId").or_else(|| call.request.text("moveToVersionId"))
}

fn written_version(call: &Call<'_>) -> Option<String> {
    let writes = matches!(call.name, "CreateSecret" | "PutSecretValue" | "UpdateSecret" | "RotateSecret");
    let token = || call.request.text("clientRequestToken").filter(|_| writes);
    call.response.text("versionId").or_else(token)
}

/// The staging label asked for or moved; the first of `versionStages`.
pub(crate) fn version_stage(call: &Call<'_>) -> Option<String> {
    let list = || call.request.get_any_case("versionStages")?.strings().into_iter().next();
    call.request.text("versionStage").or_else(list)
}

/// `encryptionContext`; of ReEncrypt the source's and then what the destination's adds.
pub(crate) fn encryption_context(call: &Call<'_>) -> Vec<KeyValue> {
    let mut pairs = Vec::new();
    if call.source != "kms.amazonaws.com" {
        return pairs;
    }
    for context in CONTEXTS {
        for pair in call.request.get_any_case(context).into_iter().flat_map(map_pairs) {
            if !pairs.contains(&pair) {
                pairs.push(pair);
            }
        }
    }
    pairs
}

fn map_pairs(view: View<'_>) -> impl Iterator<Item = KeyValue> {
    view.members().filter_map(|(key, value)| {
        Some(KeyValue { key: key.into_owned(), value: value.text()?.into_owned() })
    })
}

/// Tags that the call sets: a list of `{key,value}`, KMS's `{tagKey,tagValue}`, or the map of queues and topics.
pub(crate) fn tags(call: &Call<'_>) -> Vec<KeyValue> {
    let Some(view) = call.request.get_any_case("tags").or_else(|| call.request.get_any_case("tagsList"))
    else {
        return Vec::new();
    };
    if view.is_object() {
        return map_pairs(view).collect();
    }
    let pair = |view: View<'_>| {
        let tag = view.object();
        let key = tag.text("key").or_else(|| tag.text("tagKey"))?;
        let value = tag.get_any_case("value").or_else(|| tag.get_any_case("tagValue"));
        let value = value.and_then(View::text).unwrap_or_default().into_owned();
        Some(KeyValue { key, value })
    };
    view.elements().filter_map(pair).collect()
}

/// RotateSecret's settings, and those of calls that carry the same members.
pub(crate) fn rotation(call: &Call<'_>) -> Option<RotationSettings> {
    let request = &call.request;
    if call.source != "secretsmanager.amazonaws.com" {
        return None;
    }
    let rules = request.object("rotationRules");
    let settings = RotationSettings {
        lambda_arn: request.text("rotationLambdaARN"),
        automatically_after_days: rules.get_any_case("automaticallyAfterDays").and_then(View::int),
        schedule_expression: rules.text("scheduleExpression"),
        duration: rules.text("duration"),
        rotate_immediately: request.get_any_case("rotateImmediately").and_then(View::bool),
    };
    (settings != RotationSettings::default()).then_some(settings)
}

/// Regions that the call replicates to or removes replicas from.
pub(crate) fn replica_regions(call: &Call<'_>) -> Vec<String> {
    let added = call.request.get_any_case("addReplicaRegions").into_iter().flat_map(View::elements);
    let mut regions: Vec<String> = added.filter_map(|replica| replica.object().text("region")).collect();
    for key in ["removeReplicaRegions", "replicaRegion"] {
        regions.extend(call.request.get_any_case(key).map(View::strings).unwrap_or_default());
    }
    regions
}

/// A KMS grant made or taken back. RetireGrant's id stands in `additionalEventData`.
pub(crate) fn grant(call: &Call<'_>) -> Option<Grant> {
    if call.source != "kms.amazonaws.com" || !call.name.ends_with("Grant") {
        return None;
    }
    let request = &call.request;
    let id = [&call.response, request, &call.additional].into_iter().find_map(|part| part.text("grantId"));
    Some(Grant {
        grant_id: id,
        grantee_principal: request.text("granteePrincipal"),
        retiring_principal: request.text("retiringPrincipal"),
        operations: request.get_any_case("operations").map(View::strings).unwrap_or_default(),
        constraints: constraints(&request.object("constraints")),
    })
}

fn constraints(object: &Object<'_>) -> Vec<String> {
    let maps = ["encryptionContextSubset", "encryptionContextEquals"].into_iter();
    let pairs = maps.filter_map(|key| object.get_any_case(key)).flat_map(map_pairs);
    pairs.map(|pair| format!("{}={}", pair.key, pair.value)).collect()
}

/// Settings of CreateTrail and UpdateTrail.
pub(crate) fn trail(call: &Call<'_>) -> Option<TrailSettings> {
    if call.source != "cloudtrail.amazonaws.com" || !matches!(call.name, "CreateTrail" | "UpdateTrail") {
        return None;
    }
    // Empty is not absent here: an empty topic or group means that it was taken away.
    let text = |key: &str| call.request.get_any_case(key).and_then(View::text).map(|text| text.into_owned());
    let flag = |key: &str| call.request.get_any_case(key).and_then(View::bool);
    Some(TrailSettings {
        s3_bucket: text("s3BucketName"),
        s3_prefix: text("s3KeyPrefix"),
        sns_topic: text("snsTopicName").or_else(|| text("snsTopicARN")),
        kms_key: text("kmsKeyId"),
        log_group: text("cloudWatchLogsLogGroupArn"),
        is_multi_region: flag("isMultiRegionTrail"),
        is_organization: flag("isOrganizationTrail"),
        include_global_events: flag("includeGlobalServiceEvents"),
        log_file_validation: flag("enableLogFileValidation"),
    })
}

/// Recovery window of a secret, pending window of a key; in days.
pub(crate) fn deletion_window_days(call: &Call<'_>) -> Option<i32> {
    let asked = call.request.get_any_case("recoveryWindowInDays");
    let asked = asked.or_else(|| call.request.get_any_case("pendingWindowInDays"));
    asked.or_else(|| call.response.get_any_case("pendingWindowInDays")).and_then(View::int)
}

/// When the deletion takes effect: Java's zone-less date, read as UTC.
pub(crate) fn deletion_date(call: &Call<'_>) -> Option<Timestamp> {
    let view = call.response.get_any_case("deletionDate")?;
    if view.is_string() { loose_date(&view.text()?) } else { loose_date(view.raw()) }
}

/// Tasks that UpdateService asks for. A forced deployment leaves the number out: it stays.
pub(crate) fn desired_count(call: &Call<'_>) -> Option<i32> {
    let is_asked = call.source == "ecs.amazonaws.com" && call.name == "UpdateService";
    call.request.get_any_case("desiredCount").filter(|_| is_asked).and_then(View::int)
}

/// The state that PutRule gives a rule: what is not said is AWS's default, whatever the rule was in before.
pub(crate) fn rule_state(call: &Call<'_>) -> Option<String> {
    let is_put = call.source == "events.amazonaws.com" && call.name == "PutRule";
    is_put.then(|| call.request.text("state").unwrap_or_else(|| "ENABLED".to_owned()))
}
