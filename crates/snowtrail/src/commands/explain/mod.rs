//! `snowtrail rules explain`: everything that a lake and the rules know about one finding.

mod gathered;
mod nearest;
mod own;
mod severity;
mod told;

use jiff::SignedDuration;
use serde_json::{Value, json};
use snowtrail_lake::{Access, Lake};
use snowtrail_page::escape::{KEY_CHARS_MAX, escape_inline, terminal};
use snowtrail_rules::Rule;
use snowtrail_rules::answers::{Row, rows};

use crate::cli::{Explain, Explained};
use crate::commands::rules::written;
use crate::exit::Exit;
use crate::output::{self, Usage};
use crate::policy_file::{self, Bound};
use crate::{location, workbench};
use gathered::{Gathered, Revision};
use own::Own;

/// Gathers, explains.
pub async fn run(options: Explain) -> anyhow::Result<Exit> {
    let bound = policy_file::load(&options.rules)?;
    let lake = location::open(&options.lake.lake, Access::Read).await?;
    let gathered = match gather(&lake, &bound, &options.key).await? {
        Some(gathered) => gathered,
        None => return Err(unknown(&lake, &bound, &options.key).await?),
    };
    let rule = gathered.revisions.last().and_then(|newest| bound.rules.rules.get(newest.text("rule")));
    let own = match (rule, gathered.revisions.last()) {
        (Some(rule), Some(newest)) => own::of(&lake, &bound, rule, newest).await?,
        _ => None,
    };
    output::data(&match options.format {
        Explained::Text => told::text(&gathered, rule, &bound, own.as_ref()),
        Explained::Json => format!("{}\n", object(&gathered, rule, &bound, own.as_ref())),
    })?;
    Ok(Exit::Done)
}

/// What is known, by the key as it is or as findings and pages show it, with escapes in it.
async fn gather(lake: &Lake, bound: &Bound, key: &str) -> anyhow::Result<Option<Gathered>> {
    let session = workbench::reading(lake).await?;
    let history =
        |rule: &str| bound.rules.rules.get(rule).map_or(SignedDuration::ZERO, |rule| rule.header.history);
    if let Some(gathered) = gathered::gather(lake, &session, key, history).await? {
        return Ok(Some(gathered));
    }
    if !key.contains('\\') {
        return Ok(None);
    }
    match keys(lake).await?.iter().find(|known| escape_inline(known) == key) {
        Some(meant) => gathered::gather(lake, &session, meant, history).await,
        None => Ok(None),
    }
}

async fn keys(lake: &Lake) -> anyhow::Result<Vec<String>> {
    let session = workbench::reading(lake).await?;
    let keys = rows(&session, "SELECT DISTINCT key FROM findings_history").await?;
    Ok(keys.iter().map(|row: &Row| row.text(0)).collect())
}

async fn unknown(lake: &Lake, bound: &Bound, key: &str) -> anyhow::Result<anyhow::Error> {
    let known = keys(lake).await?;
    let asked = terminal(key, KEY_CHARS_MAX);
    let mut message = format!("no finding in `{}` has the key `{asked}`", lake.uri());
    if known.is_empty() {
        message.push_str("; it holds no findings at all: `snowtrail detect --lake …` makes them");
    } else {
        message.push_str("; the nearest are");
        nearest::nearest(key, &known)
            .iter()
            .for_each(|near| message.push_str(&format!("\n  {}", terminal(near, KEY_CHARS_MAX))));
    }
    if bound.rules.rules.contains_key(key) {
        message.push_str(&format!(
            "\n  hint: `{asked}` is a rule; `snowtrail rules show {asked}` tells of rules"
        ));
    }
    Ok(anyhow::Error::new(Usage(message)))
}

/// Everything as one object. JSON escapes what a terminal would obey; texts are whole.
fn object(gathered: &Gathered, rule: Option<&Rule>, bound: &Bound, own: Option<&Own<'_>>) -> Value {
    let columns = |columns: &[(&'static str, Option<String>)]| -> Value {
        let pairs = columns.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
        Value::Object(pairs.collect())
    };
    let revision = |revision: &Revision| {
        let mut object = columns(&revision.columns);
        object["revision"] = json!(revision.number);
        object["evidence"] = json!(revision.evidence);
        object["detail"] = revision.detail.clone();
        object
    };
    let newest = gathered.revisions.last();
    let why = newest.map(|newest| severity::why(newest.text("severity"), &newest.detail, rule));
    let page = |page: &gathered::Page| {
        let row = &page.row;
        json!({
            "dedupe_key": row.dedupe_key, "kind": row.kind, "state": row.state, "severity": row.severity,
            "subject": row.subject, "target": row.target, "owner": row.owner, "finding_keys": row.finding_keys,
            "planned_at": page.planned_at.map(|at| at.to_string()),
            "sent_at": (row.state == "sent").then(|| row.sent_at.to_string()),
        })
    };
    let related = |other: &gathered::Related| {
        json!({
            "key": other.key, "rule": other.rule, "severity": other.severity, "state": other.state,
            "title": other.title, "window_start": other.window_start, "shares": other.shares,
        })
    };
    json!({
        "finding": newest.map(revision),
        "severity_why": why,
        "rule": rule.map(|rule| rule_object(rule, bound, own)),
        "revisions": gathered.revisions.iter().map(revision).collect::<Vec<_>>(),
        "events": gathered.events.iter().map(|event| columns(&event.columns)).collect::<Vec<_>>(),
        "events_missing": gathered.missing,
        "pages": gathered.pages.iter().map(page).collect::<Vec<_>>(),
        "related": gathered.related.iter().map(related).collect::<Vec<_>>(),
        "related_unnamed": gathered.related_unnamed,
    })
}

fn rule_object(rule: &Rule, bound: &Bound, own: Option<&Own<'_>>) -> Value {
    let header = &rule.header;
    let settings = bound.policy.rule_settings(&header.id);
    let parameter = |(name, parameter): (&String, &snowtrail_rules::header::Parameter)| {
        let set = settings.parameters.get(name);
        let contract = own.and_then(|own| own.set.get(name));
        let value = contract.or(set).unwrap_or(&parameter.default);
        json!({
            "name": name, "value": written(value), "default": written(&parameter.default),
            "set_by_policy": set.is_some(), "set_by_contract": contract.is_some(), "unit": parameter.unit, "description": parameter.description.trim(),
        })
    };
    json!({
        "id": header.id, "title": header.title, "severity": header.severity.as_str(),
        "description": header.description.trim(), "runbook": header.runbook, "benign": header.benign,
        "attack": header.attack, "enabled": settings.enabled,
        "parameters": header.parameters.iter().map(parameter).collect::<Vec<_>>(),
    })
}
