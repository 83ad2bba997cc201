//! What was sent before, so that nothing is sent again.
//!
//! The rows live in the lake's `pages` table. A row is written after its page was sent: a crash between the two
//! repeats the page under the same dedupe key, which is the one repetition that guarantee 5 allows. What was
//! planned but not sent leaves no trace here.

use jiff::Timestamp;
use snowtrail_model::Severity;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// A row of the `pages` table: one page that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentPage {
    /// Made of the findings and what happened to them.
    pub dedupe_key: String,
    /// What happened; a [`PageKind`]'s word.
    pub kind: String,
    /// The page's severity.
    pub severity: Severity,
    /// Its subject.
    pub subject: String,
    /// Where it went.
    pub target: String,
    /// Who owns what it is about.
    pub owner: Option<String>,
    /// The findings in it.
    pub finding_keys: Vec<String>,
    /// When it was sent.
    pub sent_at: Timestamp,
}

/// What happened to the findings of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PageKind {
    /// They were found, or found again after they had been withdrawn.
    Opened,
    /// They were paged before, at a lower severity.
    Escalated,
    /// They were paged before and no longer hold.
    Withdrawn,
    /// They were found more than a day after their windows ended, and are summed up.
    Summary,
}

impl PageKind {
    /// The value in the `kind` column.
    pub fn as_str(self) -> &'static str {
        match self {
            PageKind::Opened => "opened",
            PageKind::Escalated => "escalated",
            PageKind::Withdrawn => "withdrawn",
            PageKind::Summary => "summary",
        }
    }
}

impl fmt::Display for PageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What people know about one finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// They were told that it holds, and not yet that it was withdrawn.
    pub(crate) open: bool,
    /// The highest severity at which they were told since it opened.
    pub(crate) severity: Severity,
    /// How often they were told that it was withdrawn: the next opening is a new one.
    pub(crate) withdrawals: u32,
}

/// What was sent, as far as it matters for what to send next.
///
/// Holds a few words for each finding ever paged. The caller may leave out rows of findings that are not asked
/// about again; rows that are left out are pages that may be sent again.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    standings: HashMap<String, Standing>,
    dedupe_keys: HashSet<String>,
}

impl Ledger {
    /// From the rows of the `pages` table, in any order, repetitions included.
    pub fn new(rows: impl IntoIterator<Item = SentPage>) -> Ledger {
        let mut rows = rows.into_iter().collect::<Vec<_>>();
        rows.sort_by(|a, b| (a.sent_at, &a.dedupe_key).cmp(&(b.sent_at, &b.dedupe_key)));
        let mut ledger = Ledger::default();
        rows.iter().for_each(|row| ledger.record(row));
        ledger
    }

    /// Takes note of a page that was just sent. A page that is already known changes nothing.
    pub fn record(&mut self, page: &SentPage) {
        if !self.dedupe_keys.insert(page.dedupe_key.clone()) {
            return;
        }
        let ends = page.kind == PageKind::Withdrawn.as_str() || page.kind == "resolved";
        for key in &page.finding_keys {
            let unheard = Standing { open: false, severity: Severity::Info, withdrawals: 0 };
            let standing = self.standings.entry(key.clone()).or_insert(unheard);
            *standing = match (ends, standing.open) {
                (true, true) => {
                    Standing { open: false, severity: Severity::Info, withdrawals: standing.withdrawals + 1 }
                }
                (true, false) => *standing,
                (false, _) => {
                    Standing { open: true, severity: standing.severity.max(page.severity), ..*standing }
                }
            };
        }
    }

    /// Whether a page was sent under this key.
    pub fn contains(&self, dedupe_key: &str) -> bool {
        self.dedupe_keys.contains(dedupe_key)
    }

    pub(crate) fn standing(&self, finding_key: &str) -> Option<Standing> {
        self.standings.get(finding_key).copied()
    }
}
