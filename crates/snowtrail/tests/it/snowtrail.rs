//! Runs the binary and reads what it says.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// What a run of the binary said.
pub struct Said {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the binary in the repository's root, without the caller's Snowtrail settings.
pub fn snowtrail(arguments: &[&str]) -> Said {
    said(command().args(arguments).output().expect("the binary starts"))
}

/// The binary, ready for arguments.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snowtrail"));
    command.current_dir(root());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SNOWTRAIL_"))
    {
        command.env_remove(name);
    }
    command
}

/// What a run that has ended said.
pub fn said(output: Output) -> Said {
    Said {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Said {
    /// Fails the test, with everything that was said, unless the status is this.
    #[track_caller]
    pub fn expect_status(self, status: i32) -> Said {
        assert_eq!(self.status, status, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// The lines of stdout as JSON.
    pub fn json(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// One number that a query over a lake gives.
#[track_caller]
pub fn count(lake: &Path, query: &str) -> i64 {
    let said = snowtrail(&["sql", query, "--lake", text(lake), "--format", "json"]).expect_status(0);
    let rows = said.json();
    let value = rows[0].as_object().and_then(|row| row.values().next()).and_then(Value::as_i64);
    value.unwrap_or_else(|| panic!("no number in {}", said.stdout))
}

/// The sorted keys of the findings that a command printed as JSON.
pub fn keys(said: &Said) -> Vec<String> {
    let mut keys: Vec<String> =
        said.json().iter().map(|f| f["key"].as_str().expect("a key").to_owned()).collect();
    keys.sort();
    keys
}
