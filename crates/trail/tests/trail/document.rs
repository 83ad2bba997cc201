//! Generated trails: the same kinds of records, written in every way that JSON allows and wrapped in every shape.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// How a document is written and wrapped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) shape: usize,
    pub(crate) seed: u64,
    pub(crate) spaces: bool,
    pub(crate) escapes: bool,
    pub(crate) shuffled: bool,
}

pub(crate) fn style() -> impl Strategy<Value = Style> {
    (0usize..8, any::<u64>(), any::<bool>(), any::<bool>(), any::<bool>())
        .prop_map(|(shape, seed, spaces, escapes, shuffled)| Style { shape, seed, spaces, escapes, shuffled })
}

/// A record, and a top-level key that is to stand twice in it.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) record: Value,
    pub(crate) twice: Option<&'static str>,
}

const CALLS: [(&str, &str); 7] = [
    ("secretsmanager.amazonaws.com", "GetSecretValue"),
    ("secretsmanager.amazonaws.com", "PutSecretValue"),
    ("kms.amazonaws.com", "Decrypt"),
    ("ec2.amazonaws.com", "DescribeInstances"),
    ("s3.amazonaws.com", "GetObject"),
    ("s3.amazonaws.com", "DeleteBucketPolicy"),
    ("ssm.amazonaws.com", "SendCommand"),
];

pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let twice = prop_oneof![
        9 => Just(None),
        1 => prop::sample::select(vec!["eventSource", "eventID", "requestParameters", "tlsDetails"]).prop_map(Some),
    ];
    let parts = (
        0..CALLS.len(),
        "[a-z0-9-]{1,12}",
        "[a-zA-Z/\"\\\\é😀{},:\\[\\]]{1,14}",
        any::<u8>(),
        any::<bool>(),
        twice,
    );
    parts.prop_map(|(call, id, secret, damage, decoy, twice)| {
        let (source, name) = CALLS[call];
        let mut record = json!({
            "eventVersion": "1.11",
            "userIdentity": identity(damage),
            "eventTime": "2026-11-20T02:00:05Z",
            "eventSource": source,
            "eventName": name,
            "awsRegion": "eu-west-1",
            "sourceIPAddress": if damage % 2 == 0 { "203.0.113.7" } else { "AWS Internal" },
            "userAgent": format!("agent \"eventSource\":\"{}\" é", "kms.amazonaws.com"),
            "requestParameters": {"secretId": secret, "n": [1, -2.5, 1e3, true, null, {"deep": [[]]}]},
            "responseElements": null,
            "tlsDetails": {"tlsVersion": "TLSv1.3"},
            "eventID": id,
            "readOnly": true,
            "eventType": "AwsApiCall",
            "recipientAccountId": "111122223333",
        });
        if decoy {
            record["requestParameters"]["eventSource"] = json!("kms.amazonaws.com");
            record["requestParameters"]["eventID"] = json!("decoy");
            record["additionalEventData"] =
                json!({"Records": [{"eventName": "Decrypt"}], "note": "},{\"eventID\":\"x\""});
        }
        break_something(&mut record, damage);
        Plan { record, twice }
    })
}

fn identity(damage: u8) -> Value {
    match damage % 3 {
        0 => json!({"type": "IAMUser", "arn": "arn:aws:iam::1:user/ann", "userName": "ann"}),
        1 => {
            json!({"type": "AssumedRole", "principalId": "AROAX:s", "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::1:role/p/R"}}})
        }
        _ => json!({"type": "AWSService", "invokedBy": "ecs-tasks.amazonaws.com"}),
    }
}

/// Some records lack what they need, or fail.
fn break_something(record: &mut Value, damage: u8) {
    match damage {
        0..10 => record["eventID"] = Value::Null,
        10..20 => record["eventTime"] = json!("soon"),
        20..30 => record["awsRegion"] = json!(7),
        30..40 => drop(record.as_object_mut().and_then(|fields| fields.remove("eventSource"))),
        40..60 => record["errorCode"] = json!("AccessDenied"),
        60..66 => *record = json!(damage),
        _ => {}
    }
}

/// The document's text.
pub(crate) fn write(plans: &[Plan], style: Style) -> String {
    let mut writer = Writer { out: String::new(), style, random: style.seed | 1 };
    let inner = |plan: &Plan| {
        let mut writer = Writer { out: String::new(), style, random: style.seed.rotate_left(7) | 1 };
        writer.record(plan);
        writer.out
    };
    match style.shape {
        0 => {
            let before = r#"{"before":{"Records":[1]},"Records":["#;
            writer.list(before, plans, "]}", |writer, plan| writer.record(plan));
        }
        1 => writer.list("[", plans, "]", |writer, plan| writer.record(plan)),
        2 | 3 => plans.iter().for_each(|plan| {
            writer.record(plan);
            writer.out.push('\n');
        }),
        4 => writer.list("[", plans, "]", |writer, plan| {
            writer.out.push_str(r#"{"detail-type":"AWS API Call via CloudTrail","detail":"#);
            writer.record(plan);
            writer.out.push('}');
        }),
        5 => writer.list(r#"{"messageType":"DATA_MESSAGE","logEvents":["#, plans, "]}", |writer, plan| {
            writer.value(&json!({"id": "1", "message": inner(plan)}));
        }),
        6 => writer.list(r#"{"Events":["#, plans, r#"],"NextToken":"t"}"#, |writer, plan| {
            writer.value(&json!({"CloudTrailEvent": inner(plan), "EventId": "x", "ReadOnly": "true"}));
        }),
        _ => plans.iter().for_each(|plan| {
            writer.value(&json!({"CloudTrailEvent": inner(plan)}));
            writer.out.push('\n');
        }),
    }
    writer.out
}

struct Writer {
    out: String,
    style: Style,
    random: u64,
}

impl Writer {
    fn next(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    fn space(&mut self) {
        if self.style.spaces {
            let space = ["", " ", "\n  ", "\t", "\r\n"][self.next(5) as usize];
            self.out.push_str(space);
        }
    }

    fn list(&mut self, before: &str, plans: &[Plan], after: &str, one: impl Fn(&mut Writer, &Plan)) {
        self.out.push_str(before);
        for (at, plan) in plans.iter().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            self.space();
            one(self, plan);
            self.space();
        }
        self.out.push_str(after);
    }

    fn record(&mut self, plan: &Plan) {
        match (&plan.record, plan.twice) {
            (Value::Object(fields), Some(key)) => {
                let mut members: Vec<(&String, &Value)> = fields.iter().collect();
                members.extend(fields.get_key_value(key));
                self.members(members);
            }
            (record, _) => self.value(record),
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => self.members(Map::iter(fields).collect()),
            Value::Array(elements) => {
                self.out.push('[');
                for (at, element) in elements.iter().enumerate() {
                    self.out.push_str(if at > 0 { "," } else { "" });
                    self.space();
                    self.value(element);
                }
                self.out.push(']');
            }
            Value::String(text) => self.string(text),
            other => self.out.push_str(&other.to_string()),
        }
    }

    fn members(&mut self, mut members: Vec<(&String, &Value)>) {
        if self.style.shuffled {
            for at in (1..members.len()).rev() {
                let other = self.next(at as u64 + 1) as usize;
                members.swap(at, other);
            }
        }
        self.out.push('{');
        for (at, (key, value)) in members.into_iter().enumerate() {
            self.out.push_str(if at > 0 { "," } else { "" });
            self.space();
            self.string(key);
            self.space();
            self.out.push(':');
            self.space();
            self.value(value);
        }
        self.space();
        self.out.push('}');
    }

    fn string(&mut self, text: &str) {
        if !self.style.escapes {
            return self.out.push_str(&Value::from(text).to_string());
        }
        self.out.push('"');
        for c in text.chars() {
            if self.next(6) == 0 {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    self.out.push_str(&format!("\\u{unit:04x}"));
                }
            } else {
                let quoted = Value::from(c.to_string()).to_string();
                self.out.push_str(&quoted[1..quoted.len() - 1]);
            }
        }
        self.out.push('"');
    }
}
