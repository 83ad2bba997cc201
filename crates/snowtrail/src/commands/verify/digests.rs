//! Digests read from the source: the links of one chain, and once more their lists of logs.
//!
//! A chain's digests are judged together before any of their lists is believed, and lists are long: so what is kept of a
//! digest in between is its header, and those that list logs are read twice. The second reading must find the same bytes.

use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use snowtrail_trail::digest::{Digest, DigestName, Fault, FaultKind, Link, Signature, SignedLog};

use super::hashes::{self, Ungzip};
use super::source::Source;
use crate::output::with_causes;

/// Digests fetched at once.
const FETCHES: usize = 8;
/// Of a digest about late deliveries. Source: AWS CloudTrail User Guide, "CloudTrail digest file structure".
const GENERATED_AT: &str = "backfill-generation-timestamp";

/// The links of a chain, in no order, and a fault for each digest that cannot be read.
///
/// # Errors
/// When the source fails in a way that may pass.
pub async fn links(source: &Source, paths: &[String]) -> anyhow::Result<(Vec<Link>, Vec<Fault>)> {
    let reading = futures::stream::iter(paths).map(|path| async move {
        let read = read(source, path).await?;
        Ok::<_, anyhow::Error>(read.map(|(link, _)| link))
    });
    let (mut links, mut faults) = (Vec::new(), Vec::new());
    let mut reading = reading.buffered(FETCHES);
    while let Some(read) = reading.try_next().await? {
        match read {
            Ok(link) => links.push(link),
            Err(fault) => faults.push(fault),
        }
    }
    Ok((links, faults))
}

/// The logs that a digest lists which was read and judged before.
///
/// # Errors
/// When the source fails in a way that may pass.
pub async fn logs(source: &Source, path: &str, link: &Link) -> anyhow::Result<Result<Vec<SignedLog>, Fault>> {
    Ok(match read(source, path).await? {
        Ok((again, logs)) if again.sha256 == link.sha256 => Ok(logs),
        Ok(_) => Err(unreadable(&link.object, link.header.start, "it changed while it was verified")),
        Err(fault) => Err(fault),
    })
}

async fn read(source: &Source, path: &str) -> anyhow::Result<Result<(Link, Vec<SignedLog>), Fault>> {
    let object = source.uri(path);
    let name = DigestName::of(path);
    let at = name.as_ref().map_or(Timestamp::UNIX_EPOCH, |name| name.stamp);
    let fetched = match source.get(path, None).await? {
        Ok(fetched) => fetched,
        Err(error) => return Ok(Err(unreadable(&object, at, &with_causes(&error)))),
    };
    let (hashes, text) = hashes::of_digest(fetched.bytes)?;
    let digest = match (hashes.gzip, Digest::read(&text)) {
        (Ok(()), Ok(digest)) => digest,
        (Ok(()), Err(error)) => return Ok(Err(unreadable(&object, at, &error.to_string()))),
        (Err(Ungzip::Trailing), _) => {
            return Ok(Err(unreadable(&object, at, "something follows its one gzip member")));
        }
        (Err(Ungzip::Broken), _) => {
            return Ok(Err(unreadable(&object, at, "it is cut off, damaged or too large")));
        }
    };
    let has = |name: &str| fetched.metadata.contains_key(name);
    let is_whole = name.is_none_or(|name| !name.is_backfill) || has(GENERATED_AT);
    let text = |name: &str| fetched.metadata.get(name).filter(|_| is_whole).cloned();
    let signature = text("signature").zip(text("signature-algorithm"));
    let link = Link {
        object,
        path: path.to_owned(),
        offset: source.offset(path, &digest.header.place),
        sha256: hashes.inflated,
        header: digest.header,
        logs: digest.logs.len() as u64,
        signature: signature.map(|(hex, algorithm)| Signature { hex, algorithm }),
    };
    Ok(Ok((link, digest.logs)))
}

fn unreadable(object: &str, at: Timestamp, detail: &str) -> Fault {
    Fault { kind: FaultKind::DigestUnreadable, object: object.to_owned(), at, detail: detail.to_owned() }
}
