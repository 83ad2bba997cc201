//! A reject: bytes that Snowtrail could not understand, kept with the reason. Nothing is dropped silently.
//!
//! A reject is either a record that was counted in (`is_record`) or a remark about a whole source (a log file with
//! a second gzip member, which CloudTrail never writes). Only the former takes part in the books:
//! records in = stored + out of scope + duplicates + rejected records.

/// Longest excerpt of rejected bytes that is kept. Longer ones are cut here; `bytes_total` says how long they were.
pub const REJECT_EXCERPT_BYTES_MAX: usize = 4096;

/// Bytes that could not be understood, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Why.
    pub reason: RejectReason,
    /// What exactly, for a person: field, expected, found. Holds no secret value.
    pub detail: String,
    /// Position among the source's records, from 0; null for a remark about the whole source.
    pub index: Option<u64>,
    /// Byte offset in the source's plain (inflated) bytes where the rejected part starts.
    pub offset: u64,
    /// `eventID`, where it could still be read.
    pub event_id: Option<String>,
    /// The rejected bytes, redacted, as lossy UTF-8, at most [`REJECT_EXCERPT_BYTES_MAX`].
    pub excerpt: String,
    /// Length of the rejected part before it was cut.
    pub bytes_total: u64,
}

/// Why bytes were rejected; the `reason` column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RejectReason {
    /// Not JSON at this place.
    MalformedJson,
    /// The bytes end inside a record.
    CutOff,
    /// Deeper nesting than any CloudTrail record has.
    TooDeep,
    /// A record larger than any that CloudTrail writes.
    TooLarge,
    /// Not UTF-8.
    InvalidUtf8,
    /// Where a record should stand there is a number, a string, an array, null.
    NotARecord,
    /// A JSON object that is no CloudTrail record and no known envelope.
    UnknownShape,
    /// A field that every record needs is missing.
    MissingField,
    /// A field has the wrong type, or does not parse (`eventTime` that is no time).
    BadField,
    /// A key stands twice in one record: which of the two is meant cannot be known.
    DuplicateKey,
    /// Known identity, different content.
    ConflictingDuplicate,
    /// Source: a CloudTrail log file with more than one gzip member, which CloudTrail never writes.
    GzipMembers,
    /// Source: bytes after the last gzip member that are no gzip.
    GzipTrailing,
    /// Source: the gzip stream ends early or its checksum fails.
    GzipBroken,
    /// Source: inflates beyond the limit.
    InflatedTooLarge,
    /// Source: no bytes at all.
    Empty,
    /// Source: not a log (an image, an archive).
    NotALog,
}

impl RejectReason {
    /// The value in the `reason` column.
    pub fn as_str(self) -> &'static str {
        match self {
            RejectReason::MalformedJson => "malformed_json",
            RejectReason::CutOff => "cut_off",
            RejectReason::TooDeep => "too_deep",
            RejectReason::TooLarge => "too_large",
            RejectReason::InvalidUtf8 => "invalid_utf8",
            RejectReason::NotARecord => "not_a_record",
            RejectReason::UnknownShape => "unknown_shape",
            RejectReason::MissingField => "missing_field",
            RejectReason::BadField => "bad_field",
            RejectReason::DuplicateKey => "duplicate_key",
            RejectReason::ConflictingDuplicate => "conflicting_duplicate",
            RejectReason::GzipMembers => "gzip_members",
            RejectReason::GzipTrailing => "gzip_trailing",
            RejectReason::GzipBroken => "gzip_broken",
            RejectReason::InflatedTooLarge => "inflated_too_large",
            RejectReason::Empty => "empty",
            RejectReason::NotALog => "not_a_log",
        }
    }

    /// Whether this is a record that was counted in, rather than a remark about the whole source.
    pub fn is_record(self) -> bool {
        !matches!(
            self,
            RejectReason::GzipMembers
                | RejectReason::GzipTrailing
                | RejectReason::GzipBroken
                | RejectReason::InflatedTooLarge
                | RejectReason::Empty
                | RejectReason::NotALog
        )
    }
}
