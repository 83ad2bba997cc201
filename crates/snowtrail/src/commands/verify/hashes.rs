//! An object's two hashes in one pass: of its bytes as stored, which the lake keeps, and of its inflated bytes, which a
//! digest signs. The pass is what ties one to the other.

use std::io::{self, Cursor, Read};

use anyhow::Context;
use bytes::Bytes;
use snowtrail_trail::digest::DIGEST_BYTES_MAX;
use snowtrail_trail::gunzip::{GzipFault, Inflate, InflateLimits};

use crate::feed::Hashing;

/// What one pass over an object gave. Hashes are SHA-256, lowercase hex.
#[derive(Debug)]
pub struct Hashes {
    /// Of the bytes as stored.
    pub stored: String,
    /// Of the inflated bytes.
    pub inflated: String,
    /// What is wrong with it as gzip.
    pub gzip: Result<(), Ungzip>,
}

/// What is wrong with an object as gzip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ungzip {
    /// Something follows the one member that CloudTrail writes.
    Trailing,
    /// Cut off, damaged, or larger than anything that CloudTrail writes.
    Broken,
}

/// Hashes a log file.
///
/// # Errors
/// When the thread that does it panicked.
pub async fn of_log(bytes: Bytes) -> anyhow::Result<Hashes> {
    let hashed = tokio::task::spawn_blocking(move || {
        pass(bytes, InflateLimits::default(), |inflate| Ok(Hashing::new(inflate).finish()?.0))
    });
    let (hashes, inflated) =
        hashed.await.context("hashing panicked")?.context("failed to hash bytes in memory")?;
    Ok(Hashes { inflated, ..hashes })
}

/// Hashes a digest, and gives its inflated bytes.
///
/// # Errors
/// When bytes in memory cannot be read.
pub fn of_digest(bytes: Bytes) -> io::Result<(Hashes, Vec<u8>)> {
    let limits = InflateLimits { bytes_max: DIGEST_BYTES_MAX, ..InflateLimits::default() };
    let (hashes, text) = pass(bytes, limits, |inflate| {
        let mut text = Vec::new();
        inflate.read_to_end(&mut text)?;
        Ok(text)
    })?;
    let inflated = Hashing::new(text.as_slice()).finish()?.0;
    Ok((Hashes { inflated, ..hashes }, text))
}

type Stored = Hashing<Cursor<Bytes>>;

fn pass<T>(
    bytes: Bytes,
    limits: InflateLimits,
    read: impl FnOnce(&mut Inflate<&mut Stored>) -> io::Result<T>,
) -> io::Result<(Hashes, T)> {
    let mut stored = Hashing::new(Cursor::new(bytes));
    let mut inflate = Inflate::new(&mut stored, limits);
    let read = read(&mut inflate)?;
    let gzip = match (inflate.fault(), inflate.members()) {
        (Some(GzipFault::Broken | GzipFault::TooLarge), _) => Err(Ungzip::Broken),
        (Some(GzipFault::Trailing), _) | (None, 2..) => Err(Ungzip::Trailing),
        (None, 0 | 1) => Ok(()),
    };
    Ok((Hashes { stored: stored.finish()?.0, inflated: String::new(), gzip }, read))
}
