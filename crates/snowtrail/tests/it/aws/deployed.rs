//! The template of `deploy/`, deployed in the emulator, and the worker against what it made.

use std::process::Command;

use serde_json::Value;

use super::emulator::{Account, Emulator, installed};
use super::records::{ACCOUNT, POLICY, STRANGER, log_file, log_key, minutes_ago, read, uuid};
use super::stage::{make_queue, subscribe};
use crate::snowtrail::{root, said, text};

/// Deploys by the code that `deploy/test/template.py` deploys by. The emulator makes no trails.
const DEPLOY: &str = "
import json, sys
sys.path.insert(0, sys.argv[1])
import template
peer = template.Peer.__new__(template.Peer)
peer.kind, peer.url = 'ministack', sys.argv[2]
print(json.dumps(peer.deploy('snowtrail', Feed='both', CreateTrail='no')))
";

fn deploy(endpoint: &str) -> Value {
    let python = installed().with_file_name("python");
    let output = Command::new(python)
        .args(["-c", DEPLOY, text(&root().join("deploy/test")), endpoint])
        .env("SNOWTRAIL_TEST_RESTARTED", "1")
        .output()
        .expect("python starts");
    let said = said(output).expect_status(0);
    serde_json::from_str(said.stdout.trim()).expect("the stack's outputs")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_runs_on_what_the_template_makes() {
    let emulator = Emulator::start();
    let account = Account::named(&emulator.endpoint, ACCOUNT);
    let outputs = tokio::task::spawn_blocking({
        let endpoint = emulator.endpoint.clone();
        move || deploy(&endpoint)
    });
    let outputs = outputs.await.expect("a stack");
    let output =
        |name: &str| outputs[name].as_str().unwrap_or_else(|| panic!("no {name} in {outputs}")).to_owned();
    let heard = make_queue(&account, "heard", &[]).await;
    subscribe(&account, &output("TopicArn"), &heard, &[]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let policy = folder.path().join("policy.toml");
    std::fs::write(&policy, POLICY).expect("a policy");
    let log = log_file(&[read(&uuid(40, 1), &minutes_ago(5), STRANGER)]);
    let put =
        account.s3().put_object().bucket(output("TrailBucket")).key(log_key("deployed")).body(log.into());
    put.send().await.expect("an object");

    let mut worker = account.command();
    worker.args(["worker", "--once", "--queue", &output("QueueUrl"), "--lake", &output("LakeUri")]);
    worker.args(["--publish", &output("TopicArn"), "--policy", text(&policy)]);
    said(worker.output().expect("it starts")).expect_status(0);

    let call = account.sqs().receive_message().queue_url(&heard).wait_time_seconds(5);
    let pages = call.send().await.expect("a receive").messages.unwrap_or_default();
    assert_eq!(pages.len(), 1, "{pages:?}");
    assert!(pages[0].body().is_some_and(|body| body.contains("Frost-Search-TaskRole")), "{pages:?}");
}
