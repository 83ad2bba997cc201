//! EventBridge's envelope: S3's events, CloudTrail's records, and somebody's own events around any known form.
//!
//! Sources: EventBridge User Guide, "AWS service events delivered via CloudTrail"; S3 User Guide, "EventBridge event
//! message structure". A record goes on with its envelope, which the decoder knows.

use super::read::{Layer, is_test_event};
use super::unknown::UnknownBody;
use super::{Form, LeftWhy, Message, Part, s3};
use crate::fields::Fields;

/// The kind of event that S3 sends when an object is there.
const OBJECT_CREATED: &str = "Object Created";

/// How the kinds of events end whose detail is a CloudTrail record: API calls, service events, sign-ins, console
/// actions, network activity.
const CLOUDTRAIL_ENDING: &str = "via CloudTrail";

/// The one of them whose detail is no call.
const INSIGHT: &str = "AWS Insight via CloudTrail";

/// S3 and the services that are watched. A rule on the source alone also matches what they send by themselves
/// (`Object Deleted`, `Secret Label Updated`, `KMS CMK Rotation`). Of every other source such an event is unknown.
const SOURCES_LEFT: [&str; 4] = ["aws.s3", "aws.secretsmanager", "aws.kms", "aws.ssm"];

/// Reads an object that has `detail-type`.
pub(super) fn read(fields: &Fields<'_>, text: &str) -> Result<Layer, UnknownBody> {
    let kind = fields.required("detail-type")?;
    let source = fields.text("source")?.unwrap_or_default();
    let view = fields.object_view("detail")?;
    let detail = fields.object("detail")?;
    let (form, part) = match kind.as_ref() {
        OBJECT_CREATED => {
            let part = s3::object_created(fields, &detail);
            (Form::S3EventBridge, part.unwrap_or_else(|problem| Part::Unknown(problem.to_string())))
        }
        INSIGHT => (Form::EventBridge, Part::left(LeftWhy::Insight, &kind)),
        kind if kind.ends_with(CLOUDTRAIL_ENDING) => {
            (Form::EventBridge, Part::Records(text.as_bytes().to_vec()))
        }
        kind if SOURCES_LEFT.contains(&source.as_ref()) && !is_test_event(&detail) => {
            (Form::EventBridge, left(kind, &source, &detail))
        }
        _ => return Ok(Layer::Envelope("an EventBridge event", view.raw().to_owned())),
    };
    Ok(Layer::Message(Message::one(form, part)))
}

fn left(kind: &str, source: &str, detail: &Fields<'_>) -> Part {
    if source == "aws.s3" {
        return Part::left(LeftWhy::NotACreation, &s3::subject(detail));
    }
    Part::left(LeftWhy::ServiceEvent, kind)
}
