//! A table as the plain Parquet files of its opened snapshot, for an engine that knows no Delta.
//!
//! The client resolves the log once; what goes to the engine is a list of addresses and the columns in them. Files
//! without a row that counts are left out by their partition; what is left inside a file, a reader skips by its
//! statistics. Registers nothing: see [`crate::open`].

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use deltalake::kernel::LogicalFileView;
use jiff::civil::Date;
use url::Url;

use crate::error::{LakeError, Result};
use crate::layout::part_of;
use crate::open::Lake;
use crate::tables::Table;

/// The columns that stand in the paths of files and not in them, each with what it is made of. The lake partitions events
/// by the UTC day of their time and by nothing else, so a reader of files can have it from the rows.
pub const DERIVED_COLUMNS: &str = "CAST(event_time AS DATE) AS event_date";

/// Files that hold a table's rows.
#[derive(Debug, Clone)]
pub struct PlainFiles {
    /// Address and bytes of each, sorted.
    pub files: Vec<(String, u64)>,
    /// The columns that files have; older ones may lack some, which are null there.
    pub schema: SchemaRef,
}

impl Lake {
    /// The active files of a table, of events only days up to `last_day` (UTC, inclusive).
    ///
    /// # Errors
    /// When the table has no snapshot, or rows were deleted in a way that only a Delta reader understands.
    pub fn plain_files(&self, table: Table, last_day: Option<Date>) -> Result<PlainFiles> {
        let what = || format!("list the files of table `{}` of `{}`", table.folder(), self.uri());
        let failed = |source| LakeError::Table { what: what(), source };
        let state = self.delta(table).snapshot().map_err(failed)?;
        let mut files = Vec::new();
        for file in state.log_data().iter() {
            if file.deletion_vector_descriptor().is_some() {
                return Err(LakeError::DeletionVectors { what: what() });
            }
            let day = part_of(table, &file).and_then(|part| part.day);
            if day.is_none() || last_day.is_none() || day <= last_day {
                files.push((self.file_url(table, &file)?, u64::try_from(file.size()).unwrap_or_default()));
            }
        }
        files.sort();
        let columns = state.snapshot().arrow_schema();
        let stored = columns.fields().iter().filter(|f| !table.partitions().contains(&f.name().as_str()));
        let schema = Schema::new(stored.map(Arc::clone).collect::<Vec<_>>());
        Ok(PlainFiles { files, schema: Arc::new(schema) })
    }

    fn file_url(&self, table: Table, file: &LogicalFileView) -> Result<String> {
        let mut url: Url = self.location().url().clone();
        let is_base = url.path_segments_mut().map(|mut segments| {
            segments.pop_if_empty().push(table.folder()).extend(file.path().split('/'));
        });
        let why = || format!("the address of `{}` in table `{}` cannot be used", file.path(), table.folder());
        is_base.map_err(|()| LakeError::NotALake { uri: self.uri().to_owned(), why: why() })?;
        Ok(url.into())
    }
}
