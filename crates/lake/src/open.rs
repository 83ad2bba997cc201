//! A lake is made, opened, or refused. A lake is a folder with one Delta table a subfolder.
//!
//! The schema version stands in the `events` table's properties, so that an older or newer Snowtrail notices before
//! it reads or writes a row. Does not append; see [`crate::commit`].

use std::path::{Path, PathBuf};

use arrow::datatypes::Schema;
use datafusion::prelude::SessionContext;
use deltalake::kernel::StructField;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::protocol::SaveMode;
use deltalake::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use std::sync::Arc;
use url::Url;

use crate::error::{LakeError, Result};
use crate::tables::Table;

/// Version of the tables' columns. Raised whenever a column is added or its meaning changes; `snowtrail lake upgrade`
/// brings an older lake here.
pub const SCHEMA_VERSION: u32 = 1;

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
#[derive(Debug)]
pub struct Lake {
    uri: String,
    tables: Vec<DeltaTable>,
}

impl Lake {
    /// Opens the lake in a folder, making it first if `access` is [`Access::Write`] and nothing is there.
    ///
    /// # Errors
    /// When the place holds something else, the schema is newer or older than ours, or the storage fails.
    pub async fn open(uri: &str, access: Access) -> Result<Lake> {
        let lake = Lake::open_unchecked(uri, access).await?;
        lake.check_schema_version()?;
        Ok(lake)
    }

    /// Opens a lake of whatever schema.
    pub(crate) async fn open_unchecked(uri: &str, access: Access) -> Result<Lake> {
        let folder = local_folder(uri)?;
        refuse_what_is_no_lake(uri, &folder, access)?;
        let mut tables = Vec::new();
        for table in Table::ALL {
            tables.push(open_table(uri, &folder, table, access).await?);
        }
        Ok(Lake { uri: uri.to_owned(), tables })
    }

    /// The location as the caller gave it.
    pub fn uri(&self) -> &str {
        &self.uri
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
        let what = format!("read the log of table `{}` of `{}`", table.folder(), self.uri);
        self.delta_mut(table).update_state().await.map_err(|source| LakeError::Table { what, source })
    }

    /// Registers every table under its SQL name.
    ///
    /// # Errors
    /// When a table cannot be registered.
    pub async fn register(&self, session: &SessionContext) -> Result<()> {
        for table in Table::ALL {
            let what = || format!("open table `{}` of `{}` for SQL", table.folder(), self.uri);
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
        let uri = self.uri.clone();
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
        let what = || format!("read the properties of table `events` of `{}`", self.uri);
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

/// The folder behind `uri`: a path, or a `file://` URL.
fn local_folder(uri: &str) -> Result<PathBuf> {
    let not_a_lake = |why: &str| LakeError::NotALake { uri: uri.to_owned(), why: why.to_owned() };
    if let Ok(url) = Url::parse(uri)
        && url.scheme().len() > 1
    {
        if url.scheme() != "file" {
            return Err(not_a_lake("only folders are lakes in this version; give a path"));
        }
        return url.to_file_path().map_err(|()| not_a_lake("the URL names no path on this machine"));
    }
    std::path::absolute(uri).map_err(|e| not_a_lake(&format!("the path cannot be used: {e}")))
}

fn refuse_what_is_no_lake(uri: &str, folder: &Path, access: Access) -> Result<()> {
    let refuse = |why: String| Err(LakeError::NotALake { uri: uri.to_owned(), why });
    if folder.is_file() {
        return refuse("it is a file; a lake is a folder".to_owned());
    }
    let is_lake = Table::ALL.iter().any(|t| folder.join(t.folder()).join("_delta_log").is_dir());
    let empty = folder.read_dir().map(|mut entries| entries.next().is_none()).unwrap_or(true);
    match (is_lake, empty, access) {
        (true, ..) | (false, true, Access::Write) => Ok(()),
        (false, true, Access::Read) => {
            refuse("nothing is there; `snowtrail ingest SOURCE --lake …` makes a lake".to_owned())
        }
        (false, false, _) => refuse(
            "the folder holds other things and none of a lake's tables; give an empty or a new folder"
                .to_owned(),
        ),
    }
}

async fn open_table(uri: &str, folder: &Path, table: Table, access: Access) -> Result<DeltaTable> {
    let path = folder.join(table.folder());
    let failed = |verb: &'static str| {
        let what = format!("{verb} table `{}` of `{uri}`", table.folder());
        move |source: DeltaTableError| LakeError::Table { what, source }
    };
    if access == Access::Write {
        std::fs::create_dir_all(&path).map_err(|e| LakeError::NotALake {
            uri: uri.to_owned(),
            why: format!("cannot make {}: {e}", path.display()),
        })?;
    }
    let url = Url::from_directory_path(&path).map_err(|()| LakeError::NotALake {
        uri: uri.to_owned(),
        why: "the path is not absolute".to_owned(),
    })?;
    let mut delta = DeltaTableBuilder::from_url(url).and_then(|b| b.build()).map_err(failed("open"))?;
    let exists = delta.verify_deltatable_existence().await.map_err(failed("look for"))?;
    if !exists && access == Access::Write {
        return create_table(delta, table).await.map_err(failed("create"));
    }
    delta.load().await.map_err(failed("open"))?;
    Ok(delta)
}

async fn create_table(delta: DeltaTable, table: Table) -> std::result::Result<DeltaTable, DeltaTableError> {
    let fields = kernel_fields(&table.schema())?;
    let properties = [
        (SCHEMA_PROPERTY.to_owned(), Some(SCHEMA_VERSION.to_string())),
        ("delta.logRetentionDuration".to_owned(), Some("interval 7 days".to_owned())),
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
