//! How much of a page is told: the steps by which a message is made to fit.
//!
//! Evidence goes first (the query that shows all of it stays), then the findings after the first few, which are told
//! in a line each, then long words. The facts of the first finding, its key and the page's own key are told at
//! every step. Each form is bounded at the last step whatever the findings hold, so every page can be sent.

use crate::escape::ELLIPSIS;
use crate::page::Page;

/// What the last step of every form fits into, in bytes. A smaller bound is taken as this one: there is nothing
/// left to leave out.
pub const BODY_BYTES_MIN: usize = 128 * 1024;

/// Findings told whole in a text; those after them are told in a line each.
pub const FINDINGS_SHOWN_MAX: usize = 3;

/// Findings told in a line each in a text; the rest is counted by rule.
pub const LINES_SHOWN_MAX: usize = 20;

/// Bytes of a name in JSON (an ARN, a secret's name), escapes included. Longer ones are cut: AWS's own bound is
/// 2,048 characters of ASCII.
pub(super) const NAME_BYTES_MAX: usize = 3 * 1024;

/// Bytes of the first finding's key in JSON, escapes included. Longer ones are cut; a key holds a few names.
pub(super) const KEY_BYTES_MAX: usize = 12 * 1024;

/// Bytes of the first finding's `detail`, escapes included. A larger one is left out, and the page says so.
pub(super) const DETAIL_BYTES_MAX: usize = 16 * 1024;

/// How much is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measure {
    /// Event ids in all.
    pub(super) evidence: usize,
    /// Findings told whole, the lead included.
    pub(super) findings: usize,
    /// Findings after those, told in a line each.
    pub(super) lines: usize,
    /// Bytes of each text of a finding in JSON, escapes included.
    pub(super) text_bytes: usize,
    /// Bytes of the `detail` of findings after the lead.
    pub(super) detail_bytes: usize,
    /// Steps of a runbook, and known benign causes.
    pub(super) steps: usize,
}

/// Everything that a reader can use.
const FULL: Measure = Measure {
    evidence: usize::MAX,
    findings: usize::MAX,
    lines: usize::MAX,
    text_bytes: 8 * 1024,
    detail_bytes: DETAIL_BYTES_MAX,
    steps: 10,
};

/// From everything to what always fits.
const MEASURES: [Measure; 5] = [
    FULL,
    Measure { evidence: 100, ..FULL },
    Measure { evidence: 100, findings: FINDINGS_SHOWN_MAX, ..FULL },
    Measure {
        evidence: 10,
        findings: FINDINGS_SHOWN_MAX,
        lines: 100,
        text_bytes: 4 * 1024,
        detail_bytes: 1024,
        ..FULL
    },
    Measure { evidence: 10, findings: 1, lines: 10, text_bytes: 2 * 1024, detail_bytes: 0, steps: 3 },
];

impl Measure {
    /// What a page with so many event ids cannot be written in less than.
    fn bytes_min(&self, page: &Page, ids: usize) -> usize {
        // Far below what the names of the columns take, a line's own, and an id's quotes.
        const FINDING_BYTES: usize = 200;
        const LINE_BYTES: usize = 40;
        const ID_BYTES: usize = 3;
        let whole = page.findings.len().min(self.findings);
        let lines = (page.findings.len() - whole).min(self.lines);
        whole * FINDING_BYTES + lines * LINE_BYTES + ids.min(self.evidence) * ID_BYTES
    }
}

/// The first message that fits, written at one measure after the other.
///
/// `ids` is how many event ids the form tells, if it leaves nothing out by itself. Then what cannot fit is not even
/// tried: a page may be about a hundred thousand findings.
pub(super) fn fitting(
    page: &Page,
    bytes_max: usize,
    ids: Option<usize>,
    write: impl Fn(&Measure) -> String,
) -> String {
    let bytes_max = bytes_max.max(BODY_BYTES_MIN);
    let may_fit = |measure: &&Measure| ids.is_none_or(|ids| measure.bytes_min(page, ids) <= bytes_max);
    let mut message = String::new();
    for measure in MEASURES.iter().filter(may_fit) {
        message = write(measure);
        if message.len() <= bytes_max {
            break;
        }
    }
    message
}

/// The text, cut so that it takes at most `bytes_max` bytes in ASCII JSON.
pub(super) fn clipped(text: &str, bytes_max: usize) -> String {
    let mut bytes = 0;
    for (at, c) in text.char_indices() {
        bytes += json_bytes(c);
        if bytes > bytes_max {
            let room = bytes_max.saturating_sub(json_bytes(ELLIPSIS));
            return format!("{}{ELLIPSIS}", fitting_prefix(&text[..at], room));
        }
    }
    text.to_owned()
}

fn fitting_prefix(text: &str, bytes_max: usize) -> &str {
    let mut bytes = 0;
    let end = text.char_indices().find(|(_, c)| {
        bytes += json_bytes(*c);
        bytes > bytes_max
    });
    end.map_or(text, |(at, _)| &text[..at])
}

/// What a character takes within a string of ASCII JSON.
fn json_bytes(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        ' '..='~' => 1,
        c => 6 * c.len_utf16(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::json::ascii;
    use super::*;

    #[test]
    fn what_fits_stays_and_what_does_not_ends_in_an_ellipsis() {
        assert_eq!(clipped("abc", 3), "abc");
        assert_eq!(clipped("abcdefghij", 9), "abc…");
        assert_eq!(clipped("ééé", 12), "é…");
        assert_eq!(clipped("a\"b", 4), "a\"b");
    }

    proptest::proptest! {
        #[test]
        fn nothing_takes_more_than_its_bytes(text in proptest::collection::vec(proptest::char::any(), 0..60), max in 6usize..200) {
            let text = text.into_iter().collect::<String>();
            let json = ascii(&serde_json::Value::from(clipped(&text, max)).to_string());
            proptest::prop_assert!(json.len() - 2 <= max, "{}", json);
        }
    }
}
