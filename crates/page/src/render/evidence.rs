//! The event ids behind a page, and the command that shows the events.
//!
//! Event ids come from records, which anybody may have written. Only ids of a plain alphabet get into the command;
//! the others are counted. That is stricter than quoting, and nothing is lost: CloudTrail's ids are GUIDs.

use crate::escape::{NAME_CHARS_MAX, inert};
use crate::page::Page;
use std::collections::BTreeSet;

/// Event ids listed in a page; the rest is counted.
pub const EVIDENCE_SHOWN_MAX: usize = 10;

/// Event ids in the command; the rest is left out of it, and the page says so.
pub const EVIDENCE_QUERIED_MAX: usize = 50;

/// Length of an event id that may stand in a command.
const PLAIN_ID_CHARS_MAX: usize = 64;

pub(super) fn write(page: &Page, lake: &str, text: &mut String) {
    let ids = page
        .findings
        .iter()
        .flat_map(|finding| &finding.evidence)
        .map(String::as_str)
        .collect::<BTreeSet<_>>();
    if ids.is_empty() {
        text.push_str("\nEvidence: no event, as where something did not happen\n");
        return;
    }
    text.push_str(&format!(
        "\nEvidence ({} {})\n",
        ids.len(),
        if ids.len() == 1 { "event" } else { "events" }
    ));
    for id in ids.iter().take(EVIDENCE_SHOWN_MAX) {
        text.push_str(&format!("  {}\n", inert(id, NAME_CHARS_MAX)));
    }
    if ids.len() > EVIDENCE_SHOWN_MAX {
        text.push_str(&format!("  and {} more\n", ids.len() - EVIDENCE_SHOWN_MAX));
    }
    let plain = ids.iter().copied().filter(|id| is_plain(id)).take(EVIDENCE_QUERIED_MAX).collect::<Vec<_>>();
    if !plain.is_empty() {
        text.push_str(&format!("Show them with\n  {}\n", command(&plain, lake)));
    }
    if plain.len() < ids.len() {
        text.push_str(&format!("  ({} ids are left out of this command)\n", ids.len() - plain.len()));
    }
}

fn command(ids: &[&str], lake: &str) -> String {
    let list = ids.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ");
    let columns = "event_time, event_name, outcome, principal, actor, source_ip, user_agent, event_id";
    let query =
        format!("SELECT {columns} FROM events WHERE event_id IN ({list}) ORDER BY event_time, event_id");
    format!("snowtrail sql --lake {} \"{query}\"", shell_word(lake))
}

fn is_plain(id: &str) -> bool {
    let is_plain_char = |c: char| c.is_ascii_alphanumeric() || c == '-';
    !id.is_empty() && id.len() <= PLAIN_ID_CHARS_MAX && id.chars().all(is_plain_char)
}

/// One word to a POSIX shell, whatever the text. Control characters, which no lake's name needs, are dropped.
fn shell_word(text: &str) -> String {
    let is_safe =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | ':' | '=' | '+' | ',');
    if !text.is_empty() && text.chars().all(is_safe) {
        return text.to_owned();
    }
    let visible = text.chars().filter(|c| !c.is_control()).collect::<String>();
    format!("'{}'", visible.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_ids_stand_in_the_command() {
        assert!(is_plain("0f1e2d3c-1111-2222-3333-444455556666"));
        let hostile =
            ["'; DROP TABLE events; --", "$(reboot)", "`id`", "a\"b", "a b", "", "!!", "a\nb", "\u{202e}"];
        assert!(!hostile.into_iter().any(is_plain) && !is_plain(&"a".repeat(65)));
    }

    #[test]
    fn a_lake_is_one_word_to_the_shell() {
        assert_eq!(shell_word("s3://snowy-lake/events"), "s3://snowy-lake/events");
        assert_eq!(shell_word("./my lake"), "'./my lake'");
        assert_eq!(shell_word("a'; reboot #"), "'a'\\''; reboot #'");
        assert_eq!(shell_word(""), "''");
    }
}
