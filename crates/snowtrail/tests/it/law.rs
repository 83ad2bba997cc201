//! The law of rules (guarantee 4): any order, duplication, batching, lateness and restart give the same keys.
//!
//! The generator starts from the firing fixtures, so that every shipped rule fires in it. A schedule deals a
//! fixture's records into files, some into two, takes the files in one at a time and in random order, and runs
//! detection in between. The plain path is one file, one run. Every rule takes part with its first firing fixture; with
//! `SNOWTRAIL_LAW_ALL` set, with all of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::snowtrail::{keys, root, snowtrail, text};

/// Schedules for each fixture, drawn anew in each run of the test. Each costs a handful of runs of the binary.
const SCHEDULES: u32 = 1;
/// Files that a fixture is dealt into.
const FILES_MAX: usize = 4;

/// How a fixture's records come in.
#[derive(Debug, Clone)]
struct Schedule {
    /// For each record, in turn: which file it goes to.
    deal: Vec<usize>,
    /// For each record, in turn: which file gets it again, if any.
    again: Vec<Option<usize>>,
    /// The order of the files.
    order: Vec<usize>,
    /// Whether detection runs after each file.
    detect_after: Vec<bool>,
}

fn schedules() -> impl Strategy<Value = Schedule> {
    let file = 0..FILES_MAX;
    let again = prop_oneof![4 => Just(None), 1 => file.clone().prop_map(Some)];
    (
        prop::collection::vec(file, 97),
        prop::collection::vec(again, 89),
        Just((0..FILES_MAX).collect::<Vec<_>>()).prop_shuffle(),
        prop::collection::vec(any::<bool>(), FILES_MAX),
    )
        .prop_map(|(deal, again, order, detect_after)| Schedule { deal, again, order, detect_after })
}

/// A fixture that fires.
pub struct Firing {
    pub rule: String,
    pub log: PathBuf,
    pub policy: Option<PathBuf>,
    pub now: String,
}

/// All of them, by file.
pub fn firing_fixtures() -> Vec<Firing> {
    let mut found = Vec::new();
    for folder in
        root().join("testdata/rules").read_dir().expect("fixtures").flatten().filter(|e| e.path().is_dir())
    {
        for log in folder.path().read_dir().expect("a folder").flatten().map(|e| e.path()) {
            let name = log.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            let stem = name.trim_end_matches(".gz").trim_end_matches(".json").to_owned();
            if !name.starts_with("fires-") || stem.contains('.') {
                continue;
            }
            let policy = Some(log.with_file_name(format!("{stem}.toml"))).filter(|p| p.is_file());
            let expect =
                std::fs::read_to_string(log.with_file_name(format!("{stem}.expect"))).expect("an .expect");
            let expect: toml::Table = toml::from_str(&expect).expect("TOML");
            let now = expect.get("now").map(|now| now.to_string().trim_matches('"').to_owned());
            let now = now.unwrap_or_else(|| newest(&records(&log)));
            found.push(Firing { rule: folder.file_name().to_string_lossy().into_owned(), log, policy, now });
        }
    }
    found.sort_by(|a, b| a.log.cmp(&b.log));
    found
}

/// The records of a log file.
pub fn records(log: &Path) -> Vec<Value> {
    let bytes = std::fs::read(log).expect("a log");
    let mut plain = Vec::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&bytes[..]), &mut plain)
            .expect("gzip");
    } else {
        plain = bytes;
    }
    let mut log: Value = serde_json::from_slice(&plain).expect("JSON");
    match log["Records"].take() {
        Value::Array(records) => records,
        other => panic!("no Records: {other}"),
    }
}

fn newest(records: &[Value]) -> String {
    records.iter().filter_map(|r| r["eventTime"].as_str()).max().expect("a time").to_owned()
}

fn detect(lake: &Path, fixture: &Firing) -> BTreeSet<String> {
    let mut arguments = vec!["detect", "--lake", text(lake), "--now", &fixture.now, "--format", "json"];
    if let Some(policy) = &fixture.policy {
        arguments.extend(["--policy", text(policy)]);
    }
    keys(&snowtrail(&arguments).expect_status(0)).into_iter().collect()
}

fn plain(fixture: &Firing) -> BTreeSet<String> {
    let folder = tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    snowtrail(&["ingest", text(&fixture.log), "--lake", text(&lake)]).expect_status(0);
    detect(&lake, fixture)
}

fn scheduled(fixture: &Firing, schedule: &Schedule) -> BTreeSet<String> {
    let folder = tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    let mut files: Vec<Vec<Value>> = vec![Vec::new(); FILES_MAX];
    for (i, record) in records(&fixture.log).into_iter().enumerate() {
        if let Some(again) = schedule.again[i % schedule.again.len()] {
            files[again].push(record.clone());
        }
        files[schedule.deal[i % schedule.deal.len()]].insert(0, record);
    }
    let mut last = BTreeSet::new();
    for (turn, file) in schedule.order.iter().enumerate() {
        let log = folder.path().join(format!("{file}.json"));
        std::fs::write(&log, json!({ "Records": files[*file] }).to_string()).expect("a log");
        snowtrail(&["ingest", text(&log), "--lake", text(&lake)]).expect_status(0);
        if schedule.detect_after[turn] || turn + 1 == FILES_MAX {
            last = detect(&lake, fixture);
        }
    }
    let said = snowtrail(&["sql", "SELECT key FROM findings", "--lake", text(&lake), "--format", "json"])
        .expect_status(0);
    let stored: BTreeSet<String> = keys(&said).into_iter().collect();
    assert_eq!(stored, last, "SQL's findings are not those of the last run");
    last
}

#[test]
fn any_schedule_gives_the_keys_of_the_plain_path() {
    let mut fixtures = firing_fixtures();
    if std::env::var_os("SNOWTRAIL_LAW_ALL").is_none() {
        fixtures.dedup_by(|a, b| a.rule == b.rule);
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = fixtures.len().div_ceil(threads).max(1);
    let fired: BTreeSet<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = fixtures
            .chunks(share)
            .map(|part| scope.spawn(|| part.iter().flat_map(check).collect::<Vec<_>>()))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("every fixture keeps the law")).collect()
    });
    for rule in root().join("queries/rules").read_dir().expect("rules").flatten() {
        let id = rule.path().file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        assert!(fired.contains(&id), "the generator never makes `{id}` fire");
    }
}

/// Checks one fixture under random schedules; gives the rules that fired.
fn check(fixture: &Firing) -> BTreeSet<String> {
    let expected = plain(fixture);
    assert!(
        expected.iter().any(|key| key.starts_with(&format!("{}:", fixture.rule))),
        "{:?} is silent",
        fixture.log
    );
    let mut runner =
        TestRunner::new(Config { cases: SCHEDULES, failure_persistence: None, ..Config::default() });
    let checked = runner.run(&schedules(), |schedule| {
        prop_assert_eq!(scheduled(fixture, &schedule), expected.clone(), "{:?}", fixture.log);
        Ok(())
    });
    checked.unwrap_or_else(|failure| panic!("{failure}"));
    expected.iter().filter_map(|key| key.split(':').next().map(str::to_owned)).collect()
}
