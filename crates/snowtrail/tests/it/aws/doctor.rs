//! `snowtrail doctor` against the emulator's queue, bucket, topic and lake, and a peer for the services that it has not.

use std::process::Command;

use aws_sdk_s3::types::NotificationConfiguration;
use aws_sdk_sqs::types::QueueAttributeName;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::emulator::REGION;
use super::peer::{Peer, Replies};
use super::records::{READER, log_file, log_key, minutes_ago, read, uuid};
use super::stage::{Stage, arn_of};
use crate::snowtrail::{Said, root, said, text};

const TRAIL: &str = "arn:aws:cloudtrail:us-west-2:111122223333:trail/winter";

/// What a sound account answers.
fn sound(stage: &Stage) -> Replies {
    let denied = || (400, json!({ "__type": "AccessDeniedException", "Message": "not authorized" }));
    let management = json!([{ "FieldSelectors": [{ "Field": "eventCategory", "Equals": ["Management"] }] }]);
    Replies::from([
        ("DescribeTrails", (200, json!({ "trailList": [trail(stage)] }))),
        ("GetTrailStatus", (200, json!({ "IsLogging": true }))),
        ("GetEventSelectors", (200, json!({ "TrailARN": TRAIL, "AdvancedEventSelectors": management }))),
        ("GetMetricStatistics", (200, json!({ "Datapoints": [{ "Timestamp": 1.0, "Maximum": 12.0 }] }))),
        ("GetSecretValue", denied()),
        ("GetParameter", denied()),
    ])
}

fn trail(stage: &Stage) -> Value {
    json!({ "TrailARN": TRAIL, "HomeRegion": REGION, "S3BucketName": stage.trail, "IsMultiRegionTrail": true,
        "IncludeGlobalServiceEvents": true, "LogFileValidationEnabled": true })
}

/// A queue that only the trail's bucket may send to, a bucket that tells it, a lake that a worker has just fed.
async fn sound_stage() -> Stage {
    let stage = Stage::new().await;
    stage.notify_queue().await;
    set_policy(&stage, &sender(&stage, json!({ "Service": "s3.amazonaws.com" }), true)).await;
    stage.put(&log_key("aaaaaaaaaaaaaaaa"), log_file(&[read(&uuid(1, 1), &minutes_ago(3), READER)])).await;
    stage.drain();
    stage
}

fn sender(stage: &Stage, principal: Value, is_bound: bool) -> Value {
    let mut statement =
        json!({ "Effect": "Allow", "Principal": principal, "Action": "sqs:SendMessage", "Resource": "*" });
    if is_bound {
        statement["Condition"] =
            json!({ "ArnEquals": { "aws:SourceArn": format!("arn:aws:s3:::{}", stage.trail) } });
    }
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

async fn set_policy(stage: &Stage, policy: &Value) {
    let call = stage.account.sqs().set_queue_attributes().queue_url(&stage.queue);
    call.attributes(QueueAttributeName::Policy, policy.to_string()).send().await.expect("a policy");
}

fn doctor(stage: &Stage, peer: &Peer, more: &[&str]) -> Command {
    let mut command = peer.asked_by(stage.account.command());
    command.args(["doctor", "--queue", &stage.queue, "--lake", &stage.lake, "--publish", &stage.topic]);
    command.args(["--bucket", &stage.trail]).args(more);
    command
}

/// The same with one rule: the others are looked at by `a_sound_setup_has_no_fault`.
fn quick(stage: &Stage, peer: &Peer, more: &[&str]) -> Command {
    let rules = stage.policy.with_file_name("rules");
    let rule = "replica-detached.sql";
    std::fs::create_dir_all(&rules).expect("a folder");
    std::fs::copy(root().join("queries/rules").join(rule), rules.join(rule)).expect("a rule");
    let mut command = doctor(stage, peer, more);
    command.args(["--rules", text(&rules)]);
    command
}

async fn run(mut command: Command) -> Said {
    let output = tokio::task::spawn_blocking(move || command.output().expect("the binary starts"));
    said(output.await.expect("it ends"))
}

/// What is not well: `check level`, and what was found.
fn faults(said: &Said) -> Vec<(String, String)> {
    let rows = said.json();
    let faults = rows.iter().filter(|row| row["level"] != "ok");
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let fault = |row: &Value| (format!("{} {}", text(row, "check"), text(row, "level")), text(row, "found"));
    faults.map(fault).collect()
}

/// Exactly one thing is not well, and it says so, why, and a command.
#[track_caller]
fn expect_one(said: &Said, what: &str, found: &str) {
    let faults = faults(said);
    assert_eq!(faults.len(), 1, "{what} {found}: {}", said.stdout);
    assert_eq!(faults[0].0, what, "{}", said.stdout);
    assert!(faults[0].1.contains(found), "{found}: {}", said.stdout);
    let row = said.json().into_iter().find(|row| row["level"] != "ok").expect("a row");
    assert!(row["why"].is_string() && row["fix"].is_string(), "{row}");
    assert_eq!(said.status, if what.ends_with("broken") { 3 } else { 0 }, "{}", said.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_setup_has_no_fault() {
    let stage = sound_stage().await;
    let peer = Peer::start(sound(&stage)).await;
    let told = run(doctor(&stage, &peer, &["--format", "json", "--strict"])).await;
    assert_eq!(faults(&told), vec![], "{}{}", told.stdout, told.stderr);
    let told = told.expect_status(0);
    let mut checks: Vec<String> =
        told.json().iter().map(|row| row["check"].as_str().expect("a check").to_owned()).collect();
    checks.sort();
    checks.dedup();
    assert_eq!(checks, ["bucket", "clock", "lake", "permissions", "queue", "rules", "topic", "trail"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_the_trail_the_clock_and_the_permissions_is_told_alone() {
    let stage = sound_stage().await;
    let peer = Peer::start(sound(&stage)).await;
    let with = |key: &str, value: Value| {
        let mut trail = trail(&stage);
        trail[key] = value;
        json!({ "trailList": [trail] })
    };
    let selector = |kind: &str, excluded: Value| {
        json!({ "EventSelectors": [{ "ReadWriteType": kind, "IncludeManagementEvents": true,
            "ExcludeManagementEventSources": excluded }] })
    };
    let error = |code: &str| json!({ "__type": code, "message": "said the peer" });
    let denied = error("AccessDeniedException");
    let cases: [(&'static str, u16, Value, &str, &str); 14] = [
        ("GetTrailStatus", 200, json!({ "IsLogging": false }), "trail broken", "does not log"),
        (
            "GetTrailStatus",
            200,
            json!({ "IsLogging": true, "LatestDeliveryError": "AccessDenied" }),
            "trail broken",
            "cannot deliver log files: AccessDenied",
        ),
        (
            "GetEventSelectors",
            200,
            selector("WriteOnly", json!([])),
            "trail broken",
            "all reads of secretsmanager",
        ),
        (
            "GetEventSelectors",
            200,
            selector("ReadOnly", json!([])),
            "trail broken",
            "all writes of secretsmanager",
        ),
        ("DescribeTrails", 200, with("IsMultiRegionTrail", json!(false)), "trail weak", "covers one region"),
        (
            "DescribeTrails",
            200,
            with("LogFileValidationEnabled", json!(false)),
            "trail weak",
            "writes no digests",
        ),
        (
            "DescribeTrails",
            200,
            with("S3BucketName", json!("another")),
            "trail weak",
            "of 1 trails in sight, none",
        ),
        ("DescribeTrails", 400, denied.clone(), "trail unseen", "AccessDeniedException: said the peer"),
        ("GetEventSelectors", 400, denied.clone(), "trail unseen", "could not be seen"),
        ("GetMetricStatistics", 400, denied, "queue unseen", "its age"),
        (
            "GetMetricStatistics",
            200,
            json!({ "Datapoints": [{ "Timestamp": 1.0, "Maximum": 5.0 }, { "Timestamp": 2.0, "Maximum": 7200.0 }] }),
            "queue broken",
            "the oldest for 2h",
        ),
        (
            "GetSecretValue",
            400,
            error("ResourceNotFoundException"),
            "permissions broken",
            "GetSecretValue is allowed",
        ),
        (
            "GetSecretValue",
            200,
            json!({ "SecretString": "hunter2" }),
            "permissions broken",
            "GetSecretValue is allowed",
        ),
        ("GetParameter", 400, error("ParameterNotFound"), "permissions broken", "GetParameter is allowed"),
    ];
    for (operation, status, body, what, found) in cases {
        peer.answers_all(sound(&stage));
        peer.answers(operation, status, body);
        let told = run(quick(&stage, &peer, &["--format", "json"])).await;
        expect_one(&told, what, found);
        assert!(!told.stdout.contains("hunter2"), "{}", told.stdout);
    }
    peer.answers_all(sound(&stage));
    peer.is_ahead_by(SignedDuration::from_mins(7));
    expect_one(&run(quick(&stage, &peer, &["--format", "json"])).await, "clock broken", "behind AWS's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_secret_is_asked_for_in_a_version_that_it_cannot_have() {
    let stage = sound_stage().await;
    let mut peer = Peer::start(sound(&stage)).await;
    let arguments = ["--format", "json", "--secret", "prod/blizzard-checkout/db"];
    run(quick(&stage, &peer, &arguments)).await.expect_status(0);
    peer.calls.close();
    let mut inputs = Vec::new();
    while let Some(call) = peer.calls.recv().await {
        if call.operation == "GetSecretValue" && call.input["SecretId"] == "prod/blizzard-checkout/db" {
            inputs.push(call.input["VersionId"].as_str().expect("a version").len());
        }
    }
    assert_eq!(inputs, [36], "one call, and of no version that is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_queue_bucket_and_topic_is_told_alone() {
    let stage = sound_stage().await;
    let peer = Peer::start(sound(&stage)).await;
    let look = || run(quick(&stage, &peer, &["--format", "json"]));
    let bound = sender(&stage, json!({ "Service": "s3.amazonaws.com" }), true);

    set_policy(&stage, &sender(&stage, json!("*"), false)).await;
    expect_one(&look().await, "queue broken", "lets everybody send");
    set_policy(&stage, &json!({ "Version": "2012-10-17", "Statement": [] })).await;
    expect_one(&look().await, "queue broken", "lets nobody send");
    set_policy(&stage, &bound).await;

    let retention = stage.account.sqs().set_queue_attributes().queue_url(&stage.queue);
    retention
        .attributes(QueueAttributeName::MessageRetentionPeriod, "3600")
        .send()
        .await
        .expect("attributes");
    expect_one(&look().await, "queue weak", "keeps messages for 1 h");
    let retention = stage.account.sqs().set_queue_attributes().queue_url(&stage.queue);
    retention
        .attributes(QueueAttributeName::MessageRetentionPeriod, "1209600")
        .send()
        .await
        .expect("attributes");

    stage.deliveries_max(1).await;
    expect_one(&look().await, "queue weak", "dead after 1 deliveries");
    stage.deliveries_max(3).await;

    let dead = stage.account.sqs().send_message().queue_url(&stage.dead_letters).message_body("unreadable");
    dead.send().await.expect("a message");
    expect_one(&look().await, "queue broken", "1 dead letters");
    stage.take(&stage.dead_letters, 1).await;

    silence_bucket(&stage).await;
    expect_one(&look().await, "bucket broken", "tells neither the queue nor a topic");
    stage.notify_queue().await;

    let heard = arn_of(&stage.account, &stage.heard).await;
    let subscriptions = stage
        .account
        .sns()
        .list_subscriptions_by_topic()
        .topic_arn(&stage.topic)
        .send()
        .await
        .expect("a list");
    let ours =
        subscriptions.subscriptions().iter().find(|s| s.endpoint() == Some(heard.as_str())).expect("ours");
    let arn = ours.subscription_arn().expect("an ARN");
    stage.account.sns().unsubscribe().subscription_arn(arn).send().await.expect("no subscription");
    expect_one(&look().await, "topic broken", "nobody is subscribed");
}

async fn silence_bucket(stage: &Stage) {
    let none = NotificationConfiguration::builder().build();
    let call = stage.account.s3().put_bucket_notification_configuration().bucket(&stage.trail);
    call.notification_configuration(none).send().await.expect("no notifications");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_and_a_topic_that_are_not_there_are_faults_and_the_rest_is_still_looked_at() {
    let stage = sound_stage().await;
    let peer = Peer::start(sound(&stage)).await;
    let mut command = peer.asked_by(stage.account.command());
    let (queue, topic) = (format!("{}-gone", stage.queue), format!("{}-gone", stage.topic));
    command.args([
        "doctor",
        "--queue",
        &queue,
        "--lake",
        &stage.lake,
        "--publish",
        &topic,
        "--format",
        "json",
    ]);
    let told = run(command).await.expect_status(3);
    let faults = faults(&told);
    let of = |what: &str| faults.iter().filter(|(check, _)| check == what).count();
    assert_eq!((of("queue broken"), of("lake broken")), (1, 0), "{}", told.stdout);
    assert!(of("topic broken") + of("topic unseen") >= 1, "{}", told.stdout);
    assert!(told.json().iter().any(|row| row["check"] == "lake" && row["level"] == "ok"), "{}", told.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_attackers_chose_are_quoted_in_commands_and_escaped_on_the_terminal() {
    let stage = sound_stage().await;
    let peer = Peer::start(sound(&stage)).await;
    let hostile = "arn:aws:cloudtrail:us-west-2:1:trail/$(reboot)'\u{1b}[2J\u{202e}";
    let mut trail = trail(&stage);
    trail["TrailARN"] = json!(hostile);
    peer.answers("DescribeTrails", 200, json!({ "trailList": [trail] }));
    peer.answers(
        "GetTrailStatus",
        200,
        json!({ "IsLogging": false, "LatestDeliveryError": "\u{1b}]0;owned\u{7}" }),
    );
    let told = run(quick(&stage, &peer, &[])).await.expect_status(3);
    assert!(told.stdout.contains("2 broken"), "{}", told.stdout);
    assert!(!told.stdout.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{}", told.stdout.escape_debug());
    let command =
        "start-logging --region us-west-2 --name 'arn:aws:cloudtrail:us-west-2:1:trail/$(reboot)'\\\\''";
    assert!(told.stdout.contains(command), "{}", told.stdout);
}
