//! The rules on a stock Ballista cluster find what they find in one process (guarantee 4).
//!
//!     cargo test --release --locked --test cluster
//!
//! A target that `cargo test` alone leaves out, because the first run builds a scheduler and an executor from the crates
//! that Ballista publishes, which takes as long as the engine does. `.ci/run` names it.
#![expect(clippy::expect_used, clippy::print_stderr, reason = "a test fails by panicking, and says why")]

mod bucket;
#[expect(dead_code, reason = "the other tests ask more of it")]
#[path = "../it/snowtrail.rs"]
mod snowtrail;
mod stock;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bucket::Bucket;
use serde_json::Value;
use snowtrail::{command, root};
use stock::{Stock, files_below};
use tempfile::{TempDir, tempdir};

/// By when the second run must have written its first views.
const VIEW_PATIENCE: Duration = Duration::from_secs(300);

/// Views are some forty files and small tables a dozen; rules run when all are there. The kill falls between.
const VIEWS_BEFORE_THE_KILL: usize = 16;

/// Counts later writes for some reads: by a join that is no equality, and keeps reads without any.
const LATER_WRITES: &str = "-- id = \"later-writes\"
-- title = \"Writes after a read\"
-- severity = \"low\"
-- description = \"d\"
-- runbook = [\"r\"]
-- window = \"1h\"
-- history = \"1d\"
SELECT
  concat_ws('|', r.account_id, r.secret_name, r.event_id) AS key, 'later writes' AS title, 'later writes' AS summary,
  r.account_id, r.aws_region, max(r.secret_arn) AS secret_arn, r.secret_name, r.principal, max(r.actor) AS actor,
  r.event_time AS window_start, r.event_time + INTERVAL '1 second' AS window_end,
  concat(count(w.event_id), ' later') AS observed, 'any' AS expected, array_agg(DISTINCT r.event_id) AS evidence,
  named_struct('later', count(w.event_id)) AS detail
FROM (SELECT * FROM reads WHERE right(event_id, 1) = '0') r
LEFT JOIN (
  SELECT t.event_id, t.event_time FROM touches t
  JOIN secrets s ON s.account_id = t.account_id AND s.aws_region = t.aws_region AND s.secret_name = t.secret_name
  WHERE t.event_name = 'PutSecretValue'
) w ON r.event_time < w.event_time
GROUP BY r.account_id, r.aws_region, r.secret_name, r.principal, r.event_time, r.event_id
";

/// A simulated organization: its logs in a lake, its policy, and what one process finds there.
struct Organization {
    folder: TempDir,
    /// The time of the last event.
    now: String,
    found: BTreeMap<String, Value>,
}

/// A copy of the lake that is gone with it.
struct Copy {
    lake: PathBuf,
    _folder: TempDir,
}

impl Organization {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The lake as it was before anybody judged it.
    fn lake(&self) -> Copy {
        let folder = tempdir().expect("a folder");
        let lake = folder.path().join("the lake #1");
        let copied = Command::new("cp").arg("-r").arg(self.path("lake")).arg(&lake).status();
        assert!(copied.expect("cp runs").success());
        Copy { lake, _folder: folder }
    }
}

fn organization() -> &'static Organization {
    static MADE: OnceLock<Organization> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = tempdir().expect("a folder");
        let mut python = Command::new("python3");
        python.arg(root().join("testdata/organization/organization.py"));
        succeeded(python.args(["--seed", "1", "--small", "--out"]).arg(folder.path()));
        let lake = folder.path().join("lake");
        succeeded(command().arg("ingest").arg(folder.path().join("AWSLogs")).arg("--lake").arg(&lake));
        let query = "SELECT max(event_time) AS last FROM events";
        let last = succeeded(command().args(["sql", query, "--format", "json", "--lake"]).arg(&lake));
        let last: Value = serde_json::from_str(&last).expect("a line of JSON");
        let now = last["last"].as_str().expect("a time").to_owned();
        let mut organization = Organization { folder, now, found: BTreeMap::new() };
        let judged = organization.lake();
        organization.found = findings(detect(&organization, &judged.lake, None).output().expect("it starts"));
        organization
    })
}

/// Runs a command and gives what it printed.
fn succeeded(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The whole pack over a lake, as of its last event.
fn detect(organization: &Organization, lake: impl AsRef<OsStr>, cluster: Option<&str>) -> Command {
    let mut command = command();
    command
        .arg("detect")
        .arg("--lake")
        .arg(lake.as_ref())
        .arg("--policy")
        .arg(organization.path("policy.toml"));
    command.args(["--now", &organization.now, "--format", "json"]);
    if let Some(address) = cluster {
        command.args(["--cluster", address, "--cluster-parts", "4"]);
    }
    command
}

/// What a command printed, one object a line, without the clock's part; by key.
#[track_caller]
fn findings(output: Output) -> BTreeMap<String, Value> {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let parsed = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    parsed
        .map(|mut finding| {
            finding
                .as_object_mut()
                .and_then(|columns| columns.remove("found_at"))
                .expect("when it was found");
            (finding["key"].as_str().expect("a key").to_owned(), finding)
        })
        .collect()
}

#[track_caller]
fn assert_same(on_cluster: &BTreeMap<String, Value>, here: &BTreeMap<String, Value>) {
    let keys = |findings: &BTreeMap<String, Value>| findings.keys().cloned().collect::<BTreeSet<_>>();
    let (theirs, ours) = (keys(on_cluster), keys(here));
    assert_eq!(theirs.difference(&ours).collect::<Vec<_>>(), Vec::<&String>::new(), "only on the cluster");
    assert_eq!(ours.difference(&theirs).collect::<Vec<_>>(), Vec::<&String>::new(), "only in one process");
    for (key, finding) in here {
        assert_eq!(&on_cluster[key], finding, "{key}");
    }
}

/// Files that runs on a cluster have in a lake.
fn ground(lake: &Path) -> Vec<PathBuf> {
    files_below(&lake.join("cluster"))
}

/// Waits until a running detection has written some views.
fn wait_for_views(lake: &Path, detection: &mut Child) {
    let until = Instant::now() + VIEW_PATIENCE;
    while ground(lake).len() < VIEWS_BEFORE_THE_KILL {
        assert!(Instant::now() < until, "no views after {VIEW_PATIENCE:?}");
        assert!(
            detection.try_wait().expect("it can be asked").is_none(),
            "it ended before an executor was killed"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn whole_pack_on_a_cluster_finds_what_one_process_finds_also_when_an_executor_dies() {
    let organization = organization();
    let rules: BTreeSet<&str> =
        organization.found.values().map(|f| f["rule"].as_str().expect("a rule")).collect();
    assert!(rules.len() > 15, "too few rules fire to prove anything: {rules:?}");
    let mut stock = Stock::start(2, &[]);

    let first = organization.lake();
    let output = detect(organization, &first.lake, Some(&stock.address())).output().expect("it starts");
    assert_same(&findings(output), &organization.found);
    assert_eq!(ground(&first.lake), Vec::<PathBuf>::new(), "a run leaves nothing in the lake");
    for number in 0..2 {
        assert!(stock.results_of(number) > 0, "executor {number} has done nothing");
    }

    let second = organization.lake();
    let mut detection = detect(organization, &second.lake, Some(&stock.address()));
    let detection = detection.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut detection = detection.stdin(Stdio::null()).spawn().expect("it starts");
    wait_for_views(&second.lake, &mut detection);
    stock.kill(1);
    let output = detection.wait_with_output().expect("it ends");
    assert_same(&findings(output), &organization.found);
    assert_eq!(ground(&second.lake), Vec::<PathBuf>::new());
}

#[test]
fn lake_in_a_bucket_is_read_and_written_by_executors() {
    let organization = organization();
    let bucket = Bucket::start();
    let stock = Stock::start(2, &bucket.settings());
    let logs = organization.path("AWSLogs");
    let mut ingest = command();
    succeeded(ingest.envs(bucket.settings()).arg("ingest").arg(logs).args(["--lake", &bucket.lake()]));
    let mut detection = detect(organization, bucket.lake(), Some(&stock.address()));
    let output = detection.envs(bucket.settings()).output().expect("it starts");
    assert_same(&findings(output), &organization.found);
    assert!(bucket.objects("prod/events/") > 0, "the lake is where it is looked for");
    assert_eq!(bucket.objects("prod/cluster/"), 0, "a run leaves nothing in the lake");
}

#[test]
fn join_whose_tasks_would_have_to_know_of_each_other_tells_of_no_row_twice() {
    let organization = organization();
    let rules = tempdir().expect("a folder");
    std::fs::write(rules.path().join("later-writes.sql"), LATER_WRITES).expect("a rule");
    let stock = Stock::start(2, &[]);
    let told = |cluster: Option<&str>| {
        let lake = organization.lake();
        let mut detection = detect(organization, &lake.lake, cluster);
        findings(detection.arg("--rules").arg(rules.path()).output().expect("it starts"))
    };
    let here = told(None);
    assert!(here.len() > 20, "{} findings", here.len());
    assert_same(&told(Some(&stock.address())), &here);
}

#[test]
fn backtest_on_a_cluster_counts_what_one_process_counts() {
    let organization = organization();
    let stock = Stock::start(1, &[]);
    let lake = organization.lake();
    let address = stock.address();
    let told = |cluster: &[&str]| {
        let mut command = command();
        command.args(["rules", "backtest", "--format", "json", "--lake"]).arg(&lake.lake);
        command.arg("--policy").arg(organization.path("policy.toml")).args(cluster);
        let output = command.output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let here = told(&[]);
    assert!(here.lines().count() > 20, "{here}");
    assert_eq!(told(&["--cluster", &address, "--cluster-parts", "3"]), here);
}

#[test]
fn a_scheduler_that_is_not_there_fails_the_run_and_records_nothing() {
    let organization = organization();
    let lake = organization.lake();
    let output = detect(organization, &lake.lake, Some("df://127.0.0.1:1")).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("df://127.0.0.1:1"), "{said}");
    assert_eq!(ground(&lake.lake), Vec::<PathBuf>::new());
    let mut ask = command();
    let query = "SELECT count(*) AS n FROM findings_history";
    let asked = ask.args(["sql", query, "--format", "json", "--lake"]).arg(&lake.lake).output();
    assert_eq!(String::from_utf8_lossy(&asked.expect("it starts").stdout).trim(), r#"{"n":0}"#);
}
