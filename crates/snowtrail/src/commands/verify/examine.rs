//! One region: its chains, the logs that they vouch for, the logs that nobody vouches for, and what a lake took in.

use jiff::{SignedDuration, Timestamp};
use snowtrail_lake::Lake;
use snowtrail_trail::digest::{Fault, FaultKind, Judged, Level, LogName, Terms, judge};

use super::digests;
use super::inventory::{ChainName, Found, Region, Span};
use super::keys::PublicKeys;
use super::logs::{Covered, Logs};
use super::source::Source;

/// A log that was delivered at the end of an hour may stand in the digest of the next one, which comes an hour later.
/// Only logs whose hour and the hours after it are covered for so long must be mentioned.
const MENTIONED_WITHIN: SignedDuration = SignedDuration::from_hours(2);
/// Clocks differ: a log is from the future if its name is so far ahead.
const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(1);
/// Logs whose hashes are looked up in the lake at a time.
const LOOKED_UP: usize = 512;

/// What is proven of a region.
#[derive(Debug)]
pub struct Proof {
    /// Which.
    pub region: Region,
    /// Its chains.
    pub chains: Vec<ChainProof>,
    /// What is wrong with the region as a whole: logs that nobody vouches for, what a lake took in.
    pub faults: Vec<Fault>,
    /// Logs that are proven and were taken into the lake; none without a lake.
    pub in_lake: Option<u64>,
}

/// What is proven of one chain.
#[derive(Debug)]
pub struct ChainProof {
    /// Which.
    pub name: ChainName,
    /// From when to when everything verifies, UTC, by delivery.
    pub reach: Option<(Timestamp, Timestamp)>,
    /// The end of the newest digest that can be read.
    pub newest: Option<Timestamp>,
    /// Digests.
    pub digests: u64,
    /// Logs that they vouch for.
    pub logs: u64,
    /// What is wrong with its digests and logs.
    pub faults: Vec<Fault>,
}

impl Proof {
    /// Everything wrong, with the chain where it is wrong with one.
    pub fn all_faults(&self) -> impl Iterator<Item = (Option<&ChainName>, &Fault)> {
        let of_chains = self.chains.iter().flat_map(|c| c.faults.iter().map(|fault| (Some(&c.name), fault)));
        of_chains.chain(self.faults.iter().map(|fault| (None, fault)))
    }

    /// Whether something does not verify.
    pub fn is_faulty(&self) -> bool {
        self.all_faults().any(|(_, fault)| fault.kind.level() == Level::Fault)
    }
}

/// What a region is examined with.
pub struct Examiner<'e> {
    /// Where everything is.
    pub source: &'e Source,
    /// The public keys.
    pub keys: &'e PublicKeys,
    /// The time that was asked for.
    pub span: Span,
    /// The lake to compare with.
    pub lake: Option<&'e Lake>,
}

impl Examiner<'_> {
    /// Examines one region.
    ///
    /// # Errors
    /// When the source or the lake fails in a way that may pass.
    pub async fn examine(&self, region: Region, found: Found) -> anyhow::Result<Proof> {
        let mut logs = Logs { keeps_proven: self.lake.is_some(), ..Logs::default() };
        let (mut chains, mut hours) = (Vec::new(), Vec::new());
        for (name, paths) in &found.digests {
            let (chain, judged) = self.chain(name, paths, &mut logs).await?;
            let good = judged.iter().filter(|judged| judged.is_verified && !name.is_backfill);
            hours.extend(good.map(|judged| (judged.link.header.start, judged.link.header.end)));
            chains.push((chain, judged));
        }
        let covered = Covered::new(hours);
        let mut faults = self.unmentioned(&found, &logs, &covered);
        let mut in_lake = None;
        if let Some(lake) = self.lake {
            let (taken, wrong) = self.against_lake(lake, &region, &logs, &covered).await?;
            in_lake = Some(taken);
            faults.extend(wrong);
        }
        let reach = |(mut chain, judged): (ChainProof, Vec<Judged>)| {
            let all: Vec<Fault> = chain.faults.iter().chain(&faults).cloned().collect();
            chain.reach = Judged::reach(&judged, &all);
            chain
        };
        Ok(Proof { region, chains: chains.into_iter().map(reach).collect(), faults, in_lake })
    }

    async fn chain(
        &self,
        name: &ChainName,
        paths: &[String],
        logs: &mut Logs,
    ) -> anyhow::Result<(ChainProof, Vec<Judged>)> {
        let (links, mut faults) = digests::links(self.source, paths).await?;
        let terms = Terms {
            signatures: self.keys,
            keeps_metadata: self.source.keeps_metadata(),
            is_backfill: name.is_backfill,
            from: self.span.from,
            to: self.span.to,
            now: self.span.now,
        };
        let judged = judge(links, &terms);
        let before = logs.count;
        for judged in &judged {
            faults.extend(judged.faults.iter().cloned());
            if judged.is_verified && judged.link.logs > 0 {
                match digests::logs(self.source, &judged.link.path, &judged.link).await? {
                    Ok(signed) => faults.extend(logs.check(self.source, &judged.link, &signed).await?),
                    Err(fault) => faults.push(fault),
                }
            }
        }
        let newest = judged.iter().map(|judged| judged.link.header.end).max();
        let (digests, logs) = (paths.len() as u64, logs.count - before);
        Ok((ChainProof { name: name.clone(), reach: None, newest, digests, logs, faults }, judged))
    }

    /// Logs in covered hours that no digest mentions; of the others, how many there are.
    fn unmentioned(&self, found: &Found, logs: &Logs, covered: &Covered) -> Vec<Fault> {
        let mut faults: Vec<Fault> = found
            .odd
            .iter()
            .filter(|path| !logs.mentioned.contains(*path))
            .map(|path| self.unmentioned_log(path, self.span.now, "its name is none that CloudTrail gives"))
            .collect();
        let mut uncovered: Vec<(Timestamp, &str)> = Vec::new();
        for (stamp, path) in &found.logs {
            match standing(*stamp, covered, self.span.now) {
                _ if logs.mentioned.contains(path) => {}
                Standing::Covered => faults.push(self.unmentioned_log(path, *stamp, "no digest mentions it")),
                Standing::Future => faults.push(self.unmentioned_log(path, *stamp, "it is from the future")),
                Standing::Pending => {}
                Standing::Uncovered => uncovered.push((*stamp, path)),
            }
        }
        if let (Some(first), Some(last)) = (uncovered.iter().min(), uncovered.iter().max()) {
            faults.push(Fault {
                kind: FaultKind::LogsNotCovered,
                object: self.source.uri(first.1),
                at: first.0,
                detail: format!("{} log files delivered from {} to {}", uncovered.len(), first.0, last.0),
            });
        }
        faults
    }

    fn unmentioned_log(&self, path: &str, at: Timestamp, detail: &str) -> Fault {
        let object = self.source.uri(path);
        Fault { kind: FaultKind::LogUnmentioned, object, at, detail: detail.to_owned() }
    }

    /// How many proven logs the lake took in, and what it took in that is not proven.
    async fn against_lake(
        &self,
        lake: &Lake,
        region: &Region,
        logs: &Logs,
        covered: &Covered,
    ) -> anyhow::Result<(u64, Vec<Fault>)> {
        let mut faults = Vec::new();
        for start in self.lake_addresses(region, logs) {
            for taken in lake.sources_under(&start).await? {
                let stamp = LogName::of(&taken.uri).map(|name| name.stamp);
                let at = stamp.unwrap_or(self.span.now);
                let of = |kind, detail: String| Fault { kind, object: taken.uri.clone(), at, detail };
                match logs.proven.get(&taken.uri) {
                    Some(stored) if *stored == taken.sha256 => {}
                    Some(stored) => faults.push(of(
                        FaultKind::LakeDiffers,
                        format!("the lake took in {}; what was signed is stored as {stored}", taken.sha256),
                    )),
                    None if self.must_be_proven(stamp, covered) => {
                        let detail = format!("the lake took in {}, which nothing proves", taken.sha256);
                        faults.push(of(FaultKind::LakeUnproven, detail));
                    }
                    None => {}
                }
            }
        }
        let mut stored: Vec<String> = logs.proven.values().cloned().collect();
        stored.sort();
        stored.dedup();
        let mut taken = 0;
        for some in stored.chunks(LOOKED_UP) {
            taken += snowtrail_lake::Ingest::default().taken_in(lake, some).await?.len() as u64;
        }
        Ok((taken, faults))
    }

    fn must_be_proven(&self, stamp: Option<Timestamp>, covered: &Covered) -> bool {
        let is_asked_for = |stamp: Timestamp| {
            self.span.from.is_none_or(|from| stamp >= from) && self.span.to.is_none_or(|to| stamp < to)
        };
        stamp.is_none_or(|stamp| {
            let standing = standing(stamp, covered, self.span.now);
            is_asked_for(stamp) && matches!(standing, Standing::Covered | Standing::Future)
        })
    }

    /// What addresses of this region's logs start with in the lake: as they are found here, and as they were signed,
    /// since the lake may have taken them from the bucket that this is a copy of.
    fn lake_addresses(&self, region: &Region, logs: &Logs) -> Vec<String> {
        let folder = format!("CloudTrail/{}/", region.aws_region);
        let mut starts: Vec<String> = logs
            .proven
            .keys()
            .filter_map(|uri| {
                uri.rfind(&format!("/{folder}")).map(|at| uri[..at + 1 + folder.len()].to_owned())
            })
            .collect();
        starts.push(self.source.uri(&format!("{}{folder}", region.base)));
        starts.sort();
        starts.dedup();
        starts
    }
}

/// What is to be expected of a log, by when it was delivered.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    /// A digest must mention it.
    Covered,
    /// A digest will, if it is good.
    Pending,
    /// Nothing proves or disproves it.
    Uncovered,
    /// It cannot have been delivered.
    Future,
}

fn standing(stamp: Timestamp, covered: &Covered, now: Timestamp) -> Standing {
    let mentioned_by = stamp.saturating_add(MENTIONED_WITHIN).unwrap_or(stamp);
    if stamp > now.saturating_add(AHEAD_MAX).unwrap_or(now) {
        Standing::Future
    } else if covered.holds(stamp, mentioned_by) {
        Standing::Covered
    } else if covered.end().is_some_and(|end| mentioned_by > end) {
        Standing::Pending
    } else {
        Standing::Uncovered
    }
}
