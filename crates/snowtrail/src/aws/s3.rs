//! S3 behind [`Objects`]: one object at a time, whole, of one version.
//!
//! The SDK's retries end where a body begins; a body that is cut or stalls is completed here, by a range of the same
//! entity. Lengths are compared, because a cut body may look like an end. Source: aws-sdk-rust issue 1079.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use bytes::{Bytes, BytesMut};
use snowtrail_trail::message::{ObjectKind, ObjectRef};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::aws::{Aws, said};
use crate::feed::objects::OBJECT_BYTES_MAX;
use crate::feed::{FetchedObject, ObjectError, Objects};

/// No byte for so long, and the connection counts as dead.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// How often the rest of one body is asked for before the object counts as not to be had for now.
const RESUMES_MAX: usize = 4;

/// A bucket and a prefix in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    /// The bucket.
    pub bucket: String,
    /// What keys start with; may be empty.
    pub prefix: String,
}

impl Prefix {
    /// Reads `s3://bucket/prefix`; none for anything else.
    pub fn parse(uri: &str) -> Option<Prefix> {
        let rest = uri.strip_prefix("s3://")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        (!bucket.is_empty()).then(|| Prefix { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

/// One page of a listing.
#[derive(Debug, Default)]
pub struct Listed {
    /// Log files.
    pub logs: Vec<ObjectRef>,
    /// Digest files.
    pub digests: Vec<ObjectRef>,
    /// Other objects.
    pub left: u64,
    /// Where the next page starts; none after the last.
    pub next: Option<String>,
}

/// Objects in S3, in whatever region.
#[derive(Debug)]
pub struct S3Objects {
    aws: Aws,
    clients: Mutex<HashMap<Option<String>, Client>>,
}

impl S3Objects {
    /// With the credentials and the endpoint of `aws`.
    pub fn new(aws: &Aws) -> S3Objects {
        S3Objects { aws: aws.clone(), clients: Mutex::default() }
    }

    /// A page of the log files and digests under a prefix, and where the next page starts. `left` counts what is neither.
    ///
    /// # Errors
    /// When the bucket cannot be listed.
    pub async fn list(&self, place: &Prefix, token: Option<String>) -> anyhow::Result<Listed> {
        let call = self.client(None).await.list_objects_v2().bucket(&place.bucket).prefix(&place.prefix);
        let answer = call.set_continuation_token(token).send().await.map_err(|error| {
            anyhow::anyhow!("failed to list s3://{}/{}: {}", place.bucket, place.prefix, said(&error))
        })?;
        let mut listed = Listed { next: answer.next_continuation_token.clone(), ..Listed::default() };
        for object in answer.contents() {
            let key = object.key().unwrap_or_default();
            let kind = ObjectKind::of(key);
            let object = ObjectRef {
                bucket: place.bucket.clone(),
                key: key.to_owned(),
                aws_region: None,
                version_id: None,
                etag: object.e_tag().map(|etag| etag.trim_matches('"').to_owned()),
                size: object.size().and_then(|size| u64::try_from(size).ok()),
                sequencer: None,
            };
            match kind {
                ObjectKind::Log => listed.logs.push(object),
                ObjectKind::Digest => listed.digests.push(object),
                _ => listed.left += 1,
            }
        }
        Ok(listed)
    }

    /// The client for a region; a trail's bucket need not be in the worker's.
    pub(super) async fn client(&self, region: Option<&str>) -> Client {
        // A custom endpoint has one region, whatever the notifications say.
        let region = region.filter(|_| self.aws.s3_endpoint().is_none()).map(str::to_owned);
        let mut clients = self.clients.lock().await;
        let make = || {
            let config = self.aws.in_region(region.as_deref());
            let is_custom = self.aws.s3_endpoint().is_some();
            Client::from_conf(aws_sdk_s3::config::Builder::from(&config).force_path_style(is_custom).build())
        };
        clients.entry(region.clone()).or_insert_with(make).clone()
    }
}

#[async_trait]
impl Objects for S3Objects {
    async fn get(&self, object: &ObjectRef) -> Result<FetchedObject, ObjectError> {
        let uri = object.uri();
        let client = self.client(object.aws_region.as_deref()).await;
        let first = open(&client, object, None).await?;
        let length = first.content_length().and_then(|n| u64::try_from(n).ok());
        if let Some(bytes) = length.filter(|bytes| *bytes > OBJECT_BYTES_MAX) {
            return Err(ObjectError::TooLarge { uri, bytes });
        }
        let etag = first.e_tag().map(str::to_owned);
        let metadata = first.metadata().into_iter().flatten();
        let metadata = metadata.map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
        let version = first.version_id().filter(|id| *id != "null").map(str::to_owned);
        let mut body = Body { bytes: BytesMut::new(), length, uri: &uri };
        let mut answer = first;
        for _ in 0..RESUMES_MAX {
            if body.take(answer).await? {
                let version = version.or_else(|| etag.map(|etag| etag.trim_matches('"').to_owned()));
                return Ok(FetchedObject { bytes: body.bytes.freeze(), version, metadata });
            }
            let Some(etag) = &etag else { break };
            answer = open(&client, object, Some((body.bytes.len(), etag))).await?;
        }
        Err(ObjectError::Passing { uri, source: "the body was cut again and again".into() })
    }
}

/// A body on its way.
struct Body<'u> {
    bytes: BytesMut,
    length: Option<u64>,
    uri: &'u str,
}

impl Body<'_> {
    /// Reads on; true when it is whole, false when the rest must be asked for.
    async fn take(&mut self, mut answer: GetObjectOutput) -> Result<bool, ObjectError> {
        loop {
            match timeout(SILENCE_MAX, answer.body.next()).await {
                Err(_) | Ok(Some(Err(_))) => return Ok(false),
                Ok(None) => return Ok(self.length.is_none_or(|length| self.bytes.len() as u64 == length)),
                Ok(Some(Ok(part))) => self.push(&part)?,
            }
        }
    }

    fn push(&mut self, part: &Bytes) -> Result<(), ObjectError> {
        self.bytes.extend_from_slice(part);
        let bytes = self.bytes.len() as u64;
        if bytes > OBJECT_BYTES_MAX {
            return Err(ObjectError::TooLarge { uri: self.uri.to_owned(), bytes });
        }
        Ok(())
    }
}

/// Asks for an object, or for its rest if it is still the same entity.
async fn open(
    client: &Client,
    object: &ObjectRef,
    rest: Option<(usize, &str)>,
) -> Result<GetObjectOutput, ObjectError> {
    let mut call =
        client.get_object().bucket(&object.bucket).key(&object.key).set_version_id(object.version_id.clone());
    if let Some((from, etag)) = rest {
        call = call.range(format!("bytes={from}-")).if_match(etag);
    }
    call.send().await.map_err(|error| failure(object.uri(), error))
}

fn failure(uri: String, error: SdkError<GetObjectError>) -> ObjectError {
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.code().unwrap_or_default().to_owned();
    let source = said(&error).into();
    match (code.as_str(), status) {
        ("NoSuchKey" | "NoSuchBucket" | "NoSuchVersion", _) | (_, Some(404)) => ObjectError::Gone { uri },
        ("SlowDown" | "RequestLimitExceeded" | "Throttling" | "ThrottlingException", _)
        | (_, Some(429 | 503)) => ObjectError::Throttled { uri },
        ("ExpiredToken" | "RequestTimeTooSkewed" | "InvalidToken", _) => ObjectError::Passing { uri, source },
        (_, Some(403 | 301 | 400)) => ObjectError::Forbidden { uri, source },
        _ => ObjectError::Passing { uri, source },
    }
}
