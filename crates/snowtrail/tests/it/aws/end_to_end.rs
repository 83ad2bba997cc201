//! From a log file in a bucket to the text of a page in a subscribed queue.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::emulator::Account;
use super::records::{READER, STRANGER, log_file, log_key, minutes_ago, read, uuid};
use super::stage::{Stage, make_queue, subscribe};
use crate::snowtrail::said;

const ALL: &str = "SELECT count(*) FROM events";
const DISTINCT: &str = "SELECT count(*) FROM (SELECT DISTINCT event_id, account_id FROM events)";
const UNBALANCED: &str =
    "SELECT count(*) FROM sources WHERE records <> stored + out_of_scope + duplicates + rejects";

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_read_in_a_log_file_is_a_page_in_the_subscribed_queue() {
    let stage = Stage::new().await;
    stage.notify_queue().await;
    let records =
        [read(&uuid(1, 1), &minutes_ago(30), READER), read(&uuid(1, 2), &minutes_ago(20), STRANGER)];
    stage.put(&log_key("aaaaaaaaaaaaaaaa"), log_file(&records)).await;
    stage.drain();

    assert_eq!(stage.count(ALL), 2);
    assert_eq!(stage.count(UNBALANCED), 0);
    let pages = stage.pages(1).await;
    let page = pages.iter().find(|p| p["Message"].as_str().is_some_and(|m| m.contains("unexpected-reader")));
    let page = page.unwrap_or_else(|| panic!("no page about the stranger in {pages:#?}"));
    let body = page["Message"].as_str().expect("a text");
    for expected in ["prod/blizzard-checkout/db", "Frost-Search-TaskRole", &uuid(1, 2), "Do this first"] {
        assert!(body.contains(expected), "{expected:?} is missing in\n{body}");
    }
    let subject = page["Subject"].as_str().expect("a subject");
    assert!(subject.starts_with("HIGH: ") && subject.len() < 100, "{subject}");
    let attributes = &page["MessageAttributes"];
    assert_eq!(attributes["severity"]["Value"], "high", "{attributes}");
    assert!(
        attributes["rule"]["Value"].as_str().is_some_and(|v| v.contains("unexpected-reader")),
        "{attributes}"
    );
    assert!(
        attributes["owner"]["Value"].as_str().is_some_and(|v| v.contains("blizzard-checkout")),
        "{attributes}"
    );
    assert_eq!(stage.depth(&stage.queue).await, 0, "the notification is settled");

    stage.drain();
    assert!(stage.pages(0).await.is_empty(), "a second run pages nobody again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_worker_pages_while_it_runs_and_ends_on_sigterm() {
    let stage = Stage::new().await;
    stage.notify_queue().await;
    let mut worker = stage.worker().stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
    stage.put(&log_key("bbbbbbbbbbbbbbbb"), log_file(&[read(&uuid(2, 1), &minutes_ago(5), STRANGER)])).await;
    let pages = stage.pages(1).await;
    let asked_at = Instant::now();
    terminate(&worker);
    let output = tokio::task::spawn_blocking(move || {
        let status = worker.wait().expect("it ends");
        let mut log = String::new();
        std::io::Read::read_to_string(&mut worker.stderr.take().expect("a log"), &mut log).expect("a log");
        (status, log)
    });
    let (status, log) = output.await.expect("it ends");
    assert!(status.success(), "{status}: {log}");
    assert!(asked_at.elapsed() < Duration::from_secs(25), "it took {:?}\n{log}", asked_at.elapsed());
    assert_eq!(pages.len(), 1, "{pages:#?}\n{log}");
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: no JSON: {line}"));
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_on_one_queue_store_each_event_once_and_page_once() {
    let stage = Stage::new().await;
    stage.notify_queue().await;
    for file in 0..24u32 {
        let reads: Vec<Value> = (0..20u32)
            .map(|n| {
                let who = if file == 7 && n == 3 { STRANGER } else { READER };
                read(&uuid(3, file * 20 + n), &minutes_ago(40), who)
            })
            .collect();
        stage.put(&log_key(&format!("cccccccccccc{file:04}")), log_file(&reads)).await;
    }
    let workers: Vec<_> = (0..2)
        .map(|_| {
            let mut command = stage.worker();
            command.arg("--once").stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().expect("it starts")
        })
        .collect();
    for worker in workers {
        said(worker.wait_with_output().expect("it ends")).expect_status(0);
    }
    assert_eq!(stage.count(ALL), 24 * 20);
    assert_eq!(stage.count(DISTINCT), 24 * 20);
    assert_eq!(stage.count(UNBALANCED), 0);
    let pages = stage.pages(1).await;
    let about_the_stranger = pages
        .iter()
        .filter(|p| p["Message"].as_str().is_some_and(|m| m.contains("unexpected-reader")))
        .count();
    assert_eq!(about_the_stranger, 1, "{pages:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fifo_topic_gets_its_group_and_its_deduplication_id() {
    let stage = Stage::with_topic(
        Account::new(),
        "pages.fifo",
        &[("FifoTopic", "true"), ("ContentBasedDeduplication", "false")],
    )
    .await;
    stage.notify_queue().await;
    stage.put(&log_key("dddddddddddddddd"), log_file(&[read(&uuid(4, 1), &minutes_ago(5), STRANGER)])).await;
    stage.drain();
    let pages = stage.pages(1).await;
    assert_eq!(pages.len(), 1, "{pages:#?}");
    assert!(pages[0]["Message"].as_str().is_some_and(|m| m.contains("Frost-Search-TaskRole")), "{pages:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn filter_policies_of_subscriptions_see_severity_rule_and_owner() {
    let stage = Stage::new().await;
    for (name, policy) in [
        ("of-owner", r#"{"owner":["blizzard-checkout"],"severity":["high","critical"]}"#),
        ("of-others", r#"{"owner":["somebody-else"]}"#),
    ] {
        let queue = make_queue(&stage.account, name, &[]).await;
        subscribe(&stage.account, &stage.topic, &queue, &[("FilterPolicy", policy)]).await;
    }
    stage.notify_queue().await;
    stage.put(&log_key("eeeeeeeeeeeeeeee"), log_file(&[read(&uuid(5, 1), &minutes_ago(5), STRANGER)])).await;
    stage.drain();
    let of = |name: &str| stage.heard.replace("/heard", &format!("/{name}"));
    assert_eq!(stage.take(&of("of-owner"), 1).await.len(), 1);
    assert!(stage.take(&of("of-others"), 0).await.is_empty());
}

/// Sends SIGTERM.
pub fn terminate(child: &std::process::Child) {
    let status = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(status.expect("kill runs").success());
}
