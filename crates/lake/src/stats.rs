//! How much is in a lake: rows, files, bytes, the span of time, and what compaction would win, a table each.

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::Int64Type;
use jiff::Timestamp;

use crate::error::Result;
use crate::layout::Layout;
use crate::open::Lake;
use crate::tables::Table;

/// What one table holds.
#[derive(Debug, Clone)]
pub struct TableStats {
    /// Which table.
    pub table: Table,
    /// Rows.
    pub rows: i64,
    /// Active Parquet files.
    pub files: i64,
    /// Their bytes.
    pub bytes: i64,
    /// Of the files: smaller than [`crate::layout::SMALL_FILE_BYTES`].
    pub small_files: i64,
    /// Parts (days of events, or the whole of another table) that want compaction.
    pub parts_to_compact: i64,
    /// About how many files there would be after it.
    pub files_after: i64,
    /// Version of the Delta table.
    pub version: i64,
    /// Oldest time in the table's leading time column.
    pub oldest: Option<Timestamp>,
    /// Newest.
    pub newest: Option<Timestamp>,
}

impl Lake {
    /// Statistics of every table, in commit order.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn stats(&self) -> Result<Vec<TableStats>> {
        let mut stats = Vec::new();
        for table in Table::ALL {
            stats.push(self.table_stats(table).await?);
        }
        Ok(stats)
    }

    async fn table_stats(&self, table: Table) -> Result<TableStats> {
        let layouts = self.layouts(table)?;
        let over_all = |count: fn(&Layout) -> usize| long(layouts.iter().map(count).sum::<usize>() as u64);
        let query = format!(
            "SELECT count(*), CAST(min({time}) AS BIGINT), CAST(max({time}) AS BIGINT) FROM {name}",
            time = time_column(table),
            name = table.sql_name()
        );
        let batches = self.collect(&query, "count the rows").await?;
        let cell = |column: usize| {
            let longs = batches.first().map(|b| b.column(column).as_primitive::<Int64Type>().clone());
            longs.filter(|l| l.len() == 1 && !l.is_null(0)).map(|l| l.value(0))
        };
        let instant = |micros: Option<i64>| micros.and_then(|m| Timestamp::from_microsecond(m).ok());
        Ok(TableStats {
            table,
            rows: cell(0).unwrap_or_default(),
            files: over_all(|layout| layout.files.len()),
            bytes: long(layouts.iter().map(Layout::bytes).sum()),
            small_files: over_all(|layout| layout.small().count()),
            parts_to_compact: over_all(|layout| usize::from(layout.wants_compaction())),
            files_after: over_all(Layout::files_after),
            version: self.delta(table).version().map_or(0, long),
            oldest: instant(cell(1)),
            newest: instant(cell(2)),
        })
    }
}

fn long(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn time_column(table: Table) -> &'static str {
    match table {
        Table::Rejects => "rejected_at",
        Table::Events => "event_time",
        Table::Sources => "taken_in_at",
        Table::Findings => "found_at",
        Table::Pages => "sent_at",
    }
}
