//! `snowtrail rules backtest`: what today's rules find over a range of a lake, and what a change gains and loses.
//!
//! One evaluation for each set of rules, as of the end of the range; the engine, the fold and the policy are those of
//! `detect` and of the worker. Writes nothing: neither findings nor pages reach the lake.

mod report;
mod tally;
mod telling;

use std::collections::BTreeSet;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use snowtrail_lake::{Access, Lake};
use snowtrail_model::Finding;
use snowtrail_rules::RuleSet;

use crate::cli::Backtest;
use crate::cluster::Cluster;
use crate::exit::Exit;
use crate::output::{self, Usage};
use crate::policy_file::{self, Bound};
use crate::workbench::{self, Horizon};
use crate::{location, progress};
use tally::Given;

/// How long a range is where none is named.
const RANGE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The half-open range, by the start of a finding's window, so that neighbouring ranges share no finding.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: Timestamp,
    to: Timestamp,
}

/// Evaluates once or twice, folds, compares, prints.
pub async fn run(options: Backtest) -> anyhow::Result<Exit> {
    let today = policy_file::load(&options.rules)?;
    let then = changed(&options, &today)?;
    let lake = location::open(&options.lake.lake, Access::Read).await?;
    let span = span(&lake, &options).await?;
    let cluster = options.cluster.cluster();
    let cluster = cluster.as_ref();
    let mut failed = false;
    let given = give(&lake, cluster, &today, span, "today", &mut failed).await?;
    let given_then = match &then {
        Some(then) => Some(give(&lake, cluster, then, span, "changed", &mut failed).await?),
        None => None,
    };
    let sets = [Some(&today), then.as_ref()].into_iter().flatten();
    let rules: BTreeSet<String> = sets.flat_map(|bound| bound.rules.rules.keys().cloned()).collect();
    let counts = tally::tally(&given, given_then.as_ref(), &rules);
    output::data(&report::report(&counts, then.is_some(), options.format))?;
    output::note(&format!(
        "findings whose window starts from {} to {}, judged as of then",
        span.from, span.to
    ));
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

/// The changed rules and policy, if a change was named.
fn changed(options: &Backtest, today: &Bound) -> anyhow::Result<Option<Bound>> {
    if options.against.is_none() && options.against_policy.is_none() {
        return Ok(None);
    }
    let rules = match options.against.as_deref() {
        Some(folder) => rules_against(folder, &today.rules)?,
        None => today.rules.clone(),
    };
    let file = options.against_policy.as_ref().or(options.rules.policy.as_ref());
    let policy = match file {
        Some(file) => policy_file::policy(file, &rules)?,
        None => today.policy.clone(),
    };
    Ok(Some(Bound { rules, policy }))
}

/// A folder that is laid out like `queries/` is a whole set: a rule that it lacks is gone. A folder of loose rules only
/// changes and adds, because whoever tries one rule does not mean to drop all others.
fn rules_against(folder: &Path, today: &RuleSet) -> anyhow::Result<RuleSet> {
    let loaded = policy_file::rules(Some(folder))?;
    if folder.join("rules").is_dir() {
        return Ok(loaded);
    }
    let mut rules = today.clone();
    rules.rules.extend(loaded.rules);
    let shipped = policy_file::rules(None)?.views;
    rules.views.extend(loaded.views.into_iter().filter(|(name, view)| shipped.get(name) != Some(view)));
    Ok(rules)
}

async fn span(lake: &Lake, options: &Backtest) -> anyhow::Result<Span> {
    let to = match options.to {
        Some(to) => to,
        None => {
            let newest = workbench::newest_event(lake).await?;
            newest.saturating_add(SignedDuration::from_micros(1)).unwrap_or(newest)
        }
    };
    let from = options.from.unwrap_or_else(|| to.saturating_sub(RANGE).unwrap_or(Timestamp::MIN));
    if to <= from {
        return Err(anyhow::Error::new(Usage(format!("--to {to} is not after --from {from}"))));
    }
    Ok(Span { from, to })
}

async fn give(
    lake: &Lake,
    cluster: Option<&Cluster>,
    bound: &Bound,
    span: Span,
    set: &str,
    failed: &mut bool,
) -> anyhow::Result<Given> {
    let spinner = progress::spinner("preparing");
    let mut tell = |id: &str| spinner.set_message(format!("{set}: running {id}"));
    let evaluation = match cluster {
        Some(cluster) => workbench::evaluate_on(cluster, lake, bound, span.to, span.to, &mut tell).await?,
        None => workbench::open(lake, bound, span.to, Horizon::UpToNow).await?.evaluate(span.to, tell).await,
    };
    spinner.finish_and_clear();
    for failure in &evaluation.failures {
        *failed = true;
        output::note(&format!("error: {set} rules: {}", output::with_causes(failure)));
    }
    let is_within = |f: &Finding| f.window_start >= span.from && f.window_start < span.to;
    let findings: Vec<Finding> = evaluation.findings.into_iter().filter(is_within).collect();
    let told = telling::tell(&findings, &bound.policy, span.to);
    Ok(Given { findings, told })
}
