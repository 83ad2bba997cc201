//! An older lake is brought to today's columns, and the new ones are filled from the sources.
//!
//! A column that a newer version adds is null in every row stored before. What belongs there is in the sources, so
//! the events of each day are decoded again (by the caller, who owns the decoder) and the day's files are replaced
//! in one commit. Rows whose source is gone or changed keep what they had, and are counted: never silently.
//! The schema version is raised last, so that an upgrade that was interrupted starts again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::{cast, filter_record_batch};
use datafusion::arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use deltalake::arrow::datatypes::Schema;
use deltalake::kernel::Action;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::writer::{DeltaWriter, RecordBatchWriter};
use jiff::Timestamp;

use crate::commit::{Claim, Ticket};
use crate::compact::in_columns;
use crate::encoding;
use crate::error::{LakeError, Result};
use crate::known::date_of;
use crate::location::Location;
use crate::open::{Access, Lake, SCHEMA_PROPERTY, SCHEMA_VERSION, kernel_fields};
use crate::tables::{EventRow, Row, Table};

/// A source of a day's events: where it was and what its bytes hashed to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DaySource {
    /// Where it was taken from.
    pub uri: String,
    /// SHA-256 of its bytes as stored; null if the source never ended (a killed ingest).
    pub sha256: Option<String>,
}

/// What replacing a day did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refilled {
    /// Rows decoded again.
    pub refilled: u64,
    /// Rows kept as they were: their source was not to be had.
    pub kept: u64,
}

type Identity = (String, String);

/// Where a stored row came from; a refilled row keeps it.
struct Provenance {
    uri: String,
    index: i64,
    ingested_at: i64,
}

impl Lake {
    /// Opens a lake that may be older than this Snowtrail.
    ///
    /// # Errors
    /// When the place holds no lake, or a newer one.
    pub async fn open_for_upgrade(location: Location) -> Result<Lake> {
        let uri = location.shown().to_owned();
        match Lake::open_unchecked(location, Access::Read).await? {
            lake if lake.schema_version()? <= SCHEMA_VERSION => Ok(lake),
            lake => {
                let found = lake.schema_version()?;
                Err(LakeError::Newer { uri, found, ours: SCHEMA_VERSION })
            }
        }
    }

    /// Adds the columns that today's tables have and the lake's have not; returns their names by table.
    ///
    /// # Errors
    /// When a table cannot be altered.
    pub async fn add_missing_columns(&mut self) -> Result<BTreeMap<&'static str, Vec<String>>> {
        let mut added = BTreeMap::new();
        for table in Table::ALL {
            let what = || format!("add columns to table `{}` of `{}`", table.folder(), self.uri());
            let failed = |source| LakeError::Table { what: what(), source };
            let present: HashSet<String> = {
                let snapshot = self.delta(table).snapshot().map_err(failed)?;
                snapshot.snapshot().arrow_schema().fields().iter().map(|f| f.name().clone()).collect()
            };
            let schema = table.schema();
            let missing: Vec<_> =
                schema.fields().iter().filter(|f| !present.contains(f.name())).cloned().collect();
            if missing.is_empty() {
                continue;
            }
            let names = missing.iter().map(|f| f.name().clone()).collect();
            let fields = kernel_fields(&Schema::new(missing)).map_err(failed)?;
            let altered =
                self.delta(table).clone().add_columns().with_fields(fields).await.map_err(failed)?;
            *self.delta_mut(table) = altered;
            added.insert(table.folder(), names);
        }
        Ok(added)
    }

    /// The days of events in the lake, as days since 1970-01-01 (UTC), oldest first.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn event_days(&self) -> Result<Vec<i32>> {
        let query = "SELECT DISTINCT CAST(floor(date_part('epoch', event_time) / 86400) AS BIGINT) FROM events ORDER BY 1";
        let batches = self.collect(query, "list the days").await?;
        let days = batches.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec());
        Ok(days.filter_map(|d| i32::try_from(d).ok()).collect())
    }

    /// The sources that a day's events came from.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn day_sources(&self, day: i32) -> Result<Vec<DaySource>> {
        let query = format!(
            "SELECT arrow_cast(e.source_uri, 'Utf8'), arrow_cast(max(s.sha256), 'Utf8') \
             FROM (SELECT DISTINCT source_uri FROM events WHERE event_date = DATE '{}') e \
             LEFT JOIN sources s ON s.uri = e.source_uri GROUP BY 1 ORDER BY 1",
            date_of(day)
        );
        let batches = self.collect(&query, "list a day's sources").await?;
        let row = |b: &RecordBatch, i: usize| DaySource {
            uri: b.column(0).as_string::<i32>().value(i).to_owned(),
            sha256: Some(b.column(1).as_string::<i32>())
                .filter(|s| !s.is_null(i))
                .map(|s| s.value(i).to_owned()),
        };
        Ok(batches.iter().flat_map(|b| (0..b.num_rows()).map(move |i| row(b, i))).collect())
    }

    /// Replaces a day's files by one commit: rows decoded again where there are any, the others as they were. Rows
    /// that are not stored are ignored: an upgrade adds columns, not events.
    ///
    /// # Errors
    /// When the day cannot be read or written, or another writer commits to it meanwhile; run the upgrade again.
    pub async fn refill_day(&mut self, day: i32, decoded: Vec<EventRow>) -> Result<Refilled> {
        let query = format!("SELECT * FROM events WHERE event_date = DATE '{}'", date_of(day));
        let stored = self.collect(&query, "read a day's events").await?;
        let provenance = provenances(&stored)?;
        let refilled = with_provenance(decoded, &provenance);
        let done: HashSet<Identity> = refilled.iter().map(identity_of).collect();
        let mut batches = Vec::new();
        let mut outcome = Refilled { refilled: refilled.len() as u64, kept: 0 };
        for batch in &stored {
            let kept = self.kept(batch, &done)?;
            outcome.kept += kept.num_rows() as u64;
            batches.push(kept);
        }
        let rows: Vec<&EventRow> = refilled.iter().collect();
        let what = format!("put a day's events of `{}` into columns", self.uri());
        batches.push(EventRow::record_batch(&rows).map_err(|source| LakeError::Arrow { what, source })?);
        self.replace_day(day, batches).await?;
        Ok(outcome)
    }

    /// Says that the lake has today's schema.
    ///
    /// # Errors
    /// When the property cannot be written.
    pub async fn mark_upgraded(&mut self) -> Result<()> {
        self.set_property(SCHEMA_PROPERTY, SCHEMA_VERSION.to_string(), "raise the schema version").await
    }

    /// The rows of a stored batch that were not decoded again, in today's columns.
    fn kept(&self, batch: &RecordBatch, done: &HashSet<Identity>) -> Result<RecordBatch> {
        let failed = |source| LakeError::Arrow { what: format!("keep rows of `{}`", self.uri()), source };
        let (ids, accounts) = (texts(batch, "event_id")?, texts(batch, "account_id")?);
        let (ids, accounts) = (ids.as_string::<i32>(), accounts.as_string::<i32>());
        let keep: BooleanArray = (0..batch.num_rows())
            .map(|row| Some(!done.contains(&(ids.value(row).to_owned(), accounts.value(row).to_owned()))))
            .collect();
        let kept = filter_record_batch(batch, &keep).map_err(failed)?;
        in_columns(&kept, &Arc::new(Table::Events.schema())).map_err(failed)
    }

    async fn replace_day(&mut self, day: i32, batches: Vec<RecordBatch>) -> Result<()> {
        let what = format!("replace the events of {} in `{}`", date_of(day), self.uri());
        let failed = |source| LakeError::Table { what: what.clone(), source };
        let delta = self.delta(Table::Events);
        let mut writer = RecordBatchWriter::for_table(delta)
            .map_err(failed)?
            .with_writer_properties(encoding::for_rows(Table::Events, &batches).map_err(failed)?);
        for batch in batches.into_iter().filter(|b| b.num_rows() > 0) {
            writer.write(batch).await.map_err(failed)?;
        }
        let date = date_of(day).to_string();
        let state = delta.snapshot().map_err(failed)?;
        let of_day = |file: &deltalake::kernel::LogicalFileView| {
            file.partition_values_map().get("event_date").cloned().flatten() == Some(date.clone())
        };
        // No data changes: a detector that follows the log need not look at these events again.
        let files = state.log_data();
        let removed = files.iter().filter(of_day).map(|file| Action::Remove(file.remove_action(false)));
        let mut actions: Vec<Action> = removed.collect();
        for mut add in writer.flush().await.map_err(failed)? {
            add.data_change = false;
            actions.push(Action::Add(add));
        }
        let operation = DeltaOperation::Write {
            mode: SaveMode::Overwrite,
            partition_by: Some(vec!["event_date".to_owned()]),
            predicate: Some(format!("event_date = '{date}'")),
        };
        let ticket = Ticket::draw();
        // The second claim is against a compaction, which the engine would let remove the same files.
        let claims = [Claim::Day(day), Claim::Layout].map(|claim| claim.transaction(ticket));
        let properties = CommitProperties::default().with_application_transactions(claims.to_vec());
        CommitBuilder::from(properties)
            .with_actions(actions)
            .build(Some(state.snapshot()), delta.log_store(), operation)
            .await
            .map_err(failed)?;
        self.refresh(Table::Events).await
    }
}

fn texts(batch: &RecordBatch, name: &str) -> Result<ArrayRef> {
    use datafusion::arrow::datatypes::DataType;
    let what = format!("read column `{name}` of `events`");
    let missing = || arrow::error::ArrowError::SchemaError(format!("no column {name}"));
    let column = batch.column_by_name(name).ok_or_else(missing);
    column.and_then(|c| cast(c, &DataType::Utf8)).map_err(|source| LakeError::Arrow { what, source })
}

fn provenances(batches: &[RecordBatch]) -> Result<HashMap<Identity, Provenance>> {
    let mut known = HashMap::new();
    for batch in batches {
        let columns = [texts(batch, "event_id")?, texts(batch, "account_id")?, texts(batch, "source_uri")?];
        let [ids, accounts, uris] = &columns;
        let (ids, accounts, uris) =
            (ids.as_string::<i32>(), accounts.as_string::<i32>(), uris.as_string::<i32>());
        let (Some(index), Some(time)) =
            (batch.column_by_name("source_index"), batch.column_by_name("ingested_at"))
        else {
            continue;
        };
        let (index, time) =
            (index.as_primitive::<Int64Type>(), time.as_primitive::<TimestampMicrosecondType>());
        for row in 0..batch.num_rows() {
            let provenance = Provenance {
                uri: uris.value(row).to_owned(),
                index: index.value(row),
                ingested_at: time.value(row),
            };
            known.insert((ids.value(row).to_owned(), accounts.value(row).to_owned()), provenance);
        }
    }
    Ok(known)
}

/// The decoded rows that are stored, as they were stored: same source, same place in it, same time of storing.
fn with_provenance(decoded: Vec<EventRow>, stored: &HashMap<Identity, Provenance>) -> Vec<EventRow> {
    let same_place = |row: &EventRow, p: &Provenance| {
        *row.source_uri == *p.uri && i64::try_from(row.source_index).is_ok_and(|index| index == p.index)
    };
    decoded
        .into_iter()
        .filter_map(|row| {
            let provenance = stored.get(&identity_of(&row)).filter(|p| same_place(&row, p))?;
            let ingested_at = Timestamp::from_microsecond(provenance.ingested_at).unwrap_or(row.ingested_at);
            Some(EventRow { ingested_at, ..row })
        })
        .collect()
}

fn identity_of(row: &EventRow) -> Identity {
    (row.event.event_id.clone(), row.event.account_id.clone())
}
