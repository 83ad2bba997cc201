//! A copy of a bucket in a folder: keys are paths below it.
//!
//! `aws s3 sync` copies objects and leaves their metadata behind. Where it is wanted, it stands beside the file in the
//! form that `aws s3api head-object` prints, as `FILE.metadata.json`. Only regular files below the folder are read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use snowtrail_trail::message::ObjectRef;
use url::Url;
use walkdir::WalkDir;

use crate::feed::objects::OBJECT_BYTES_MAX;
use crate::feed::{FetchedObject, ObjectError, Objects};

/// What is put behind a file's name to name its metadata.
const METADATA_ENDING: &str = ".metadata.json";
/// Largest file of metadata; S3 takes 2 KB of it, and the command prints little beside. A larger one counts as none.
const METADATA_BYTES_MAX: u64 = 64 << 10;

/// A folder whose files are objects.
#[derive(Debug, Clone)]
pub struct BucketCopy {
    root: PathBuf,
}

impl BucketCopy {
    /// Of the folder at `root`.
    pub fn new(root: &Path) -> BucketCopy {
        BucketCopy { root: std::path::absolute(root).unwrap_or_else(|_| root.to_path_buf()) }
    }

    /// The paths of all files, below the folder, with `/` between their parts, in order. What is no UTF-8 is left out:
    /// no key of CloudTrail's is called so.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn paths(&self) -> impl Iterator<Item = anyhow::Result<String>> {
        let files = WalkDir::new(&self.root).sort_by_file_name().into_iter();
        files.filter_map(|entry| match entry {
            Ok(entry) if entry.file_type().is_file() => self.key(entry.path()).map(Ok),
            Ok(_) => None,
            Err(error) => Some(Err(anyhow::Error::new(error).context("failed to search the folder"))),
        })
    }

    /// `file://…` of a path below the folder.
    pub fn uri(&self, path: &str) -> String {
        let file = self.root.join(path);
        let mut uri = Url::from_file_path(&file).map_or_else(|()| file.display().to_string(), String::from);
        // A folder's path loses its slash when it is joined.
        if path.ends_with('/') && !uri.ends_with('/') {
            uri.push('/');
        }
        uri
    }

    fn key(&self, path: &Path) -> Option<String> {
        let below = path.strip_prefix(&self.root).ok()?;
        let parts: Option<Vec<&str>> = below.iter().map(|part| part.to_str()).collect();
        Some(parts?.join("/"))
    }

    fn read(&self, path: &str) -> Result<FetchedObject, ObjectError> {
        let (file, uri) = (self.root.join(path), self.uri(path));
        let meta = file.metadata().map_err(|error| failure(&uri, error))?;
        if !meta.is_file() {
            return Err(ObjectError::Gone { uri });
        }
        if meta.len() > OBJECT_BYTES_MAX {
            return Err(ObjectError::TooLarge { uri, bytes: meta.len() });
        }
        let mut bytes = Vec::new();
        let opened = File::open(&file).map_err(|error| failure(&uri, error))?;
        opened.take(OBJECT_BYTES_MAX).read_to_end(&mut bytes).map_err(|error| failure(&uri, error))?;
        Ok(FetchedObject { bytes: Bytes::from(bytes), version: None, metadata: metadata(&file) })
    }
}

#[async_trait]
impl Objects for BucketCopy {
    /// Fetches the file at the object's key; the bucket is not asked for.
    async fn get(&self, object: &ObjectRef) -> Result<FetchedObject, ObjectError> {
        let (copy, key) = (self.clone(), object.key.clone());
        match tokio::task::spawn_blocking(move || copy.read(&key)).await {
            Ok(read) => read,
            Err(panicked) => {
                Err(ObjectError::Passing { uri: self.uri(&object.key), source: panicked.into() })
            }
        }
    }
}

fn failure(uri: &str, error: std::io::Error) -> ObjectError {
    let uri = uri.to_owned();
    match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => ObjectError::Gone { uri },
        std::io::ErrorKind::PermissionDenied => ObjectError::Forbidden { uri, source: error.into() },
        _ => ObjectError::Passing { uri, source: error.into() },
    }
}

/// What stands beside the file; nothing where it is not what `head-object` prints.
fn metadata(file: &Path) -> BTreeMap<String, String> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(METADATA_ENDING);
    let mut text = Vec::new();
    let read = File::open(beside).and_then(|file| file.take(METADATA_BYTES_MAX).read_to_end(&mut text));
    let told: Option<Value> = read.ok().and_then(|_| serde_json::from_slice(&text).ok());
    let pairs = told.as_ref().and_then(|told| told.get("Metadata")).and_then(Value::as_object);
    let pairs = pairs.into_iter().flatten();
    pairs.filter_map(|(name, value)| Some((name.to_ascii_lowercase(), value.as_str()?.to_owned()))).collect()
}
