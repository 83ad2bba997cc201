//! A small JSON scanner over a window of bytes: validates the whole grammar, keeps no tree, recurses nowhere.
//!
//! Why an own one: the fast parsers at hand recurse while they skip, or need the whole document in memory; here a
//! record of ten thousand nested arrays must cost itself and nothing else, and a file is read through a window.
//! While it validates an object it notes where the values of its known top-level keys stand ([`KeyTable`]).
//! It does not decode strings or numbers, and does not check that bytes inside strings are UTF-8.

use crate::keys::{Key, KeyTable};
use crate::text::{StringStop, end_of_string};

/// Deepest nesting of a record. Real ones stay below 20; a deeper one is rejected as `too_deep`, alone.
/// Bound to the 128 bits of the scanner's stack.
pub(crate) const DEPTH_MAX: u32 = 128;

/// How a scan ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scanned {
    /// Offset just behind the value, or of the container's `[`.
    pub(crate) end: usize,
    /// The object's key whose array is to be walked element by element; the object is not finished.
    pub(crate) container: Option<Key>,
}

/// How a scan ended otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The bytes end inside the value. With more bytes the scan starts again.
    Incomplete,
    /// No JSON: offset and what stood wrong there.
    Malformed(usize, &'static str),
    /// More than [`DEPTH_MAX`] levels.
    TooDeep,
}

/// What a scan starts from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task {
    /// Where to start.
    pub(crate) start: usize,
    /// No more bytes will come: a number at the very end is complete.
    pub(crate) at_eof: bool,
    /// Stop at arrays under container keys at the top level of the object.
    pub(crate) stop_at_containers: bool,
    /// Start behind a value inside an object (after a container) instead of at a value.
    pub(crate) resume_object: bool,
}

impl Task {
    /// A whole value, containers read whole, at offset 0 of complete bytes.
    pub(crate) fn whole() -> Task {
        Task { start: 0, at_eof: true, stop_at_containers: false, resume_object: false }
    }
}

/// Scans one value, or the rest of an object.
pub(crate) fn scan(bytes: &[u8], task: Task, keys: &mut KeyTable) -> Result<Scanned, Stop> {
    let mut scan = Scan { bytes, task, keys, stack: 0, depth: 0, open: None };
    let mut at = task.start;
    if task.resume_object {
        scan.push(true)?;
        match scan.close(at)? {
            Next::Done(end) => return Ok(Scanned { end, container: None }),
            Next::Value(next) => at = next,
            Next::Container(at, key) => return Ok(Scanned { end: at, container: Some(key) }),
        }
    }
    loop {
        match scan.value(at)? {
            Next::Done(end) => return Ok(Scanned { end, container: None }),
            Next::Value(next) => at = next,
            Next::Container(at, key) => return Ok(Scanned { end: at, container: Some(key) }),
        }
    }
}

/// What comes behind a token.
enum Next {
    /// The whole value ended here.
    Done(usize),
    /// A value is expected here.
    Value(usize),
    /// A container's array opens here.
    Container(usize, Key),
}

struct Scan<'a> {
    bytes: &'a [u8],
    task: Task,
    keys: &'a mut KeyTable,
    /// One bit per level, lowest is innermost: 1 object, 0 array.
    stack: u128,
    depth: u32,
    /// The known top-level key whose value is being scanned, and where that value starts.
    open: Option<(Key, usize)>,
}

impl Scan<'_> {
    #[inline(always)]
    fn byte(&self, at: usize) -> Result<u8, Stop> {
        self.bytes.get(at).copied().ok_or(Stop::Incomplete)
    }

    /// The first byte from `at` that is no white space, and its offset.
    #[inline(always)]
    fn token(&self, at: usize) -> Result<(u8, usize), Stop> {
        let byte = self.byte(at)?;
        if byte > b' ' { Ok((byte, at)) } else { self.token_behind_space(at) }
    }

    fn token_behind_space(&self, mut at: usize) -> Result<(u8, usize), Stop> {
        loop {
            match self.byte(at)? {
                b' ' | b'\n' | b'\r' | b'\t' => at += 1,
                byte => return Ok((byte, at)),
            }
        }
    }

    #[inline(always)]
    fn push(&mut self, is_object: bool) -> Result<(), Stop> {
        if self.depth == DEPTH_MAX {
            return Err(Stop::TooDeep);
        }
        self.stack = self.stack << 1 | u128::from(is_object);
        self.depth += 1;
        Ok(())
    }

    #[inline(always)]
    fn pop(&mut self) {
        self.stack >>= 1;
        self.depth -= 1;
    }

    /// A value is expected at `at`.
    #[inline(always)]
    fn value(&mut self, at: usize) -> Result<Next, Stop> {
        let (byte, at) = self.token(at)?;
        let end = match byte {
            b'"' => self.string(at + 1)?,
            b'{' => {
                self.push(true)?;
                let (byte, inner) = self.token(at + 1)?;
                if byte != b'}' {
                    return self.key(byte, inner);
                }
                self.pop();
                inner + 1
            }
            b'[' => {
                self.push(false)?;
                let (byte, inner) = self.token(at + 1)?;
                if byte != b']' {
                    return Ok(Next::Value(inner));
                }
                self.pop();
                inner + 1
            }
            b't' => self.literal(at, b"true")?,
            b'f' => self.literal(at, b"false")?,
            b'n' => self.literal(at, b"null")?,
            b'-' | b'0'..=b'9' => self.number(at)?,
            _ => return Err(Stop::Malformed(at, "a value was expected")),
        };
        if self.depth == 0 { Ok(Next::Done(end)) } else { self.close(end) }
    }

    /// Behind a value inside an object or array: a comma, or the end of one level or more.
    #[inline(always)]
    fn close(&mut self, mut at: usize) -> Result<Next, Stop> {
        loop {
            if self.depth == 1
                && let Some((key, start)) = self.open.take()
            {
                self.keys.note(key, start, at);
            }
            let is_object = self.stack & 1 == 1;
            let (byte, token) = self.token(at)?;
            match byte {
                b',' if is_object => {
                    let (byte, next) = self.token(token + 1)?;
                    return self.key(byte, next);
                }
                b',' => return Ok(Next::Value(token + 1)),
                b'}' if is_object => self.pop(),
                b']' if !is_object => self.pop(),
                _ => return Err(Stop::Malformed(token, "a comma or a closing bracket was expected")),
            }
            at = token + 1;
            if self.depth == 0 {
                return Ok(Next::Done(at));
            }
        }
    }

    /// A key with its colon; at the top level of the object its value's place is noted.
    #[inline(always)]
    fn key(&mut self, byte: u8, at: usize) -> Result<Next, Stop> {
        if byte != b'"' {
            return Err(Stop::Malformed(at, "a key was expected"));
        }
        let end = self.string(at + 1)?;
        let (colon, colon_at) = self.token(end)?;
        if colon != b':' {
            return Err(Stop::Malformed(colon_at, "a colon was expected"));
        }
        if self.depth == 1 {
            return self.top_key(at + 1, end - 1, colon_at + 1);
        }
        Ok(Next::Value(colon_at + 1))
    }

    fn top_key(&mut self, start: usize, end: usize, value: usize) -> Result<Next, Stop> {
        let Some(key) = self.bytes.get(start..end).and_then(Key::lookup) else {
            return Ok(Next::Value(value));
        };
        let (byte, value) = self.token(value)?;
        if self.task.stop_at_containers && key.is_container() && byte == b'[' {
            return Ok(Next::Container(value, key));
        }
        self.open = Some((key, value));
        Ok(Next::Value(value))
    }

    #[inline(always)]
    fn string(&self, at: usize) -> Result<usize, Stop> {
        end_of_string(self.bytes, at).map_err(|stop| match stop {
            StringStop::Incomplete => Stop::Incomplete,
            StringStop::Malformed(at) => Stop::Malformed(at, "an invalid character or escape in a string"),
        })
    }

    fn literal(&self, at: usize, word: &'static [u8]) -> Result<usize, Stop> {
        for (offset, &expected) in word.iter().enumerate() {
            if self.byte(at + offset)? != expected {
                return Err(Stop::Malformed(at, "a value was expected"));
            }
        }
        Ok(at + word.len())
    }

    fn number(&self, start: usize) -> Result<usize, Stop> {
        let mut at = if self.byte(start)? == b'-' { start + 1 } else { start };
        at = match self.byte(at)? {
            b'0' => at + 1,
            b'1'..=b'9' => self.digits(at)?,
            _ => return Err(Stop::Malformed(at, "a digit was expected")),
        };
        if self.bytes.get(at) == Some(&b'.') {
            at = self.digits(at + 1)?;
        }
        if matches!(self.bytes.get(at), Some(b'e' | b'E')) {
            at += 1;
            if matches!(self.bytes.get(at), Some(b'+' | b'-')) {
                at += 1;
            }
            at = self.digits(at)?;
        }
        // A number has no end of its own: it may go on in bytes that are not here yet.
        if at == self.bytes.len() && !self.task.at_eof { Err(Stop::Incomplete) } else { Ok(at) }
    }

    /// One digit or more.
    fn digits(&self, start: usize) -> Result<usize, Stop> {
        if !self.byte(start)?.is_ascii_digit() {
            return Err(Stop::Malformed(start, "a digit was expected"));
        }
        let mut at = start + 1;
        while self.bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ends(text: &[u8]) -> Result<usize, Stop> {
        scan(text, Task::whole(), &mut KeyTable::new()).map(|scanned| scanned.end)
    }

    #[test]
    fn known_keys_are_found_at_the_top_only() {
        let text = r#"{ "a": {"eventSource": "decoy"}, "event\u0053ource" : "kms.amazonaws.com", "z": "\"eventName\":1" }"#;
        let mut keys = KeyTable::new();
        scan(text.as_bytes(), Task::whole(), &mut keys).unwrap();
        let (start, end) = keys.span(Key::EventSource).unwrap();
        assert_eq!(&text[start..end], "\"kms.amazonaws.com\"");
        assert!(!keys.has(Key::EventName));
    }

    #[test]
    fn a_key_that_stands_twice_is_remembered_and_the_first_copy_stays() {
        let text = r#"{"eventName":"a","eventName":"b"}"#;
        let mut keys = KeyTable::new();
        scan(text.as_bytes(), Task::whole(), &mut keys).unwrap();
        assert_eq!(keys.duplicate(), Some(Key::EventName));
        assert_eq!(keys.span(Key::EventName), Some((13, 16)));
    }

    #[test]
    fn containers_stop_the_scan_and_the_object_goes_on_behind_them() {
        let text = br#"{"x":[1],"Records":[{}],"eventID":"e"} "#;
        let mut keys = KeyTable::new();
        let task = Task { stop_at_containers: true, ..Task::whole() };
        let scanned = scan(text, task, &mut keys).unwrap();
        assert_eq!((scanned.container, text[scanned.end]), (Some(Key::Records), b'['));
        let rest = scan(text, Task { start: 23, resume_object: true, ..task }, &mut keys).unwrap();
        assert_eq!(rest.end, text.len() - 1);
        assert!(keys.has(Key::EventId));
    }

    #[test]
    fn depth_is_bounded() {
        let levels = |n: usize| [vec![b'['; n], vec![b']'; n]].concat();
        assert_eq!(ends(&levels(128)), Ok(256));
        assert_eq!(ends(&levels(129)), Err(Stop::TooDeep));
        assert_eq!(ends(&vec![b'['; 1_000_000]), Err(Stop::TooDeep));
    }

    #[test]
    fn every_prefix_of_a_value_is_incomplete_not_malformed() {
        let text = br#"{"a":[1.5e+3,true,null,"x\u00e9\n"],"b":{"c":-0}}"#;
        for cut in 0..text.len() {
            let task = Task { at_eof: false, ..Task::whole() };
            assert_eq!(scan(&text[..cut], task, &mut KeyTable::new()), Err(Stop::Incomplete), "cut at {cut}");
        }
        assert_eq!(ends(text), Ok(text.len()));
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json_on_what_is_json(text in r#"[\[\]{}:,"\\0-9eE.+\-a-bfnrtuls \n]{0,24}"#) {
            let expected = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            let ours = ends(text.as_bytes()).is_ok_and(|end| text[end..].trim_matches([' ', '\n', '\r', '\t']).is_empty());
            prop_assert_eq!(ours, expected, "{}", text);
        }
    }
}
