//! A watch: a few new events judged without looking at all of them, between two whole evaluations.
//!
//! ```text
//! whole evaluation ──gather──▶ Watch ◀──learn── Outcome
//!                                │                ▲
//! new events ──▶ sort ──▶ what they touch ──▶ events in scope ──▶ the rules that wake ──▶ findings touched
//! ```
//! Findings are what a whole evaluation would give, for what was touched; [`crate::scope`] says why. What a tick cannot
//! judge (events that come late, corrections, a principal with too much history) it leaves alone and says so
//! ([`Outcome::owed`]): a whole evaluation settles it. Nothing else is carried from tick to tick than what is known
//! ([`Knowledge`]) and rows of `events`, all of which the next whole evaluation gathers anew.
//!
//! Does not read a lake and does not store findings.

mod columns;
mod fresh;
mod landmarks;
mod question;
mod recent;
mod selection;
mod sight;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::prelude::SessionContext;
use jiff::{SignedDuration, Timestamp};
use snowtrail_model::{Finding, Policy};

use self::fresh::{Fresh, News, unreadable, wrong};
use self::landmarks::Landmarks;
use self::question::Question;
pub use self::question::Spoken;
use self::recent::Recent;
use self::selection::Selection;
use self::sight::InSight;
use crate::binding::bind;
use crate::engine::{Engine, Evaluation, Setting};
use crate::error::{Result, RuleError};
use crate::kept::Kept;
use crate::knowledge::Knowledge;
use crate::memory::{self, Making, session};
use crate::prepared::{Prepared, Turn};
use crate::reconcile::reconcile;
use crate::scope::{Reach, Scope, Touched};
use crate::set::RuleSet;
use crate::small;

/// How late an event may be to be judged by a tick. Later ones are left to a whole evaluation. CloudTrail delivers
/// within minutes; a day is a bad day at AWS or a queue that was not read.
pub const LATE_MAX: SignedDuration = SignedDuration::from_hours(24);

/// Landmarks that are held, about two kilobytes each. A lake with more of them has no ticks, only whole evaluations.
pub const LANDMARKS_MAX: usize = 100_000;

/// Principals that one tick looks into. Of more the events are left to a whole evaluation, except the landmarks.
pub const PRINCIPALS_MAX: usize = 1_000;

/// Events that one tick has in sight, landmarks aside; they cost about half a second of one core, and 50 MB. Of principals
/// that were busier the latest are looked at, and rules that look further back than those judge them in whole evaluations
/// only: a page about the one must not wait for the history of the other.
pub const EVENTS_IN_SIGHT_MAX: usize = 5_000;

/// Recent events that are held so that ticks need not read them from the lake, about 100 bytes each, most of them on disk.
pub const EVENTS_HELD_MAX: usize = 2_000_000;

/// What a tick may not judge lies this much earlier than the latest event that it may: the start of a rotation that is
/// told as of a minute before.
const MARGIN: SignedDuration = SignedDuration::from_hours(1);

/// What a watch holds between ticks.
#[derive(Debug)]
pub struct Watch {
    /// Columns of the rows it holds, quoted.
    columns: Vec<String>,
    schema: SchemaRef,
    known: Knowledge,
    landmarks: Landmarks,
    /// The recent events that are no landmarks, where there are few enough to hold them.
    recent: Option<Recent>,
    /// Events that lay after `now` when they came.
    waiting: Vec<RecordBatch>,
}

/// What a tick stands on.
#[derive(Clone, Copy)]
pub struct Ground<'g> {
    /// The rules.
    pub rules: &'g RuleSet,
    /// The policy.
    pub policy: &'g Policy,
    /// Judged as of this time; never earlier than the watch was gathered at or ticked at.
    pub now: Timestamp,
    /// When revisions are written.
    pub found_at: Timestamp,
    /// From when on the lake has all events; none where it has all.
    pub kept_from: Option<Timestamp>,
    /// The newest revision of every key.
    pub stored: &'g BTreeMap<String, Finding>,
    /// The plans of ticks before, where there are any to come; none plans everything anew.
    pub prepared: Option<&'g Arc<Prepared>>,
    /// A session in which `events` shows all events, the new ones included; nothing else need be there.
    pub lake: &'g SessionContext,
}

/// What a tick gave.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Whether there was anything to judge.
    pub woke: bool,
    /// The touched findings that hold, ordered by window_start, rule, key.
    pub findings: Vec<Finding>,
    /// Revisions to append.
    pub revisions: Vec<Finding>,
    /// Rules that failed.
    pub failures: Vec<RuleError>,
    /// Why a whole evaluation should follow, if it should.
    pub owed: Option<String>,
    /// The findings that were judged, whether they hold or not.
    pub spoken: Spoken,
    /// What the watch is to learn, once the revisions are durable.
    learned: Learned,
}

#[derive(Debug, Default)]
struct Learned {
    known: Knowledge,
    landmarks: Option<RecordBatch>,
    others: Option<RecordBatch>,
    waiting: Vec<RecordBatch>,
}

impl Watch {
    /// Gathers a watch from a whole evaluation whose [`Setting::gathers`] is set. `later` are rows of events after
    /// its `now`. None if the lake has too many landmarks.
    ///
    /// # Errors
    /// When the session cannot be read.
    pub async fn gather(engine: &Engine<'_>, later: Vec<RecordBatch>) -> Result<Option<Watch>> {
        let (session, now) = (engine.session(), engine.now());
        let columns = memory::columns_named(session, engine.rules()).await.map_err(unreadable)?;
        let of = |condition: &str, rows_max: usize| {
            format!("SELECT {} FROM watched WHERE {condition} LIMIT {}", columns.join(", "), rows_max + 1)
        };
        let mut landmarks = Landmarks::default();
        let kept = of("is_landmark", LANDMARKS_MAX);
        let (schema, rows) = memory::rows(session, &kept).await.map_err(unreadable)?;
        for batch in rows {
            landmarks.add(batch).map_err(wrong)?;
        }
        if landmarks.len() > LANDMARKS_MAX {
            return Ok(None);
        }
        let mut known = Knowledge::default();
        known.gather(session).await.map_err(unreadable)?;
        let reach = reach_max(engine.rules(), engine.policy());
        let since = before(now, LATE_MAX.saturating_add(MARGIN).saturating_add(reach));
        known.forget_days_before(since.as_microsecond());
        let recently = format!("NOT is_landmark AND {}", selection::since(since));
        let recent = Recent::gather(session, &of(&recently, EVENTS_HELD_MAX), &schema, since).await?;
        Ok(Some(Watch { columns, schema, known, landmarks, recent, waiting: later }))
    }

    /// The columns of `events` that new rows must have, in this order, quoted.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Judges what new rows of `events` touch. Changes nothing; see [`Watch::learn`].
    ///
    /// # Errors
    /// When the events cannot be read or a view fails. A rule that fails becomes a finding.
    pub async fn tick(&self, rows: Vec<RecordBatch>, ground: &Ground<'_>) -> Result<Outcome> {
        let rows = self.waiting.iter().cloned().chain(rows).collect();
        let mut fresh = Fresh::sort(rows, ground.rules, ground.now).await?;
        let waiting = std::mem::take(&mut fresh.later);
        if fresh.is_empty() {
            return Ok(Outcome { learned: Learned { waiting, ..Learned::default() }, ..Outcome::default() });
        }
        let news = fresh.news(ground.now)?;
        let mut owed = news.owed(&self.known, small::selects_by_tags(ground.policy));
        let selection = Selection::over(self, ground, fresh.others.as_ref()).await?;
        let touched = self.touched(&news, &selection, &mut owed).await?;
        let mut question = Question::new(ground, touched);
        let in_sight =
            self.in_sight(&fresh, news.names.clone(), &selection, &mut question, &mut owed).await?;
        let rotates = !news.landmark_names.is_empty();
        let mut outcome = self.judge(in_sight, rotates, ground, &question, &mut owed).await?;
        outcome.owed = owed;
        outcome.learned.waiting = waiting;
        outcome.learned.landmarks = fresh.landmarks;
        outcome.learned.others = fresh.others;
        Ok(outcome)
    }

    /// Tries what a rule's scope promises: its findings about these entities, judged over nothing but the events that the
    /// scope holds since a time. For fixtures, which a whole evaluation has judged already; owes nothing.
    ///
    /// # Errors
    /// As [`Watch::tick`], and when the rule fails.
    pub async fn in_scope(
        &self,
        rule: &str,
        touched: Touched,
        since: Timestamp,
        ground: &Ground<'_>,
    ) -> Result<Vec<Finding>> {
        let fresh = Fresh::default();
        let names = touched.secrets.iter().cloned().collect();
        let selection = Selection::over(self, ground, None).await?;
        let mut question = Question::trial(ground, touched, rule, since);
        let mut owed = None;
        let in_sight = self.in_sight(&fresh, names, &selection, &mut question, &mut owed).await?;
        let mut outcome = self.judge(in_sight, false, ground, &question, &mut owed).await?;
        match outcome.failures.pop() {
            Some(failure) => Err(failure),
            None => Ok(outcome.findings),
        }
    }

    /// Takes in what a tick saw, after its revisions became durable.
    ///
    /// # Errors
    /// When rows of the tick have not the columns of the watch.
    pub fn learn(&mut self, outcome: &mut Outcome) -> Result<()> {
        let learned = std::mem::take(&mut outcome.learned);
        self.waiting = learned.waiting;
        self.known.add(&learned.known);
        if let Some(batch) = learned.landmarks {
            self.landmarks.add(batch).map_err(wrong)?;
        }
        if let (Some(recent), Some(batch)) = (&mut self.recent, learned.others)
            && (recent.add(batch).is_err() || recent.is_full())
        {
            // The lake has them all; it only takes longer to ask.
            self.recent = None;
        }
        Ok(())
    }

    /// Whether it has grown beyond its bounds, so that only a whole evaluation may follow.
    pub fn is_full(&self) -> bool {
        self.landmarks.len() > LANDMARKS_MAX
    }

    /// What the new events touch: their principals, those of the other copies of their actions, and those whose
    /// rotations they tell of.
    async fn touched(
        &self,
        news: &News,
        selection: &Selection<'_>,
        owed: &mut Option<String>,
    ) -> Result<Touched> {
        let mut principals = news.principals.clone();
        principals.extend(selection.principals_of_copies(&news.shared).await?);
        let since = before(selection.now(), LATE_MAX.saturating_add(LATE_MAX)).as_microsecond();
        let workers = self.landmarks.principals_at(&news.landmark_names, since).map_err(wrong)?;
        principals.extend(workers.into_iter().map(Some));
        principals.extend(self.known.rotators_of(&news.landmark_names).into_iter().map(Some));
        if principals.len() > PRINCIPALS_MAX {
            owe(owed, || format!("new events touch {} principals", principals.len()));
            principals.clear();
        }
        let secrets = news.landmark_names.iter().cloned().collect();
        Ok(Touched { principals, secrets, landmarks: news.landmarks > 0 })
    }

    /// Evaluates the rules in question over the events in sight.
    async fn judge(
        &self,
        in_sight: InSight,
        rotates: bool,
        ground: &Ground<'_>,
        question: &Question<'_>,
        owed: &mut Option<String>,
    ) -> Result<Outcome> {
        let turn = match ground.prepared {
            Some(prepared) => Some(prepared.turn(ground.now).await),
            None => None,
        };
        let session = turn.as_ref().map_or_else(session, Turn::session);
        selection::register_in_sight(&session, &self.schema, in_sight.events)?;
        let setting = Setting {
            making: Making::Tables,
            known: in_sight.known,
            gathers: true,
            local_from: Some(in_sight.since),
            listed: Some(in_sight.names),
            ..Setting::default()
        };
        let rules = question.rules();
        let engine = Engine::new(session, &rules, ground.policy, ground.now, &setting).await?;
        let evaluation = engine.evaluate(ground.found_at, |_| {}).await;
        if rotates && self.rotates_for_long(&engine, question).await? {
            owe(owed, || "rotations go on for longer than a tick looks back".to_owned());
        }
        let unclear = question.unclear(&evaluation, in_sight.since);
        if !unclear.is_empty() {
            let ids = unclear.iter().cloned().collect::<Vec<_>>().join(", ");
            owe(owed, || format!("findings of {ids} began before what a tick looks at"));
        }
        let mut outcome = settled(evaluation, ground, question, &unclear);
        outcome.learned.known.gather(engine.session()).await.map_err(unreadable)?;
        if self.known.lacks_rotator_of(&outcome.learned.known) {
            owe(owed, || "a rotator that the policy names was seen for the first time".to_owned());
        }
        Ok(outcome)
    }

    /// Whether a touched principal is in a stretch of rotations that began before what a tick judges: then reads
    /// before it may have become others, or ordinary ones.
    async fn rotates_for_long(&self, engine: &Engine<'_>, question: &Question<'_>) -> Result<bool> {
        if !engine.session().table_exist("rotation_spans").unwrap_or(false) {
            return Ok(false);
        }
        let back = LATE_MAX.saturating_add(MARGIN).as_secs();
        let spans = format!(
            "SELECT principal FROM rotation_spans WHERE from_time < $now - INTERVAL '{back} seconds' \
             AND to_time >= $now - INTERVAL '{back} seconds'"
        );
        let spans = bind("the spans of rotations", &spans, engine.moment())?;
        let (_, rows) = memory::rows(engine.session(), &spans).await.map_err(unreadable)?;
        let long = rows.iter().map(|batch| columns::texts(batch, "principal"));
        let long = long.collect::<std::result::Result<Vec<_>, _>>().map_err(wrong)?;
        let touched = &question.touched().principals;
        Ok(long.iter().flat_map(|names| names.iter()).any(|name| touched.contains(&name.map(str::to_owned))))
    }
}

fn settled(
    evaluation: Evaluation,
    ground: &Ground<'_>,
    question: &Question<'_>,
    unclear: &BTreeSet<String>,
) -> Outcome {
    let kept = Kept::new(ground.kept_from, ground.rules, ground.policy);
    let is_in_question = |f: &Finding| !unclear.contains(&f.rule) && question.holds(f) && kept.judges(f);
    let revisions = reconcile(ground.stored.values(), &evaluation, is_in_question, ground.found_at);
    let spoken = question.spoken(&evaluation, unclear);
    let findings = evaluation.findings.into_iter().filter(is_in_question).collect();
    Outcome { woke: true, spoken, findings, revisions, failures: evaluation.failures, ..Outcome::default() }
}

/// A time so much earlier, or the beginning of time.
fn before(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

/// The first reason stands: any one of them is enough.
fn owe(owed: &mut Option<String>, why: impl FnOnce() -> String) {
    if owed.is_none() {
        *owed = Some(why());
    }
}

fn rows_in(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

/// The furthest that a rule of scope principal looks back from a finding that is in question.
fn reach_max(rules: &RuleSet, policy: &Policy) -> SignedDuration {
    let scoped = rules.rules.values().filter(|rule| rule.header.scope == Scope::Principal);
    let reaches =
        scoped.map(|rule| Reach::of(rule, policy)).map(|reach| reach.whole().saturating_add(reach.window));
    reaches.max().unwrap_or_default()
}
