//! CloudTrail records of a small organization, as of now, so that what they show is news.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// The account that everything happens in.
pub const ACCOUNT: &str = "111122223333";
/// A secret that only one role may read.
pub const SECRET: &str = "prod/blizzard-checkout/db";
/// Its declared reader.
pub const READER: &str = "arn:aws:iam::111122223333:role/Blizzard-Checkout-TaskRole";
/// Somebody else.
pub const STRANGER: &str = "arn:aws:iam::111122223333:role/Frost-Search-TaskRole";

/// A policy under which a stranger's read is a page at once.
pub const POLICY: &str = r#"
[organization]
accounts = ["111122223333"]
timezone = "UTC"

[[secrets]]
match = "prod/blizzard-checkout/*"
owner = "blizzard-checkout"
sensitivity = "high"
readers = ["arn:aws:iam::111122223333:role/Blizzard-Checkout-TaskRole"]
"#;

/// A UUID in the form that CloudTrail writes, made of two numbers.
pub fn uuid(space: u32, number: u32) -> String {
    format!("{space:08x}-0000-4000-8000-{number:012x}")
}

/// A time so many minutes ago, to the second.
pub fn minutes_ago(minutes: i64) -> String {
    let at = Timestamp::now() - SignedDuration::from_mins(minutes);
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// One role's read of [`SECRET`].
pub fn read(event_id: &str, at: &str, role_arn: &str) -> Value {
    let role = role_arn.rsplit('/').next().unwrap_or_default();
    json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole", "principalId": format!("AROAEXAMPLE:{role}-task"),
            "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{role}-task"),
            "accountId": ACCOUNT, "accessKeyId": "ASIAEXAMPLE",
            "sessionContext": {
                "sessionIssuer": { "type": "Role", "principalId": "AROAEXAMPLE", "arn": role_arn,
                    "accountId": ACCOUNT, "userName": role },
                "attributes": { "creationDate": at, "mfaAuthenticated": "false" }
            }
        },
        "eventTime": at, "eventSource": "secretsmanager.amazonaws.com", "eventName": "GetSecretValue",
        "awsRegion": "us-west-2", "sourceIPAddress": "10.0.3.7", "userAgent": "aws-sdk-rust/1.3",
        "requestParameters": { "secretId": format!("arn:aws:secretsmanager:us-west-2:{ACCOUNT}:secret:{SECRET}-AbCdEf") },
        "responseElements": null, "requestID": uuid(9, 9), "eventID": event_id, "readOnly": true,
        "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": ACCOUNT,
        "eventCategory": "Management"
    })
}

/// A log file, compressed as CloudTrail does.
pub fn log_file(records: &[Value]) -> Vec<u8> {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(json!({ "Records": records }).to_string().as_bytes()).expect("gzip to memory");
    gzip.finish().expect("gzip to memory")
}

/// The key of a log file, as CloudTrail names it.
pub fn log_key(unique: &str) -> String {
    format!(
        "AWSLogs/{ACCOUNT}/CloudTrail/us-west-2/2026/11/25/{ACCOUNT}_CloudTrail_us-west-2_20261125T0305Z_{unique}.json.gz"
    )
}
