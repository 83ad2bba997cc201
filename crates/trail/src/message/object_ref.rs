//! One object in a bucket, as a notification names it, and which names are believed. Fetches nothing.
//!
//! A bucket, region or version that a message names ends in a request's host, path and headers, so only what S3
//! itself could have written is let through.

use super::key_encoding::{decode_path, encode_path};
use crate::fields::{Fields, Problem};

/// Longest key that S3 takes, in bytes. Source: S3 User Guide, "Naming Amazon S3 objects". A longer one is unknown.
const KEY_BYTES_MAX: usize = 1024;

/// Shortest and longest bucket name. Source: S3 User Guide, "General purpose bucket naming rules". Others are unknown.
const BUCKET_BYTES: std::ops::RangeInclusive<usize> = 3..=63;

/// Longest version id, entity tag or sequencer; S3's version ids have at most 1,024 bytes. A longer one is unknown.
const ATTRIBUTE_BYTES_MAX: usize = 1024;

/// Longest name of a region that is believed; real ones have about 14 bytes. A longer one is unknown.
const REGION_BYTES_MAX: usize = 32;

/// An object to fetch. Everything but bucket and key is absent where the notification does not tell.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectRef {
    /// The bucket's name.
    pub bucket: String,
    /// The key as S3 takes it, decoded.
    pub key: String,
    /// The region that the bucket is in.
    pub aws_region: Option<String>,
    /// Which version of the object; `null` is a version's real name in a bucket whose versioning is suspended.
    pub version_id: Option<String>,
    /// The entity tag, without quotes.
    pub etag: Option<String>,
    /// Bytes as stored.
    pub size: Option<u64>,
    /// A hexadecimal number that grows from event to event of one key. To compare two, pad the shorter one with
    /// zeros on the left.
    pub sequencer: Option<String>,
}

/// How a notification spells an object's attributes.
pub(super) struct Spelling {
    pub(super) version_id: &'static str,
    pub(super) etag: &'static str,
}

impl ObjectRef {
    /// `s3://bucket/key`. What RFC 3986 does not allow in a path is percent-encoded (space, `%`, `?`, `#`, everything
    /// beyond ASCII); `/`, `=` and `+` stand as they are. No two objects have one URI; versions of one object do.
    pub fn uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, encode_path(&self.key))
    }

    /// The object that has this URI, as it is now; none where [`ObjectRef::uri`] gives no such one.
    pub fn at(uri: &str) -> Option<ObjectRef> {
        let (bucket, path) = uri.strip_prefix("s3://")?.split_once('/')?;
        ObjectRef::named(bucket, decode_path(path)?).ok()
    }

    /// Of bucket and key alone.
    pub(crate) fn named(bucket: &str, key: String) -> Result<ObjectRef, Problem> {
        check_bucket(bucket)?;
        check_key(&key)?;
        Ok(ObjectRef {
            bucket: bucket.to_owned(),
            key,
            aws_region: None,
            version_id: None,
            etag: None,
            size: None,
            sequencer: None,
        })
    }

    /// With the attributes that stand beside the key.
    pub(super) fn described(mut self, object: &Fields<'_>, spelling: &Spelling) -> Result<Self, Problem> {
        self.version_id = attribute(object, spelling.version_id)?;
        self.etag = attribute(object, spelling.etag)?.map(|etag| etag.trim_matches('"').to_owned());
        self.sequencer = attribute(object, "sequencer")?;
        self.size = match object.get("size")? {
            None => None,
            Some(size) => {
                Some(size.raw().parse().map_err(|_| Problem::new("size", "is not a number of bytes"))?)
            }
        };
        Ok(self)
    }

    /// In the region that stands under `key`.
    pub(super) fn in_region(mut self, event: &Fields<'_>, key: &'static str) -> Result<Self, Problem> {
        let region = event.text(key)?.filter(|region| !region.is_empty());
        let is_region = |text: &str| {
            text.len() <= REGION_BYTES_MAX
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if region.as_deref().is_some_and(|region| !is_region(region)) {
            return Err(Problem::new(key, "is no region"));
        }
        self.aws_region = region.map(|region| region.into_owned());
        Ok(self)
    }
}

/// Letters of both cases and `_`: buckets in us-east-1 from before March 2018 have them.
fn check_bucket(bucket: &str) -> Result<(), Problem> {
    let bytes = bucket.as_bytes();
    let is_alphanumeric = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let good = BUCKET_BYTES.contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(byte))
        && is_alphanumeric(bytes.first())
        && is_alphanumeric(bytes.last())
        && !bucket.contains("..");
    if good { Ok(()) } else { Err(Problem::new("the bucket", "has a name that no bucket has")) }
}

fn check_key(key: &str) -> Result<(), Problem> {
    let what = match key {
        "" => "is empty",
        long if long.len() > KEY_BYTES_MAX => "is longer than any key",
        odd if odd.contains(char::is_control) => "has control characters",
        _ => return Ok(()),
    };
    Err(Problem::new("the key", what))
}

/// A value that goes into a request: visible ASCII.
fn attribute(object: &Fields<'_>, key: &'static str) -> Result<Option<String>, Problem> {
    let Some(text) = object.text(key)?.filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.len() > ATTRIBUTE_BYTES_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::new(key, "is nothing that S3 writes"));
    }
    Ok(Some(text.into_owned()))
}
