//! Short ways to read a body and to say what it should have asked for.

use snowtrail_trail::{Form, Part, read_message};

use crate::message_bodies::LOG_KEY;
use crate::support::decode;

/// The parts, a line each; records are told by the event ids that the decoder finds in them.
pub(crate) fn told(parts: &[Part]) -> Vec<String> {
    let line = |part: &Part| match part {
        Part::Object(object) => format!("fetch {}", object.uri()),
        Part::Records(bytes) => format!("decode {}", decode(bytes).event_ids().join(" ")),
        Part::Left(left) => format!("{} {}", left.why.as_str(), left.subject),
        Part::Unknown(why) => format!("unknown {why}"),
    };
    parts.iter().map(line).collect()
}

#[track_caller]
pub(crate) fn check(body: impl ToString, form: Form, parts: &[&str]) {
    let body = body.to_string();
    let message = read_message(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
    assert_eq!(message.form, form, "{body}");
    assert_eq!(told(&message.parts), parts, "{body}");
}

#[track_caller]
pub(crate) fn check_unknown(body: impl ToString, why: &str) {
    let error = read_message(&body.to_string()).unwrap_err().to_string();
    assert_eq!(error, format!("failed to tell what the message asks for: {why}"));
}

pub(crate) fn fetch_log() -> String {
    format!("fetch s3://snowy-trail/{LOG_KEY}")
}
