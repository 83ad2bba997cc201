//! Lists called `Records`, which are S3's or CloudTrail's own, and CloudWatch Logs exports. Tells them apart and hands
//! records on as bytes; it does not look into them.

use super::unknown::UnknownBody;
use super::{Form, LeftWhy, Message, PARTS_MAX, Part, s3};
use crate::fields::{Fields, Problem};
use crate::view::View;

/// Keys of which a CloudTrail record has one beside `eventVersion`. Two keys are enough to be one, so that a record
/// that lacks a field is the decoder's reject, with all it can tell, and not an unknown message.
const RECORD_KEYS: [&str; 4] = ["eventID", "eventId", "eventSource", "eventName"];

/// Other services' lists called `Records` (SQS, DynamoDB, Kinesis, SES) have sources that begin so; CloudTrail writes
/// `kms.amazonaws.com`.
const OTHER_SOURCE_START: &str = "aws:";

/// Whether an object looks like a CloudTrail record.
pub(super) fn is_record(fields: &Fields<'_>) -> bool {
    fields.has("eventVersion")
        && RECORD_KEYS.iter().any(|key| fields.has(key))
        && !fields.has("s3")
        && !fields.says("eventSource", |source| source.starts_with(OTHER_SOURCE_START))
}

/// Reads an object that has `Records`. CloudTrail's list goes on as it is, bad records included; in a list with S3's
/// records each item is read by itself. An empty list is CloudTrail's: S3 sends none.
pub(super) fn read_list(fields: &Fields<'_>, text: &str) -> Result<Message, UnknownBody> {
    let list = fields.list("Records")?;
    let (mut has_s3, mut has_record) = (false, false);
    for item in list.elements().filter_map(Fields::of) {
        has_s3 |= item.has("s3");
        has_record |= is_record(&item);
    }
    if has_s3 {
        return read_items(list);
    }
    if has_record || list.elements().next().is_none() {
        return Ok(Message::one(Form::Records, Part::Records(text.as_bytes().to_vec())));
    }
    Err(UnknownBody::new("its Records are neither S3's nor CloudTrail's"))
}

fn read_items(list: View<'_>) -> Result<Message, UnknownBody> {
    let items: Vec<View<'_>> = list.elements().take(PARTS_MAX + 1).collect();
    if items.len() > PARTS_MAX {
        return Err(UnknownBody::new(format!("it has more than {PARTS_MAX} records of S3")));
    }
    let read = |(index, item)| {
        read_item(item).unwrap_or_else(|problem| Part::Unknown(format!("Records[{index}]: {problem}")))
    };
    Ok(Message { form: Form::S3Notification, parts: items.into_iter().enumerate().map(read).collect() })
}

fn read_item(item: View<'_>) -> Result<Part, Problem> {
    let fields = Fields::of(item).ok_or(Problem::new("the record", "is not an object"))?;
    if is_record(&fields) {
        return Ok(Part::Records(item.raw().as_bytes().to_vec()));
    }
    s3::notification(&fields)
}

/// Reads an object that has `logEvents` or `awslogs`.
/// Source: CloudWatch Logs User Guide, "Real-time processing of log data with subscriptions".
pub(super) fn read_log_events(fields: &Fields<'_>, text: &str) -> Result<Message, UnknownBody> {
    if fields.has("awslogs") {
        fields.object("awslogs")?.required("data")?;
    } else {
        match fields.text("messageType")?.as_deref() {
            Some("CONTROL_MESSAGE") => {
                let part = Part::left(LeftWhy::ControlMessage, "CONTROL_MESSAGE");
                return Ok(Message::one(Form::Control, part));
            }
            // Absent where somebody cut the export down to its events.
            Some("DATA_MESSAGE") | None => {}
            Some(_) => return Err(UnknownBody::new("its messageType is none of CloudWatch Logs'")),
        }
        fields.list("logEvents")?;
    }
    Ok(Message::one(Form::LogEvents, Part::Records(text.as_bytes().to_vec())))
}
