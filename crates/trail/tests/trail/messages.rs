//! What each body that may stand in the queue asks for, and how it is told.

use serde_json::{Value, json};
use snowtrail_trail::{Form, Part, read_message};

use crate::message_bodies::*;
use crate::message_support::{check, check_unknown, fetch_log};
use crate::support::{log_file, record};

#[test]
fn test_events_are_left_however_they_come() {
    let left = ["test snowy-trail"];
    check(test_event(), Form::TestEvent, &left);
    check(sns(&test_event().to_string()), Form::TestEvent, &left);
    for source in ["aws.s3", "com.example.forwarder"] {
        let bridged = event_bridge(source, "S3 Test", test_event());
        check(&bridged, Form::TestEvent, &left);
        check(sns(&bridged.to_string()), Form::TestEvent, &left);
    }
    let validation = "CloudTrail validation message.";
    check(sns(validation), Form::TestEvent, &["test CloudTrail validation message"]);
    check(validation, Form::TestEvent, &["test CloudTrail validation message"]);
    check_unknown(
        "CloudTrail validation message. And more",
        "it is not JSON: a value was expected at byte 0",
    );
}

#[test]
fn confirmations_are_left_and_their_token_is_not_shown() {
    for kind in ["SubscriptionConfirmation", "UnsubscribeConfirmation"] {
        let body = json!({
            "Type": kind,
            "MessageId": "m",
            "Token": "2336412f37",
            "TopicArn": "arn:aws:sns:us-west-2:222233334444:trail-objects",
            "Message": "You have chosen to subscribe to the topic.",
            "SubscribeURL": "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f37",
        });
        check(body, Form::Control, &["subscription arn:aws:sns:us-west-2:222233334444:trail-objects"]);
    }
    check_unknown(json!({"Type": "Other", "Message": "m"}), "its Type is none of SNS's");
}

#[test]
fn cloudtrails_events_by_eventbridge_go_to_the_decoder_with_their_envelope() {
    for kind in [
        "AWS API Call via CloudTrail",
        "AWS Service Event via CloudTrail",
        "AWS Console Signin via CloudTrail",
        "AWS Console Sign In via CloudTrail",
        "AWS Console Action via CloudTrail",
        "AWS Network Activity Event via CloudTrail",
    ] {
        let body = bridged_record("a", kind).to_string();
        check(&body, Form::EventBridge, &["decode a"]);
        assert_eq!(read_message(&sns(&body)).unwrap().parts, [Part::Records(body.into_bytes())]);
    }
    let insight = bridged_record("a", "AWS Insight via CloudTrail");
    check(insight, Form::EventBridge, &["insight AWS Insight via CloudTrail"]);
}

#[test]
fn services_own_events_are_left_and_other_sources_are_unknown() {
    let detail = json!({"name": "prod/db", "labelUpdated": "AWSCURRENT", "versionId": "v"});
    let label = event_bridge("aws.secretsmanager", "Secret Label Updated", detail.clone());
    check(label, Form::EventBridge, &["service_event Secret Label Updated"]);
    check_unknown(
        event_bridge("aws.ec2", "EC2 Instance State-change Notification", detail),
        "inside an EventBridge event: it is an object with the keys name, labelUpdated, versionId",
    );
    check_unknown(event_bridge("aws.s3", "Object Created", json!("x")), "detail is not an object");
    let nameless = event_bridge("aws.s3", "Object Created", json!({"bucket": {}, "object": {"key": "k"}}));
    check(nameless, Form::S3EventBridge, &["unknown name is missing"]);
}

#[test]
fn records_in_the_body_go_to_the_decoder_bad_ones_included() {
    let list = log_file(&[record("a", ""), "7".to_owned(), record("b", "")]);
    check(&list, Form::Records, &["decode a b"]);
    assert_eq!(read_message(&list).unwrap().parts, [Part::Records(list.into_bytes())]);
    check(format!(" {}\n", record("a", "")), Form::Records, &["decode a"]);
    check("{\"Records\":[]}", Form::Records, &["decode "]);
    let nameless = read_message(&record("a", r#""eventID":null"#)).unwrap();
    assert_eq!(nameless.form, Form::Records, "what it lacks is for the decoder to tell");
    let torn = record("a", r#""userAgent":"MARK""#).replace("MARK", r"\ud83d");
    check(sns(&torn), Form::Records, &["decode a"]);
}

#[test]
fn records_of_both_kinds_in_one_list_are_read_one_by_one() {
    let inline: Value = serde_json::from_str(&record("a", "")).unwrap();
    let body = s3_notification(&[s3_record(LOG_KEY), inline, json!({"other": 1})]);
    let parts = [&fetch_log() as &str, "decode a", "unknown Records[2]: eventVersion is missing"];
    check(body, Form::S3Notification, &parts);
}

#[test]
fn other_services_lists_of_records_are_unknown() {
    for source in ["aws:sqs", "aws:dynamodb", "aws:kinesis", "aws:ses"] {
        let item =
            json!({"eventID": "1", "eventVersion": "1.1", "eventName": "INSERT", "eventSource": source});
        check_unknown(json!({"Records": [item]}), "its Records are neither S3's nor CloudTrail's");
    }
    check_unknown(json!({"Records": [1, {}, null]}), "its Records are neither S3's nor CloudTrail's");
    check_unknown(json!({"Records": {"s3": {}}}), "Records is not a list");
}

#[test]
fn cloudwatch_logs_exports_go_to_the_decoder_and_control_messages_are_left() {
    check(log_events(&["a", "b"]), Form::LogEvents, &["decode a b"]);
    check(sns(&log_events(&["a"])), Form::LogEvents, &["decode a"]);
    let control = json!({"messageType": "CONTROL_MESSAGE", "logEvents": [{"id": "", "message": "CWL CONTROL MESSAGE"}]});
    check(control, Form::Control, &["control_message CONTROL_MESSAGE"]);
    let lambda = read_message(r#"{"awslogs":{"data":"H4sI"}}"#).unwrap();
    assert_eq!(lambda.form, Form::LogEvents);
    check_unknown(
        json!({"messageType": "X", "logEvents": []}),
        "its messageType is none of CloudWatch Logs'",
    );
    check_unknown(json!({"awslogs": {"data": 7}}), "data is not a string");
}

#[test]
fn envelopes_are_unwrapped_in_any_order_up_to_a_limit() {
    let body = s3_notification(&[s3_record(LOG_KEY)]);
    let bridged = |body: &str| {
        event_bridge("com.example.forwarder", "Forwarded", serde_json::from_str(body).unwrap()).to_string()
    };
    for wrapped in
        [sns(&body), bridged(&body), sns(&bridged(&body)), bridged(&sns(&body)), sns(&sns(&sns(&sns(&body))))]
    {
        check(wrapped, Form::S3Notification, &[&fetch_log()]);
    }
    check_unknown(sns(&sns(&sns(&sns(&sns(&body))))), "it is wrapped in more than 4 envelopes");
    check_unknown(sns("hello"), "inside an SNS notification: it is not JSON: a value was expected at byte 0");
}

#[test]
fn nothing_that_is_not_known_is_guessed_at() {
    check_unknown("", "the JSON ends early, or there is none");
    check_unknown("{\"Records\":[", "the JSON ends early, or there is none");
    check_unknown("{} {}", "something follows the JSON value");
    check_unknown("[]", "it is a list, not an object");
    check_unknown("\"text\"", "it is a string, not an object");
    check_unknown("null", "it is a number, a truth value or null, not an object");
    check_unknown("{}", "it is an empty object");
    check_unknown(json!({"Records": null}), "it is an object with the keys Records");
    let deep = format!("{{\"Records\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    check_unknown(deep, "the JSON is nested deeper than 128 levels");
}

#[test]
fn what_says_two_things_is_unknown() {
    let list = "\"Records\":[]";
    check_unknown(format!("{{{list},{list}}}"), "Records stands there twice");
    let both = format!("{{{list},\"s3Bucket\":\"b\",\"s3ObjectKey\":[]}}");
    check_unknown(both, "it has the marks of both a CloudTrail notification and a list of records");
    let twice = s3_notification(&[s3_record(LOG_KEY)]).replace("\"size\"", "\"key\":\"x\",\"size\"");
    check(twice, Form::S3Notification, &["unknown Records[0]: key stands there twice"]);
}

#[test]
fn errors_name_fields_and_show_no_value() {
    check_unknown(
        json!({"password": "hunter2", "AKIA0123456789": 1, "a\u{1b}[2J": 2}),
        "it is an object with the keys password and 2 more",
    );
    check_unknown(json!({"x1": 1}), "it is an object with 1 keys that no form has");
    let many: Value = ('a'..='z').map(|key| (key.to_string(), json!("hunter2"))).collect();
    check_unknown(many, "it is an object with the keys a, b, c, d, e, f, g, h and 18 more");
}

#[test]
fn parts_and_subjects_are_bounded() {
    let keys = vec!["k"; 8193];
    check_unknown(trail_notification(&keys), "it names more than 8192 objects");
    let records = vec![json!({"s3": {}}); 8193];
    check_unknown(s3_notification(&records), "it has more than 8192 records of S3");
    assert_eq!(read_message(&trail_notification(&keys[1..])).unwrap().parts.len(), 8192);
    let message = read_message(&trail_notification(&[&"é".repeat(500)])).unwrap();
    let Part::Left(left) = &message.parts[0] else { panic!("{message:?}") };
    assert!(left.subject.len() <= 512 && left.subject.ends_with('…'));
}
