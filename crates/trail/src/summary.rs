//! What came out of one source: events and rejects one by one, and the books at its end.

use snowtrail_model::{Event, Reject};

use crate::gunzip::GzipFault;

/// One thing that a source held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded {
    /// A record inside the scope.
    Event {
        /// The record as a row.
        event: Box<Event>,
        /// Its position among the source's records, from 0; records out of scope and rejects count too.
        index: u64,
    },
    /// A record that could not be understood, or a remark about the whole source ([`snowtrail_model::RejectReason::is_record`]).
    Reject(Reject),
}

/// What is known about a source besides its bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Origin {
    /// Its name is that of a CloudTrail log file, so that more than one gzip member in it is worth a remark whatever
    /// it holds.
    pub is_cloudtrail_log_name: bool,
}

/// How records are wrapped; the innermost wrapper of the first record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// `{"Records":[…]}`: CloudTrail's own log file.
    Records,
    /// Records by themselves: one, an array, or one a line.
    Record,
    /// EventBridge events whose `detail` is a record.
    EventBridge,
    /// CloudWatch Logs: `logEvents[].message` is a record as a string.
    LogEvents,
    /// LookupEvents: `Events[].CloudTrailEvent` is a record as a string.
    LookupEvents,
    /// A digest file: no records, but what log files there are. Checked elsewhere.
    Digest,
}

impl Shape {
    /// A word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Shape::Records => "log file",
            Shape::Record => "records",
            Shape::EventBridge => "EventBridge events",
            Shape::LogEvents => "CloudWatch Logs",
            Shape::LookupEvents => "LookupEvents",
            Shape::Digest => "digest file",
        }
    }
}

/// The books of one source: `records = events + out_of_scope + rejects`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// How the records were wrapped; `None` where nothing was recognized.
    pub shape: Option<Shape>,
    /// Everything that stood where a record stands.
    pub records: u64,
    /// Records that became events.
    pub events: u64,
    /// Records outside the scope.
    pub out_of_scope: u64,
    /// Records that were rejected.
    pub rejects: u64,
    /// Rejects that are remarks about the whole source and no records.
    pub remarks: u64,
    /// Plain (inflated) bytes read.
    pub plain_bytes: u64,
    /// Gzip members; 0 for a plain source.
    pub gzip_members: u64,
    /// What ended the gzip stream early.
    pub gzip_fault: Option<GzipFault>,
}

impl Summary {
    /// Whether every record is accounted for.
    pub fn balances(&self) -> bool {
        self.records == self.events + self.out_of_scope + self.rejects
    }
}
