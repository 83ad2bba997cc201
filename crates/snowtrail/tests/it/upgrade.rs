//! `lake upgrade`: an older lake gets today's columns, filled from the sources, and says what it could not fill.
//!
//! The older lake is made by taking a column out of the first version's schema and rewriting every row without it.

use std::path::Path;

use tempfile::tempdir;

use crate::aws::records::{READER, log_file, log_key, minutes_ago, read, uuid};
use crate::aws::stage::Stage;
use crate::snowtrail::{count, said, snowtrail, text};

const COLUMN: &str = "from_console";

/// Makes the lake older: schema version 0, without [`COLUMN`].
fn age(lake: &Path) {
    let first = lake.join("events/_delta_log/00000000000000000000.json");
    let log = std::fs::read_to_string(&first).expect("the first commit");
    let aged: Vec<String> = log.lines().map(aged_line).collect();
    std::fs::write(&first, aged.join("\n")).expect("written");
}

fn aged_line(line: &str) -> String {
    let mut action: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let Some(metadata) = action.get_mut("metaData") else { return line.to_owned() };
    metadata["configuration"]["snowtrail.schemaVersion"] = "0".into();
    let mut schema: serde_json::Value =
        serde_json::from_str(metadata["schemaString"].as_str().expect("a schema")).expect("JSON");
    schema["fields"].as_array_mut().expect("fields").retain(|f| f["name"] != COLUMN);
    metadata["schemaString"] = schema.to_string().into();
    action.to_string()
}

#[test]
fn older_lake_is_refused_then_upgraded_and_filled() {
    let folder = tempdir().expect("a folder");
    let (lake, logs) = (folder.path().join("lake"), folder.path().join("logs"));
    std::fs::create_dir(&logs).expect("a folder");
    let story = crate::snowtrail::root().join("testdata/story/eventbridge/trail-changes.ndjson");
    for name in ["kept.ndjson", "gone.ndjson"] {
        let fresh = std::fs::read_to_string(&story)
            .expect("a log")
            .replace("\"eventID\":\"", &format!("\"eventID\":\"{}", &name[..2]));
        std::fs::write(logs.join(name), fresh).expect("a log");
    }
    snowtrail(&["ingest", text(&logs), "--lake", text(&lake)]).expect_status(0);
    let (events, sources) = ("SELECT count(*) FROM events", "SELECT count(*) FROM sources");
    let (stored, taken) = (count(&lake, events), count(&lake, sources));
    age(&lake);
    let refused = snowtrail(&["sql", "SELECT 1", "--lake", text(&lake)]).expect_status(3);
    assert!(refused.stderr.contains("snowtrail lake upgrade"), "{}", refused.stderr);
    std::fs::remove_file(logs.join("gone.ndjson")).expect("removed");

    let said = snowtrail(&["lake", "upgrade", "--lake", text(&lake)]).expect_status(0);
    assert!(said.stderr.contains(COLUMN) && said.stderr.contains("gone.ndjson"), "{}", said.stderr);
    assert_eq!((count(&lake, events), count(&lake, sources)), (stored, taken));
    let filled = format!("SELECT count({COLUMN}) FROM events WHERE source_uri LIKE '%kept.ndjson'");
    assert!(count(&lake, &filled) > 0);
    let again = snowtrail(&["lake", "upgrade", "--lake", text(&lake)]).expect_status(0);
    assert!(again.stderr.contains("nothing to do"), "{}", again.stderr);
    snowtrail(&["ingest", text(&logs), "--lake", text(&lake)]).expect_status(0);
    assert_eq!(count(&lake, events), stored);
}

#[tokio::test(flavor = "multi_thread")]
async fn lake_whose_sources_are_objects_is_filled_from_them() {
    let stage = Stage::new().await;
    let of = |number| vec![read(&uuid(number, 1), &minutes_ago(90), READER)];
    // Keys that are spelt otherwise in an address.
    let log = |number: u32| log_key(&format!("{number:016}"));
    let named = |number: u32| format!("a%20+ b/{}", log(number));
    for number in 1..=3 {
        stage.put(&named(number), log_file(&of(number))).await;
    }
    let folder = tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    let run = |arguments: &[&str]| {
        said(stage.account.command().args(arguments).output().expect("the binary starts")).expect_status(0)
    };
    run(&["ingest", &format!("s3://{}", stage.trail), "--lake", text(&lake)]);
    age(&lake);
    stage.account.s3().delete_object().bucket(&stage.trail).key(named(2)).send().await.expect("deleted");
    stage.put(&named(3), log_file(&of(4))).await;

    let said = run(&["lake", "upgrade", "--lake", text(&lake)]);
    let told = |number| said.stderr.lines().find(|line| line.contains(&log(number))).unwrap_or_default();
    assert_eq!(told(1), "", "{}", said.stderr);
    assert!(told(2).contains("is not there"), "{}", said.stderr);
    assert!(told(3).contains("its bytes are not the ones"), "{}", said.stderr);
    assert!(said.stderr.contains("1 events filled from their sources"), "{}", said.stderr);
    assert_eq!(count(&lake, "SELECT count(*) FROM events"), 3);
    let filled = format!("SELECT count({COLUMN}) FROM events WHERE source_uri LIKE '%{}'", log(1));
    assert_eq!(count(&lake, &filled), 1);
}
