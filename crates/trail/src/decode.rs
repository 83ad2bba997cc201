//! The door: a source's bytes in, events and rejects out one by one, the books at the end.

use std::io::{self, Read};

use snowtrail_model::RejectReason;

use crate::books::Books;
use crate::gunzip::{GzipFault, Inflate, InflateLimits};
use crate::keys::KeyTable;
use crate::scope::Scope;
use crate::summary::{Decoded, Origin, Shape, Summary};
use crate::walk::Walk;
use crate::window::WINDOW_BYTES;

/// Largest record, and largest object around records up to its list. AWS's limit for a record is 256 KB, 1 MB in
/// CloudTrail Lake; as a string inside an envelope its escapes may double it. A larger one is skipped in bounded
/// memory and rejected as `too_large`, alone.
pub const RECORD_BYTES_MAX: usize = 4 << 20;

/// The limits of one decoding; tests inject smaller ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How much is read at a time.
    pub window_bytes: usize,
    /// See [`RECORD_BYTES_MAX`].
    pub record_bytes_max: usize,
    /// What gzip may inflate to.
    pub inflate: InflateLimits,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            window_bytes: WINDOW_BYTES,
            record_bytes_max: RECORD_BYTES_MAX,
            inflate: InflateLimits::default(),
        }
    }
}

/// Decodes sources one after the other, reusing its memory between them.
#[derive(Debug)]
pub struct Decoder<'s> {
    scope: &'s Scope,
    limits: Limits,
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
        Decoder { scope, limits, buffer: Vec::new(), keys: KeyTable::new() }
    }

    /// Decodes one source, plain or gzip. Everything in it reaches `sink` as an event or a reject, or is counted as
    /// out of scope; only a failing `input` is an error, and then what was decoded before has reached `sink` already.
    pub fn decode(
        &mut self,
        input: impl Read,
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
        let mut inflate = Inflate::new(input, self.limits.inflate);
        Walk::new(&mut inflate, &mut self.buffer, &mut self.keys, &mut books).run()?;
        close(&mut books, &inflate, origin);
        Ok(books.summary)
    }
}

/// The remarks about the source as a whole.
fn close<R: Read>(books: &mut Books<'_>, inflate: &Inflate<R>, origin: Origin) {
    let summary = &mut books.summary;
    (summary.gzip_members, summary.gzip_fault) = (inflate.members(), inflate.fault());
    summary.plain_bytes = inflate.plain_bytes();
    let is_log_file = summary.shape == Some(Shape::Records) || origin.is_cloudtrail_log_name;
    if summary.gzip_members > 1 && is_log_file {
        let detail = format!("{} gzip members; CloudTrail writes one, all were read", summary.gzip_members);
        books.remark(RejectReason::GzipMembers, &detail, &[]);
    }
    match inflate.fault() {
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
