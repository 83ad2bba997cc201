//! `snowtrail rules test`: every rule's fixtures through the whole pipeline, compared with what they expect.
//!
//! A fixture is replayed with all rules; the findings must be exactly those listed, and the rule must give the same in
//! its declared scope. Then the rule's parameters are tightened (a firing case must fall silent) or loosened (a near miss
//! must fire). No fixtures is a failure.

mod scope;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use snowtrail_lake::{Access, Lake};
use snowtrail_model::policy::{ParameterKind, ParameterValue, parse_duration};
use snowtrail_model::{Finding, Policy};
use snowtrail_rules::fixture::{ExpectedFinding, Fixture, fixtures};
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
    let bar = progress::bar(chosen.len() as u64, "rules");
    for rule in chosen {
        bar.set_message(rule.header.id.clone());
        test_rule(rule, &bound.rules, folder, &mut tally).await?;
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

async fn test_rule(rule: &Rule, rules: &RuleSet, folder: &Path, tally: &mut Tally) -> anyhow::Result<()> {
    let id = &rule.header.id;
    let cases = fixtures(folder, id)?;
    let (tightened, loosened) = (
        cases.iter().any(|c| !c.expect.tighten.is_empty()),
        cases.iter().any(|c| !c.expect.loosen.is_empty()),
    );
    let lacks = |what: &str| Some(format!("{id}: no fixture {what} under `{}`", folder.join(id).display()));
    tally.note(if cases.iter().any(|c| c.fires) { None } else { lacks("that fires") });
    tally.note(if cases.iter().any(|c| !c.fires) { None } else { lacks("that stays quiet") });
    tally.note(if tightened { None } else { lacks("with [tighten]") });
    tally.note(if loosened { None } else { lacks("with [loosen]") });
    for case in &cases {
        test_fixture(case, rule, rules, tally)
            .await
            .with_context(|| format!("fixture {id}/{}", case.name))?;
    }
    Ok(())
}

async fn test_fixture(case: &Fixture, rule: &Rule, rules: &RuleSet, tally: &mut Tally) -> anyhow::Result<()> {
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
    tally.note((rejected > 0).then(|| format!("{place}: {rejected} rejects; a fixture has none")));
    let bound = Bound { rules: rules.clone(), policy };
    let engine = workbench::open_for(&lake, &bound, now, Horizon::UpToNow, true).await?;
    let found = engine.evaluate(now, |_| {}).await.findings;
    tally.note(difference(&place, &case.expect.findings, &found));
    let scoped = scope::difference(&engine, rule, &found).await?;
    tally.note(scoped.map(|text| format!("{place}: {text}")));
    let altered = if case.fires { &case.expect.tighten } else { &case.expect.loosen };
    if !altered.is_empty() {
        let fired =
            fires(&lake, rules, rule, altered_policy(bound.policy.clone(), rule, altered)?, now).await?;
        let (wanted, word) = if case.fires { (false, "tightened") } else { (true, "loosened") };
        let verb = if wanted { "stays silent" } else { "still fires" };
        tally.note((fired != wanted).then(|| format!("{place}: {word} with {altered}, the rule {verb}")));
    }
    Ok(())
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
