//! Finding the next record behind bytes that are no JSON, so that one bad record costs itself only.
//!
//! A candidate is an opening brace behind a comma or a line break. It must scan well, and look like what is expected
//! there; braces inside the bad bytes' strings stand before a backslash and a quote and fail at once. Inside an array
//! or container a candidate at the very start of a line that follows no comma begins a new top-level value: the rest
//! of the list was lost with the bad bytes. At the top only such candidates count (NDJSON).

use std::io::{self, Read};

use snowtrail_model::RejectReason;

use crate::books::{Piece, is_plausible};
use crate::scan::{Scanned, Stop, Task, scan};
use crate::walk::Walk;

/// Most bytes that candidates may be scanned for in one source. Beyond it nothing is tried any more and the rest of
/// the source is one reject: nested candidates would else cost the square of their length.
pub const RESYNC_BYTES_MAX: u64 = 64 << 20;

/// What stands before a candidate.
struct Before {
    /// The byte right before it.
    byte: u8,
    /// The last byte before it that is no white space.
    token: u8,
    /// A line break stands between that byte and the candidate.
    line_break: bool,
}

impl Before {
    /// Takes the bytes up to the candidate in.
    fn extend(&mut self, bytes: &[u8]) {
        let Some(&last) = bytes.last() else { return };
        self.byte = last;
        let token = bytes.iter().rposition(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
        let gap = match token {
            Some(at) => {
                self.token = bytes.get(at).copied().unwrap_or(0);
                self.line_break = false;
                bytes.get(at..).unwrap_or(&[])
            }
            None => bytes,
        };
        self.line_break |= memchr::memchr(b'\n', gap).is_some();
    }

    fn starts_line(&self) -> bool {
        self.byte == b'\n'
    }
}

impl<R: Read> Walk<'_, '_, R> {
    /// Rejects everything from here to the next plausible record, or to the end.
    pub(crate) fn resync(&mut self, what: &str) -> io::Result<()> {
        let (head, offset) = (self.head()?, self.window.offset());
        let mut before = Before { byte: 0, token: 0, line_break: false };
        self.pass(&mut before, 1);
        while !self.is_at_next(&mut before)? {
            if self.window.bytes().is_empty() && self.window.at_eof() {
                (self.in_array, self.container) = (false, None);
                break;
            }
        }
        let bytes_total = self.window.offset() - offset;
        let bytes = head.get(..bytes_total as usize).unwrap_or(&head);
        self.books.reject(
            Piece { bytes, offset, bytes_total },
            RejectReason::MalformedJson,
            what.to_owned(),
            None,
        );
        Ok(())
    }

    /// Goes to the next opening brace; true where the next record starts there.
    fn is_at_next(&mut self, before: &mut Before) -> io::Result<bool> {
        let bytes = self.window.bytes();
        let Some(at) = memchr::memchr(b'{', bytes) else {
            self.pass(before, bytes.len());
            if !self.window.at_eof() {
                self.window.more()?;
            }
            return Ok(false);
        };
        self.pass(before, at);
        let begins_anew = before.starts_line() && before.token != b',';
        let is_inside = self.in_array || self.container.is_some();
        let is_eligible =
            if is_inside { before.token == b',' || before.line_break } else { before.starts_line() };
        if is_eligible && self.is_candidate(!is_inside || begins_anew)? {
            return Ok(true);
        }
        self.pass(before, 1);
        Ok(false)
    }

    fn pass(&mut self, before: &mut Before, count: usize) {
        before.extend(self.window.bytes().get(..count).unwrap_or(&[]));
        self.window.consume(count);
    }

    /// Whether the object that starts here is one to go on with; if it begins anew, at the top.
    fn is_candidate(&mut self, begins_anew: bool) -> io::Result<bool> {
        loop {
            if self.resync_bytes > RESYNC_BYTES_MAX {
                return Ok(false);
            }
            let bytes = self.window.bytes();
            let task = Task {
                start: 0,
                at_eof: self.window.at_eof(),
                stop_at_containers: begins_anew,
                resume_object: false,
            };
            self.keys.clear();
            let scanned = scan(bytes, task, self.keys);
            self.resync_bytes += match &scanned {
                Ok(Scanned { end, .. }) | Err(Stop::Malformed(end, _)) => *end as u64,
                Err(_) => bytes.len() as u64,
            };
            match scanned {
                Ok(scanned) => return Ok(self.accept(scanned, begins_anew)),
                Err(Stop::Incomplete)
                    if !self.window.at_eof() && bytes.len() <= self.books.limits.record_bytes_max =>
                {
                    self.window.more()?;
                }
                Err(_) => return Ok(false),
            }
        }
    }

    fn accept(&mut self, scanned: Scanned, begins_anew: bool) -> bool {
        let was_inside = self.in_array || self.container.is_some();
        let fits = scanned.container.is_some()
            || is_plausible(self.keys, if begins_anew { None } else { self.container })
            || !was_inside;
        if fits && begins_anew {
            (self.in_array, self.container) = (false, None);
        }
        fits
    }
}
