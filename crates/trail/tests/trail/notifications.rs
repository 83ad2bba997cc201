//! Objects that notifications name: which are fetched, which are left, and which names are not believed.

use serde_json::{Value, json};
use snowtrail_trail::{Form, ObjectRef, Part, read_message};

use crate::message_bodies::*;
use crate::message_support::{check, check_unknown, fetch_log};

/// One record of a notification that cannot be read.
#[track_caller]
fn check_unknown_part(record: Value, why: &str) {
    let parts = [&format!("unknown Records[0]: {why}") as &str, &fetch_log()];
    check(s3_notification(&[record, s3_record(LOG_KEY)]), Form::S3Notification, &parts);
}

#[track_caller]
fn object(body: impl ToString) -> ObjectRef {
    let mut message = read_message(&body.to_string()).unwrap();
    match (message.parts.pop(), message.parts.pop()) {
        (Some(Part::Object(object)), None) => object,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_notification_tells_all_it_knows_of_the_object() {
    let expected = ObjectRef {
        bucket: "snowy-trail".to_owned(),
        key: LOG_KEY.to_owned(),
        aws_region: Some("us-west-2".to_owned()),
        version_id: None,
        etag: Some("9b2cf535f27731c974343645a3985328".to_owned()),
        size: Some(20481),
        sequencer: Some("0065A1B2C3D4E5F607".to_owned()),
    };
    assert_eq!(object(s3_notification(&[s3_record(LOG_KEY)])), expected);
    let versioned = ObjectRef { version_id: Some("3sL4kqtJlcpXroDTDmJ".to_owned()), ..expected.clone() };
    assert_eq!(object(object_created(LOG_KEY)), versioned);
    let named = ObjectRef { aws_region: None, etag: None, size: None, sequencer: None, ..expected };
    assert_eq!(object(trail_notification(&[LOG_KEY])), named);
}

#[test]
fn attributes_of_an_object_may_be_absent_null_or_empty() {
    let mut record = s3_record(LOG_KEY);
    let bare = json!({"key": LOG_KEY, "eTag": "", "size": null});
    *record.pointer_mut("/s3/object").unwrap() = bare;
    record["awsRegion"] = json!("");
    let object = object(s3_notification(&[record]));
    assert_eq!((object.etag, object.size, object.sequencer, object.aws_region), (None, None, None, None));
}

#[test]
fn versions_and_quoted_entity_tags_are_taken() {
    let changes = [("/s3/object/versionId", json!("null")), ("/s3/object/eTag", json!("\"abc-2\""))];
    let object = object(s3_notification(&[s3_record_with(&changes)]));
    assert_eq!((object.version_id.as_deref(), object.etag.as_deref()), (Some("null"), Some("abc-2")));
}

/// As it stands in a notification, what it means, and the end of its URI.
const ENCODED_KEYS: [(&str, &str, &str); 7] = [
    ("a+b_CloudTrail_x.json", "a b_CloudTrail_x.json", "a%20b_CloudTrail_x.json"),
    ("a%20b_CloudTrail_x.json", "a b_CloudTrail_x.json", "a%20b_CloudTrail_x.json"),
    ("a%2Bb_CloudTrail_x.json", "a+b_CloudTrail_x.json", "a+b_CloudTrail_x.json"),
    ("a%2520b_CloudTrail_x.json", "a%20b_CloudTrail_x.json", "a%2520b_CloudTrail_x.json"),
    ("year%3D2026%2Fa_CloudTrail_x.json", "year=2026/a_CloudTrail_x.json", "year=2026/a_CloudTrail_x.json"),
    ("%E2%9D%84_CloudTrail_x.json", "❄_CloudTrail_x.json", "%E2%9D%84_CloudTrail_x.json"),
    ("❄%3f%23_CloudTrail_x.json", "❄?#_CloudTrail_x.json", "%E2%9D%84%3F%23_CloudTrail_x.json"),
];

#[test]
fn keys_from_s3_are_decoded_once() {
    for (encoded, key, uri) in ENCODED_KEYS {
        let object = object(s3_notification(&[s3_record(encoded)]));
        assert_eq!((object.key.as_str(), object.uri()), (key, format!("s3://snowy-trail/{uri}")));
        let again = ObjectRef::at(&object.uri()).expect("an object");
        assert_eq!((again.bucket, again.key), (object.bucket.clone(), object.key.clone()));
    }
}

#[test]
fn keys_from_eventbridge_are_not_decoded() {
    for (key, ..) in ENCODED_KEYS {
        assert_eq!(object(object_created(key)).key, key);
    }
}

#[test]
fn keys_from_cloudtrail_are_not_decoded() {
    for (key, ..) in ENCODED_KEYS {
        assert_eq!(object(trail_notification(&[key])).key, key);
    }
}

#[test]
fn all_minor_versions_of_two_are_read_and_no_other() {
    for version in ["2.0", "2.1", "2.2", "2.3", "2.6", "2"] {
        let record = s3_record_with(&[("/eventVersion", json!(version))]);
        check(s3_notification(&[record]), Form::S3Notification, &[&fetch_log()]);
    }
    let with = |version: Value| s3_record_with(&[("/eventVersion", version)]);
    check_unknown_part(with(json!("3.0")), "eventVersion has the major version 3, only 2 is known");
    check_unknown_part(with(json!("20.1")), "eventVersion has the major version 20, only 2 is known");
    check_unknown_part(with(json!("new")), "eventVersion is no version");
    check_unknown_part(with(json!(2.1)), "eventVersion is not a string");
    check_unknown_part(with(json!(null)), "eventVersion is missing");
}

#[test]
fn one_bad_record_leaves_its_siblings() {
    check_unknown_part(json!(7), "the record is not an object");
    check_unknown_part(json!({"eventVersion": "2.1", "eventSource": "aws:s3"}), "s3 is missing");
    let with = |pointer: &str, value: Value| s3_record_with(&[(pointer, value)]);
    check_unknown_part(with("/s3", json!("x")), "s3 is not an object");
    check_unknown_part(with("/s3/bucket", json!([])), "bucket is not an object");
    check_unknown_part(with("/s3/object", json!(null)), "object is missing");
    check_unknown_part(with("/eventName", json!({})), "eventName is not a string");
    check_unknown_part(with("/s3/object/key", json!(7)), "key is not a string");
    check_unknown_part(with("/s3/object/key", json!("")), "key is empty");
    check_unknown_part(with("/s3/object/size", json!("12")), "size is not a number of bytes");
    check_unknown_part(with("/s3/object/size", json!(-1)), "size is not a number of bytes");
    check_unknown_part(with("/s3/object/size", json!(1e40)), "size is not a number of bytes");
    check_unknown_part(with("/s3/object/eTag", json!("a\r\nb")), "eTag is nothing that S3 writes");
    check_unknown_part(
        with("/s3/object/versionId", json!("v".repeat(1025))),
        "versionId is nothing that S3 writes",
    );
    check_unknown_part(with("/awsRegion", json!("evil.example/#")), "awsRegion is no region");
}

#[test]
fn keys_that_no_object_has_are_unknown() {
    let with = |key: &str| s3_record_with(&[("/s3/object/key", json!(key))]);
    check_unknown_part(with("a%00b.json"), "the key has control characters");
    check_unknown_part(with("a\nb.json"), "the key has control characters");
    check_unknown_part(with("a%C2%85b.json"), "the key has control characters");
    check_unknown_part(with(&"k".repeat(1025)), "the key is longer than any key");
    for key in ["100%", "%zz", "%F", "%FF", "%+1"] {
        check_unknown_part(with(key), "the key is not encoded as S3 encodes keys");
    }
    let longest = format!("{}_CloudTrail_x.json", "k".repeat(1024 - "_CloudTrail_x.json".len()));
    assert_eq!(object(s3_notification(&[s3_record(&longest)])).key, longest);
}

#[test]
fn buckets_that_s3_does_not_have_are_unknown() {
    for bucket in
        ["ab", "a/b/c", "..", "a..b", "-ab", "ab.", "a b c", "bücket", "b@evil.example", &"b".repeat(64)]
    {
        let record = s3_record_with(&[("/s3/bucket/name", json!(bucket))]);
        check_unknown_part(record, "the bucket has a name that no bucket has");
    }
    for bucket in ["abc", "snowy.trail-1", "Old_Bucket", &"b".repeat(63)] {
        let record = s3_record_with(&[("/s3/bucket/name", json!(bucket))]);
        assert_eq!(object(s3_notification(&[record])).bucket, bucket);
    }
}

#[test]
fn every_kind_of_creation_is_fetched_and_every_other_kind_is_left() {
    for kind in [
        "ObjectCreated:Put",
        "ObjectCreated:CompleteMultipartUpload",
        "ObjectCreated:Copy",
        "s3:ObjectCreated:Post",
    ] {
        let record = s3_record_with(&[("/eventName", json!(kind))]);
        check(s3_notification(&[record]), Form::S3Notification, &[&fetch_log()]);
    }
    for kind in [
        "ObjectRemoved:Delete",
        "ObjectRestore:Completed",
        "ObjectTagging:Put",
        "LifecycleExpiration:Delete",
        "New",
    ] {
        let changes = [("/eventName", json!(kind)), ("/s3/object", json!({"key": "a+b"}))];
        let body = s3_notification(&[s3_record_with(&changes), s3_record(LOG_KEY)]);
        check(body, Form::S3Notification, &["not_a_creation snowy-trail/a+b", &fetch_log()]);
    }
    let mut deleted = object_created(LOG_KEY);
    deleted["detail-type"] = json!("Object Deleted");
    check(deleted, Form::EventBridge, &[&format!("not_a_creation snowy-trail/{LOG_KEY}")]);
}

#[test]
fn what_is_no_log_is_left_and_told() {
    let digest = "AWSLogs/111122223333/CloudTrail-Digest/us-west-2/2026/11/20/d.json.gz";
    let keys = [digest, "AWSLogs/111122223333/Config/x.json.gz", "AWSLogs/", LOG_KEY];
    let (left, config, folder) = (
        format!("digest snowy-trail/{digest}"),
        "foreign_object snowy-trail/AWSLogs/111122223333/Config/x.json.gz",
        "foreign_object snowy-trail/AWSLogs/",
    );
    let parts = [&left as &str, config, folder, &fetch_log()];
    check(trail_notification(&keys), Form::CloudTrailNotification, &parts);
    check(s3_notification(&keys.map(s3_record)), Form::S3Notification, &parts);
}

#[test]
fn an_object_that_stands_there_twice_is_two_parts() {
    let body = s3_notification(&[s3_record(LOG_KEY), s3_record(LOG_KEY)]);
    check(body, Form::S3Notification, &[&fetch_log(), &fetch_log()]);
    check(
        trail_notification(&[LOG_KEY, LOG_KEY]),
        Form::CloudTrailNotification,
        &[&fetch_log(), &fetch_log()],
    );
}

#[test]
fn cloudtrails_notification_names_one_file_many_or_none() {
    let one = json!({"s3Bucket": "snowy-trail", "s3ObjectKey": LOG_KEY});
    check(&one, Form::CloudTrailNotification, &[&fetch_log()]);
    check(trail_notification(&[]), Form::CloudTrailNotification, &["names_nothing snowy-trail"]);
    let mixed = json!({"s3Bucket": "snowy-trail", "s3ObjectKey": [LOG_KEY, 7, "a\tb"]});
    let parts = [
        &fetch_log() as &str,
        "unknown s3ObjectKey[1]: the key is not a string",
        "unknown s3ObjectKey[2]: the key has control characters",
    ];
    check(mixed, Form::CloudTrailNotification, &parts);
    check_unknown(json!({"s3Bucket": "snowy-trail", "s3ObjectKey": {}}), "s3ObjectKey is not a list");
    check_unknown(json!({"s3Bucket": 7, "s3ObjectKey": []}), "s3Bucket is not a string");
}
