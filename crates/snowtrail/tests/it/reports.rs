//! Reports over the story: what people read is pinned, its numbers are SQL's, its text is inert, its lake untouched.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::snowtrail::{Said, count, snowtrail, text};

const POLICY: &str = "testdata/story/policy.toml";
const SECRET: &str = "prod/blizzard-checkout/db";
/// The story's end.
const NOW: &str = "2026-11-11T08:00:00Z";
/// Every report, with what it needs.
const REPORTS: [&[&str]; 5] =
    [&["access"], &["secret", "--secret", SECRET], &["rotation"], &["least-privilege"], &["cost"]];

/// A lake with the story in it, judged.
struct Story(TempDir);

impl Story {
    fn new() -> Story {
        let folder = tempfile::tempdir().expect("a folder");
        let lake = folder.path().join("lake");
        snowtrail(&["ingest", "testdata/story", "--lake", text(&lake)]).expect_status(0);
        snowtrail(&["detect", "--lake", text(&lake), "--policy", POLICY, "--now", NOW]).expect_status(0);
        Story(folder)
    }

    fn lake(&self) -> PathBuf {
        self.0.path().join("lake")
    }
}

/// The story, shared by the tests that run at one time: they only read.
fn story() -> Arc<Story> {
    static SHARED: Mutex<Weak<Story>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let story = shared.upgrade().unwrap_or_else(|| Arc::new(Story::new()));
    *shared = Arc::downgrade(&story);
    story
}

fn report(lake: &Path, asked: &[&str], more: &[&str]) -> Said {
    snowtrail(&[&["report"], asked, &["--lake", text(lake), "--policy", POLICY, "--now", NOW], more].concat())
}

#[test]
fn each_report_over_the_story_reads_as_before_and_writes_nothing_into_the_lake() {
    let story = story();
    let files = || walkdir::WalkDir::new(story.lake()).into_iter().count();
    let before = files();
    for asked in REPORTS {
        let said = report(&story.lake(), asked, &[]).expect_status(0).stdout;
        assert_eq!(report(&story.lake(), asked, &["--out", "-"]).expect_status(0).stdout, said);
        assert!(!said.contains('\u{1b}') && !said.contains("<img"), "{said}");
        insta::assert_snapshot!(format!("report_{}", asked[0]), said);
    }
    assert_eq!(files(), before);
}

fn fact(report: &Value, name: &str) -> Value {
    let facts = report["facts"].as_array().expect("facts");
    facts.iter().find(|fact| fact["name"] == name).expect("the fact")["value"].clone()
}

fn json_of(lake: &Path, asked: &[&str]) -> Value {
    let said = report(lake, asked, &["--format", "json"]).expect_status(0);
    serde_json::from_str(&said.stdout).expect("a JSON object")
}

/// The rows of a table or chart, the first with this name.
fn rows<'r>(report: &'r Value, name: &str) -> &'r Vec<Value> {
    all_rows(report, name).first().copied().expect("the table")
}

/// The rows of every table and chart with this name: a chart stands before the table that it was drawn from.
fn all_rows<'r>(report: &'r Value, name: &str) -> Vec<&'r Vec<Value>> {
    let sections = report["sections"].as_array().expect("sections");
    let blocks = sections.iter().flat_map(|section| section["blocks"].as_array().expect("blocks"));
    let parts = blocks.filter_map(|block| block.get("table").or_else(|| block.get("chart")));
    parts.filter(|part| part["name"] == name).map(|part| part["rows"].as_array().expect("rows")).collect()
}

#[test]
fn numbers_are_those_of_a_plain_query() {
    let story = story();
    let lake = story.lake();
    let access = json_of(&lake, REPORTS[0]);
    let reads = count(&lake, "SELECT count(*) FROM reads WHERE rotation IS NULL");
    assert_eq!(fact(&access, "Reads"), json!(reads));
    let sum = |name: &str, column: &str| -> i64 {
        rows(&access, name).iter().filter_map(|row| row[column].as_i64()).sum()
    };
    assert_eq!(sum("reads-over-time", "count"), reads);
    assert_eq!(sum("hours-of-week", "count"), reads);
    assert_eq!(sum("access-people", "reads") + sum("access-roles", "reads"), reads);
    let dossier = json_of(&lake, REPORTS[1]);
    let only = format!("SELECT count(*) FROM reads WHERE rotation IS NULL AND secret_name = '{SECRET}'");
    assert_eq!(fact(&dossier, "Reads"), json!(count(&lake, &only)));
    let rotation = json_of(&lake, REPORTS[2]);
    assert_eq!(fact(&rotation, "Attempts"), json!(count(&lake, "SELECT count(*) FROM rotations")));
    assert_eq!(rows(&rotation, "rotation-failures")[0]["step"], json!("setSecret"));
    // 0.05 dollars for ten thousand calls, 0.03 for ten thousand requests of KMS, 0.40 for a secret's thirty days.
    let cost = json_of(&lake, REPORTS[4]);
    let calls = fact(&cost, "Calls").as_f64().expect("calls");
    let requests = fact(&cost, "KMS requests").as_f64().expect("requests");
    let usd = fact(&cost, "Calls and requests").as_f64().expect("dollars");
    assert!((usd - (calls * 0.05 + requests * 0.03) / 10_000.0).abs() < 1e-5, "{usd}");
}

/// The rotation report over one fixture of a rule, without policy.
fn rotation_over(fixture: &str) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    snowtrail(&["ingest", &format!("testdata/rules/{fixture}.json"), "--lake", text(&lake)]).expect_status(0);
    let said = snowtrail(&["report", "rotation", "--lake", text(&lake), "--format", "json"]).expect_status(0);
    serde_json::from_str(&said.stdout).expect("a JSON object")
}

#[test]
fn a_reader_of_an_old_version_is_named_with_how_long_it_went_on() {
    let told = rotation_over("stale-version-read/fires-on-a-pinned-version");
    // A job that pins the version before: rotated on the 3rd at 10:00:15, its third and last read on the 4th at 18:00.
    let stale = rows(&told, "rotation-stale");
    assert_eq!(stale.len(), 1, "{stale:#?}");
    assert_eq!(stale[0]["principal"], "arn:aws:iam::111122223333:role/Winterday-Batch-Role");
    assert_eq!((&stale[0]["stale_reads"], &stale[0]["sessions"]), (&json!(3), &json!(1)));
    assert_eq!(fact(&told, "Stale readers"), json!(1));
    let seconds = (24 + 8) * 3_600 - 15;
    let chart = rows(&told, "rotation-latency");
    assert_eq!(chart.len(), 1);
    assert_eq!(chart[0]["value"], json!(seconds));
    let table = &all_rows(&told, "rotation-latency")[1][0];
    assert_eq!(
        (&table["lag"], &table["stale_reads"], &table["readers"]),
        (&json!(seconds), &json!(3), &json!(1))
    );
    assert_eq!(table["last_reader"], stale[0]["principal"]);
    assert_eq!(table["last_stale_read"], "2026-11-04T18:00:00Z");
}

#[test]
fn whoever_reads_the_new_version_is_no_stale_reader() {
    let told = rotation_over("stale-version-read/quiet-current-version");
    assert_eq!(rows(&told, "rotation-stale"), &Vec::<Value>::new());
    assert_eq!(fact(&told, "Stale readers"), json!(0));
}

#[test]
fn secrets_of_one_path_that_rotate_together_are_a_herd() {
    let told = rotation_over("rotation-herd/fires-five-of-one-family");
    let herds = rows(&told, "rotation-herds");
    assert_eq!(herds.len(), 1, "{herds:#?}");
    let herd = &herds[0];
    assert_eq!(
        (&herd["family"], &herd["secrets"], &herd["failed"]),
        (&json!("prod/orders-db/"), &json!(5), &json!(0))
    );
    // They start forty seconds apart.
    assert_eq!((&herd["first_at"], &herd["within"]), (&json!("2026-11-03T12:00:00Z"), &json!(4 * 40)));
    assert_eq!(fact(&told, "Herds"), json!(1));
    for fixture in ["quiet-an-hour-apart", "quiet-of-different-families"] {
        assert_eq!(fact(&rotation_over(&format!("rotation-herd/{fixture}")), "Herds"), json!(0), "{fixture}");
    }
}

#[test]
fn form_follows_the_file_and_every_form_has_the_rows() {
    let story = story();
    let folder = tempfile::tempdir().expect("a folder");
    for (file, start) in [
        ("r.html", "<!DOCTYPE html>"),
        ("r.md", "# Rotation\n"),
        ("r.csv", "rotation\nfact,value,basis\n"),
        ("r.json", "{\n"),
    ] {
        let out = folder.path().join(file);
        report(&story.lake(), REPORTS[2], &["--out", text(&out)]).expect_status(0);
        let written = std::fs::read_to_string(&out).expect("a report");
        assert!(written.starts_with(start), "{file}: {written}");
        assert!(written.contains("during setSecret step"), "{file}");
    }
    let out = folder.path().join("report");
    let said = report(&story.lake(), REPORTS[2], &["--out", text(&out)]).expect_status(2);
    assert!(said.stderr.contains("does not say its form"), "{}", said.stderr);
}

#[test]
fn wrong_questions_are_answered_with_what_to_do() {
    let story = story();
    let wrong = |asked: &[&str], part: &str| {
        let said = report(&story.lake(), asked, &[]).expect_status(2);
        assert!(said.stderr.contains(part), "{}", said.stderr);
    };
    wrong(&["secret"], "--secret NAME");
    wrong(&["cost", "--secret", SECRET], "belongs to `report secret`");
    wrong(&["secret", "--secret", "prod/blizzard-checkout/dbb"], "it knows\n  ");
    wrong(&["access", "--from", "2027-01-01T00:00:00Z"], "is empty");
    let arn = "arn:aws:secretsmanager:us-east-1:111122223333:secret:prod/none";
    wrong(&["secret", "--secret", arn], "knows no secret");
}

#[test]
fn grants_are_weighed_against_what_was_used() {
    let story = story();
    let iam = tempfile::tempdir().expect("a folder");
    let document = json!({ "Statement": [
        { "Sid": "Mine", "Effect": "Allow", "Action": "secretsmanager:GetSecretValue",
          "Resource": "arn:aws:secretsmanager:us-west-2:111122223333:secret:prod/snowy-cart/*" },
        { "Sid": "Never", "Effect": "Allow", "Action": "secretsmanager:PutSecretValue", "Resource": "*" },
    ]});
    std::fs::write(iam.path().join("Snowy-Cart-TaskRole.json"), document.to_string()).expect("written");
    let said = report(&story.lake(), REPORTS[3], &["--iam", text(iam.path()), "--format", "json"]);
    let told: Value = serde_json::from_str(&said.expect_status(0).stdout).expect("JSON");
    let verdicts: Vec<(&str, &str)> = rows(&told, "grants")
        .iter()
        .map(|row| (row["statement"].as_str().expect("a name"), row["verdict"].as_str().expect("a verdict")))
        .collect();
    assert_eq!(verdicts, [("Mine", "too wide"), ("Never", "unused")]);
    // Incident 2 of the story: a stranger at a payment key. It was used, is not granted here, and gets no line.
    let stranger = rows(&told, "beyond-grants").iter().find(|row| {
        row["resource"].as_str().is_some_and(|arn| arn.contains("blizzard-checkout/stripe-api-key"))
    });
    assert_eq!(stranger.expect("the incident")["doubt"], json!("undeclared by the contract"));
    let pasted = said_policies(&told, "role/Snowy-Cart-TaskRole");
    assert!(pasted.contains("prod/snowy-cart/db") && !pasted.contains("stripe-api-key"), "{pasted}");
    assert!(pasted.contains("kms:ViaService"), "{pasted}");
}

/// The policy that a report has for a role.
fn said_policies(report: &Value, role: &str) -> String {
    let sections = report["sections"].as_array().expect("sections");
    let blocks = sections.iter().flat_map(|section| section["blocks"].as_array().expect("blocks"));
    let mut pastes = blocks.filter_map(|block| block.get("paste"));
    let found = pastes.find(|paste| paste["title"].as_str().is_some_and(|title| title.ends_with(role)));
    found.expect("a policy")["text"].as_str().expect("a text").to_owned()
}

#[test]
fn what_callers_wrote_is_inert_in_every_form() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    let name = "prod/<script>alert(1)</script>|x";
    let record = |id: &str, call: &str, at: &str| {
        json!({
            "eventVersion": "1.11", "eventID": id, "eventTime": at, "eventSource": "secretsmanager.amazonaws.com",
            "eventName": call, "awsRegion": "us-west-2", "sourceIPAddress": "10.0.0.1", "userAgent": "x",
            "eventType": "AwsApiCall", "recipientAccountId": "111122223333", "managementEvent": true, "readOnly": false,
            "userIdentity": {
                "type": "AssumedRole", "principalId": "AROA1:=cmd|'/c calc'!A1", "accountId": "111122223333",
                "arn": "arn:aws:sts::111122223333:assumed-role/Icy/=cmd|'/c calc'!A1<img src=x onerror=alert(1)>",
                "sessionContext": { "sessionIssuer": { "type": "Role", "principalId": "AROA1",
                    "arn": "arn:aws:iam::111122223333:role/Icy", "accountId": "111122223333", "userName": "Icy" } },
            },
            "requestParameters": { "name": name, "secretId": name }, "responseElements": null,
        })
        .to_string()
    };
    let log = folder.path().join("log.ndjson");
    let lines = [
        record("6e630223-92fd-565d-8eaf-000000000001", "CreateSecret", "2026-11-01T00:00:00Z"),
        record("6e630223-92fd-565d-8eaf-000000000002", "PutSecretValue", "2026-11-02T00:00:00Z"),
        record("6e630223-92fd-565d-8eaf-000000000003", "GetSecretValue", "2026-11-03T00:00:00Z"),
    ];
    std::fs::write(&log, lines.join("\n")).expect("written");
    snowtrail(&["ingest", text(&log), "--lake", text(&lake)]).expect_status(0);
    let said = |form: &str| {
        let asked = ["report", "secret", "--secret", name, "--lake", text(&lake), "--format", form];
        snowtrail(&asked).expect_status(0).stdout
    };
    let html = said("html");
    assert!(html.contains("&lt;script&gt;") && !html.contains("<script") && !html.contains("<img"), "{html}");
    let markdown = said("markdown");
    assert!(markdown.contains("\\<script\\>") && !markdown.contains(" <img"), "{markdown}");
    assert!(markdown.contains("\\|x"), "{markdown}");
    let csv = said("csv");
    assert!(csv.contains("'=cmd"), "{csv}");
    assert!(csv.lines().all(|line| !line.contains(",=cmd") && !line.contains(",\"=cmd")), "{csv}");
}
