//! Other readers agree: the PyPI packages `deltalake` and `duckdb` count what `snowtrail sql` counts.
//!
//! The test makes its own virtual environment, once, beside the build. It skips, and says why, where there is no
//! Python or the packages cannot be had.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::tempdir;

use crate::snowtrail::{count, snowtrail, text};

const COUNTS: &str = r#"
import sys, json, duckdb
from deltalake import DeltaTable
table = DeltaTable(sys.argv[1] + "/events")
files = [f.removeprefix("file://") for f in table.file_uris()]
rows = duckdb.read_parquet(files, hive_partitioning=True)
total = duckdb.sql("SELECT count(*) FROM rows").fetchall()[0][0]
reads = duckdb.sql("SELECT count(*) FROM rows WHERE event_name = 'GetSecretValue' AND outcome = 'ok'").fetchall()[0][0]
named = duckdb.sql("SELECT count(*) FROM rows, unnest(targets) AS t(target) WHERE target.kind = 'secret'").fetchall()[0][0]
stats = table.get_add_actions(flatten=True)
column = stats["num_records"] if hasattr(stats, "__getitem__") else stats.column("num_records")
delta = sum(v.as_py() if hasattr(v, "as_py") else v for v in column)
comment = [f.metadata.get("comment") for f in table.schema().fields if f.name == "event_time"][0]
print(json.dumps({"total": total, "reads": reads, "named": named, "delta": delta, "comment": comment}))
"#;

/// The Python of a virtual environment with both packages, or why there is none.
fn python() -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_BIN_EXE_snowtrail")).parent().ok_or("no target folder")?.to_path_buf();
    let home = target.join("other-readers-venv");
    let python = home.join("bin/python");
    let has_packages =
        |python: &Path| run(Command::new(python).args(["-c", "import deltalake, duckdb"])).is_ok();
    if has_packages(&python) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", text(&home)]))
        .map_err(|e| format!("no virtual environment: {e}"))?;
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "deltalake>=1.0", "duckdb>=1.0"]))
        .map_err(|e| format!("the packages cannot be installed: {e}"))?;
    if has_packages(&python) { Ok(python) } else { Err("the packages cannot be imported".to_owned()) }
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|e| e.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn deltalake_and_duckdb_count_what_snowtrail_counts() {
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
    let printed =
        run(Command::new(python).args(["-c", COUNTS, text(&lake)])).expect("the other readers read the lake");
    let theirs: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    let ours = |query: &str| serde_json::json!(count(&lake, query));
    assert_eq!(theirs["total"], ours("SELECT count(*) FROM events"));
    assert_eq!(theirs["delta"], theirs["total"]);
    assert_eq!(
        theirs["reads"],
        ours("SELECT count(*) FROM events WHERE event_name = 'GetSecretValue' AND outcome = 'ok'")
    );
    let named = "SELECT count(*) FROM (SELECT unnest(targets) AS t FROM events) WHERE t['kind'] = 'secret'";
    assert_eq!(theirs["named"], ours(named));
    assert!(theirs["comment"].as_str().is_some_and(|c| c.contains("UTC")), "{printed}");
}
