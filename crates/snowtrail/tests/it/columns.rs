//! Events that go into columns where they are decoded are stored as rows would be: rows that were sorted and judged one by
//! one are the plain way, and the oracle.

use std::collections::HashMap;
use std::sync::Arc;

use fastrand::Rng;
use serde_json::{Value, json};
use snowtrail::decoding::{self, Ending, Input};
use snowtrail::workbench;
use snowtrail_lake::{Access, Batch, EventRow, Ingest, Lake};
use snowtrail_trail::{Decoder, Scope};
use tempfile::tempdir;

use crate::snowtrail::text;

/// Sources of one batch, and records in each: more than are put into columns at a time.
const SOURCES: usize = 3;
const RECORDS: usize = 90;

fn target(random: &mut Rng) -> Value {
    let name = ["prod/db", "prod/db-replica", "a", "prod/öl", "zz/long/name/of/a/secret"][random.usize(..5)];
    match random.bool() {
        true => json!(name),
        false => json!(format!("arn:aws:secretsmanager:us-west-2:111122223333:secret:{name}-a1B2c3")),
    }
}

/// A call: source, name, request, response.
fn call(random: &mut Rng) -> (&'static str, &'static str, Value, Value) {
    let target = target(random);
    let statement = json!({"Sid":"s","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::1:root","*"]},
        "Action":["kms:*"],"Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}});
    let policy = json!({"Statement": vec![statement; random.usize(..3)]}).to_string();
    match random.usize(..9) {
        0 => ("secretsmanager", "GetSecretValue", json!({"secretId": target}), Value::Null),
        1 => ("secretsmanager", "ListSecrets", Value::Null, Value::Null),
        2 => (
            "secretsmanager",
            "RotateSecret",
            json!({"secretId": target, "rotationRules": {"automaticallyAfterDays": 30, "duration": "3h"}, "rotateImmediately": random.bool()}),
            json!({"arn": target, "versionId": "v"}),
        ),
        3 => (
            "secretsmanager",
            "ReplicateSecretToRegions",
            json!({"secretId": target, "addReplicaRegions": [{"region": "eu-west-1"}, {"region": "us-east-1"}]}),
            Value::Null,
        ),
        4 => ("kms", "Decrypt", json!({"encryptionContext": {"SecretARN": target, "x": "y"}}), Value::Null),
        5 => (
            "kms",
            "PutKeyPolicy",
            json!({"keyId": "k", "policyName": "default", "policy": policy}),
            Value::Null,
        ),
        6 => (
            "kms",
            "CreateGrant",
            json!({"keyId": "k", "granteePrincipal": "arn:aws:iam::1:role/r", "operations": ["Decrypt", "Encrypt"],
                "constraints": {"encryptionContextSubset": {"a": "b"}}}),
            json!({"grantId": "g"}),
        ),
        7 => (
            "cloudtrail",
            "PutEventSelectors",
            json!({"trailName": "t", "eventSelectors": [{"readWriteType": "All", "includeManagementEvents": false,
                "excludeManagementEventSources": ["kms.amazonaws.com"]}], "advancedEventSelectors": [{"fieldSelectors":
                [{"field": "eventCategory", "equals": ["Data"], "notStartsWith": ["x", "y"]}]}]}),
            Value::Null,
        ),
        _ => (
            "cloudtrail",
            "UpdateTrail",
            json!({"name": "t", "s3BucketName": "b", "snsTopicName": "", "isMultiRegionTrail": random.bool()}),
            Value::Null,
        ),
    }
}

/// Ids come from a small pool: some records come twice, some with other content, some by other days.
fn record(random: &mut Rng) -> Value {
    let (source, name, request, response) = call(random);
    let id = match random.usize(..30) {
        0 => format!("no-guid-{}", random.usize(..5)),
        _ => format!("00000000-0000-4000-8000-{:012x}", random.usize(..400)),
    };
    let account = ["111122223333", "444455556666", "odd"][random.usize(..3)];
    let mut record = json!({
        "eventVersion": "1.11", "eventTime": format!("2026-11-{:02}T10:{:02}:00Z", random.usize(1..4), random.usize(..60)),
        "eventSource": format!("{source}.amazonaws.com"), "eventName": name, "awsRegion": "us-west-2",
        "sourceIPAddress": format!("10.0.0.{}", random.usize(..9)), "userAgent": "x", "requestParameters": request,
        "responseElements": response, "requestID": format!("r{}", random.usize(..9)), "eventID": id,
        "eventType": "AwsApiCall", "recipientAccountId": account,
        "userIdentity": {"type": "IAMUser", "principalId": "AIDAX", "arn": "arn:aws:iam::1:user/ann", "accountId": "1"},
    });
    if random.usize(..4) == 0 {
        record["readOnly"] = json!(random.bool());
        record["errorCode"] = json!("AccessDenied");
        record["vpcEndpointId"] = json!("vpce-1");
    }
    record
}

fn input(uri: &str, bytes: &'static [u8]) -> Input<&'static [u8]> {
    let taken_in_at = "2026-11-09T00:00:00Z".parse().expect("a time");
    Input { uri: Arc::from(uri), version: None, has_cloudtrail_name: false, taken_in_at, bytes }
}

/// The rows that stay of these, in the order in which they are stored, day by day.
fn judged(mut rows: Vec<EventRow>) -> Vec<EventRow> {
    let day = |row: &EventRow| row.event.event_time.as_second().div_euclid(86_400);
    let name = |row: &EventRow| row.event.targets.first().and_then(|target| target.name.clone());
    // An id that is no GUID comes where its hash does; no two of one place and time are told apart by anything else.
    rows.sort_by_cached_key(|row| {
        (
            day(row),
            name(row),
            row.event.event_time,
            row.event.event_id.clone(),
            row.event.account_id.clone(),
            row.event.content_hash,
        )
    });
    let mut known: HashMap<(String, String), i64> = HashMap::new();
    rows.retain(|row| {
        let identity = (row.event.event_id.clone(), row.event.account_id.clone());
        known
            .insert(identity.clone(), known.get(&identity).copied().unwrap_or(row.event.content_hash))
            .is_none()
    });
    rows
}

/// Every column of every event, in an order that hangs on nothing but the rows.
async fn told(lake: &Lake) -> String {
    let session = workbench::reading(lake).await.expect("a session");
    let query = "SELECT * FROM events ORDER BY event_date, event_id, account_id";
    let rows = session.sql(query).await.expect("a plan").collect().await.expect("rows");
    arrow::util::pretty::pretty_format_batches(&rows).expect("a table").to_string()
}

#[tokio::test]
async fn columns_hold_what_sorted_and_judged_rows_hold() {
    let folder = tempdir().expect("a folder");
    let scope = Scope::shipped();
    for seed in 0..12 {
        let mut random = Rng::with_seed(seed);
        let (mut batch, mut rows) = (Batch::default(), Vec::new());
        for source in 0..SOURCES {
            let records: Vec<Value> = (0..RECORDS).map(|_| record(&mut random)).collect();
            let bytes: &'static [u8] = json!({"Records": records}).to_string().into_bytes().leak();
            let uri = format!("file:///{source}");
            let ending = decoding::decode(&mut Decoder::new(&scope), input(&uri, bytes), &mut |chunk| {
                batch.events.extend(chunk.events);
                batch.rejects.extend(chunk.rejects);
            });
            let Ok(Ending::Taken(taken)) = ending else { panic!("{ending:?}") };
            batch.sources.push(*taken);
            let (_, plain) =
                decoding::decode_rows(&mut Decoder::new(&scope), input(&uri, bytes)).expect("rows");
            rows.extend(plain);
        }
        let events = rows.len();
        assert_eq!(batch.events.len(), events);
        let rows = judged(rows);
        assert!(rows.len() < events && events > 200, "seed {seed}: {} of {events}", rows.len());
        let (fast, plain) =
            (folder.path().join(format!("{seed}")), folder.path().join(format!("{seed}-plain")));
        let mut fast = Lake::open(text(&fast), Access::Write).await.expect("a lake");
        let committed = Ingest::default().commit(&mut fast, &mut batch).await.expect("a commit");
        let mut plain = Lake::open(text(&plain), Access::Write).await.expect("a lake");
        let _ = plain.append(&rows.iter().collect::<Vec<_>>(), &[]).await.expect("an append");
        assert_eq!(told(&fast).await, told(&plain).await, "seed {seed}");
        let stored: u64 = committed.sources.iter().map(|source| source.stored).sum();
        assert_eq!(stored, rows.len() as u64);
        assert!(committed.sources.iter().all(|source| source.balances()), "{:?}", committed.sources);
    }
}
