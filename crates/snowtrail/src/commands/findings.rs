//! Findings as a command delivers them: printed, paged, and turned into an exit status.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use snowtrail_lake::Lake;
use snowtrail_model::Finding;
use snowtrail_page::PublishTarget;
use snowtrail_page::escape::{LINE_CHARS_MAX, NAME_CHARS_MAX, terminal};

use crate::cli::{FindingOptions, Format};
use crate::detector::Detection;
use crate::exit::Exit;
use crate::output::{self, Usage};
use crate::pager::Pager;
use crate::places::RealPlaces;
use crate::policy_file::Bound;

/// Prints the findings, sends pages if there is a target, and says how to exit.
pub async fn deliver(
    lake: &mut Lake,
    bound: &Arc<Bound>,
    detection: &Detection,
    options: &FindingOptions,
    now: Timestamp,
) -> anyhow::Result<Exit> {
    let target = options.publish.as_deref().map(PublishTarget::parse).transpose();
    let target = target.map_err(|message| anyhow::Error::new(Usage(message)))?;
    output::data(&printed(&detection.findings, options.format)?)?;
    tell(detection);
    let mut failed = !detection.failures.is_empty();
    if let Some(target) = target {
        let mut paged_about = detection.findings.clone();
        let open: std::collections::HashSet<&str> =
            detection.findings.iter().map(|f| f.key.as_str()).collect();
        paged_about.extend(detection.revisions.iter().filter(|f| !open.contains(f.key.as_str())).cloned());
        let places = Arc::new(RealPlaces::for_target(&target).await);
        let paged = Pager::new(Arc::clone(bound), target, places).run(lake, Some(&paged_about), now).await?;
        for failure in &paged.failures {
            output::error(failure);
        }
        output::note(&format!(
            "sent {} pages; {} findings are recorded without one",
            paged.sent, paged.recorded
        ));
        failed |= paged.failed > 0;
    }
    let worst = detection.findings.iter().map(|f| f.severity).max();
    let alarming = options.fail_on.is_some_and(|floor| worst.is_some_and(|worst| worst >= floor));
    Ok(match (failed, alarming) {
        (true, _) => Exit::Failed,
        (false, true) => Exit::Findings,
        (false, false) => Exit::Done,
    })
}

fn tell(detection: &Detection) {
    for failure in &detection.failures {
        output::error(&anyhow::anyhow!("{}", chain(failure)));
    }
    let open = detection.findings.len();
    let withdrawn =
        detection.revisions.iter().filter(|f| f.state == snowtrail_model::FindingState::Withdrawn).count();
    output::note(&format!(
        "{open} open findings; {} changed with this run, {withdrawn} of them withdrawn",
        detection.revisions.len()
    ));
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", chain(cause)),
        None => error.to_string(),
    }
}

fn printed(findings: &[Finding], format: Format) -> anyhow::Result<String> {
    match format {
        Format::Table => Ok(findings.iter().map(card).collect()),
        Format::Json => Ok(findings.iter().map(|f| format!("{}\n", Value::Object(object(f)))).collect()),
        Format::Csv => csv(findings),
    }
}

/// A finding in four lines: when and what, where and who, seen against expected, and its key.
fn card(finding: &Finding) -> String {
    let name = |text: &Option<String>| text.as_deref().map(|t| terminal(t, NAME_CHARS_MAX));
    let what = terminal(&finding.title, LINE_CHARS_MAX);
    let secret = name(&finding.secret_name).unwrap_or_else(|| "(no one secret)".to_owned());
    let who = name(&finding.principal).unwrap_or_else(|| "(nobody named)".to_owned());
    let actor = name(&finding.actor).map_or(String::new(), |actor| format!(" as {actor}"));
    format!(
        "{:<8} {}  {:<20} {what}\n         {secret}  ←  {who}{actor}\n         observed {}; expected {}\n         {}\n\n",
        finding.severity.as_str().to_uppercase(),
        minute(finding.window_start),
        finding.rule,
        terminal(&finding.observed, LINE_CHARS_MAX),
        terminal(&finding.expected, LINE_CHARS_MAX),
        terminal(&finding.key, LINE_CHARS_MAX),
    )
}

/// `2026-11-03 18:00Z`.
fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%MZ").to_string()
}

/// Every column of the `findings` table, nulls explicit, `detail` as an object.
pub fn object(finding: &Finding) -> Map<String, Value> {
    let detail: Value = serde_json::from_str(&finding.detail).unwrap_or_else(|_| json!({}));
    let value = json!({
        "rule": finding.rule,
        "severity": finding.severity.as_str(),
        "key": finding.key,
        "state": finding.state.as_str(),
        "revision": finding.revision,
        "title": finding.title,
        "summary": finding.summary,
        "account_id": finding.account_id,
        "aws_region": finding.aws_region,
        "secret_arn": finding.secret_arn,
        "secret_name": finding.secret_name,
        "principal": finding.principal,
        "actor": finding.actor,
        "window_start": finding.window_start.to_string(),
        "window_end": finding.window_end.to_string(),
        "observed": finding.observed,
        "expected": finding.expected,
        "evidence": finding.evidence,
        "detail": detail,
        "found_at": finding.found_at.to_string(),
    });
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn csv(findings: &[Finding]) -> anyhow::Result<String> {
    let mut lines = String::new();
    for (position, finding) in findings.iter().enumerate() {
        let object = object(finding);
        if position == 0 {
            lines.push_str(&format!("{}\n", object.keys().cloned().collect::<Vec<_>>().join(",")));
        }
        let cells = object.values().map(|value| match value {
            Value::Null => String::new(),
            Value::String(text) => quoted(text),
            other => quoted(&other.to_string()),
        });
        lines.push_str(&format!("{}\n", cells.collect::<Vec<_>>().join(",")));
    }
    Ok(lines)
}

/// RFC 4180, and no cell that a spreadsheet would run as a formula.
pub fn quoted(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    format!("\"{}\"", text.replace('"', "\"\""))
}
