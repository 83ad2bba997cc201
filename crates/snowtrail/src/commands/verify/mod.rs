//! `snowtrail verify`: proves log files by CloudTrail's signed digests, and what a lake took in by both.
//!
//! ```text
//! source → inventory (by names) → region: digests → chain judged → logs hashed → unmentioned logs → lake → report, findings
//! ```
//!
//! `source` is a bucket or a copy of one, `keys` the public keys, `digests` and `logs` what is fetched, `hashes` the one
//! pass that ties stored to inflated bytes, `examine` one region after the other, so that memory does not grow with
//! their number. What a chain proves is [`snowtrail_trail::digest`]'s to say. Nothing is asked of CloudTrail itself.

mod digests;
mod examine;
mod findings;
mod hashes;
mod inventory;
mod keys;
mod logs;
mod proven;
mod report;
mod source;

use std::sync::Arc;

use anyhow::bail;
use jiff::Timestamp;
use snowtrail_lake::{Access, Lake};
use snowtrail_model::Finding;
use snowtrail_page::PublishTarget;

use self::examine::{Examiner, Proof};
use self::inventory::{ChainName, Inventory, Span};
use self::keys::PublicKeys;
use self::source::Source;
use crate::cli::Verify;
use crate::exit::Exit;
use crate::output::{self, Usage};
use crate::pager::Pager;
use crate::places::RealPlaces;
use crate::{location, policy_file, progress};

/// Verifies, prints, records, pages.
pub async fn run(options: Verify) -> anyhow::Result<Exit> {
    let span = span(&options)?;
    let target = options.publish.as_deref().map(PublishTarget::parse).transpose();
    let target = target.map_err(|message| anyhow::Error::new(Usage(message)))?;
    let keys = PublicKeys::read(&options.keys)?;
    let source = Source::open(&options.source).await?;
    let mut lake = match &options.lake {
        Some(uri) => Some(location::open(uri, Access::Read).await?),
        None => None,
    };
    let spinner = progress::spinner("looking for digests");
    let inventory = inventory::take(&source, &span).await?;
    if inventory.values().all(|found| found.digests.is_empty()) {
        bail!(
            "no digests under `{}`: they lie in AWSLogs/ACCOUNT/CloudTrail-Digest where log file validation is on",
            options.source
        );
    }
    let examiner = Examiner { source: &source, keys: &keys, span, lake: lake.as_ref() };
    let proofs = examine(&examiner, inventory, &spinner).await?;
    spinner.finish_and_clear();
    report::print(&proofs, options.format)?;
    let mut exit = if proofs.iter().any(Proof::is_faulty) { Exit::Failed } else { Exit::Done };
    if let Some(lake) = &mut lake {
        let revisions = findings::record(lake, &proofs, &span, source.shows_whole_accounts()).await?;
        output::note(&format!("{} findings changed with this run", revisions.len()));
        lake.record_verifications(&proven::rows(&proofs, &span, &options.source)).await?;
        if let Some(target) = target {
            exit = exit.max(page(lake, &options, target, &revisions, span.now).await?);
        }
    }
    Ok(exit)
}

fn span(options: &Verify) -> anyhow::Result<Span> {
    if let (Some(from), Some(to)) = (options.from, options.to)
        && to <= from
    {
        return Err(anyhow::Error::new(Usage(format!("--to {to} is not after --from {from}"))));
    }
    let now = options.now.unwrap_or_else(Timestamp::now);
    Ok(Span { from: options.from, to: options.to, now })
}

async fn examine(
    examiner: &Examiner<'_>,
    inventory: Inventory,
    spinner: &indicatif::ProgressBar,
) -> anyhow::Result<Vec<Proof>> {
    if !examiner.source.shows_whole_accounts() {
        output::note(
            "only part of an account is in sight: log files that no digest mentions are not looked for",
        );
    }
    let mut proofs = Vec::new();
    for (region, found) in inventory {
        spinner.set_message(format!("verifying {} {}", region.account_id, region.aws_region));
        proofs.push(examiner.examine(region, found).await?);
    }
    Ok(proofs)
}

/// Tells people what changed.
async fn page(
    lake: &mut Lake,
    options: &Verify,
    target: PublishTarget,
    revisions: &[Finding],
    now: Timestamp,
) -> anyhow::Result<Exit> {
    let bound = Arc::new(policy_file::load(&options.rules)?);
    let places = Arc::new(RealPlaces::for_target(&target).await);
    let paged = Pager::new(bound, target, places).run(lake, Some(revisions), now).await?;
    for failure in &paged.failures {
        output::error(failure);
    }
    output::note(&format!("sent {} pages; {} findings are recorded without one", paged.sent, paged.recorded));
    Ok(if paged.failed > 0 { Exit::Failed } else { Exit::Done })
}

impl ChainName {
    /// The chain's name in rows and keys.
    pub(self) fn word(&self) -> &'static str {
        if self.is_backfill { "backfill" } else { "standard" }
    }
}
