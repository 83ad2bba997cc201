//! What happened to the findings of a page: the vocabulary of the ledger's `kind` column.
//!
//! When each happens is decided in [`fold`](mod@crate::fold).

use std::fmt;
use std::str::FromStr;

/// What happened to the findings of a page. Ordered as a finding goes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PageKind {
    /// They were found, or found again after they had been withdrawn.
    Opened,
    /// They were found more than a day after their windows ended, and are summed up.
    Summary,
    /// They were paged before, at a lower severity.
    Escalated,
    /// They were paged before, nothing has ended them, and nobody has heard of them for a while. The number counts
    /// from 1 for each opening.
    Reminder(u32),
    /// They were paged before and are over ([`Finding::resolved_at`](snowtrail_model::Finding::resolved_at)).
    Resolved,
    /// They were paged before and no longer hold: it turned out that they never did.
    Withdrawn,
}

impl PageKind {
    /// The kind in one word: the value in the `kind` column without a reminder's number, for filters.
    pub fn word(self) -> &'static str {
        match self {
            PageKind::Opened => "opened",
            PageKind::Summary => "summary",
            PageKind::Escalated => "escalated",
            PageKind::Reminder(_) => "reminder",
            PageKind::Resolved => "resolved",
            PageKind::Withdrawn => "withdrawn",
        }
    }

    /// Whether the page says that something is worse than people know. The other kinds follow up on what they know.
    pub fn is_news(self) -> bool {
        matches!(self, PageKind::Opened | PageKind::Summary | PageKind::Escalated)
    }
}

/// The value in the `kind` column, such as `opened` or `reminder 2`.
impl fmt::Display for PageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PageKind::Reminder(number) => f.pad(&format!("reminder {number}")),
            kind => f.pad(kind.word()),
        }
    }
}

impl FromStr for PageKind {
    type Err = String;

    fn from_str(text: &str) -> Result<PageKind, String> {
        let kinds = [
            PageKind::Opened,
            PageKind::Summary,
            PageKind::Escalated,
            PageKind::Resolved,
            PageKind::Withdrawn,
        ];
        let number = || text.strip_prefix("reminder ")?.parse().ok();
        let kind = kinds.into_iter().find(|kind| kind.word() == text);
        kind.or_else(|| number().map(PageKind::Reminder))
            .ok_or_else(|| format!("`{}` is no kind of page", text.escape_debug()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_back_as_they_are_written() {
        for kind in [PageKind::Opened, PageKind::Reminder(12), PageKind::Resolved, PageKind::Summary] {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        for text in ["", "reminder", "reminder x", "Opened"] {
            assert!(text.parse::<PageKind>().is_err(), "{text}");
        }
    }
}
