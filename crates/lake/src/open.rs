//! A lake is made, opened, or refused. A lake is a folder (or a prefix in an object store) with one Delta table a
//! subfolder.
//!
//! The schema version stands in the `events` table's properties, so that an older or newer Snowtrail notices before
//! it reads or writes a row. Does not append; see [`crate::commit`].

use std::collections::HashMap;
use std::path::Path;

use arrow::datatypes::Schema;
use datafusion::prelude::SessionContext;
use deltalake::kernel::StructField;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::transaction::CommitProperties;
use deltalake::protocol::SaveMode;
use deltalake::{DeltaTable, DeltaTableError};
use std::sync::Arc;

use crate::error::{LakeError, Result};
use crate::location::Location;
use crate::tables::Table;

/// Version of the tables' columns. Raised whenever a column is added or its meaning changes; `snowtrail lake upgrade`
/// brings an older lake here.
pub const SCHEMA_VERSION: u32 = 3;

/// Property of the `events` table that holds [`SCHEMA_VERSION`].
pub(crate) const SCHEMA_PROPERTY: &str = "snowtrail.schemaVersion";

/// What the caller is going to do, which decides what a missing lake means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads only: a missing lake is an error.
    Read,
    /// Writes: a missing lake is made.
    Write,
}

/// An opened lake: the newest snapshot of each table at the time of opening or of the last refresh.
/// A clone is a second handle on the same lake with snapshots of its own.
#[derive(Debug, Clone)]
pub struct Lake {
    location: Location,
    tables: Vec<DeltaTable>,
}

impl Lake {
    /// Opens the lake in a folder, making it first if `access` is [`Access::Write`] and nothing is there.
    ///
    /// # Errors
    /// When the place holds something else, the schema is newer or older than ours, or the storage fails.
    pub async fn open(uri: &str, access: Access) -> Result<Lake> {
        Lake::open_at(Location::folder(uri)?, access).await
    }

    /// Opens the lake at a location, making it first if `access` is [`Access::Write`] and nothing is there.
    ///
    /// # Errors
    /// As [`Lake::open`].
    pub async fn open_at(location: Location, access: Access) -> Result<Lake> {
        let lake = Lake::open_unchecked(location, access).await?;
        lake.check_schema_version()?;
        Ok(lake)
    }

    /// Opens a lake of whatever schema.
    pub(crate) async fn open_unchecked(location: Location, access: Access) -> Result<Lake> {
        refuse_what_is_no_lake(&location, access).await?;
        let mut tables = Vec::new();
        for table in Table::ALL {
            tables.push(open_table(&location, table, access).await?);
        }
        Ok(Lake { location, tables })
    }

    /// The location as the caller gave it.
    pub fn uri(&self) -> &str {
        self.location.shown()
    }

    /// Where it is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The Delta table behind one of the tables.
    pub fn delta(&self, table: Table) -> &DeltaTable {
        &self.tables[position(table)]
    }

    pub(crate) fn delta_mut(&mut self, table: Table) -> &mut DeltaTable {
        &mut self.tables[position(table)]
    }

    /// Moves to the newest snapshot of one table.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn refresh(&mut self, table: Table) -> Result<()> {
        let what = format!("read the log of table `{}` of `{}`", table.folder(), self.uri());
        self.delta_mut(table).update_state().await.map_err(|source| LakeError::Table { what, source })
    }

    /// Sets a property of the table `events`, which speaks for the lake. Whoever appends at this moment loses, and looks
    /// again. `doing` is what an error says that it was for.
    pub(crate) async fn set_property(&mut self, name: &str, value: String, doing: &str) -> Result<()> {
        let what = format!("{doing} of `{}`", self.uri());
        let altered = self
            .delta(Table::Events)
            .clone()
            .set_tbl_properties()
            .with_properties(HashMap::from([(name.to_owned(), value)]))
            .with_raise_if_not_exists(false)
            .await
            .map_err(|source| LakeError::Table { what, source })?;
        *self.delta_mut(Table::Events) = altered;
        Ok(())
    }

    /// Registers every table under its SQL name.
    ///
    /// # Errors
    /// When a table cannot be registered.
    pub async fn register(&self, session: &SessionContext) -> Result<()> {
        for table in Table::ALL {
            let what = || format!("open table `{}` of `{}` for SQL", table.folder(), self.uri());
            let delta = self.delta(table);
            delta
                .update_datafusion_session(&session.state())
                .map_err(|source| LakeError::Table { what: what(), source })?;
            let provider = delta
                .table_provider()
                .await
                .map_err(|source| LakeError::Table { what: what(), source: source.into() })?;
            session
                .register_table(table.sql_name(), provider)
                .map_err(|source| LakeError::Query { what: what(), source })?;
        }
        Ok(())
    }

    fn check_schema_version(&self) -> Result<()> {
        let found = self.schema_version()?;
        let uri = self.uri().to_owned();
        match found.cmp(&SCHEMA_VERSION) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(LakeError::Newer { uri, found, ours: SCHEMA_VERSION }),
            std::cmp::Ordering::Less => Err(LakeError::Older { uri, found, ours: SCHEMA_VERSION }),
        }
    }

    /// The version that the lake's tables were made with; 0 where the property is missing.
    ///
    /// # Errors
    /// When the `events` table has no snapshot.
    pub fn schema_version(&self) -> Result<u32> {
        let what = || format!("read the properties of table `events` of `{}`", self.uri());
        let snapshot = self
            .delta(Table::Events)
            .snapshot()
            .map_err(|source| LakeError::Table { what: what(), source })?;
        let text = snapshot.metadata().configuration().get(SCHEMA_PROPERTY).cloned();
        Ok(text.and_then(|t| t.parse().ok()).unwrap_or(0))
    }
}

fn position(table: Table) -> usize {
    Table::ALL.iter().position(|t| *t == table).unwrap_or_default()
}

async fn refuse_what_is_no_lake(location: &Location, access: Access) -> Result<()> {
    let (is_lake, empty) = match location.path() {
        Some(folder) => look_into_folder(location, &folder)?,
        None => {
            let names = location.names_in_store().await?;
            (names.iter().any(|name| Table::ALL.iter().any(|t| t.folder() == name)), names.is_empty())
        }
    };
    let refuse =
        |why: &str| Err(LakeError::NotALake { uri: location.shown().to_owned(), why: why.to_owned() });
    match (is_lake, empty, access) {
        (true, ..) | (false, true, Access::Write) => Ok(()),
        (false, true, Access::Read) => {
            refuse("nothing is there; `snowtrail ingest SOURCE --lake …` makes a lake")
        }
        (false, false, _) => refuse(
            "it holds other things and none of a lake's tables; give an empty or a new folder or prefix",
        ),
    }
}

/// Whether a folder holds one of a lake's tables, and whether it holds nothing else.
fn look_into_folder(location: &Location, folder: &Path) -> Result<(bool, bool)> {
    if folder.is_file() {
        let why = "it is a file; a lake is a folder".to_owned();
        return Err(LakeError::NotALake { uri: location.shown().to_owned(), why });
    }
    let is_lake = Table::ALL.iter().any(|t| folder.join(t.folder()).join("_delta_log").is_dir());
    let empty =
        folder.read_dir().map(|entries| entries.flatten().all(|entry| is_being_made(&entry))).unwrap_or(true);
    Ok((is_lake, empty))
}

/// Whether an entry is what another process has made of a lake at this moment: a table's folder with nothing in it yet, or
/// with the table's log.
fn is_being_made(entry: &std::fs::DirEntry) -> bool {
    let folder = entry.path();
    Table::ALL.iter().any(|table| entry.file_name() == table.folder())
        && (folder.join("_delta_log").is_dir()
            || folder.read_dir().is_ok_and(|mut inside| inside.next().is_none()))
}

async fn open_table(location: &Location, table: Table, access: Access) -> Result<DeltaTable> {
    let failed = |verb: &'static str| {
        let what = format!("{verb} table `{}` of `{}`", table.folder(), location.shown());
        move |source: DeltaTableError| LakeError::Table { what, source }
    };
    if let (Access::Write, Some(folder)) = (access, location.path()) {
        let path = folder.join(table.folder());
        std::fs::create_dir_all(&path).map_err(|e| LakeError::NotALake {
            uri: location.shown().to_owned(),
            why: format!("cannot make {}: {e}", path.display()),
        })?;
    }
    let mut delta = location.builder(table).and_then(|b| b.build()).map_err(failed("open"))?;
    let exists = delta.verify_deltatable_existence().await.map_err(failed("look for"))?;
    if !exists && access == Access::Write {
        match create_table(delta.clone(), table).await {
            Ok(created) => return Ok(created),
            Err(refused) => {
                // Several processes make a lake at once where they are started together: one wins, the others find it made.
                if !delta.verify_deltatable_existence().await.map_err(failed("look for"))? {
                    return Err(failed("create")(refused));
                }
            }
        }
    }
    delta.load().await.map_err(failed("open"))?;
    Ok(delta)
}

/// Commits between two checkpoints of a table: to open a table is to read the newest and at most so many entries after it.
const CHECKPOINT_EVERY: u64 = 100;

/// How long entries of the log are kept that a checkpoint has made superfluous. A worker may commit twice a second; of a
/// longer log every listing takes longer. Whoever is further behind reads the checkpoint and looks at everything.
const LOG_RETENTION: &str = "interval 1 days";

async fn create_table(delta: DeltaTable, table: Table) -> std::result::Result<DeltaTable, DeltaTableError> {
    let fields = kernel_fields(&table.schema())?;
    let properties = [
        (SCHEMA_PROPERTY.to_owned(), Some(SCHEMA_VERSION.to_string())),
        ("delta.checkpointInterval".to_owned(), Some(CHECKPOINT_EVERY.to_string())),
        ("delta.logRetentionDuration".to_owned(), Some(LOG_RETENTION.to_owned())),
        ("delta.dataSkippingStatsColumns".to_owned(), Some(stats_columns(table))),
    ];
    delta
        .create()
        .with_save_mode(SaveMode::Ignore)
        .with_table_name(table.folder())
        .with_comment(table.description())
        .with_columns(fields)
        .with_partition_columns(table.partitions().iter().copied())
        .with_configuration(properties)
        .with_raise_if_key_not_exists(false)
        // Tried again, it would make the table anew on top of the one that another process made meanwhile.
        .with_commit_properties(CommitProperties::default().with_max_retries(0))
        .await
}

/// Columns whose minimum and maximum a reader can prune files by. Statistics of random ids and of JSON text prune
/// nothing and would fill the log, attackers' text included.
fn stats_columns(table: Table) -> String {
    let columns: &[&str] = match table {
        Table::Events => &["event_time", "event_source", "event_name", "account_id", "ingested_at"],
        Table::Rejects => &["rejected_at", "source_sha256"],
        Table::Sources => &["sha256", "taken_in_at"],
        Table::Findings => &["rule", "window_start", "window_end", "found_at"],
        Table::Pages => &["sent_at"],
    };
    columns.join(",")
}

pub(crate) fn kernel_fields(schema: &Schema) -> std::result::Result<Vec<StructField>, DeltaTableError> {
    let fields = schema.fields().iter().map(|f| TryIntoKernel::<StructField>::try_into_kernel(f.as_ref()));
    Ok(fields.collect::<std::result::Result<Vec<_>, arrow::error::ArrowError>>()?)
}

/// A session in which the lake's tables can be queried.
pub(crate) fn session() -> Arc<SessionContext> {
    Arc::new(SessionContext::new())
}
