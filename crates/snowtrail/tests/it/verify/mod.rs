//! `snowtrail verify`: what a sound chain proves, and every way in which one is unsound, each a fact with a name.

mod chain;
mod copies;
mod faults;
mod hostile;
mod lakes;
mod peer;
mod s3;
mod vector;

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::snowtrail::{Said, snowtrail, text};
use chain::Bucket;

/// A while after the last digest of [`Bucket::sound`], so that none is late.
const NOW: &str = "2026-11-20T07:00:00Z";

/// A copy of a bucket in a folder, and the file of keys.
struct Copy {
    folder: TempDir,
    keys: PathBuf,
}

impl Copy {
    fn of(bucket: &Bucket) -> Copy {
        let folder = tempfile::tempdir().expect("a folder");
        bucket.write(&folder.path().join("copy"));
        let keys = folder.path().join("keys.json");
        std::fs::write(&keys, chain::keys(false).to_string()).expect("keys");
        Copy { folder, keys }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("copy")
    }

    fn verify(&self, more: &[&str]) -> Said {
        verify(&self.path(), &self.keys, more)
    }
}

fn verify(source: &Path, keys: &Path, more: &[&str]) -> Said {
    let mut arguments = vec!["verify", text(source), "--keys", text(keys), "--format", "json"];
    if !more.contains(&"--now") {
        arguments.extend(["--now", NOW]);
    }
    arguments.extend(more);
    snowtrail(&arguments)
}

/// The rows of one kind: `chain`, `fault` or `notice`.
fn rows(said: &Said, kind: &str) -> Vec<Value> {
    said.json().into_iter().filter(|row| row["row"] == kind).collect()
}

/// What is wrong: kind and the object's name, in order.
fn wrong(said: &Said) -> Vec<(String, String)> {
    let name = |row: &Value, column: &str| row[column].as_str().expect("text").to_owned();
    let last = |uri: String| uri.rsplit('/').next().unwrap_or_default().to_owned();
    rows(said, "fault").iter().map(|row| (name(row, "what"), last(name(row, "object")))).collect()
}

/// Through which hour the one chain verifies.
fn through(said: &Said) -> Option<String> {
    rows(said, "chain")[0]["verified_through"].as_str().map(str::to_owned)
}

/// Spoils a sound bucket; exactly this must be told, with exit 3, and the chain proven through that time.
#[track_caller]
fn check(spoil: impl FnOnce(&mut Bucket), expected: &[(&str, &str)], proven_through: Option<&str>) {
    let mut bucket = Bucket::sound();
    spoil(&mut bucket);
    let said = Copy::of(&bucket).verify(&[]).expect_status(if expected.is_empty() { 0 } else { 3 });
    let expected: Vec<(String, String)> = expected
        .iter()
        .map(|(what, key)| ((*what).to_owned(), key.rsplit('/').next().unwrap_or_default().to_owned()))
        .collect();
    assert_eq!(wrong(&said), expected, "{}", said.stdout);
    assert_eq!(through(&said).as_deref(), proven_through, "{}", said.stdout);
}
