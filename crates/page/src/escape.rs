//! Text that an attacker may have written, made inert before it reaches a page or a terminal.
//!
//! Session names, user agents, secret names and error messages are chosen by callers, and so are titles and
//! summaries made from them. [`terminal`] shows what a terminal would obey or hide; [`inert`] also takes the
//! meaning from chat markup, mentions and links. Escapes look like Rust's (`\u{202e}`) and cannot be forged,
//! because a backslash is doubled. Both bound the length of what they give.
//!
//! Letters that merely look like others (homoglyphs) are left alone: names on AWS are ASCII, but people's are not.

use std::borrow::Cow;

/// Ends what was cut. One character, never written by an escape.
pub const ELLIPSIS: char = '…';

/// Characters of a name (secret, principal, actor, key). Longer ones are cut with [`ELLIPSIS`]: AWS's own bound
/// is 512 for secrets and 2,048 for ARNs, and a person recognizes either by its first part.
pub const NAME_CHARS_MAX: usize = 300;

/// Characters of the key of the finding that a page is about first. Longer ones are cut with [`ELLIPSIS`]; people
/// copy it into queries, and it holds a secret's name and a principal's ARN at their longest.
pub const KEY_CHARS_MAX: usize = 3_000;

/// Characters of a line (title, observed, expected). Longer ones are cut with [`ELLIPSIS`].
pub const LINE_CHARS_MAX: usize = 240;

/// Characters of a paragraph (summary, description, a step of a runbook). Longer ones are cut with [`ELLIPSIS`].
pub const PARAGRAPH_CHARS_MAX: usize = 1_200;

/// Makes text safe to print: control characters, escape sequences, direction overrides and everything that has no
/// width or looks like a space become visible. At most `chars_max` characters come out.
pub fn terminal(text: &str, chars_max: usize) -> String {
    bounded(text, chars_max, |_, c, _, piece| visible(c, piece))
}

/// Like [`terminal`] without a bound, for tables whose reader asked for the whole value. Borrows where there is
/// nothing to escape, which is nearly always.
pub fn escape_inline(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| c != '\\' && !is_unseen(c)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(terminal(text, usize::MAX))
}

/// Like [`terminal`], and no markup, mention or link of a chat or mail program works in what comes out.
pub fn inert(text: &str, chars_max: usize) -> String {
    bounded(text, chars_max, without_markup)
}

/// Like [`inert`], for the running text of a chat: no `:name:` turns into an emoji either, because a check mark in
/// a session's name must not look like somebody's verdict. Names stand in code spans instead, where none does.
pub fn inert_chat(text: &str, chars_max: usize) -> String {
    bounded(text, chars_max, |before, c, after, piece| match c {
        ']' => escape(c, piece),
        ':' if opens_emoji(after) => escape(c, piece),
        _ => without_markup(before, c, after, piece),
    })
}

/// One word to a POSIX shell, whatever the text. Control characters, which no name needs, are dropped.
pub fn shell_word(text: &str) -> String {
    let is_safe =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | ':' | '=' | '+' | ',');
    if !text.is_empty() && text.chars().all(is_safe) {
        return text.to_owned();
    }
    let visible = text.chars().filter(|c| !c.is_control()).collect::<String>();
    format!("'{}'", visible.replace('\'', "'\\''"))
}

fn without_markup(before: &str, c: char, after: &str, piece: &mut String) {
    match c {
        ':' if after.starts_with("//") => piece.push_str("[:]"),
        '.' if is_www(before) => piece.push_str("[.]"),
        _ if is_markup(before, c, after) => escape(c, piece),
        _ => visible(c, piece),
    }
}

/// Feeds each character, with what stands before and after it, to `write`, until the bound is reached.
fn bounded(text: &str, chars_max: usize, write: impl Fn(&str, char, &str, &mut String)) -> String {
    let mut escaped = String::new();
    let mut piece = String::new();
    let mut room = chars_max;
    for (at, c) in text.char_indices() {
        let after = &text[at + c.len_utf8()..];
        piece.clear();
        write(&text[..at], c, after, &mut piece);
        let length = piece.chars().count();
        // Room for the ellipsis is kept until the last character: an escape is never cut in its middle.
        let needed = if after.is_empty() { length } else { length + 1 };
        if needed > room {
            escaped.extend((room > 0).then_some(ELLIPSIS));
            return escaped;
        }
        escaped.push_str(&piece);
        room -= length;
    }
    escaped
}

fn visible(c: char, piece: &mut String) {
    match c {
        '\\' => piece.push_str("\\\\"),
        '\n' => piece.push_str("\\n"),
        '\r' => piece.push_str("\\r"),
        '\t' => piece.push_str("\\t"),
        _ if is_unseen(c) => escape(c, piece),
        _ => piece.push(c),
    }
}

fn escape(c: char, piece: &mut String) {
    piece.extend(c.escape_unicode());
}

/// Characters that a reader does not see, or sees as something else than they are.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffd}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || is_combining(c)
        || matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
}

/// Marks that pile up on the character before them, and variation selectors, which change it.
fn is_combining(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}')
}

/// Markup of chat and mail programs. What stands in names of AWS (`_` between letters, `@` in an address) is only
/// markup at the edge of a word, and stays readable elsewhere.
fn is_markup(before: &str, c: char, after: &str) -> bool {
    let follows_word = before.chars().next_back().is_some_and(char::is_alphanumeric);
    let precedes_word = after.chars().next().is_some_and(char::is_alphanumeric);
    match c {
        '<' | '>' | '&' | '*' | '`' | '~' | '[' => true,
        '_' => !(follows_word && precedes_word),
        '@' => !follows_word || is_mention(after),
        _ => false,
    }
}

/// Whether a colon and what follows it is an emoji's name to a chat. The parts of ARNs and of times of day, which
/// no chat has emoji for, stay readable.
fn opens_emoji(after: &str) -> bool {
    const NAME_BYTES_MAX: usize = 100;
    let is_name_byte = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'-' | b'\'');
    let length = after.bytes().take(NAME_BYTES_MAX).take_while(|b| is_name_byte(b)).count();
    let Some(name) = after.get(..length).filter(|name| !name.is_empty()) else { return false };
    if after.as_bytes().get(length) != Some(&b':') {
        return false;
    }
    let is_number = name.bytes().all(|b| b.is_ascii_digit()) && matches!(length, 2 | 12);
    let is_region = length > 6 && name.bytes().filter(|b| *b == b'-').count() >= 2;
    let of_arns = ["aws", "aws-cn", "aws-us-gov", "iam", "sts", "kms", "ssm", "secretsmanager", "secret"];
    !(is_number || is_region || of_arns.contains(&name))
}

fn is_mention(after: &str) -> bool {
    let starts_with =
        |word: &str| after.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    ["here", "channel", "everyone", "all"].iter().any(|word| starts_with(word))
}

fn is_www(before: &str) -> bool {
    let start = before.len().saturating_sub(3);
    before.get(start..).is_some_and(|end| end.eq_ignore_ascii_case("www"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lake_is_one_word_to_the_shell() {
        assert_eq!(shell_word("s3://snowy-lake/events"), "s3://snowy-lake/events");
        assert_eq!(shell_word("./my lake"), "'./my lake'");
        assert_eq!(shell_word("a'; reboot #"), "'a'\\''; reboot #'");
        assert_eq!(shell_word(""), "''");
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(inert(text, 200), expected);
    }

    #[test]
    fn names_of_aws_stay_as_they_are() {
        for name in [
            "arn:aws:iam::111122223333:role/service-role/Blizzard_Checkout-TaskRole",
            "prod/blizzard-checkout/db_main+x=1,y.z",
            "alice.winter@example.com",
            "secretsmanager.amazonaws.com",
            "Änne Müller",
        ] {
            check(name, name);
        }
    }

    #[test]
    fn what_a_terminal_obeys_is_shown() {
        check("a\u{1b}[31mred\u{7}", "a\\u{1b}\\u{5b}31mred\\u{7}");
        check("line\nnext\r\t", "line\\nnext\\r\\t");
        check("\u{9b}2J\u{85}\u{2028}", "\\u{9b}2J\\u{85}\\u{2028}");
        assert_eq!(terminal("\u{1b}[31m", 200), "\\u{1b}[31m");
    }

    #[test]
    fn what_hides_or_turns_text_is_shown() {
        check("pay\u{202e}gnp", "pay\\u{202e}gnp");
        check("ad\u{200b}min\u{2066}\u{feff}\u{a0}", "ad\\u{200b}min\\u{2066}\\u{feff}\\u{a0}");
        check("e\u{301}\u{fe0f}\u{e0041}", "e\\u{301}\\u{fe0f}\\u{e0041}");
    }

    #[test]
    fn markup_mentions_and_links_do_nothing() {
        check("<!channel> & <@U1>", "\\u{3c}!channel\\u{3e} \\u{26} \\u{3c}\\u{40}U1\\u{3e}");
        check("*bold* _it_ `c`", "\\u{2a}bold\\u{2a} \\u{5f}it\\u{5f} \\u{60}c\\u{60}");
        check("@here bob@HERE @alice", "\\u{40}here bob\\u{40}HERE \\u{40}alice");
        check("[x](https://evil.example)", "\\u{5b}x](https[:]//evil.example)");
        check("WWW.evil.example", "WWW[.]evil.example");
    }

    #[test]
    fn no_emoji_comes_of_what_a_caller_wrote_to_a_chat() {
        let same = |text: &str, expected: &str| assert_eq!(inert_chat(text, 200), expected);
        same("x:white_check_mark: y :+1:", "x\\u{3a}white_check_mark: y \\u{3a}+1:");
        same("[a](b) :100::x:", "\\u{5b}a\\u{5d}(b) \\u{3a}100:\\u{3a}x:");
        let arn = "arn:aws:secretsmanager:us-west-2:111122223333:secret:prod/db at 11:00:30";
        same(arn, arn);
    }

    #[test]
    fn an_escape_cannot_be_forged() {
        check("\\u{202e}", "\\\\u{202e}");
        check("https[:]//", "https\\u{5b}:]//");
    }

    #[test]
    fn length_is_bounded_and_no_escape_is_cut() {
        assert_eq!(inert("abcdef", 6), "abcdef");
        assert_eq!(inert("abcdefg", 6), "abcde…");
        assert_eq!(inert("abc\u{202e}", 6), "abc…");
        assert_eq!(inert("ab", 0), "");
    }

    proptest::proptest! {
        #[test]
        fn nothing_unseen_comes_out(text in proptest::collection::vec(proptest::char::any(), 0..80), max in 0usize..200) {
            let text = text.into_iter().collect::<String>();
            proptest::prop_assert_eq!(escape_inline(&text), terminal(&text, usize::MAX));
            proptest::prop_assert!(!escape_inline(&text).chars().any(is_unseen));
            for escaped in [terminal(&text, max), inert(&text, max), inert_chat(&text, max)] {
                proptest::prop_assert!(escaped.chars().count() <= max);
                proptest::prop_assert!(!escaped.chars().any(is_unseen));
            }
            proptest::prop_assert!(!inert(&text, max).contains(['<', '>', '&', '*', '`', '~']));
        }
    }
}
