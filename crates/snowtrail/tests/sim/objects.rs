//! The log objects: there from some time on, forbidden for a while, throttled, cut, slow.
//!
//! What a bucket says of its objects is said the same way each time: a version id where it keeps versions, else an
//! entity tag.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use snowtrail::feed::{FetchedObject, ObjectError, Objects};
use snowtrail_trail::message::ObjectRef;

use crate::faults::{Fault, Kind};
use crate::world::{Hand, State};

/// One object, in one version.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its bytes.
    pub bytes: Bytes,
    /// Version id or entity tag.
    pub version: String,
    /// From when on it is there: a notification may be faster.
    pub from_ms: u64,
    /// When it may not be read.
    pub forbidden_ms: Range<u64>,
}

/// One worker's way to the objects.
pub struct SimObjects {
    /// The worker's.
    pub hand: Hand,
}

#[async_trait]
impl Objects for SimObjects {
    async fn get(&self, object: &ObjectRef) -> Result<FetchedObject, ObjectError> {
        let uri = object.uri();
        let verdict = self.hand.turn(Kind::ObjectGet, &uri).await;
        if self.hand.loses_reply(verdict).await {
            return Err(cut(uri));
        }
        match verdict.fault {
            Fault::Before => Err(cut(uri)),
            Fault::Odd(number) => Err(odd(uri, number)),
            _ => found(&self.hand.world.state(), uri),
        }
    }
}

fn found(state: &State, uri: String) -> Result<FetchedObject, ObjectError> {
    let now = state.now_ms();
    match state.stored.get(&uri) {
        Some(stored) if stored.forbidden_ms.contains(&now) => Err(forbidden(uri)),
        Some(stored) if stored.from_ms <= now => Ok(FetchedObject {
            bytes: stored.bytes.clone(),
            version: Some(stored.version.clone()),
            metadata: Default::default(),
        }),
        _ => Err(ObjectError::Gone { uri }),
    }
}

fn odd(uri: String, number: u64) -> ObjectError {
    match number % 4 {
        0 => ObjectError::Gone { uri },
        1 => forbidden(uri),
        2 => ObjectError::Throttled { uri },
        _ => cut(uri),
    }
}

fn forbidden(uri: String) -> ObjectError {
    ObjectError::Forbidden { uri, source: "AccessDenied".into() }
}

fn cut(uri: String) -> ObjectError {
    ObjectError::Passing { uri, source: "the connection was cut".into() }
}
