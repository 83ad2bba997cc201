//! The event ids behind a page, and the command that shows the events.
//!
//! Event ids and findings' keys come from records, which anybody may have written, so neither stands in the command:
//! it asks the lake by the page's own key, which is a hash. That is short, shows all evidence however much there
//! is, and is stricter than quoting. It relies on the page's planned row, which is written before the page is sent.

use super::measure::Measure;
use crate::escape::{NAME_CHARS_MAX, inert, shell_word};
use crate::page::Page;
use std::collections::BTreeSet;

/// Event ids listed in a text; the rest is counted, and the command shows them all.
pub const EVIDENCE_SHOWN_MAX: usize = 5;

/// What a person wants to see of an event first.
const COLUMNS: &str = "event_time, event_name, outcome, principal, actor, source_ip, user_agent, event_id";

/// The distinct event ids of all findings, in order.
pub(super) fn ids(page: &Page) -> BTreeSet<&str> {
    page.findings.iter().flat_map(|finding| &finding.evidence).map(String::as_str).collect()
}

pub(super) fn write(page: &Page, lake: &str, measure: &Measure, text: &mut String) {
    let ids = ids(page);
    if ids.is_empty() {
        text.push_str("\nEvidence: no event, as where something did not happen\n");
        return;
    }
    let noun = if ids.len() == 1 { "event" } else { "events" };
    text.push_str(&format!("\nEvidence ({} {noun})\n", ids.len()));
    let shown = EVIDENCE_SHOWN_MAX.min(measure.evidence);
    for id in ids.iter().take(shown) {
        text.push_str(&format!("  {}\n", inert(id, NAME_CHARS_MAX)));
    }
    if ids.len() > shown {
        text.push_str(&format!("  and {} more\n", ids.len() - shown));
    }
    text.push_str(&format!("Show all of it with\n  {}\n", command(page, lake)));
}

/// The command for a shell.
pub(super) fn command(page: &Page, lake: &str) -> String {
    format!("snowtrail sql --lake {} \"{}\"", shell_word(lake), query(page))
}

/// The query alone. Earlier revisions of the findings count too: what once was evidence is worth a look.
pub(super) fn query(page: &Page) -> String {
    let key = page.dedupe_key.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect::<String>();
    let keys = format!("SELECT unnest(finding_keys) FROM pages WHERE dedupe_key = '{key}'");
    let ids = format!("SELECT unnest(evidence) FROM findings_history WHERE key IN ({keys})");
    format!("SELECT {COLUMNS} FROM events WHERE event_id IN ({ids}) ORDER BY event_time, event_id")
}
