//! `snowtrail doctor` without AWS: what it says of a lake in a folder, of rules and a policy.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::snowtrail::{snowtrail, text};

fn one<'r>(rows: &'r [Value], check: &str) -> &'r Value {
    let mut rows = rows.iter().filter(|row| row["check"] == check);
    let row = rows.next().unwrap_or_else(|| panic!("no row about {check}"));
    assert!(rows.next().is_none(), "more than one row about {check}");
    row
}

/// A lake in a folder of its own, with nothing in it.
fn empty_lake(folder: &Path) -> PathBuf {
    let (nothing, lake) = (folder.join("nothing"), folder.join("lake"));
    std::fs::create_dir(&nothing).expect("a folder");
    // To find no log is a fault, but the lake is made.
    snowtrail(&["ingest", text(&nothing), "--lake", text(&lake)]).expect_status(3);
    lake
}

#[test]
fn without_anything_to_look_at_it_was_used_wrongly() {
    let told = snowtrail(&["doctor"]).expect_status(2);
    assert!(told.stderr.contains("--queue, --lake or --publish"), "{}", told.stderr);
}

#[test]
fn what_is_wrong_reads_like_this() {
    let folder = tempfile::tempdir().expect("a folder");
    let (lake, policy) = (folder.path().join("lake"), folder.path().join("policy.toml"));
    std::fs::write(&policy, "[organization]\nacounts = []\n").expect("a policy");
    let told = snowtrail(&["doctor", "--lake", text(&lake), "--policy", text(&policy)]).expect_status(3);
    insta::assert_snapshot!(told.stdout.replace(text(folder.path()), "FOLDER"));
}

#[test]
fn a_lake_is_weak_while_nothing_or_nothing_lately_was_taken_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = empty_lake(folder.path());
    let look = || snowtrail(&["doctor", "--lake", text(&lake), "--format", "json"]);
    let told = look().expect_status(0);
    assert_eq!(one(&told.json(), "lake")["found"], "nothing was ever taken in");
    assert_eq!(one(&told.json(), "rules")["level"], "ok");
    snowtrail(&["ingest", "testdata/rules/rotation-herd/quiet-four.json", "--lake", text(&lake)])
        .expect_status(0);
    let told = look().expect_status(0);
    assert_eq!(one(&told.json(), "lake")["level"], "ok", "{}", told.stdout);
    let policy = folder.path().join("policy.toml");
    std::fs::write(&policy, "[trail]\nheartbeat = \"1s\"\n").expect("a policy");
    let told = loop {
        let told = snowtrail(&[
            "doctor",
            "--lake",
            text(&lake),
            "--policy",
            text(&policy),
            "--format",
            "json",
            "--strict",
        ]);
        if one(&told.json(), "lake")["level"] != "ok" {
            break told.expect_status(3);
        }
    };
    assert!(
        one(&told.json(), "lake")["fix"].as_str().is_some_and(|fix| fix.contains("snowtrail health")),
        "{}",
        told.stdout
    );
}

#[test]
fn rules_that_do_not_run_are_broken() {
    let folder = tempfile::tempdir().expect("a folder");
    let (lake, rules) = (empty_lake(folder.path()), folder.path().join("rules"));
    std::fs::create_dir(&rules).expect("a folder");
    std::fs::write(rules.join("wrong.sql"), "-- id = \"wrong\"\nSELECT nothing FROM nowhere\n")
        .expect("a rule");
    let told = snowtrail(&["doctor", "--lake", text(&lake), "--rules", text(&rules), "--format", "json"]);
    assert_eq!(one(&told.expect_status(3).json(), "rules")["level"], "broken");
}
