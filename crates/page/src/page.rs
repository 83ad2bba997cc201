//! One page: which findings, to whom, under which key, and the one line that a phone shows.

use crate::escape::inert;
use crate::fold::{Item, worst_first};
use crate::kind::PageKind;
use crate::ledger::Standing;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use snowtrail_model::policy::{MessageFormat, PublishTarget};
use snowtrail_model::{Finding, Policy, Severity};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Length of a subject in characters, which are all ASCII. SNS refuses 100.
pub const SUBJECT_CHARS_MAX: usize = 99;

/// What stands between the owners in [`Page::owner`].
pub(crate) const OWNERS_BETWEEN: &str = ", ";

/// A message to people about one or more findings.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Made of the findings' keys and what happened to them: the same news has the same key for ever. At most 128
    /// characters of `a-z0-9-`, which every receiver takes (SNS's deduplication id: 128 of letters, digits and
    /// punctuation).
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
    /// The form for that place. Whoever sends it elsewhere asks the policy's `format_of` for the form of that place.
    pub format: MessageFormat,
    /// Dedupe key of the page that opened what this one is about first; its own where it opens something. Receivers
    /// that thread or order messages do it by this, so that reminders and the end stand beneath the beginning.
    pub thread: String,
    /// When the page that opened the thread was planned, UTC; none in a page that opens it.
    pub opened_at: Option<Timestamp>,
}

impl Page {
    pub(crate) fn new(
        kind: PageKind,
        route: Option<PublishTarget>,
        items: &[Item<'_>],
        policy: &Policy,
    ) -> Page {
        let mut items = items.iter().collect::<Vec<_>>();
        items.sort_by(|a, b| worst_first(a.finding, b.finding));
        let findings = items.iter().map(|item| item.finding.clone()).collect::<Vec<_>>();
        let severity = findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Info);
        let owners = items.iter().filter_map(|item| item.owner.as_deref()).collect::<BTreeSet<_>>();
        let owner = (!owners.is_empty()).then(|| owners.into_iter().collect::<Vec<_>>().join(OWNERS_BETWEEN));
        let format = route.as_ref().map_or(policy.pages.format, |route| policy.format_of(route));
        let subject = subject(kind, severity, &findings);
        let dedupe_key = dedupe_key(kind, &items);
        let lead = items.first().map(|item| item.standing.clone()).unwrap_or_default();
        let (thread, opened_at) = thread(kind, &dedupe_key, &lead);
        Page { dedupe_key, kind, severity, subject, findings, owner, route, format, thread, opened_at }
    }

    /// The finding that the page is about first.
    pub fn lead(&self) -> Option<&Finding> {
        self.findings.first()
    }

    /// Worst first, then oldest first.
    pub(crate) fn by_urgency(a: &Page, b: &Page) -> Ordering {
        let start = |page: &Page| page.findings.iter().map(|finding| finding.window_start).min();
        b.severity.cmp(&a.severity).then_with(|| (start(a), &a.dedupe_key).cmp(&(start(b), &b.dedupe_key)))
    }
}

/// The thread of a page about a lead of this standing, and when it was opened by another page. Openings open their
/// own, whatever came before them; so do summaries, which tell of findings that have none yet.
pub(crate) fn thread(kind: PageKind, dedupe_key: &str, lead: &Standing) -> (String, Option<Timestamp>) {
    let opens = matches!(kind, PageKind::Opened | PageKind::Summary);
    match lead.opened_by.as_deref().filter(|_| !opens) {
        Some(opening) => (opening.to_owned(), lead.opened_at),
        None => (dedupe_key.to_owned(), None),
    }
}

/// Hashed, because receivers bound the length and the alphabet of such keys and findings' keys keep to neither.
///
/// Each line is news that can happen once: severity only rises within an opening, reminders are numbered, and a
/// finding is over once after each of these. So no two pages that are planned have one key.
fn dedupe_key(kind: PageKind, items: &[&Item<'_>]) -> String {
    let news = |item: &&Item<'_>| {
        let standing = &item.standing;
        let known = standing.severity.unwrap_or(Severity::Info);
        let which = match item.kind {
            PageKind::Escalated => item.finding.severity.to_string(),
            PageKind::Resolved => format!("{known}\0{}", standing.reminders),
            _ => String::new(),
        };
        format!("{}\0{}\0{}\0{which}", item.kind, standing.withdrawals, item.finding.key)
    };
    let news = items.iter().map(news).collect::<BTreeSet<_>>();
    let mut hash = Sha256::new();
    for line in news {
        hash.update((line.len() as u64).to_le_bytes());
        hash.update(line);
    }
    let hex = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("{}-{hex}", kind.to_string().replace(' ', "-"))
}

/// Starts with a letter or a digit and has no line break, as SNS demands.
fn subject(kind: PageKind, severity: Severity, findings: &[Finding]) -> String {
    let severity = severity.as_str().to_uppercase();
    let count = findings.len();
    let is_over = findings.iter().all(|finding| finding.resolved_at().is_some());
    let already = if is_over { ", already over" } else { "" };
    let before = match kind {
        PageKind::Opened => format!("{severity}{already}: "),
        PageKind::Escalated => format!("NOW {severity}{already}: "),
        PageKind::Reminder(number) => format!("STILL OPEN (reminder {number}), {severity}: "),
        PageKind::Resolved => "RESOLVED: ".to_owned(),
        PageKind::Withdrawn => "WITHDRAWN: ".to_owned(),
        PageKind::Summary if count == 1 => format!("OLD, {severity}: "),
        PageKind::Summary => format!("{count} OLD FINDINGS, worst {severity}: "),
    };
    let after = if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() };
    let room = SUBJECT_CHARS_MAX.saturating_sub(before.len() + after.len());
    let title = findings.first().map(|finding| finding.title.as_str()).unwrap_or_default();
    format!("{before}{}{after}", ascii(title, room))
}

/// A subject as it was written into a row, where anybody who writes the lake may have changed it.
pub(crate) fn plain_subject(text: &str) -> String {
    let is_plain = |c: &char| *c == ' ' || c.is_ascii_graphic();
    let plain = text.chars().map(|c| if is_plain(&c) { c } else { '?' }).take(SUBJECT_CHARS_MAX);
    let plain = plain.collect::<String>().trim_start().to_owned();
    if plain.is_empty() { "a page without a subject".to_owned() } else { plain }
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
