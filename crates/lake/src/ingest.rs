//! Rejects, events, sources, in that order: how a batch becomes durable exactly once.
//!
//! A commit covers one table, so the order carries guarantee 1: the row in `sources` that says "taken in" is written
//! last. Killed before it, the source is read again and its events are recognized as stored. Killed after it, the
//! source is known by its SHA-256 and not read again.
//!
//! A batch remembers how far it came. After an error it may be offered again, and goes on where it stopped: what is
//! durable is not stored twice, and the books count it once.
//!
//! ```text
//! batch → judge against the day's stored identities → rejects → events (claiming the days) → sources → Committed
//!              ↑                                                  |
//!              └───────── another writer won the day ─────────────┘
//! ```
//!
//! Does not decide when a batch is full, nor where sources come from.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::Int64Type;

use crate::commit::{Appended, Claim, Terms, Ticket};
use crate::error::{LakeError, Result};
use crate::gathered::{Events, Place};
use crate::known::{Known, Verdict, day_of};
use crate::open::{Lake, session};
use crate::tables::{RejectRow, SourceRow, Table};

/// How often a batch is judged and offered again when other writers keep winning its days. Each loss means that
/// somebody else made progress; after this many the batch fails and its source is taken in again later.
pub const COMMIT_ATTEMPTS_MAX: usize = 30;

/// Rows of one commit, and how far that commit came. A source larger than a batch spans several; its `SourceRow` goes
/// into the last.
#[derive(Debug, Default)]
pub struct Batch {
    /// Events, in any order.
    pub events: Events,
    /// Rejects.
    pub rejects: Vec<RejectRow>,
    /// Sources that end with this batch. `stored`, `duplicates`, the conflicts in `rejects` and what is too old in `out_of_scope` are filled in here.
    pub sources: Vec<SourceRow>,
    progress: Progress,
}

/// Which of a batch's steps are durable.
#[derive(Debug, Default)]
struct Progress {
    /// The events in the order in which they are stored.
    order: Option<Vec<Place>>,
    rejects: bool,
    /// The last attempt at the events, whose fate an error left open.
    attempt: Option<Attempt>,
    events: Option<EventsStored>,
    /// Drawn when the books of the sources were closed.
    sources: Option<Ticket>,
}

#[derive(Debug)]
struct Attempt {
    ticket: Ticket,
    claims: Vec<Claim>,
    books: Books,
}

#[derive(Debug, Clone)]
struct EventsStored {
    version: u64,
    conflicts: Vec<RejectRow>,
}

/// What judging a batch gave, by source, and the rejects that it added.
#[derive(Debug, Default)]
struct Books {
    tallies: HashMap<Arc<str>, Tally>,
    conflicts: Vec<RejectRow>,
}

impl Batch {
    /// Whether there is nothing to make durable.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.rejects.is_empty() && self.sources.is_empty()
    }
}

/// Proof that a batch is durable. Only [`Ingest::commit`] makes one.
#[derive(Debug)]
#[must_use = "a source may be settled only with this proof"]
#[non_exhaustive]
pub struct Committed {
    /// Version of the `events` table that holds the batch's events.
    pub events_version: u64,
    /// The sources that are now taken in, their books complete.
    pub sources: Vec<SourceRow>,
    /// Rejects that judging added: known identity, different content.
    pub conflicts: Vec<RejectRow>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    stored: u64,
    duplicates: u64,
    conflicts: u64,
    /// Of days that the lake keeps no more.
    expired: u64,
}

/// Takes batches into one lake. Remembers what it stored and the books of sources still open.
#[derive(Debug)]
pub struct Ingest {
    known: Known,
    tallies: HashMap<Arc<str>, Tally>,
    writer: Claim,
}

impl Default for Ingest {
    fn default() -> Ingest {
        Ingest { known: Known::default(), tallies: HashMap::new(), writer: Claim::any_writer() }
    }
}

impl Ingest {
    /// Which of these sources (by SHA-256 of their stored bytes) were taken in whole before, and their books.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn taken_in(&self, lake: &Lake, sha256: &[String]) -> Result<HashMap<String, u64>> {
        let what = format!("look up known sources in `{}`", lake.uri());
        let failed = |source| LakeError::Query { what: what.clone(), source };
        let list: Vec<String> = sha256.iter().map(|hex| format!("'{}'", hex.replace('\'', ""))).collect();
        if list.is_empty() {
            return Ok(HashMap::new());
        }
        let context = session();
        lake.register(&context).await?;
        let query = format!(
            "SELECT arrow_cast(sha256, 'Utf8'), max(records) FROM sources WHERE sha256 IN ({}) GROUP BY 1",
            list.join(", ")
        );
        let batches = context.sql(&query).await.map_err(failed)?.collect().await.map_err(failed)?;
        let mut known = HashMap::new();
        for batch in batches {
            let (hex, records) =
                (batch.column(0).as_string::<i32>(), batch.column(1).as_primitive::<Int64Type>());
            for row in 0..batch.num_rows() {
                known
                    .insert(hex.value(row).to_owned(), u64::try_from(records.value(row)).unwrap_or_default());
            }
        }
        Ok(known)
    }

    /// Makes a batch durable: each event at most once in the lake, every reject kept, every finished source on record.
    /// After an error the same batch may be offered again. Not cancel safe: dropped half-way, the batch must be offered
    /// again from its sources.
    ///
    /// # Errors
    /// When a table cannot be read or written, or other writers win [`COMMIT_ATTEMPTS_MAX`] times in a row.
    pub async fn commit(&mut self, lake: &mut Lake, batch: &mut Batch) -> Result<Committed> {
        let order = batch.progress.order.take().unwrap_or_else(|| batch.events.in_storage_order());
        let order = batch.progress.order.insert(order).clone();
        if !batch.progress.rejects {
            append_rejects(lake, &batch.rejects).await?;
            batch.progress.rejects = true;
        }
        let stored = match &batch.progress.events {
            Some(stored) => stored.clone(),
            None => self.append_events(lake, &batch.events, &order, &mut batch.progress).await?,
        };
        self.append_sources(lake, batch).await?;
        let sources = std::mem::take(&mut batch.sources);
        Ok(Committed { events_version: stored.version, sources, conflicts: stored.conflicts })
    }

    /// Forgets the books of a source that will not end: it is to be taken in again from its beginning.
    pub fn abandon(&mut self, source_uri: &str) {
        self.tallies.remove(source_uri);
    }

    async fn append_events(
        &mut self,
        lake: &mut Lake,
        events: &Events,
        order: &[Place],
        progress: &mut Progress,
    ) -> Result<EventsStored> {
        if let Some(stored) = self.settle_attempt(lake, progress).await? {
            return Ok(stored);
        }
        let mut days: Vec<i32> = order.iter().map(|place| events.key(*place).day).collect();
        days.dedup();
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            self.known.load(lake, &days).await?;
            // Asked for anew each time: whoever lost a race may have lost it to the end of these very days.
            let judged = self.judge(events, order, lake.kept_from().map(day_of));
            let books = judged.books(events);
            if let Err(error) = append_rejects(lake, &books.conflicts).await {
                self.known.forget(&days);
                return Err(error);
            }
            let fresh: Vec<&[Place]> =
                judged.fresh.chunk_by(|a, b| events.key(*a).day == events.key(*b).day).collect();
            let claims: Vec<Claim> = fresh.iter().map(|day| Claim::Day(events.key(day[0]).day)).collect();
            let attempt = progress.attempt.insert(Attempt { ticket: Ticket::draw(), claims, books });
            let terms = Terms { claims: &attempt.claims, ticket: attempt.ticket, judged_at: None };
            match lake.append_events(events, &fresh, &terms).await {
                Ok(Appended::Durable(version)) => return Ok(self.stored(version, progress)),
                Ok(Appended::LostRace) => {
                    self.known.take_back(judged.fresh.iter().map(|place| events.key(*place)));
                }
                Err(error) => {
                    self.known.forget(&days);
                    return Err(error);
                }
            }
        }
        progress.attempt = None;
        Err(LakeError::Contended { uri: lake.uri().to_owned(), attempts: COMMIT_ATTEMPTS_MAX })
    }

    /// Whether the attempt that ended in an error landed after all.
    async fn settle_attempt(
        &mut self,
        lake: &mut Lake,
        progress: &mut Progress,
    ) -> Result<Option<EventsStored>> {
        let Some(attempt) = &progress.attempt else { return Ok(None) };
        lake.refresh(Table::Events).await?;
        let terms = Terms { claims: &attempt.claims, ticket: attempt.ticket, judged_at: None };
        if !lake.holds(Table::Events, &terms).await? {
            progress.attempt = None;
            return Ok(None);
        }
        let version = lake.delta(Table::Events).version().unwrap_or_default();
        Ok(Some(self.stored(version, progress)))
    }

    fn stored(&mut self, version: u64, progress: &mut Progress) -> EventsStored {
        self.known.stored_as(version);
        let books = progress.attempt.take().map(|attempt| attempt.books).unwrap_or_default();
        for (uri, tally) in books.tallies {
            self.tallies.entry(uri).or_default().add(tally);
        }
        progress.events.insert(EventsStored { version, conflicts: books.conflicts }).clone()
    }

    fn judge(&mut self, events: &Events, order: &[Place], kept_from: Option<i32>) -> Judged {
        let mut judged = Judged::default();
        for place in order {
            let key = events.key(*place);
            if kept_from.is_some_and(|day| key.day < day) {
                judged.expired.push(*place);
                continue;
            }
            match self.known.judge(key) {
                Verdict::Fresh => judged.fresh.push(*place),
                Verdict::Duplicate => judged.duplicates.push(*place),
                Verdict::Conflict => judged.conflicts.push(*place),
            }
        }
        judged
    }

    async fn append_sources(&mut self, lake: &mut Lake, batch: &mut Batch) -> Result<()> {
        if batch.progress.sources.is_none() {
            for source in &mut batch.sources {
                let tally = self.tallies.remove(&source.uri).unwrap_or_default();
                source.stored = tally.stored;
                source.duplicates = tally.duplicates;
                source.rejects += tally.conflicts;
                source.out_of_scope += tally.expired;
            }
        }
        let is_retry = batch.progress.sources.is_some();
        let ticket = *batch.progress.sources.get_or_insert_with(Ticket::draw);
        let claims = [self.writer];
        let terms = Terms { claims: &claims, ticket, judged_at: None };
        if is_retry {
            lake.refresh(Table::Sources).await?;
            if lake.holds(Table::Sources, &terms).await? {
                return Ok(());
            }
        }
        let rows: Vec<&SourceRow> = batch.sources.iter().collect();
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            if let Appended::Durable(_) = lake.append_under(&rows, &terms).await? {
                return Ok(());
            }
        }
        Err(LakeError::Contended { uri: lake.uri().to_owned(), attempts: COMMIT_ATTEMPTS_MAX })
    }
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.stored += other.stored;
        self.duplicates += other.duplicates;
        self.conflicts += other.conflicts;
        self.expired += other.expired;
    }
}

#[derive(Default)]
struct Judged {
    fresh: Vec<Place>,
    duplicates: Vec<Place>,
    conflicts: Vec<Place>,
    expired: Vec<Place>,
}

impl Judged {
    fn books(&self, events: &Events) -> Books {
        let mut tallies: HashMap<Arc<str>, Tally> = HashMap::new();
        let mut count = |places: &[Place], field: fn(&mut Tally) -> &mut u64| {
            for place in places {
                let uri = events.source_uri(*place);
                match tallies.get_mut(uri) {
                    Some(tally) => *field(tally) += 1,
                    None => *field(tallies.entry(Arc::clone(uri)).or_default()) += 1,
                }
            }
        };
        count(&self.fresh, |tally| &mut tally.stored);
        count(&self.duplicates, |tally| &mut tally.duplicates);
        count(&self.conflicts, |tally| &mut tally.conflicts);
        count(&self.expired, |tally| &mut tally.expired);
        Books { tallies, conflicts: self.conflicts.iter().map(|place| events.conflict(*place)).collect() }
    }
}

/// A retry after a crash meets its own rejects: those already there are not written again.
pub(crate) async fn append_rejects(lake: &mut Lake, rejects: &[RejectRow]) -> Result<()> {
    if rejects.is_empty() {
        return Ok(());
    }
    for _ in 0..COMMIT_ATTEMPTS_MAX {
        lake.refresh(Table::Rejects).await?;
        let stored = stored_rejects(lake, rejects).await?;
        let fresh: Vec<&RejectRow> =
            rejects.iter().filter(|r| !stored.contains(&reject_identity(r))).collect();
        // Nothing is claimed, so nobody wins against it; but other writers may be faster again and again.
        if let Appended::Durable(_) = lake.append(&fresh, &[]).await? {
            return Ok(());
        }
    }
    Err(LakeError::Contended { uri: lake.uri().to_owned(), attempts: COMMIT_ATTEMPTS_MAX })
}

type RejectIdentity = (String, String, Option<i64>, String);

fn reject_identity(row: &RejectRow) -> RejectIdentity {
    let index = row.reject.index.and_then(|i| i64::try_from(i).ok());
    let place =
        if row.source_sha256.is_empty() { row.source_uri.to_string() } else { row.source_sha256.clone() };
    (place, row.reject.reason.as_str().to_owned(), index, row.reject.event_id.clone().unwrap_or_default())
}

async fn stored_rejects(lake: &Lake, rejects: &[RejectRow]) -> Result<HashSet<RejectIdentity>> {
    let mut stored = HashSet::new();
    if lake.delta(Table::Rejects).version() == Some(0) {
        return Ok(stored);
    }
    let what = format!("look up known rejects in `{}`", lake.uri());
    let failed = |source| LakeError::Query { what: what.clone(), source };
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let uris: BTreeSet<String> = rejects.iter().map(|r| quoted(&r.source_uri)).collect();
    let hashes: BTreeSet<String> = rejects.iter().map(|r| quoted(&r.source_sha256)).collect();
    let query = format!(
        "SELECT arrow_cast(CASE WHEN source_sha256 = '' THEN source_uri ELSE source_sha256 END, 'Utf8'), \
         arrow_cast(reason, 'Utf8'), source_index, arrow_cast(coalesce(event_id, ''), 'Utf8') \
         FROM rejects WHERE source_uri IN ({}) OR source_sha256 IN ({})",
        uris.into_iter().collect::<Vec<_>>().join(", "),
        hashes.into_iter().collect::<Vec<_>>().join(", ")
    );
    let context = session();
    lake.register(&context).await?;
    for batch in context.sql(&query).await.map_err(failed)?.collect().await.map_err(failed)? {
        let (place, reason) = (batch.column(0).as_string::<i32>(), batch.column(1).as_string::<i32>());
        let (index, event) =
            (batch.column(2).as_primitive::<Int64Type>(), batch.column(3).as_string::<i32>());
        for row in 0..batch.num_rows() {
            let index = (!index.is_null(row)).then(|| index.value(row));
            let identity = (
                place.value(row).to_owned(),
                reason.value(row).to_owned(),
                index,
                event.value(row).to_owned(),
            );
            stored.insert(identity);
        }
    }
    Ok(stored)
}
