//! Many small files of a part become few sorted ones, in one commit.
//!
//! ```text
//! small files of a part → events that are stored twice? → sort → files of the target's size → one commit: files out, files in
//!                              ↓ on record first
//!                          rejects, finding
//! ```
//! Rows keep the order and the encoding in which ingest writes them. A reader sees the part as it was or as it is, never
//! both and never neither; what it opened before stays readable until `vacuum`. The commit says that no data changed, so
//! that whoever follows the log (detectors, ingest's memory of identities) need not look. Unless rows vanished that were
//! stored twice: then counts change, the commit says so, and a detector judges everything anew.
//!
//! The engine's own compaction is not used: it cannot sort, it cannot drop rows, and two of it at once double every row
//! (see [`crate::replace`]). Files are written by the engine's writer, which uploads in parts.
//!
//! Does not decide when; see [`Layout::wants_compaction`] and the callers.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, new_null_array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use deltalake::kernel::Add;
use deltalake::protocol::DeltaOperation;
use deltalake::writer::{DeltaWriter, RecordBatchWriter};
use futures::StreamExt;
use jiff::Timestamp;

use crate::doubled::Doubled;
use crate::encoding;
use crate::error::{LakeError, Result};
use crate::layout::{DataFile, FILE_BYTES_TARGET, Layout, Part};
use crate::open::Lake;
use crate::replace::{Replaced, Replacement};
use crate::tables::Table;

/// Memory for sorting. Beyond it sorted runs go to the machine's temporary folder and are merged from there.
const SORT_BYTES_MAX: usize = 128 << 20;

/// Bytes of files (as stored) that are sorted together. It bounds the temporary folder's part in it, which holds rows
/// unpacked: some ten times this. A part with more is sorted in several runs, each of which spans all secrets.
const RUN_BYTES_MAX: u64 = 4 * FILE_BYTES_TARGET;

/// Rows that are read and written at a time. Wide rows: so many of them are a few megabytes.
const BATCH_ROWS: usize = 1_024;

/// Batches by which it is told how the rest of a run is encoded.
const BATCHES_LOOKED_AT: usize = 16;

/// Rounds over one part: a round that ends with several small files, one of each run, is followed by one that merges
/// these. Beyond it the rest is left to the next compaction.
const ROUNDS_MAX: usize = 4;

/// What a compaction of a part did, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compacted {
    /// Which part.
    pub part: Part,
    /// Its files before.
    pub files_before: usize,
    /// Its files afterwards, appends in between included.
    pub files_after: usize,
    /// Their bytes before.
    pub bytes_before: u64,
    /// Their bytes afterwards.
    pub bytes_after: u64,
    /// Rows that vanished because their event was stored twice.
    pub surplus: u64,
    /// Whether another compaction (or the end of the day's keeping) took the files away first, so that this one changed
    /// nothing more.
    pub overtaken: bool,
}

impl Lake {
    /// Compacts a part whose layout wants it; one that does not is left alone. `written_before` leaves out files that are
    /// younger: a detector elsewhere may not have looked at them, and would have to look at everything instead.
    ///
    /// Cancel safe in effect: dropped half-way, the part is as before or as afterwards, and files that nobody names are
    /// left to `vacuum`.
    ///
    /// # Errors
    /// When the part cannot be read or written. It is then as it was, or compacted.
    pub async fn compact(&mut self, part: Part, written_before: Timestamp) -> Result<Compacted> {
        self.refresh(part.table).await?;
        let before = self.layout(part)?;
        let mut compacted = Compacted {
            part,
            files_before: before.files.len(),
            files_after: before.files.len(),
            bytes_before: before.bytes(),
            bytes_after: before.bytes(),
            surplus: 0,
            overtaken: false,
        };
        let mut layout = before;
        for _ in 0..ROUNDS_MAX {
            let files = layout.files.len();
            let small =
                layout.small().filter(|file| file.written_at < written_before).cloned().collect::<Vec<_>>();
            if small.len() < 2 {
                break;
            }
            let round = self.round(&layout, small).await?;
            compacted.surplus += round.surplus;
            compacted.overtaken = round.replaced == Replaced::Overtaken;
            layout = self.layout(part)?;
            if compacted.overtaken || (layout.files.len() >= files && !round.again) {
                break;
            }
        }
        compacted.files_after = layout.files.len();
        compacted.bytes_after = layout.bytes();
        Ok(compacted)
    }

    fn layout(&self, part: Part) -> Result<Layout> {
        let layouts = self.layouts(part.table)?;
        let found = layouts.into_iter().find(|layout| layout.part == part);
        Ok(found.unwrap_or(Layout { part, files: Vec::new() }))
    }

    /// Rewrites the small files of a part; or all of them, where an event is stored twice: the row that stays and those
    /// that vanish must go by one commit, or a rival could take the one away and this one the others.
    async fn round(&mut self, layout: &Layout, small: Vec<DataFile>) -> Result<Round> {
        let mut doubled = self.doubled(layout).await?;
        if let Some(day) = layout.part.day.filter(|_| !doubled.is_empty()) {
            self.record_doubled(day, &doubled).await?;
        }
        let removed = if doubled.is_empty() { small } else { layout.files.clone() };
        let added = self.rewrite(layout.part, &removed, &mut doubled).await?;
        let replacement = Replacement {
            table: layout.part.table,
            removed,
            added,
            changes_data: !doubled.is_empty(),
            operation: operation(layout.part, &doubled),
        };
        let replaced = self.replace(&replacement).await?;
        let surplus = if replaced == Replaced::Durable { doubled.surplus() } else { 0 };
        Ok(Round { replaced, surplus, again: doubled.is_full() })
    }

    async fn doubled(&self, layout: &Layout) -> Result<Doubled> {
        if layout.part.table != Table::Events {
            return Ok(Doubled::default());
        }
        let what = || format!("look for events that are stored twice in {} of `{}`", layout.part, self.uri());
        let context = self.session_over(layout.part, &layout.files, what).await?;
        Doubled::find(&context).await.map_err(|source| LakeError::Query { what: what(), source })
    }

    /// Writes the rows of some files anew, sorted, without those that are too many.
    async fn rewrite(&self, part: Part, files: &[DataFile], doubled: &mut Doubled) -> Result<Vec<Add>> {
        let what = || format!("rewrite {} files of {} of `{}`", files.len(), part, self.uri());
        let failed = |source| LakeError::Table { what: what(), source };
        let query = format!("SELECT * FROM part ORDER BY {}", storage_order(part.table));
        let mut added = Vec::new();
        for run in runs(files) {
            let context = self.session_over(part, run, what).await?;
            let wrong = |source| LakeError::Query { what: what(), source };
            let frame = context.sql(&query).await.map_err(wrong)?;
            let mut rows = frame.execute_stream().await.map_err(wrong)?;
            let writer = RecordBatchWriter::for_table(self.delta(part.table)).map_err(failed)?;
            let schema = writer.arrow_schema();
            let plain = |batch: &RecordBatch| {
                in_columns(batch, &schema).map_err(|source| LakeError::Arrow { what: what(), source })
            };
            let mut first = Vec::new();
            while first.len() < BATCHES_LOOKED_AT
                && let Some(batch) = rows.next().await
            {
                first.push(batch.map_err(wrong)?);
            }
            let looked_at = first.iter().map(plain).collect::<Result<Vec<_>>>()?;
            let properties = encoding::for_rows_like(part.table, &looked_at).map_err(failed)?;
            drop(looked_at);
            let mut writer =
                writer.with_writer_properties(properties).with_target_file_size(FILE_BYTES_TARGET);
            let mut rows = futures::stream::iter(first.into_iter().map(Ok)).chain(rows);
            while let Some(batch) = rows.next().await {
                let kept = doubled.keep(&batch.map_err(wrong)?).map_err(wrong)?;
                let kept = plain(&kept)?;
                writer.write(kept).await.map_err(failed)?;
                // Sorting and encoding never wait by themselves; whoever shares the thread has a turn here.
                tokio::task::yield_now().await;
            }
            added.extend(writer.flush().await.map_err(failed)?);
        }
        Ok(added)
    }

    /// A session of bounded memory in which some files of a part are the table `part`.
    async fn session_over(
        &self,
        part: Part,
        files: &[DataFile],
        what: impl Fn() -> String,
    ) -> Result<Arc<SessionContext>> {
        let wrong = |source| LakeError::Query { what: what(), source };
        let pool = Arc::new(FairSpillPool::new(SORT_BYTES_MAX));
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc().map_err(wrong)?;
        let config = SessionConfig::new().with_target_partitions(1).with_batch_size(BATCH_ROWS);
        let context = Arc::new(SessionContext::new_with_config_rt(config, runtime));
        let delta = self.delta(part.table);
        delta
            .update_datafusion_session(&context.state())
            .map_err(|source| LakeError::Table { what: what(), source })?;
        let paths = files.iter().map(|file| file.path.clone());
        let rows = delta.table_provider().with_file_paths(paths).await.map_err(wrong)?;
        context.register_table("part", rows).map_err(wrong)?;
        Ok(context)
    }
}

/// What one pass over a part did.
struct Round {
    replaced: Replaced,
    surplus: u64,
    /// Whether there were more doubled events than one round sees to.
    again: bool,
}

/// The order in which ingest stores rows: of events, one secret's stand together; all else lies in the order of time.
fn storage_order(table: Table) -> &'static str {
    match table {
        Table::Events => "targets[1]['name'] NULLS FIRST, event_time, event_id, content_hash, ingested_at",
        Table::Rejects => "rejected_at, source_uri, source_index, byte_offset",
        Table::Sources => "taken_in_at, uri",
        Table::Findings => "found_at, window_start, rule, key, revision",
        Table::Pages => "sent_at, dedupe_key, state",
    }
}

/// Cuts a list of files where a run is full.
fn runs(files: &[DataFile]) -> Vec<&[DataFile]> {
    let (mut runs, mut from, mut bytes) = (Vec::new(), 0, 0);
    for (at, file) in files.iter().enumerate() {
        if at > from && bytes + file.bytes > RUN_BYTES_MAX {
            runs.push(&files[from..at]);
            (from, bytes) = (at, 0);
        }
        bytes += file.bytes;
    }
    runs.push(&files[from..]);
    runs
}

fn operation(part: Part, doubled: &Doubled) -> DeltaOperation {
    let predicate = part.day.map(|day| format!("event_date = '{day}'"));
    if doubled.is_empty() {
        let target_size = i64::try_from(FILE_BYTES_TARGET).unwrap_or(i64::MAX);
        return DeltaOperation::Optimize { predicate, target_size };
    }
    DeltaOperation::Delete { predicate }
}

/// A batch with exactly these columns; what it lacks is null.
pub(crate) fn in_columns(
    batch: &RecordBatch,
    schema: &SchemaRef,
) -> std::result::Result<RecordBatch, arrow::error::ArrowError> {
    let column = |name: &str, to| match batch.column_by_name(name) {
        Some(column) => cast(column, to),
        None => Ok(new_null_array(to, batch.num_rows())),
    };
    let columns = schema.fields().iter().map(|field| column(field.name(), field.data_type()));
    let columns = columns.collect::<std::result::Result<Vec<ArrayRef>, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
}
