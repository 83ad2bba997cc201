//! `snowtrail rules list|show|check`; test, backtest, explain and docs have files of their own.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use jiff::Timestamp;
use snowtrail_lake::{Access, Lake};
use snowtrail_model::policy::{ParameterValue, format_duration};
use snowtrail_rules::Rule;
use snowtrail_rules::check::{check_law, check_scope, check_stock};

use crate::cli::{Format, RuleOptions, Rules};
use crate::commands::{backtest, explain, rules_docs, rules_test};
use crate::exit::Exit;
use crate::output::{self, Usage};
use crate::policy_file::{self, Bound};
use crate::workbench::{self, Horizon};

/// Runs one of the rules commands.
pub async fn run(command: Rules) -> anyhow::Result<Exit> {
    match command {
        Rules::List { rules, format } => list(&policy_file::load(&rules)?, format),
        Rules::Show { id, rules } => show(&id, &policy_file::load(&rules)?),
        Rules::Check { rules } => check(&rules).await,
        Rules::Test { ids, rules, fixtures } => {
            rules_test::run(&ids, &policy_file::load(&rules)?, &fixtures).await
        }
        Rules::Backtest(options) => backtest::run(*options).await,
        Rules::Explain(options) => explain::run(options).await,
        Rules::Docs(options) => rules_docs::run(&options),
    }
}

fn list(bound: &Bound, format: Format) -> anyhow::Result<Exit> {
    let rules: Vec<&Rule> = bound.rules.rules.values().collect();
    let column = |get: &dyn Fn(&Rule) -> String| {
        Arc::new(rules.iter().map(|r| Some(get(r))).collect::<StringArray>()) as arrow::array::ArrayRef
    };
    let enabled = |r: &Rule| bound.policy.rule_settings(&r.header.id).enabled.to_string();
    let batch = RecordBatch::try_from_iter([
        ("rule", column(&|r| r.header.id.clone())),
        ("severity", column(&|r| r.header.severity.to_string())),
        ("enabled", column(&enabled)),
        ("window", column(&|r| format_duration(r.header.window))),
        ("history", column(&|r| format_duration(r.header.history))),
        ("title", column(&|r| r.header.title.clone())),
    ])?;
    output::rows(&[batch], format)?;
    Ok(Exit::Done)
}

fn show(id: &str, bound: &Bound) -> anyhow::Result<Exit> {
    let unknown = || {
        let known: Vec<&str> = bound.rules.rules.keys().map(String::as_str).collect();
        anyhow::Error::new(Usage(format!("there is no rule `{id}`; there are {}", known.join(", "))))
    };
    let rule = bound.rules.rules.get(id).ok_or_else(unknown)?;
    output::data(&described(rule, bound))?;
    Ok(Exit::Done)
}

fn described(rule: &Rule, bound: &Bound) -> String {
    let header = &rule.header;
    let settings = bound.policy.rule_settings(&header.id);
    let mut text = format!(
        "{}: {}\nseverity {}, window {}, history {}, scope {}, enabled {}, ATT&CK {}\nfile {}\n\n{}\n",
        header.id,
        header.title,
        header.severity,
        format_duration(header.window),
        format_duration(header.history),
        header.scope,
        settings.enabled,
        header.attack.join(", "),
        rule.file,
        header.description.trim()
    );
    let list = |title: &str, items: &[String]| {
        let lines: String = items.iter().map(|item| format!("  - {}\n", item.trim())).collect();
        if items.is_empty() { String::new() } else { format!("\n{title}\n{lines}") }
    };
    text.push_str(&list("What to do", &header.runbook));
    text.push_str(&list("Known benign causes", &header.benign));
    text.push_str("\nParameters\n");
    for (name, parameter) in &header.parameters {
        let value = settings.parameters.get(name);
        let shown = value.map_or_else(|| written(&parameter.default), |v| format!("{} (policy)", written(v)));
        let unit = parameter.unit.as_deref().map_or(String::new(), |unit| format!(" {unit}"));
        let own = if parameter.per_secret { " (a contract may set its own)" } else { "" };
        text.push_str(&format!("  {name} = {shown}{unit}{own}\n      {}\n", parameter.description.trim()));
    }
    text.push_str(&format!("\nSQL\n{}\n", rule.sql.trim()));
    text
}

/// A parameter's value as the policy writes it.
pub fn written(value: &ParameterValue) -> String {
    match value {
        ParameterValue::Int(n) => n.to_string(),
        ParameterValue::Float(n) => n.to_string(),
        ParameterValue::Text(text) => format!("{text:?}"),
        ParameterValue::Bool(b) => b.to_string(),
        ParameterValue::Duration(d) => format_duration(*d),
    }
}

/// Checks headers and policy (by loading them), then everything else.
async fn check(options: &RuleOptions) -> anyhow::Result<Exit> {
    let bound = policy_file::load(options)?;
    let mut problems = unlawful(&bound);
    // As for people, because only then every view is planned, needed or not.
    problems.extend(failing(&bound, Horizon::Everything).await?);
    if problems.is_empty() {
        // A worker has fewer tables than people.
        problems.extend(failing(&bound, Horizon::UpToNow).await?);
    }
    for problem in &problems {
        output::note(&format!("error: {problem}"));
    }
    let (rules, views) = (bound.rules.rules.len(), bound.rules.views.len());
    output::data(&format!("checked {rules} rules and {views} views: {} problems\n", problems.len()))?;
    Ok(if problems.is_empty() { Exit::Done } else { Exit::Usage })
}

/// What is wrong with rules that load, as a worker runs them: the law, and what shows when every rule runs over an empty lake.
///
/// # Errors
/// When the empty lake cannot be made.
pub async fn problems(bound: &Bound) -> anyhow::Result<Vec<String>> {
    let mut problems = unlawful(bound);
    problems.extend(failing(bound, Horizon::UpToNow).await?);
    Ok(problems)
}

/// What the law refuses in rules and views.
fn unlawful(bound: &Bound) -> Vec<String> {
    let mut problems: Vec<String> = Vec::new();
    for rule in bound.rules.rules.values() {
        let first_line = header_lines(&rule.file, &rule.sql);
        problems.extend(check_law(&rule.file, &rule.sql, first_line).err().map(|e| e.to_string()));
        problems.extend(check_scope(rule, &bound.rules).err().map(|e| e.to_string()));
    }
    for (file, sql) in bound.rules.views.values() {
        problems.extend(check_stock(file, sql, header_lines(file, sql)).err().map(|e| e.to_string()));
    }
    problems
}

/// Runs every rule over an empty lake, which finds what does not plan and which columns are wrong.
async fn failing(bound: &Bound, horizon: Horizon) -> anyhow::Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let lake = Lake::open(&folder.path().join("lake").display().to_string(), Access::Write).await?;
    let now = Timestamp::now();
    Ok(match workbench::open(&lake, bound, now, horizon).await {
        Ok(engine) => {
            engine.evaluate(now, |_| {}).await.failures.iter().map(|f| output::with_causes(f)).collect()
        }
        Err(error) => vec![output::with_causes(error.as_ref())],
    })
}

/// Lines of a rule's or view's file before its SQL, so that errors name lines of the file.
fn header_lines(file: &str, sql: &str) -> u64 {
    std::fs::read_to_string(file)
        .ok()
        .and_then(|text| text.find(sql).map(|at| text[..at].lines().count() as u64))
        .unwrap_or_default()
}
