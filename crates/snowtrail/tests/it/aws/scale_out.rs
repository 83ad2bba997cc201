//! Several workers on one queue and one lake: tasks are added for more events, and a second detector stands by. Guarantees
//! 1 to 5 hold as they do for one, also when one of each kind is killed at work.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::end_to_end::terminate;
use super::records::{READER, STRANGER, log_file, log_key, minutes_ago, read, uuid};
use super::stage::Stage;
use crate::snowtrail::{keys, said, text};

const FILES: u32 = 60;
const READS: u32 = 40;
/// A stranger's reads are spread over files and hours, so that several workers' commits bring them.
const STRANGE_EVERY: u32 = 10;

/// How long a busy machine may take to drain the queue, and then to tell.
const PATIENCE: Duration = Duration::from_secs(240);

fn half(stage: &Stage, half: &str) -> Child {
    let mut command = stage.worker();
    // A killed worker's messages come back soon; sweeps come often, so that two detectors meet.
    command.args(["--only", half, "--visibility-seconds", "10", "--sweep-seconds", "5"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts")
}

async fn put_files(stage: &Stage, files: std::ops::Range<u32>) {
    for file in files {
        let records: Vec<_> = (0..READS)
            .map(|n| {
                let is_strange = file % STRANGE_EVERY == 3 && n == 5;
                let who = if is_strange { STRANGER } else { READER };
                let minutes = 30 + i64::from(file / STRANGE_EVERY) * 60;
                read(&uuid(77, file * READS + n), &minutes_ago(minutes), who)
            })
            .collect();
        stage.put(&log_key(&format!("eeeeeeeeeeee{file:04}")), log_file(&records)).await;
        if file % 20 == 19 {
            // The same object once more, under another name: every event of it is known.
            stage.put(&log_key(&format!("ffffffffffff{file:04}")), log_file(&records)).await;
        }
    }
}

async fn until_drained(stage: &Stage) {
    let until = Instant::now() + PATIENCE;
    while stage.depth(&stage.queue).await > 0 {
        assert!(Instant::now() < until, "the queue is not empty after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// What one process finds that reads the same files into a lake of its own: keys of open findings.
fn found_in_one_batch(stage: &Stage) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    let run = |command: &mut Command| said(command.output().expect("it starts")).expect_status(0);
    run(stage.account.command().args([
        "ingest",
        &format!("s3://{}/AWSLogs", stage.trail),
        "--lake",
        text(&lake),
    ]));
    let mut detect = stage.account.command();
    keys(&run(detect.args([
        "detect",
        "--format",
        "json",
        "--lake",
        text(&lake),
        "--policy",
        text(&stage.policy),
    ])))
}

#[tokio::test(flavor = "multi_thread")]
async fn four_ingest_workers_and_two_detectors_keep_every_guarantee_while_one_of_each_is_killed() {
    let stage = Stage::new().await;
    stage.deliveries_max(100).await;
    stage.notify_queue().await;
    let mut takers: Vec<Child> = (0..4).map(|_| half(&stage, "ingest")).collect();
    let mut detectors: Vec<Child> = (0..2).map(|_| half(&stage, "detect")).collect();
    put_files(&stage, 0..FILES / 2).await;
    for crowd in [&mut takers, &mut detectors] {
        let mut victim = crowd.remove(0);
        victim.kill().expect("it can be killed");
        victim.wait().expect("it ends");
    }
    put_files(&stage, FILES / 2..FILES).await;
    takers.push(half(&stage, "ingest"));
    detectors.push(half(&stage, "detect"));
    until_drained(&stage).await;

    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let until = Instant::now() + PATIENCE;
    while !is_stranger_told(&told) {
        assert!(Instant::now() < until, "no page about the stranger after {PATIENCE:?}");
        hear(&stage, 1, &mut told).await;
    }
    takers.iter().chain(&detectors).for_each(terminate);
    for worker in takers.into_iter().chain(detectors) {
        // A worker that is told to stop ends well.
        said(worker.wait_with_output().expect("it ends")).expect_status(0);
    }

    // 1, 2, 3: nothing lost, nothing twice, the books balance.
    let events = i64::from(FILES * READS);
    assert_eq!(stage.count("SELECT count(*) FROM events"), events);
    assert_eq!(
        stage.count("SELECT count(*) FROM (SELECT DISTINCT event_id, account_id FROM events)"),
        events
    );
    let unbalanced =
        "SELECT count(*) FROM sources WHERE records <> stored + out_of_scope + duplicates + rejects";
    assert_eq!(stage.count(unbalanced), 0);
    assert_eq!(stage.depth(&stage.dead_letters).await, 0);
    // 4: the stream by six processes and a sweep after it found what one batch finds, and another sweep has nothing to add.
    let sweep = || {
        let mut sweep = stage.account.command();
        sweep.args(["detect", "--format", "json", "--lake", &stage.lake, "--policy", text(&stage.policy)]);
        sweep.args(["--publish", &stage.topic]);
        said(sweep.output().expect("it starts")).expect_status(0)
    };
    assert_eq!(keys(&sweep()), found_in_one_batch(&stage));
    let revisions = stage.count("SELECT count(*) FROM findings_history");
    sweep();
    assert_eq!(
        stage.count("SELECT count(*) FROM findings_history"),
        revisions,
        "a second sweep appended something"
    );
    assert_eq!(stage.count(KEYS_OPENED_TWICE), 0);
    // 5: whatever was planned was sent, and one key never stands for two pages.
    assert_eq!(stage.count(PLANNED_AND_NOT_SENT), 0);
    hear(&stage, 0, &mut told).await;
    assert!(told.values().all(|messages| messages.len() == 1), "{told:#?}");
}

/// Two detectors that both append a finding would give it two first revisions.
const KEYS_OPENED_TWICE: &str = "SELECT count(*) FROM (SELECT key FROM findings_history WHERE revision = 1 GROUP BY key HAVING count(*) > 1)";

const PLANNED_AND_NOT_SENT: &str = "SELECT count(*) FROM pages p WHERE state = 'planned' AND NOT EXISTS \
    (SELECT 1 FROM pages s WHERE s.state = 'sent' AND s.dedupe_key = p.dedupe_key)";

/// Takes what the topic's subscriber heard: texts by the page's key.
async fn hear(stage: &Stage, least: usize, told: &mut BTreeMap<String, BTreeSet<String>>) {
    for page in stage.pages(least).await {
        let message = page["Message"].as_str().unwrap_or_default().to_owned();
        let key =
            message.lines().find_map(|line| line.strip_prefix("Page: ")).expect("a page's key").to_owned();
        told.entry(key).or_default().insert(message);
    }
}

fn is_stranger_told(told: &BTreeMap<String, BTreeSet<String>>) -> bool {
    told.values().flatten().any(|message| message.contains("unexpected-reader"))
}
