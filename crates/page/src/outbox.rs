//! The outbox: a page is written down before it is sent, and once more after.
//!
//! ```text
//!  fold ──► planned row ──► send ──► sent row
//!            (commit)                (commit)
//! ```
//!
//! A crash before the first commit loses nothing: the fold gives the page again. After it, the page is fixed: what
//! is found later goes into other pages, and this one is sent under its own key until its second row is there. So a
//! crash repeats one dedupe key at most, whatever arrives meanwhile (guarantee 5). Rows are only appended.
//!
//! What people know by these rows is the [`ledger`](crate::ledger)'s business. Writing and reading them is the
//! caller's.

use crate::kind::PageKind;
use crate::ledger::Ledger;
use crate::page::{Page, plain_subject, thread};
use jiff::Timestamp;
use snowtrail_model::policy::PublishTarget;
use snowtrail_model::{Finding, FindingState, Policy, Severity};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

/// How far a page has come. Ordered as it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PageState {
    /// It will be sent, under this key and no other.
    Planned,
    /// It was sent. Rows of older lakes, which have no state, are this.
    Sent,
}

impl PageState {
    /// The value in the `state` column.
    pub fn as_str(self) -> &'static str {
        match self {
            PageState::Planned => "planned",
            PageState::Sent => "sent",
        }
    }
}

impl fmt::Display for PageState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for PageState {
    type Err = String;

    fn from_str(text: &str) -> Result<PageState, String> {
        let known = [PageState::Planned, PageState::Sent].into_iter().find(|state| state.as_str() == text);
        known.ok_or_else(|| format!("`{}` is no state of a page", text.escape_debug()))
    }
}

/// A row of the `pages` table: one page in one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRecord {
    /// Made of the findings and what happened to them.
    pub dedupe_key: String,
    /// What happened; a [`PageKind`] as text, so that a row of a later version is no error.
    pub kind: String,
    /// Whether it is to be sent or was.
    pub state: PageState,
    /// The page's severity.
    pub severity: Severity,
    /// Its subject.
    pub subject: String,
    /// Where it goes or went.
    pub target: String,
    /// Who owns what it is about.
    pub owner: Option<String>,
    /// The findings in it, in the order of the page: its lead first.
    pub finding_keys: Vec<String>,
    /// Those of them that the page says are over. Without this, a finding that was over when people first heard of
    /// it would be followed by a second page that says so. Empty in rows of older lakes.
    pub resolved_keys: Vec<String>,
    /// When it was planned or sent, UTC.
    pub at: Timestamp,
}

impl PageRecord {
    /// What happened. A word of a later version counts as an opening: people heard something of these findings.
    pub fn page_kind(&self) -> PageKind {
        self.kind.parse().unwrap_or(PageKind::Opened)
    }
}

impl Page {
    /// The row to write before the page is sent. `at` is [`Ledger::planning_time`].
    pub fn planned(&self, target: &PublishTarget, at: Timestamp) -> PageRecord {
        self.record(PageState::Planned, target, at)
    }

    /// The row to write once the page was sent.
    pub fn sent(&self, target: &PublishTarget, at: Timestamp) -> PageRecord {
        self.record(PageState::Sent, target, at)
    }

    fn record(&self, state: PageState, target: &PublishTarget, at: Timestamp) -> PageRecord {
        let key = |finding: &Finding| finding.key.clone();
        let is_over = |finding: &&Finding| finding.resolved_at().is_some();
        PageRecord {
            dedupe_key: self.dedupe_key.clone(),
            kind: self.kind.to_string(),
            state,
            severity: self.severity,
            subject: self.subject.clone(),
            target: target.to_string(),
            owner: self.owner.clone(),
            finding_keys: self.findings.iter().map(key).collect(),
            resolved_keys: self.findings.iter().filter(is_over).map(key).collect(),
            at,
        }
    }

    /// The page of a row that was planned and not sent, to be sent now: same key, subject, severity and findings in
    /// the same order, with what `findings` know of them by now. `findings` may hold others and several revisions;
    /// a key that it lacks is stood in for, because a page that was promised is sent even if its details are gone.
    ///
    /// It goes where it was to go while a route still leads there. Otherwise it goes to the place that the command
    /// names, because a topic that was taken out of the policy or the command is one that nobody reads.
    pub fn from_record(record: &PageRecord, findings: &[Finding], policy: &Policy, ledger: &Ledger) -> Page {
        let target = record.target.parse::<PublishTarget>().ok();
        let route = target.filter(|target| policy.routes.iter().any(|route| route.publish == *target));
        let standing = record.finding_keys.first().map(|key| ledger.standing(key)).unwrap_or_default();
        let kind = record.page_kind();
        let (thread, opened_at) = thread(kind, &record.dedupe_key, &standing);
        Page {
            dedupe_key: record.dedupe_key.clone(),
            kind,
            severity: record.severity,
            subject: plain_subject(&record.subject),
            findings: known(record, findings),
            owner: record.owner.clone(),
            format: route.as_ref().map_or(policy.pages.format, |route| policy.format_of(route)),
            route,
            thread,
            opened_at,
        }
    }
}

/// The newest revisions of a record's findings, or what their keys alone tell; one at least.
fn known(record: &PageRecord, findings: &[Finding]) -> Vec<Finding> {
    let keys = record.finding_keys.iter().map(String::as_str).collect::<HashSet<_>>();
    let mut newest = HashMap::<&str, &Finding>::new();
    for finding in findings.iter().filter(|finding| keys.contains(finding.key.as_str())) {
        let age = |finding: &Finding| (finding.revision, finding.found_at);
        let kept = newest.entry(&finding.key).or_insert(finding);
        if age(kept) < age(finding) {
            *kept = finding;
        }
    }
    let one =
        |key: &String| newest.get(key.as_str()).map_or_else(|| unknown(key, record), |&known| known.clone());
    let mut known = record.finding_keys.iter().map(one).collect::<Vec<_>>();
    if known.is_empty() {
        known.push(unknown(&record.dedupe_key, record));
    }
    known
}

fn unknown(key: &str, record: &PageRecord) -> Finding {
    let is_lead = record.finding_keys.first().is_some_and(|lead| lead == key);
    // A subject is its kind and severity, a colon, and the lead's title.
    let title = record.subject.split_once(": ").map(|(_, title)| title).filter(|_| is_lead);
    Finding {
        rule: key.split(':').next().unwrap_or_default().to_owned(),
        severity: record.severity,
        key: key.to_owned(),
        state: FindingState::Open,
        revision: 0,
        title: title.unwrap_or(key).to_owned(),
        summary: "The details of this finding are not in the lake. The times are those of the page."
            .to_owned(),
        account_id: None,
        aws_region: None,
        secret_arn: None,
        secret_name: None,
        principal: None,
        actor: None,
        window_start: record.at,
        window_end: record.at,
        observed: "unknown".to_owned(),
        expected: "unknown".to_owned(),
        evidence: Vec::new(),
        detail: "{}".to_owned(),
        found_at: record.at,
    }
}
