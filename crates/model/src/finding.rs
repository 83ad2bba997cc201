//! A finding: one row that a rule produced, with a stable key.
//!
//! The key identifies the finding for ever: same rule, same thing, same event-time window give the same key. It is
//! made of account, region, names and times, never of something learned later.

use jiff::Timestamp;
use std::fmt;
use std::str::FromStr;

/// Rule id of the findings that say that events were stored twice. No rule file has it: the lake finds them while it
/// compacts, and what was found stays true after the rows vanished.
pub const DUPLICATE_IN_LAKE: &str = "duplicate-in-lake";

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
    /// The rule's own further facts, a JSON object as text. One key is a convention of all rules: see
    /// [`Finding::resolved_at`].
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

    /// When what was found was over, UTC; none while it goes on, and for what has no duration (a read cannot end).
    ///
    /// A rule says so by a top-level key `resolved_at` in [`Finding::detail`]: text in RFC 3339, such as
    /// `"2026-11-20T13:10:00Z"`. Over is not withdrawn: it did hold. Anything else under that key is no answer, so
    /// that a slip in a rule leaves the finding open, where people look.
    pub fn resolved_at(&self) -> Option<Timestamp> {
        self.detail_of("resolved_at")?.as_str()?.parse().ok()
    }

    /// The rules of the findings that it is made of; none where it tells no story.
    ///
    /// A rule says so by a top-level key `members` in [`Finding::detail`]: a list of rule ids, such as
    /// `["first-seen-reader", "secret-read-breadth"]`.
    pub fn members(&self) -> Vec<String> {
        let named = self.detail_of("members");
        let named = named.as_ref().and_then(serde_json::Value::as_array).into_iter().flatten();
        named.filter_map(|rule| rule.as_str().map(str::to_owned)).collect()
    }

    /// What a rule says under a top-level key of [`Finding::detail`].
    pub fn detail_of(&self, key: &str) -> Option<serde_json::Value> {
        // Most findings say nothing under a given key; looking for the word first spares them the parser.
        if !self.detail.contains(key) {
            return None;
        }
        serde_json::from_str::<serde_json::Value>(&self.detail)
            .ok()?
            .get_mut(key)
            .map(serde_json::Value::take)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved_at(detail: &str) -> Option<String> {
        let epoch = Timestamp::UNIX_EPOCH;
        let finding = Finding {
            rule: String::new(),
            severity: Severity::Low,
            key: String::new(),
            state: FindingState::Open,
            revision: 1,
            title: String::new(),
            summary: String::new(),
            account_id: None,
            aws_region: None,
            secret_arn: None,
            secret_name: None,
            principal: None,
            actor: None,
            window_start: epoch,
            window_end: epoch,
            observed: String::new(),
            expected: String::new(),
            evidence: vec![],
            detail: detail.to_owned(),
            found_at: epoch,
        };
        finding.resolved_at().map(|time| time.to_string())
    }

    #[test]
    fn a_finding_is_over_when_its_detail_says_so_in_rfc_3339() {
        let over = |detail| resolved_at(detail).as_deref() == Some("2026-11-20T13:10:00Z");
        assert!(over(r#"{"reads":3,"resolved_at":"2026-11-20T13:10:00Z"}"#));
        assert!(over(r#"{"resolved_at":"2026-11-20T05:10:00-08:00"}"#));
    }

    #[test]
    fn anything_else_leaves_it_open() {
        for detail in [
            "",
            "{}",
            "resolved_at",
            r#"["resolved_at"]"#,
            r#"{"resolved_at":null}"#,
            r#"{"resolved_at":1763644200}"#,
            r#"{"resolved_at":"yesterday"}"#,
            r#"{"resolved_at":"2026-11-20T13:10:00"}"#,
            r#"{"rotation":{"resolved_at":"2026-11-20T13:10:00Z"}}"#,
            r#"{"resolved_at":"2026-11-20T13:10:00Z""#,
        ] {
            assert_eq!(resolved_at(detail), None, "{detail}");
        }
    }
}
