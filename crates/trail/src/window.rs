//! A window over the plain bytes of one source: what is being looked at, refilled on demand, never the whole file.

use std::io::{self, Read};

/// How much is read at a time: large enough that moving the unfinished record to the front costs nothing, small
/// enough to stay in the processor's cache.
pub const WINDOW_BYTES: usize = 256 << 10;

/// The unread bytes, and where in the source they stand.
pub(crate) struct Window<'b, R> {
    input: R,
    buffer: &'b mut Vec<u8>,
    start: usize,
    end: usize,
    /// Offset in the source of `buffer[0]`.
    base: u64,
    step: usize,
    at_eof: bool,
}

impl<'b, R: Read> Window<'b, R> {
    /// Reads `step` bytes at a time into a buffer that is reused between sources.
    pub(crate) fn new(input: R, buffer: &'b mut Vec<u8>, step: usize) -> Window<'b, R> {
        Window { input, buffer, start: 0, end: 0, base: 0, step: step.max(1), at_eof: false }
    }

    /// Over bytes that are all there already, at the front of the buffer.
    pub(crate) fn whole(input: R, buffer: &'b mut Vec<u8>, length: usize) -> Window<'b, R> {
        Window { input, buffer, start: 0, end: length, base: 0, step: 1, at_eof: true }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or(&[])
    }

    /// Offset in the source of the first unread byte.
    pub(crate) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// No more bytes will come.
    pub(crate) fn at_eof(&self) -> bool {
        self.at_eof
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Reads more bytes behind the unread ones. At least as many as are unread, so that scanning a record again from
    /// its start costs at most twice its length however small the pieces are that the reader gives.
    pub(crate) fn more(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.base += self.start as u64;
        self.end -= self.start;
        self.start = 0;
        let goal = self.end + self.end.max(self.step);
        if self.buffer.len() < goal {
            self.buffer.resize(goal, 0);
        }
        while self.end < goal && !self.at_eof {
            let room = self.buffer.get_mut(self.end..goal).unwrap_or_default();
            match self.input.read(room) {
                Ok(0) => self.at_eof = true,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
