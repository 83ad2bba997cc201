//! How a lake's rows lie in files: which parts have many small ones, and what compaction would make of them.
//!
//! Read from the opened snapshots alone; no file is touched. Compacts nothing: see [`crate::compact`].

use std::collections::BTreeMap;

use deltalake::kernel::Remove;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::error::{LakeError, Result};
use crate::open::Lake;
use crate::tables::Table;

/// Bytes that a compacted file should have. Larger ones save few requests and make a reader of one secret's rows fetch
/// more of a footer; a compaction holds one file's row group in memory while it writes. Beyond it the next file begins.
pub const FILE_BYTES_TARGET: u64 = 64 << 20;

/// A file below this is small: worth to be merged with others of its kind. Well below the target, so that what a
/// compaction wrote, and what compressed better than it looked, is not taken up again.
pub const SMALL_FILE_BYTES: u64 = FILE_BYTES_TARGET / 4;

/// What is laid out by itself: a day of events, or a whole table without partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Part {
    /// The table.
    pub table: Table,
    /// The day of events (UTC); none in the other tables.
    pub day: Option<Date>,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.day {
            Some(day) => write!(f, "the day {day} of table `{}`", self.table.folder()),
            None => write!(f, "table `{}`", self.table.folder()),
        }
    }
}

/// One active data file.
#[derive(Debug, Clone)]
pub struct DataFile {
    /// Its path below the table, as the log has it.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// When it was written, by its writer's clock, UTC.
    pub written_at: Timestamp,
    pub(crate) remove: Remove,
}

impl DataFile {
    /// Whether it is one of the many that should become few.
    pub fn is_small(&self) -> bool {
        self.bytes < SMALL_FILE_BYTES
    }
}

/// The files of a part.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Which part.
    pub part: Part,
    /// Its active files, ordered by path.
    pub files: Vec<DataFile>,
}

impl Layout {
    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The small files.
    pub fn small(&self) -> impl Iterator<Item = &DataFile> {
        self.files.iter().filter(|file| file.is_small())
    }

    /// Whether there is anything to merge: two small files or more. One is what a compaction leaves.
    pub fn wants_compaction(&self) -> bool {
        self.small().count() > 1
    }

    /// About how many files there would be after a compaction.
    pub fn files_after(&self) -> usize {
        if !self.wants_compaction() {
            return self.files.len();
        }
        let merged: u64 = self.small().map(|file| file.bytes).sum();
        let large = self.files.len() - self.small().count();
        large + usize::try_from(merged.div_ceil(FILE_BYTES_TARGET)).unwrap_or(usize::MAX).max(1)
    }
}

impl Lake {
    /// The layout of every part of a table in the opened snapshot, oldest day first.
    ///
    /// # Errors
    /// When the table has no snapshot.
    pub fn layouts(&self, table: Table) -> Result<Vec<Layout>> {
        let what = format!("list the files of table `{}` of `{}`", table.folder(), self.uri());
        let state = self.delta(table).snapshot().map_err(|source| LakeError::Table { what, source })?;
        let mut parts: BTreeMap<Part, Vec<DataFile>> = BTreeMap::new();
        for file in state.log_data().iter() {
            let Some(part) = part_of(table, &file) else { continue };
            parts.entry(part).or_default().push(DataFile {
                path: file.path().into_owned(),
                bytes: u64::try_from(file.size()).unwrap_or_default(),
                written_at: Timestamp::from_millisecond(file.modification_time()).unwrap_or_default(),
                remove: file.remove_action(false),
            });
        }
        Ok(parts
            .into_iter()
            .map(|(part, mut files)| {
                files.sort_by(|a, b| a.path.cmp(&b.path));
                Layout { part, files }
            })
            .collect())
    }
}

/// The part that a file belongs to; none for a partition that is no day, which no Snowtrail writes.
pub(crate) fn part_of(table: Table, file: &deltalake::kernel::LogicalFileView) -> Option<Part> {
    if table.partitions().is_empty() {
        return Some(Part { table, day: None });
    }
    let values = file.partition_values_map();
    let day = values.get("event_date").cloned().flatten()?.parse().ok()?;
    Some(Part { table, day: Some(day) })
}
