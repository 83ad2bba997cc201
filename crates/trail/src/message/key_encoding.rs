//! The encoding of keys in S3 notifications, and the one of URIs. Neither knows whether a key is a good one.

use std::fmt::Write;

/// Undoes the form encoding of a key, once: `+` is a space, `%XX` a byte. `None` where that is no UTF-8 or a `%` has
/// no two digits, since another object may be meant than a guess would fetch.
/// Source: S3 User Guide, "Event message structure" ("the object key value is URL encoded").
pub(super) fn decode_form(text: &str) -> Option<String> {
    decode(text, b' ')
}

/// Undoes [`encode_path`]: `+` is itself there. `None` as in [`decode_form`].
pub(super) fn decode_path(text: &str) -> Option<String> {
    decode(text, b'+')
}

fn decode(text: &str, plus: u8) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => plus,
            b'%' => digit(bytes.next()?)? << 4 | digit(bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Percent-encodes what may not stand in a URI's path (RFC 3986, 3.3), and nothing else: `/`, `=` and `+` stay, `%`
/// does not.
pub(super) fn encode_path(key: &str) -> String {
    let mut encoded = String::with_capacity(key.len());
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
