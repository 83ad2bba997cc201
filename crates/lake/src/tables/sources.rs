//! The `sources` table (what was taken in, with its books) and the `rejects` table (what could not be understood).
//!
//! The books of a source balance: records = stored + out_of_scope + duplicates + rejects.

use std::sync::Arc;

use jiff::Timestamp;
use snowtrail_model::Reject;

use crate::column::{Column, long, text, time};

/// One object or message that was taken in whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRow {
    /// Where it was: `file:///…`, `s3://bucket/key`.
    pub uri: Arc<str>,
    /// The object's version or entity tag, where the store has such.
    pub version: Option<String>,
    /// SHA-256 of the bytes as stored (not inflated), lowercase hex. The identity of the source.
    pub sha256: String,
    /// Which of the known shapes it had.
    pub shape: Option<String>,
    /// Length as stored, bytes.
    pub bytes_stored: u64,
    /// Length inflated, bytes.
    pub bytes_plain: u64,
    /// Records found.
    pub records: u64,
    /// Of these: became rows of `events`.
    pub stored: u64,
    /// Of these: other services' calls, and events of days that the lake keeps no more.
    pub out_of_scope: u64,
    /// Of these: already stored from elsewhere.
    pub duplicates: u64,
    /// Of these: could not be understood, or contradict what is stored.
    pub rejects: u64,
    /// Remarks about the source as a whole, also rows of `rejects`.
    pub remarks: u64,
    /// When it was taken in, UTC.
    pub taken_in_at: Timestamp,
}

impl SourceRow {
    /// Whether every record is accounted for (guarantee 3).
    pub fn balances(&self) -> bool {
        self.records == self.stored + self.out_of_scope + self.duplicates + self.rejects
    }
}

/// A reject and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectRow {
    /// The reject.
    pub reject: Reject,
    /// The object or message it stood in.
    pub source_uri: Arc<str>,
    /// SHA-256 of that source's bytes as stored, lowercase hex.
    pub source_sha256: String,
    /// When it was stored, UTC.
    pub rejected_at: Timestamp,
}

pub(super) fn source_columns() -> Vec<Column<SourceRow>> {
    vec![
        text("uri", "Where it was taken from", |r: &SourceRow| Some(&r.uri)),
        text("version", "Object version or entity tag", |r: &SourceRow| r.version.as_deref()),
        text("sha256", "SHA-256 of the bytes as stored, lowercase hex", |r: &SourceRow| Some(&r.sha256)),
        text("shape", "Records, NDJSON, EventBridge, …", |r: &SourceRow| r.shape.as_deref()),
        long("bytes_stored", "Length as stored, bytes", |r: &SourceRow| Some(saturate(r.bytes_stored))),
        long("bytes_plain", "Length inflated, bytes", |r: &SourceRow| Some(saturate(r.bytes_plain))),
        long("records", "Records found = stored + out_of_scope + duplicates + rejects", |r: &SourceRow| {
            Some(saturate(r.records))
        }),
        long("stored", "Records that became rows of events", |r: &SourceRow| Some(saturate(r.stored))),
        long(
            "out_of_scope",
            "Records of other services' calls, or of days no longer kept",
            |r: &SourceRow| Some(saturate(r.out_of_scope)),
        ),
        long("duplicates", "Records already stored from elsewhere", |r: &SourceRow| {
            Some(saturate(r.duplicates))
        }),
        long("rejects", "Records that could not be understood", |r: &SourceRow| Some(saturate(r.rejects))),
        long("remarks", "Remarks about the source as a whole", |r: &SourceRow| Some(saturate(r.remarks))),
        time("taken_in_at", "When it was taken in, UTC", |r: &SourceRow| Some(r.taken_in_at)),
    ]
}

pub(super) fn reject_columns() -> Vec<Column<RejectRow>> {
    vec![
        text(
            "reason",
            "Why: malformed_json, cut_off, missing_field, conflicting_duplicate, …",
            |r: &RejectRow| Some(r.reject.reason.as_str()),
        ),
        text("detail", "What exactly", |r: &RejectRow| Some(&r.reject.detail)),
        text("source_uri", "Object or message it stood in", |r: &RejectRow| Some(&r.source_uri)),
        text("source_sha256", "SHA-256 of that source's bytes as stored", |r: &RejectRow| {
            Some(&r.source_sha256)
        }),
        long(
            "source_index",
            "Position among the source's records, from 0; null: the whole source",
            |r: &RejectRow| r.reject.index.map(saturate),
        ),
        long("byte_offset", "Where it starts in the inflated bytes", |r: &RejectRow| {
            Some(saturate(r.reject.offset))
        }),
        text("event_id", "eventID, where it could be read", |r: &RejectRow| r.reject.event_id.as_deref()),
        text("excerpt", "The bytes, redacted, bounded", |r: &RejectRow| Some(&r.reject.excerpt)),
        long("bytes_total", "Length before it was cut, bytes", |r: &RejectRow| {
            Some(saturate(r.reject.bytes_total))
        }),
        time("rejected_at", "When it was stored, UTC", |r: &RejectRow| Some(r.rejected_at)),
    ]
}

fn saturate(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
