//! What there is to verify: digests and logs by account, region, trail and chain, from their names alone.

use std::collections::BTreeMap;

use anyhow::bail;
use jiff::{SignedDuration, Timestamp};
use snowtrail_trail::digest::{DigestName, LogName};
use snowtrail_trail::message::ObjectKind;

use super::source::Source;

/// Names held at once, about 250 bytes each, and four times as much with a lake to compare with. With more the command
/// refuses and asks for a shorter time.
const PATHS_HELD_MAX: usize = 1_000_000;

/// A digest's name tells when its hour ended. So much later one may still begin before `--to`.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// The time that was asked for, UTC, and the time to judge by.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Inclusive; none: from the beginning.
    pub from: Option<Timestamp>,
    /// Exclusive; none: to the end.
    pub to: Option<Timestamp>,
    /// The time to judge by.
    pub now: Timestamp,
}

/// One account's region in one tree of folders.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Region {
    /// What stands before the folders of digests and logs; empty or ending in `/`.
    pub base: String,
    /// Twelve digits.
    pub account_id: String,
    /// Such as `us-west-2`.
    pub aws_region: String,
}

/// A chain of a region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChainName {
    /// The trail's name.
    pub trail: String,
    /// Whether it is the chain of late deliveries.
    pub is_backfill: bool,
}

/// What a region has.
#[derive(Debug, Default)]
pub struct Found {
    /// Paths of digests, by chain.
    pub digests: BTreeMap<ChainName, Vec<String>>,
    /// Paths of logs that tell when they were delivered.
    pub logs: Vec<(Timestamp, String)>,
    /// Paths in the folder of logs with names that CloudTrail does not give.
    pub odd: Vec<String>,
}

/// Everything.
pub type Inventory = BTreeMap<Region, Found>;

/// Lists the source.
///
/// # Errors
/// When it cannot be listed, or has more names than can be held.
pub async fn take(source: &Source, span: &Span) -> anyhow::Result<Inventory> {
    let (mut inventory, mut held) = (Inventory::new(), 0);
    source
        .list(&mut |path| {
            held += usize::from(add(&mut inventory, path, span));
            if held > PATHS_HELD_MAX {
                bail!(
                    "more than {PATHS_HELD_MAX} digests and logs; verify a shorter time with --from and --to"
                );
            }
            Ok(())
        })
        .await?;
    Ok(inventory)
}

/// Whether it is held.
fn add(inventory: &mut Inventory, path: String, span: &Span) -> bool {
    match ObjectKind::of(&path) {
        ObjectKind::Digest => add_digest(inventory, path, span),
        ObjectKind::Log => add_log(inventory, path, span),
        _ => false,
    }
}

fn add_digest(inventory: &mut Inventory, path: String, span: &Span) -> bool {
    let Some(name) = DigestName::of(&path) else { return false };
    let is_early = span.from.is_some_and(|from| name.stamp <= from);
    let is_late = span.to.is_some_and(|to| name.stamp.saturating_sub(HOUR).unwrap_or(name.stamp) >= to);
    if is_early || is_late {
        return false;
    }
    let base = base(&path, "CloudTrail-Digest");
    let found = inventory.entry(Region { base, account_id: name.account_id, aws_region: name.aws_region });
    let chain = ChainName { trail: name.trail, is_backfill: name.is_backfill };
    found.or_default().digests.entry(chain).or_default().push(path);
    true
}

fn add_log(inventory: &mut Inventory, path: String, span: &Span) -> bool {
    let base = base(&path, "CloudTrail");
    let Some(name) = LogName::of(&path) else { return add_odd(inventory, base, path) };
    let is_asked_for =
        span.from.is_none_or(|from| name.stamp >= from) && span.to.is_none_or(|to| name.stamp < to);
    if is_asked_for {
        let region = Region { base, account_id: name.account_id, aws_region: name.aws_region };
        inventory.entry(region).or_default().logs.push((name.stamp, path));
    }
    is_asked_for
}

/// A name that tells nothing: the folders say whose it is, `…/<account>/CloudTrail/<region>/…`. Other services' and
/// other kinds of logs have folders of their own.
fn add_odd(inventory: &mut Inventory, base: String, path: String) -> bool {
    let below = path.strip_prefix(&base).and_then(|below| below.strip_prefix("CloudTrail/"));
    let aws_region = below.and_then(|below| below.split_once('/')).map(|(region, _)| region.to_owned());
    let account_id = base.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    let Some(aws_region) = aws_region else { return false };
    let found = inventory.entry(Region { base, account_id, aws_region }).or_default();
    found.odd.push(path);
    true
}

/// What stands before the last folder of this name. Where there is none, what stands before the folders of the day: a
/// copy may begin below it.
fn base(path: &str, folder: &str) -> String {
    let inner = path.rfind(&format!("/{folder}/")).map(|at| at + 1);
    let at = inner.or_else(|| path.starts_with(&format!("{folder}/")).then_some(0));
    at.map_or_else(|| before_day(path), |at| path.get(..at).unwrap_or_default()).to_owned()
}

fn before_day(path: &str) -> &str {
    let mut rest = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    for digits in [2, 2, 4] {
        let (before, last) = rest.rsplit_once('/').unwrap_or(("", rest));
        if last.len() != digits || !last.bytes().all(|byte| byte.is_ascii_digit()) {
            break;
        }
        rest = before;
    }
    rest
}
