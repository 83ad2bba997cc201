//! SQL for people: the hunts over the story, what is refused and what helps, files, documentation, the prompt.

use std::path::Path;
use std::process::Command;

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use jiff::Timestamp;
use snowtrail::policy_file::{self, Bound};
use snowtrail::workbench::{self, Horizon};
use snowtrail_lake::{Access, Lake};
use snowtrail_rules::set::shipped_hunts;
use snowtrail_rules::small;
use snowtrail_rules::{Engine, RuleSet};
use tempfile::TempDir;

use crate::snowtrail::{root, snowtrail, text};

/// Hunts for what does not happen in the story.
const STORY_HAS_NONE: [&str; 5] =
    ["denied-then-allowed", "direct-decrypts", "live-grants", "stale-version-readers", "unresolved-batches"];
/// Rows of each hunt's answer that stand in the snapshot.
const SHOWN_ROWS: usize = 3;

/// The plain way: everything is made, whatever is asked.
async fn answer(lake: &Lake, bound: &Bound) -> Vec<(String, Vec<RecordBatch>)> {
    let now = asked_at();
    let engine = workbench::open(lake, bound, now, Horizon::Everything).await.expect("a session");
    let mut answers = Vec::new();
    for (name, hunt) in shipped_hunts().expect("hunts") {
        let sql = hunt.bound(&[], now).expect("its parameters");
        let rows = rows(&engine, &sql).await;
        answers.push((name.clone(), rows));
    }
    answers
}

async fn rows(engine: &Engine<'_>, sql: &str) -> Vec<RecordBatch> {
    let frame = engine.session().sql(sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    frame.collect().await.unwrap_or_else(|e| panic!("{sql}: {e}"))
}

fn asked_at() -> Timestamp {
    "2026-11-11T08:00:00Z".parse().expect("a time")
}

/// A lake of the story in a folder, and the story's rules and policy.
async fn story() -> (TempDir, Lake, Bound) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lake");
    snowtrail(&["ingest", "testdata/story", "--lake", text(&path)]).expect_status(0);
    let lake = Lake::open(text(&path), Access::Read).await.expect("a lake");
    let rules = RuleSet::shipped().expect("the rules that ship");
    let policy = policy_file::policy(&root().join("testdata/story/policy.toml"), &rules).expect("a policy");
    (folder, lake, Bound { rules, policy })
}

/// As `snowtrail sql` asks: nothing is made that the query does not stand on.
async fn alone(lake: &Lake, bound: &Bound, sql: &str) -> (String, Vec<&'static str>) {
    let engine = workbench::open_to_ask(lake, bound, asked_at(), sql).await.expect("a session");
    let answer = pretty_format_batches(&rows(&engine, sql).await).expect("a table").to_string();
    let is_made = |name: &&str| engine.session().table_exist(*name).expect("a session");
    (answer, small::names().filter(is_made).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn query_has_the_rows_that_it_has_where_everything_is_made() {
    let (_folder, lake, bound) = story().await;
    let hunts = shipped_hunts().expect("hunts");
    for (name, plain) in answer(&lake, &bound).await {
        let sql = hunts[&name].bound(&[], asked_at()).expect("its parameters");
        let (rows, _) = alone(&lake, &bound, &sql).await;
        assert_eq!(rows, pretty_format_batches(&plain).expect("a table").to_string(), "{name}");
    }
    let every = workbench::open(&lake, &bound, asked_at(), Horizon::Everything).await.expect("a session");
    for (small, made) in [
        ("SELECT count(*) FROM events", vec![]),
        ("SELECT * FROM policy_trail ORDER BY kind, value", vec!["policy_trail"]),
        ("SELECT * FROM policy_people ORDER BY principal", vec!["policy_people"]),
        ("SELECT * FROM policy_secrets ORDER BY 1, 2, 3", vec!["policy_secrets"]),
        ("SELECT * FROM policy_principals ORDER BY 1, 2, 3, 4, 5", vec!["policy_principals"]),
        ("SELECT * FROM policy_parameters ORDER BY 1, 2, 3, 4, 5", vec!["policy_parameters"]),
        ("SELECT * FROM local_time ORDER BY slot", vec!["local_time"]),
        ("SELECT count(*) FROM information_schema.tables", small::names().collect()),
    ] {
        let plain = pretty_format_batches(&rows(&every, small).await).expect("a table").to_string();
        assert_eq!(alone(&lake, &bound, small).await, (plain, made), "{small}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hunt_answers_over_the_story() {
    let (_folder, lake, bound) = story().await;
    let mut told = String::new();
    for (name, batches) in answer(&lake, &bound).await {
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        assert_eq!(rows == 0, STORY_HAS_NONE.contains(&name.as_str()), "{name} has {rows} rows");
        let shown = pretty_format_batches(&batches).expect("a table").to_string();
        let lines: Vec<&str> =
            shown.lines().skip(1).take(SHOWN_ROWS + 2).filter(|l| l.starts_with('|')).collect();
        let cells =
            |line: &str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>().join(" | ");
        told.push_str(&format!("{name}: {rows} rows\n"));
        lines.iter().for_each(|line| told.push_str(&format!("  {}\n", cells(line))));
    }
    insta::assert_snapshot!(told.replace('\u{1b}', "ESC"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hunt_runs_on_a_lake_in_which_nothing_happened() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open(text(&folder.path().join("lake")), Access::Write).await.expect("a lake");
    let bound = Bound { rules: RuleSet::shipped().expect("the rules that ship"), policy: Default::default() };
    for (name, batches) in answer(&lake, &bound).await {
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 0, "{name}");
    }
}

#[test]
fn hunts_are_listed_with_their_parameters() {
    insta::assert_snapshot!(snowtrail(&["sql", "--list"]).expect_status(0).stdout);
    let rows = snowtrail(&["sql", "--list", "--format", "json"]).expect_status(0).json();
    assert!(rows.len() >= 15, "{}", rows.len());
    let named =
        |name: &str| rows.iter().find(|row| row["hunt"] == name).expect("a hunt")["parameters"].clone();
    assert_eq!(named("stale-version-readers"), "grace=10m secret=%");
}

#[test]
fn hunt_takes_parameters_and_says_what_is_wrong_with_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    snowtrail(&["ingest", "testdata/story/eventbridge", "--lake", text(&lake)]).expect_status(0);
    let run =
        |more: &[&str]| snowtrail(&[&["sql", "--lake", text(&lake), "--format", "json"], more].concat());
    let blind = run(&["--hunt", "blind-spots", "--param", "silent=0"]).expect_status(0).json();
    assert_eq!(blind[0]["event_source"], "cloudtrail.amazonaws.com");
    // A parameter is a value, whatever stands in it.
    let hostile = "principal=%' OR 'x' = 'x";
    assert!(
        run(&["--hunt", "what-did-principal-touch", "--param", hostile]).expect_status(0).json().is_empty()
    );
    for (more, part) in [
        (&["--hunt", "blind-spot"][..], "there is no hunt `blind-spot`; did you mean `blind-spots`?"),
        (&["--hunt", "blind-spots", "--param", "silnet=1"], "no parameter `silnet`; did you mean `silent`?"),
        (
            &["--hunt", "blind-spots", "--param", "silent=soon"],
            "parameter `silent`: `soon` is no whole number",
        ),
        (&["--hunt", "blind-spots", "--param", "silent"], "write it as name=value"),
        (&["--hunt", "blind-spots", "--out", "x.txt"], "cannot be used with"),
    ] {
        let said = run(more).expect_status(2);
        assert!(said.stderr.contains(part), "{more:?}: {}", said.stderr);
    }
    // A hunt of one's own is a file; so is a plain query, which has no parameters.
    let own = folder.path().join("own.sql");
    std::fs::write(&own, "-- purpose = \"Which?\"\n-- [parameters.name]\n-- default = \"it's\"\n-- description = \"Which\"\nSELECT $name AS name, 'it''s' AS text;\n")
        .expect("a file");
    let mine = run(&["--file", text(&own)]).expect_status(0).json();
    assert_eq!((&mine[0]["name"], &mine[0]["text"]), (&"it's".into(), &"it's".into()));
    let mine = run(&["--file", text(&own), "--param", "name=x=y"]).expect_status(0).json();
    assert_eq!(mine[0]["name"], "x=y");
    std::fs::write(&own, "-- which?\nSELECT 1").expect("a file");
    let said = run(&["--file", text(&own), "--param", "name=x"]).expect_status(2);
    assert!(said.stderr.contains("declares no parameters"), "{}", said.stderr);
}

#[test]
fn json_text_is_open_to_people_and_closed_to_rules_and_views() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    snowtrail(&["ingest", "testdata/story/eventbridge", "--lake", text(&lake)]).expect_status(0);
    let query = "SELECT DISTINCT json_get_str(request_parameters, 'trailName') AS trail, \
                 json_contains(request_parameters, 'eventSelectors', 0) OR \
                 json_contains(request_parameters, 'advancedEventSelectors', 0) AS selects, \
                 json_get_int(request_parameters, 'trailName') AS number \
                 FROM events WHERE event_name = 'PutEventSelectors'";
    let rows = snowtrail(&["sql", query, "--lake", text(&lake), "--format", "json"]).expect_status(0).json();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(
        rows[0]["trail"].is_string() && rows[0]["selects"] == true && rows[0]["number"].is_null(),
        "{rows:?}"
    );

    let rules = folder.path().join("rules");
    std::fs::create_dir_all(rules.join("rules")).expect("a folder");
    std::fs::create_dir_all(rules.join("views")).expect("a folder");
    let rule = std::fs::read_to_string(root().join("queries/rules/rotation-failed.sql")).expect("a rule");
    let in_rule = rule.replacen("SELECT", "SELECT json_get_str('{}', 'a') AS x,", 1);
    for (name, text_of_file) in [
        ("rules/rotation-failed.sql", in_rule),
        ("views/mine.sql", "-- mine: one row.\nSELECT json_contains('{}', 'a') AS x".to_owned()),
    ] {
        std::fs::write(rules.join("rules/rotation-failed.sql"), &rule).expect("a rule");
        std::fs::write(rules.join(name), text_of_file).expect("a file");
        let said = snowtrail(&["rules", "check", "--rules", text(&rules)]).expect_status(2);
        assert!(said.stderr.contains("is refused in rules and views"), "{name}: {}", said.stderr);
        assert!(said.stderr.contains(name), "{name}: {}", said.stderr);
    }
}

#[test]
fn rows_go_into_a_file_of_the_format_that_its_ending_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    snowtrail(&["ingest", "testdata/story/eventbridge", "--lake", text(&lake)]).expect_status(0);
    let query = "SELECT event_id, event_time, targets FROM events ORDER BY event_time, event_id";
    let shown = snowtrail(&["sql", query, "--lake", text(&lake), "--format", "json"]).expect_status(0).stdout;
    for ending in ["json", "csv", "parquet"] {
        let out = folder.path().join(format!("rows.{ending}"));
        let said = snowtrail(&["sql", query, "--lake", text(&lake), "--out", text(&out)]).expect_status(0);
        assert!(said.stdout.is_empty() && said.stderr.contains("3 rows written"), "{}", said.stderr);
    }
    let written = |name: &str| std::fs::read(folder.path().join(name)).expect("the file");
    assert_eq!(String::from_utf8(written("rows.json")).expect("text"), shown);
    assert_eq!(written("rows.csv").iter().filter(|byte| **byte == b'\n').count(), 4);
    assert!(written("rows.parquet").starts_with(b"PAR1"));
    let out = folder.path().join("rows.xlsx");
    let said = snowtrail(&["sql", query, "--lake", text(&lake), "--out", text(&out)]).expect_status(2);
    assert!(said.stderr.contains(".parquet") && !out.exists(), "{}", said.stderr);
}

#[test]
fn documentation_of_tables_is_what_tables_and_views_say() {
    let page = snowtrail(&["lake", "schema", "--format", "markdown"]).expect_status(0).stdout;
    let shipped = std::fs::read_to_string(root().join("docs/tables.md")).expect("docs/tables.md");
    assert!(
        page == shipped,
        "docs/tables.md is not what the schema says: snowtrail lake schema --format markdown > docs/tables.md"
    );
    for view in root().join("queries/views").read_dir().expect("views").flatten() {
        let name = view.path().file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(page.contains(&format!("\n### {name}\n")), "{name} is missing");
    }
}

/// Types at a prompt on a pseudo-terminal and prints what came back.
const TYPIST: &str = r#"
import os, pty, select, sys, time
steps, arguments = sys.argv[1].split("\x1e"), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.environ["TERM"] = "xterm"
    os.execv(arguments[0], arguments)
said, seen = b"", 0
def read_until(mark):
    global said, seen
    deadline = time.monotonic() + 60
    while mark not in said[seen:]:
        if time.monotonic() > deadline or not select.select([terminal], [], [], 60)[0]:
            sys.exit("no %r in %r" % (mark, said[seen:]))
        said += os.read(terminal, 65536)
    seen = said.index(mark, seen) + len(mark)
# The line editor is switched off while a line is answered; what is typed meanwhile may be lost.
ON, OFF = b"\x1b[?2004h", b"\x1b[?2004l"
read_until(ON)
for step in steps:
    keys, mark = step.split("\x1f")
    os.write(terminal, keys.encode())
    if mark == "unfinished":
        read_until(b"\n")
        continue
    read_until(OFF)
    read_until(mark.encode())
    read_until(ON)
os.write(terminal, b"\\q\r")
_, status = os.waitpid(child, 0)
sys.stdout.buffer.write(said)
sys.exit(os.waitstatus_to_exitcode(status))
"#;

/// Each step is what is typed and what must then come (`unfinished`: nothing, the query goes on in the next step);
/// what came in all, or none where there is no Python.
fn typed(lake: &Path, history: &Path, steps: &[(&str, &str)]) -> Option<String> {
    Command::new("python3").arg("--version").output().ok()?;
    let steps: Vec<String> = steps.iter().map(|(keys, mark)| format!("{keys}\u{1f}{mark}")).collect();
    let binary = env!("CARGO_BIN_EXE_snowtrail");
    let output = Command::new("python3")
        .args([
            "-c",
            TYPIST,
            &steps.join("\u{1e}"),
            binary,
            "sql",
            "--lake",
            text(lake),
            "--history",
            text(history),
        ])
        .current_dir(root())
        .output()
        .expect("python3 runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    Some(said)
}

#[test]
fn prompt_completes_remembers_and_writes_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let (lake, history) = (folder.path().join("lake"), folder.path().join("kept/history"));
    let out = folder.path().join("rows.csv");
    snowtrail(&["ingest", "testdata/story/eventbridge", "--lake", text(&lake)]).expect_status(0);
    let to_file = format!("\\o {}\r", text(&out));
    let said = typed(
        &lake,
        &history,
        &[
            ("\\d\r", "one row for each delivery"),
            ("\\d raeds\r", "did you mean `reads`?"),
            ("\\d touches\r", "secret_name"),
            ("\\?\r", "\\timing"),
            ("\\timing\r", "times are told"),
            // Over two lines, the table's name completed.
            ("SELECT count(*) + 4000 AS n\r", "unfinished"),
            ("FROM even\t;\r", "4003"),
            ("SELECT nonsense FROM events;\r", "refused"),
            (&to_file, ""),
            ("SELECT event_name FROM events;\r", "3 rows written"),
            // What was typed two queries ago, by the arrow.
            ("\u{1b}[A\u{1b}[A\u{1b}[A\u{1b}[A\r", "4003"),
        ],
    );
    let Some(said) = said else {
        println!("skipped: there is no python3");
        return;
    };
    assert!(said.contains("took 0."), "{said}");
    let csv = std::fs::read_to_string(&out).expect("the file");
    assert_eq!(csv, "event_name\nPutEventSelectors\nPutEventSelectors\nPutEventSelectors\n");
    let kept = std::fs::read_to_string(&history).expect("the history");
    assert!(kept.contains("FROM events;") && kept.contains("\\\\timing"), "{kept}");
    // Another day: the history is still there.
    typed(&lake, &history, &[("\u{1b}[A\u{1b}[A\r", "4003")]);
}
