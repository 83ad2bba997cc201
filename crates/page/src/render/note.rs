//! What a page says beside its findings: what became of them, in sentences that text and chat share.

use super::time;
use crate::kind::PageKind;
use crate::page::Page;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use snowtrail_model::policy::format_duration;
use snowtrail_model::{Finding, FindingState};

/// The sentences, most important first; none in an ordinary page.
pub(super) fn notes(page: &Page, zone: &TimeZone) -> Vec<String> {
    let first_paged =
        page.opened_at.map(|at| format!("People were paged first at {}.", time::instant(at, zone)));
    let mut notes = Vec::new();
    match page.kind {
        PageKind::Withdrawn => {
            let why = "late events or a changed policy took its ground away, so there is nothing to do";
            notes.push(format!("This was paged before and never held: {why}."));
        }
        PageKind::Resolved => {
            notes.push(
                "It has ended. If nobody knows why it happened, find out before you close it.".to_owned(),
            );
        }
        PageKind::Reminder(_) => {
            notes.push("Nothing has ended it since, and the policy does not silence it.".to_owned());
        }
        PageKind::Opened | PageKind::Summary | PageKind::Escalated => {
            notes.extend(withdrawn_since(page));
            notes.extend(over_since(page, zone));
        }
    }
    notes.extend(first_paged);
    notes
}

/// Only where a page was planned, not sent, and its ground taken away before it was.
fn withdrawn_since(page: &Page) -> Option<String> {
    let is_withdrawn = |finding: &&Finding| finding.state == FindingState::Withdrawn;
    let count = page.findings.iter().filter(is_withdrawn).count();
    let whole = if page.findings.len() == 1 { "It".to_owned() } else { format!("{count} of these findings") };
    (count > 0).then(|| format!("{whole} no longer holds: withdrawn before this page could be sent."))
}

fn over_since(page: &Page, zone: &TimeZone) -> Option<String> {
    let over = page.findings.iter().filter_map(Finding::resolved_at).collect::<Vec<_>>();
    let last = over.iter().max()?;
    let last = time::instant(*last, zone);
    Some(match (over.len(), page.findings.len()) {
        (_, 1) => format!("It is over since {last}."),
        (over, all) if over == all => format!("All of it is over since {last}."),
        (over, all) => format!("{over} of these {all} findings are over, the last since {last}."),
    })
}

/// When a finding began and ended, and how long that was.
pub(super) fn lasted(finding: &Finding, end: Timestamp, zone: &TimeZone) -> String {
    let begin = finding.window_start;
    let length = end.duration_since(begin).max(SignedDuration::ZERO);
    let (begin, end) = (time::instant(begin, zone), time::instant(end, zone));
    format!("began {begin}, ended {end}, lasted {}", format_duration(length))
}
