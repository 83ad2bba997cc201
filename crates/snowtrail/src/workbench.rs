//! A session with everything in it: the lake's tables, the findings, the views, the policy's small tables.
//!
//! The same for rules and for people: what a rule sees, `snowtrail sql` sees. For rules the events are hidden that lie
//! after `now`; and views are tables, in memory where the events are few, else in files; for people always plans.

use std::collections::BTreeSet;

use anyhow::Context;
use arrow::array::RecordBatch;
use datafusion::prelude::{SessionConfig, SessionContext};
use jiff::Timestamp;
use snowtrail_lake::Lake;
use snowtrail_lake::history::FINDINGS_VIEW;
use snowtrail_rules::binding::{Literals, bind};
use snowtrail_rules::memory::{Beside, columns_named, hide_unnamed_columns, keep_events};
use snowtrail_rules::views::relations_asked;
use snowtrail_rules::{Engine, Evaluation, Making, RuleError, RuleSet, Setting, sorting};

use crate::cluster::{Cluster, Ground};
use crate::policy_file::Bound;

/// Which events a session shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Horizon {
    /// All that are stored: for people.
    Everything,
    /// Those up to `now`: for rules, which judge a moment as it was, whatever is known since.
    UpToNow,
}

/// Where the table of all events is while `events` shows those up to `now`.
const ALL_EVENTS: &str = "all_events";

/// Opens the session.
///
/// # Errors
/// When the lake cannot be read, or a view is wrong.
pub async fn open<'b>(
    lake: &Lake,
    bound: &'b Bound,
    now: Timestamp,
    horizon: Horizon,
) -> anyhow::Result<Engine<'b>> {
    open_for(lake, bound, now, horizon, None).await
}

/// Opens a session for one query of a person's: with the tables and views that it names and what these stand on, and with
/// everything where its text does not tell.
///
/// # Errors
/// As [`open`].
pub async fn open_to_ask<'b>(
    lake: &Lake,
    bound: &'b Bound,
    now: Timestamp,
    query: &str,
) -> anyhow::Result<Engine<'b>> {
    let session = reading(lake).await?;
    lake.register_verifications(&session).await?;
    show_findings(&session).await?;
    let setting = Setting { named: relations_asked(&session, query), ..Setting::default() };
    Ok(Engine::new(session, &bound.rules, &bound.policy, now, &setting).await?)
}

/// Opens the session; `watch` tells whether a watch will be gathered from it, and what the machine does meanwhile.
///
/// # Errors
/// As [`open`].
pub async fn open_for<'b>(
    lake: &Lake,
    bound: &'b Bound,
    now: Timestamp,
    horizon: Horizon,
    watch: Option<Beside>,
) -> anyhow::Result<Engine<'b>> {
    let session = reading(lake).await?;
    let making = match horizon {
        Horizon::Everything => {
            lake.register_verifications(&session).await?;
            Making::Plans
        }
        Horizon::UpToNow => {
            hide_later_events(&session, now).await.context("failed to hide the events after `now`")?;
            let beside = watch.unwrap_or(Beside::Nothing);
            keep_events(&session, &bound.rules, beside).await.context("failed to read the events")?
        }
    };
    show_findings(&session).await?;
    let setting = Setting { making, gathers: watch.is_some(), ..Setting::default() };
    Ok(Engine::new(session, &bound.rules, &bound.policy, now, &setting).await?)
}

/// Runs the rules on a cluster. What the run put into the lake is removed, or the log says that it could not be.
///
/// A rule whose SQL the cluster gave up is no failed rule, which would be a finding, but a failed run: what the cluster
/// lacks says nothing about the rule.
///
/// # Errors
/// As [`open`]; when the cluster cannot be reached, its executors cannot read the lake or write below it, or it gave up a
/// rule.
pub async fn evaluate_on(
    cluster: &Cluster,
    lake: &Lake,
    bound: &Bound,
    now: Timestamp,
    found_at: Timestamp,
    progress: &mut (dyn FnMut(&str) + Send),
) -> anyhow::Result<Evaluation> {
    let ground = Ground::new(lake)?;
    let evaluated = match open_on(cluster, &ground, lake, bound, now).await {
        Ok(engine) => Ok(engine.evaluate(found_at, progress).await),
        Err(error) => Err(error),
    };
    if let Err(error) = ground.clear().await {
        tracing::warn!(error = %format!("{error:#}"), "cluster_ground_left");
    }
    let mut evaluation = evaluated?;
    let is_run = |failure: &RuleError| matches!(failure, RuleError::Sql { doing: "run", .. });
    match evaluation.failures.iter().position(is_run) {
        None => Ok(evaluation),
        Some(failed) => Err(anyhow::Error::new(evaluation.failures.swap_remove(failed)).context(format!(
            "the cluster {} gave up a rule, and nothing was recorded; look into the logs of its scheduler and executors, \
             which must be built as deploy/ballista says, run this again, or run it without --cluster",
            cluster.scheduler
        ))),
    }
}

async fn open_on<'b>(
    cluster: &Cluster,
    ground: &Ground,
    lake: &Lake,
    bound: &'b Bound,
    now: Timestamp,
) -> anyhow::Result<Engine<'b>> {
    let session = cluster.reading(lake, ground, now).await?;
    hide_later_events(&session, now).await.context("failed to hide the events after `now`")?;
    hide_unnamed_columns(&session, &bound.rules).await.context("failed to read the events' columns")?;
    show_findings(&session).await?;
    let setting =
        Setting { making: Making::Shared, place: Some(ground.place().clone()), ..Setting::default() };
    let engine = Engine::new(session, &bound.rules, &bound.policy, now, &setting).await;
    engine.with_context(|| format!("failed to make the views on the cluster {}", cluster.scheduler))
}

/// Opens the session for a report: events up to `now`, the views that its questions name and what they stand on, and no
/// rule's. `rules` is a set without rules, see [`without_rules`].
///
/// # Errors
/// As [`open`].
pub async fn open_asking<'b>(
    lake: &Lake,
    bound: &'b Bound,
    rules: &'b RuleSet,
    now: Timestamp,
    views: BTreeSet<String>,
) -> anyhow::Result<Engine<'b>> {
    let session = reading(lake).await?;
    lake.register_verifications(&session).await?;
    hide_later_events(&session, now).await.context("failed to hide the events after `now`")?;
    let making = keep_events(&session, &bound.rules, Beside::Nothing).await;
    let making = making.context("failed to read the events")?;
    show_findings(&session).await?;
    let setting = Setting { making, views, ..Setting::default() };
    Ok(Engine::new(session, rules, &bound.policy, now, &setting).await?)
}

/// A set's views alone.
pub fn without_rules(rules: &RuleSet) -> RuleSet {
    rules.only(|_| false)
}

/// A session with the lake's tables and nothing else.
///
/// # Errors
/// When a table cannot be opened.
pub async fn reading(lake: &Lake) -> anyhow::Result<SessionContext> {
    let config = SessionConfig::new()
        .with_information_schema(true)
        .with_create_default_catalog_and_schema(true)
        .with_default_catalog_and_schema("lake", "public");
    let session = sorting::session(config).context("failed to find a place for temporary files")?;
    lake.register(&session).await?;
    Ok(session)
}

/// The events that a session for rules hides, because they lie after its `now`.
///
/// # Errors
/// When they cannot be read.
pub async fn later_events(engine: &Engine<'_>) -> anyhow::Result<Vec<RecordBatch>> {
    let session = engine.session();
    let columns = columns_named(session, engine.rules()).await?.join(", ");
    let later = format!("SELECT {columns} FROM {ALL_EVENTS} WHERE event_time > $now");
    let later = bind("events", &later, &Literals::now(engine.now()))?;
    Ok(session.sql(&later).await?.collect().await?)
}

/// Makes the view `findings` over the history.
///
/// # Errors
/// When the session has no history.
pub async fn show_findings(session: &SessionContext) -> anyhow::Result<()> {
    let findings = session.sql(FINDINGS_VIEW).await.context("failed to make the view `findings`")?;
    session.register_table("findings", findings.into_view()).context("failed to make the view `findings`")?;
    Ok(())
}

async fn hide_later_events(session: &SessionContext, now: Timestamp) -> anyhow::Result<()> {
    show_only(session, &bind("events", "event_time <= $now", &Literals::now(now))?).await
}

/// Puts a view over `events` in its place that shows only those of a condition.
///
/// # Errors
/// When the condition is wrong.
pub async fn show_only(session: &SessionContext, condition: &str) -> anyhow::Result<()> {
    if let Some(all) = session.deregister_table("events")? {
        session.register_table(ALL_EVENTS, all)?;
    }
    let shown = session.sql(&format!("SELECT * FROM {ALL_EVENTS} WHERE {condition}")).await?;
    session.register_table("events", shown.into_view())?;
    Ok(())
}

/// The newest event's time, to judge a replay by; the clock where there is no event.
///
/// # Errors
/// When the lake cannot be read.
pub async fn newest_event(lake: &Lake) -> anyhow::Result<Timestamp> {
    Ok(lake.newest_event().await?.unwrap_or_else(Timestamp::now))
}
