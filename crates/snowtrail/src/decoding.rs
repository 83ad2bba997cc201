//! From a source's bytes to rows: events and rejects in chunks, the source's own row at the end.
//!
//! The same for a file on disk, an object from S3 and a message's body. Blocking: run it on a thread for such work.
//! Does not know where rows go.

use std::io::{self, Read};
use std::sync::Arc;

use jiff::Timestamp;
use snowtrail_lake::{EventRow, Events, Gatherer, RejectRow, SourceRow};
use snowtrail_model::Event;
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
    /// Events, in columns.
    pub events: Events,
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
    let mut gatherer = Gatherer::new(Arc::clone(&input.uri), input.taken_in_at);
    let (ending, rejects) = read(decoder, input, &mut |event, index| {
        gatherer.push(event, index);
        if gatherer.len() >= CHUNK_EVENTS {
            hand_over(Chunk { events: gatherer.finish(), rejects: Vec::new() });
        }
    })?;
    if let Ending::Taken(_) = ending {
        hand_over(Chunk { events: gatherer.finish(), rejects });
    }
    Ok(ending)
}

/// Decodes one source into its events, row by row, in order.
///
/// # Errors
/// When the bytes cannot be read.
pub fn decode_rows<R: Read>(
    decoder: &mut Decoder<'_>,
    input: Input<R>,
) -> io::Result<(Ending, Vec<EventRow>)> {
    let (source_uri, ingested_at) = (Arc::clone(&input.uri), input.taken_in_at);
    let mut rows = Vec::new();
    let (ending, _) = read(decoder, input, &mut |event, source_index| {
        rows.push(EventRow { event, source_uri: Arc::clone(&source_uri), source_index, ingested_at });
    })?;
    Ok((ending, rows))
}

/// Rejects wait for the source's hash, which is known at its end; there are few, and each is bounded.
fn read<R: Read>(
    decoder: &mut Decoder<'_>,
    input: Input<R>,
    take: &mut dyn FnMut(Box<Event>, u64),
) -> io::Result<(Ending, Vec<RejectRow>)> {
    let Input { uri, version, has_cloudtrail_name, taken_in_at, bytes } = input;
    let (mut bytes, mut rejects) = (Hashing::new(bytes), Vec::new());
    let origin = Origin { is_cloudtrail_log_name: has_cloudtrail_name };
    let summary = decoder.decode(&mut bytes, origin, &mut |decoded| match decoded {
        Decoded::Event { event, index } => take(event, index),
        Decoded::Reject(reject) => rejects.push(reject),
    })?;
    let (sha256, bytes_stored) = bytes.finish()?;
    if summary.shape == Some(Shape::Digest) {
        return Ok((Ending::Digest, Vec::new()));
    }
    let row = |reject| RejectRow {
        reject,
        source_uri: Arc::clone(&uri),
        source_sha256: sha256.clone(),
        rejected_at: taken_in_at,
    };
    let rejects = rejects.into_iter().map(row).collect();
    let source = SourceRow {
        uri: Arc::clone(&uri),
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
    };
    Ok((Ending::Taken(Box::new(source)), rejects))
}
