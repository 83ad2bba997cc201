//! What a naive parser gets wrong, one test a trap. The facts' sources stand beside the code that knows them.

use snowtrail_model::event::KeyValue;
use snowtrail_model::{Outcome, RejectReason, TargetKind};

use crate::support::{decode, event, record};

const ARN: &str = "arn:aws:secretsmanager:us-west-2:111122223333:secret:prod/db-a1B2c3";

/// The only secret: ARN, name, as asked.
fn secret(fields: &str) -> (Option<String>, Option<String>, Option<String>) {
    let targets = event(&record("e", fields)).targets;
    let mut secrets = targets.into_iter().filter(|target| target.kind == TargetKind::Secret);
    let (Some(only), None) = (secrets.next(), secrets.next()) else { panic!("not one secret: {fields}") };
    (only.arn, only.name, only.as_asked)
}

#[test]
fn null_request_parameters_leave_the_target_in_the_error_message() {
    let message = format!(
        r#""errorCode":"AccessDenied","errorMessage":"User: arn:aws:iam::1:user/x is not authorized to perform: secretsmanager:GetSecretValue on resource: {ARN} because no identity-based policy allows it""#
    );
    for request in ["null", r#"{"omitted":true}"#] {
        let (arn, name, _) = secret(&format!(r#""requestParameters":{request},{message}"#));
        assert_eq!((arn.as_deref(), name.as_deref()), (Some(ARN), Some("prod/db")));
    }
}

#[test]
fn a_refused_decrypt_names_its_key_in_the_message_only() {
    let fields = format!(
        r#""eventSource":"kms.amazonaws.com","eventName":"Decrypt","errorCode":"AccessDenied","errorMessage":"User: x is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-west-2:1:key/k because no","requestParameters":{{"encryptionContext":{{"SecretARN":"{ARN}"}}}}"#
    );
    let event = event(&record("e", &fields));
    assert_eq!(event.kms_key_arn.as_deref(), Some("arn:aws:kms:us-west-2:1:key/k"));
    assert_eq!(event.targets[0].arn.as_deref(), Some(ARN));
}

#[test]
fn omitted_parts_flag_the_event_as_truncated() {
    for part in ["requestParameters", "responseElements", "additionalEventData", "serviceEventDetails"] {
        assert!(event(&record("e", &format!(r#""{part}":{{"omitted":true}}"#))).truncated, "{part}");
    }
    assert!(!event(&record("e", r#""requestParameters":null"#)).truncated);
}

#[test]
fn arns_stand_under_three_spellings_in_different_places() {
    for fields in [
        format!(r#""eventName":"DeleteSecret","responseElements":{{"aRN":"{ARN}","name":"prod/db"}}"#),
        format!(
            r#""eventName":"CreateSecret","requestParameters":{{"name":"prod/db"}},"responseElements":{{"arn":"{ARN}"}}"#
        ),
        format!(
            r#""eventName":"EndSecretVersionDelete","requestParameters":null,"additionalEventData":{{"ARN":"{ARN}","Name":"prod/db"}}"#
        ),
        format!(
            r#""eventName":"RotationSucceeded","requestParameters":null,"additionalEventData":{{"SecretId":"{ARN}"}}"#
        ),
    ] {
        let (arn, name, _) = secret(&fields);
        assert_eq!((arn.as_deref(), name.as_deref()), (Some(ARN), Some("prod/db")), "{fields}");
    }
}

#[test]
fn service_events_have_no_identity_type_and_fail_by_message_alone() {
    let failed = event(&record(
        "e",
        &format!(
            r#""eventName":"RotationFailed","eventType":"AwsServiceEvent","userIdentity":{{"accountId":"111122223333","invokedBy":"secretsmanager.amazonaws.com"}},"sourceIPAddress":"secretsmanager.amazonaws.com","requestParameters":null,"errorMessage":"during setSecret step","requestID":"Rotation-{ARN}-6f0c1111-2222-3333-4444-555566667777""#
        ),
    ));
    assert_eq!(failed.principal.as_deref(), Some("secretsmanager.amazonaws.com"));
    assert_eq!((failed.identity_type, failed.outcome, failed.error_code), (None, Outcome::Error, None));
    assert_eq!(failed.targets[0].arn.as_deref(), Some(ARN), "the request id is the last source of the ARN");
    assert_eq!(failed.secret_version_id.as_deref(), Some("6f0c1111-2222-3333-4444-555566667777"));
}

#[test]
fn mfa_is_a_string_and_read_only_may_be_one() {
    let fields = r#""readOnly":"true","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::1:user/x","sessionContext":{"attributes":{"mfaAuthenticated":"true"}}},"sessionCredentialFromConsole":"true""#;
    let event = event(&record("e", fields));
    assert_eq!((event.mfa, event.read_only, event.from_console), (Some(true), Some(true), true));
}

#[test]
fn a_source_address_may_be_a_service() {
    for (text, ip, service) in [
        ("203.0.113.7", Some("203.0.113.7"), None),
        ("2001:db8::1", Some("2001:db8::1"), None),
        ("secretsmanager.amazonaws.com", None, Some("secretsmanager.amazonaws.com")),
        ("AWS Internal/3", None, Some("AWS Internal/3")),
    ] {
        let event = event(&record("e", &format!(r#""sourceIPAddress":"{text}""#)));
        assert_eq!((event.source_ip.as_deref(), event.source_service.as_deref()), (ip, service));
    }
}

#[test]
fn event_version_1_10_is_kept_as_text_and_comes_after_1_9() {
    assert_eq!(event(&record("e", r#""eventVersion":"1.10""#)).event_version.as_deref(), Some("1.10"));
}

#[test]
fn java_style_dates_are_times() {
    let fields = format!(
        r#""eventName":"DeleteSecret","requestParameters":{{"secretId":"prod/db","recoveryWindowInDays":7}},"responseElements":{{"aRN":"{ARN}","deletionDate":"Jul 10, 2023, 12:07:59 PM"}}"#
    );
    let event = event(&record("e", &fields));
    assert_eq!(event.deletion_date, Some("2023-07-10T12:07:59Z".parse().unwrap()));
    assert_eq!((event.deletion_window_days, event.force_delete), (Some(7), None));
}

#[test]
fn what_a_service_or_a_rule_is_left_as_is_typed() {
    let asked = |source: &str, name: &str, request: &str| {
        let fields = format!(
            r#""eventSource":"{source}.amazonaws.com","eventName":"{name}","requestParameters":{request}"#
        );
        let event = event(&record("e", &fields));
        (event.desired_count, event.rule_state)
    };
    let update = |request| asked("ecs", "UpdateService", request);
    assert_eq!(update(r#"{"service":"snowtrail","desiredCount":0}"#), (Some(0), None));
    assert_eq!(update(r#"{"service":"snowtrail","forceNewDeployment":true}"#), (None, None));
    assert_eq!(update(r#"{"service":"snowtrail","desiredCount":"none"}"#), (None, None));
    assert_eq!(asked("ecs", "DeleteService", r#"{"desiredCount":0}"#), (None, None));
    let rule = |request| asked("events", "PutRule", request);
    assert_eq!(rule(r#"{"name":"feed","state":"DISABLED"}"#), (None, Some("DISABLED".to_owned())));
    assert_eq!(rule(r#"{"name":"feed"}"#), (None, Some("ENABLED".to_owned())));
    assert_eq!(asked("events", "EnableRule", r#"{"name":"feed"}"#), (None, None));
}

#[test]
fn a_validation_of_key_access_is_told_by_its_version() {
    let fields = format!(
        r#""eventSource":"kms.amazonaws.com","eventName":"Decrypt","requestParameters":{{"encryptionContext":{{"SecretARN":"{ARN}","SecretVersionId":"RequestToValidateKeyAccess"}}}},"resources":[{{"ARN":"arn:aws:kms:us-west-2:1:key/k","accountId":"AWS Internal"}}]"#
    );
    let event = event(&record("e", &fields));
    assert_eq!(event.secret_version_id.as_deref(), Some("RequestToValidateKeyAccess"));
    assert_eq!(event.kms_key_arn.as_deref(), Some("arn:aws:kms:us-west-2:1:key/k"));
    assert_eq!(event.encryption_context[0], KeyValue { key: "SecretARN".to_owned(), value: ARN.to_owned() });
}

#[test]
fn the_version_of_a_write_stands_in_the_client_request_token() {
    let fields = format!(
        r#""eventName":"PutSecretValue","requestParameters":{{"secretId":"{ARN}","clientRequestToken":"t-1","versionStages":["AWSPENDING"]}},"responseElements":{{"arn":"{ARN}"}}"#
    );
    let event = event(&record("e", &fields));
    assert_eq!(
        (event.secret_version_id.as_deref(), event.version_stage.as_deref()),
        (Some("t-1"), Some("AWSPENDING"))
    );
}

#[test]
fn insight_records_keep_source_and_name_in_their_details() {
    let insight = r#"{"eventVersion":"1.08","eventTime":"2026-11-20T02:00:00Z","awsRegion":"us-west-2","eventID":"i","eventType":"AwsCloudTrailInsight","recipientAccountId":"1","sharedEventID":"s","eventCategory":"Insight","insightDetails":{"state":"Start","eventSource":"secretsmanager.amazonaws.com","eventName":"GetSecretValue","insightType":"ApiCallRateInsight"}}"#;
    let kept = event(insight);
    assert_eq!(
        (kept.event_type.as_str(), kept.event_name.as_str()),
        ("AwsCloudTrailInsight", "GetSecretValue")
    );
    assert!(kept.additional_event_data.is_some_and(|data| data.contains("Start")));
    let other = decode(insight.replace("secretsmanager", "ec2"));
    assert_eq!((other.summary.out_of_scope, other.rejects.len()), (1, 0));
}

#[test]
fn aggregated_records_have_their_own_id_account_and_time() {
    let aggregated = r#"{"eventVersion":"1.0","accountId":"1","eventId":"a","eventCategory":"Aggregated","eventType":"AwsAggregatedEvent","awsRegion":"us-west-2","timeWindow":{"windowStart":"2026-11-20T02:00:00Z","windowEnd":"2026-11-20T02:05:00Z","windowSize":"PT5M"},"summary":{"eventSource":"kms.amazonaws.com"}}"#;
    let kept = event(aggregated);
    assert_eq!((kept.event_id.as_str(), kept.account_id.as_str()), ("a", "1"));
    assert_eq!(kept.event_time, "2026-11-20T02:00:00Z".parse().unwrap());
    let other = decode(aggregated.replace(r#""eventSource":"kms.amazonaws.com""#, ""));
    assert_eq!((other.summary.out_of_scope, other.rejects.len()), (1, 0), "a summary that names no source");
}

#[test]
fn network_activity_has_one_type_under_two_spellings() {
    for spelling in ["AwsVpceEvent", "AwsVpceEvents"] {
        let fields = format!(
            r#""eventType":"{spelling}","eventCategory":"NetworkActivity","errorCode":"VpceAccessDenied","vpcEndpointId":"vpce-1","userIdentity":{{"type":"AWSAccount","principalId":"AROAX:s","accountId":"2"}}"#
        );
        let event = event(&record("e", &fields));
        assert_eq!((event.event_type.as_str(), event.outcome), ("AwsVpceEvent", Outcome::Denied));
        assert_eq!(
            (event.principal.as_deref(), event.principal_account.as_deref()),
            (Some("AROAX"), Some("2"))
        );
    }
}

#[test]
fn corrections_name_the_event_that_they_correct() {
    let event = event(&record(
        "e",
        r#""addendum":{"reason":"UPDATED_DATA","updatedFields":"x","originalRequestID":"r","originalEventID":"o"}"#,
    ));
    assert_eq!(
        (event.addendum_reason.as_deref(), event.corrects_event_id.as_deref()),
        (Some("UPDATED_DATA"), Some("o"))
    );
}

#[test]
fn records_above_256_kb_are_events() {
    let event = event(&record("e", &format!(r#""userAgent":"{}""#, "x".repeat(900_000))));
    assert_eq!(event.user_agent.unwrap().len(), 900_000);
}

#[test]
fn old_records_say_the_account_in_the_identity_only() {
    let text = record("e", "").replace(r#""recipientAccountId":"111122223333""#, r#""apiVersion":"1""#);
    assert_eq!(event(&text).account_id, "111122223333");
}

#[test]
fn lone_surrogates_do_not_hide_a_read() {
    let text = record("e", "").replace("aws-cli/2", r"x\ud800y");
    assert_eq!(event(&text).user_agent.as_deref(), Some("x\u{FFFD}y"));
}

#[test]
fn a_batch_by_filter_says_so() {
    let fields = r#""eventName":"BatchGetSecretValue","requestParameters":{"filters":[{"key":"name","values":["prod"]}]}"#;
    let event = event(&record("e", fields));
    assert!(event.asked_by_filter && event.targets.is_empty());
}

#[test]
fn settings_become_typed_columns() {
    let rotate = event(&record(
        "e",
        r#""eventName":"RotateSecret","requestParameters":{"secretId":"prod/db","rotationLambdaARN":"arn:l","rotationRules":{"automaticallyAfterDays":30,"duration":"3h"},"rotateImmediately":false}"#,
    ));
    let rotation = rotate.rotation.unwrap();
    assert_eq!((rotation.automatically_after_days, rotation.rotate_immediately), (Some(30), Some(false)));
    let create = event(&record(
        "e",
        r#""eventName":"CreateSecret","requestParameters":{"name":"n","tags":[{"key":"Env","value":"prod"}],"addReplicaRegions":[{"region":"us-east-1"}]}"#,
    ));
    assert_eq!((create.tags[0].key.as_str(), create.replica_regions), ("Env", vec!["us-east-1".to_owned()]));
    let retire = event(&record(
        "e",
        r#""eventSource":"kms.amazonaws.com","eventName":"RetireGrant","requestParameters":null,"additionalEventData":{"grantId":"g"}"#,
    ));
    assert_eq!(retire.grant.unwrap().grant_id.as_deref(), Some("g"));
    let policy = event(&record(
        "e",
        r#""eventName":"PutResourcePolicy","requestParameters":{"secretId":"prod/db","resourcePolicy":"{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"secretsmanager:*\",\"Resource\":\"*\"}]}"}"#,
    ));
    assert_eq!(policy.policy_statements[0].principals, ["*"]);
}

#[test]
fn selectors_come_in_a_basic_and_an_advanced_form() {
    let basic = event(&record(
        "e",
        r#""eventSource":"cloudtrail.amazonaws.com","eventName":"PutEventSelectors","requestParameters":{"trailName":"org","eventSelectors":[{"readWriteType":"WriteOnly","includeManagementEvents":true,"dataResources":[],"excludeManagementEventSources":["kms.amazonaws.com"]}]}"#,
    ));
    let selector = &basic.event_selectors[0];
    assert_eq!((selector.form.as_str(), selector.read_write_type.as_deref()), ("basic", Some("WriteOnly")));
    assert_eq!(selector.excluded_sources, ["kms.amazonaws.com"]);
    let advanced = event(&record(
        "e",
        r#""eventSource":"cloudtrail.amazonaws.com","eventName":"PutEventSelectors","requestParameters":{"trailName":"org","advancedEventSelectors":[{"name":"m","fieldSelectors":[{"field":"eventCategory","equals":["Management"]},{"field":"eventSource","notEquals":["kms.amazonaws.com"],"notStartsWith":["x"]}]}]}"#,
    ));
    let fields = &advanced.event_selectors[0].fields;
    let operators: Vec<_> = fields.iter().map(|f| (f.field.as_str(), f.operator.as_str())).collect();
    assert_eq!(
        operators,
        [("eventCategory", "equals"), ("eventSource", "notEquals"), ("eventSource", "notStartsWith")]
    );
}

#[test]
fn trail_settings_tell_removed_from_untouched() {
    let update = event(&record(
        "e",
        r#""eventSource":"cloudtrail.amazonaws.com","eventName":"UpdateTrail","requestParameters":{"name":"org","snsTopicName":"","isMultiRegionTrail":false}"#,
    ));
    let trail = update.trail.unwrap();
    assert_eq!(
        (trail.sns_topic.as_deref(), trail.is_multi_region, trail.s3_bucket),
        (Some(""), Some(false), None)
    );
}

#[test]
fn secret_values_never_reach_an_event() {
    let token = "ghp_0123456789abcdefghijABCDEF0123456789";
    let fields = format!(
        r#""eventName":"CreateSecret","userAgent":"curl {token}","requestParameters":{{"name":"n-{token}","secretString":"hunter2","tags":[{{"key":"t","value":"{token}"}}]}},"errorMessage":"bad {token}""#
    );
    let event = event(&record("e", &fields));
    let told = format!("{event:?}");
    assert!(event.redacted && !told.contains("hunter2") && !told.contains("0123456789abcdef"), "{told}");
}

#[test]
fn session_tokens_of_sts_go_without_flagging_the_event() {
    let fields = r#""eventSource":"sts.amazonaws.com","eventName":"AssumeRole","requestParameters":{"roleArn":"arn:aws:iam::1:role/R","roleSessionName":"s"},"responseElements":{"credentials":{"sessionToken":"FwoGZXIvYXdz","accessKeyId":"ASIAX"}}"#;
    let event = event(&record("e", fields));
    assert!(!event.redacted && !event.response_elements.unwrap().contains("FwoG"));
}

#[test]
fn what_every_record_needs_is_demanded_by_name() {
    for (field, broken, reason) in [
        ("eventID", "null", RejectReason::MissingField),
        ("eventID", "7", RejectReason::BadField),
        ("eventTime", "\"yesterday\"", RejectReason::BadField),
        ("eventTime", "null", RejectReason::MissingField),
        ("awsRegion", "null", RejectReason::MissingField),
        ("eventSource", "null", RejectReason::MissingField),
        ("eventName", "{}", RejectReason::BadField),
        ("userIdentity", "\"x\"", RejectReason::BadField),
        ("errorCode", "{}", RejectReason::BadField),
    ] {
        let outcome = decode(record("e", &format!(r#""{field}":{broken}"#)));
        assert_eq!(outcome.reasons(), [reason], "{field} {broken}");
        assert!(outcome.rejects[0].detail.contains(field), "{:?}", outcome.rejects[0]);
    }
}

#[test]
fn a_key_that_stands_twice_lets_nobody_choose_the_copy() {
    let text = record("e", "").replacen('{', r#"{"event\u0053ource":"ec2.amazonaws.com","#, 1);
    assert_eq!(decode(text).reasons(), [RejectReason::DuplicateKey]);
}
