//! Where digests and logs are: a bucket, or a folder with a copy of one. One way to list, to fetch, and to name.
//!
//! Inside, things are named by path: the key in a bucket, the way from the folder in a copy.

use std::path::Path;

use anyhow::Context;
use snowtrail_trail::digest::Offset;
use snowtrail_trail::message::ObjectRef;

use crate::aws::Aws;
use crate::aws::s3::{Prefix, S3Objects};
use crate::feed::{BucketCopy, FetchedObject, ObjectError, Objects};
use crate::output::Usage;

/// A bucket or a copy.
pub enum Source {
    /// What lies under a prefix of a bucket.
    Bucket(Box<S3Objects>, Prefix),
    /// A folder.
    Copy(BucketCopy),
}

impl Source {
    /// From what the command line names.
    ///
    /// # Errors
    /// When it is no folder and no `s3://` address.
    pub async fn open(named: &str) -> anyhow::Result<Source> {
        if let Some(prefix) = Prefix::parse(named) {
            return Ok(Source::Bucket(Box::new(S3Objects::new(&Aws::load().await)), prefix));
        }
        if !Path::new(named).is_dir() {
            let text = format!("`{named}` is no folder; verify reads a folder or s3://bucket/prefix");
            return Err(anyhow::Error::new(Usage(text)));
        }
        Ok(Source::Copy(BucketCopy::new(Path::new(named))))
    }

    /// Tells every path that may be a digest or a log; the teller may fail to stop.
    ///
    /// # Errors
    /// When it cannot be listed, or the teller failed.
    pub async fn list(&self, tell: &mut dyn FnMut(String) -> anyhow::Result<()>) -> anyhow::Result<()> {
        match self {
            Source::Copy(copy) => copy.paths().try_for_each(|path| tell(path?)),
            Source::Bucket(objects, prefix) => {
                let mut next = None;
                loop {
                    let listed = objects.list(prefix, next).await?;
                    listed.digests.into_iter().chain(listed.logs).try_for_each(|found| tell(found.key))?;
                    next = listed.next;
                    if next.is_none() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Fetches the object at a path; `named` is how a digest named it, where one did.
    ///
    /// # Errors
    /// Inside: what is wrong with this object. Outside: what may pass, and makes the whole run worthless.
    pub async fn get(
        &self,
        path: &str,
        named: Option<&ObjectRef>,
    ) -> anyhow::Result<Result<FetchedObject, ObjectError>> {
        let got = match (self, named) {
            (Source::Copy(copy), _) => copy.get(&object("", path)).await,
            (Source::Bucket(objects, _), Some(named)) => objects.get(named).await,
            (Source::Bucket(objects, prefix), None) => objects.get(&object(&prefix.bucket, path)).await,
        };
        match got {
            Err(error) if error.may_pass() => Err(error).context("failed to verify; run it again"),
            other => Ok(other),
        }
    }

    /// How a path is named to people and in the lake's `sources`.
    pub fn uri(&self, path: &str) -> String {
        match self {
            Source::Copy(copy) => copy.uri(path),
            Source::Bucket(_, prefix) => object(&prefix.bucket, path).uri(),
        }
    }

    /// How the paths of what a digest names differ from its keys; none where the digest does not lie where it says. A
    /// bucket's objects lie where they say or nowhere.
    pub fn offset(&self, path: &str, claimed: &ObjectRef) -> Option<Offset> {
        match self {
            Source::Copy(_) => Offset::between(path, &claimed.key),
            Source::Bucket(_, prefix) => {
                (claimed.bucket == prefix.bucket && claimed.key == path).then(Offset::default)
            }
        }
    }

    /// Whether objects come with their metadata.
    pub fn keeps_metadata(&self) -> bool {
        matches!(self, Source::Bucket(..))
    }

    /// Whether all of an account's objects are in sight, so that what is not listed is not there.
    pub fn shows_whole_accounts(&self) -> bool {
        match self {
            Source::Copy(_) => true,
            Source::Bucket(_, prefix) => !prefix.prefix.contains("/CloudTrail"),
        }
    }
}

fn object(bucket: &str, key: &str) -> ObjectRef {
    ObjectRef {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        aws_region: None,
        version_id: None,
        etag: None,
        size: None,
        sequencer: None,
    }
}
