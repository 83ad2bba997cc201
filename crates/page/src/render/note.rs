//! What a page says beside its findings: what became of them, in sentences that text and chat share.

use super::{RenderInputs, time};
use crate::kind::PageKind;
use crate::page::Page;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use snowtrail_model::policy::format_duration;
use snowtrail_model::{Finding, FindingState};

/// The sentences, most important first; none in an ordinary page.
pub(super) fn notes(page: &Page, inputs: &RenderInputs<'_>) -> Vec<String> {
    let zone = &inputs.policy.calendar.timezone;
    let mut notes = Vec::new();
    match page.kind {
        PageKind::Withdrawn => {
            let why = "late events or a changed policy took its ground away";
            notes.push(format!("Stand down: this no longer holds, because {why}."));
        }
        PageKind::Resolved => {
            notes.push(
                "It has ended. If nobody knows why it happened, find out before you close it.".to_owned(),
            );
        }
        PageKind::Reminder(number) => {
            let silence = "If it is to stay as it is, suppress it in the policy.";
            notes.push(format!("No event shows that it has ended. {silence}"));
            let is_last = number >= inputs.policy.pages.remind_max;
            notes.extend(is_last.then(|| "This is the last reminder.".to_owned()));
        }
        PageKind::Opened | PageKind::Summary | PageKind::Escalated => {
            notes.extend(withdrawn_since(page));
            notes.extend(over_since(page, zone));
        }
    }
    notes.extend(page.opened_at.map(|at| format!("First paged {}.", time::instant(at, zone))));
    notes
}

/// What a headline says of news that is none any more.
pub(super) fn already(page: &Page) -> &'static str {
    if !page.kind.is_news() {
        ""
    } else if page.findings.iter().all(|finding| finding.state == FindingState::Withdrawn) {
        ", withdrawn meanwhile"
    } else if page.findings.iter().all(|finding| finding.resolved_at().is_some()) {
        ", already over"
    } else {
        ""
    }
}

/// Whether there is anything left to do.
pub(super) fn is_moot(page: &Page) -> bool {
    matches!(page.kind, PageKind::Resolved | PageKind::Withdrawn)
        || page.findings.iter().all(|finding| finding.state == FindingState::Withdrawn)
}

/// Only where a page was planned, not sent, and its ground taken away before it was.
fn withdrawn_since(page: &Page) -> Option<String> {
    let is_withdrawn = |finding: &&Finding| finding.state == FindingState::Withdrawn;
    let count = page.findings.iter().filter(is_withdrawn).count();
    let whole = match page.findings.len() {
        1 => "It no longer holds".to_owned(),
        all => format!("{count} of these {all} findings no longer hold"),
    };
    (count > 0).then(|| format!("{whole}: late events took the ground away before this page could be sent."))
}

fn over_since(page: &Page, zone: &TimeZone) -> Option<String> {
    let over = page.findings.iter().filter_map(Finding::resolved_at).collect::<Vec<_>>();
    let last = time::instant(*over.iter().max()?, zone);
    Some(match (over.len(), page.findings.len()) {
        (_, 1) => format!("Over since {last}, before this page was sent."),
        (over, all) if over == all => format!("All of it is over since {last}, before this page was sent."),
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
