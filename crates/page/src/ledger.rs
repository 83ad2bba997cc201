//! What people know or will know by the rows of the outbox, so that nothing is told twice.
//!
//! The rows live in the lake's `pages` table (see [`outbox`](crate::outbox)). A page that is planned counts like
//! one that was sent: it will be. What the rows say depends on the set of them, not on the order in which they are
//! read: they are told apart by the time at which each page was planned ([`Ledger::planning_time`] keeps that in
//! step with what happened, even where clocks are not).

use crate::kind::PageKind;
use crate::outbox::{PageRecord, PageState};
use jiff::{SignedDuration, Timestamp};
use snowtrail_model::Severity;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What people know of one finding. The default is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// They were told that it holds, and not since that it was withdrawn.
    pub(crate) open: bool,
    /// The last they heard is that it is over.
    pub(crate) over: bool,
    /// The highest severity at which they were told since it opened; none while it is not open.
    pub(crate) severity: Option<Severity>,
    /// How often they were told that it was withdrawn: the next opening is a new one.
    pub(crate) withdrawals: u32,
    /// The number of the last reminder since it opened.
    pub(crate) reminders: u32,
    /// Dedupe key of the page that opened it last: the thread in which all later pages about it belong, up to and
    /// with the one that withdraws it.
    pub(crate) opened_by: Option<Arc<str>>,
    /// When that page was planned, UTC.
    pub(crate) opened_at: Option<Timestamp>,
    /// Dedupe key of the last page about it.
    pub(crate) last_page: Option<Arc<str>>,
    /// When that page was sent, or else planned, UTC.
    pub(crate) heard_at: Option<Timestamp>,
}

impl Standing {
    /// Whether people know of it at this severity or a higher one.
    pub(crate) fn covers(&self, severity: Severity) -> bool {
        self.open && self.severity >= Some(severity)
    }

    fn after(self, row: &PageRecord, page: &Arc<str>, is_over: bool) -> Standing {
        let kind = row.page_kind();
        if kind == PageKind::Withdrawn {
            if !self.open {
                return self;
            }
            let (withdrawals, opened_by, opened_at) = (self.withdrawals + 1, self.opened_by, self.opened_at);
            return Standing { withdrawals, opened_by, opened_at, ..Standing::default() };
        }
        let before = if self.open {
            self
        } else {
            let (opened_by, opened_at) = (Some(page.clone()), Some(row.at));
            Standing { withdrawals: self.withdrawals, opened_by, opened_at, ..Standing::default() }
        };
        // A follow-up whose opening is missing from the rows still says at which severity people know.
        let is_telling = kind.is_news() || !before.open;
        let severity = if is_telling { before.severity.max(Some(row.severity)) } else { before.severity };
        let reminders = match kind {
            PageKind::Reminder(number) => before.reminders.max(number),
            _ => before.reminders,
        };
        let (last_page, heard_at) = (Some(page.clone()), Some(row.at));
        Standing { open: true, over: is_over, severity, reminders, last_page, heard_at, ..before }
    }
}

/// What was planned and sent, as far as it matters for what to send next.
///
/// Holds a few words for each finding ever paged, and the rows of what is not sent yet. The caller may leave out
/// rows of findings that are not asked about again; rows that are left out are pages that may be sent again.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    standings: HashMap<String, Standing>,
    unsent: HashMap<String, PageRecord>,
    sent: HashSet<String>,
    newest_at: Option<Timestamp>,
}

impl Ledger {
    /// From the rows of the `pages` table, in any order, repetitions included.
    pub fn new(rows: impl IntoIterator<Item = PageRecord>) -> Ledger {
        let mut rows = rows.into_iter().collect::<Vec<_>>();
        let mut told_at = HashMap::<String, (PageState, Timestamp)>::new();
        for row in &rows {
            let told = told_at.entry(row.dedupe_key.clone()).or_insert((row.state, row.at));
            *told = (*told).min((row.state, row.at));
        }
        // A page counts from when it was planned; only rows of older lakes have no such time.
        rows.sort_by_cached_key(|row| {
            let told_at = told_at.get(&row.dedupe_key).map(|(_, at)| *at);
            (told_at, row.page_kind(), row.dedupe_key.clone(), row.state, row.at)
        });
        let mut ledger = Ledger::default();
        rows.iter().for_each(|row| ledger.record(row));
        ledger
    }

    /// Takes note of a row that was just written. A row that is already known changes nothing.
    pub fn record(&mut self, row: &PageRecord) {
        self.newest_at = self.newest_at.max(Some(row.at));
        let is_new = !self.contains(&row.dedupe_key);
        if is_new {
            self.tell(row);
        }
        match row.state {
            PageState::Planned if is_new => {
                self.unsent.insert(row.dedupe_key.clone(), row.clone());
            }
            PageState::Sent if self.sent.insert(row.dedupe_key.clone()) => {
                self.unsent.remove(&row.dedupe_key);
                self.arrived(row);
            }
            PageState::Planned | PageState::Sent => {}
        }
    }

    fn tell(&mut self, row: &PageRecord) {
        let page = Arc::<str>::from(row.dedupe_key.as_str());
        let over = over_in(row);
        for key in &row.finding_keys {
            let standing = self.standings.entry(key.clone()).or_default();
            let is_over = row.page_kind() == PageKind::Resolved || over.contains(key.as_str());
            *standing = std::mem::take(standing).after(row, &page, is_over);
        }
    }

    /// The page reached people, later than it was planned; by then more may have been over.
    fn arrived(&mut self, row: &PageRecord) {
        let over = over_in(row);
        for key in &row.finding_keys {
            let Some(standing) = self.standings.get_mut(key) else { continue };
            if standing.last_page.as_deref() == Some(row.dedupe_key.as_str()) {
                standing.over |= over.contains(key.as_str());
                standing.heard_at = standing.heard_at.max(Some(row.at));
            }
        }
    }

    /// Whether a page was planned or sent under this key.
    pub fn contains(&self, dedupe_key: &str) -> bool {
        self.sent.contains(dedupe_key) || self.unsent.contains_key(dedupe_key)
    }

    /// Pages that were planned and not sent, oldest first: whoever resumes sends these
    /// ([`Page::from_record`](crate::Page::from_record)) before it folds anything new.
    pub fn unsent(&self) -> Vec<&PageRecord> {
        let mut unsent = self.unsent.values().collect::<Vec<_>>();
        unsent.sort_by(|a, b| (a.at, &a.dedupe_key).cmp(&(b.at, &b.dedupe_key)));
        unsent
    }

    /// The time to write on rows that are planned at `now`: later than every row before them. A clock that was put
    /// back, or another machine's, would otherwise make a withdrawal seem to come before what it withdraws.
    pub fn planning_time(&self, now: Timestamp) -> Timestamp {
        // The lake keeps microseconds.
        let next =
            |at: Timestamp| at.saturating_add(SignedDuration::from_micros(1)).unwrap_or(Timestamp::MAX);
        self.newest_at.map_or(now, |newest| now.max(next(newest)))
    }

    pub(crate) fn standing(&self, finding_key: &str) -> Standing {
        self.standings.get(finding_key).cloned().unwrap_or_default()
    }

    /// Whether the last page about a finding is still on its way: nothing can be said to people about it again.
    pub(crate) fn is_on_its_way(&self, standing: &Standing) -> bool {
        standing.last_page.as_deref().is_some_and(|page| self.unsent.contains_key(page))
    }
}

fn over_in(row: &PageRecord) -> HashSet<&str> {
    row.resolved_keys.iter().map(String::as_str).collect()
}
