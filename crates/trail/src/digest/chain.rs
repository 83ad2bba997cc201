//! A chain's digests against each other: each is where it says, signed, and names the one before it by its bytes.
//!
//! All links of a chain are judged together and by what they name, not by the order they came in, because digests may be
//! delivered out of order after trouble. Their logs are not its business. A fault stands on the digest that it is wrong
//! with; what only follows from it is not told again, except that a digest names one that is gone.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::document::Header;
use super::fault::{Fault, FaultKind, Level};
use super::offset::Offset;
use super::signature::{Signature, Signatures, Verdict, from_hex};

/// A digest covers an hour and comes up to an hour later: only what ended longer ago than this is late.
const LATE_AFTER: SignedDuration = SignedDuration::from_hours(3);

/// A digest as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where, for people: `s3://…`, or a path.
    pub object: String,
    /// Where, for whoever fetches it again.
    pub path: String,
    /// How its path and those of what it names differ from their keys; none where it does not lie where it says.
    pub offset: Option<Offset>,
    /// SHA-256 of its inflated bytes, lowercase hex.
    pub sha256: String,
    /// What it says.
    pub header: Header,
    /// How many log files it lists.
    pub logs: u64,
    /// The signature in its metadata, where it came with any.
    pub signature: Option<Signature>,
}

/// What a chain is judged by.
pub struct Terms<'t> {
    /// The public keys.
    pub signatures: &'t dyn Signatures,
    /// Whether objects come with their metadata, as they do in a bucket. A copy's signatures are those that the later
    /// digests hold.
    pub keeps_metadata: bool,
    /// Whether this is the chain of late deliveries, whose hours need not touch.
    pub is_backfill: bool,
    /// From when on the chain has to prove, UTC; none: from where it begins.
    pub from: Option<Timestamp>,
    /// Until when, UTC; none: to where it ends.
    pub to: Option<Timestamp>,
    /// The time to judge by, UTC.
    pub now: Timestamp,
}

/// A link and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The link.
    pub link: Link,
    /// Whether its signature is good and it lies where it says, so that its list of logs may be believed.
    pub is_verified: bool,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
}

/// Judges one chain; ordered by time.
pub fn judge(mut links: Vec<Link>, terms: &Terms<'_>) -> Vec<Judged> {
    links.sort_by(|a, b| {
        (a.header.end, &a.header.place.key, &a.object).cmp(&(b.header.end, &b.header.place.key, &b.object))
    });
    let chain = Chain::new(&links, terms);
    let own: Vec<Vec<Fault>> = (0..links.len()).map(|at| chain.own_faults(at)).collect();
    let mut faults = own.clone();
    for (at, of_link) in faults.iter_mut().enumerate() {
        of_link.extend(chain.faults_of_link(at, &own));
    }
    if let (false, Some(first), Some(last)) = (terms.is_backfill, links.first(), links.last()) {
        faults[0].extend(chain.at_start(first));
        faults[links.len() - 1].extend(chain.at_end(last));
    }
    let verified: Vec<bool> = own.iter().map(Vec::is_empty).collect();
    let judged = links.into_iter().zip(faults).zip(verified);
    judged.map(|((link, faults), is_verified)| Judged { link, is_verified, faults }).collect()
}

/// Bucket and key.
type Place<'l> = (&'l str, &'l str);

struct Chain<'l> {
    links: &'l [Link],
    terms: &'l Terms<'l>,
    /// The links that lie where they say.
    by_place: HashMap<Place<'l>, usize>,
    /// Signatures that later digests hold.
    held: HashMap<usize, &'l str>,
    /// Links that a later digest names.
    named: HashSet<usize>,
}

impl<'l> Chain<'l> {
    fn new(links: &'l [Link], terms: &'l Terms<'l>) -> Chain<'l> {
        let in_place = links.iter().enumerate().filter(|(_, link)| link.offset.is_some());
        let by_place: HashMap<Place<'l>, usize> = in_place
            .map(|(at, link)| ((link.header.place.bucket.as_str(), link.header.place.key.as_str()), at))
            .collect();
        let mut chain = Chain { links, terms, by_place, held: HashMap::new(), named: HashSet::new() };
        for (at, link) in links.iter().enumerate() {
            if let (Some(previous), Some(before)) = (&link.header.previous, chain.previous(at)) {
                chain.held.insert(before, &previous.signature);
                chain.named.insert(before);
            }
        }
        chain
    }

    /// The link that a link names as the one before it. None where there is none, or it names itself.
    fn previous(&self, at: usize) -> Option<usize> {
        let place = &self.links[at].header.previous.as_ref()?.place;
        let before = self.by_place.get(&(place.bucket.as_str(), place.key.as_str())).copied();
        before.filter(|before| *before != at)
    }

    /// What is wrong with a digest by itself.
    fn own_faults(&self, at: usize) -> Vec<Fault> {
        let link = &self.links[at];
        let fault = |kind, detail: String| vec![of(link, kind, detail)];
        if link.offset.is_none() {
            let claimed = link.header.place.uri();
            return fault(FaultKind::DigestMoved, format!("it says that it lies at {claimed}"));
        }
        let algorithms = [&link.header.signature_algorithm]
            .into_iter()
            .chain(link.signature.as_ref().map(|signature| &signature.algorithm));
        if algorithms.into_iter().any(|algorithm| algorithm != Signature::ALGORITHM) {
            return fault(FaultKind::AlgorithmUnknown, format!("it is not {}", Signature::ALGORITHM));
        }
        let hex = link.signature.as_ref().map(|signature| signature.hex.as_str());
        let held = self.held.get(&at).copied().filter(|_| !self.terms.keeps_metadata);
        let Some(hex) = hex.or(held) else {
            return match self.terms.keeps_metadata {
                true => fault(
                    FaultKind::MetadataMissing,
                    "its metadata lacks the signature, its algorithm, or a late digest's time of generation"
                        .to_owned(),
                ),
                false => fault(
                    FaultKind::SignatureNotHere,
                    "the copy has no metadata and no later digest holds its signature".to_owned(),
                ),
            };
        };
        self.signature_faults(link, hex)
    }

    fn signature_faults(&self, link: &Link, hex: &str) -> Vec<Fault> {
        let Some(signature) = from_hex(hex) else {
            return vec![of(link, FaultKind::SignatureWrong, "its signature is not hexadecimal".to_owned())];
        };
        let message = link.header.string_to_sign(&link.sha256);
        let fingerprint = &link.header.key_fingerprint;
        match self.terms.signatures.verify(fingerprint, message.as_bytes(), &signature) {
            Verdict::Good => Vec::new(),
            Verdict::Wrong => {
                let detail = format!("the key {fingerprint} did not sign what the digest holds now");
                vec![of(link, FaultKind::SignatureWrong, detail)]
            }
            Verdict::NoKey => {
                vec![of(link, FaultKind::KeyMissing, format!("no key has the fingerprint {fingerprint}"))]
            }
        }
    }

    /// What is wrong between a digest and its neighbours. What an unproven digest says of others is no ground.
    fn faults_of_link(&self, at: usize, own: &[Vec<Fault>]) -> Vec<Fault> {
        let link = &self.links[at];
        let mut faults = Vec::new();
        if !own[at].is_empty() {
            return faults;
        }
        match (&link.header.previous, self.previous(at)) {
            (None, _) => {}
            (Some(_), Some(before)) => {
                faults.extend(self.changed(at, before).filter(|_| own[before].is_empty()));
            }
            (Some(_), None) => faults.extend(self.missing(at)),
        }
        faults.extend(self.gap(at));
        faults.extend(self.left_out(at));
        faults
    }

    fn changed(&self, at: usize, before: usize) -> Option<Fault> {
        let (previous, before) = (self.links[at].header.previous.as_ref()?, &self.links[before]);
        let other_signature =
            before.signature.as_ref().is_some_and(|own| from_hex(&own.hex) != from_hex(&previous.signature));
        let what = match (previous.sha256 == before.sha256, other_signature) {
            (true, false) => return None,
            (true, true) => "signature",
            (false, _) => "hash",
        };
        let detail = format!("its {what} is another than {} names", self.links[at].object);
        Some(of(before, FaultKind::PreviousChanged, detail))
    }

    /// A digest names one that is not there. The first one may: what was before it has expired, or was not asked for.
    fn missing(&self, at: usize) -> Option<Fault> {
        let link = &self.links[at];
        let previous = &link.header.previous.as_ref()?.place;
        let earlier = self.links[..at].iter().rev().find(|earlier| earlier.offset.is_some());
        let Some(earlier) = earlier else {
            let detail = format!("the digest before it, {}, is not here", previous.uri());
            return self.terms.from.is_none().then(|| of(link, FaultKind::Begins, detail));
        };
        let at = earlier.header.end.min(link.header.start);
        let detail =
            format!("{} names it as the digest before, and it is not there or cannot be read", link.object);
        Some(Fault { kind: FaultKind::PreviousMissing, object: previous.uri(), at, detail })
    }

    /// Time between a digest and the one before it in time that neither covers.
    fn gap(&self, at: usize) -> Option<Fault> {
        let earlier = self.links.get(at.checked_sub(1)?)?;
        let link = &self.links[at];
        let starts_anew = link.header.previous.is_none() || self.previous(at).is_some();
        let is_gap = !self.terms.is_backfill && starts_anew && earlier.header.end < link.header.start;
        let detail = format!("no digest covers {} to {}", earlier.header.end, link.header.start);
        is_gap.then(|| of(link, FaultKind::Gap, detail))
    }

    /// A digest that no later one names although a later one names an earlier one.
    fn left_out(&self, at: usize) -> Option<Fault> {
        let next = (at + 1..self.links.len()).find(|next| self.links[*next].offset.is_some())?;
        let goes_around = self.previous(next).is_some_and(|before| before != at);
        let detail = format!("{} names an earlier digest as the one before it", self.links[next].object);
        (goes_around && !self.named.contains(&at)).then(|| of(&self.links[at], FaultKind::Unlinked, detail))
    }

    fn at_start(&self, first: &Link) -> Option<Fault> {
        let from = self.terms.from.filter(|from| first.header.start > *from)?;
        let detail = format!("the first digest starts at {}, after {from}", first.header.start);
        Some(of(first, FaultKind::StartsLate, detail))
    }

    fn at_end(&self, last: &Link) -> Option<Fault> {
        let end = last.header.end;
        let late = self.terms.now.saturating_sub(LATE_AFTER).unwrap_or(self.terms.now);
        let (kind, asked_for) = match self.terms.to {
            Some(to) => (FaultKind::EndsEarly, to.min(late)),
            None => (FaultKind::Ends, late),
        };
        let detail = format!("the last digest ends at {end}, before {asked_for}");
        (end < asked_for).then(|| Fault { at: end, ..of(last, kind, detail) })
    }
}

fn of(link: &Link, kind: FaultKind, detail: String) -> Fault {
    Fault { kind, object: link.object.clone(), at: link.header.start, detail }
}

impl Judged {
    /// Through which time a chain is proven: from the start of its first digest to the end of the last one that nothing
    /// is wrong with and nothing before it. `faults` are all that concern the chain, those of its logs included; notices
    /// stop nothing. None where not even the first digest verifies.
    pub fn reach(chain: &[Judged], faults: &[Fault]) -> Option<(Timestamp, Timestamp)> {
        let is_fault = |fault: &&Fault| fault.kind.level() == Level::Fault;
        let first_fault = faults.iter().filter(is_fault).map(|fault| fault.at).min();
        let good = chain.iter().take_while(|judged| {
            judged.is_verified && first_fault.is_none_or(|at| judged.link.header.end <= at)
        });
        let through = good.map(|judged| judged.link.header.end).last()?;
        Some((chain.first()?.link.header.start, through))
    }
}
