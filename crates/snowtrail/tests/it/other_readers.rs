//! Other readers agree: deltalake, DuckDB and Polars, from PyPI, answer hunts over a lake as `snowtrail sql` does, row by
//! row.
//!
//! `testdata/peers/readers.py` asks them; DuckDB runs our views and hunts. The test skips, and says why, where there is no
//! Python or the packages cannot be had.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::tempdir;

use crate::snowtrail::{count, root, snowtrail, text};

/// The Python that has the packages, or why there is none.
fn python() -> Result<String, String> {
    let target = Path::new(env!("CARGO_BIN_EXE_snowtrail"))
        .parent()
        .and_then(Path::parent)
        .ok_or("no target folder")?;
    let home = target.join("peers/readers");
    let script = root().join("testdata/peers/install.sh");
    let said = run(Command::new(script).args(["--peer", "readers", text(&home)]))?;
    Ok(said.trim().to_owned())
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|e| e.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Rows and their columns in an order that hangs on nothing but themselves.
fn sorted(rows: impl IntoIterator<Item = Value>) -> Vec<BTreeMap<String, String>> {
    let columns = |row: &Value| {
        let row = row.as_object().expect("a row");
        row.iter().map(|(column, value)| (column.clone(), value.to_string())).collect()
    };
    let mut rows: Vec<_> = rows.into_iter().map(|row| columns(&row)).collect();
    rows.sort();
    rows
}

#[test]
fn deltalake_duckdb_and_polars_answer_as_snowtrail_does() {
    let python = match python() {
        Ok(python) => python,
        Err(why) => {
            println!("skipped: {why}");
            return;
        }
    };
    let folder = tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    snowtrail(&["ingest", "testdata/story", "--lake", text(&lake)]).expect_status(0);
    let script = root().join("testdata/peers/readers.py");
    let printed =
        run(Command::new(python).args([text(&script), text(&lake)])).expect("the others read the lake");
    let theirs: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(theirs["deltalake"]["rows"], count(&lake, "SELECT count(*) FROM events"));
    let comment = theirs["deltalake"]["comments"]["event_time"].as_str();
    assert!(comment.is_some_and(|c| c.contains("UTC")), "{comment:?}");
    for (reader, hunts_least) in [("duckdb", 6), ("polars", 3)] {
        let answers = theirs[reader].as_object().expect("its answers");
        assert!(answers.len() >= hunts_least, "{reader}: {}", answers.len());
        for (hunt, rows) in answers {
            let mut ask = vec!["sql", "--hunt", hunt, "--lake", text(&lake), "--format", "json"];
            ask.extend(["--param", "silent=0"].into_iter().filter(|_| hunt == "blind-spots"));
            let ours = sorted(snowtrail(&ask).expect_status(0).json());
            assert!(ours.len() > 1, "{hunt} says too little to compare");
            assert_eq!(sorted(rows.as_array().expect("rows").iter().cloned()), ours, "{reader}, {hunt}");
        }
    }
}
