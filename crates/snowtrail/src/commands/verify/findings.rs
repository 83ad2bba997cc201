//! What does not verify, as findings in the lake (guarantee 8): one for each day, chain and kind of fault.
//!
//! A finding is withdrawn when a later run looks at the whole of its day again and finds nothing. Rules know nothing of
//! it: an ordinary `detect` leaves it alone (see [`snowtrail_rules::reconcile`]).

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use snowtrail_lake::{Appended, Claim, Lake, Table, Terms};
use snowtrail_model::{Finding, FindingState, Severity};
use snowtrail_rules::engine::DIGEST_UNVERIFIED;
use snowtrail_rules::{Evaluation, reconcile};
use snowtrail_trail::digest::{Fault, FaultKind, Level};

use super::examine::Proof;
use super::inventory::Span;

/// How often recording looks again when a detector was faster.
const ATTEMPTS_MAX: usize = 10;
/// Objects that a finding names; of more it has the number.
const OBJECTS_NAMED_MAX: usize = 20;
/// A finding is about a day of deliveries, UTC.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Records what does not verify and withdraws what does again. Gives the revisions that were written.
///
/// Not cancel safe: dropped while it appends, it is unknown whether it did. A later run finds out.
///
/// # Errors
/// When the lake cannot be read or written.
pub async fn record(
    lake: &mut Lake,
    proofs: &[Proof],
    span: &Span,
    may_withdraw: bool,
) -> anyhow::Result<Vec<Finding>> {
    let examined: BTreeSet<(&str, &str)> =
        proofs.iter().map(|p| (p.region.account_id.as_str(), p.region.aws_region.as_str())).collect();
    for _ in 0..ATTEMPTS_MAX {
        lake.refresh(Table::Findings).await?;
        let found_at = Timestamp::now();
        let newest = lake.newest_findings().await?;
        let open: BTreeSet<&str> =
            newest.iter().filter(|f| f.state == FindingState::Open).map(|f| f.key.as_str()).collect();
        let evaluation = Evaluation {
            findings: proofs.iter().flat_map(|proof| findings(proof, found_at)).collect(),
            ran: vec![DIGEST_UNVERIFIED.to_owned()],
            failures: Vec::new(),
        };
        // Of a day that was looked at in part, what is open says more than what was found.
        let is_in_question = |f: &Finding| {
            let place =
                (f.account_id.as_deref().unwrap_or_default(), f.aws_region.as_deref().unwrap_or_default());
            let is_whole = may_withdraw && examined.contains(&place) && is_whole_day(f, span);
            f.rule == DIGEST_UNVERIFIED && (is_whole || !open.contains(f.key.as_str()))
        };
        let revisions = reconcile(&newest, &evaluation, is_in_question, found_at);
        let rows: Vec<&Finding> = revisions.iter().collect();
        match lake.append_under(&rows, &Terms::once(&[Claim::Findings])).await? {
            Appended::Durable(_) => return Ok(revisions),
            Appended::LostRace => {}
        }
    }
    bail!(
        "gave up recording findings in `{}` after {ATTEMPTS_MAX} attempts: detectors kept winning",
        lake.uri()
    )
}

fn is_whole_day(finding: &Finding, span: &Span) -> bool {
    span.from.is_none_or(|from| finding.window_start >= from)
        && span.to.is_none_or(|to| finding.window_end <= to)
}

/// Where and what: trail and chain where it is one's, day, kind.
type Group<'p> = (Option<(&'p str, &'static str)>, Timestamp, FaultKind);

fn findings(proof: &Proof, found_at: Timestamp) -> Vec<Finding> {
    let mut groups: BTreeMap<Group<'_>, Vec<&Fault>> = BTreeMap::new();
    for (chain, fault) in proof.all_faults().filter(|(_, fault)| fault.kind.level() == Level::Fault) {
        let chain = chain.map(|chain| (chain.trail.as_str(), chain.word()));
        groups.entry((chain, day(fault.at), fault.kind)).or_default().push(fault);
    }
    groups.into_iter().map(|(group, faults)| finding(proof, group, &faults, found_at)).collect()
}

fn finding(proof: &Proof, group: Group<'_>, faults: &[&Fault], found_at: Timestamp) -> Finding {
    let (chain, day, kind) = group;
    let (account, region) = (&proof.region.account_id, &proof.region.aws_region);
    let (trail, word) = chain.unwrap_or(("", "logs"));
    let date = day.strftime("%Y-%m-%d");
    let objects: Vec<&str> =
        faults.iter().take(OBJECTS_NAMED_MAX).map(|fault| fault.object.as_str()).collect();
    let first = faults.first().map_or("", |fault| fault.detail.as_str());
    let what = kind.as_str();
    Finding {
        rule: DIGEST_UNVERIFIED.to_owned(),
        severity: Severity::High,
        key: format!("{DIGEST_UNVERIFIED}:{account}|{region}|{trail}|{word}|{what}|{date}"),
        state: FindingState::Open,
        revision: 1,
        title: format!("CloudTrail logs of {account} {region} do not verify: {what}, {}", faults.len()),
        summary: format!(
            "CloudTrail's digests do not prove what was delivered on {date}. {}: {first}. {}",
            objects.first().unwrap_or(&""),
            kind.next()
        ),
        account_id: Some(account.clone()),
        aws_region: Some(region.clone()),
        secret_arn: None,
        secret_name: None,
        principal: None,
        actor: None,
        window_start: day,
        window_end: day.saturating_add(DAY).unwrap_or(day),
        observed: format!("{} times {what}", faults.len()),
        expected: "every digest and every log file verifies".to_owned(),
        evidence: Vec::new(),
        detail: json!({
            "fault": what, "faults": faults.len(), "trail": chain.map(|(trail, _)| trail), "chain": word,
            "objects": objects,
        })
        .to_string(),
        found_at,
    }
}

/// Start of the day, UTC.
fn day(at: Timestamp) -> Timestamp {
    let start = at.to_zoned_datetime(TimeZone::UTC).start_of_day();
    start.map_or(at, |start| start.timestamp())
}
