//! Whatever the body is: reading it never panics, stays within its bounds, and envelopes change nothing.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Number, Value, json};
use snowtrail_trail::message::{PARTS_MAX, SUBJECT_BYTES_MAX};
use snowtrail_trail::{Part, read_message};

use crate::message_bodies::*;

/// Longest text that an error or an unknown part may be.
const WHY_BYTES_MAX: usize = 500;

fn check(body: &str) {
    let message = match read_message(body) {
        Ok(message) => message,
        Err(unknown) => {
            let text = unknown.to_string();
            assert!(text.len() <= WHY_BYTES_MAX && !text.contains(char::is_control), "{text}");
            return;
        }
    };
    assert!((1..=PARTS_MAX).contains(&message.parts.len()), "{body}");
    for part in &message.parts {
        match part {
            Part::Object(object) => check_uri(&object.bucket, &object.key, &object.uri()),
            Part::Records(bytes) => assert!(bytes.len() <= body.len()),
            Part::Left(left) => {
                assert!(left.subject.len() <= SUBJECT_BYTES_MAX && !left.subject.contains(char::is_control))
            }
            Part::Unknown(why) => {
                assert!(why.len() <= WHY_BYTES_MAX && !why.contains(char::is_control), "{why}");
            }
        }
    }
}

/// The URI is ASCII without what ends a path, and gives the key back.
fn check_uri(bucket: &str, key: &str, uri: &str) {
    assert!(uri.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\"<>\\^`{|}[]".contains(&byte)), "{uri}");
    let path = uri.strip_prefix("s3://").and_then(|rest| rest.strip_prefix(bucket)).unwrap();
    let mut bytes = path.strip_prefix('/').unwrap().bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
            u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
        } else {
            byte
        });
    }
    assert_eq!(String::from_utf8(decoded).unwrap(), key);
}

/// Keys and texts that mean something to the reader, so that arbitrary values come near to bodies.
const WORDS: [&str; 36] = [
    "Records",
    "s3",
    "bucket",
    "object",
    "key",
    "name",
    "size",
    "eTag",
    "etag",
    "versionId",
    "version-id",
    "eventVersion",
    "eventName",
    "eventSource",
    "eventID",
    "awsRegion",
    "region",
    "Type",
    "Message",
    "TopicArn",
    "detail-type",
    "detail",
    "source",
    "aws.s3",
    "Object Created",
    "AWS API Call via CloudTrail",
    "s3Bucket",
    "s3ObjectKey",
    "Event",
    "s3:TestEvent",
    "messageType",
    "logEvents",
    "awslogs",
    "2.1",
    "ObjectCreated:Put",
    "Notification",
];

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![4 => select(&WORDS[..]).prop_map(str::to_owned), 1 => any::<String>(), 1 => "[a-z%+/._-]{0,80}"]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|number| Value::Number(Number::from(number))),
        any_text().prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            proptest::collection::vec((any_text(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn any_body() -> impl Strategy<Value = String> {
    select(valid_bodies()).prop_map(|(_, body)| body)
}

/// How to spoil one value of a body.
#[derive(Debug, Clone)]
enum Damage {
    Drop,
    Replace(Value),
    Wrap,
}

fn any_damage() -> impl Strategy<Value = Damage> {
    prop_oneof![Just(Damage::Drop), any_value().prop_map(Damage::Replace), Just(Damage::Wrap)]
}

/// The pointers to everything in a value.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| pointers(item, &format!("{at}/{index}"), found));
        }
        Value::Object(members) => {
            let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
            members.iter().for_each(|(key, item)| pointers(item, &format!("{at}/{}", escape(key)), found));
        }
        _ => {}
    }
}

fn spoil(body: &mut Value, index: &Index, damage: Damage) {
    let mut found = Vec::new();
    pointers(body, "", &mut found);
    let pointer = index.get(&found);
    let place = body.pointer_mut(pointer).unwrap();
    match damage {
        Damage::Replace(value) => *place = value,
        Damage::Wrap => *place = json!([place.take()]),
        Damage::Drop => {
            let Some((parent, key)) = pointer.rsplit_once('/') else { return };
            match body.pointer_mut(parent) {
                Some(Value::Object(members)) => drop(members.shift_remove(key)),
                Some(Value::Array(items)) => drop(items.remove(key.parse().unwrap())),
                _ => {}
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>(), near in r#"[\[\]{}:,"\\a-eRecords0-9 \n]{0,200}"#) {
        check(&text);
        check(&near);
        check(&format!("{{\"Records\":[{near}"));
        check(&sns(&text));
    }

    #[test]
    fn arbitrary_json_never_panics(value in any_value()) {
        check(&value.to_string());
        check(&json!({"Records": [value]}).to_string());
        check(&json!({"s3Bucket": "snowy-trail", "s3ObjectKey": value}).to_string());
        check(&event_bridge("aws.s3", "Object Created", value).to_string());
    }

    #[test]
    fn damaged_bodies_never_panic_and_are_the_same_in_envelopes(
        body in any_body(),
        damages in proptest::collection::vec((any::<Index>(), any_damage()), 1..5),
    ) {
        let mut value = serde_json::from_str(&body).unwrap_or(Value::String(body));
        for (index, damage) in damages {
            spoil(&mut value, &index, damage);
        }
        let body = value.to_string();
        check(&body);
        let plain = read_message(&body).ok();
        prop_assert_eq!(&read_message(&sns(&body)).ok(), &plain);
        if value.is_object() {
            let bridged = event_bridge("com.example.forwarder", "Forwarded", value).to_string();
            prop_assert_eq!(&read_message(&bridged).ok(), &plain);
            prop_assert_eq!(&read_message(&sns(&bridged)).ok(), &plain);
        }
    }

    #[test]
    fn changed_bytes_never_panic(
        body in any_body(),
        changes in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..8),
        cut in proptest::option::of(any::<Index>()),
        wrapped in any::<bool>(),
    ) {
        let mut bytes = if wrapped { sns(&body) } else { body }.into_bytes();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn keys_survive_s3s_encoding(key in "[ -~❄é]{1,60}") {
        let key = format!("{key}_CloudTrail_.json");
        let body = s3_notification(&[s3_record(&form_encode(&key))]);
        let message = read_message(&body).unwrap();
        check(&body);
        match &message.parts[..] {
            [Part::Object(object)] => prop_assert_eq!(&object.key, &key),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

/// As S3 encodes keys in its notifications.
fn form_encode(key: &str) -> String {
    let encode = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        b'/' | b'.' | b'-' | b'_' | b'*' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    key.bytes().map(encode).collect()
}

#[test]
fn envelopes_change_no_part() {
    for (name, body) in valid_bodies() {
        let plain = read_message(&body).unwrap();
        assert!(!plain.parts.iter().any(|part| matches!(part, Part::Unknown(_))), "{name}");
        check(&body);
        assert_eq!(read_message(&sns(&body)).unwrap(), plain, "{name} in SNS");
        assert_eq!(read_message(&sns(&sns(&body))).unwrap(), plain, "{name} in SNS in SNS");
        if let Ok(detail) = serde_json::from_str(&body) {
            let bridged = event_bridge("com.example.forwarder", "Forwarded", detail).to_string();
            assert_eq!(read_message(&bridged).unwrap(), plain, "{name} in EventBridge");
            assert_eq!(read_message(&sns(&bridged)).unwrap(), plain, "{name} in EventBridge in SNS");
        }
    }
}
