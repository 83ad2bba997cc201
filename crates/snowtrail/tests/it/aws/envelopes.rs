//! Every envelope that a queue may carry, as the emulator's services make it where they can, composed where not.

use aws_sdk_s3::types::{Event, NotificationConfiguration, TopicConfiguration};
use serde_json::{Value, json};

use super::records::{ACCOUNT, READER, log_file, log_key, minutes_ago, read, uuid};
use super::stage::{Stage, make_queue, subscribe};

const ALL: &str = "SELECT count(*) FROM events";

fn one(space: u32, number: u32) -> Value {
    read(&uuid(space, number), &minutes_ago(30), READER)
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_s3_encodes_are_found() {
    let stage = Stage::new().await;
    stage.notify_queue().await;
    let keys = ["with space", "a+b", "c=d", "100%", "é"];
    for (n, unique) in keys.iter().enumerate() {
        stage.put(&log_key(unique), log_file(&[one(20, n as u32)])).await;
    }
    stage.drain();
    assert_eq!(stage.count(ALL), keys.len() as i64);
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_notifications_through_sns_are_read_enveloped_and_raw() {
    let stage = Stage::new().await;
    for (name, raw) in [("enveloped", "false"), ("raw", "true")] {
        let topic = stage.account.sns().create_topic().name(name).send().await.expect("a topic").topic_arn;
        let topic = topic.expect("an ARN");
        subscribe(&stage.account, &topic, &stage.queue, &[("RawMessageDelivery", raw)]).await;
        let tell = TopicConfiguration::builder().topic_arn(topic).events(Event::S3ObjectCreated).build();
        let configuration =
            NotificationConfiguration::builder().topic_configurations(tell.expect("a configuration")).build();
        let put = stage.account.s3().put_bucket_notification_configuration().bucket(&stage.trail);
        put.notification_configuration(configuration).send().await.expect("notifications");
        stage.put(&log_key(name), log_file(&[one(21, u32::from(raw == "true"))])).await;
    }
    stage.drain();
    assert_eq!(stage.count(ALL), 2);
    assert_eq!(stage.depth(&stage.queue).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn composed_envelopes_are_read() {
    let stage = Stage::new().await;
    let key = log_key("composed");
    stage.put(&key, log_file(&[one(22, 1)])).await;
    let second = log_key("composed two");
    stage.put(&second, log_file(&[one(22, 2)])).await;
    let object_created = json!({ "version": "0", "id": uuid(1, 1), "detail-type": "Object Created", "source": "aws.s3",
        "account": ACCOUNT, "time": minutes_ago(1), "region": "us-west-2", "resources": [],
        "detail": { "version": "0", "bucket": { "name": stage.trail }, "object": { "key": second, "size": 10 } } });
    let through_event_bridge = |record: Value| {
        json!({ "version": "0", "id": uuid(1, 2), "detail-type": "AWS API Call via CloudTrail",
            "source": "aws.secretsmanager", "account": ACCOUNT, "time": minutes_ago(1), "region": "us-west-2",
            "resources": [], "detail": record })
    };
    let bodies = [
        json!({ "s3Bucket": stage.trail, "s3ObjectKey": [key] }),
        object_created,
        through_event_bridge(one(22, 3)),
        json!({ "Records": [one(22, 4), one(22, 5)] }),
        json!({ "Type": "Notification", "MessageId": uuid(1, 3), "TopicArn": "arn:aws:sns:us-west-2:111122223333:t",
            "Message": through_event_bridge(one(22, 6)).to_string(), "Timestamp": minutes_ago(1) }),
        json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": minutes_ago(1), "Bucket": stage.trail }),
    ];
    for body in bodies {
        stage.send(&body.to_string()).await;
    }
    stage.drain();
    assert_eq!(stage.count(ALL), 6);
    assert_eq!(stage.depth(&stage.queue).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_by_event_bridge_and_by_file_is_one_row() {
    let stage = Stage::new().await;
    stage.notify_queue().await;
    let record = one(23, 1);
    stage.put(&log_key("both"), log_file(std::slice::from_ref(&record))).await;
    let event = json!({ "version": "0", "id": uuid(1, 2), "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.secretsmanager", "account": ACCOUNT, "time": minutes_ago(1), "region": "us-west-2",
        "resources": [], "detail": record });
    stage.send(&event.to_string()).await;
    stage.drain();
    assert_eq!(stage.count(ALL), 1);
    assert_eq!(stage.count("SELECT sum(duplicates) FROM sources"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn digest_insight_and_foreign_objects_are_left() {
    let stage = Stage::new().await;
    stage.notify_queue().await;
    let foreign = [
        format!(
            "AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-west-2/2026/11/25/{ACCOUNT}_CloudTrail-Digest_us-west-2_t_us-west-2_20261125T030500Z.json.gz"
        ),
        format!("AWSLogs/{ACCOUNT}/CloudTrail-Insight/us-west-2/2026/11/25/x.json.gz"),
        format!("AWSLogs/{ACCOUNT}/Config/us-west-2/2026/11/25/x.json.gz"),
        "notes.txt".to_owned(),
    ];
    for key in &foreign {
        stage.put(key, log_file(&[one(24, 1)])).await;
    }
    stage.drain();
    assert_eq!(stage.count(ALL), 0);
    assert_eq!(stage.depth(&stage.queue).await, 0, "they are settled");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_ends_in_the_dead_letter_queue_and_its_siblings_do_not_wait() {
    let stage = Stage::new().await;
    stage.send("no message of ours").await;
    stage.send(&json!({ "s3Bucket": stage.trail, "s3ObjectKey": [log_key("gone")] }).to_string()).await;
    stage.send(&json!({ "Records": [one(25, 1)] }).to_string()).await;
    let bad_record = json!({ "Records": [one(25, 2), { "eventVersion": "1.11", "eventName": "x" }] });
    stage.send(&bad_record.to_string()).await;
    // The pauses between deliveries are real; the worker ends when nothing is visible, so it is run until they are over.
    for _ in 0..30 {
        stage.drain();
        if stage.depth(&stage.dead_letters).await == 2 && stage.depth(&stage.queue).await == 0 {
            break;
        }
    }
    assert_eq!(stage.count(ALL), 2, "siblings are stored");
    assert_eq!(
        stage.count("SELECT count(*) FROM rejects"),
        1,
        "a bad record is a reject, and its message settled"
    );
    let dead = stage.take(&stage.dead_letters, 2).await;
    let bodies: Vec<&str> = dead.iter().filter_map(|m| m.body()).collect();
    assert_eq!(bodies.len(), 2, "{bodies:?}");
    assert!(bodies.contains(&"no message of ours"), "the evidence is whole: {bodies:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_without_messages_is_drained_at_once() {
    let stage = Stage::new().await;
    let said = stage.drain();
    assert!(said.stderr.contains("the worker ends"), "{}", said.stderr);
    let other = make_queue(&stage.account, "other", &[]).await;
    assert_eq!(stage.depth(&other).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_in_the_watched_bucket_feeds_nothing() {
    let mut stage = Stage::new().await;
    stage.notify_queue().await;
    stage.lake = format!("s3://{}/lake", stage.trail);
    stage.put(&log_key("beside"), log_file(&[one(26, 1)])).await;
    stage.drain();
    let commits = stage.count("SELECT count(*) FROM sources");
    stage.drain();
    assert_eq!(stage.count(ALL), 1);
    assert_eq!(stage.count("SELECT count(*) FROM sources"), commits);
    assert_eq!(stage.depth(&stage.queue).await, 0, "its own files are recognized and left");
}
