//! Short ways to decode something and to look at what came out.

use std::io::{Read, Write};

use flate2::{Compression, write::GzEncoder};
use snowtrail_model::{Event, Reject, RejectReason};
use snowtrail_trail::{Decoded, Decoder, Limits, Origin, Scope, Summary};

/// Everything that one source gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) events: Vec<(u64, Event)>,
    pub(crate) rejects: Vec<Reject>,
    pub(crate) summary: Summary,
}

impl Outcome {
    pub(crate) fn event_ids(&self) -> Vec<&str> {
        self.events.iter().map(|(_, event)| event.event_id.as_str()).collect()
    }

    pub(crate) fn reasons(&self) -> Vec<RejectReason> {
        self.rejects.iter().map(|reject| reject.reason).collect()
    }
}

/// Decodes under limits; the books must balance, whatever the bytes are.
#[track_caller]
pub(crate) fn decode_limited(input: impl Read, limits: Limits) -> Outcome {
    let scope = Scope::shipped();
    let (mut events, mut rejects) = (Vec::new(), Vec::new());
    let summary = Decoder::with_limits(&scope, limits)
        .decode(input, Origin::default(), &mut |decoded| match decoded {
            Decoded::Event { event, index } => events.push((index, *event)),
            Decoded::Reject(reject) => rejects.push(reject),
        })
        .unwrap();
    assert!(summary.balances(), "{summary:?}");
    let (records, remarks): (Vec<_>, Vec<_>) = rejects.iter().partition(|reject| reject.reason.is_record());
    assert_eq!(summary.events, events.len() as u64, "{summary:?}");
    assert_eq!(summary.rejects, records.len() as u64, "{summary:?}");
    assert_eq!(summary.remarks, remarks.len() as u64, "{summary:?}");
    Outcome { events, rejects, summary }
}

#[track_caller]
pub(crate) fn decode(input: impl AsRef<[u8]>) -> Outcome {
    decode_limited(input.as_ref(), Limits::default())
}

/// The one event of a bare record.
#[track_caller]
pub(crate) fn event(record: &str) -> Event {
    let mut outcome = decode(record);
    assert_eq!((outcome.events.len(), outcome.rejects.len()), (1, 0), "{outcome:?}");
    outcome.events.remove(0).1
}

/// A record in scope; `fields` replace or add top-level fields (JSON members without braces).
pub(crate) fn record(id: &str, fields: &str) -> String {
    let mut record = serde_json::json!({
        "eventVersion": "1.11",
        "userIdentity": {"type": "IAMUser", "principalId": "AIDAX", "arn": "arn:aws:iam::111122223333:user/ann",
            "accountId": "111122223333", "userName": "ann"},
        "eventTime": "2026-11-20T02:00:05Z",
        "eventSource": "secretsmanager.amazonaws.com",
        "eventName": "GetSecretValue",
        "awsRegion": "us-west-2",
        "sourceIPAddress": "203.0.113.7",
        "userAgent": "aws-cli/2",
        "requestParameters": {"secretId": "prod/db"},
        "responseElements": null,
        "requestID": "r-1",
        "eventID": id,
        "readOnly": true,
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management",
    });
    let members: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&format!("{{{fields}}}")).unwrap_or_else(|error| panic!("{error}: {fields}"));
    for (key, value) in members {
        record[key] = value;
    }
    record.to_string()
}

/// `{"Records":[…]}`.
pub(crate) fn log_file(records: &[String]) -> String {
    format!("{{\"Records\":[{}]}}", records.join(","))
}

pub(crate) fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}
