//! The lake is looked after: compaction changes no row and no finding, events stored twice become one and a finding, old
//! days go and do not come back, and nobody who reads, writes or detects meanwhile notices.
//!
//! What is stored twice is planted as it happens: a data file is copied, and the copy entered in the log by another
//! program than ours.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use parquet::file::reader::{FileReader, SerializedFileReader};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use snowtrail::detector::{Detector, Ticked};
use snowtrail::intake;
use snowtrail::policy_file::Bound;
use snowtrail::workbench;
use snowtrail::worker::upkeep::Upkeep;
use snowtrail::worker::{Clock, SystemClock};
use snowtrail_lake::changes::Added;
use snowtrail_lake::compact::Compacted;
use snowtrail_lake::layout::{Layout, Part};
use snowtrail_lake::{Access, Lake, Table};
use snowtrail_model::finding::DUPLICATE_IN_LAKE;
use snowtrail_model::{Finding, FindingState, Policy};
use snowtrail_rules::RuleSet;
use snowtrail_rules::reconcile::Range;
use tempfile::{TempDir, tempdir};
use tokio_util::sync::CancellationToken;

use crate::law::{firing_fixtures, records};
use crate::snowtrail::{count, keys, root, snowtrail, text};

const DAY: &str = "2026-11-01";

/// A read of one of a few secrets; its number is its identity.
fn read(number: u32, day: &str) -> Value {
    json!({
        "eventVersion": "1.11",
        "userIdentity": {"type": "AssumedRole", "principalId": "AROA:x", "accountId": "111122223333",
            "arn": format!("arn:aws:sts::111122223333:assumed-role/app-{}/x", number % 5)},
        "eventTime": format!("{day}T{:02}:{:02}:00Z", number % 24, number % 60),
        "eventSource": "secretsmanager.amazonaws.com", "eventName": "GetSecretValue", "awsRegion": "us-west-2",
        "sourceIPAddress": "10.0.0.1", "userAgent": "x", "requestParameters": {"secretId": format!("prod/s{}", number % 7)},
        "responseElements": null, "requestID": format!("r{number}"),
        "eventID": format!("{number:08x}-2222-4333-8444-555555555555"), "readOnly": true,
        "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": "111122223333",
        "eventCategory": "Management",
    })
}

/// A lake in a folder of its own, and logs beside it.
struct Stage {
    folder: TempDir,
    lake: Lake,
    fed: usize,
}

impl Stage {
    async fn new() -> Stage {
        let folder = tempdir().expect("a folder");
        let lake = Lake::open(text(&folder.path().join("lake")), Access::Write).await.expect("a lake");
        Stage { folder, lake, fed: 0 }
    }

    fn place(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    /// One log, one commit.
    async fn feed(&mut self, records: &[Value]) -> intake::Report {
        self.fed += 1;
        let log = self.folder.path().join(format!("{}.json", self.fed));
        std::fs::write(&log, json!({ "Records": records }).to_string()).expect("a log");
        intake::take_in(&mut self.lake, &[log]).await.expect("it is taken in")
    }

    async fn compact(&mut self) -> Vec<Compacted> {
        compact(&mut self.lake).await
    }

    /// Every row of a table as text, in an order that only its content decides.
    async fn rows(&mut self, table: Table) -> Vec<String> {
        self.lake.refresh(table).await.expect("a snapshot");
        let session = workbench::reading(&self.lake).await.expect("a session");
        let query = format!("SELECT * FROM {}", table.sql_name());
        let batches = session.sql(&query).await.expect("a query").collect().await.expect("rows");
        let mut lines = Vec::new();
        for batch in &batches {
            let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
            writer.write(batch).expect("JSON");
            writer.finish().expect("JSON");
            let written = String::from_utf8(writer.into_inner()).expect("UTF-8");
            lines.extend(written.lines().map(str::to_owned));
        }
        lines.sort();
        lines
    }

    fn events(&self) -> Layout {
        let mut layouts = self.lake.layouts(Table::Events).expect("layouts");
        assert_eq!(layouts.len(), 1, "one day is expected");
        layouts.pop().expect("one day")
    }

    fn event_files(&self) -> Vec<PathBuf> {
        self.events().files.iter().map(|file| self.place().join("events").join(&file.path)).collect()
    }

    async fn open_findings(&mut self) -> Vec<Finding> {
        self.lake.refresh(Table::Findings).await.expect("a snapshot");
        let newest = self.lake.newest_findings().await.expect("findings");
        newest.into_iter().filter(|finding| finding.state == FindingState::Open).collect()
    }

    /// Enters a copy of another table's data file, as a program would that knows nothing of identities.
    fn plant(&self, from: &Path) {
        let table = self.place().join("events");
        let name = "planted.parquet";
        let path = format!("event_date={DAY}/{name}");
        std::fs::copy(from, table.join(&path)).expect("a copy");
        let next = std::fs::read_dir(table.join("_delta_log")).expect("a log").flatten();
        let version = next.filter(|entry| text(&entry.path()).ends_with(".json")).count();
        let size = std::fs::metadata(from).expect("a file").len();
        let add = json!({"add": {"path": path, "partitionValues": {"event_date": DAY}, "size": size,
            "modificationTime": 0, "dataChange": true}});
        let log = table.join("_delta_log").join(format!("{version:020}.json"));
        std::fs::write(log, format!("{}\n{add}", json!({"commitInfo": {"operation": "WRITE"}})))
            .expect("an entry");
    }
}

async fn compact(lake: &mut Lake) -> Vec<Compacted> {
    let mut done = Vec::new();
    for table in Table::ALL {
        lake.refresh(table).await.expect("a snapshot");
        for layout in lake.layouts(table).expect("layouts").iter().filter(|l| l.wants_compaction()) {
            done.push(lake.compact(layout.part, Timestamp::MAX).await.expect("a compaction"));
        }
    }
    done
}

fn shipped() -> Bound {
    Bound { rules: RuleSet::shipped().expect("the shipped rules"), policy: Policy::default() }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime")
}

/// Names of the first targets, times and ids of a file's rows, in their order.
fn order_in(file: &Path) -> Vec<(Option<String>, String, String)> {
    let file = std::fs::File::open(file).expect("a file");
    let reader =
        parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
    let mut order = Vec::new();
    for batch in reader.build().expect("a reader") {
        let batch = batch.expect("rows");
        let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
        writer.write(&batch).expect("JSON");
        writer.finish().expect("JSON");
        for line in String::from_utf8(writer.into_inner()).expect("UTF-8").lines() {
            let row: Value = serde_json::from_str(line).expect("JSON");
            let word = |value: &Value| value.as_str().map(str::to_owned);
            order.push((
                word(&row["targets"][0]["name"]),
                word(&row["event_time"]).expect("a time"),
                word(&row["event_id"]).expect("an id"),
            ));
        }
    }
    order
}

#[test]
fn any_sizes_of_commits_become_one_sorted_file_with_the_same_rows() {
    let sizes = prop::collection::vec(1usize..40, 2..9);
    let mut runner = TestRunner::new(Config { cases: 6, failure_persistence: None, ..Config::default() });
    let checked = runner.run(&sizes, |sizes| {
        runtime().block_on(async {
            let mut stage = Stage::new().await;
            let mut number = 0u32;
            for size in &sizes {
                let some: Vec<Value> = (0..*size)
                    .map(|_| {
                        number += 1;
                        read(number.wrapping_mul(2_654_435_761), DAY)
                    })
                    .collect();
                stage.feed(&some).await;
            }
            let mut before = BTreeMap::new();
            for table in Table::ALL {
                before.insert(table, stage.rows(table).await);
            }
            assert_eq!(stage.events().files.len(), sizes.len());
            let done = stage.compact().await;
            assert!(done.iter().all(|c| c.files_after == 1 && c.surplus == 0 && !c.overtaken), "{done:?}");
            for (table, rows) in before {
                assert_eq!(stage.rows(table).await, rows, "{table:?}");
            }
            let order = order_in(&stage.event_files()[0]);
            assert!(order.is_sorted(), "{order:?}");
            assert!(stage.compact().await.is_empty(), "what is compact is left alone");
        });
        Ok(())
    });
    checked.expect("every case holds");
}

#[tokio::test]
async fn compacted_file_is_encoded_as_ingest_encodes() {
    let mut stage = Stage::new().await;
    let mut number = 0;
    for _ in 0..3 {
        let some: Vec<Value> = (0..200)
            .map(|_| {
                number += 1;
                read(number, DAY)
            })
            .collect();
        stage.feed(&some).await;
    }
    let told = |file: &Path| {
        let reader = SerializedFileReader::new(std::fs::File::open(file).expect("a file")).expect("Parquet");
        let group = reader.metadata().row_group(0);
        let column = |c: &parquet::file::metadata::ColumnChunkMetaData| {
            let dictionary = c.dictionary_page_offset().is_some();
            (c.column_path().string(), c.compression(), dictionary, c.bloom_filter_offset().is_some())
        };
        // Of one commit it is known that a column has no value at all; of a stream of rows it is not.
        let has_values = |c: &&parquet::file::metadata::ColumnChunkMetaData| {
            let nulls = c.statistics().and_then(|s| s.null_count_opt());
            nulls.is_none_or(|nulls| nulls < c.num_values().unsigned_abs())
        };
        group.columns().iter().filter(has_values).map(column).collect::<Vec<_>>()
    };
    let ingested = told(&stage.event_files()[0]);
    assert!(ingested.len() > 20, "{ingested:?}");
    stage.compact().await;
    assert_eq!(told(&stage.event_files()[0]), ingested);
}

/// The firing fixtures of every third rule, a commit for each record's share: the law is the oracle.
#[tokio::test]
async fn findings_are_the_same_before_and_after() {
    let mut fixtures = firing_fixtures();
    fixtures.dedup_by(|a, b| a.rule == b.rule);
    let mut fired = 0;
    for fixture in fixtures.iter().step_by(3) {
        let mut stage = Stage::new().await;
        let records = records(&fixture.log);
        for share in records.chunks(records.len().div_ceil(4).max(1)) {
            stage.feed(share).await;
        }
        let detect = |lake: &Path| {
            let mut arguments =
                vec!["detect", "--lake", text(lake), "--now", &fixture.now, "--format", "json"];
            if let Some(policy) = &fixture.policy {
                arguments.extend(["--policy", text(policy)]);
            }
            let plain = |mut finding: Value| {
                finding["found_at"] = Value::Null;
                finding
            };
            snowtrail(&arguments).expect_status(0).json().into_iter().map(plain).collect::<Vec<_>>()
        };
        let before = detect(&stage.place());
        stage.compact().await;
        assert_eq!(detect(&stage.place()), before, "{}", fixture.log.display());
        fired += before.len();
    }
    assert!(fired > 20, "{fired} findings are too few to show anything");
}

#[tokio::test]
async fn detector_and_ingest_are_not_woken() {
    let mut stage = Stage::new().await;
    for hour in 0..4 {
        stage.feed(&[read(hour, DAY)]).await;
    }
    let (bound, now) = (shipped(), "2026-11-01T12:00:00Z".parse().expect("a time"));
    let mut detector = Detector::default();
    detector.sweep(&mut stage.lake, &bound, now, Range::default(), &mut |_| {}).await.expect("a sweep");
    let seen = stage.lake.events_version();
    let done = stage.compact().await;
    assert!(done.iter().any(|c| c.part.table == Table::Events && c.files_after == 1), "{done:?}");
    let columns = ["event_id".to_owned()];
    let added = stage.lake.events_added_since(seen, &columns, 100).await.expect("the log");
    assert!(matches!(&added, Added::Rows(rows) if rows.is_empty()), "{added:?}");
    let ticked = detector.tick(&mut stage.lake, &bound, now).await.expect("a tick");
    assert!(matches!(ticked, Ticked::Nothing), "a tick looked at rows that only moved");
    // A second copy of what moved is still a duplicate, to an ingest that knew the day before it moved.
    let again = stage.feed(&[read(0, DAY), read(77, DAY)]).await;
    assert_eq!((again.stored, again.duplicates), (1, 1));
}

#[tokio::test]
async fn what_is_stored_twice_becomes_one_row_and_a_finding_that_stays() {
    let mut stage = Stage::new().await;
    for number in 0..3 {
        stage.feed(&[read(number, DAY), read(number + 100, DAY)]).await;
    }
    let rows = stage.rows(Table::Events).await;
    stage.plant(&stage.event_files()[1]);
    assert_eq!(stage.rows(Table::Events).await.len(), rows.len() + 2, "the plant is stored");
    let seen = stage.lake.events_version();
    let done = stage.compact().await;
    let events = done.iter().find(|c| c.part.table == Table::Events).expect("events are compacted");
    assert_eq!((events.surplus, events.files_after), (2, 1), "{events:?}");
    assert_eq!(stage.rows(Table::Events).await, rows);
    // Counts changed, so whoever follows the log must look at everything.
    let added = stage.lake.events_added_since(seen, &["event_id".to_owned()], 100).await.expect("the log");
    assert!(matches!(added, Added::Untold(_)), "{added:?}");

    let found = stage.open_findings().await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].key.as_str(), found[0].evidence.len()), ("duplicate-in-lake:2026-11-01", 2));
    let now = "2026-11-02T00:00:00Z".parse().expect("a time");
    let bound = shipped();
    let mut detector = Detector::default();
    detector.sweep(&mut stage.lake, &bound, now, Range::default(), &mut |_| {}).await.expect("a sweep");
    let still = stage.open_findings().await;
    assert!(still.iter().any(|f| f.rule == DUPLICATE_IN_LAKE), "a sweep withdrew it: {still:?}");
    let told = snowtrail(&["detect", "--lake", text(&stage.place()), "--format", "json"]).expect_status(0);
    assert!(keys(&told).contains(&found[0].key), "`detect` tells of it too: {}", told.stdout);
    assert!(stage.rows(Table::Rejects).await.is_empty(), "equal copies are no conflict");
}

#[tokio::test]
async fn copy_with_other_content_goes_and_is_a_reject() {
    let (mut stage, mut other) = (Stage::new().await, Stage::new().await);
    stage.feed(&[read(1, DAY)]).await;
    let mut forged = read(1, DAY);
    forged["sourceIPAddress"] = json!("10.9.9.9");
    other.feed(&[forged]).await;
    let kept = stage.rows(Table::Events).await;
    stage.plant(&other.event_files()[0]);
    stage.lake.refresh(Table::Events).await.expect("a snapshot");
    stage.compact().await;
    assert_eq!(stage.rows(Table::Events).await, kept, "the first that was stored stays");
    let rejects = stage.rows(Table::Rejects).await;
    assert_eq!(rejects.len(), 1);
    assert!(rejects[0].contains("conflicting_duplicate"), "{rejects:?}");
    assert_eq!(stage.open_findings().await[0].severity.as_str(), "high");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ingest_and_two_compactions_at_once_lose_and_double_nothing() {
    let mut stage = Stage::new().await;
    for number in 0..6 {
        stage.feed(&[read(number, DAY)]).await;
    }
    let (mut first, mut second) = (stage.lake.clone(), stage.lake.clone());
    let feeding = async {
        for number in 6..14 {
            stage.feed(&[read(number, DAY), read(number - 6, DAY)]).await;
        }
    };
    let ((), one, two) = tokio::join!(feeding, compact(&mut first), compact(&mut second));
    let _ = (one, two);
    stage.lake.refresh(Table::Events).await.expect("a snapshot");
    assert_eq!(stage.rows(Table::Events).await.len(), 14);
    let ids = count(&stage.place(), "SELECT count(DISTINCT event_id) FROM events");
    assert_eq!(ids, 14);
    let wrong = "SELECT count(*) FROM sources WHERE records <> stored + out_of_scope + duplicates + rejects";
    assert_eq!(count(&stage.place(), wrong), 0);
    stage.compact().await;
    assert_eq!(stage.events().files.len(), 1);
}

#[tokio::test]
async fn second_of_two_compactions_says_that_it_was_overtaken() {
    let mut stage = Stage::new().await;
    for number in 0..4 {
        stage.feed(&[read(number, DAY)]).await;
    }
    let part = Part { table: Table::Events, day: Some(DAY.parse().expect("a day")) };
    let mut rivals = [stage.lake.clone(), stage.lake.clone()];
    let [one, two] = &mut rivals;
    let (one, two) = tokio::join!(one.compact(part, Timestamp::MAX), two.compact(part, Timestamp::MAX));
    let (one, two) = (one.expect("a compaction"), two.expect("a compaction"));
    // Whoever came too late to begin found nothing to do; whoever had begun was overtaken.
    assert!(!(one.overtaken && two.overtaken), "one of them wins");
    assert_eq!((one.files_after, two.files_after), (1, 1));
    assert_eq!(stage.rows(Table::Events).await.len(), 4);
}

#[tokio::test]
async fn who_opened_before_still_reads_until_vacuum() {
    let mut stage = Stage::new().await;
    for number in 0..4 {
        stage.feed(&[read(number, DAY)]).await;
    }
    let before = stage.lake.clone();
    stage.compact().await;
    let rows = |lake: Lake| async move {
        let session = workbench::reading(&lake).await?;
        let batches = session.sql("SELECT event_id FROM events").await?.collect().await?;
        anyhow::Ok(batches.iter().map(|batch| batch.num_rows()).sum::<usize>())
    };
    assert_eq!(before.layouts(Table::Events).expect("layouts")[0].files.len(), 4);
    assert_eq!(rows(before.clone()).await.expect("the old files"), 4);

    let place = stage.place();
    let vacuum = |arguments: &[&str]| {
        let mut all = vec!["lake", "vacuum", "--lake", text(&place), "--format", "json"];
        all.extend(arguments);
        snowtrail(&all)
    };
    let events = |said: crate::snowtrail::Said| {
        said.json().iter().find(|row| row["table"] == "events").map(|row| row["files"].clone())
    };
    let refused = vacuum(&["--older-than", "1d"]).expect_status(2);
    assert!(refused.stderr.contains("--force-shorter"), "{}", refused.stderr);
    assert_eq!(events(vacuum(&[]).expect_status(0)), Some(json!(0)), "nothing is a week old");
    let now = ["--older-than", "0s", "--force-shorter"];
    let rehearsed = events(vacuum(&[&now[..], &["--dry-run"]].concat()).expect_status(0));
    assert_eq!(rehearsed, Some(json!(4)));
    assert_eq!(rows(before.clone()).await.expect("a rehearsal deletes nothing"), 4);
    assert_eq!(events(vacuum(&now).expect_status(0)), Some(json!(4)));
    rows(before).await.expect_err("the old files are gone");
    assert_eq!(count(&place, "SELECT count(event_id) FROM events"), 4);
}

#[test]
fn commands_tell_what_they_would_do_and_did() {
    let folder = tempdir().expect("a folder");
    let (lake, logs) = (folder.path().join("lake"), folder.path().join("logs"));
    std::fs::create_dir(&logs).expect("a folder");
    for number in 0..3 {
        let log = logs.join(format!("{number}.json"));
        std::fs::write(&log, json!({ "Records": [read(number, DAY)] }).to_string()).expect("a log");
        snowtrail(&["ingest", text(&log), "--lake", text(&lake)]).expect_status(0);
    }
    let stats = || {
        let said = snowtrail(&["lake", "stats", "--lake", text(&lake), "--format", "json"]).expect_status(0);
        let events = said.json().into_iter().find(|row| row["table"] == "events").expect("events");
        let number = |column: &str| events[column].as_i64().expect("a number");
        assert!(number("bytes_per_row") > 0);
        (number("files"), number("small_files"), number("parts_to_compact"), number("files_after"))
    };
    let compact = |more: &[&str]| {
        let said =
            snowtrail(&[&["lake", "compact", "--lake", text(&lake), "--format", "json"], more].concat());
        let said = said.expect_status(0);
        let events = said.json().into_iter().find(|row| row["table"] == "events");
        (events.map(|row| (row["files_before"].clone(), row["files_after"].clone())), said.stderr)
    };
    assert_eq!(stats(), (3, 3, 1, 1));
    assert_eq!(compact(&["--dry-run"]).0, Some((json!(3), json!(1))));
    assert_eq!(stats(), (3, 3, 1, 1), "a rehearsal changes nothing");
    assert_eq!(compact(&[]).0, Some((json!(3), json!(1))));
    assert_eq!(stats(), (1, 1, 0, 1));
    let (again, said) = compact(&[]);
    assert!(again.is_none() && said.contains("nothing to do"), "{said}");
}

#[test]
fn retention_below_a_rules_history_is_refused_and_names_the_rule() {
    let folder = tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    let log = folder.path().join("a.json");
    std::fs::write(&log, json!({ "Records": [read(1, "2020-01-01")] }).to_string()).expect("a log");
    snowtrail(&["ingest", text(&log), "--lake", text(&lake)]).expect_status(0);
    let refused = snowtrail(&["lake", "retain", "--lake", text(&lake), "--days", "30"]).expect_status(2);
    assert!(refused.stderr.contains("rule `") && refused.stderr.contains("look"), "{}", refused.stderr);
    let events = "SELECT count(*) FROM events";
    snowtrail(&["lake", "retain", "--lake", text(&lake), "--days", "500", "--dry-run"]).expect_status(0);
    assert_eq!(count(&lake, events), 1);
    let said = snowtrail(&["lake", "retain", "--lake", text(&lake), "--days", "500"]).expect_status(0);
    assert!(said.stderr.contains("1 days of events"), "{}", said.stderr);
    assert_eq!(count(&lake, events), 0);
    assert_eq!(count(&lake, "SELECT count(*) FROM sources"), 1, "what was taken in stays known");
}

#[tokio::test]
async fn dropped_days_do_not_come_back_and_the_books_balance() {
    let mut stage = Stage::new().await;
    let old = [read(1, "2026-10-01"), read(2, "2026-10-01")];
    stage.feed(&[&old[..], &[read(3, DAY)]].concat()).await;
    let dropped = stage.lake.keep_from(DAY.parse().expect("a day")).await.expect("they go");
    assert_eq!((dropped.days, dropped.files), (1, 1));
    assert_eq!(stage.rows(Table::Events).await.len(), 1);
    // A copy by another feed, and one of a day that the lake still keeps.
    let again = stage.feed(&[&old[..], &[read(3, DAY), read(4, DAY), read(5, "2026-09-30")]].concat()).await;
    assert_eq!((again.stored, again.duplicates, again.out_of_scope), (1, 1, 3));
    assert_eq!(stage.rows(Table::Events).await.len(), 2);
    // Never backwards.
    let earlier: Date = "2026-01-01".parse().expect("a day");
    stage.lake.keep_from(earlier).await.expect("nothing to do");
    assert_eq!(stage.lake.kept_from().map(|day| day.to_string()).as_deref(), Some(DAY));
}

#[tokio::test]
async fn findings_of_dropped_days_stay() {
    let fixture = firing_fixtures().into_iter().find(|f| f.rule == "rotation-failed").expect("a fixture");
    let mut stage = Stage::new().await;
    stage.feed(&records(&fixture.log)).await;
    let now: Timestamp = fixture.now.parse().expect("a time");
    let bound = shipped();
    let mut detector = Detector::default();
    detector.sweep(&mut stage.lake, &bound, now, Range::default(), &mut |_| {}).await.expect("a sweep");
    let open = |findings: Vec<Finding>| findings.into_iter().map(|f| f.key).collect::<Vec<_>>();
    let before = open(stage.open_findings().await);
    assert!(!before.is_empty(), "the fixture fires");
    let later = now.to_zoned_datetime(jiff::tz::TimeZone::UTC).date().tomorrow().expect("a day");
    stage.lake.keep_from(later).await.expect("the days go");
    assert!(stage.rows(Table::Events).await.is_empty());
    detector.sweep(&mut stage.lake, &bound, now, Range::default(), &mut |_| {}).await.expect("a sweep");
    assert_eq!(open(stage.open_findings().await), before);
}

/// A clock that is a day ahead: yesterday's files are settled, and their day is closed.
struct Tomorrow;

impl Clock for Tomorrow {
    fn now(&self) -> Timestamp {
        SystemClock.now() + jiff::SignedDuration::from_hours(24)
    }
}

#[test]
fn worker_compacts_closed_days_and_survives_one_that_it_cannot_read() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let mut stage = Stage::new().await;
        for number in 0..3 {
            stage.feed(&[read(number, "2026-10-01"), read(number + 10, "2026-10-02")]).await;
        }
        let layouts = stage.lake.layouts(Table::Events).expect("layouts");
        let broken = stage.place().join("events").join(&layouts[0].files[0].path);
        std::fs::remove_file(broken).expect("a file");
        let stop = CancellationToken::new();
        let upkeep = Upkeep::over(stage.lake.clone(), Arc::new(Tomorrow), Duration::from_secs(86_400));
        let running = tokio::spawn(upkeep.run(stop.clone()));
        tokio::time::sleep(Duration::from_secs(2 * 86_400)).await;
        stop.cancel();
        running.await.expect("it ends well");
        stage.lake.refresh(Table::Events).await.expect("a snapshot");
        let files: Vec<usize> =
            stage.lake.layouts(Table::Events).expect("layouts").iter().map(|l| l.files.len()).collect();
        assert_eq!(files, [3, 1], "the day that can be read is compacted, the other is as it was");
    });
}

#[test]
fn story_is_the_same_to_sql_after_compaction() {
    let folder = tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    let story = root().join("testdata/story");
    snowtrail(&["ingest", text(&story), "--lake", text(&lake)]).expect_status(0);
    let ask = || {
        let query = "SELECT principal, secret_name, count(*) AS n FROM reads GROUP BY 1, 2 ORDER BY 1, 2";
        snowtrail(&["sql", query, "--lake", text(&lake), "--format", "csv"]).expect_status(0).stdout
    };
    let before = ask();
    snowtrail(&["lake", "compact", "--lake", text(&lake)]).expect_status(0);
    assert_eq!(ask(), before);
}
