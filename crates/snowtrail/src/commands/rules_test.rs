//! `snowtrail rules test`: every rule's fixtures through the whole pipeline, compared with what they expect.
//!
//! A fixture is replayed with all rules; the findings must be exactly those listed, and the rule must give the same in
//! its declared scope. Then the rule's parameters are tightened (a firing case must fall silent) or loosened (a near miss
//! must fire). No fixtures is a failure.

mod scope;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use datafusion::common::runtime::SpawnedTask;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use snowtrail_lake::{Access, Lake};
use snowtrail_model::policy::{ParameterKind, ParameterValue, parse_duration};
use snowtrail_model::{Finding, Policy};
use snowtrail_rules::fixture::{ExpectedFinding, Fixture, fixtures};
use snowtrail_rules::memory::Beside;
use snowtrail_rules::{Rule, RuleSet};

use crate::exit::Exit;
use crate::output::{self, Usage};
use crate::policy_file::{self, Bound};
use crate::workbench::Horizon;
use crate::{intake, progress, workbench};

/// Tests the named rules, or all.
pub async fn run(ids: &[String], bound: &Bound, folder: &Path) -> anyhow::Result<Exit> {
    if let Some(id) = ids.iter().find(|id| !bound.rules.rules.contains_key(*id)) {
        return Err(anyhow::Error::new(Usage(format!(
            "there is no rule `{id}`; `snowtrail rules list` names them"
        ))));
    }
    let mut tally = Tally::default();
    let chosen: Vec<&Rule> =
        bound.rules.rules.values().filter(|r| ids.is_empty() || ids.contains(&r.header.id)).collect();
    let mut cases = Vec::new();
    for rule in chosen {
        let of_rule = fixtures(folder, &rule.header.id)?;
        missing(&rule.header.id, &of_rule, folder).into_iter().for_each(|problem| tally.note(problem));
        cases.extend(of_rule.into_iter().map(|case| (case, rule.clone())));
    }
    let rules = Arc::new(bound.rules.clone());
    let bar = progress::bar(cases.len() as u64, "fixtures");
    let started = cases.into_iter().map(|(case, rule)| {
        let (rules, name) = (Arc::clone(&rules), format!("{}/{}", case.rule, case.name));
        // Planning and running the rules of a fixture takes one core.
        let tested = SpawnedTask::spawn(async move { test_fixture(&case, &rule, &rules).await });
        async move { tested.join_unwind().await?.with_context(|| format!("fixture {name}")) }
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut notes = stream::iter(started).buffered(cores);
    while let Some(some) = notes.try_next().await? {
        some.into_iter().for_each(|problem| tally.note(problem));
        bar.inc(1);
    }
    bar.finish_and_clear();
    for problem in &tally.problems {
        output::note(&format!("failed: {problem}"));
    }
    output::data(&format!("{} passed, {} failed\n", tally.passed, tally.problems.len()))?;
    Ok(if tally.problems.is_empty() { Exit::Done } else { Exit::Findings })
}

#[derive(Default)]
struct Tally {
    passed: usize,
    problems: Vec<String>,
}

impl Tally {
    fn note(&mut self, problem: Option<String>) {
        match problem {
            None => self.passed += 1,
            Some(problem) => self.problems.push(problem),
        }
    }
}

/// What a rule's fixtures lack: each kind that must be there, and what is said where it is not.
fn missing(id: &str, cases: &[Fixture], folder: &Path) -> [Option<String>; 4] {
    let lacks = |is_there: bool, what: &str| {
        (!is_there).then(|| format!("{id}: no fixture {what} under `{}`", folder.join(id).display()))
    };
    [
        lacks(cases.iter().any(|c| c.fires), "that fires"),
        lacks(cases.iter().any(|c| !c.fires), "that stays quiet"),
        lacks(cases.iter().any(|c| !c.expect.tighten.is_empty()), "with [tighten]"),
        lacks(cases.iter().any(|c| !c.expect.loosen.is_empty()), "with [loosen]"),
    ]
}

/// What was asked of a fixture: none where it is right, else what is wrong.
async fn test_fixture(case: &Fixture, rule: &Rule, rules: &RuleSet) -> anyhow::Result<Vec<Option<String>>> {
    let mut notes = Vec::new();
    let policy = match &case.policy {
        Some(file) => policy_file::policy(file, rules)?,
        None => Policy::default(),
    };
    let folder = tempfile::tempdir()?;
    let mut lake = Lake::open(&folder.path().join("lake").display().to_string(), Access::Write).await?;
    let report = intake::take_in(&mut lake, std::slice::from_ref(&case.log) as &[PathBuf]).await?;
    let now = match case.expect.now {
        Some(now) => now,
        None => workbench::newest_event(&lake).await?,
    };
    let place = format!("{}/{}", case.rule, case.name);
    let rejected = report.rejects + report.remarks;
    notes.push((rejected > 0).then(|| format!("{place}: {rejected} rejects; a fixture has none")));
    let bound = Bound { rules: rules.clone(), policy };
    let engine = workbench::open_for(&lake, &bound, now, Horizon::UpToNow, Some(Beside::Nothing)).await?;
    let found = engine.evaluate(now, |_| {}).await.findings;
    notes.push(difference(&place, &case.expect.findings, &found));
    let scoped = scope::difference(&engine, rule, &found).await?;
    notes.push(scoped.map(|text| format!("{place}: {text}")));
    let altered = if case.fires { &case.expect.tighten } else { &case.expect.loosen };
    if !altered.is_empty() {
        let fired =
            fires(&lake, rules, rule, altered_policy(bound.policy.clone(), rule, altered)?, now).await?;
        let (wanted, word) = if case.fires { (false, "tightened") } else { (true, "loosened") };
        let verb = if wanted { "stays silent" } else { "still fires" };
        notes.push((fired != wanted).then(|| format!("{place}: {word} with {altered}, the rule {verb}")));
    }
    Ok(notes)
}

/// Whether one rule fires, without the others.
async fn fires(
    lake: &Lake,
    rules: &RuleSet,
    rule: &Rule,
    policy: Policy,
    now: Timestamp,
) -> anyhow::Result<bool> {
    let bound = Bound { rules: rules.only(|id| id == rule.header.id), policy };
    let engine = workbench::open(lake, &bound, now, Horizon::UpToNow).await?;
    Ok(!engine.run(rule, now).await?.is_empty())
}

fn difference(place: &str, expected: &[ExpectedFinding], found: &[Finding]) -> Option<String> {
    let expected: BTreeSet<ExpectedFinding> = expected.iter().cloned().collect();
    let found: BTreeSet<ExpectedFinding> = found
        .iter()
        .map(|f| ExpectedFinding { rule: f.rule.clone(), key: f.key.clone(), severity: f.severity })
        .collect();
    if expected == found {
        return None;
    }
    let list = |title: &str, keys: Vec<&ExpectedFinding>| {
        let lines: String = keys.iter().map(|f| format!("\n    {title} {} {}", f.severity, f.key)).collect();
        lines
    };
    let missing = list("missing", expected.difference(&found).collect());
    Some(format!("{place}:{missing}{}", list("unexpected", found.difference(&expected).collect())))
}

fn altered_policy(mut policy: Policy, rule: &Rule, altered: &toml::Table) -> anyhow::Result<Policy> {
    let settings = policy.rules.entry(rule.header.id.clone()).or_default();
    for (name, value) in altered {
        let kind = rule.header.parameters.get(name).map(|p| p.kind);
        let kind = kind.with_context(|| format!("rule `{}` has no parameter `{name}`", rule.header.id))?;
        settings.parameters.insert(name.clone(), value_of(kind, value)?);
    }
    Ok(policy)
}

fn value_of(kind: ParameterKind, value: &toml::Value) -> anyhow::Result<ParameterValue> {
    let wrong = || anyhow::anyhow!("`{value}` does not fit the parameter");
    Ok(match kind {
        ParameterKind::Int => ParameterValue::Int(value.as_integer().ok_or_else(wrong)?),
        ParameterKind::Float => ParameterValue::Float(value.as_float().ok_or_else(wrong)?),
        ParameterKind::Text => ParameterValue::Text(value.as_str().ok_or_else(wrong)?.to_owned()),
        ParameterKind::Bool => ParameterValue::Bool(value.as_bool().ok_or_else(wrong)?),
        ParameterKind::Duration => {
            let text = value.as_str().ok_or_else(wrong)?;
            ParameterValue::Duration(parse_duration(text).map_err(|message| anyhow::anyhow!(message))?)
        }
    })
}
