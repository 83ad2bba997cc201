//! Tables in files: where the events in sight are too many for memory, what a view shows is computed once and kept on disk.
//!
//! As a plan, a view is inlined into every rule above it and runs again there; over a million events, fifty rules spend
//! hours on the same joins. So each view becomes a folder of Parquet files, written as a stream in bounded memory, and a
//! rule is planned over flat files whose statistics the optimizer knows. Rows are the same either way.
//!
//! The folder is temporary (`TMPDIR`), takes about as much room as the events do in the lake, and goes with the engine that
//! made it. Does not decide when files are better than memory; see [`crate::memory::keep_events`].

use std::path::Path;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::UInt64Type;
use datafusion::common::config::TableParquetOptions;
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::error::DataFusionError;
use datafusion::prelude::{ParquetReadOptions, SessionContext};

use crate::memory;
use crate::planning::for_a_view;

/// Written once, read some dozens of times, thrown away: little compression, and statistics of chunks only.
const COMPRESSION: &str = "zstd(1)";

/// A writer keeps a group's pages until it ends, and a reader fetches a group's columns whole.
const ROWS_OF_A_GROUP: usize = 128 * 1024;

/// Runs a query, keeps its rows as files in a folder of their own under `folder`, and registers them as the table `name`.
pub(crate) async fn register(
    session: &SessionContext,
    folder: &Path,
    name: &str,
    sql: &str,
) -> Result<(), DataFusionError> {
    let frame = for_a_view(session).sql(sql.trim().trim_end_matches(';')).await?;
    let schema = Arc::clone(frame.schema().inner());
    let place = format!("{}/", folder.join(name).display());
    let written = frame.write_parquet(&place, DataFrameWriteOptions::new(), Some(parquet_options())).await?;
    if rows_written(&written) == 0 {
        session.register_table(name, memory::table_of(schema, Vec::new())?)?;
        return Ok(());
    }
    session.register_parquet(name, &place, ParquetReadOptions::default()).await
}

/// How files are written that are read some dozens of times and thrown away.
pub(crate) fn parquet_options() -> TableParquetOptions {
    let mut options = TableParquetOptions::default();
    options.global.compression = Some(COMPRESSION.to_owned());
    options.global.max_row_group_size = ROWS_OF_A_GROUP;
    options.global.statistics_enabled = Some("chunk".to_owned());
    options
}

/// What a write tells: one row, one column, how many rows it wrote.
fn rows_written(told: &[RecordBatch]) -> u64 {
    let counts = told.iter().filter_map(|batch| batch.column(0).as_primitive_opt::<UInt64Type>());
    counts.flat_map(|counts| counts.iter().flatten()).sum()
}
