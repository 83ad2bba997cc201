//! From a source's bytes to rows: events and rejects in chunks, the source's own row at the end.
//!
//! The same for a file on disk, an object from S3 and a message's body. Blocking: run it on a thread for such work.
//! Does not know where rows go.

use std::io::{self, Read};
use std::sync::Arc;

use jiff::Timestamp;
use snowtrail_lake::{EventRow, RejectRow, SourceRow};
use snowtrail_trail::{Decoded, Decoder, Origin, Shape};

use crate::feed::Hashing;

/// Events handed over at a time.
const CHUNK_EVENTS: usize = 1_000;

/// A source about to be decoded.
pub struct Input<R> {
    /// Where it is: `file:///…`, `s3://bucket/key`, `sqs://…`.
    pub uri: Arc<str>,
    /// The object's version or entity tag, where the store has such.
    pub version: Option<String>,
    /// Whether the name is one that CloudTrail gives its log files.
    pub has_cloudtrail_name: bool,
    /// When it is taken in, UTC.
    pub taken_in_at: Timestamp,
    /// Its bytes as stored.
    pub bytes: R,
}

/// Rows on their way to a batch.
#[derive(Debug, Default)]
pub struct Chunk {
    /// Events.
    pub events: Vec<EventRow>,
    /// Rejects; only the last chunk of a source has any, because they carry the hash of all its bytes.
    pub rejects: Vec<RejectRow>,
}

/// How a source ended.
#[derive(Debug)]
pub enum Ending {
    /// It is taken in; the row's `stored`, `duplicates` and conflicts are for the lake to fill in.
    Taken(Box<SourceRow>),
    /// It is a digest file, which proves logs and is none.
    Digest,
}

/// Decodes one source. `hand_over` gets the chunks in order.
///
/// # Errors
/// When the bytes cannot be read; chunks may have been handed over by then.
pub fn decode<R: Read>(
    decoder: &mut Decoder<'_>,
    input: Input<R>,
    hand_over: &mut dyn FnMut(Chunk),
) -> io::Result<Ending> {
    let Input { uri, version, has_cloudtrail_name, taken_in_at, bytes } = input;
    let mut bytes = Hashing::new(bytes);
    let mut gathering = Gathering { chunk: Chunk::default(), uri: &uri, taken_in_at, hand_over };
    let origin = Origin { is_cloudtrail_log_name: has_cloudtrail_name };
    let summary = decoder.decode(&mut bytes, origin, &mut |decoded| gathering.push(decoded))?;
    let (sha256, bytes_stored) = bytes.finish()?;
    if summary.shape == Some(Shape::Digest) {
        return Ok(Ending::Digest);
    }
    gathering.finish(&sha256);
    Ok(Ending::Taken(Box::new(SourceRow {
        uri,
        version,
        sha256,
        shape: summary.shape.map(|shape| shape.as_str().to_owned()),
        bytes_stored,
        bytes_plain: summary.plain_bytes,
        records: summary.records,
        stored: 0,
        out_of_scope: summary.out_of_scope,
        duplicates: 0,
        rejects: summary.rejects,
        remarks: summary.remarks,
        taken_in_at,
    })))
}

/// The chunk being filled. Rejects wait for the source's hash, which is known at its end; there are few, and each is
/// bounded.
struct Gathering<'g> {
    chunk: Chunk,
    uri: &'g Arc<str>,
    taken_in_at: Timestamp,
    hand_over: &'g mut dyn FnMut(Chunk),
}

impl Gathering<'_> {
    fn push(&mut self, decoded: Decoded) {
        match decoded {
            Decoded::Event { event, index } => self.chunk.events.push(EventRow {
                event,
                source_uri: Arc::clone(self.uri),
                source_index: index,
                ingested_at: self.taken_in_at,
            }),
            Decoded::Reject(reject) => self.chunk.rejects.push(RejectRow {
                reject,
                source_uri: Arc::clone(self.uri),
                source_sha256: String::new(),
                rejected_at: self.taken_in_at,
            }),
        }
        if self.chunk.events.len() >= CHUNK_EVENTS {
            let events = std::mem::take(&mut self.chunk.events);
            (self.hand_over)(Chunk { events, rejects: Vec::new() });
        }
    }

    fn finish(mut self, sha256: &str) {
        for row in &mut self.chunk.rejects {
            row.source_sha256 = sha256.to_owned();
        }
        (self.hand_over)(std::mem::take(&mut self.chunk));
    }
}
