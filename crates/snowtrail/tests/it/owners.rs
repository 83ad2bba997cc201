//! The tools for people who own rules, over the story's lake: learn, backtest, explain, docs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::Value;
use tempfile::TempDir;

use crate::snowtrail::{Said, count, root, snowtrail, text};

const POLICY: &str = "testdata/story/policy.toml";
/// A range that holds the whole story.
const RANGE: [&str; 4] = ["--from", "2026-10-12T00:00:00Z", "--to", "2026-11-11T08:00:00Z"];

/// A lake with the story in it, judged, and pages planned and sent as of an hour after the rotation failed and again
/// at the story's end.
struct Story {
    folder: TempDir,
}

impl Story {
    fn new() -> Story {
        let folder = tempfile::tempdir().expect("a folder");
        let lake = folder.path().join("lake");
        snowtrail(&["ingest", "testdata/story", "--lake", text(&lake)]).expect_status(0);
        let publish = format!("file:{}", text(&folder.path().join("pages.txt")));
        for now in ["2026-11-06T12:00:00Z", "2026-11-11T08:00:00Z"] {
            let detect =
                ["detect", "--lake", text(&lake), "--policy", POLICY, "--now", now, "--publish", &publish];
            snowtrail(&detect).expect_status(0);
        }
        Story { folder }
    }
}

/// The story, shared by the tests that run at one time: they only read, which some of them prove. With a folder for
/// what the test writes.
fn story() -> (Arc<Story>, TempDir, PathBuf) {
    static SHARED: Mutex<Weak<Story>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let story = shared.upgrade().unwrap_or_else(|| Arc::new(Story::new()));
    *shared = Arc::downgrade(&story);
    let lake = story.folder.path().join("lake");
    (story, tempfile::tempdir().expect("a folder"), lake)
}

/// Without the lines that hold one of these: what changes with each run, or with each rule that is added.
fn without(told: &str, parts: &[&str]) -> String {
    let steady = told.lines().filter(|line| !parts.iter().any(|part| line.contains(part)));
    steady.collect::<Vec<_>>().join("\n")
}

/// Every file beneath a folder and its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries =
        walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.expect("a folder that can be read"));
    let files = entries.filter(|entry| entry.file_type().is_file());
    files.map(|entry| (entry.path().to_owned(), std::fs::read(entry.path()).expect("a file"))).collect()
}

fn learn(lake: &Path, more: &[&str]) -> Said {
    snowtrail(&[&["policy", "learn", "--lake", text(lake)], more].concat())
}

#[test]
fn learned_policy_is_good_always_the_same_and_trusts_no_finding() {
    let (_story, folder, lake) = story();
    let before = files(&lake);
    let draft = folder.path().join("draft.toml");
    learn(&lake, &["--out", text(&draft)]).expect_status(0);
    let told = std::fs::read_to_string(&draft).expect("a draft");
    assert_eq!(learn(&lake, &[]).expect_status(0).stdout, told);
    assert_eq!(files(&lake), before, "learning wrote into the lake");
    snowtrail(&["policy", "check", text(&draft)]).expect_status(0);
    assert!(!told.contains('\u{1b}'), "{told}");
    insta::assert_snapshot!(without(&told, &["findings of any severity are stored"]));
    let again = learn(&lake, &["--out", text(&draft)]).expect_status(2);
    assert!(again.stderr.contains("exists"), "{}", again.stderr);
    // What the draft says of the story's own incidents: the stranger is no reader, so a backtest still finds it.
    let said =
        backtest(&lake, &["--against-policy", text(&draft), "--format", "json"]).expect_status(0).json();
    let stranger =
        said.iter().find(|row| row["rule"] == "unexpected-reader" && row["day"].is_null()).expect("a row");
    assert!(stranger["against_findings"].as_u64() >= Some(1), "{stranger}");
}

#[test]
fn learning_leaves_out_what_the_policy_declares() {
    let (_story, _folder, lake) = story();
    let told = learn(&lake, &["--policy", POLICY]).expect_status(0).stdout;
    assert!(!told.contains("prod/blizzard-checkout/*") && !told.contains("[organization]"), "{told}");
    assert!(told.contains("match = \"prod/flurry-web/"), "{told}");
}

#[test]
fn learning_refuses_what_makes_no_sense() {
    let (_story, _folder, lake) = story();
    for (arguments, why) in [
        (&["--timezone", "Middle-earth/Shire"][..], "no time zone"),
        (&["--from", "2026-11-02T00:00:00Z", "--to", "2026-11-01T00:00:00Z"], "not after"),
        (&["--from", "2027-11-02T00:00:00Z"], "is empty"),
        (&["--min-days", "0"], "min-days"),
    ] {
        let said = learn(&lake, arguments).expect_status(2);
        assert!(said.stderr.contains(why), "{arguments:?}: {}", said.stderr);
    }
}

fn backtest(lake: &Path, more: &[&str]) -> Said {
    let base = ["rules", "backtest", "--lake", text(lake), "--policy", POLICY];
    snowtrail(&[&base[..], &RANGE, more].concat())
}

fn total<'r>(rows: &'r [Value], rule: &str) -> &'r Value {
    let found = rows.iter().find(|row| row["day"].is_null() && row["rule"] == rule);
    found.unwrap_or_else(|| panic!("no total of {rule}"))
}

#[test]
fn backtest_tells_findings_and_pages_a_day_and_writes_nothing() {
    let (_story, _folder, lake) = story();
    let before = files(&lake);
    insta::assert_snapshot!(without(&backtest(&lake, &[]).expect_status(0).stdout, &["rules found nothing"]));
    let rows = backtest(&lake, &["--format", "json"]).expect_status(0).json();
    assert_eq!(files(&lake), before, "a backtest wrote into the lake");
    let all = rows.iter().find(|row| row["day"].is_null() && row["rule"].is_null()).expect("the sum");
    assert_eq!(all["findings"], count(&lake, "SELECT count(*) FROM findings"));
    let days = rows.iter().filter(|row| row["rule"].is_null() && !row["day"].is_null());
    assert_eq!(days.map(|row| row["findings"].as_u64().unwrap_or(0)).sum::<u64>(), 12);
    // Neighbouring ranges share no finding and lose none.
    let upto = |from: &str, to: &str| {
        let arguments =
            ["--format", "json", "--policy", POLICY, "--lake", text(&lake), "--from", from, "--to", to];
        let rows = snowtrail(&[&["rules", "backtest"], &arguments[..]].concat()).expect_status(0).json();
        rows.iter()
            .find(|row| row["day"].is_null() && row["rule"].is_null())
            .and_then(|r| r["findings"].as_u64())
    };
    let middle = "2026-11-05T00:00:00Z";
    assert_eq!(upto(RANGE[1], middle), Some(3));
    assert_eq!(upto(middle, RANGE[3]), Some(9));
}

#[test]
fn backtest_shows_what_a_changed_rule_gains_and_loses() {
    let (_story, folder, lake) = story();
    let rules = folder.path().join("my-rules");
    std::fs::create_dir(&rules).expect("a folder");
    let spike =
        std::fs::read_to_string(root().join("queries/rules/secret-read-spike.sql")).expect("the rule");
    // The policy sets the floor; the percentage is the header's.
    let changed = spike.replace("-- default = 300", "-- default = 30000");
    assert_ne!(spike, changed);
    std::fs::write(rules.join("secret-read-spike.sql"), changed).expect("a rule");
    let added =
        spike.replace("secret-read-spike", "my-spike").replace("-- default = 20\n", "-- default = 8\n");
    std::fs::write(rules.join("my-spike.sql"), added).expect("a rule");
    let rows = backtest(&lake, &["--against", text(&rules), "--format", "json"]).expect_status(0).json();
    let spike = total(&rows, "secret-read-spike");
    assert_eq!(
        (&spike["lost"], &spike["gained"], &spike["against_pages"]),
        (&1.into(), &0.into(), &0.into())
    );
    assert_eq!(spike["examples"][0]["change"], "lost");
    assert!(spike["examples"][0]["key"].as_str().is_some_and(|key| key.starts_with("secret-read-spike:")));
    let mine = total(&rows, "my-spike");
    assert!(mine["gained"].as_u64() >= Some(1) && mine["findings"] == 0, "{mine}");
    assert_eq!(total(&rows, "rotation-failed")["lost"], 0, "loose rules replace no others");
    // A whole set that lacks a rule loses its findings.
    let whole = folder.path().join("set/rules");
    std::fs::create_dir_all(&whole).expect("a folder");
    std::fs::copy(rules.join("secret-read-spike.sql"), whole.join("secret-read-spike.sql")).expect("a copy");
    let (set, none) = (folder.path().join("set"), folder.path().join("none.toml"));
    let arguments = ["--against", text(&set), "--against-policy", text(&none)];
    std::fs::write(&none, "").expect("a policy");
    let rows = backtest(&lake, &[&arguments[..], &["--format", "json"]].concat()).expect_status(0).json();
    assert_eq!(total(&rows, "rotation-failed")["lost"], 1);
    let csv = backtest(&lake, &["--format", "csv"]).expect_status(0).stdout;
    assert!(csv.starts_with("day,rule,findings,pages,against_findings,"), "{csv}");
}

fn explain(lake: &Path, key: &str, more: &[&str]) -> Said {
    snowtrail(&[&["rules", "explain", key, "--lake", text(lake), "--policy", POLICY], more].concat())
}

#[test]
fn every_finding_of_the_story_is_explained() {
    let (_story, _folder, lake) = story();
    let said =
        snowtrail(&["sql", "SELECT key, summary FROM findings", "--lake", text(&lake), "--format", "json"]);
    for row in said.expect_status(0).json() {
        let key = row["key"].as_str().expect("a key");
        let told = explain(&lake, key, &[]).expect_status(0).stdout;
        let is_inert = |c: char| c == '\n' || !c.is_control();
        assert!(told.chars().all(is_inert), "{told:?}");
        for part in
            ["What it means", "What to check first", "Parameters in force", "Revisions", "Events (", "Pages"]
        {
            assert!(told.contains(part), "no {part} in\n{told}");
        }
        let json = explain(&lake, key, &["--format", "json"]).expect_status(0).json();
        assert_eq!(json.len(), 1);
        assert_eq!(json[0]["finding"]["key"], key);
        let evidence = json[0]["finding"]["evidence"].as_array().expect("evidence");
        assert_eq!(json[0]["events"].as_array().map(Vec::len), Some(evidence.len()), "{key}");
        assert!(!json[0]["pages"].as_array().expect("pages").is_empty(), "{key}");
    }
}

#[test]
fn explanation_says_why_by_whom_and_who_was_told() {
    let (_story, _folder, lake) = story();
    let key = "rotation-failed:111122223333|us-west-2|prod/snowy-cart/db|RotationFailed|2026-11-06T11:00:15Z";
    let told = explain(&lake, key, &[]).expect_status(0).stdout;
    // Times of running, and the temporary folder, differ each time.
    insta::assert_snapshot!(without(&told, &["  sent ", ", to file:", "  open, high: "]));
    let spike = "secret-read-spike:111122223333|us-west-2|prod/blizzard-checkout/db|arn:aws:iam::111122223333:role/Blizzard-Checkout-TaskRole|2026-11-04T21:00:00Z";
    let told = explain(&lake, spike, &[]).expect_status(0).stdout;
    assert!(told.contains("floor = 50 reads in an hour (set by the policy; default 20)"), "{told}");
    assert!(
        told.contains("busiest before: ") && told.contains("Break-glass: prod/blizzard-checkout/db"),
        "{told}"
    );
}

#[test]
fn explanation_says_what_the_contract_of_the_secret_sets() {
    let (_story, folder, lake) = story();
    let policy = std::fs::read_to_string(root().join(POLICY)).expect("the story's policy");
    let own = "type = \"database\"\n\n[secrets.parameters.secret-read-spike]\nfloor = 30\n";
    let stricter = folder.path().join("stricter.toml");
    std::fs::write(&stricter, policy.replacen("type = \"database\"\n", own, 1)).expect("a policy");
    let spike = "secret-read-spike:111122223333|us-west-2|prod/blizzard-checkout/db|arn:aws:iam::111122223333:role/Blizzard-Checkout-TaskRole|2026-11-04T21:00:00Z";
    let explain = |more: &[&str]| {
        let of = ["rules", "explain", spike, "--lake", text(&lake), "--policy", text(&stricter)];
        snowtrail(&[&of[..], more].concat()).expect_status(0)
    };
    let line =
        "floor = 30 reads in an hour (set by the secret's contract, number 1 of [[secrets]]; for others 50)";
    let told = explain(&[]).stdout;
    assert!(told.contains(line), "{told}");
    let json = explain(&["--format", "json"]).json();
    let floor = json[0]["rule"]["parameters"].as_array().expect("parameters");
    let floor = floor.iter().find(|p| p["name"] == "floor").expect("the floor");
    assert_eq!((&floor["value"], &floor["set_by_contract"]), (&"30".into(), &true.into()));
}

#[test]
fn unknown_key_is_answered_with_the_nearest() {
    let (_story, _folder, lake) = story();
    let said =
        explain(&lake, "rotation-failed:111122223333|us-west-2|prod/snowy-cart/db", &[]).expect_status(2);
    let near = said.stderr.lines().nth(1).unwrap_or_default().trim();
    assert_eq!(
        near,
        "rotation-failed:111122223333|us-west-2|prod/snowy-cart/db|RotationFailed|2026-11-06T11:00:15Z"
    );
    let said = explain(&lake, "rotation-failed", &[]).expect_status(2);
    assert!(said.stderr.contains("hint: `rotation-failed` is a rule"), "{}", said.stderr);
    let said = explain(&lake, "no\u{1b}[31m'; DROP TABLE x", &[]).expect_status(2);
    assert!(!said.stderr.contains('\u{1b}'), "{}", said.stderr);
}

#[test]
fn docs_are_complete_and_always_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let docs = folder.path().join("docs");
    let run = || {
        snowtrail(&["rules", "docs", "--out", text(&docs), "--fixtures", "testdata/rules"]).expect_status(0)
    };
    run();
    let first = files(&docs);
    let names: BTreeSet<String> =
        first.keys().map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect();
    let rules = snowtrail(&["rules", "list", "--format", "json"]).expect_status(0).json();
    let mut expected: BTreeSet<String> =
        rules.iter().map(|row| row["rule"].as_str().expect("an id").to_owned()).collect();
    for rule in &expected {
        let page = String::from_utf8_lossy(&first[&docs.join(format!("{rule}.md"))]).into_owned();
        for part in [
            "## What to do first",
            "## Fires when\n\n- ",
            "## Stays quiet when\n\n- ",
            "## Parameters",
            "```sql",
        ] {
            assert!(page.contains(part), "{rule} lacks {part}");
        }
    }
    expected.insert("index".to_owned());
    assert_eq!(names, expected);
    let shipped = files(&root().join("docs/rules"));
    let of = |files: &BTreeMap<PathBuf, Vec<u8>>, folder: &Path| -> BTreeMap<PathBuf, Vec<u8>> {
        let named = files.iter().map(|(path, text)| (path.strip_prefix(folder).expect("within"), text));
        named.map(|(path, text)| (path.to_owned(), text.clone())).collect()
    };
    assert!(
        of(&shipped, &root().join("docs/rules")) == of(&first, &docs),
        "docs/rules is not what the rules say: snowtrail rules docs --out docs/rules --fixtures testdata/rules"
    );
    // What an earlier run made for a rule that is gone goes; what somebody else wrote stays.
    let stale = String::from_utf8_lossy(&first[&docs.join("rotation-failed.md")]).into_owned();
    std::fs::write(docs.join("gone.md"), stale).expect("a file");
    std::fs::write(docs.join("notes.md"), "ours").expect("a file");
    run();
    let mut second = files(&docs);
    assert_eq!(second.remove(&docs.join("notes.md")).as_deref(), Some(&b"ours"[..]));
    assert_eq!(first, second);
}
