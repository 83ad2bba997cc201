//! The shipped rules pass their own checks and fixtures, as a rule author would run them.

use crate::snowtrail::{root, snowtrail};

#[test]
fn shipped_rules_keep_the_law() {
    snowtrail(&["rules", "check"]).expect_status(0);
}

#[test]
fn shipped_rules_pass_their_fixtures() {
    let said = snowtrail(&["rules", "test"]).expect_status(0);
    assert!(said.stdout.ends_with(" 0 failed\n"), "{}", said.stdout);
}

#[test]
fn every_folder_of_fixtures_belongs_to_a_rule() {
    for entry in root().join("testdata/rules").read_dir().expect("fixtures").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let rule = root().join("queries/rules").join(format!("{name}.sql"));
        assert!(!entry.path().is_dir() || name == "__pycache__" || rule.is_file(), "{name} tests no rule");
    }
}

#[test]
fn rule_without_fixtures_fails_its_test() {
    let empty = tempfile::tempdir().expect("a folder");
    let said = snowtrail(&[
        "rules",
        "test",
        "rotation-failed",
        "--fixtures",
        empty.path().to_str().expect("a path"),
    ]);
    let said = said.expect_status(1);
    assert!(said.stderr.contains("no fixture that fires"), "{}", said.stderr);
}

#[test]
fn shipped_hunts_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    let lake = lake.to_str().expect("a path");
    snowtrail(&["ingest", "testdata/story", "--lake", lake]).expect_status(0);
    for hunt in root().join("queries/hunts").read_dir().expect("hunts").flatten() {
        let file = hunt.path();
        snowtrail(&["sql", "--file", file.to_str().expect("a path"), "--lake", lake]).expect_status(0);
    }
}
