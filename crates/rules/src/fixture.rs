//! A rule's fixtures: log files that fire and near misses that do not, with what they expect.
//!
//! `testdata/rules/<id>/fires-*.json[.gz]` and `quiet-*.json[.gz]`, each with an `.expect` and optionally a policy
//! `.toml` of the same name. This module reads the expectations; the binary replays the logs.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;
use snowtrail_model::Severity;

use crate::error::{Result, RuleError};

/// One fixture.
#[derive(Debug, Clone)]
pub struct Fixture {
    /// The rule that it is about: the folder's name.
    pub rule: String,
    /// The file's name without extensions.
    pub name: String,
    /// The log file.
    pub log: PathBuf,
    /// The policy file, if there is one.
    pub policy: Option<PathBuf>,
    /// Whether the rule must fire.
    pub fires: bool,
    /// What is expected.
    pub expect: Expect,
}

/// What a fixture expects.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// `now`; the newest event's time where it is not given.
    pub now: Option<Timestamp>,
    /// All findings, of all rules.
    #[serde(default)]
    pub findings: Vec<ExpectedFinding>,
    /// Parameters of the rule under which a firing case must stay silent.
    #[serde(default)]
    pub tighten: toml::Table,
    /// Parameters of the rule under which a near miss must fire.
    #[serde(default)]
    pub loosen: toml::Table,
}

/// One expected finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedFinding {
    /// Its rule.
    pub rule: String,
    /// Its exact key.
    pub key: String,
    /// Its severity.
    #[serde(deserialize_with = "severity")]
    pub severity: Severity,
}

fn severity<'de, D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Severity, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

/// The fixtures of one rule, in the order of their names.
///
/// # Errors
/// When the folder cannot be read, or an expectation is missing or wrong.
pub fn fixtures(folder: &Path, rule: &str) -> Result<Vec<Fixture>> {
    let folder = folder.join(rule);
    let failed = |source| RuleError::Read { path: folder.display().to_string(), source };
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in folder.read_dir().map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    paths.iter().filter_map(|log| fixture(rule, log).transpose()).collect()
}

fn fixture(rule: &str, log: &Path) -> Result<Option<Fixture>> {
    let file = log.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let Some(name) = file.strip_suffix(".json").or_else(|| file.strip_suffix(".json.gz")) else {
        return Ok(None);
    };
    let fires = name.starts_with("fires-");
    if !fires && !name.starts_with("quiet-") {
        let message = "a fixture's name starts with `fires-` or `quiet-`".to_owned();
        return Err(RuleError::Law { file: log.display().to_string(), message });
    }
    let beside = |extension: &str| log.with_file_name(format!("{name}.{extension}"));
    let expect = beside("expect");
    let text = std::fs::read_to_string(&expect)
        .map_err(|source| RuleError::Read { path: expect.display().to_string(), source })?;
    let wrong =
        |e: toml::de::Error| RuleError::Header { file: expect.display().to_string(), message: e.to_string() };
    let policy = Some(beside("toml")).filter(|p| p.is_file());
    Ok(Some(Fixture {
        rule: rule.to_owned(),
        name: name.to_owned(),
        log: log.to_path_buf(),
        policy,
        fires,
        expect: toml::from_str(&text).map_err(wrong)?,
    }))
}
