//! The table `verifications`: what `snowtrail verify --lake` proved, a row for each run and chain of digests.
//!
//! It stands beside the five tables of [`Table::ALL`] and is none of them: it is made when a run first writes it, so that a lake
//! from before it opens as it did, here and in older versions, and needs no upgrade. Where it is missing it is an empty
//! table to SQL. Rows are appended blindly: a run that is repeated, or whose reply was lost, is two rows that say the same, and
//! whoever asks takes the newest. Compaction, retention and statistics leave it alone: a run is one small file.

use std::sync::{Arc, LazyLock};

use arrow::array::RecordBatch;
use datafusion::prelude::SessionContext;
use deltalake::protocol::SaveMode;
use deltalake::writer::{DeltaWriter, RecordBatchWriter};
use deltalake::{DeltaTable, DeltaTableError};
use jiff::Timestamp;

use crate::column::{self, Column, long, text, time};
use crate::encoding;
use crate::error::{LakeError, Result};
use crate::open::{Lake, kernel_fields};
use crate::tables::Table;

/// The table's folder, and its name in SQL.
pub const VERIFICATIONS: &str = "verifications";

/// What a row is.
pub const DESCRIPTION: &str =
    "What `snowtrail verify --lake` proved by CloudTrail's digests: one row for each run and chain";

/// What one run proved of one chain of digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationRow {
    /// Account whose log files they are.
    pub account_id: String,
    /// Region whose log files they are.
    pub aws_region: String,
    /// The trail's name.
    pub trail: String,
    /// standard, or backfill: the chain of late deliveries.
    pub chain: String,
    /// From when everything verifies, by delivery; none where nothing does.
    pub verified_from: Option<Timestamp>,
    /// Through when everything verifies, by delivery; none where nothing does.
    pub verified_through: Option<Timestamp>,
    /// End of the newest digest that can be read.
    pub newest_digest: Option<Timestamp>,
    /// Digests.
    pub digests: u64,
    /// Log files that they vouch for.
    pub logs: u64,
    /// Proven log files of the region that the lake took in.
    pub in_lake: Option<u64>,
    /// What does not verify, of the chain and of its region as a whole.
    pub faults: u64,
    /// The run's `--from`; none: from the first digest.
    pub asked_from: Option<Timestamp>,
    /// The run's `--to`; none: to the last digest.
    pub asked_to: Option<Timestamp>,
    /// The bucket or folder that was looked at.
    pub source: String,
    /// The time that the run judged by, UTC.
    pub verified_at: Timestamp,
}

static COLUMNS: LazyLock<Vec<Column<VerificationRow>>> = LazyLock::new(columns);

fn columns() -> Vec<Column<VerificationRow>> {
    type R = VerificationRow;
    vec![
        text("account_id", "Account whose log files they are", |r: &R| Some(&r.account_id)),
        text("aws_region", "Region whose log files they are", |r: &R| Some(&r.aws_region)),
        text("trail", "The trail's name", |r: &R| Some(&r.trail)),
        text("chain", "standard, or backfill: the chain of late deliveries", |r: &R| Some(&r.chain)),
        time("verified_from", "From when everything verifies, by delivery, UTC", |r: &R| r.verified_from),
        time(
            "verified_through",
            "Through when everything verifies, by delivery, UTC; null: nothing does",
            |r: &R| r.verified_through,
        ),
        time("newest_digest", "End of the newest digest that can be read, UTC", |r: &R| r.newest_digest),
        long("digests", "Digests of the chain", |r: &R| Some(saturate(r.digests))),
        long("logs", "Log files that they vouch for", |r: &R| Some(saturate(r.logs))),
        long("in_lake", "Proven log files of the region that the lake took in", |r: &R| {
            r.in_lake.map(saturate)
        }),
        long("faults", "What does not verify, of the chain and of its region as a whole", |r: &R| {
            Some(saturate(r.faults))
        }),
        time("asked_from", "The run's --from, UTC; null: from the first digest", |r: &R| r.asked_from),
        time("asked_to", "The run's --to, UTC; null: to the last digest", |r: &R| r.asked_to),
        text("source", "The bucket or folder that was looked at", |r: &R| Some(&r.source)),
        time("verified_at", "The time that the run judged by, UTC", |r: &R| Some(r.verified_at)),
    ]
}

fn saturate(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Lake {
    /// Appends what a run proved, making the table first where it is missing.
    ///
    /// Not cancel safe: dropped half-way, it is unknown whether the rows are there. To append them again does no harm.
    ///
    /// # Errors
    /// When the table cannot be made or written.
    pub async fn record_verifications(&self, rows: &[VerificationRow]) -> Result<()> {
        let what = format!("append {} rows to table `{VERIFICATIONS}` of `{}`", rows.len(), self.uri());
        let rows: Vec<&VerificationRow> = rows.iter().collect();
        let batch = column::record_batch(&COLUMNS, &rows)
            .map_err(|source| LakeError::Arrow { what: what.clone(), source })?;
        self.append_verifications(batch).await.map_err(|source| LakeError::Table { what, source })
    }

    async fn append_verifications(&self, batch: RecordBatch) -> std::result::Result<(), DeltaTableError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if let Some(folder) = self.location().path() {
            std::fs::create_dir_all(folder.join(VERIFICATIONS))?;
        }
        let mut table = match self.open_verifications().await? {
            Some(table) => table,
            None => self.make_verifications().await?,
        };
        let properties = encoding::for_rows(Table::Findings, std::slice::from_ref(&batch))?;
        let mut writer = RecordBatchWriter::for_table(&table)?.with_writer_properties(properties);
        writer.write(batch).await?;
        writer.flush_and_commit(&mut table).await?;
        Ok(())
    }

    async fn make_verifications(&self) -> std::result::Result<DeltaTable, DeltaTableError> {
        let made = self.location().builder_in(VERIFICATIONS)?.build()?;
        made.create()
            .with_save_mode(SaveMode::Ignore)
            .with_table_name(VERIFICATIONS)
            .with_comment(DESCRIPTION)
            .with_columns(kernel_fields(&column::schema(&COLUMNS))?)
            .await
    }

    /// The table, where it is there.
    async fn open_verifications(&self) -> std::result::Result<Option<DeltaTable>, DeltaTableError> {
        if self.location().path().is_some_and(|folder| !folder.join(VERIFICATIONS).is_dir()) {
            return Ok(None);
        }
        let mut table = self.location().builder_in(VERIFICATIONS)?.build()?;
        if !table.verify_deltatable_existence().await? {
            return Ok(None);
        }
        table.load().await?;
        Ok(Some(table))
    }

    /// Registers the table under its name; an empty one where it is missing. Apart from [`Lake::register`], because it costs a
    /// request, and no rule may ask it: findings do not depend on when somebody verified.
    ///
    /// # Errors
    /// When the table cannot be opened.
    pub async fn register_verifications(&self, session: &SessionContext) -> Result<()> {
        let what = || format!("open table `{VERIFICATIONS}` of `{}` for SQL", self.uri());
        let query = |source| LakeError::Query { what: what(), source };
        let failed = |source: DeltaTableError| LakeError::Table { what: what(), source };
        let Some(table) = self.open_verifications().await.map_err(failed)? else {
            let none = RecordBatch::new_empty(Arc::new(column::schema(&COLUMNS)));
            return session.register_batch(VERIFICATIONS, none).map(drop).map_err(query);
        };
        table.update_datafusion_session(&session.state()).map_err(failed)?;
        let provider = table.table_provider().await.map_err(|source| failed(source.into()))?;
        session.register_table(VERIFICATIONS, provider).map(drop).map_err(query)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::datatypes::Int64Type;

    use super::*;
    use crate::Access;

    fn row(at: &str) -> VerificationRow {
        let at: Timestamp = at.parse().unwrap();
        VerificationRow {
            account_id: "111122223333".to_owned(),
            aws_region: "us-west-2".to_owned(),
            trail: "winter".to_owned(),
            chain: "standard".to_owned(),
            verified_from: Some(at),
            verified_through: None,
            newest_digest: None,
            digests: 4,
            logs: 7,
            in_lake: None,
            faults: 1,
            asked_from: None,
            asked_to: None,
            source: "s3://snowy-trail".to_owned(),
            verified_at: at,
        }
    }

    async fn stored(lake: &Lake) -> i64 {
        let session = SessionContext::new();
        lake.register_verifications(&session).await.unwrap();
        let rows = session.sql("SELECT count(*) FROM verifications").await.unwrap().collect().await.unwrap();
        rows[0].column(0).as_primitive::<Int64Type>().value(0)
    }

    #[tokio::test]
    async fn table_is_empty_until_a_run_writes_it_and_the_lake_opens_with_and_without_it() {
        let folder = tempfile::tempdir().unwrap();
        let uri = folder.path().join("lake").display().to_string();
        let lake = Lake::open(&uri, Access::Write).await.unwrap();
        assert_eq!(stored(&lake).await, 0);
        lake.record_verifications(&[]).await.unwrap();
        assert!(!folder.path().join("lake").join(VERIFICATIONS).exists(), "nothing to say makes no table");
        lake.record_verifications(&[row("2026-11-20T07:00:00Z")]).await.unwrap();
        lake.record_verifications(&[row("2026-11-20T08:00:00Z"), row("2026-11-20T09:00:00Z")]).await.unwrap();
        let lake = Lake::open(&uri, Access::Read).await.unwrap();
        assert_eq!(stored(&lake).await, 3);
    }
}
