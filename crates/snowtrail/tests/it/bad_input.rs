//! Bad input: a clear line, a row in `rejects`, a status that tells, and nothing else lost.
//!
//! Each case stands beside a good file, which must come through whole, and the books must balance.

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::{TempDir, tempdir};

use crate::snowtrail::{Said, command, count, root, snowtrail, text};

fn record(n: u32) -> String {
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::111122223333:user/frost","accountId":"111122223333","userName":"frost"}},"eventTime":"2026-11-01T10:00:{:02}Z","eventSource":"secretsmanager.amazonaws.com","eventName":"GetSecretValue","awsRegion":"us-west-2","sourceIPAddress":"10.0.0.1","userAgent":"x","requestParameters":{{"secretId":"prod/a"}},"responseElements":null,"requestID":"r{n}","eventID":"00000000-0000-4000-8000-{n:012}","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management"}}"#,
        n % 60
    )
}

fn log(records: &[String]) -> Vec<u8> {
    format!(r#"{{"Records":[{}]}}"#, records.join(",")).into_bytes()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).expect("memory");
    encoder.finish().expect("memory")
}

/// A folder with one good log of two records and one bad file.
struct Case {
    folder: TempDir,
    said: Said,
}

impl Case {
    fn new(name: &str, bytes: &[u8]) -> Case {
        let folder = tempdir().expect("a folder");
        let logs = folder.path().join("logs");
        std::fs::create_dir(&logs).expect("a folder");
        std::fs::write(logs.join("good.json"), log(&[record(900), record(901)])).expect("a log");
        std::fs::write(logs.join(name), bytes).expect("a file");
        let (good, bad) = (logs.join("good.json"), logs.join(name));
        let lake = folder.path().join("lake");
        let said = snowtrail(&["ingest", text(&good), text(&bad), "--lake", text(&lake)]);
        Case { said, folder }
    }

    fn lake(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    /// The bad file lost only itself: this many of its records survived, and it left a reject with this reason.
    #[track_caller]
    fn expect(&self, reason: &str, survivors: i64) {
        assert_eq!(self.said.status, 0, "{}", self.said.stderr);
        assert_eq!(count(&self.lake(), "SELECT count(*) FROM events"), 2 + survivors, "{}", self.said.stderr);
        let with_reason = format!("SELECT count(*) FROM rejects WHERE reason = '{reason}'");
        assert!(count(&self.lake(), &with_reason) > 0, "no reject `{reason}`: {}", self.said.stderr);
        assert!(self.said.stderr.contains(reason), "stderr does not say {reason}: {}", self.said.stderr);
        let unbalanced =
            "SELECT count(*) FROM sources WHERE records <> stored + out_of_scope + duplicates + rejects";
        assert_eq!(count(&self.lake(), unbalanced), 0);
    }
}

#[test]
fn truncated_gzip_keeps_the_records_before_the_cut() {
    let records: Vec<String> = (0..200).map(record).collect();
    let packed = gzip(&log(&records));
    let case = Case::new("cut.json.gz", &packed[..packed.len() * 2 / 3]);
    assert!(count(&case.lake(), "SELECT count(*) FROM events") > 2);
    let lost = "SELECT count(*) FROM rejects WHERE reason IN ('gzip_broken', 'cut_off')";
    assert!(count(&case.lake(), lost) >= 1, "{}", case.said.stderr);
}

#[test]
fn second_gzip_member_is_read_and_remarked() {
    let mut packed = gzip(&log(&[record(1)]));
    packed.extend(gzip(&log(&[record(2)])));
    Case::new("111122223333_CloudTrail_us-west-2_20261101T1000Z_x.json.gz", &packed)
        .expect("gzip_members", 2);
}

#[test]
fn bytes_behind_the_last_gzip_member_are_remarked() {
    let mut packed = gzip(&log(&[record(1)]));
    packed.extend(b"trailing");
    Case::new("trailing.json.gz", &packed).expect("gzip_trailing", 1);
}

#[test]
fn json_cut_in_the_middle_keeps_the_records_before_the_cut() {
    let whole = log(&[record(1), record(2), record(3)]);
    Case::new("cut.json", &whole[..whole.len() - 300]).expect("cut_off", 2);
}

#[test]
fn ten_thousand_levels_of_nesting_cost_one_record() {
    let deep = format!(
        r#"{{"eventVersion":"1.11","requestParameters":{}{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    Case::new("deep.json", &log(&[record(1), deep, record(2)])).expect("too_deep", 2);
}

#[test]
fn invalid_utf8_costs_one_record() {
    let mut bytes = log(&[record(1), record(2).replace("prod/a", "prod/#"), record(3)]);
    let place = bytes.iter().position(|b| *b == b'#').expect("the mark");
    bytes[place] = 0xff;
    Case::new("utf8.json", &bytes).expect("invalid_utf8", 2);
}

#[test]
fn record_that_is_a_number_costs_itself() {
    Case::new("number.json", &log(&[record(1), "42".to_owned(), record(2)])).expect("not_a_record", 2);
}

#[test]
fn missing_event_id_costs_one_record() {
    let nameless = record(2).replace("\"eventID\"", "\"eventIDx\"");
    Case::new("nameless.json", &log(&[record(1), nameless])).expect("missing_field", 1);
}

#[test]
fn event_time_that_is_no_time_costs_one_record() {
    let timeless = record(2).replace("2026-11-01T10:00:02Z", "yesterday");
    Case::new("timeless.json", &log(&[record(1), timeless])).expect("bad_field", 1);
}

#[test]
fn empty_file_and_image_are_rejected_as_wholes() {
    Case::new("empty.json", b"").expect("empty", 0);
    Case::new("image.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").expect("not_a_log", 0);
}

#[test]
fn log_without_records_is_no_reject() {
    let case = Case::new("none.json", br#"{"Records":[]}"#);
    assert_eq!(case.said.status, 0);
    assert_eq!(count(&case.lake(), "SELECT count(*) FROM rejects"), 0);
}

#[test]
fn strict_turns_a_reject_into_a_failure() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("bad.json");
    std::fs::write(&file, "{").expect("a file");
    let lake = folder.path().join("lake");
    snowtrail(&["ingest", text(&file), "--lake", text(&lake), "--strict"]).expect_status(3);
}

#[test]
fn bomb_is_given_up_within_bounds() {
    // 1 GiB of spaces inflates from about 1 MiB; the decoder stops at its ratio, long before.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let megabyte = vec![b' '; 1 << 20];
    for _ in 0..1024 {
        encoder.write_all(&megabyte).expect("memory");
    }
    Case::new("bomb.json.gz", &encoder.finish().expect("memory")).expect("inflated_too_large", 0);
}

#[test]
fn path_that_is_missing_or_holds_no_log_fails_after_the_rest_is_done() {
    let folder = tempdir().expect("a folder");
    let (good, empty) = (folder.path().join("good.json"), folder.path().join("nothing"));
    std::fs::write(&good, log(&[record(1)])).expect("a log");
    std::fs::create_dir(&empty).expect("a folder");
    let lake = folder.path().join("lake");
    let missing = folder.path().join("missing.json");
    let said = snowtrail(&["ingest", text(&missing), text(&empty), text(&good), "--lake", text(&lake)])
        .expect_status(3);
    assert!(said.stderr.contains("missing.json") && said.stderr.contains("no logs under"), "{}", said.stderr);
    assert_eq!(count(&lake, "SELECT count(*) FROM events"), 1);
}

#[cfg(unix)]
#[test]
fn file_without_permission_is_named_and_the_rest_is_done() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().expect("a folder");
    let (good, closed) = (folder.path().join("good.json"), folder.path().join("closed.json"));
    for file in [&good, &closed] {
        std::fs::write(file, log(&[record(1)])).expect("a log");
    }
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).expect("permissions");
    if std::fs::File::open(&closed).is_ok() {
        println!("skipped: this user may read everything");
        return;
    }
    let lake = folder.path().join("lake");
    let said = snowtrail(&["ingest", text(&closed), text(&good), "--lake", text(&lake)]).expect_status(3);
    assert!(said.stderr.contains("closed.json") && said.stderr.contains("ermission"), "{}", said.stderr);
    assert_eq!(count(&lake, "SELECT count(*) FROM events"), 1);
}

#[cfg(unix)]
#[test]
fn full_disk_fails_loudly_and_the_next_run_completes() {
    let folder = tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    // A limit on file sizes stands in for a full disk: writes fail half-way through a Parquet file.
    let script = "trap '' XFSZ; ulimit -f 40; exec \"$0\" ingest testdata/story --lake \"$1\"";
    let binary = env!("CARGO_BIN_EXE_snowtrail");
    let output = std::process::Command::new("bash")
        .args(["-c", script, binary, text(&lake)])
        .current_dir(crate::snowtrail::root())
        .output()
        .expect("bash runs");
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("failed to append"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    snowtrail(&["ingest", "testdata/story", "--lake", text(&lake)]).expect_status(0);
    let twice = "SELECT count(*) - count(DISTINCT concat(event_id, account_id)) FROM events";
    assert_eq!(count(&lake, twice), 0);
    assert!(count(&lake, "SELECT count(*) FROM events") > 20_000);
}

#[test]
fn place_that_is_no_lake_is_refused() {
    let folder = tempdir().expect("a folder");
    std::fs::write(folder.path().join("holiday.txt"), "x").expect("a file");
    for (uri, says) in [
        (folder.path().to_path_buf(), "none of a lake's tables"),
        (folder.path().join("holiday.txt"), "it is a file"),
        (folder.path().join("nowhere"), "nothing is there"),
    ] {
        let said = snowtrail(&["sql", "SELECT 1", "--lake", text(&uri)]).expect_status(3);
        assert!(said.stderr.contains(says), "{}", said.stderr);
    }
}

#[test]
fn lake_of_a_newer_schema_is_refused_before_a_row_is_read() {
    let case = Case::new("more.json", &log(&[record(1)]));
    let first = case.lake().join("events/_delta_log/00000000000000000000.json");
    let log = std::fs::read_to_string(&first).expect("the first commit");
    let ours = format!(r#""snowtrail.schemaVersion":"{}""#, snowtrail_lake::SCHEMA_VERSION);
    assert!(log.contains(&ours), "{log}");
    std::fs::write(&first, log.replace(&ours, r#""snowtrail.schemaVersion":"99""#)).expect("written");
    for arguments in [vec!["sql", "SELECT 1"], vec!["ingest", "testdata/story"], vec!["detect"]] {
        let lake = case.lake();
        let output = command().args(&arguments).args(["--lake", text(&lake)]).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{stderr}");
        assert!(stderr.contains("schema 99"), "{stderr}");
    }
}

fn rules_folder(sql: &str) -> TempDir {
    let folder = tempdir().expect("a folder");
    let header = "-- id = \"mine\"\n-- title = \"Mine\"\n-- severity = \"low\"\n-- description = \"d\"\n-- runbook = [\"r\"]\n-- window = \"1h\"\n-- history = \"1d\"\n";
    std::fs::write(folder.path().join("mine.sql"), format!("{header}{sql}")).expect("a rule");
    folder
}

#[track_caller]
fn check_says(folder: &Path, says: &str) {
    let said = snowtrail(&["rules", "check", "--rules", text(folder)]).expect_status(2);
    assert!(said.stderr.contains("mine.sql") && said.stderr.contains(says), "{}", said.stderr);
}

#[test]
fn rule_with_a_syntax_error_is_named() {
    check_says(rules_folder("SELEC 1\n").path(), "Expected");
}

#[test]
fn rule_with_the_wrong_columns_is_told_which() {
    check_says(rules_folder("SELECT 'a' AS key, 1 AS nonsense\n").path(), "unknown nonsense");
}

#[test]
fn rule_with_an_undeclared_parameter_is_told_the_declared_ones() {
    check_says(rules_folder("SELECT $flor\n").path(), "`$flor` is not declared");
}

#[test]
fn policy_with_a_typo_is_told_the_nearest_key() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("policy.toml");
    std::fs::write(&file, "[[secrets]]\nmatch = \"prod/*\"\nreader = []\n").expect("a policy");
    let said = snowtrail(&["policy", "check", text(&file)]).expect_status(2);
    assert!(said.stderr.contains(":3:") && said.stderr.contains("readers"), "{}", said.stderr);
}

#[test]
fn rule_over_a_table_that_only_people_see_is_refused() {
    let rule = std::fs::read_to_string(root().join("queries/rules/rotation-failed.sql")).expect("a rule");
    let header: String =
        rule.lines().take_while(|line| line.starts_with("--")).fold(String::new(), |h, l| h + l + "\n");
    let folder = tempdir().expect("a folder");
    let sql = rule.replacen(&header, "", 1).replacen(
        "WHERE",
        "WHERE (SELECT count(*) FROM verifications) >= 0 AND",
        1,
    );
    std::fs::write(folder.path().join("mine.sql"), header.replace("\"rotation-failed\"", "\"mine\"") + &sql)
        .expect("a rule");
    check_says(folder.path(), "verifications");
}
