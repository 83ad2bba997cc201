//! Bodies as they arrive, composed: one function for each form and each envelope.

use serde_json::{Value, json};

use crate::support::record;

pub(crate) const LOG_KEY: &str = "AWSLogs/o-snowy12345/111122223333/CloudTrail/us-west-2/2026/11/20/111122223333_CloudTrail_us-west-2_20261120T0210Z_aB3dE6gH9jK2mN5p.json.gz";

/// A record of S3's notification; the key is put there as it is.
pub(crate) fn s3_record(encoded_key: &str) -> Value {
    json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-west-2",
        "eventTime": "2026-11-20T02:12:44.918Z",
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:AROAEXAMPLE:regional-delivery-session"},
        "requestParameters": {"sourceIPAddress": "198.51.100.24"},
        "responseElements": {"x-amz-request-id": "R3QU3ST", "x-amz-id-2": "1d/2="},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "to-snowtrail",
            "bucket": {
                "name": "snowy-trail",
                "ownerIdentity": {"principalId": "A2EXAMPLE"},
                "arn": "arn:aws:s3:::snowy-trail",
            },
            "object": {
                "key": encoded_key,
                "size": 20481,
                "eTag": "9b2cf535f27731c974343645a3985328",
                "versionId": null,
                "sequencer": "0065A1B2C3D4E5F607",
            },
        },
    })
}

/// The record with some of it replaced, by JSON pointer.
pub(crate) fn s3_record_with(changes: &[(&str, Value)]) -> Value {
    let mut record = s3_record(LOG_KEY);
    for (pointer, value) in changes {
        *record.pointer_mut(pointer).unwrap() = value.clone();
    }
    record
}

pub(crate) fn s3_notification(records: &[Value]) -> String {
    json!({ "Records": records }).to_string()
}

pub(crate) fn sns(message: &str) -> String {
    json!({
        "Type": "Notification",
        "MessageId": "0b7f6a2e-0000-5000-8000-1c0ffee00001",
        "TopicArn": "arn:aws:sns:us-west-2:222233334444:trail-objects",
        "Subject": "Amazon S3 Notification",
        "Message": message,
        "Timestamp": "2026-11-20T02:12:45.101Z",
        "SignatureVersion": "1",
        "Signature": "c2lnbmF0dXJl",
        "SigningCertURL": "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-0.pem",
        "UnsubscribeURL": "https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe",
    })
    .to_string()
}

/// An EventBridge event from a source of that kind.
pub(crate) fn event_bridge(source: &str, kind: &str, detail: Value) -> Value {
    json!({
        "version": "0",
        "id": "7bf73129-1428-4cd3-a780-95db273d1602",
        "detail-type": kind,
        "source": source,
        "account": "111122223333",
        "time": "2026-11-20T02:12:45Z",
        "region": "us-west-2",
        "resources": [],
        "detail": detail,
    })
}

pub(crate) fn object_created(key: &str) -> Value {
    let detail = json!({
        "version": "0",
        "bucket": {"name": "snowy-trail"},
        "object": {
            "key": key,
            "size": 20481,
            "etag": "9b2cf535f27731c974343645a3985328",
            "version-id": "3sL4kqtJlcpXroDTDmJ",
            "sequencer": "0065A1B2C3D4E5F607",
        },
        "request-id": "R3QU3ST",
        "requester": "cloudtrail.amazonaws.com",
        "source-ip-address": "198.51.100.24",
        "reason": "PutObject",
    });
    event_bridge("aws.s3", "Object Created", detail)
}

/// A record by EventBridge.
pub(crate) fn bridged_record(id: &str, kind: &str) -> Value {
    event_bridge("aws.secretsmanager", kind, serde_json::from_str(&record(id, "")).unwrap())
}

pub(crate) fn trail_notification(keys: &[&str]) -> String {
    json!({"s3Bucket": "snowy-trail", "s3ObjectKey": keys}).to_string()
}

pub(crate) fn test_event() -> Value {
    json!({
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "2026-11-01T09:00:00.000Z",
        "Bucket": "snowy-trail",
        "RequestId": "R3QU3ST",
        "HostId": "h0st",
    })
}

pub(crate) fn log_events(ids: &[&str]) -> String {
    let events: Vec<Value> = ids
        .iter()
        .map(|id| json!({"id": "381", "timestamp": 1795140725000u64, "message": record(id, "")}))
        .collect();
    json!({
        "messageType": "DATA_MESSAGE",
        "owner": "111122223333",
        "logGroup": "trail",
        "logStream": "111122223333_CloudTrail_us-west-2",
        "subscriptionFilters": ["to-snowtrail"],
        "logEvents": events,
    })
    .to_string()
}

/// One valid body of every form, by a name.
pub(crate) fn valid_bodies() -> Vec<(&'static str, String)> {
    let notifications = [s3_record(LOG_KEY), s3_record("other/thing.txt")];
    vec![
        ("S3 notification", s3_notification(&notifications)),
        ("S3 by EventBridge", object_created(LOG_KEY).to_string()),
        ("CloudTrail notification", trail_notification(&[LOG_KEY, "a/b"])),
        ("record by EventBridge", bridged_record("a", "AWS API Call via CloudTrail").to_string()),
        ("list of records", crate::support::log_file(&[record("a", ""), record("b", "")])),
        ("bare record", record("a", "")),
        ("log events", log_events(&["a", "b"])),
        ("test event", test_event().to_string()),
        ("validation message", "CloudTrail validation message.".to_owned()),
    ]
}
