//! What breaks in production, done to real processes over a real wire: after each, every event once, every page sent,
//! the books balanced. The rows of `docs/faults.md` name these tests.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::emulator::{Account, Emulator, shared};
use super::end_to_end::terminate;
use super::proxy::{Act, Fault, Proxy};
use super::records::{ACCOUNT, READER, STRANGER, log_file, log_key, minutes_ago, read, uuid};
use super::stage::Stage;
use crate::snowtrail::said;

const ALL: &str = "SELECT count(*) FROM events";
const DISTINCT: &str = "SELECT count(*) FROM (SELECT DISTINCT event_id, account_id FROM events)";
const UNBALANCED: &str =
    "SELECT count(*) FROM sources WHERE records <> stored + out_of_scope + duplicates + rejects";

fn fault(method: &'static str, about: &str, act: Act, times: usize) -> Fault {
    Fault { method, about: about.to_owned(), act, times }
}

/// A worker whose traffic goes through a proxy.
fn through(stage: &Stage, proxy: &Proxy) -> Command {
    let mut command = stage.worker();
    command.env("AWS_ENDPOINT_URL", &proxy.endpoint);
    command
}

fn drain_through(stage: &Stage, proxy: &Proxy) -> String {
    let mut command = through(stage, proxy);
    said(command.arg("--once").output().expect("it starts")).expect_status(0).stderr
}

async fn put_reads(stage: &Stage, space: u32, files: u32, reads: u32) {
    for file in 0..files {
        let records: Vec<_> = (0..reads)
            .map(|n| {
                let who = if file == 0 && n == 0 { STRANGER } else { READER };
                read(&uuid(space, file * reads + n), &minutes_ago(30), who)
            })
            .collect();
        stage.put(&log_key(&format!("{space:08}{file:08}")), log_file(&records)).await;
    }
}

/// Runs workers until the queue is empty: what a killed one had in hand comes back when its visibility lapses.
async fn drain_until_empty(stage: &Stage) {
    let until = Instant::now() + Duration::from_secs(120);
    while Instant::now() < until {
        stage.drain();
        if stage.depth(&stage.queue).await == 0 {
            return;
        }
    }
    panic!("the queue is not empty after two minutes");
}

async fn assert_whole(stage: &Stage, events: i64) {
    assert_eq!(stage.count(ALL), events);
    assert_eq!(stage.count(DISTINCT), events);
    assert_eq!(stage.count(UNBALANCED), 0);
    assert_eq!(stage.depth(&stage.queue).await, 0);
    assert_eq!(stage.depth(&stage.dead_letters).await, 0);
}

/// The keys under which pages about the stranger were sent.
async fn keys_about_the_stranger(stage: &Stage) -> std::collections::BTreeSet<String> {
    let pages = stage.pages(1).await;
    let about =
        pages.iter().filter_map(|p| p["Message"].as_str()).filter(|m| m.contains("unexpected-reader"));
    about.filter_map(|m| m.lines().find_map(|l| l.strip_prefix("Page: ")).map(str::to_owned)).collect()
}

fn spawn(mut command: Command) -> Child {
    command.args(["--visibility-seconds", "10"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("it starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_ten_times_under_load_a_worker_loses_and_doubles_nothing() {
    let stage = Stage::new().await;
    stage.deliveries_max(100).await;
    stage.notify_queue().await;
    for round in 0..10u32 {
        put_reads(&stage, 300 + round, 3, 40).await;
        let mut worker = spawn(stage.worker());
        // The instants are spread over start, receive, commit and detection; which one is hit is up to the machine.
        tokio::time::sleep(Duration::from_millis(150 + 130 * u64::from(round))).await;
        worker.kill().expect("it can be killed");
        worker.wait().expect("it ends");
    }
    drain_until_empty(&stage).await;
    assert_whole(&stage, 10 * 3 * 40).await;
    assert!(!keys_about_the_stranger(&stage).await.is_empty(), "the stranger is paged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_reply_is_lost_is_recognized() {
    let stage = Stage::new().await;
    stage.notify_queue().await;
    stage.drain();
    put_reads(&stage, 320, 2, 10).await;
    let lost = ["events/_delta_log", "sources/_delta_log", "findings/_delta_log", "pages/_delta_log"];
    let faults = lost.iter().map(|log| fault("PUT", log, Act::LoseReply, 1)).collect();
    let proxy = Proxy::start(&stage.account.endpoint, faults).await;
    drain_through(&stage, &proxy);
    assert_eq!(proxy.left(), 0, "every fault happened");
    assert_whole(&stage, 20).await;
    assert_eq!(stage.count("SELECT sum(stored) FROM sources"), 20, "stored once, and not called duplicates");
    assert_eq!(stage.count("SELECT count(*) FROM sources"), 2);
    assert_eq!(keys_about_the_stranger(&stage).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_refused_as_conflicting_is_made_again() {
    let stage = Stage::new().await;
    stage.notify_queue().await;
    stage.drain();
    put_reads(&stage, 321, 1, 10).await;
    let conflict = Act::Refuse(409, "ConditionalRequestConflict");
    let faults = vec![
        fault("PUT", "events/_delta_log", conflict, 3),
        fault("PUT", "sources/_delta_log", Act::Refuse(500, "InternalError"), 2),
    ];
    let proxy = Proxy::start(&stage.account.endpoint, faults).await;
    drain_through(&stage, &proxy);
    assert_eq!(proxy.left(), 0, "every fault happened");
    assert_whole(&stage, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_object_that_is_refused_does_not_hold_up_its_siblings() {
    let stage = Stage::new().await;
    stage.notify_queue().await;
    put_reads(&stage, 322, 3, 10).await;
    let forbidden = fault("GET", "0000032200000001", Act::Refuse(403, "AccessDenied"), 1);
    let throttled = fault("GET", "0000032200000002", Act::Refuse(503, "SlowDown"), 4);
    let proxy = Proxy::start(&stage.account.endpoint, vec![forbidden, throttled]).await;
    drain_through(&stage, &proxy);
    assert_eq!(stage.count(ALL), 20, "the throttled one was waited for, the forbidden one was not");
    drain_until_empty(&stage).await;
    assert_whole(&stage, 30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_cut_in_the_middle_is_completed() {
    let stage = Stage::new().await;
    stage.notify_queue().await;
    put_reads(&stage, 323, 1, 200).await;
    let proxy =
        Proxy::start(&stage.account.endpoint, vec![fault("GET", "0000032300000000", Act::Cut, 2)]).await;
    drain_through(&stage, &proxy);
    assert_eq!(proxy.left(), 0);
    assert_whole(&stage, 200).await;
    assert_eq!(stage.count("SELECT count(*) FROM rejects"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_refuses_delays_a_page_and_loses_none() {
    let stage = Stage::new().await;
    stage.notify_queue().await;
    put_reads(&stage, 324, 1, 5).await;
    let proxy = Proxy::start(
        &stage.account.endpoint,
        vec![fault("POST", "Action=Publish", Act::Refuse(500, "InternalError"), 1_000)],
    )
    .await;
    let mut command = through(&stage, &proxy);
    said(command.args(["--once", "--skip-proof"]).output().expect("it starts")).expect_status(0);
    assert!(stage.pages(0).await.is_empty());
    assert_eq!(stage.count("SELECT count(*) FROM pages WHERE state = 'planned'"), 1);
    proxy.heal();
    drain_through(&stage, &proxy);
    assert_eq!(keys_about_the_stranger(&stage).await.len(), 1);
    assert_eq!(stage.count("SELECT count(*) FROM pages WHERE state = 'sent'"), 1);
    drain_through(&stage, &proxy);
    assert!(stage.pages(0).await.is_empty(), "and only once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_reply_is_lost_is_repeated_under_its_own_key() {
    let stage = Stage::new().await;
    stage.notify_queue().await;
    put_reads(&stage, 325, 1, 5).await;
    let proxy =
        Proxy::start(&stage.account.endpoint, vec![fault("POST", "Action=Publish", Act::LoseReply, 4)]).await;
    let mut command = through(&stage, &proxy);
    said(command.args(["--once", "--skip-proof"]).output().expect("it starts")).expect_status(0);
    proxy.heal();
    drain_through(&stage, &proxy);
    assert_eq!(keys_about_the_stranger(&stage).await.len(), 1, "however often it was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_whose_reply_is_lost_are_not_taken_in_again() {
    let stage = Stage::new().await;
    stage.notify_queue().await;
    put_reads(&stage, 326, 4, 10).await;
    let lost = fault("POST", "DeleteMessageBatch", Act::LoseReply, 2);
    let proxy = Proxy::start(&stage.account.endpoint, vec![lost]).await;
    drain_through(&stage, &proxy);
    drain_until_empty(&stage).await;
    assert_whole(&stage, 40).await;
    assert_eq!(stage.count("SELECT count(*) FROM sources"), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_under_load_a_worker_ends_in_time_and_leaves_the_rest() {
    let stage = Stage::new().await;
    stage.notify_queue().await;
    put_reads(&stage, 327, 20, 50).await;
    let mut worker = spawn(stage.worker());
    tokio::time::sleep(Duration::from_millis(700)).await;
    let asked_at = Instant::now();
    terminate(&worker);
    let status = tokio::task::spawn_blocking(move || worker.wait()).await.expect("it ends").expect("it ends");
    assert!(status.success(), "{status}");
    assert!(asked_at.elapsed() < Duration::from_secs(25), "it took {:?}", asked_at.elapsed());
    drain_until_empty(&stage).await;
    assert_whole(&stage, 20 * 50).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_hang_for_a_while_are_waited_for() {
    let emulator = Emulator::start();
    let stage = Stage::with_topic(Account::at(&emulator.endpoint), "pages", &[]).await;
    stage.notify_queue().await;
    let mut worker = spawn(stage.worker());
    put_reads(&stage, 328, 2, 10).await;
    emulator.pause();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(worker.try_wait().expect("a child").is_none(), "it waits");
    emulator.resume();
    put_reads(&stage, 329, 2, 10).await;
    assert!(!keys_about_the_stranger(&stage).await.is_empty());
    terminate(&worker);
    tokio::task::spawn_blocking(move || worker.wait()).await.expect("it ends").expect("it ends");
    drain_until_empty(&stage).await;
    assert_whole(&stage, 40).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_in_the_bucket_is_a_reject_and_nothing_else() {
    let stage = Stage::new().await;
    stage.notify_queue().await;
    stage.put(&log_key("bomb"), bomb()).await;
    put_reads(&stage, 330, 1, 10).await;
    stage.drain();
    assert_whole(&stage, 10).await;
    assert!(stage.count("SELECT count(*) FROM rejects WHERE reason = 'inflated_too_large'") >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_makes_writers_overwrite_each_other_is_refused() {
    let stage = Stage::new().await;
    let mut command = stage.worker();
    let refused =
        said(command.arg("--once").env("AWS_S3_ALLOW_UNSAFE_RENAME", "true").output().expect("it starts"));
    assert!(refused.expect_status(3).stderr.contains("AWS_S3_ALLOW_UNSAFE_RENAME is set"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_not_there_is_said_at_start() {
    let stage = Stage::new().await;
    let mut command = stage.account.command();
    let queue = format!("{}/{ACCOUNT}/no-such-queue", shared().endpoint);
    command.args(["worker", "--once", "--queue", &queue, "--lake", &stage.lake, "--publish", &stage.topic]);
    let refused = said(command.output().expect("it starts")).expect_status(3);
    assert!(refused.stderr.contains("failed to read the attributes of queue"), "{}", refused.stderr);
}

/// Two gibibytes of blanks in two mebibytes.
fn bomb() -> Vec<u8> {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let blanks = vec![b' '; 1 << 20];
    for _ in 0..2048 {
        gzip.write_all(&blanks).expect("gzip to memory");
    }
    gzip.finish().expect("gzip to memory")
}
