//! A body that cannot be told, and what of it may be said: its kind and the names of its fields, never a value.

use crate::fields::{Fields, Problem};
use crate::scan::{DEPTH_MAX, Stop};
use crate::view::View;

/// Most keys of a body that are named; of more the number is told.
const KEYS_NAMED_MAX: usize = 8;

/// Longest key that is named; a longer one is counted with the others.
const KEY_BYTES_MAX: usize = 32;

/// A body that asks for nothing that is known. The message must stay on the queue, whose own limit takes it to the
/// dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to tell what the message asks for: {saw}")]
pub struct UnknownBody {
    saw: String,
}

impl UnknownBody {
    pub(super) fn new(saw: impl Into<String>) -> UnknownBody {
        UnknownBody { saw: saw.into() }
    }

    /// It stood in an envelope.
    pub(super) fn inside(self, envelope: Option<&'static str>) -> UnknownBody {
        match envelope {
            Some(envelope) => UnknownBody { saw: format!("inside {envelope}: {}", self.saw) },
            None => self,
        }
    }

    /// The text is no JSON value.
    pub(super) fn no_json(stop: Stop) -> UnknownBody {
        UnknownBody::new(match stop {
            Stop::Incomplete => "the JSON ends early, or there is none".to_owned(),
            Stop::Malformed(at, what) => format!("it is not JSON: {what} at byte {at}"),
            Stop::TooDeep => format!("the JSON is nested deeper than {DEPTH_MAX} levels"),
        })
    }

    /// A value that is no object.
    pub(super) fn no_object(value: View<'_>) -> UnknownBody {
        UnknownBody::new(match value.raw().as_bytes().first() {
            Some(b'[') => "it is a list, not an object",
            Some(b'"') => "it is a string, not an object",
            _ => "it is a number, a truth value or null, not an object",
        })
    }

    /// An object that has no form's marks.
    pub(super) fn object(fields: &Fields<'_>) -> UnknownBody {
        let (mut named, mut others) = (Vec::new(), 0);
        for key in fields.keys() {
            if named.len() < KEYS_NAMED_MAX && is_field_name(key) {
                named.push(key);
            } else {
                others += 1;
            }
        }
        UnknownBody::new(match (named.as_slice(), others) {
            ([], 0) => "it is an empty object".to_owned(),
            ([], others) => format!("it is an object with {others} keys that no form has"),
            (named, 0) => format!("it is an object with the keys {}", named.join(", ")),
            (named, others) => {
                format!("it is an object with the keys {} and {others} more", named.join(", "))
            }
        })
    }
}

impl From<Problem> for UnknownBody {
    fn from(problem: Problem) -> UnknownBody {
        UnknownBody::new(problem.to_string())
    }
}

/// Whether a key looks like the name of a field. A map may have secrets for keys, and nearly all of them have digits
/// or are long.
fn is_field_name(key: &str) -> bool {
    (1..=KEY_BYTES_MAX).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_alphabetic() || b"-_.".contains(&byte))
}
