//! Text out of a body, made fit for a log line: escaped and cut. It hides nothing; callers choose what may be shown.

/// What stands where a text was cut.
const CUT_MARK: &str = "…";

/// The text with control, format and other invisible characters escaped, in at most `bytes_max` bytes.
pub(super) fn shown(text: &str, bytes_max: usize) -> String {
    let mut out = String::new();
    let mut fits_with_mark = 0;
    for character in text.chars() {
        if out.len() + CUT_MARK.len() <= bytes_max {
            fits_with_mark = out.len();
        }
        match character {
            '"' | '\'' | '\\' => out.push(character),
            other => out.extend(other.escape_debug()),
        }
        if out.len() > bytes_max {
            out.truncate(fits_with_mark);
            out.push_str(CUT_MARK);
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_text_is_whole_and_long_text_ends_in_a_mark() {
        assert_eq!(shown("é it's", 20), "é it's");
        assert_eq!(shown("12345678", 8), "12345678");
        assert_eq!(shown("123456789", 8), "12345…");
        assert_eq!(shown("éééééééé", 8), "éé…");
    }

    #[test]
    fn what_moves_a_terminal_is_escaped() {
        assert_eq!(shown("a\nb\u{1b}[2J\u{202e}", 40), "a\\nb\\u{1b}[2J\\u{202e}");
    }
}
