//! Which events a tick sees: those of the touched principals, and other copies of their actions.
//!
//! Read from the rows that the watch holds ([`super::recent`]) where they reach far enough, else from the lake, whose partitions before the
//! time in question are not opened.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use snowtrail_model::Policy;

use super::columns::{secrets, text, texts};
use super::fresh::{unreadable, wrong};
use super::question::Question;
use super::{EVENTS_IN_SIGHT_MAX, Ground, LATE_MAX, Watch, before};
use crate::answers::literal;
use crate::binding::{Literals, bind};
use crate::error::Result;
use crate::memory;
use crate::set::RuleSet;

/// Where events are selected from.
pub(super) struct Selection<'g> {
    ground: Ground<'g>,
    columns: String,
    /// The rows that the watch holds, and from when on they are all there.
    held: Option<(Timestamp, SessionContext)>,
}

impl<'g> Selection<'g> {
    pub(super) async fn over(
        watch: &Watch,
        ground: &Ground<'g>,
        fresh: Option<&RecordBatch>,
    ) -> Result<Selection<'g>> {
        let mut held = None;
        if let Some(recent) = &watch.recent {
            held = Some((recent.since(), recent.session(fresh).await?));
        }
        for session in held.iter().map(|(_, session)| session).chain([ground.lake]) {
            watched(session, ground.rules, ground.now).await?;
        }
        Ok(Selection { ground: *ground, columns: watch.columns.join(", "), held })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.ground.now
    }

    pub(super) fn policy(&self) -> &Policy {
        self.ground.policy
    }

    /// The events that a question needs of its principals, landmarks aside; none if there are too many.
    pub(super) async fn events_of(&self, question: &Question<'_>) -> Result<Option<Vec<RecordBatch>>> {
        let (principals, since) = (&question.touched().principals, question.since());
        if principals.is_empty() || since >= self.ground.now {
            return Ok(Some(Vec::new()));
        }
        let whole = principals.iter().filter(|name| !question.busy().contains_key(*name)).cloned().collect();
        let mut conditions = vec![one_of("principal", &whole)];
        conditions.extend(question.busy().iter().map(|(name, seen_since)| {
            format!(
                "({} AND {})",
                one_of("principal", &BTreeSet::from([name.clone()])),
                self::since(*seen_since)
            )
        }));
        conditions.retain(|condition| !condition.is_empty());
        let condition = format!("({})", conditions.join(" OR "));
        let rows = self.rows(&self.columns, &condition, since).await?;
        let few = rows.iter().map(RecordBatch::num_rows).sum::<usize>() <= EVENTS_IN_SIGHT_MAX;
        Ok(few.then_some(rows))
    }

    /// How many events each of these principals has, landmarks aside, since each of these times, earliest first.
    pub(super) async fn counts_of(
        &self,
        principals: &BTreeSet<Option<String>>,
        sinces: &[Timestamp],
    ) -> Result<Vec<RecordBatch>> {
        let Some(earliest) = sinces.first() else { return Ok(Vec::new()) };
        let counts = sinces.iter().enumerate();
        let counts = counts.map(|(n, time)| format!("count(*) FILTER (WHERE {}) AS count_{n}", since(*time)));
        let columns: Vec<String> = ["principal".to_owned()].into_iter().chain(counts).collect();
        let condition = format!("({}) GROUP BY principal", one_of("principal", principals));
        self.rows(&columns.join(", "), &condition, *earliest).await
    }

    /// The callers' copies of those of these events that are the resource owner's: whether the owner's counts hangs on
    /// them. Too many of them are not fetched: then the owner's count, until a whole evaluation.
    pub(super) async fn copies_of(
        &self,
        events: &[RecordBatch],
        since: Timestamp,
    ) -> Result<Vec<RecordBatch>> {
        let mut shared = BTreeSet::new();
        for batch in events {
            let ids = texts(batch, "shared_event_id").map_err(wrong)?;
            let types = texts(batch, "identity_type").map_err(wrong)?;
            let owners = (0..batch.num_rows()).filter(|row| text(&types, *row) == Some("AWSAccount"));
            shared.extend(owners.filter_map(|row| text(&ids, row).map(str::to_owned)));
        }
        if shared.is_empty() {
            return Ok(Vec::new());
        }
        let shared = shared.into_iter().map(Some).collect();
        self.rows(&self.columns, &one_of("shared_event_id", &shared), since).await
    }

    /// The principals of all copies of these actions.
    pub(super) async fn principals_of_copies(
        &self,
        shared: &BTreeSet<String>,
    ) -> Result<BTreeSet<Option<String>>> {
        let mut found = BTreeSet::new();
        if shared.is_empty() {
            return Ok(found);
        }
        let shared = shared.iter().cloned().map(Some).collect();
        let since = before(self.ground.now, LATE_MAX.saturating_add(LATE_MAX));
        for batch in self.rows("DISTINCT principal", &one_of("shared_event_id", &shared), since).await? {
            found.extend(texts(&batch, "principal").map_err(wrong)?.iter().map(|p| p.map(str::to_owned)));
        }
        Ok(found)
    }

    async fn rows(&self, columns: &str, condition: &str, from: Timestamp) -> Result<Vec<RecordBatch>> {
        let held = self.held.as_ref().filter(|(since_held, _)| day(*since_held) <= day(from));
        let session = held.map_or(self.ground.lake, |(_, session)| session);
        let sql = format!(
            "SELECT {columns} FROM watched WHERE {} AND event_time <= $now AND NOT is_landmark AND {condition} LIMIT {}",
            since(from),
            EVENTS_IN_SIGHT_MAX + 1
        );
        let sql = bind("the events in sight", &sql, &Literals::now(self.ground.now))?;
        Ok(memory::rows(session, &sql).await.map_err(unreadable)?.1)
    }
}

/// The condition that an event is of the day of a time (UTC) or later.
pub(super) fn since(time: Timestamp) -> String {
    format!("event_date >= DATE '{}'", day(time.max(Timestamp::UNIX_EPOCH)))
}

fn day(time: Timestamp) -> jiff::civil::Date {
    TimeZone::UTC.to_datetime(time).date()
}

fn one_of(column: &str, values: &BTreeSet<Option<String>>) -> String {
    let named: Vec<String> = values.iter().flatten().map(|value| literal(value)).collect();
    let mut conditions = Vec::new();
    if !named.is_empty() {
        conditions.push(format!("{column} IN ({})", named.join(", ")));
    }
    if values.contains(&None) {
        conditions.push(format!("{column} IS NULL"));
    }
    conditions.join(" OR ")
}

/// Makes the view `watched` in a session that has `events`.
async fn watched(session: &SessionContext, rules: &RuleSet, now: Timestamp) -> Result<()> {
    if session.table_exist("watched").unwrap_or(false) {
        return Ok(());
    }
    let (file, view) = rules.views.get("watched").cloned().unwrap_or_default();
    let view = bind(&file, &view, &Literals::now(now))?;
    let frame = session.sql(view.trim().trim_end_matches(';')).await.map_err(unreadable)?;
    session.register_table("watched", frame.into_view()).map_err(unreadable)?;
    Ok(())
}

/// The columns without what a storage remarks about them (descriptions, whether nulls occur): rows from several places
/// stand together.
pub(super) fn plain(schema: &SchemaRef) -> SchemaRef {
    let plain = schema.fields().iter().map(|f| Field::new(f.name(), f.data_type().clone(), true));
    Arc::new(Schema::new(plain.collect::<Vec<_>>()))
}

/// Registers rows as the table `events` that rules are judged over, its texts as plain text: where operators join rows of few
/// distinct texts, they set aside up to a megabyte for each column of views, 65 MB for five thousand events (heaptrack).
pub(super) fn register_in_sight(
    session: &SessionContext,
    schema: &SchemaRef,
    rows: Vec<RecordBatch>,
) -> Result<()> {
    let columns =
        schema.fields().iter().map(|f| f.as_ref().clone().with_data_type(in_plain_text(f.data_type())));
    let texts = plain(&Arc::new(Schema::new(columns.collect::<Vec<_>>())));
    let in_text = |rows: RecordBatch| {
        let columns = rows.columns().iter().zip(texts.fields()).map(|(c, field)| cast(c, field.data_type()));
        RecordBatch::try_new(Arc::clone(&texts), columns.collect::<std::result::Result<_, _>>()?)
    };
    let rows = rows.into_iter().map(in_text).collect::<std::result::Result<Vec<_>, _>>().map_err(wrong)?;
    register(session, "events", &texts, rows)
}

fn in_plain_text(kind: &DataType) -> DataType {
    let plain =
        |field: &FieldRef| Arc::new(field.as_ref().clone().with_data_type(in_plain_text(field.data_type())));
    match kind {
        DataType::Utf8View => DataType::Utf8,
        DataType::List(item) => DataType::List(plain(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain).collect()),
        other => other.clone(),
    }
}

/// Registers rows as a table of [`plain`] columns.
pub(super) fn register(
    session: &SessionContext,
    name: &str,
    schema: &SchemaRef,
    rows: Vec<RecordBatch>,
) -> Result<()> {
    let plain = plain(schema);
    let rows = rows.into_iter().map(|rows| RecordBatch::try_new(Arc::clone(&plain), rows.columns().to_vec()));
    let rows = rows.collect::<std::result::Result<Vec<_>, _>>().map_err(wrong)?;
    let table = MemTable::try_new(plain, vec![rows]).map_err(unreadable)?;
    session.register_table(name, Arc::new(table)).map_err(unreadable)?;
    Ok(())
}

/// Every name that a secret named in these rows may mean.
pub(super) fn names_in(batches: &[RecordBatch]) -> std::result::Result<HashSet<String>, ArrowError> {
    let mut names = HashSet::new();
    for batch in batches {
        names.extend(secrets(batch)?.iter().flatten().flat_map(|secret| secret.names()));
    }
    Ok(names)
}

/// The rows, each event once.
pub(super) fn distinct(batches: Vec<RecordBatch>) -> std::result::Result<Vec<RecordBatch>, ArrowError> {
    let mut known = HashSet::new();
    let mut distinct = Vec::with_capacity(batches.len());
    for batch in batches {
        let (ids, accounts) = (texts(&batch, "event_id")?, texts(&batch, "account_id")?);
        let new = (0..batch.num_rows())
            .map(|row| known.insert(format!("{} {}", ids.value(row), accounts.value(row))))
            .collect::<Vec<_>>();
        if new.iter().any(|new| !new) {
            distinct.push(filter_record_batch(&batch, &BooleanArray::from(new))?);
        } else {
            distinct.push(batch);
        }
    }
    Ok(distinct)
}
