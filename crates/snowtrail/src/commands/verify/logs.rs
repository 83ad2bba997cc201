//! Log files against the digests that vouch for them: one is fetched, inflated, hashed, and its hash compared.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use snowtrail_trail::digest::{Fault, FaultKind, Link, SignedLog};

use super::hashes::{self, Ungzip};
use super::source::Source;
use crate::feed::ObjectError;
use crate::output::with_causes;

/// Logs fetched at once; each may hold [`crate::feed::objects::OBJECT_BYTES_MAX`], and log files have a hundredth.
const FETCHES: usize = 8;

/// What came of the logs of a region.
#[derive(Debug, Default)]
pub struct Logs {
    /// Paths that a good digest names.
    pub mentioned: HashSet<String>,
    /// Good logs, under every name that a lake may know them by: SHA-256 of their bytes as stored.
    pub proven: HashMap<String, String>,
    /// Whether the good ones are wanted.
    pub keeps_proven: bool,
    /// Logs that digests name, once each.
    pub count: u64,
}

impl Logs {
    /// Checks the logs of one digest.
    ///
    /// # Errors
    /// When the source fails in a way that may pass.
    pub async fn check(
        &mut self,
        source: &Source,
        link: &Link,
        signed: &[SignedLog],
    ) -> anyhow::Result<Vec<Fault>> {
        let checking = futures::stream::iter(signed).map(|log| check(source, link, log));
        let mut checking = checking.buffered(FETCHES);
        let mut faults = Vec::new();
        while let Some(checked) = checking.try_next().await? {
            self.count += 1;
            self.mentioned.extend(checked.path.clone());
            match checked.stored {
                Ok(_) if !self.keeps_proven => {}
                Ok(stored) => {
                    self.proven.extend(checked.path.map(|path| (source.uri(&path), stored.clone())));
                    self.proven.insert(checked.named, stored);
                }
                Err(fault) => faults.push(fault),
            }
        }
        Ok(faults)
    }
}

struct Checked {
    /// Where the log is in the source; none where that lies outside.
    path: Option<String>,
    /// `s3://bucket/key` as it was signed.
    named: String,
    /// SHA-256 of its bytes as stored.
    stored: Result<String, Fault>,
}

async fn check(source: &Source, link: &Link, log: &SignedLog) -> anyhow::Result<Checked> {
    let path = link.offset.as_ref().and_then(|offset| offset.path(&log.place.key));
    let named = log.place.uri();
    let stored = match &path {
        None => Err((FaultKind::LogMissing, "it lies outside of what was given".to_owned())),
        Some(path) => stored(source, path, log).await?,
    };
    let stored = stored.map_err(|(kind, detail)| Fault {
        kind,
        object: path.as_deref().map_or_else(|| named.clone(), |path| source.uri(path)),
        at: link.header.start,
        detail: format!("{detail}; {} signs it", link.object),
    });
    Ok(Checked { path, named, stored })
}

/// SHA-256 of a log's bytes as stored, if they inflate to what was signed; else what is wrong.
async fn stored(
    source: &Source,
    path: &str,
    log: &SignedLog,
) -> anyhow::Result<Result<String, (FaultKind, String)>> {
    let fetched = match source.get(path, Some(&log.place)).await? {
        Ok(fetched) => fetched,
        Err(ObjectError::Gone { .. }) => {
            return Ok(Err((FaultKind::LogMissing, "it is not there".to_owned())));
        }
        Err(error) => return Ok(Err((FaultKind::LogUnreadable, with_causes(&error)))),
    };
    let hashes = hashes::of_log(fetched.bytes).await?;
    Ok(match hashes.gzip {
        Err(Ungzip::Trailing) => {
            Err((FaultKind::LogTrailing, "something follows its one gzip member".to_owned()))
        }
        Err(Ungzip::Broken) => {
            Err((FaultKind::LogUnreadable, "it is cut off, damaged or too large".to_owned()))
        }
        Ok(()) if hashes.inflated == log.sha256 => Ok(hashes.stored),
        Ok(()) => {
            let detail = format!("its SHA-256 is {} and {} was signed", hashes.inflated, log.sha256);
            Err((FaultKind::LogChanged, detail))
        }
    })
}

/// The hours that good digests cover, joined where they touch.
#[derive(Debug)]
pub struct Covered(Vec<(Timestamp, Timestamp)>);

impl Covered {
    /// Of hours in any order.
    pub fn new(mut hours: Vec<(Timestamp, Timestamp)>) -> Covered {
        hours.sort();
        let mut joined: Vec<(Timestamp, Timestamp)> = Vec::new();
        for (start, end) in hours {
            match joined.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => joined.push((start, end)),
            }
        }
        Covered(joined)
    }

    /// Whether everything from `start` to `end` is covered.
    pub fn holds(&self, start: Timestamp, end: Timestamp) -> bool {
        self.0.iter().any(|(from, to)| *from <= start && end <= *to)
    }

    /// The end of the last hour.
    pub fn end(&self) -> Option<Timestamp> {
        self.0.last().map(|(_, end)| *end)
    }
}
