//! What the table `events` gained since a version that somebody has seen: the rows of the files that later commits
//! added.
//!
//! Read from the Delta log's own entries, so the cost follows the new commits, not the lake. Commits that only move rows
//! (compaction: `dataChange` is false) add nothing. Where the log cannot tell (its entries were cleaned away, the rows
//! were moved on meanwhile, rows were removed or rewritten) the answer says so, and the caller has to look at everything.
//! Decides nothing about the rows.

use std::collections::HashSet;

use datafusion::arrow::array::RecordBatch;
use deltalake::DeltaTable;
use deltalake::kernel::Action;
use deltalake::logstore::get_actions;

use crate::error::{LakeError, Result};
use crate::open::{Lake, session};
use crate::tables::Table;

/// Commits that are looked through one by one. Whoever is further behind is better off with a look at everything.
const COMMITS_MAX: u64 = 1_000;

/// What was added since a version.
#[derive(Debug)]
pub enum Added {
    /// These rows, with the columns that were asked for.
    Rows(Vec<RecordBatch>),
    /// It cannot be told row by row, for this reason. Look at everything.
    Untold(String),
}

impl Lake {
    /// The version of the `events` table that this handle has read up to.
    pub fn events_version(&self) -> u64 {
        self.delta(Table::Events).version().unwrap_or_default()
    }

    /// The rows that commits after `version`, up to the opened snapshot, added to `events`. `columns` are quoted SQL
    /// names; the rows have the types that SQL gives them. At most `rows_max` rows are read; more are not told.
    ///
    /// Cancel safe: it only reads.
    ///
    /// # Errors
    /// When the log or the files cannot be read.
    pub async fn events_added_since(
        &self,
        version: u64,
        columns: &[String],
        rows_max: usize,
    ) -> Result<Added> {
        let paths = match self.files_added_since(version).await? {
            Files::Added(paths) if paths.is_empty() => return Ok(Added::Rows(Vec::new())),
            Files::Added(paths) => paths,
            Files::Untold(why) => return Ok(Added::Untold(why)),
        };
        let rows = self.rows_of(paths, columns, rows_max).await?;
        if rows.iter().map(RecordBatch::num_rows).sum::<usize>() > rows_max {
            return Ok(Added::Untold(format!("more than {rows_max} events are new")));
        }
        Ok(Added::Rows(rows))
    }

    async fn files_added_since(&self, version: u64) -> Result<Files> {
        let what = || format!("read what was added to table `events` of `{}`", self.uri());
        let failed = |source| LakeError::Table { what: what(), source };
        let delta = self.delta(Table::Events);
        let newest = self.events_version();
        if newest.saturating_sub(version) > COMMITS_MAX {
            return Ok(Files::Untold(format!("more than {COMMITS_MAX} commits are new")));
        }
        let mut paths = Vec::new();
        for commit in version + 1..=newest {
            let Some(entry) = delta.log_store().read_commit_entry(commit).await.map_err(failed)? else {
                return Ok(Files::Untold(format!("the log's entry {commit} is gone")));
            };
            for action in get_actions(commit, &entry).map_err(failed)? {
                match action {
                    Action::Add(add) if add.data_change => paths.push(add.path),
                    Action::Remove(remove) if remove.data_change => {
                        return Ok(Files::Untold(format!("commit {commit} removed events")));
                    }
                    _ => {}
                }
            }
        }
        Ok(if paths.is_empty() || all_active(delta, &paths).map_err(failed)? {
            Files::Added(paths)
        } else {
            Files::Untold("new events were compacted before they were looked at".to_owned())
        })
    }

    async fn rows_of(
        &self,
        paths: Vec<String>,
        columns: &[String],
        rows_max: usize,
    ) -> Result<Vec<RecordBatch>> {
        let what = || format!("read the new rows of table `events` of `{}`", self.uri());
        let failed = |source| LakeError::Query { what: what(), source };
        let context = session();
        let delta = self.delta(Table::Events);
        delta
            .update_datafusion_session(&context.state())
            .map_err(|source| LakeError::Table { what: what(), source })?;
        let added = delta.table_provider().with_file_paths(paths).await.map_err(failed)?;
        context.register_table("added", added).map_err(failed)?;
        let query = format!("SELECT {} FROM added LIMIT {}", columns.join(", "), rows_max.saturating_add(1));
        context.sql(&query).await.map_err(failed)?.collect().await.map_err(failed)
    }
}

enum Files {
    Added(Vec<String>),
    Untold(String),
}

/// Whether the snapshot still holds all of these files.
fn all_active(delta: &DeltaTable, paths: &[String]) -> std::result::Result<bool, deltalake::DeltaTableError> {
    let mut missing: HashSet<&str> = paths.iter().map(String::as_str).collect();
    for file in delta.snapshot()?.log_data() {
        missing.remove(file.path().as_ref());
    }
    Ok(missing.is_empty())
}
