//! From a body to its form: unwraps envelopes one after the other, then lets the form's own file read it.
//!
//! Each form has marks that no other has. A body with none is unknown, and so is one with the marks of two: nobody
//! sends that, and whichever were chosen, the other would be lost silently.

use std::borrow::Cow;

use super::unknown::UnknownBody;
use super::{ENVELOPES_MAX, Form, LeftWhy, Message, Part};
use super::{event_bridge, notification, records, sns};
use crate::fields::Fields;
use crate::keys::KeyTable;
use crate::scan::{Task, scan};
use crate::view::View;

/// What CloudTrail publishes, as plain text with a full stop, when a trail gets a topic. No page documents it; AWS's
/// CloudTrail Processing Library has a source type for it.
const VALIDATION_MESSAGE: &str = "CloudTrail validation message";

/// What S3 sends when a bucket gets a notification. Source: S3 User Guide, "Event message structure".
const TEST_EVENT: &str = "s3:TestEvent";

/// What one layer of a body is.
pub(super) enum Layer {
    /// The innermost one.
    Message(Message),
    /// An envelope, its name for people, and the text in it.
    Envelope(&'static str, String),
}

/// The marks of a form or an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marks {
    Sns,
    TestEvent,
    CloudTrailNotification,
    Records,
    EventBridge,
    LogEvents,
    Record,
}

/// Tells what the body of one SQS message asks for, whoever sent it.
///
/// # Errors
/// When the body is nothing that is known, is not JSON, or is wrapped or nested too deeply. One part that cannot be
/// read is no error but [`Part::Unknown`].
pub fn read_message(body: &str) -> Result<Message, UnknownBody> {
    let mut text = Cow::Borrowed(body);
    let mut envelope = None;
    for _ in 0..=ENVELOPES_MAX {
        match read_layer(&text).map_err(|unknown| unknown.inside(envelope))? {
            Layer::Message(message) => return Ok(message),
            Layer::Envelope(name, inner) => (text, envelope) = (Cow::Owned(inner), Some(name)),
        }
    }
    Err(UnknownBody::new(format!("it is wrapped in more than {ENVELOPES_MAX} envelopes")))
}

fn read_layer(text: &str) -> Result<Layer, UnknownBody> {
    if text.trim().trim_end_matches('.') == VALIDATION_MESSAGE {
        let part = Part::left(LeftWhy::Test, VALIDATION_MESSAGE);
        return Ok(Layer::Message(Message::one(Form::TestEvent, part)));
    }
    let value = json_value(text)?;
    let fields = Fields::of(value).ok_or_else(|| UnknownBody::no_object(value))?;
    let marks = Marks::ALL.into_iter().filter(|marks| marks.are_on(&fields)).collect::<Vec<_>>();
    match marks.as_slice() {
        [] => Err(UnknownBody::object(&fields)),
        [marks] => marks.read(&fields, text),
        [one, other, ..] => {
            Err(UnknownBody::new(format!("it has the marks of both {} and {}", one.name(), other.name())))
        }
    }
}

/// The one JSON value that the text is.
fn json_value(text: &str) -> Result<View<'_>, UnknownBody> {
    let scanned = scan(text.as_bytes(), Task::whole(), &mut KeyTable::new()).map_err(UnknownBody::no_json)?;
    let view = View::new(text.get(..scanned.end).unwrap_or_default());
    match text.get(scanned.end..).map(str::trim) {
        Some("") => Ok(view),
        _ => Err(UnknownBody::new("something follows the JSON value")),
    }
}

impl Marks {
    const ALL: [Marks; 7] = [
        Marks::Sns,
        Marks::TestEvent,
        Marks::CloudTrailNotification,
        Marks::Records,
        Marks::EventBridge,
        Marks::LogEvents,
        Marks::Record,
    ];

    fn are_on(self, fields: &Fields<'_>) -> bool {
        match self {
            Marks::Sns => fields.has("Type") && fields.has("Message"),
            Marks::TestEvent => is_test_event(fields),
            Marks::CloudTrailNotification => fields.has("s3Bucket") && fields.has("s3ObjectKey"),
            Marks::Records => fields.has("Records"),
            Marks::EventBridge => fields.has("detail-type"),
            Marks::LogEvents => fields.has("logEvents") || fields.has("awslogs"),
            Marks::Record => records::is_record(fields),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Marks::Sns => "an SNS message",
            Marks::TestEvent => "a test event",
            Marks::CloudTrailNotification => "a CloudTrail notification",
            Marks::Records => "a list of records",
            Marks::EventBridge => "an EventBridge event",
            Marks::LogEvents => "a CloudWatch Logs export",
            Marks::Record => "a record",
        }
    }

    fn read(self, fields: &Fields<'_>, text: &str) -> Result<Layer, UnknownBody> {
        match self {
            Marks::Sns => return sns::read(fields),
            Marks::EventBridge => return event_bridge::read(fields, text),
            Marks::TestEvent => Ok(test_event(fields)),
            Marks::CloudTrailNotification => notification::read(fields),
            Marks::Records => records::read_list(fields, text),
            Marks::LogEvents => records::read_log_events(fields, text),
            Marks::Record => Ok(Message::one(Form::Records, Part::Records(text.as_bytes().to_vec()))),
        }
        .map(Layer::Message)
    }
}

/// Whether this is S3's test event.
pub(super) fn is_test_event(fields: &Fields<'_>) -> bool {
    fields.says("Event", |event| event == TEST_EVENT)
}

fn test_event(fields: &Fields<'_>) -> Message {
    let bucket = fields.text("Bucket").ok().flatten().unwrap_or_default();
    Message::one(Form::TestEvent, Part::left(LeftWhy::Test, &bucket))
}
