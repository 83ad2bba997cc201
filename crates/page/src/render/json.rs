//! A page as one line of JSON, every column present, nulls explicit.
//!
//! Written in ASCII: JSON's own escapes leave direction overrides and invisible characters as they are, and this
//! line may well end in a terminal. Texts are the finding's own, not escaped for people: a program compares them.

use super::evidence;
use super::measure::{DETAIL_BYTES_MAX, KEY_BYTES_MAX, Measure, NAME_BYTES_MAX, clipped};
use crate::page::Page;
use serde_json::{Value, json};
use snowtrail_model::Finding;
use std::fmt::Write;

/// Bytes of a key or title in the line that tells a finding after the first few.
const LINE_BYTES_MAX: usize = 1024;

/// Bytes of an event id; CloudTrail's have 36.
const ID_BYTES_MAX: usize = 128;

/// The page as one line of JSON in ASCII, without a line break. Times are RFC 3339 in UTC; `detail` is an object
/// where the finding's is one. What is left out is counted: `evidence_left_out` (and `evidence_query` shows it),
/// `more_findings` (in a line each), `findings_left_out`; `cut` names a finding's columns that were shortened.
pub(super) fn write(page: &Page, measure: &Measure) -> String {
    let lead = page.findings.iter().take(1).map(|finding| (finding, KEY_BYTES_MAX, DETAIL_BYTES_MAX));
    let others = page.findings.iter().take(measure.findings).skip(1);
    let others = others.map(|finding| (finding, NAME_BYTES_MAX, measure.detail_bytes));
    let mut room = measure.evidence;
    let whole = lead.chain(others).map(|(finding, key_bytes, detail_bytes)| {
        let shown = finding.evidence.len().min(room);
        room -= shown;
        one_finding(finding, measure, Bounds { key_bytes, detail_bytes, shown })
    });
    let value = json!({
        "dedupe_key": page.dedupe_key,
        "kind": page.kind.to_string(),
        "thread": page.thread,
        "opened_at": page.opened_at.map(|at| at.to_string()),
        "severity": page.severity.as_str(),
        "subject": page.subject,
        "owner": page.owner.as_deref().map(|owner| clipped(owner, NAME_BYTES_MAX)),
        "route": page.route.as_ref().map(|route| clipped(&route.to_string(), NAME_BYTES_MAX)),
        "findings": whole.collect::<Vec<_>>(),
        "more_findings": lines(page, measure),
        "findings_left_out": left_out(page, measure),
        "evidence_query": evidence::query(page),
    });
    ascii(&value.to_string())
}

/// What bounds one finding.
struct Bounds {
    key_bytes: usize,
    detail_bytes: usize,
    /// Event ids told.
    shown: usize,
}

fn one_finding(finding: &Finding, measure: &Measure, bounds: Bounds) -> Value {
    let mut cut = Vec::<&str>::new();
    let mut text = |column: &'static str, text: &str, bytes_max: usize| {
        let short = clipped(text, bytes_max);
        cut.extend((short != text).then_some(column));
        short
    };
    let mut name = |column, value: &Option<String>| value.as_deref().map(|v| text(column, v, NAME_BYTES_MAX));
    let [account, region] =
        [name("account_id", &finding.account_id), name("aws_region", &finding.aws_region)];
    let [arn, secret] = [name("secret_arn", &finding.secret_arn), name("secret_name", &finding.secret_name)];
    let [principal, actor] = [name("principal", &finding.principal), name("actor", &finding.actor)];
    let mut value = json!({
        "rule": text("rule", &finding.rule, NAME_BYTES_MAX),
        "severity": finding.severity.as_str(),
        "key": text("key", &finding.key, bounds.key_bytes),
        "state": finding.state.as_str(),
        "revision": finding.revision,
        "title": text("title", &finding.title, measure.text_bytes),
        "summary": text("summary", &finding.summary, measure.text_bytes),
        "account_id": account,
        "aws_region": region,
        "secret_arn": arn,
        "secret_name": secret,
        "principal": principal,
        "actor": actor,
        "window_start": finding.window_start.to_string(),
        "window_end": finding.window_end.to_string(),
        "resolved_at": finding.resolved_at().map(|at| at.to_string()),
        "observed": text("observed", &finding.observed, measure.text_bytes),
        "expected": text("expected", &finding.expected, measure.text_bytes),
        "evidence": ids(finding, bounds.shown),
        "evidence_left_out": finding.evidence.len() - bounds.shown,
        "detail": null,
        "found_at": finding.found_at.to_string(),
    });
    match detail(finding, bounds.detail_bytes) {
        Some(detail) => value["detail"] = detail,
        None => cut.push("detail"),
    }
    value["cut"] = json!(cut);
    value
}

fn ids(finding: &Finding, shown: usize) -> Vec<String> {
    finding.evidence.iter().take(shown).map(|id| clipped(id, ID_BYTES_MAX)).collect()
}

/// The finding's `detail` as an object, or as text where it is none; nothing where it is too large.
pub(super) fn detail(finding: &Finding, bytes_max: usize) -> Option<Value> {
    // Parsing costs more than the bound allows to be written; escapes only make it longer.
    if finding.detail.len() > 4 * DETAIL_BYTES_MAX {
        return None;
    }
    let detail =
        serde_json::from_str(&finding.detail).unwrap_or_else(|_| Value::from(finding.detail.as_str()));
    (ascii(&detail.to_string()).len() <= bytes_max).then_some(detail)
}

/// The findings after those that are told whole, as far as they are told at all.
pub(super) fn lines(page: &Page, measure: &Measure) -> Vec<Value> {
    let rest = page.findings.iter().skip(measure.findings).take(measure.lines);
    let line = |finding: &Finding| {
        json!({
            "key": clipped(&finding.key, LINE_BYTES_MAX),
            "rule": clipped(&finding.rule, LINE_BYTES_MAX / 4),
            "severity": finding.severity.as_str(),
            "title": clipped(&finding.title, LINE_BYTES_MAX),
        })
    };
    rest.map(line).collect()
}

pub(super) fn left_out(page: &Page, measure: &Measure) -> usize {
    page.findings.len().saturating_sub(measure.findings.saturating_add(measure.lines))
}

/// Outside of strings JSON is ASCII already, so every other character stands where an escape may.
pub(super) fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() && c != '\u{7f}' {
            text.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    text
}
