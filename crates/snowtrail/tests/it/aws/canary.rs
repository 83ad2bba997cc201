//! `snowtrail canary` against the emulator. The test plays IAM, which refuses, and CloudTrail, which records the refusal.

use std::process::Stdio;

use serde_json::{Value, json};

use super::peer::{Peer, Replies};
use super::records::{READER, SECRET, log_file, log_key, minutes_ago, read, uuid};
use super::stage::Stage;
use crate::snowtrail::{Said, said};

fn refusing() -> Replies {
    let refusal =
        json!({ "__type": "AccessDeniedException", "Message": "no identity-based policy allows it" });
    Replies::from([("GetSecretValue", (400, refusal))])
}

/// The event of a refused call, as CloudTrail writes it.
fn refused(request_id: &str) -> Value {
    let mut event = read(&uuid(7, 1), &minutes_ago(0), READER);
    event["requestID"] = json!(request_id);
    event["errorCode"] = json!("AccessDenied");
    event["errorMessage"] = json!("User is not authorized to perform: secretsmanager:GetSecretValue");
    event
}

/// A stage whose lake is there, because a worker has run.
async fn with_lake() -> Stage {
    let stage = Stage::new().await;
    stage.notify_queue().await;
    stage.drain();
    stage
}

fn canary(stage: &Stage, peer: &Peer, more: &[&str]) -> std::process::Command {
    let mut command = peer.asked_by(stage.account.command());
    command.args(["canary", "--secret", SECRET, "--lake", &stage.lake]).args(more);
    command
}

async fn run(mut command: std::process::Command) -> Said {
    let output = tokio::task::spawn_blocking(move || command.output().expect("the binary starts"));
    said(output.await.expect("it ends"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_comes_out_in_the_lake_proves_the_path() {
    let stage = with_lake().await;
    let mut peer = Peer::start(refusing()).await;
    let mut command = canary(&stage, &peer, &["--within", "2m", "--format", "json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let call = peer.calls.recv().await.expect("a call");
    assert_eq!(call.operation, "GetSecretValue");
    assert_eq!(call.input["SecretId"], SECRET);
    assert!(call.input["VersionId"].is_string(), "it names a version that no secret has: {call:?}");
    stage.put(&log_key("canary0000000001"), log_file(&[refused(&call.request_id)])).await;
    stage.drain();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().expect("it ends"));
    let told = said(output.await.expect("it ends")).expect_status(0);
    let row = &told.json()[0];
    assert_eq!((&row["request_id"], &row["event_id"]), (&json!(call.request_id), &json!(uuid(7, 1))));
    assert!(row["ingested_at"].as_str().is_some_and(|time| time.ends_with('Z')), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_does_not_come_out_in_time_says_what_to_check() {
    let stage = with_lake().await;
    let peer = Peer::start(refusing()).await;
    // Another call's refusal is in the lake, and is not taken for this one's.
    stage.put(&log_key("canary0000000002"), log_file(&[refused(&uuid(8, 8))])).await;
    stage.drain();
    let told = run(canary(&stage, &peer, &["--within", "1s"])).await.expect_status(3);
    for expected in ["did not come out", "within 1s", "snowtrail doctor --queue URL", "rejects"] {
        assert!(told.stderr.contains(expected), "{expected}: {}", told.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_is_allowed_fails_loudly_and_shows_no_value() {
    let stage = with_lake().await;
    let peer = Peer::start(refusing()).await;
    let delivered = json!({ "Name": SECRET, "SecretString": "hunter2-glacier" });
    let not_there = json!({ "__type": "ResourceNotFoundException", "Message": "no such version" });
    for (status, body) in [(200, delivered), (400, not_there)] {
        peer.answers("GetSecretValue", status, body);
        let told = run(canary(&stage, &peer, &[])).await.expect_status(3);
        assert!(told.stderr.contains("MAY READ"), "{}", told.stderr);
        assert!(!told.stderr.contains("hunter2") && !told.stdout.contains("hunter2"), "{}", told.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_neither_is_no_proof() {
    let stage = with_lake().await;
    let peer = Peer::start(refusing()).await;
    peer.answers("GetSecretValue", 400, json!({ "__type": "ThrottlingException", "message": "slower" }));
    let told = run(canary(&stage, &peer, &[])).await.expect_status(3);
    assert!(
        told.stderr.contains("neither refused nor allowed: ThrottlingException: slower"),
        "{}",
        told.stderr
    );
}
