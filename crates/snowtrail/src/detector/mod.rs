//! The rules over a lake: judge, reconcile with what is stored, append the difference.
//!
//! A *sweep* judges everything. A *tick* judges what the events added since then touch, and needs a sweep before it. Both
//! end with the same findings: a sweep that follows a tick at once appends nothing, unless the tick said that it owed one.
//! A sweep may go on [`aside`] while ticks go on.
//!
//! Two at once, here or in another process: one wins, the other looks again.
//!
//! What the lake found of itself while it was compacted is told with what the rules found, and never withdrawn.
//!
//! The stored findings are read before the events, so that they never know of events that a run does not see. `now` must
//! not go backwards from run to run, and a detector that stays sees to that (see [`Lake::judged_at`]). Shows no progress
//! by itself.

mod aside;
mod held;

use std::sync::Arc;

use anyhow::{Context, bail};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use snowtrail_lake::changes::Added;
use snowtrail_lake::{Appended, Claim, Lake, Table, Terms};
use snowtrail_model::finding::DUPLICATE_IN_LAKE;
use snowtrail_model::{Finding, FindingState};
use snowtrail_rules::engine::{DIGEST_UNVERIFIED, Evaluation};
use snowtrail_rules::memory::Beside;
use snowtrail_rules::reconcile::Range;
use snowtrail_rules::watch::{Ground, LANDMARKS_MAX, Outcome};
use snowtrail_rules::{Kept, Prepared, RuleError, Watch, reconcile};

use self::aside::{Aside, Since};
use self::held::Held;
use crate::cluster::Cluster;
use crate::policy_file::Bound;
use crate::workbench::{self, Horizon};

/// How often a run looks again when another detector was faster. Each loss means that the other one made progress.
const ATTEMPTS_MAX: usize = 10;

/// New events that a tick looks at. More are left to a sweep, which reads everything once instead of much twice.
const NEW_EVENTS_MAX: usize = 50_000;

/// What a run gave.
pub struct Detection {
    /// Open findings that the run speaks for, ordered by window_start, rule, key.
    pub findings: Vec<Finding>,
    /// Revisions that were appended: new, changed, withdrawn.
    pub revisions: Vec<Finding>,
    /// Rules that failed.
    pub failures: Vec<RuleError>,
    /// Why a sweep should follow, where a tick could not judge everything that the new events touch.
    pub owed: Option<String>,
}

/// What a tick did.
pub enum Ticked {
    /// Nothing new concerns any rule.
    Nothing,
    /// What the new events touch was judged anew.
    Detected(Detection),
    /// Nothing was judged, for this reason: a sweep must.
    Unable(String),
}

/// Runs the rules as of `now`, once, in this process or on a cluster, and records what changed. `progress` is told each rule's id.
///
/// Not cancel safe: dropped while it appends, it is unknown whether it did. A later run finds out.
///
/// # Errors
/// When the lake cannot be read or written, or the cluster fails.
pub async fn run(
    cluster: Option<&Cluster>,
    lake: &mut Lake,
    bound: &Bound,
    now: Timestamp,
    range: Range,
    progress: &mut (dyn FnMut(&str) + Send),
) -> anyhow::Result<Detection> {
    let mut detector = Detector { cluster: cluster.cloned(), ..Detector::default() };
    detector.judge_all(lake, bound, now, range, progress, false).await
}

/// A detector that stays: what it remembers between runs lets ticks follow a sweep. One detector has one lake, one set of
/// rules and one policy.
#[derive(Default)]
pub struct Detector {
    watching: Option<Watching>,
    aside: Option<Aside>,
    /// The plans of its ticks, which outlive the watches.
    prepared: Arc<Prepared>,
    held: Option<Held>,
    /// Whether there is no watch because the lake has too many landmarks for one.
    is_too_large: bool,
    /// A version of the findings' history, and the newest `now` that it was judged by.
    judged: Option<(Option<u64>, Timestamp)>,
    /// Where rules run that nobody watches after; none for this process. A detector that stays gathers its watch from rows
    /// that it holds.
    cluster: Option<Cluster>,
}

/// A watch and the version of `events` that it has seen.
struct Watching {
    watch: Watch,
    events_version: u64,
}

/// What came of what was judged.
enum Settled {
    Recorded(Detection),
    /// Another detector was faster.
    LostRace(Box<Judged>),
}

/// Everything judged as of one state of the lake, and not recorded yet.
struct Judged {
    evaluation: Evaluation,
    /// Whether this detector stays.
    watches: bool,
    /// None where nobody watches, or there would be too much to hold.
    watch: Option<Watch>,
    events_version: u64,
    now: Timestamp,
    found_at: Timestamp,
}

impl Detector {
    /// Why the sweeps so far left nothing to tick by, if they did: then every page waits for a sweep.
    pub fn cannot_tick(&self) -> Option<String> {
        self.is_too_large.then(|| self.why_no_watch())
    }

    /// Judges everything as of `now`, records what changed in the range, and begins to watch.
    ///
    /// Not cancel safe, as [`run`].
    ///
    /// # Errors
    /// When the lake cannot be read or written.
    pub async fn sweep(
        &mut self,
        lake: &mut Lake,
        bound: &Bound,
        now: Timestamp,
        range: Range,
        progress: &mut (dyn FnMut(&str) + Send),
    ) -> anyhow::Result<Detection> {
        self.judge_all(lake, bound, now, range, progress, true).await
    }

    /// Judges what the events touch that were added since the last run of this detector, as of `now`.
    ///
    /// Not cancel safe, as [`run`].
    ///
    /// # Errors
    /// When the lake cannot be read or written. The same events are judged again by the next tick.
    pub async fn tick(&mut self, lake: &mut Lake, bound: &Bound, now: Timestamp) -> anyhow::Result<Ticked> {
        for _ in 0..ATTEMPTS_MAX {
            lake.refresh(Table::Findings).await?;
            lake.refresh(Table::Events).await?;
            let now = self.no_earlier(lake, now).await?;
            let Some(watching) = &self.watching else {
                return Ok(Ticked::Unable(self.why_no_watch()));
            };
            let events_version = lake.events_version();
            let (since, columns) = (watching.events_version, watching.watch.columns());
            let rows = match lake.events_added_since(since, columns, NEW_EVENTS_MAX).await? {
                Added::Rows(rows) => rows,
                Added::Untold(why) => return Ok(Ticked::Unable(why)),
            };
            let mut outcome = self.judge_new(lake, bound, now, rows).await?;
            match record(lake, &outcome.revisions, now).await? {
                Appended::Durable(version) => {
                    self.hold(version, &outcome.revisions);
                    if let Some(aside) = &mut self.aside {
                        aside.since.heard(version, &outcome.revisions, std::mem::take(&mut outcome.spoken));
                    }
                    self.learn(events_version, &mut outcome)?;
                    return Ok(ticked(outcome));
                }
                Appended::LostRace => {}
            }
        }
        Err(gave_up(lake))
    }

    async fn judge_all(
        &mut self,
        lake: &mut Lake,
        bound: &Bound,
        now: Timestamp,
        range: Range,
        progress: &mut (dyn FnMut(&str) + Send),
        watches: bool,
    ) -> anyhow::Result<Detection> {
        for _ in 0..ATTEMPTS_MAX {
            let (now, since) = self.prepare(lake, now, watches).await?;
            let watch = watches.then_some(Beside::Nothing);
            let judged = judge(self.cluster.as_ref(), lake, bound, now, progress, watch).await?;
            let settled = self.settle(lake, bound, judged, range, &since, None).await?;
            if let Settled::Recorded(detection) = settled {
                return Ok(detection);
            }
        }
        Err(gave_up(lake))
    }

    /// The lake as it is now; the `now` to judge by, and what a run of this detector starts from.
    async fn prepare(
        &mut self,
        lake: &mut Lake,
        now: Timestamp,
        watches: bool,
    ) -> anyhow::Result<(Timestamp, Since)> {
        lake.refresh(Table::Findings).await?;
        lake.refresh(Table::Events).await?;
        let now = if watches { self.no_earlier(lake, now).await? } else { now };
        Ok((now, Since::at(lake.delta(Table::Findings).version())))
    }

    /// Reconciles what was judged with what is stored, as this detector last saw it, and records the difference. Left alone
    /// is what ticks judged `since`, and what anybody recorded after `others`.
    async fn settle(
        &mut self,
        lake: &mut Lake,
        bound: &Bound,
        judged: Judged,
        range: Range,
        since: &Since,
        others: Option<Timestamp>,
    ) -> anyhow::Result<Settled> {
        let kept = Kept::new(kept_from(lake), &bound.rules, &bound.policy);
        let newest = self.newest(lake).await?;
        let is_others = |f: &Finding| {
            others.is_some_and(|since| newest.get(&f.key).is_some_and(|newest| newest.found_at >= since))
        };
        let is_in_question =
            |f: &Finding| range.holds(f) && kept.judges(f) && !since.has_judged(f) && !is_others(f);
        let revisions = reconcile(newest.values(), &judged.evaluation, is_in_question, judged.found_at);
        let is_no_rules = |f: &&Finding| {
            [DUPLICATE_IN_LAKE, DIGEST_UNVERIFIED].contains(&f.rule.as_str()) && f.state == FindingState::Open
        };
        let no_rules = newest.values().filter(|f| is_no_rules(f) && range.holds(f)).cloned();
        let found = judged.evaluation.findings.iter().filter(|f| is_in_question(f)).cloned();
        let mut findings: Vec<Finding> = found.chain(no_rules).collect();
        findings.sort_by_cached_key(|f| (f.window_start, f.rule.clone(), f.key.clone()));
        let judged_at = if judged.watches { self.no_earlier(lake, judged.now).await? } else { judged.now };
        let Appended::Durable(version) = record(lake, &revisions, judged_at).await? else {
            return Ok(Settled::LostRace(Box::new(judged)));
        };
        self.hold(version, &revisions);
        self.watch(lake, judged.watch, judged.events_version).await?;
        let failures = judged.evaluation.failures;
        Ok(Settled::Recorded(Detection { findings, revisions, failures, owed: None }))
    }

    /// Watches from now on by what a sweep gathered, if a tick can catch up with what came since. Else the watch of before
    /// goes on.
    async fn watch(&mut self, lake: &Lake, watch: Option<Watch>, events_version: u64) -> anyhow::Result<()> {
        self.is_too_large = watch.is_none() && self.cluster.is_none();
        let Some(watch) = watch else {
            self.watching = None;
            return Ok(());
        };
        let columns = &watch.columns()[..1];
        let came = lake.events_added_since(events_version, columns, NEW_EVENTS_MAX).await?;
        if self.watching.is_none() || matches!(came, Added::Rows(_)) {
            self.watching = Some(Watching { watch, events_version });
        }
        Ok(())
    }

    fn why_no_watch(&self) -> String {
        if self.is_too_large {
            return format!(
                "the lake has more than {LANDMARKS_MAX} events that others are judged by (writes, rotations and the like): \
                 only sweeps look at what comes; drop old days with `snowtrail lake retain`, or give parts of the \
                 organization lakes of their own"
            );
        }
        "there was no sweep yet".to_owned()
    }

    /// `now`, or the newest one that the stored findings were judged by, by whomever: another detector's clock may be
    /// ahead, and what only time brought about must not be withdrawn because ours is behind.
    async fn no_earlier(&mut self, lake: &Lake, now: Timestamp) -> anyhow::Result<Timestamp> {
        let version = lake.delta(Table::Findings).version();
        let stored = match self.judged.filter(|(known, _)| *known == version) {
            Some((_, stored)) => stored,
            None => lake.judged_at().await?.unwrap_or(Timestamp::MIN),
        };
        let now = now.max(stored);
        self.judged = Some((version, stored));
        Ok(now)
    }

    async fn judge_new(
        &mut self,
        lake: &Lake,
        bound: &Bound,
        now: Timestamp,
        rows: Vec<arrow::array::RecordBatch>,
    ) -> anyhow::Result<Outcome> {
        self.newest(lake).await?;
        let session = workbench::reading(lake).await?;
        let (Some(watching), Some(held)) = (&self.watching, &self.held) else {
            bail!("a tick was asked for without a sweep before it");
        };
        let ground = Ground {
            rules: &bound.rules,
            policy: &bound.policy,
            now,
            found_at: Timestamp::now(),
            kept_from: kept_from(lake),
            stored: &held.newest,
            prepared: Some(&self.prepared),
            lake: &session,
        };
        Ok(watching.watch.tick(rows, &ground).await?)
    }

    fn learn(&mut self, events_version: u64, outcome: &mut Outcome) -> anyhow::Result<()> {
        let Some(watching) = &mut self.watching else { return Ok(()) };
        watching.watch.learn(outcome).context("failed to remember new events")?;
        watching.events_version = events_version;
        if watching.watch.is_full() {
            self.is_too_large = true;
            self.watching = None;
        }
        Ok(())
    }
}

/// Everything judged as of `now`, from the lake as it is opened; on a cluster without a watch. `watch` tells whether one is to
/// be gathered, and what the machine does meanwhile.
async fn judge(
    cluster: Option<&Cluster>,
    lake: &Lake,
    bound: &Bound,
    now: Timestamp,
    progress: &mut (dyn FnMut(&str) + Send),
    watch: Option<Beside>,
) -> anyhow::Result<Judged> {
    let (found_at, watches) = (Timestamp::now(), watch.is_some());
    let events_version = lake.events_version();
    if let Some(cluster) = cluster {
        let evaluation = workbench::evaluate_on(cluster, lake, bound, now, found_at, progress).await?;
        return Ok(Judged { evaluation, watches, watch: None, events_version, now, found_at });
    }
    let engine = workbench::open_for(lake, bound, now, Horizon::UpToNow, watch).await?;
    let evaluation = engine.evaluate(found_at, progress).await;
    let watch = if watches {
        let later = workbench::later_events(&engine).await?;
        Watch::gather(&engine, later).await?
    } else {
        None
    };
    Ok(Judged { evaluation, watches, watch, events_version, now, found_at })
}

/// The beginning of the first day of which the lake keeps events.
fn kept_from(lake: &Lake) -> Option<Timestamp> {
    let day = lake.kept_from()?;
    day.to_zoned_datetime(TimeZone::UTC).ok().map(|midnight| midnight.timestamp())
}

async fn record(lake: &mut Lake, revisions: &[Finding], now: Timestamp) -> anyhow::Result<Appended> {
    let rows: Vec<&Finding> = revisions.iter().collect();
    let terms = Terms { judged_at: Some(now), ..Terms::once(&[Claim::Findings]) };
    Ok(lake.append_under(&rows, &terms).await?)
}

fn ticked(outcome: Outcome) -> Ticked {
    if !outcome.woke {
        return Ticked::Nothing;
    }
    let Outcome { findings, revisions, failures, owed, .. } = outcome;
    Ticked::Detected(Detection { findings, revisions, failures, owed })
}

fn gave_up(lake: &Lake) -> anyhow::Error {
    anyhow::anyhow!(
        "gave up recording findings in `{}` after {ATTEMPTS_MAX} attempts: other detectors kept winning",
        lake.uri()
    )
}
