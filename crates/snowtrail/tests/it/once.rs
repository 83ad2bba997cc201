//! Guarantee 2: each event once, whatever arrives how often, and whenever the process dies.

use std::path::Path;

use snowtrail_lake::{Access, Lake};
use tempfile::tempdir;

use crate::snowtrail::{command, count, root, snowtrail, text};

const STORY: &str = "testdata/story";
const TRUTH: &str = "SELECT count(*) FROM events";
const DISTINCT: &str = "SELECT count(*) FROM (SELECT DISTINCT event_id, account_id FROM events)";

fn ingest(source: &str, lake: &Path) -> crate::snowtrail::Said {
    snowtrail(&["ingest", source, "--lake", text(lake)]).expect_status(0)
}

#[track_caller]
fn assert_each_event_once(lake: &Path) -> i64 {
    let rows = count(lake, TRUTH);
    assert_eq!(rows, count(lake, DISTINCT), "an event is stored twice");
    rows
}

#[track_caller]
fn assert_books_balance(lake: &Path) {
    let wrong = "SELECT count(*) FROM sources WHERE records <> stored + out_of_scope + duplicates + rejects";
    assert_eq!(count(lake, wrong), 0);
}

#[test]
fn same_files_twice_are_each_event_once() {
    let folder = tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    ingest(STORY, &lake);
    let first = assert_each_event_once(&lake);
    let again = ingest(STORY, &lake);
    assert!(again.stderr.contains("taken in before"), "{}", again.stderr);
    assert_eq!(assert_each_event_once(&lake), first);
    assert_books_balance(&lake);
}

#[test]
fn files_that_share_records_count_the_rest_as_duplicates() {
    let folder = tempdir().expect("a folder");
    let (lake, one) = (folder.path().join("lake"), first_log());
    ingest(text(&one), &lake);
    let first = count(&lake, TRUTH);
    assert!(first > 0, "the chosen log has events");
    // The same records under other bytes: a pretty-printed copy is another source.
    let copy = folder.path().join("copy.json");
    std::fs::write(&copy, pretty(&one)).expect("a copy");
    ingest(text(&copy), &lake);
    assert_eq!(assert_each_event_once(&lake), first);
    assert_eq!(count(&lake, "SELECT max(duplicates) FROM sources"), first);
    assert_books_balance(&lake);
}

#[test]
fn known_identity_with_other_content_is_a_reject() {
    let folder = tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    let record = |who: &str| {
        format!(
            r#"{{"Records":[{{"eventVersion":"1.11","userIdentity":{{"type":"IAMUser","principalId":"AIDA{who}",
            "arn":"arn:aws:iam::111122223333:user/{who}","accountId":"111122223333","userName":"{who}"}},
            "eventTime":"2026-11-01T10:00:00Z","eventSource":"secretsmanager.amazonaws.com","eventName":"GetSecretValue",
            "awsRegion":"us-west-2","sourceIPAddress":"10.0.0.1","userAgent":"x","requestParameters":{{"secretId":"a"}},
            "responseElements":null,"requestID":"r","eventID":"11111111-2222-4333-8444-555555555555","readOnly":true,
            "eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333",
            "eventCategory":"Management"}}]}}"#
        )
    };
    for who in ["mallory", "alice"] {
        let file = folder.path().join(format!("{who}.json"));
        std::fs::write(&file, record(who)).expect("a log");
        ingest(text(&file), &lake);
    }
    assert_eq!(assert_each_event_once(&lake), 1);
    assert_eq!(count(&lake, "SELECT count(*) FROM rejects WHERE reason = 'conflicting_duplicate'"), 1);
    assert_books_balance(&lake);
}

#[test]
fn killed_between_commits_nothing_is_lost_or_doubled() {
    let folder = tempdir().expect("a folder");
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    ingest(STORY, &whole);
    let expected = count(&whole, TRUTH);
    let mut child = command()
        .args(["ingest", STORY, "--lake", text(&killed)])
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    // Version 1 of `events` is the first commit with rows; the sources' commit comes after it.
    let first_commit = killed.join("events/_delta_log/00000000000000000001.json");
    while !first_commit.exists() && child.try_wait().expect("a child").is_none() {
        std::thread::yield_now();
    }
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    ingest(STORY, &killed);
    assert_eq!(assert_each_event_once(&killed), expected);
    assert_books_balance(&killed);
}

#[test]
fn two_writers_at_once_store_each_event_once() {
    let folder = tempdir().expect("a folder");
    let (whole, shared) = (folder.path().join("whole"), folder.path().join("shared"));
    ingest(STORY, &whole);
    ingest(text(&first_log()), &shared);
    let writers: Vec<_> = (0..2)
        .map(|_| {
            let output = std::process::Stdio::piped();
            command()
                .args(["ingest", STORY, "--lake", text(&shared)])
                .stderr(output)
                .spawn()
                .expect("it starts")
        })
        .collect();
    for writer in writers {
        let output = writer.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(assert_each_event_once(&shared), count(&whole, TRUTH));
}

/// One log of the story.
fn first_log() -> std::path::PathBuf {
    let mut open = vec![root().join(STORY)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let mut entries: Vec<_> =
                path.read_dir().expect("a folder").flatten().map(|e| e.path()).collect();
            entries.sort();
            open.extend(entries.into_iter().rev());
        } else if text(&path).ends_with(".json.gz") {
            return path;
        }
    }
    panic!("the story has no log");
}

fn pretty(log: &Path) -> String {
    let mut plain = String::new();
    let file = std::fs::File::open(log).expect("a log");
    std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(file), &mut plain).expect("gzip");
    let value: serde_json::Value = serde_json::from_str(&plain).expect("JSON");
    serde_json::to_string_pretty(&value).expect("JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn many_that_make_one_lake_at_once_all_open_it() {
    for _ in 0..5 {
        let folder = tempdir().expect("a folder");
        let lake = folder.path().join("lake");
        let makers = (0..8).map(|_| {
            let lake = text(&lake).to_owned();
            tokio::spawn(
                async move { Lake::open(&lake, Access::Write).await.map(|lake| lake.events_version()) },
            )
        });
        for maker in makers.collect::<Vec<_>>() {
            let version = maker.await.expect("no panic").expect("a lake");
            assert_eq!(version, 0, "one maker made the table, and made it once");
        }
    }
}
