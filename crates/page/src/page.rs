//! One page: which findings, to whom, under which key, and the one line that a phone shows.

use crate::escape::inert;
use crate::fold::{Item, worst_first};
use crate::ledger::{PageKind, SentPage};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use snowtrail_model::policy::PublishTarget;
use snowtrail_model::{Finding, Severity};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Length of a subject in characters, which are all ASCII. SNS refuses 100.
pub const SUBJECT_CHARS_MAX: usize = 99;

/// A message to people about one or more findings.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Made of the findings' keys and what happened to them: the same news has the same key for ever. At most 128
    /// characters of `a-z0-9-`, which every receiver takes.
    pub dedupe_key: String,
    /// What happened.
    pub kind: PageKind,
    /// The worst of the findings'.
    pub severity: Severity,
    /// One line of at most [`SUBJECT_CHARS_MAX`] visible ASCII characters.
    pub subject: String,
    /// What it is about: worst first, then oldest first. Never empty.
    pub findings: Vec<Finding>,
    /// Who owns the secrets, all of them, in order.
    pub owner: Option<String>,
    /// Where the policy's routes send it; none means to the place that the command names.
    pub route: Option<PublishTarget>,
}

impl Page {
    pub(crate) fn new(kind: PageKind, route: Option<PublishTarget>, items: &[Item<'_>]) -> Page {
        let mut findings = items.iter().map(|item| item.finding.clone()).collect::<Vec<_>>();
        findings.sort_by(worst_first);
        let severity = findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Info);
        let owners = items.iter().filter_map(|item| item.owner.as_deref()).collect::<BTreeSet<_>>();
        let owner = (!owners.is_empty()).then(|| owners.into_iter().collect::<Vec<_>>().join(", "));
        let subject = subject(kind, severity, &findings);
        Page { dedupe_key: dedupe_key(kind, items), kind, severity, subject, findings, owner, route }
    }

    /// The finding that the page is about first.
    pub fn lead(&self) -> Option<&Finding> {
        self.findings.first()
    }

    /// The row for the ledger, once the page was sent.
    pub fn sent(&self, target: &PublishTarget, sent_at: Timestamp) -> SentPage {
        SentPage {
            dedupe_key: self.dedupe_key.clone(),
            kind: self.kind.as_str().to_owned(),
            severity: self.severity,
            subject: self.subject.clone(),
            target: target.to_string(),
            owner: self.owner.clone(),
            finding_keys: self.findings.iter().map(|finding| finding.key.clone()).collect(),
            sent_at,
        }
    }

    /// Worst first, then oldest first.
    pub(crate) fn by_urgency(a: &Page, b: &Page) -> Ordering {
        let start = |page: &Page| page.findings.iter().map(|finding| finding.window_start).min();
        b.severity.cmp(&a.severity).then_with(|| (start(a), &a.dedupe_key).cmp(&(start(b), &b.dedupe_key)))
    }
}

/// Hashed, because receivers bound the length and the alphabet of such keys and findings' keys keep to neither.
fn dedupe_key(kind: PageKind, items: &[Item<'_>]) -> String {
    let news = |item: &Item<'_>| {
        let severity = if item.kind == PageKind::Escalated { item.finding.severity.as_str() } else { "" };
        format!("{}\0{}\0{}\0{severity}", item.kind, item.withdrawals, item.finding.key)
    };
    let news = items.iter().map(news).collect::<BTreeSet<_>>();
    let mut hash = Sha256::new();
    for line in news {
        hash.update((line.len() as u64).to_le_bytes());
        hash.update(line);
    }
    let hex = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("{kind}-{hex}")
}

fn subject(kind: PageKind, severity: Severity, findings: &[Finding]) -> String {
    let severity = severity.as_str().to_uppercase();
    let count = findings.len();
    let before = match kind {
        PageKind::Opened => format!("{severity}: "),
        PageKind::Escalated => format!("NOW {severity}: "),
        PageKind::Withdrawn => "WITHDRAWN: ".to_owned(),
        PageKind::Summary if count == 1 => format!("OLD, {severity}: "),
        PageKind::Summary => format!("{count} OLD FINDINGS, worst {severity}: "),
    };
    let after = if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() };
    let room = SUBJECT_CHARS_MAX.saturating_sub(before.len() + after.len());
    let title = findings.first().map(|finding| finding.title.as_str()).unwrap_or_default();
    format!("{before}{}{after}", ascii(title, room))
}

/// The text in ASCII, cut to `chars_max`. A character outside is a question mark: the page itself shows it.
fn ascii(text: &str, chars_max: usize) -> String {
    let plain = |text: String| text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect::<String>();
    let whole = inert(text, chars_max.saturating_add(1));
    if whole.chars().count() <= chars_max {
        return plain(whole);
    }
    let cut = inert(text, chars_max.saturating_sub(2));
    format!("{}...", plain(cut.trim_end_matches(crate::escape::ELLIPSIS).to_owned()))
}
