//! Finds the end of a bracketed value by brackets and quotes alone, piece by piece, in no memory.
//!
//! For values that are rejected unread (too deep, too large): it validates nothing and counts levels instead of
//! remembering them.

/// Where the skipping stands between two pieces.
#[derive(Debug)]
pub(crate) struct Lexical {
    depth: u64,
    in_string: bool,
    is_escaped: bool,
}

impl Lexical {
    /// At the start of a value, or inside an object whose opening bracket has been read.
    pub(crate) fn new(in_object: bool) -> Lexical {
        Lexical { depth: u64::from(in_object), in_string: false, is_escaped: false }
    }

    /// The offset behind the value's closing bracket, if it is among these bytes.
    pub(crate) fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, &byte) in bytes.iter().enumerate() {
            if self.in_string {
                self.string_byte(byte);
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn string_byte(&mut self, byte: u8) {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' => self.is_escaped = true,
            b'"' => self.in_string = false,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_however_the_bytes_are_cut() {
        let text = br#"{"a":"}]\"}","b":[{}]},{"#;
        for cut in 0..text.len() {
            let mut lexical = Lexical::new(false);
            let end = lexical.end(&text[..cut]).or_else(|| lexical.end(&text[cut..]).map(|end| end + cut));
            assert_eq!(end, Some(22), "cut at {cut}");
        }
        assert_eq!(Lexical::new(true).end(br#""c":1}"#), Some(6));
    }
}
