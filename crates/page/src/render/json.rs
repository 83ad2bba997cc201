//! A page as one line of JSON, every column present, nulls explicit.
//!
//! Written in ASCII: JSON's own escapes leave direction overrides and invisible characters as they are, and this
//! line may well end in a terminal.

use crate::page::Page;
use serde_json::{Value, json};
use snowtrail_model::Finding;
use std::fmt::Write;

/// The page as one line of JSON in ASCII, without a line break. Times are RFC 3339 in UTC; `detail` is an object
/// where the finding's is one.
pub fn render_json(page: &Page) -> String {
    let value = json!({
        "dedupe_key": page.dedupe_key,
        "kind": page.kind.to_string(),
        "severity": page.severity.as_str(),
        "subject": page.subject,
        "owner": page.owner,
        "route": page.route.as_ref().map(ToString::to_string),
        "findings": page.findings.iter().map(finding).collect::<Vec<_>>(),
    });
    ascii(&value.to_string())
}

fn finding(finding: &Finding) -> Value {
    let detail =
        serde_json::from_str(&finding.detail).unwrap_or_else(|_| Value::from(finding.detail.as_str()));
    json!({
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
    })
}

/// Outside of strings JSON is ASCII already, so every other character stands where an escape may.
fn ascii(json: &str) -> String {
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
