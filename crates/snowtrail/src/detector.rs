//! One run of the rules over a lake: evaluate, reconcile with what is stored, append the difference.
//!
//! Run it twice and the second run appends nothing. Two at once: one wins, the other looks again.

use anyhow::bail;
use jiff::Timestamp;
use snowtrail_lake::{Appended, Claim, Lake, Table};
use snowtrail_model::Finding;
use snowtrail_rules::reconcile::Range;
use snowtrail_rules::{RuleError, reconcile};

use crate::policy_file::Bound;
use crate::progress;
use crate::workbench::{self, Horizon};

/// How often a run looks again when another detector was faster. Each loss means that the other one made progress.
const ATTEMPTS_MAX: usize = 10;

/// What a run gave.
pub struct Detection {
    /// Open findings in the range, ordered by window_start, rule, key.
    pub findings: Vec<Finding>,
    /// Revisions that were appended: new, changed, withdrawn.
    pub revisions: Vec<Finding>,
    /// Rules that failed.
    pub failures: Vec<RuleError>,
}

/// Runs the rules as of `now` and records what changed.
pub async fn run(lake: &mut Lake, bound: &Bound, now: Timestamp, range: Range) -> anyhow::Result<Detection> {
    for _ in 0..ATTEMPTS_MAX {
        let found_at = Timestamp::now();
        let spinner = progress::spinner("preparing");
        let engine = workbench::open(lake, bound, now, Horizon::UpToNow).await?;
        let evaluation = engine.evaluate(found_at, |id| spinner.set_message(format!("running {id}"))).await;
        spinner.finish_and_clear();
        let newest = lake.newest_findings().await?;
        let revisions = reconcile(&newest, &evaluation, range, found_at);
        let rows: Vec<&Finding> = revisions.iter().collect();
        match lake.append(&rows, &[Claim::Findings]).await? {
            Appended::Durable(_) => {
                let findings = evaluation.findings.into_iter().filter(|f| range.holds(f)).collect();
                return Ok(Detection { findings, revisions, failures: evaluation.failures });
            }
            Appended::LostRace => lake.refresh(Table::Findings).await?,
        }
    }
    bail!(
        "gave up recording findings in `{}` after {ATTEMPTS_MAX} attempts: other detectors kept winning",
        lake.uri()
    )
}
