//! Secret values in text that only looks like JSON: broken records, and JSON inside strings.
//!
//! Nothing is parsed. A key is a word before a quote and a colon, at whatever level of escaping; its value ends at the
//! next quote of that level, and where that cannot be told, at the text's end: rather too much than too little.

use aho_corasick::AhoCorasick;

use super::{HIDDEN_BY_AWS, REDACTED};

/// Replaces the values of keys in text that looks like JSON, at any level of escaping; `None` where there is none.
pub(super) fn replace_loose_keys(text: &str, finder: &AhoCorasick) -> Option<String> {
    let (mut out, mut kept) = (String::new(), 0);
    for found in finder.find_iter(text) {
        if found.start() < kept {
            continue;
        }
        let Some((start, end)) = loose_value(text, found.end()) else { continue };
        let value = text.get(start..end).unwrap_or("");
        if is_harmless(value) {
            continue;
        }
        out.push_str(text.get(kept..start).unwrap_or(""));
        out.push_str(REDACTED);
        kept = end;
    }
    (kept > 0).then(|| out + text.get(kept..).unwrap_or(""))
}

/// The value behind a key that ends at `at` (before its closing quote), without the value's own quotes.
fn loose_value(text: &str, at: usize) -> Option<(usize, usize)> {
    let space = [' ', '\n', '\r', '\t'];
    let behind_key = text.get(at..)?.trim_start_matches('\\').strip_prefix('"')?.trim_start_matches(space);
    let value = behind_key.strip_prefix(':')?.trim_start_matches(space);
    let start = text.len() - value.len();
    let quote = value.trim_start_matches('\\');
    let level = value.len() - quote.len();
    if quote.starts_with('"') {
        let inner = start + level + 1;
        return Some((inner, end_of_loose_string(text, inner, level)));
    }
    let end = match value.chars().next()? {
        '{' | '[' => text.len(),
        _ => start + value.find([',', '}', ']', ' ', '\n', '\r', '\t']).unwrap_or(value.len()),
    };
    Some((start, end))
}

/// The closing quote of a string opened behind `level` backslashes: the next one behind no more than that.
fn end_of_loose_string(text: &str, start: usize, level: usize) -> usize {
    let mut backslashes = 0;
    for (at, byte) in text.bytes().enumerate().skip(start) {
        match byte {
            b'\\' => backslashes += 1,
            b'"' if backslashes <= level => return at - backslashes,
            _ => backslashes = 0,
        }
    }
    text.len()
}

/// Values that say that no value is there.
pub(super) fn is_harmless(value: &str) -> bool {
    matches!(value, "" | "true" | "false" | "null" | "***" | HIDDEN_BY_AWS | REDACTED)
}

/// Undoes `\u00XX` of printable ASCII other than quotes and backslashes, so that words are seen as words.
pub(super) fn without_ascii_code_points(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find("\\u00") {
        let code = rest.get(at + 4..at + 6).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let Some(code @ (b' '..=b'~')) = code.filter(|code| !matches!(code, b'"' | b'\\')) else {
            out.push_str(rest.get(..at + 4).unwrap_or(""));
            rest = rest.get(at + 4..).unwrap_or("");
            continue;
        };
        out.push_str(rest.get(..at).unwrap_or(""));
        out.push(char::from(code));
        rest = rest.get(at + 6..).unwrap_or("");
    }
    out + rest
}
