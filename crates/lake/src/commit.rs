//! One atomic append to one table.
//!
//! A commit to `events` names the event days it touches as Delta application transactions (`day/2026-11-01`). Two
//! writers that append to one day at once cannot both win: the second fails with a concurrent transaction and must
//! look again at what the first stored.
//!
//! The transaction's version is the append's [`Ticket`], a number that nobody else draws. It answers the question that
//! an error leaves open: the store may have taken the commit and lost the reply, in which case its own retry meets the
//! commit and reports a rival. So after any error, and before any second attempt with the same ticket, the log is read
//! again: if it holds our ticket, the append is durable.

use arrow::array::RecordBatch;
use deltalake::kernel::scalars::ScalarExt;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties, FinalizedCommit, TransactionError};
use deltalake::kernel::{Action, Transaction};
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::writer::{DeltaWriter, RecordBatchWriter, WriteMode};
use deltalake::{DeltaTable, DeltaTableError};
use jiff::Timestamp;
use uuid::Uuid;

use crate::encoding;
use crate::error::{LakeError, Result};
use crate::gathered::{Events, Place};
use crate::known::date_of;
use crate::open::Lake;
use crate::tables::{Row, Table};

/// What a commit claims against concurrent writers: of two commits with one claim on one snapshot, one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// A day of events, as days since 1970-01-01 (UTC).
    Day(i32),
    /// The history of findings: of two detectors only one advances.
    Findings,
    /// What is about to be sent: of two pagers only one plans.
    Pages,
    /// How a table's rows lie in files: of two that move the same rows only one does. See [`crate::replace`].
    Layout,
    /// Rows that conflict with nobody's, appended by one of so many writers: claimed only so that a lost reply can be
    /// told from a lost commit. Two writers that draw one number cost each other a second attempt, nothing else.
    Writer(u8),
}

impl Claim {
    /// A number that another running writer is unlikely to have. Drawn from the thread's own generator, which a
    /// simulation seeds: whether two writers meet in a number is part of a run's history.
    pub fn any_writer() -> Claim {
        Claim::Writer(fastrand::u8(..WRITER_NUMBERS))
    }

    /// The application id in Delta's log. There are as many as days and a few more, so the log stays small.
    fn app_id(self) -> String {
        match self {
            Claim::Day(day) => format!("day/{}", date_of(day)),
            Claim::Findings => "findings".to_owned(),
            Claim::Pages => "pages".to_owned(),
            Claim::Layout => "layout".to_owned(),
            Claim::Writer(number) => format!("writer/{number}"),
        }
    }

    /// The application transaction that holds the claim.
    pub(crate) fn transaction(self, ticket: Ticket) -> Transaction {
        Transaction::new(self.app_id(), ticket.0)
    }
}

/// How many numbers writers draw from: the log keeps one small entry for each for ever.
const WRITER_NUMBERS: u8 = 64;

/// Application id of the newest `now` that the stored findings were judged by, in microseconds since 1970-01-01 UTC.
const JUDGED_AT: &str = "findings/judged-at";

/// The identity of one append, over all its attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(i64);

impl Ticket {
    /// Draws one that no other writer has: 63 random bits.
    pub fn draw() -> Ticket {
        Ticket((Uuid::new_v4().as_u64_pair().0 >> 1).cast_signed())
    }
}

/// How an append ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is durable, as this version of the table or an earlier one.
    Durable(u64),
    /// Another writer committed to one of the same days first. Nothing was stored; look again and retry.
    LostRace,
}

/// Under which terms rows are appended.
#[derive(Debug, Clone)]
pub struct Terms<'t> {
    /// Held against concurrent writers; the first also carries the ticket. None makes a blind append, whose fate after
    /// an error is unknown.
    pub claims: &'t [Claim],
    /// The identity of the append.
    pub ticket: Ticket,
    /// For findings: the `now` that they were judged by.
    pub judged_at: Option<Timestamp>,
}

impl<'t> Terms<'t> {
    /// A first and only attempt.
    pub fn once(claims: &'t [Claim]) -> Terms<'t> {
        Terms { claims, ticket: Ticket::draw(), judged_at: None }
    }

    pub(crate) fn transactions(&self) -> Vec<Transaction> {
        let claims = self.claims.iter().map(|c| c.transaction(self.ticket));
        let judged = self.judged_at.map(|at| Transaction::new(JUDGED_AT, at.as_microsecond()));
        claims.chain(judged).collect()
    }
}

impl Lake {
    /// Appends rows to their table in one commit, in one attempt. `claims` are held against concurrent writers; leave
    /// them empty for a blind append. An empty `rows` commits nothing.
    ///
    /// # Errors
    /// As [`Lake::append_under`].
    pub async fn append<R: Row>(&mut self, rows: &[&R], claims: &[Claim]) -> Result<Appended> {
        self.append_under(rows, &Terms::once(claims)).await
    }

    /// Appends rows to their table in one commit. May be called again after an error with the same ticket and rows:
    /// what is durable already is not appended again. Not cancel safe: dropped half-way, ask [`Lake::holds`].
    ///
    /// # Errors
    /// When encoding, storage or the commit fails. It is then unknown whether the rows are stored.
    pub async fn append_under<R: Row>(&mut self, rows: &[&R], terms: &Terms<'_>) -> Result<Appended> {
        let failed = |source| LakeError::Arrow { what: self.appending(R::TABLE, rows.len()), source };
        let batch = R::record_batch(rows).map_err(failed)?;
        self.append_rows(R::TABLE, Rows::Any([batch]), terms).await
    }

    /// Appends events to their table in one commit, as [`Lake::append_under`] does. They stand day by day, in the order
    /// in which they are to be stored.
    ///
    /// # Errors
    /// As [`Lake::append_under`].
    pub(crate) async fn append_events(
        &mut self,
        events: &Events,
        days: &[&[Place]],
        terms: &Terms<'_>,
    ) -> Result<Appended> {
        let count = days.iter().map(|day| day.len()).sum();
        let failed = |source| LakeError::Arrow { what: self.appending(Table::Events, count), source };
        let batches = days.iter().map(|day| events.record_batch(day).map_err(failed));
        let batches = batches.collect::<Result<Vec<_>>>()?;
        self.append_rows(Table::Events, Rows::Partitions(batches), terms).await
    }

    fn appending(&self, table: Table, rows: usize) -> String {
        format!("append {rows} rows to table `{}` of `{}`", table.folder(), self.uri())
    }

    async fn append_rows(&mut self, table: Table, rows: Rows, terms: &Terms<'_>) -> Result<Appended> {
        let what = self.appending(table, rows.count());
        if rows.count() == 0 {
            let version = self.delta(table).version().unwrap_or_default();
            return Ok(Appended::Durable(version));
        }
        match commit(self.delta(table), table, rows, terms.transactions()).await {
            Ok(finalized) => {
                self.delta_mut(table).state = Some(finalized.snapshot());
                Ok(Appended::Durable(finalized.version()))
            }
            Err(error) => {
                self.refresh(table).await?;
                if self.holds(table, terms).await? {
                    let version = self.delta(table).version().unwrap_or_default();
                    return Ok(Appended::Durable(version));
                }
                if is_lost_race(&error) {
                    return Ok(Appended::LostRace);
                }
                Err(LakeError::Table { what, source: error })
            }
        }
    }

    /// Whether the newest claim in the opened snapshot carries this ticket, which only the append that drew it knows.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn holds(&self, table: Table, terms: &Terms<'_>) -> Result<bool> {
        let Some(claim) = terms.claims.first() else { return Ok(false) };
        let version = self.transaction_version(table, &claim.app_id()).await?;
        Ok(version == Some(terms.ticket.0))
    }

    /// The newest `now` that the stored findings were judged by; a detector must not judge by an earlier one, or it
    /// would withdraw what only time brought about.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn judged_at(&self) -> Result<Option<Timestamp>> {
        let micros = self.transaction_version(Table::Findings, JUDGED_AT).await?;
        Ok(micros.and_then(|m| Timestamp::from_microsecond(m).ok()))
    }

    async fn transaction_version(&self, table: Table, app_id: &str) -> Result<Option<i64>> {
        let what = format!("read the transactions of table `{}` of `{}`", table.folder(), self.uri());
        let failed = |source| LakeError::Table { what: what.clone(), source };
        let state = self.delta(table).snapshot().map_err(failed)?;
        let log_store = self.delta(table).log_store();
        state.transaction_version(log_store.as_ref(), app_id).await.map_err(failed)
    }
}

/// Rows to be appended.
enum Rows {
    /// Of whatever partitions.
    Any([RecordBatch; 1]),
    /// Each batch of one partition, that of its first row.
    Partitions(Vec<RecordBatch>),
}

impl Rows {
    fn batches(&self) -> &[RecordBatch] {
        match self {
            Rows::Any(batch) => batch,
            Rows::Partitions(batches) => batches,
        }
    }

    fn count(&self) -> usize {
        self.batches().iter().map(RecordBatch::num_rows).sum()
    }
}

async fn commit(
    delta: &DeltaTable,
    table: Table,
    rows: Rows,
    transactions: Vec<Transaction>,
) -> std::result::Result<FinalizedCommit, DeltaTableError> {
    let mut writer = RecordBatchWriter::for_table(delta)?
        .with_writer_properties(encoding::for_rows(table, rows.batches())?);
    match rows {
        Rows::Any([batch]) => writer.write(batch).await?,
        Rows::Partitions(batches) => {
            for batch in batches {
                write_partition(&mut writer, table, batch).await?;
            }
        }
    }
    let actions = writer.flush().await?.into_iter().map(Action::Add).collect();
    let partitions: Vec<String> = table.partitions().iter().map(|p| (*p).to_owned()).collect();
    let operation = DeltaOperation::Write {
        mode: SaveMode::Append,
        partition_by: (!partitions.is_empty()).then_some(partitions),
        predicate: None,
    };
    let properties = CommitProperties::default()
        .with_cleanup_expired_logs(Some(is_time_to_clean(delta)))
        .with_application_transactions(transactions);
    CommitBuilder::from(properties)
        .with_actions(actions)
        .build(Some(delta.snapshot()?.snapshot()), delta.log_store(), operation)
        .await
}

/// Writes a batch of one partition as it is. The engine, asked to find the partitions by itself, sorts and copies all.
async fn write_partition(
    writer: &mut RecordBatchWriter,
    table: Table,
    batch: RecordBatch,
) -> std::result::Result<(), DeltaTableError> {
    let value = |name: &&str| {
        let column = batch.column_by_name(name)?;
        Some(((*name).to_owned(), ScalarExt::from_array(column.as_ref(), 0)?))
    };
    let values = table.partitions().iter().filter_map(value).collect();
    writer.write_partition(batch, &values, WriteMode::Default).await?;
    Ok(())
}

/// Commits between two clearings of a table's log. To clear is to list the whole log: with each commit it would cost more
/// than the commit. Entries older than the log's retention may so be there for so many commits longer.
const CLEAN_EVERY: u64 = 1_000;

fn is_time_to_clean(delta: &DeltaTable) -> bool {
    delta.version().is_some_and(|version| (version + 1).is_multiple_of(CLEAN_EVERY))
}

/// Whether somebody else's commit was in the way.
pub(crate) fn is_lost_race(error: &DeltaTableError) -> bool {
    matches!(
        error,
        DeltaTableError::Transaction {
            source: TransactionError::CommitConflict(_) | TransactionError::MaxCommitAttempts(_)
        } | DeltaTableError::VersionAlreadyExists(_)
    )
}
