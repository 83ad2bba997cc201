//! What a run proved, as rows of the lake's table `verifications`: what a report says of how it knows.

use snowtrail_lake::verifications::VerificationRow;
use snowtrail_trail::digest::Level;

use super::examine::{ChainProof, Proof};
use super::inventory::Span;

/// A row for each chain.
pub fn rows(proofs: &[Proof], span: &Span, source: &str) -> Vec<VerificationRow> {
    let of = |proof: &Proof, chain: &ChainProof| {
        let faults =
            chain.faults.iter().chain(&proof.faults).filter(|fault| fault.kind.level() == Level::Fault);
        VerificationRow {
            account_id: proof.region.account_id.clone(),
            aws_region: proof.region.aws_region.clone(),
            trail: chain.name.trail.clone(),
            chain: chain.name.word().to_owned(),
            verified_from: chain.reach.map(|(from, _)| from),
            verified_through: chain.reach.map(|(_, through)| through),
            newest_digest: chain.newest,
            digests: chain.digests,
            logs: chain.logs,
            in_lake: proof.in_lake,
            faults: faults.count() as u64,
            asked_from: span.from,
            asked_to: span.to,
            source: source.to_owned(),
            verified_at: span.now,
        }
    };
    proofs.iter().flat_map(|proof| proof.chains.iter().map(move |chain| of(proof, chain))).collect()
}
