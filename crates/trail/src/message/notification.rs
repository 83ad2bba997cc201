//! CloudTrail's own notification: a bucket and the keys of the log files that it delivered.
//!
//! Source: CloudTrail User Guide, "Configuring Amazon SNS notifications for CloudTrail". Keys stand there as they are:
//! no published sample encodes them. It tells no region: the topic's need not be the bucket's.

use super::object_ref::ObjectRef;
use super::unknown::UnknownBody;
use super::{Form, LeftWhy, Message, PARTS_MAX, Part};
use crate::fields::{Fields, Problem};
use crate::view::View;

const KEYS: &str = "s3ObjectKey";

/// Reads an object that has `s3Bucket` and `s3ObjectKey`; the latter is a list, and one string is taken for one.
pub(super) fn read(fields: &Fields<'_>) -> Result<Message, UnknownBody> {
    let bucket = fields.required("s3Bucket")?;
    let keys: Vec<View<'_>> = match fields.get(KEYS)? {
        Some(key) if key.is_string() => vec![key],
        _ => fields.list(KEYS)?.elements().take(PARTS_MAX + 1).collect(),
    };
    if keys.len() > PARTS_MAX {
        return Err(UnknownBody::new(format!("it names more than {PARTS_MAX} objects")));
    }
    let form = Form::CloudTrailNotification;
    if keys.is_empty() {
        return Ok(Message::one(form, Part::left(LeftWhy::NamesNothing, &bucket)));
    }
    let read = |(index, key)| {
        object(&bucket, key).unwrap_or_else(|problem| Part::Unknown(format!("{KEYS}[{index}]: {problem}")))
    };
    Ok(Message { form, parts: keys.into_iter().enumerate().map(read).collect() })
}

fn object(bucket: &str, key: View<'_>) -> Result<Part, Problem> {
    let key = key.text().ok_or(Problem::new("the key", "is not a string"))?;
    ObjectRef::named(bucket, key.into_owned()).map(Part::object)
}
