//! Files that no snapshot of late names are deleted: what compaction and retention took out, and what killed or beaten
//! writers left behind.
//!
//! A file must have been out of use for a while. Whoever opened the lake earlier still reads it: a long query, a detector
//! that resumes from the version that it has seen, another engine. And a file that is written now is named by no snapshot
//! until its commit. [`KEPT_MIN`] is long enough for all of these.

use std::time::Duration;

use deltalake::operations::vacuum::VacuumMode;

use crate::error::{LakeError, Result};
use crate::open::Lake;
use crate::tables::Table;

/// The shortest time for which files out of use are kept, unless the caller knows that nobody reads or writes the lake.
pub const KEPT_MIN: Duration = Duration::from_secs(7 * 24 * 3600);

/// What a vacuum of one table did, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vacuumed {
    /// The table.
    pub table: Table,
    /// Files deleted; of a rehearsal, those that would be.
    pub files: usize,
}

impl Lake {
    /// Deletes the files of a table that have been out of use for longer than a time. A rehearsal only counts them.
    ///
    /// Cancel safe: what is deleted is deleted, the rest goes with the next one.
    ///
    /// # Errors
    /// When the table cannot be listed, or a file cannot be deleted.
    pub async fn vacuum(&mut self, table: Table, older_than: Duration, rehearsal: bool) -> Result<Vacuumed> {
        let what = format!("delete files out of use of table `{}` of `{}`", table.folder(), self.uri());
        self.refresh(table).await?;
        let older_than = chrono::Duration::from_std(older_than).unwrap_or(chrono::Duration::MAX);
        let vacuum = self
            .delta(table)
            .clone()
            .vacuum()
            .with_mode(VacuumMode::Full)
            .with_retention_period(older_than)
            // The caller has refused what is too short, or was told not to.
            .with_enforce_retention_duration(false)
            .with_dry_run(rehearsal);
        let (delta, metrics) = vacuum.await.map_err(|source| LakeError::Table { what, source })?;
        *self.delta_mut(table) = delta;
        Ok(Vacuumed { table, files: metrics.files_deleted.len() })
    }
}
