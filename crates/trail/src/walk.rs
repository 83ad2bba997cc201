//! The walk over one source: whatever is wrapped around records, without ever holding more than one of them.
//!
//! Where the walk stands is three facts, not a stack: at the top, inside a top-level array, and inside a container
//! (`Records`, `Events`, `logEvents`, `logFiles`) of a top-level object. Everything deeper is inside one piece that
//! is scanned whole. Commas and line breaks between pieces are not insisted on, since NDJSON, concatenated values and
//! arrays are all taken. What is no JSON is skipped by [`resync`](crate::resync).

use std::io::{self, Read};

use snowtrail_model::RejectReason;

use crate::books::{Books, EXCERPT_SOURCE_BYTES, Piece};
use crate::keys::{Key, KeyTable};
use crate::lexical::Lexical;
use crate::scan::{Scanned, Stop, Task, scan};
use crate::summary::Shape;
use crate::window::Window;

/// What a scan over the window came to.
pub(crate) enum Found {
    Value(Scanned),
    Malformed(&'static str),
    TooDeep,
    TooLarge,
    CutOff,
}

pub(crate) struct Walk<'w, 'a, R> {
    pub(crate) window: Window<'w, R>,
    pub(crate) keys: &'w mut KeyTable,
    pub(crate) books: &'w mut Books<'a>,
    pub(crate) in_array: bool,
    pub(crate) container: Option<Key>,
    /// What resynchronizing has scanned so far.
    pub(crate) resync_bytes: u64,
}

impl<'w, 'a, R: Read> Walk<'w, 'a, R> {
    pub(crate) fn new(window: Window<'w, R>, keys: &'w mut KeyTable, books: &'w mut Books<'a>) -> Self {
        Walk { window, keys, books, in_array: false, container: None, resync_bytes: 0 }
    }

    pub(crate) fn run(&mut self) -> io::Result<()> {
        self.skip_byte_order_mark()?;
        while let Some(byte) = self.next_byte()? {
            self.books.saw_value = true;
            match byte {
                b',' if self.is_inside() => self.window.consume(1),
                b']' if self.container.is_some() => self.end_container()?,
                b']' if self.in_array => {
                    self.window.consume(1);
                    self.in_array = false;
                }
                b'[' if !self.is_inside() => {
                    self.window.consume(1);
                    self.in_array = true;
                }
                b'{' => self.object()?,
                _ if self.is_no_log(byte) => return self.refuse_all(),
                _ => self.no_object()?,
            }
        }
        self.finish();
        Ok(())
    }

    fn is_inside(&self) -> bool {
        self.in_array || self.container.is_some()
    }

    fn skip_byte_order_mark(&mut self) -> io::Result<()> {
        while self.window.bytes().len() < 3 && !self.window.at_eof() {
            self.window.more()?;
        }
        if self.window.bytes().starts_with(b"\xef\xbb\xbf") {
            self.window.consume(3);
        }
        Ok(())
    }

    /// The next byte that is no white space, left where it is.
    fn next_byte(&mut self) -> io::Result<Option<u8>> {
        loop {
            let bytes = self.window.bytes();
            let space = bytes.iter().position(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
            let next = space.and_then(|at| bytes.get(at).copied());
            self.window.consume(space.unwrap_or(bytes.len()));
            if next.is_some() || self.window.at_eof() {
                return Ok(next);
            }
            self.window.more()?;
        }
    }

    /// Scans a value, or the rest of an object, refilling the window as needed.
    pub(crate) fn scan(&mut self, resume_object: bool) -> io::Result<Found> {
        loop {
            self.keys.clear();
            let (all, bytes_max) = (self.window.bytes(), self.books.limits.record_bytes_max);
            // No further than one record may reach, however much is at hand, so that the answer does not hang on it.
            let bytes = all.get(..=bytes_max).unwrap_or(all);
            let task = Task {
                start: 0,
                at_eof: self.window.at_eof() && bytes.len() == all.len(),
                stop_at_containers: self.container.is_none(),
                resume_object,
            };
            let is_too_large = |length: usize| length > bytes_max;
            match scan(bytes, task, self.keys) {
                Ok(Scanned { end, container: None }) if is_too_large(end) => return Ok(Found::TooLarge),
                Ok(scanned) => return Ok(Found::Value(scanned)),
                Err(Stop::Malformed(_, what)) => return Ok(Found::Malformed(what)),
                Err(Stop::TooDeep) => return Ok(Found::TooDeep),
                Err(Stop::Incomplete) if is_too_large(bytes.len()) => return Ok(Found::TooLarge),
                Err(Stop::Incomplete) if self.window.at_eof() => return Ok(Found::CutOff),
                Err(Stop::Incomplete) => self.window.more()?,
            }
        }
    }

    fn object(&mut self) -> io::Result<()> {
        match self.scan(false)? {
            Found::Value(Scanned { end, container: Some(key) }) => self.enter(key, end),
            Found::Value(Scanned { end, container: None }) => {
                let bytes = self.window.bytes().get(..end).unwrap_or(&[]);
                let piece = Piece { bytes, offset: self.window.offset(), bytes_total: end as u64 };
                self.books.object(piece, self.keys, self.container)?;
                self.window.consume(end);
            }
            other => self.no_value(other, false)?,
        }
        Ok(())
    }

    /// Steps into the array that opens at `end`.
    fn enter(&mut self, key: Key, end: usize) {
        self.refuse_record_around_list(end);
        self.books.note_shape(match key {
            Key::Events => Shape::LookupEvents,
            Key::LogEvents => Shape::LogEvents,
            Key::LogFiles => Shape::Digest,
            _ => Shape::Records,
        });
        self.window.consume(end + 1);
        self.container = Some(key);
    }

    /// An object that has a list of records and a record's own keys is neither; the list is walked, the rest told.
    fn refuse_record_around_list(&mut self, end: usize) {
        if self.keys.is_record_like() {
            self.reject_head(
                RejectReason::UnknownShape,
                "a record's keys stand beside a list of records",
                end as u64,
            );
        }
    }

    /// Behind a container's `]`: the rest of the object that it stands in, perhaps with another container.
    fn end_container(&mut self) -> io::Result<()> {
        self.window.consume(1);
        self.container = None;
        match self.scan(true)? {
            Found::Value(Scanned { end, container: Some(key) }) => self.enter(key, end),
            Found::Value(Scanned { end, container: None }) => {
                self.refuse_record_around_list(end);
                self.window.consume(end);
            }
            other => self.no_value(other, true)?,
        }
        Ok(())
    }

    /// Something else than an object: a whole value, or no JSON at all.
    fn no_object(&mut self) -> io::Result<()> {
        let container = self.container;
        // An array of arrays has no container at its top.
        match self.scan(false)? {
            Found::Value(Scanned { end, .. }) if container == Some(Key::LogFiles) => self.window.consume(end),
            Found::Value(Scanned { end, .. }) => {
                self.reject_head(RejectReason::NotARecord, "not an object", end as u64);
                self.window.consume(end);
            }
            other => self.no_value(other, false)?,
        }
        Ok(())
    }

    fn no_value(&mut self, found: Found, in_object: bool) -> io::Result<()> {
        match found {
            Found::Value(_) => Ok(()),
            Found::Malformed(what) => self.resync(what),
            Found::TooDeep => self.skip(RejectReason::TooDeep, "nested deeper than any record", in_object),
            Found::TooLarge => self.skip(RejectReason::TooLarge, "larger than any record", in_object),
            Found::CutOff => {
                let rest = self.window.bytes().len();
                self.reject_head(RejectReason::CutOff, "the source ends inside the record", rest as u64);
                self.window.consume(rest);
                (self.in_array, self.container) = (false, None);
                Ok(())
            }
        }
    }

    /// Rejects what the window starts with.
    fn reject_head(&mut self, reason: RejectReason, detail: &str, bytes_total: u64) {
        let bytes = self.window.bytes();
        let bytes = bytes.get(..bytes_total as usize).unwrap_or(bytes);
        let piece = Piece { bytes, offset: self.window.offset(), bytes_total };
        self.books.reject(piece, reason, detail.to_owned(), None);
    }

    /// Skips a value that is not to be held in memory, by brackets and quotes alone.
    fn skip(&mut self, reason: RejectReason, detail: &str, in_object: bool) -> io::Result<()> {
        let (head, offset) = (self.head()?, self.window.offset());
        let mut lexical = Lexical::new(in_object);
        loop {
            let bytes = self.window.bytes();
            match lexical.end(bytes) {
                Some(end) => {
                    self.window.consume(end);
                    break;
                }
                None => self.window.consume(bytes.len()),
            }
            if self.window.at_eof() {
                (self.in_array, self.container) = (false, None);
                break;
            }
            self.window.more()?;
        }
        let piece = Piece { bytes: &head, offset, bytes_total: self.window.offset() - offset };
        self.books.reject(piece, reason, detail.to_owned(), None);
        Ok(())
    }

    /// A copy of what the window starts with, enough for an excerpt however small the window is.
    pub(crate) fn head(&mut self) -> io::Result<Vec<u8>> {
        while self.window.bytes().len() < EXCERPT_SOURCE_BYTES && !self.window.at_eof() {
            self.window.more()?;
        }
        let bytes = self.window.bytes();
        Ok(bytes.get(..EXCERPT_SOURCE_BYTES).unwrap_or(bytes).to_vec())
    }

    /// Whether a source that starts like this is no log at all: it starts with nothing that JSON starts with, and no
    /// later line of what is at hand starts with an object.
    fn is_no_log(&self, byte: u8) -> bool {
        if self.books.summary.records > 0 || self.books.summary.shape.is_some() || self.is_inside() {
            return false;
        }
        // No more than one window's, however much is at hand, so that the answer does not hang on it.
        let bytes = self.window.bytes();
        let bytes = bytes.get(..self.books.limits.window_bytes).unwrap_or(bytes);
        let is_binary = memchr::memchr(0, bytes).is_some()
            || std::str::from_utf8(bytes).is_err_and(|e| e.error_len().is_some());
        let starts_value = matches!(byte, b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n');
        let has_lines = memchr::memmem::find(bytes, b"\n{").is_some();
        is_binary || (!has_lines && (!starts_value || !self.is_scalar(bytes)))
    }

    fn is_scalar(&self, bytes: &[u8]) -> bool {
        let task = Task { start: 0, at_eof: true, stop_at_containers: false, resume_object: false };
        scan(bytes, task, &mut KeyTable::new()).is_ok()
    }

    fn refuse_all(&mut self) -> io::Result<()> {
        let head = self.head()?;
        self.books.remark(
            RejectReason::NotALog,
            "the source starts with nothing that a log starts with",
            &head,
        );
        Ok(())
    }

    /// The end of the source: nothing may be open there.
    fn finish(&mut self) {
        if self.is_inside() {
            self.reject_head(RejectReason::CutOff, "the source ends inside a list of records", 0);
        }
    }
}
