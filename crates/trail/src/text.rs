//! JSON strings: finding their end while validating them, and undoing their escapes.
//!
//! Eight bytes at a time with plain integer arithmetic, because unsafe code is forbidden here and most strings of a
//! record are too short for a call into a vectorized search to pay off.

use std::borrow::Cow;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Why a string could not be scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StringStop {
    /// The bytes end inside the string.
    Incomplete,
    /// Not a JSON string; the offset of the offending byte.
    Malformed(usize),
}

/// Marks (with the high bit) bytes equal to zero. Exact up to and including the lowest marked byte.
#[inline(always)]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// Marks quotes, backslashes and control characters. Exact up to and including the lowest marked byte.
#[inline(always)]
fn specials(word: u64) -> u64 {
    let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
    zeros(word ^ (ONES * u64::from(b'"'))) | zeros(word ^ (ONES * u64::from(b'\\'))) | control
}

/// The offset just behind the closing quote of the string whose first byte (behind the opening quote) is at
/// `start`.
#[inline(always)]
pub(crate) fn end_of_string(bytes: &[u8], start: usize) -> Result<usize, StringStop> {
    let mut at = start;
    loop {
        while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
            let word = u64::from_le_bytes(*chunk);
            let marks = specials(word);
            if marks != 0 {
                at += (marks.trailing_zeros() / 8) as usize;
                break;
            }
            at += 8;
        }
        let Some(&byte) = bytes.get(at) else { return Err(StringStop::Incomplete) };
        match byte {
            b'"' => return Ok(at + 1),
            b'\\' => at = end_of_escape(bytes, at)?,
            0..0x20 => return Err(StringStop::Malformed(at)),
            _ => at += 1,
        }
    }
}

/// The offset behind the escape whose backslash is at `at`.
#[inline(never)]
fn end_of_escape(bytes: &[u8], at: usize) -> Result<usize, StringStop> {
    match bytes.get(at + 1) {
        None => Err(StringStop::Incomplete),
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => {
            for offset in at + 2..at + 6 {
                match bytes.get(offset) {
                    None => return Err(StringStop::Incomplete),
                    Some(digit) if digit.is_ascii_hexdigit() => {}
                    Some(_) => return Err(StringStop::Malformed(offset)),
                }
            }
            Ok(at + 6)
        }
        Some(_) => Err(StringStop::Malformed(at + 1)),
    }
}

/// The text that a validated string's inside (without its quotes) stands for. A lone surrogate becomes U+FFFD
/// instead of failing: nobody may hide a read behind a broken user agent.
pub(crate) fn unescape(raw: &str) -> Cow<'_, str> {
    let Some(first) = first_escape(raw.as_bytes()) else { return Cow::Borrowed(raw) };
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    let mut next = Some(first);
    while let Some(at) = next {
        out.push_str(rest.get(..at).unwrap_or(""));
        let escape = rest.get(at + 1..).unwrap_or("");
        let used = push_escape(escape, &mut out);
        rest = escape.get(used..).unwrap_or("");
        next = memchr::memchr(b'\\', rest.as_bytes());
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Where the first backslash stands. Most strings have none and are short.
#[inline(always)]
fn first_escape(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let marks = zeros(u64::from_le_bytes(*word) ^ (ONES * u64::from(b'\\')));
        if marks != 0 {
            return Some(at * 8 + (marks.trailing_zeros() / 8) as usize);
        }
    }
    rest.iter().position(|byte| *byte == b'\\').map(|at| words.len() * 8 + at)
}

/// Appends what the escape (without its backslash) means; says how many bytes it took.
fn push_escape(escape: &str, out: &mut String) -> usize {
    let plain = match escape.as_bytes().first() {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return push_unicode(escape, out),
        Some(&other) => char::from(other),
        None => return 0,
    };
    out.push(plain);
    1
}

fn push_unicode(escape: &str, out: &mut String) -> usize {
    let Some(first) = hex4(escape) else {
        out.push(char::REPLACEMENT_CHARACTER);
        return escape.len().min(5);
    };
    let low = escape.get(5..).and_then(|rest| rest.strip_prefix('\\')).and_then(hex4);
    if let (0xD800..0xDC00, Some(low @ 0xDC00..0xE000)) = (first, low) {
        let code = 0x10000 + ((first - 0xD800) << 10) + (low - 0xDC00);
        out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        return 11;
    }
    out.push(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
    5
}

/// The number behind `uXXXX`.
fn hex4(escape: &str) -> Option<u32> {
    let digits = escape.strip_prefix('u')?.get(..4)?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> Result<usize, StringStop> {
        end_of_string(text.as_bytes(), 0)
    }

    #[test]
    fn end_is_behind_the_first_unescaped_quote() {
        assert_eq!(end(r#"abc""#), Ok(4));
        assert_eq!(end(r#"a long string \" with a quote" x"#), Ok(30));
        assert_eq!(end(r#"\\""#), Ok(3));
        assert_eq!(end("never closed, and rather long"), Err(StringStop::Incomplete));
        assert_eq!(end("tab\there\""), Err(StringStop::Malformed(3)));
        assert_eq!(end(r#"\x""#), Err(StringStop::Malformed(1)));
        assert_eq!(end(r#"\u12G4""#), Err(StringStop::Malformed(4)));
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(unescape(r#"a\"b\\c\/d\b\f\n\r\t\u0041"#), "a\"b\\c/d\u{8}\u{c}\n\r\tA");
        assert_eq!(unescape(r"\ud83d\ude00"), "😀");
    }

    #[test]
    fn lone_surrogates_are_replaced_not_refused() {
        assert_eq!(unescape(r"a\ud83dz"), "a\u{FFFD}z");
        assert_eq!(unescape(r"\ude00\ud83d"), "\u{FFFD}\u{FFFD}");
        assert_eq!(unescape(r"\ud83d\u0041"), "\u{FFFD}A");
    }
}
