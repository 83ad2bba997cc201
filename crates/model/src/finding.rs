//! A finding: one row that a rule produced, with a stable key.
//!
//! The key identifies the finding for ever: same rule, same thing, same event-time window give the same key. It is
//! made of account, region, names and times, never of something learned later.

use jiff::Timestamp;
use std::fmt;
use std::str::FromStr;

/// How bad, from least to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// For the record.
    Info,
    /// Worth a look in working hours.
    Low,
    /// Needs an answer today.
    Medium,
    /// Wakes somebody.
    High,
    /// Wakes everybody.
    Critical,
}

impl Severity {
    /// All severities, least first.
    pub const ALL: [Severity; 5] =
        [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    /// The value in the `severity` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = String;

    fn from_str(text: &str) -> Result<Severity, String> {
        let known = Severity::ALL.into_iter().find(|s| s.as_str() == text);
        known.ok_or_else(|| format!("`{text}` is no severity; use info, low, medium, high or critical"))
    }
}

/// Whether a finding still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FindingState {
    /// It holds.
    Open,
    /// Later knowledge (a late event, a changed policy) took its ground away. Kept, not erased.
    Withdrawn,
}

impl FindingState {
    /// The value in the `state` column.
    pub fn as_str(self) -> &'static str {
        match self {
            FindingState::Open => "open",
            FindingState::Withdrawn => "withdrawn",
        }
    }
}

/// One revision of one finding: a row of the `findings` history. Times are UTC.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The rule's id.
    pub rule: String,
    /// How bad.
    pub severity: Severity,
    /// `<rule>:<what the rule's SELECT gave as key>`.
    pub key: String,
    /// Open or withdrawn.
    pub state: FindingState,
    /// From 1, rising each time that state or content changed.
    pub revision: i64,
    /// One line.
    pub title: String,
    /// What happened, in a sentence or two.
    pub summary: String,
    /// The account where it happened.
    pub account_id: Option<String>,
    /// The region where it happened.
    pub aws_region: Option<String>,
    /// The secret's full ARN, if known by now.
    pub secret_arn: Option<String>,
    /// The secret's name.
    pub secret_name: Option<String>,
    /// Who.
    pub principal: Option<String>,
    /// Who within the principal.
    pub actor: Option<String>,
    /// Start of the event-time window, inclusive.
    pub window_start: Timestamp,
    /// End of the event-time window, exclusive.
    pub window_end: Timestamp,
    /// What was seen, in numbers and words.
    pub observed: String,
    /// What was expected, in numbers and words.
    pub expected: String,
    /// Event ids, sorted; the rule bounds how many.
    pub evidence: Vec<String>,
    /// The rule's own further facts, a JSON object as text.
    pub detail: String,
    /// When this revision was written.
    pub found_at: Timestamp,
}

impl Finding {
    /// Whether two revisions say the same about the world (bookkeeping aside).
    pub fn same_content(&self, other: &Finding) -> bool {
        let plain = |f: &Finding| Finding { revision: 0, found_at: Timestamp::UNIX_EPOCH, ..f.clone() };
        plain(self) == plain(other)
    }
}
