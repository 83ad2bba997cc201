//! S3's two ways of telling about an object: a notification's record, and EventBridge's `Object Created`.
//!
//! They differ in what matters: only the notification encodes the key, and they spell the attributes differently.
//! Who says to have sent it (`eventSource`) is not looked at, so that S3's look-alikes serve.

use super::key_encoding::decode_form;
use super::object_ref::{ObjectRef, Spelling};
use super::{LeftWhy, Part};
use crate::fields::{Fields, Problem};

const NOTIFICATION: Spelling = Spelling { version_id: "versionId", etag: "eTag" };
const EVENT_BRIDGE: Spelling = Spelling { version_id: "version-id", etag: "etag" };

/// The major version of a notification's record that is known. Source: S3 User Guide, "Event message structure": minor
/// versions only add, so another major one may mean anything and is unknown.
const EVENT_VERSION_MAJOR: &str = "2";

/// A record of a notification.
pub(super) fn notification(record: &Fields<'_>) -> Result<Part, Problem> {
    check_version(record)?;
    let s3 = record.object("s3")?;
    let kind = record.required("eventName")?;
    // Some look-alikes keep the prefix that S3 writes in its configuration only.
    if !kind.strip_prefix("s3:").unwrap_or(&kind).starts_with("ObjectCreated:") {
        return Ok(Part::left(LeftWhy::NotACreation, &subject(&s3)));
    }
    let (bucket, object) = (s3.object("bucket")?, s3.object("object")?);
    let key = decode_form(&object.required("key")?)
        .ok_or(Problem::new("the key", "is not encoded as S3 encodes keys"))?;
    let object = ObjectRef::named(&bucket.required("name")?, key)?.described(&object, &NOTIFICATION)?;
    Ok(Part::object(object.in_region(record, "awsRegion")?))
}

/// EventBridge's `Object Created`.
pub(super) fn object_created(event: &Fields<'_>, detail: &Fields<'_>) -> Result<Part, Problem> {
    let (bucket, object) = (detail.object("bucket")?, detail.object("object")?);
    let key = object.required("key")?.into_owned();
    let object = ObjectRef::named(&bucket.required("name")?, key)?.described(&object, &EVENT_BRIDGE)?;
    Ok(Part::object(object.in_region(event, "region")?))
}

/// Which object it is, for people, from a notification's `s3` or an EventBridge event's `detail`: as much as is there.
pub(super) fn subject(place: &Fields<'_>) -> String {
    let text = |object, key| {
        let text = place.object(object).ok().and_then(|object| object.text(key).ok().flatten());
        text.unwrap_or_default()
    };
    format!("{}/{}", text("bucket", "name"), text("object", "key"))
}

fn check_version(record: &Fields<'_>) -> Result<(), Problem> {
    let version = record.required("eventVersion")?;
    match version.split('.').next().unwrap_or_default() {
        EVENT_VERSION_MAJOR => Ok(()),
        other => Err(Problem::new(
            "eventVersion",
            match other.parse::<u16>() {
                Ok(major) => format!("has the major version {major}, only {EVENT_VERSION_MAJOR} is known"),
                Err(_) => "is no version".to_owned(),
            },
        )),
    }
}
