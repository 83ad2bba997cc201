//! The door: a source's bytes in, events and rejects out one by one, the books at the end.

use std::io::{self, Read};

use snowtrail_model::RejectReason;

use crate::books::Books;
use crate::gunzip::{GzipFault, Inflate, InflateLimits, MAGIC};
use crate::keys::KeyTable;
use crate::scope::Scope;
use crate::summary::{Decoded, Origin, Shape, Summary};
use crate::walk::Walk;
use crate::whole::{WHOLE_BYTES_MAX, Whole};
use crate::window::{WINDOW_BYTES, Window};

/// Largest record, and largest object around records up to its list. AWS's limit for a record is 256 KB, 1 MB in
/// CloudTrail Lake; as a string inside an envelope its escapes may double it. A larger one is skipped in bounded
/// memory and rejected as `too_large`, alone.
pub const RECORD_BYTES_MAX: usize = 4 << 20;

/// A file is inflated at one go only if what is stored is at most this part of what may be inflated: trails are packed
/// to a seventh and less.
const PACKED_SHARE: usize = 4;

/// The limits of one decoding; tests inject smaller ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How much is read at a time.
    pub window_bytes: usize,
    /// See [`RECORD_BYTES_MAX`].
    pub record_bytes_max: usize,
    /// What gzip may inflate to.
    pub inflate: InflateLimits,
    /// See [`WHOLE_BYTES_MAX`]; 0 sends everything through the window.
    pub whole_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            window_bytes: WINDOW_BYTES,
            record_bytes_max: RECORD_BYTES_MAX,
            inflate: InflateLimits::default(),
            whole_bytes_max: WHOLE_BYTES_MAX,
        }
    }
}

/// Decodes sources one after the other, reusing its memory between them.
#[derive(Debug)]
pub struct Decoder<'s> {
    scope: &'s Scope,
    limits: Limits,
    whole: Whole,
    buffer: Vec<u8>,
    keys: KeyTable,
}

impl<'s> Decoder<'s> {
    /// Keeps what is in this scope.
    pub fn new(scope: &'s Scope) -> Decoder<'s> {
        Decoder::with_limits(scope, Limits::default())
    }

    /// The same with other limits.
    pub fn with_limits(scope: &'s Scope, limits: Limits) -> Decoder<'s> {
        Decoder { scope, limits, whole: Whole::default(), buffer: Vec::new(), keys: KeyTable::new() }
    }

    /// Decodes one source, plain or gzip. Everything in it reaches `sink` as an event or a reject, or is counted as
    /// out of scope; only a failing `input` is an error, and then what was decoded before has reached `sink` already.
    pub fn decode(
        &mut self,
        mut input: impl Read,
        origin: Origin,
        sink: &mut dyn FnMut(Decoded),
    ) -> io::Result<Summary> {
        let mut books = Books {
            scope: self.scope,
            limits: self.limits,
            sink,
            summary: Summary::default(),
            inner_keys: KeyTable::new(),
            saw_value: false,
            data_offset: None,
        };
        let unpacked = match self.at_one_go(&mut input)? {
            Some(length) => {
                let window = Window::whole(io::empty(), &mut self.buffer, length);
                Walk::new(window, &mut self.keys, &mut books).run()?;
                Unpacked { members: 1, fault: None, plain_bytes: length as u64 }
            }
            None => {
                let stored = self.whole.packed.as_slice().chain(input);
                let mut inflate = Inflate::new(stored, self.limits.inflate);
                let window = Window::new(&mut inflate, &mut self.buffer, self.limits.window_bytes);
                Walk::new(window, &mut self.keys, &mut books).run()?;
                let (members, fault) = (inflate.members(), inflate.fault());
                Unpacked { members, fault, plain_bytes: inflate.plain_bytes() }
            }
        };
        close(&mut books, &unpacked, origin);
        Ok(books.summary)
    }

    /// Inflates the source to the front of the buffer, if it is a small gzip file and nothing else. Of any other, what
    /// was read by then is left in `whole.packed`.
    fn at_one_go(&mut self, input: &mut impl Read) -> io::Result<Option<usize>> {
        let packed = &mut self.whole.packed;
        packed.clear();
        input.by_ref().take(MAGIC.len() as u64).read_to_end(packed)?;
        let packed_bytes_max = self.limits.whole_bytes_max / PACKED_SHARE;
        if *packed != MAGIC || packed_bytes_max == 0 {
            return Ok(None);
        }
        input.by_ref().take(packed_bytes_max as u64).read_to_end(packed)?;
        if packed.len() >= packed_bytes_max {
            return Ok(None);
        }
        let inflate = self.limits.inflate;
        let bytes_max =
            usize::try_from(inflate.bytes_max.min(inflate.ratio_free_bytes)).unwrap_or(usize::MAX);
        Ok(self.whole.inflate(&mut self.buffer, bytes_max.min(self.limits.whole_bytes_max)))
    }
}

/// How a source's bytes were unpacked.
struct Unpacked {
    /// 0 for plain bytes.
    members: u64,
    fault: Option<GzipFault>,
    plain_bytes: u64,
}

/// The remarks about the source as a whole.
fn close(books: &mut Books<'_>, unpacked: &Unpacked, origin: Origin) {
    let summary = &mut books.summary;
    (summary.gzip_members, summary.gzip_fault) = (unpacked.members, unpacked.fault);
    summary.plain_bytes = unpacked.plain_bytes;
    let is_log_file = summary.shape == Some(Shape::Records) || origin.is_cloudtrail_log_name;
    if summary.gzip_members > 1 && is_log_file {
        let detail = format!("{} gzip members; CloudTrail writes one, all were read", summary.gzip_members);
        books.remark(RejectReason::GzipMembers, &detail, &[]);
    }
    match unpacked.fault {
        Some(GzipFault::Broken) => {
            books.remark(
                RejectReason::GzipBroken,
                "the gzip stream ends early or is damaged; what came before was read",
                &[],
            );
        }
        Some(GzipFault::Trailing) => {
            books.remark(
                RejectReason::GzipTrailing,
                "bytes that are no gzip follow the last gzip member",
                &[],
            );
        }
        Some(GzipFault::TooLarge) => {
            books.remark(
                RejectReason::InflatedTooLarge,
                "inflates beyond the limit; the rest was not read",
                &[],
            );
        }
        None => {}
    }
    if !books.saw_value {
        books.remark(RejectReason::Empty, "the source is empty", &[]);
    }
}
