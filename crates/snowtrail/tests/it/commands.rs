//! What people read: help, lists, errors, and the formats that scripts read.

use crate::snowtrail::{command, snowtrail, text};

#[test]
fn help_of_every_command_has_not_changed_unnoticed() {
    let mut help = String::new();
    for arguments in [
        &["--help"][..],
        &["replay", "--help"],
        &["ingest", "--help"],
        &["detect", "--help"],
        &["verify", "--help"],
        &["sql", "--help"],
        &["policy", "learn", "--help"],
        &["rules", "backtest", "--help"],
        &["rules", "explain", "--help"],
        &["rules", "docs", "--help"],
        &["report", "--help"],
        &["doctor", "--help"],
        &["canary", "--help"],
    ] {
        help.push_str(&format!(
            "$ snowtrail {}\n{}\n",
            arguments.join(" "),
            snowtrail(arguments).expect_status(0).stdout
        ));
    }
    insta::assert_snapshot!(help);
}

#[test]
fn rules_are_listed_and_shown() {
    insta::assert_snapshot!(snowtrail(&["rules", "list"]).expect_status(0).stdout);
    let shown = snowtrail(&["rules", "show", "rotation-failed"]).expect_status(0).stdout;
    assert!(shown.contains("What to do") && shown.contains("SELECT"), "{shown}");
    let said = snowtrail(&["rules", "show", "rotation-fialed"]).expect_status(2);
    assert!(said.stderr.contains("there is no rule `rotation-fialed`"), "{}", said.stderr);
}

#[test]
fn story_policy_is_good() {
    snowtrail(&["policy", "check", "testdata/story/policy.toml"]).expect_status(0);
}

#[test]
fn sql_formats_have_every_column_and_times_in_rfc_3339() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    snowtrail(&["ingest", "testdata/story/eventbridge", "--lake", text(&lake)]).expect_status(0);
    let query = "SELECT event_time, event_name, error_code, targets FROM events ORDER BY event_time, event_id LIMIT 1";
    let json = snowtrail(&["sql", query, "--lake", text(&lake), "--format", "json"]).expect_status(0).json();
    let row = json[0].as_object().expect("an object");
    assert_eq!(row.keys().collect::<Vec<_>>(), ["event_time", "event_name", "error_code", "targets"]);
    assert!(row["event_time"].as_str().is_some_and(|t| t.ends_with('Z')), "{row:?}");
    assert!(row["error_code"].is_null() && row["targets"].is_array(), "{row:?}");
    let csv = snowtrail(&["sql", query, "--lake", text(&lake), "--format", "csv"]).expect_status(0).stdout;
    assert!(csv.starts_with("event_time,event_name,error_code,targets\n"), "{csv}");
}

#[test]
fn sql_only_reads() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    snowtrail(&["ingest", "testdata/story/eventbridge", "--lake", text(&lake)]).expect_status(0);
    let target = folder.path().join("out.csv");
    let copy = format!("COPY (SELECT 1) TO '{}'", text(&target));
    for query in
        [copy.as_str(), "CREATE TABLE t AS SELECT 1", "INSERT INTO pages VALUES (1)", "DROP VIEW reads"]
    {
        let said = snowtrail(&["sql", query, "--lake", text(&lake)]).expect_status(2);
        assert!(said.stderr.contains("refused"), "{query}: {}", said.stderr);
    }
    assert!(!target.exists());
}

#[test]
fn query_with_an_error_says_what_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    snowtrail(&["ingest", "testdata/story/eventbridge", "--lake", text(&lake)]).expect_status(0);
    let said = snowtrail(&["sql", "SELECT nonsense FROM events", "--lake", text(&lake)]).expect_status(2);
    assert!(said.stderr.contains("nonsense"), "{}", said.stderr);
}

#[test]
fn query_may_come_from_a_pipe_and_the_reader_may_leave() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    snowtrail(&["ingest", "testdata/story/eventbridge", "--lake", text(&lake)]).expect_status(0);
    let script = "echo 'SELECT event_name FROM events' | \"$0\" sql --lake \"$1\" --format csv | head -1";
    let output = std::process::Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_snowtrail"), text(&lake)])
        .output()
        .expect("bash runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "event_name\n");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn wrong_use_exits_with_2_and_says_how_to_go_on() {
    let output = command().arg("replya").output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("replay"));
    let said = snowtrail(&["replay", "testdata/story/eventbridge", "--publish", "stdout"]).expect_status(2);
    assert!(said.stderr.contains("did you mean `stdout:`"), "{}", said.stderr);
}

#[test]
fn lake_columns_all_say_what_they_mean() {
    let rows = snowtrail(&["lake", "schema", "--format", "json"]).expect_status(0).json();
    assert!(rows.len() > 80);
    for row in rows {
        assert!(row["meaning"].as_str().is_some_and(|m| !m.is_empty()), "{row}");
    }
}
