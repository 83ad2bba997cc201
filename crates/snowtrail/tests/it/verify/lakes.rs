//! What a lake took in against what was signed, and what does not verify as findings.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::chain::{Bucket, gzip, log_key};
use super::{Copy, rows, wrong};
use crate::aws::records::{READER, read, uuid};
use crate::snowtrail::{count, keys, snowtrail, text};

/// A copy and a lake that took in its logs.
fn taken_in(bucket: &Bucket) -> (Copy, PathBuf) {
    let copy = Copy::of(bucket);
    let lake = copy.folder.path().join("lake");
    snowtrail(&["ingest", text(&copy.path()), "--lake", text(&lake)]).expect_status(0);
    (copy, lake)
}

fn open_findings(lake: &Path) -> i64 {
    count(lake, "SELECT count(*) FROM findings WHERE rule = 'digest-unverified'")
}

#[test]
fn what_the_lake_took_in_is_tied_to_what_was_signed() {
    let (copy, lake) = taken_in(&Bucket::sound());
    let said = copy.verify(&["--lake", text(&lake)]).expect_status(0);
    assert_eq!(rows(&said, "chain")[0]["in_lake"], 3, "{}", said.stdout);
    assert_eq!(count(&lake, "SELECT count(*) FROM findings_history"), 0);
}

#[test]
fn log_that_was_forged_when_it_was_taken_in_differs_though_the_bucket_is_sound_again() {
    let sound = Bucket::sound();
    let mut forged = sound.clone();
    forged.at(&log_key(3, 10)).bytes = gzip(b"{\"Records\":[]}  ");
    let (copy, lake) = taken_in(&forged);
    sound.write(&copy.path());
    let said = copy.verify(&["--lake", text(&lake)]).expect_status(3);
    let name = log_key(3, 10).rsplit('/').next().map(str::to_owned);
    assert_eq!(wrong(&said), [("lake_differs".to_owned(), name.unwrap_or_default())], "{}", said.stdout);
    assert_eq!(open_findings(&lake), 1);
}

#[test]
fn forged_log_that_was_taken_in_and_deleted_is_unproven() {
    let mut forged = Bucket::sound();
    forged.log(3, 20, r#"{"Records":[] }"#);
    let (copy, lake) = taken_in(&forged);
    std::fs::remove_file(copy.path().join(log_key(3, 20))).expect("a file");
    let said = copy.verify(&["--lake", text(&lake)]).expect_status(3);
    assert_eq!(wrong(&said)[0].0, "lake_unproven", "{}", said.stdout);
    assert_eq!(rows(&said, "chain")[0]["verified_through"], "2026-11-20T03:00:00Z");
}

#[test]
fn finding_outlives_detect_and_ends_with_a_clean_run() {
    let sound = Bucket::sound();
    let (copy, lake) = taken_in(&sound);
    std::fs::remove_file(copy.path().join(log_key(3, 10))).expect("a file");
    copy.verify(&["--lake", text(&lake)]).expect_status(3);
    copy.verify(&["--lake", text(&lake)]).expect_status(3);
    assert_eq!(
        count(&lake, "SELECT count(*) FROM findings_history"),
        2,
        "found once: log missing, lake unproven"
    );
    let detected = snowtrail(&["detect", "--lake", text(&lake), "--format", "json"]).expect_status(0);
    assert_eq!(detected.json().len(), 2, "told as all that is open");
    assert_eq!(open_findings(&lake), 2, "rules know nothing of it");
    // A part of the day says nothing about the whole of it.
    let part = ["--lake", text(&lake), "--from", "2026-11-20T04:00:00Z"];
    copy.verify(&part).expect_status(0);
    assert_eq!(open_findings(&lake), 2, "the hour was not looked at");
    sound.write(&copy.path());
    copy.verify(&["--lake", text(&lake)]).expect_status(0);
    assert_eq!(open_findings(&lake), 0);
    let said =
        snowtrail(&["sql", "SELECT key FROM findings_history", "--lake", text(&lake), "--format", "json"]);
    let of_log = "digest-unverified:111122223333|us-west-2|winter|standard|log_missing|2026-11-20";
    let of_lake = "digest-unverified:111122223333|us-west-2||logs|lake_unproven|2026-11-20";
    assert_eq!(keys(&said.expect_status(0)), [of_log, of_log, of_lake, of_lake]);
}

#[test]
fn what_does_not_verify_is_paged() {
    let mut bucket = Bucket::sound();
    let (copy, lake) = taken_in(&bucket);
    bucket.at(&log_key(3, 10)).bytes = gzip(b"{}");
    bucket.write(&copy.path());
    let out = copy.folder.path().join("pages.txt");
    let target = format!("file:{}", text(&out));
    copy.verify(&["--lake", text(&lake), "--publish", &target]).expect_status(3);
    let pages = std::fs::read_to_string(out).expect("a page");
    assert!(pages.contains("do not verify: log_changed"), "{pages}");
}

/// Region, verdict, through when, of the section that says how we know.
fn how_we_know(lake: &Path, more: &[&str]) -> Vec<(String, String, Value)> {
    let asked = ["report", "access", "--lake", text(lake), "--format", "json"];
    let said = snowtrail(&[&asked[..], more].concat()).expect_status(0);
    let report: Value = serde_json::from_str(&said.stdout).expect("JSON");
    let sections = report["sections"].as_array().expect("sections");
    let section = sections.iter().find(|section| section["title"] == "How we know").expect("the section");
    let rows = section["blocks"][0]["table"]["rows"].as_array().expect("rows");
    let text = |row: &Value, name: &str| row[name].as_str().expect("a text").to_owned();
    rows.iter()
        .map(|row| (text(row, "region"), text(row, "proof"), row["verified_through"].clone()))
        .collect()
}

#[test]
fn what_was_proven_is_a_table_and_the_report_says_how_we_know() {
    let (copy, lake) = taken_in(&Bucket::sound());
    let mut elsewhere = read(&uuid(6, 2), "2026-11-20T04:20:00Z", READER);
    elsewhere["awsRegion"] = json!("us-east-1");
    let records = json!({ "Records": [read(&uuid(6, 1), "2026-11-20T04:10:00Z", READER), elsewhere] });
    let log = copy.folder.path().join("events.json");
    std::fs::write(&log, records.to_string()).expect("a log");
    snowtrail(&["ingest", text(&log), "--lake", text(&lake)]).expect_status(0);
    let row = |region: &str, proof: &str, through: Option<&str>| {
        (region.to_owned(), proof.to_owned(), json!(through))
    };
    let through = Some("2026-11-20T06:00:00Z");
    let unproven = [row("us-east-1", "not verified", None), row("us-west-2", "not verified", None)];

    assert_eq!(count(&lake, "SELECT count(*) FROM verifications"), 0);
    assert_eq!(how_we_know(&lake, &[]), unproven);

    let said = copy.verify(&["--lake", text(&lake)]).expect_status(0);
    assert_eq!(rows(&said, "chain")[0]["verified_through"].as_str(), through);
    let same = "SELECT count(*) FROM verifications WHERE chain = 'standard' AND faults = 0 AND logs = 3 \
                AND in_lake = 3 AND verified_through = TIMESTAMP '2026-11-20T06:00:00Z'";
    assert_eq!(count(&lake, same), 1);
    let proven = [row("us-east-1", "not verified", None), row("us-west-2", "verified", through)];
    assert_eq!(how_we_know(&lake, &[]), proven);
    let in_part = [row("us-east-1", "not verified", None), row("us-west-2", "in part", through)];
    assert_eq!(how_we_know(&lake, &["--to", "2026-11-21T00:00:00Z"]), in_part);

    // A run that looks at less says nothing of the rest; one that finds a fault speaks at once.
    copy.verify(&["--lake", text(&lake), "--to", "2026-11-20T04:00:00Z", "--now", "2026-11-20T08:00:00Z"])
        .expect_status(0);
    assert_eq!(how_we_know(&lake, &[]), proven);
    std::fs::remove_file(copy.path().join(log_key(3, 10))).expect("a file");
    copy.verify(&["--lake", text(&lake), "--now", "2026-11-20T09:00:00Z"]).expect_status(3);
    assert_eq!(how_we_know(&lake, &[])[1].1, "faults");
}
