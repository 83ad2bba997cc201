//! CloudTrail records and the bodies that carry them, as AWS writes them.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The account that everything happens in.
pub const ACCOUNT: &str = "111122223333";
/// Its bucket of logs.
pub const BUCKET: &str = "snowy-trail";
/// Who may read.
pub const READER: &str = "Blizzard-Checkout-TaskRole";
/// Secrets that are read.
pub const SECRETS: [&str; 3] = ["prod/blizzard-checkout/db", "prod/frost-search/api", "stage/ice/token"];

/// A UUID in the form that CloudTrail writes, made of two numbers.
pub fn uuid(space: u32, number: u64) -> String {
    format!("{space:08x}-0000-4000-8000-{number:012x}")
}

/// One role's read of a secret.
pub fn read(event_id: &str, at: Timestamp, role: &str, secret: &str, source_ip: &str) -> Value {
    let at = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole", "principalId": format!("AROAEXAMPLE{role}:{role}-task"),
            "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{role}-task"),
            "accountId": ACCOUNT, "accessKeyId": "ASIAEXAMPLE",
            "sessionContext": {
                "sessionIssuer": { "type": "Role", "principalId": format!("AROAEXAMPLE{role}"),
                    "arn": format!("arn:aws:iam::{ACCOUNT}:role/{role}"), "accountId": ACCOUNT, "userName": role },
                "attributes": { "creationDate": at, "mfaAuthenticated": "false" }
            }
        },
        "eventTime": at, "eventSource": "secretsmanager.amazonaws.com", "eventName": "GetSecretValue",
        "awsRegion": "us-west-2", "sourceIPAddress": source_ip, "userAgent": "aws-sdk-rust/1.3",
        "requestParameters": { "secretId": format!("arn:aws:secretsmanager:us-west-2:{ACCOUNT}:secret:{secret}-AbCdEf") },
        "responseElements": null, "requestID": uuid(9, 9), "eventID": event_id, "readOnly": true,
        "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": ACCOUNT,
        "eventCategory": "Management"
    })
}

/// A record that lacks what every record has.
pub fn bad(number: u64) -> Value {
    json!({ "eventVersion": "1.11", "eventName": "GetSecretValue", "eventID": uuid(6, number) })
}

/// A log file, compressed as CloudTrail does.
pub fn log_file(records: &[Value]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(json!({ "Records": records }).to_string().as_bytes()).expect("gzip to memory");
    gzip.finish().expect("gzip to memory")
}

/// The key of a log file, as CloudTrail names it.
pub fn log_key(unique: &str) -> String {
    format!(
        "AWSLogs/{ACCOUNT}/CloudTrail/us-west-2/2026/03/04/{ACCOUNT}_CloudTrail_us-west-2_20260304T0905Z_{unique}.json.gz"
    )
}

/// Its address.
pub fn uri_of(key: &str) -> String {
    format!("s3://{BUCKET}/{key}")
}

/// S3's notification of objects: key, version id, size.
pub fn notification(objects: &[(&str, Option<&str>, usize)]) -> Value {
    let record = |(key, version, size): &(&str, Option<&str>, usize)| {
        let mut object = json!({ "key": key, "size": size });
        if let Some(version) = version {
            object["versionId"] = json!(version);
        }
        json!({ "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-west-2",
            "eventName": "ObjectCreated:Put", "s3": { "bucket": { "name": BUCKET }, "object": object } })
    };
    json!({ "Records": objects.iter().map(record).collect::<Vec<_>>() })
}

/// S3's event by EventBridge.
pub fn object_created(key: &str, size: usize) -> Value {
    event_bridge(
        "Object Created",
        "aws.s3",
        json!({ "bucket": { "name": BUCKET }, "object": { "key": key, "size": size } }),
    )
}

/// A record by EventBridge.
pub fn via_cloudtrail(record: &Value) -> Value {
    event_bridge("AWS API Call via CloudTrail", "aws.secretsmanager", record.clone())
}

/// CloudTrail's own notification.
pub fn delivered(key: &str) -> Value {
    json!({ "s3Bucket": BUCKET, "s3ObjectKey": [key] })
}

/// A body in SNS's envelope.
pub fn by_sns(body: &Value) -> Value {
    json!({ "Type": "Notification", "MessageId": uuid(8, 1), "TopicArn": format!("arn:aws:sns:us-west-2:{ACCOUNT}:trail"),
        "Message": body.to_string(), "Timestamp": "2026-03-04T09:00:00.000Z" })
}

fn event_bridge(kind: &str, source: &str, detail: Value) -> Value {
    json!({ "version": "0", "id": uuid(8, 2), "detail-type": kind, "source": source, "account": ACCOUNT,
        "time": "2026-03-04T09:00:00Z", "region": "us-west-2", "resources": [], "detail": detail })
}
