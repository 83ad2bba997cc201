//! Takes what the walk cut out of a source, tells which envelope it is, and books every record exactly once.

use std::io;

use snowtrail_model::reject::REJECT_EXCERPT_BYTES_MAX;
use snowtrail_model::{Reject, RejectReason};

use crate::decode::Limits;
use crate::keys::{Key, KeyTable};
use crate::log_data::inflate_log_data;
use crate::record::{Record, Refusal, Verdict, read};
use crate::scan::{Stop, Task, scan};
use crate::scope::Scope;
use crate::summary::{Decoded, Shape, Summary};
use crate::view::View;
use crate::walk::Walk;
use crate::window::Window;

/// How many bytes of something rejected are enough for its excerpt: more than is kept, so that the key of a secret
/// value is still seen where the cut falls.
pub(crate) const EXCERPT_SOURCE_BYTES: usize = REJECT_EXCERPT_BYTES_MAX + REJECT_EXCERPT_BYTES_MAX / 4;

/// CloudWatch Logs writes this into a log event to see whether a destination answers.
const CONTROL_MESSAGE_START: &str = "CWL CONTROL MESSAGE";

/// The counts of one source and where its events and rejects go.
pub(crate) struct Books<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) limits: Limits,
    pub(crate) sink: &'a mut dyn FnMut(Decoded),
    pub(crate) summary: Summary,
    /// Reused for records inside envelopes.
    pub(crate) inner_keys: KeyTable,
    /// The source holds more than white space.
    pub(crate) saw_value: bool,
    /// Inside `awslogs` data: offsets are those of the envelope, and no further data is opened.
    pub(crate) data_offset: Option<u64>,
}

/// Bytes that stand where a record stands.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'a> {
    /// The bytes, or as many of them as there are at hand, at least [`EXCERPT_SOURCE_BYTES`].
    pub(crate) bytes: &'a [u8],
    pub(crate) offset: u64,
    pub(crate) bytes_total: u64,
}

impl Books<'_> {
    /// An object that scanned well, in the given container if in any.
    pub(crate) fn object(
        &mut self,
        piece: Piece<'_>,
        keys: &KeyTable,
        container: Option<Key>,
    ) -> io::Result<()> {
        if container == Some(Key::LogFiles) {
            return Ok(());
        }
        let Ok(text) = std::str::from_utf8(piece.bytes) else {
            self.reject(piece, RejectReason::InvalidUtf8, "the record is not UTF-8".to_owned(), None);
            return Ok(());
        };
        let object = Record { text, keys };
        match shape_of(keys, container) {
            Some(Shape::Digest) => self.note_shape(Shape::Digest),
            Some(shape @ (Shape::Record | Shape::Records)) => {
                self.note_shape(shape);
                self.record(piece, object);
            }
            Some(Shape::EventBridge) => self.event_bridge(piece, object),
            Some(Shape::LookupEvents) => {
                self.record_in_string(piece, object, Key::CloudTrailEvent, Shape::LookupEvents)
            }
            Some(Shape::LogEvents) if keys.has(Key::AwsLogs) => return self.log_data(piece, object),
            Some(Shape::LogEvents) => self.log_event(piece, object),
            None => self.unknown(piece, "the object is neither a CloudTrail record nor a known envelope"),
        }
        Ok(())
    }

    /// Books a record that is rejected.
    pub(crate) fn reject(
        &mut self,
        piece: Piece<'_>,
        reason: RejectReason,
        detail: String,
        event_id: Option<String>,
    ) {
        let index = self.summary.records;
        self.summary.records += 1;
        self.summary.rejects += 1;
        let head = piece.bytes.get(..EXCERPT_SOURCE_BYTES).unwrap_or(piece.bytes);
        let excerpt = self.scope.redactor().excerpt(head, REJECT_EXCERPT_BYTES_MAX);
        let offset = self.data_offset.unwrap_or(piece.offset);
        let bytes_total = piece.bytes_total;
        (self.sink)(Decoded::Reject(Reject {
            reason,
            detail,
            index: Some(index),
            offset,
            event_id,
            excerpt,
            bytes_total,
        }));
    }

    /// Books a remark about the whole source.
    pub(crate) fn remark(&mut self, reason: RejectReason, detail: &str, head: &[u8]) {
        self.summary.remarks += 1;
        let excerpt = self.scope.redactor().excerpt(head, REJECT_EXCERPT_BYTES_MAX);
        let offset = self.summary.plain_bytes;
        let detail = detail.to_owned();
        (self.sink)(Decoded::Reject(Reject {
            reason,
            detail,
            index: None,
            offset,
            event_id: None,
            excerpt,
            bytes_total: 0,
        }));
    }

    /// Remembers the first shape.
    pub(crate) fn note_shape(&mut self, shape: Shape) {
        self.summary.shape.get_or_insert(shape);
    }

    fn unknown(&mut self, piece: Piece<'_>, detail: &str) {
        self.reject(piece, RejectReason::UnknownShape, detail.to_owned(), None);
    }

    fn record(&mut self, piece: Piece<'_>, record: Record<'_>) {
        match read(record, self.scope) {
            Verdict::OutOfScope => {
                self.summary.records += 1;
                self.summary.out_of_scope += 1;
            }
            Verdict::Event(event) => {
                let index = self.summary.records;
                self.summary.records += 1;
                self.summary.events += 1;
                (self.sink)(Decoded::Event { event, index });
            }
            Verdict::Reject(Refusal { reason, detail }) => {
                let event_id =
                    record.text(Key::EventId).and_then(|id| self.scope.redactor().text(&id).or(Some(id)));
                self.reject(piece, reason, detail, event_id);
            }
        }
    }

    fn event_bridge(&mut self, piece: Piece<'_>, object: Record<'_>) {
        if let Some(key) = object.keys.duplicate() {
            let detail = format!("{} stands there twice", key.spelling());
            return self.reject(piece, RejectReason::DuplicateKey, detail, None);
        }
        let kind = object.view(Key::DetailType).and_then(View::text).unwrap_or_default();
        match object.view(Key::Detail).filter(|detail| detail.is_object()) {
            Some(detail) if kind.ends_with("via CloudTrail") => {
                self.note_shape(Shape::EventBridge);
                self.inner(piece, detail.raw());
            }
            _ => self.unknown(piece, "an EventBridge event that CloudTrail did not send"),
        }
    }

    fn log_event(&mut self, piece: Piece<'_>, object: Record<'_>) {
        let message = object.view(Key::Message).and_then(View::text).unwrap_or_default();
        if !message.starts_with(CONTROL_MESSAGE_START) {
            self.record_in_string(piece, object, Key::Message, Shape::LogEvents);
        }
    }

    /// A record as a JSON string under a key.
    fn record_in_string(&mut self, piece: Piece<'_>, object: Record<'_>, key: Key, shape: Shape) {
        if let Some(key) = object.keys.duplicate() {
            let detail = format!("{} stands there twice", key.spelling());
            return self.reject(piece, RejectReason::DuplicateKey, detail, None);
        }
        self.note_shape(shape);
        match object.view(key).and_then(View::text) {
            Some(text) => self.inner(piece, &text),
            None => self.unknown(piece, "the envelope holds no record as a string"),
        }
    }

    /// A record's text taken out of an envelope.
    fn inner(&mut self, piece: Piece<'_>, text: &str) {
        let mut keys = std::mem::replace(&mut self.inner_keys, KeyTable::new());
        keys.clear();
        let start = text.len() - text.trim_start().len();
        let scanned = scan(text.as_bytes(), Task { start, ..Task::whole() }, &mut keys);
        let refused = match scanned {
            Err(Stop::TooDeep) => Some((RejectReason::TooDeep, "the record is nested too deeply")),
            Err(Stop::Incomplete) => Some((RejectReason::CutOff, "the record in the envelope ends early")),
            Err(Stop::Malformed(_, what)) => Some((RejectReason::MalformedJson, what)),
            Ok(_) if !text.get(start..).is_some_and(|text| text.starts_with('{')) => {
                Some((RejectReason::NotARecord, "the envelope holds no object"))
            }
            Ok(scanned) if !text.get(scanned.end..).is_some_and(|rest| rest.trim().is_empty()) => {
                Some((RejectReason::MalformedJson, "something follows the record in the envelope"))
            }
            Ok(_) => None,
        };
        match refused {
            Some((reason, what)) => self.reject(piece, reason, what.to_owned(), None),
            None => self.record(piece, Record { text, keys: &keys }),
        }
        self.inner_keys = keys;
    }

    /// `{"awslogs":{"data":"<base64 of gzip>"}}`, the form that a subscribed Lambda function gets.
    fn log_data(&mut self, piece: Piece<'_>, object: Record<'_>) -> io::Result<()> {
        let data = object.view(Key::AwsLogs).and_then(|logs| logs.object().text("data"));
        let Some(plain) = data
            .filter(|_| self.data_offset.is_none())
            .and_then(|data| inflate_log_data(&data, self.limits.inflate))
        else {
            self.unknown(piece, "the awslogs data is not base64 of gzip");
            return Ok(());
        };
        self.data_offset = Some(piece.offset);
        let (mut buffer, mut keys) = (Vec::new(), KeyTable::new());
        let window = Window::new(plain.as_slice(), &mut buffer, self.limits.window_bytes);
        let walked = Walk::new(window, &mut keys, self).run();
        self.data_offset = None;
        walked
    }
}

/// Which envelope an object is, by its keys.
fn shape_of(keys: &KeyTable, container: Option<Key>) -> Option<Shape> {
    match container {
        Some(Key::Records) => Some(Shape::Records),
        Some(Key::LogEvents) => Some(Shape::LogEvents),
        Some(Key::Events) if keys.has(Key::CloudTrailEvent) => Some(Shape::LookupEvents),
        _ if keys.has(Key::DetailType) => Some(Shape::EventBridge),
        _ if keys.has(Key::CloudTrailEvent) => Some(Shape::LookupEvents),
        _ if keys.is_record_like() => Some(Shape::Record),
        _ if keys.has(Key::AwsLogs) || keys.has(Key::Message) => Some(Shape::LogEvents),
        _ if keys.has(Key::DigestAlgorithm) => Some(Shape::Digest),
        _ => None,
    }
}

/// Whether an object may be believed to be the next record behind bytes that were none.
pub(crate) fn is_plausible(keys: &KeyTable, container: Option<Key>) -> bool {
    let is_record = keys.has(Key::EventVersion)
        && (keys.has(Key::EventId) || keys.has(Key::AggregatedEventId))
        && keys.has(Key::AwsRegion);
    match container {
        Some(Key::LogEvents) => keys.has(Key::Message),
        Some(Key::Events) => keys.has(Key::CloudTrailEvent),
        Some(_) => is_record,
        None => {
            is_record
                || keys.has(Key::CloudTrailEvent)
                || (keys.has(Key::DetailType) && keys.has(Key::Detail))
        }
    }
}
