//! Events that are stored twice after all, found where a day's files are read anyway: at a compaction.
//!
//! Ingest stores each identity (event id, account) once. What is twice in the files came by other ways: another program
//! wrote into the lake, a file was put back by hand, or a promise of ours broke. One row of each identity is kept, the
//! one that was stored first; the others vanish, and that they were there is a finding. Rows that differ from the kept
//! one in content also become rejects, as ingest would have made them.
//!
//! A day's identities are looked through as numbers, eight bytes each; only those that come twice are looked at as rows.
//! Sees one day at a time: the same identity under two days' times stays two rows, here as in [`crate::known`].

use std::collections::{BTreeMap, BTreeSet, HashSet};

use datafusion::arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::{cast, filter_record_batch};
use datafusion::arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use snowtrail_model::finding::DUPLICATE_IN_LAKE;
use snowtrail_model::{Finding, FindingState, Reject, RejectReason, Severity};

use crate::commit::{Appended, Claim};
use crate::error::{LakeError, Result};
use crate::ingest::COMMIT_ATTEMPTS_MAX;
use crate::known::identity_number;
use crate::open::Lake;
use crate::tables::{RejectRow, Table};

/// Identities that one round of a compaction sees to. Of a day with more (a day's files put back whole) the next round sees
/// to the rest.
pub const DOUBLED_MAX: usize = 200_000;

/// Event ids that the finding names.
const EVIDENCE_MAX: usize = 20;

/// What is read of each stored event to tell rows of one identity apart, in this order.
const COLUMNS: [&str; 6] =
    ["event_id", "account_id", "content_hash", "ingested_at", "source_uri", "source_index"];

/// One stored row of an event, in the order in which rows were stored: the first is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct StoredRow {
    ingested_at: i64,
    source_uri: String,
    source_index: i64,
    content_hash: i64,
}

type Identity = (String, String);

/// The events of some files that are there more than once.
#[derive(Debug, Default)]
pub(crate) struct Doubled {
    copies: BTreeMap<Identity, Vec<StoredRow>>,
    /// Identities whose kept row has passed.
    passed: HashSet<Identity>,
    is_full: bool,
}

impl Doubled {
    /// Looks for them in the table `part` of a session.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub(crate) async fn find(context: &SessionContext) -> datafusion::error::Result<Doubled> {
        let candidates = doubled_numbers(context).await?;
        let mut copies: BTreeMap<Identity, Vec<StoredRow>> = BTreeMap::new();
        if candidates.is_empty() {
            return Ok(Doubled::default());
        }
        let mut rows =
            context.sql(&format!("SELECT {} FROM part", COLUMNS.join(", "))).await?.execute_stream().await?;
        while let Some(batch) = rows.next().await {
            for (identity, copy) in read(&batch?)? {
                if candidates.contains(&identity_number(&identity.0, &identity.1)) {
                    copies.entry(identity).or_default().push(copy);
                }
            }
        }
        copies.retain(|_, copies| copies.len() > 1);
        copies.values_mut().for_each(|copies| copies.sort_unstable());
        Ok(Doubled { copies, passed: HashSet::new(), is_full: candidates.len() == DOUBLED_MAX })
    }

    /// Whether there may be more than these.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.copies.is_empty()
    }

    /// Rows that are too many.
    pub(crate) fn surplus(&self) -> u64 {
        self.copies.values().map(|copies| copies.len() as u64 - 1).sum()
    }

    /// The rows of a batch that stay: of each identity the first that was stored, once over all batches.
    ///
    /// # Errors
    /// When the batch lacks one of the columns.
    pub(crate) fn keep(&mut self, batch: &RecordBatch) -> datafusion::error::Result<RecordBatch> {
        if self.is_empty() {
            return Ok(batch.clone());
        }
        let rows = read(batch)?;
        let stays: BooleanArray =
            rows.into_iter().map(|(identity, copy)| Some(self.stays(identity, &copy))).collect();
        Ok(filter_record_batch(batch, &stays)?)
    }

    fn stays(&mut self, identity: Identity, copy: &StoredRow) -> bool {
        match self.copies.get(&identity).and_then(|copies| copies.first()) {
            None => true,
            Some(first) => first == copy && self.passed.insert(identity),
        }
    }

    /// Copies whose content is not that of the row that stays.
    fn conflicts(&self) -> impl Iterator<Item = (&Identity, &StoredRow)> {
        self.copies.iter().flat_map(|(identity, copies)| {
            let kept = copies.first().map(|copy| copy.content_hash);
            let others = copies.iter().filter(move |copy| Some(copy.content_hash) != kept);
            others.map(move |copy| (identity, copy))
        })
    }

    fn rejects(&self, at: Timestamp) -> Vec<RejectRow> {
        let reject = |(identity, copy): (&Identity, &StoredRow)| RejectRow {
            reject: Reject {
                reason: RejectReason::ConflictingDuplicate,
                detail: format!(
                    "event {} of account {} was stored twice with different content; a compaction kept what was stored first",
                    identity.0, identity.1
                ),
                index: u64::try_from(copy.source_index).ok(),
                offset: 0,
                event_id: Some(identity.0.clone()),
                excerpt: String::new(),
                bytes_total: 0,
            },
            source_uri: copy.source_uri.as_str().into(),
            source_sha256: String::new(),
            rejected_at: at,
        };
        self.conflicts().map(reject).collect()
    }

    fn finding(&self, day: Date, at: Timestamp) -> Finding {
        let accounts: BTreeSet<&str> = self.copies.keys().map(|(_, account)| account.as_str()).collect();
        let sources: BTreeSet<&str> =
            self.copies.values().flatten().map(|copy| copy.source_uri.as_str()).take(EVIDENCE_MAX).collect();
        let conflicting = self.conflicts().count();
        let (events, surplus) = (self.copies.len(), self.surplus());
        let start =
            day.to_zoned_datetime(TimeZone::UTC).map_or(Timestamp::UNIX_EPOCH, |zoned| zoned.timestamp());
        Finding {
            rule: DUPLICATE_IN_LAKE.to_owned(),
            severity: if conflicting > 0 { Severity::High } else { Severity::Medium },
            key: format!("{DUPLICATE_IN_LAKE}:{day}"),
            state: FindingState::Open,
            revision: 1,
            title: format!("Events of {day} were stored twice"),
            summary: format!(
                "{surplus} rows of {events} events of {day} were in the lake beside the first ones, {conflicting} of them with \
                 other content. Snowtrail stores an event once: something else wrote into the lake, or a file was put back. \
                 Until the compaction that found them they counted more than once."
            ),
            account_id: accounts.iter().next().filter(|_| accounts.len() == 1).map(|a| (*a).to_owned()),
            aws_region: None,
            secret_arn: None,
            secret_name: None,
            principal: None,
            actor: None,
            window_start: start,
            window_end: start.checked_add(24.hours()).unwrap_or(start),
            observed: format!("{} rows of {events} events", surplus + events as u64),
            expected: format!("{events} rows"),
            evidence: self.copies.keys().map(|(id, _)| id.clone()).take(EVIDENCE_MAX).collect(),
            detail: serde_json::json!({
                "day": day.to_string(), "events": events, "surplus": surplus, "conflicting": conflicting, "sources": sources,
            })
            .to_string(),
            found_at: at,
        }
    }
}

impl Lake {
    /// Puts on record that events of a day were stored twice: the finding, and the rejects. Before the rows vanish, so
    /// that a kill in between leaves no gap in the record; the next compaction then says the same again, which changes
    /// nothing.
    pub(crate) async fn record_doubled(&mut self, day: Date, doubled: &Doubled) -> Result<()> {
        let at = Timestamp::now();
        crate::ingest::append_rejects(self, &doubled.rejects(at)).await?;
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            self.refresh(Table::Findings).await?;
            let mut finding = doubled.finding(day, at);
            let newest = self.newest_findings().await?.into_iter().find(|stored| stored.key == finding.key);
            if let Some(stored) = newest {
                if stored.same_content(&finding) {
                    return Ok(());
                }
                finding.revision = stored.revision + 1;
            }
            if let Appended::Durable(_) = self.append(&[&finding], &[Claim::Findings]).await? {
                return Ok(());
            }
        }
        Err(LakeError::Contended { uri: self.uri().to_owned(), attempts: COMMIT_ATTEMPTS_MAX })
    }
}

/// Numbers of identities that come more than once. Two identities may share a number; the rows tell.
async fn doubled_numbers(context: &SessionContext) -> datafusion::error::Result<HashSet<u64>> {
    let mut numbers: Vec<u64> = Vec::new();
    let mut rows = context.sql("SELECT event_id, account_id FROM part").await?.execute_stream().await?;
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        let (ids, accounts) = (texts(&batch, "event_id")?, texts(&batch, "account_id")?);
        let (ids, accounts) = (ids.as_string::<i32>(), accounts.as_string::<i32>());
        numbers.extend((0..batch.num_rows()).map(|row| identity_number(ids.value(row), accounts.value(row))));
    }
    numbers.sort_unstable();
    let twice = numbers.windows(2).filter_map(|pair| (pair[0] == pair[1]).then_some(pair[0]));
    Ok(twice.collect::<BTreeSet<u64>>().into_iter().take(DOUBLED_MAX).collect())
}

fn texts(batch: &RecordBatch, name: &str) -> datafusion::error::Result<datafusion::arrow::array::ArrayRef> {
    typed(batch, name, &DataType::Utf8)
}

fn typed(
    batch: &RecordBatch,
    name: &str,
    to: &DataType,
) -> datafusion::error::Result<datafusion::arrow::array::ArrayRef> {
    let missing = || arrow::error::ArrowError::SchemaError(format!("no column {name}"));
    Ok(cast(batch.column_by_name(name).ok_or_else(missing)?, to)?)
}

/// Identity and place of every row.
fn read(batch: &RecordBatch) -> datafusion::error::Result<Vec<(Identity, StoredRow)>> {
    let micros = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let columns = [texts(batch, "event_id")?, texts(batch, "account_id")?, texts(batch, "source_uri")?];
    let [ids, accounts, uris] = columns.each_ref().map(|column| column.as_string::<i32>());
    let hashes = typed(batch, "content_hash", &DataType::Int64)?;
    let times = typed(batch, "ingested_at", &micros)?;
    let places = typed(batch, "source_index", &DataType::Int64)?;
    let long = |column: &datafusion::arrow::array::ArrayRef, row: usize| {
        let longs = column.as_primitive::<Int64Type>();
        if longs.is_null(row) { 0 } else { longs.value(row) }
    };
    let times = times.as_primitive::<TimestampMicrosecondType>();
    let row = |row: usize| {
        let identity = (ids.value(row).to_owned(), accounts.value(row).to_owned());
        let copy = StoredRow {
            ingested_at: if times.is_null(row) { 0 } else { times.value(row) },
            source_uri: uris.value(row).to_owned(),
            source_index: long(&places, row),
            content_hash: long(&hashes, row),
        };
        (identity, copy)
    };
    Ok((0..batch.num_rows()).map(row).collect())
}
