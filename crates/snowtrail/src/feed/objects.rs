//! The seam to stored objects: one whole object at a time, bounded.
//!
//! CloudTrail's log files have at most 50 MB before compression, so an object is held whole while it is decoded; what is
//! larger than the bound is no log file. Source: AWS CloudTrail User Guide, "Quotas in AWS CloudTrail".

use std::collections::BTreeMap;
use std::error::Error;

use async_trait::async_trait;
use bytes::Bytes;
use snowtrail_trail::message::ObjectRef;

/// Largest object that is fetched, as stored. CloudTrail's files have at most 50 MB before compression; a larger object
/// cannot be read and ends in the dead-letter queue.
pub const OBJECT_BYTES_MAX: u64 = 128 << 20;

/// An object's bytes.
#[derive(Debug, Clone)]
pub struct FetchedObject {
    /// As stored: not inflated, whatever its content encoding says.
    pub bytes: Bytes,
    /// Version id where the bucket has versions, else the entity tag.
    pub version: Option<String>,
    /// User metadata: names in lower case, without S3's `x-amz-meta-`.
    pub metadata: BTreeMap<String, String>,
}

/// Why an object was not fetched: a different thing each time.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// It is not there, or no longer. May be a notification that was faster than the object.
    #[error("`{uri}` is not there")]
    Gone {
        /// Which.
        uri: String,
    },
    /// It may not be read: a policy of the bucket, or the key that it is encrypted with.
    #[error("`{uri}` may not be read; allow s3:GetObject on it, and kms:Decrypt on its key if it has one")]
    Forbidden {
        /// Which.
        uri: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store asks to slow down.
    #[error("`{uri}` was throttled")]
    Throttled {
        /// Which.
        uri: String,
    },
    /// It is larger than [`OBJECT_BYTES_MAX`].
    #[error("`{uri}` has {bytes} bytes; no log file is that large")]
    TooLarge {
        /// Which.
        uri: String,
        /// Its length as stored.
        bytes: u64,
    },
    /// It may pass: a cut connection, an error of the service.
    #[error("failed to read `{uri}` for now")]
    Passing {
        /// Which.
        uri: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl ObjectError {
    /// Whether trying again soon may help.
    pub fn may_pass(&self) -> bool {
        matches!(self, ObjectError::Throttled { .. } | ObjectError::Passing { .. })
    }
}

/// A store of objects.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Fetches an object whole. A body that is cut is completed by asking for the rest; bytes of two versions are never
    /// mixed. Cancel safe.
    async fn get(&self, object: &ObjectRef) -> Result<FetchedObject, ObjectError>;
}
