//! The tables of a lake: their names, rows, columns and partitioning.
//!
//! A row type is the plain thing (an event, a reject, …) plus where it came from. Adding a column means adding it
//! to one of the lists here and raising [`crate::SCHEMA_VERSION`].

mod events;
mod findings;
mod sources;

use std::sync::{Arc, LazyLock};

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;

use crate::column::{self, Column};
pub use events::EventRow;
pub(crate) use events::MAYBE_NEW;
pub use findings::PageRow;
use snowtrail_model::Finding;
pub use sources::{RejectRow, SourceRow};

/// One of the lake's tables. The folder of a table has the table's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// Bytes that could not be understood.
    Rejects,
    /// One row an event.
    Events,
    /// One row for each object or message taken in.
    Sources,
    /// The history of findings; SQL's `findings` is the latest open revision of each key.
    Findings,
    /// The outbox: what is to be sent, and what was.
    Pages,
}

impl Table {
    /// All tables, in commit order: the row that says "taken in" comes after what was taken in.
    pub const ALL: [Table; 5] =
        [Table::Rejects, Table::Events, Table::Sources, Table::Findings, Table::Pages];

    /// Folder of the table inside the lake.
    pub fn folder(self) -> &'static str {
        match self {
            Table::Rejects => "rejects",
            Table::Events => "events",
            Table::Sources => "sources",
            Table::Findings => "findings",
            Table::Pages => "pages",
        }
    }

    /// Name of the table in SQL.
    pub fn sql_name(self) -> &'static str {
        match self {
            Table::Findings => "findings_history",
            other => other.folder(),
        }
    }

    /// What a row is.
    pub fn description(self) -> &'static str {
        match self {
            Table::Rejects => "Bytes that could not be understood, with the reason",
            Table::Events => "CloudTrail records that are kept, one row each",
            Table::Sources => "Objects and messages taken in, with their books",
            Table::Findings => "Every revision of every finding",
            Table::Pages => "What is to be sent to whom, and what was: one row for each page and state",
        }
    }

    /// Partition columns.
    pub fn partitions(self) -> &'static [&'static str] {
        match self {
            Table::Events => &["event_date"],
            _ => &[],
        }
    }

    /// The table's Arrow schema, descriptions in the fields' metadata.
    pub fn schema(self) -> Schema {
        match self {
            Table::Rejects => column::schema(&REJECTS),
            Table::Events => column::schema(&EVENTS),
            Table::Sources => column::schema(&SOURCES),
            Table::Findings => column::schema(&FINDINGS),
            Table::Pages => column::schema(&PAGES),
        }
    }
}

pub(crate) static EVENTS: LazyLock<Vec<Column<EventRow>>> = LazyLock::new(events::columns);
/// Made once: a batch is made for each day of each commit.
pub(crate) static EVENTS_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Table::Events.schema()));
static REJECTS: LazyLock<Vec<Column<RejectRow>>> = LazyLock::new(sources::reject_columns);
static SOURCES: LazyLock<Vec<Column<SourceRow>>> = LazyLock::new(sources::source_columns);
static FINDINGS: LazyLock<Vec<Column<Finding>>> = LazyLock::new(findings::columns);
static PAGES: LazyLock<Vec<Column<PageRow>>> = LazyLock::new(findings::page_columns);

/// Rows that know their table.
pub trait Row: Sized + 'static {
    /// The table they belong to.
    const TABLE: Table;

    /// Puts rows into the table's columns.
    ///
    /// # Errors
    /// When Arrow finds the columns inconsistent.
    fn record_batch(rows: &[&Self]) -> Result<RecordBatch, ArrowError>;
}

impl Row for EventRow {
    const TABLE: Table = Table::Events;
    fn record_batch(rows: &[&Self]) -> Result<RecordBatch, ArrowError> {
        column::record_batch(&EVENTS, rows)
    }
}

impl Row for RejectRow {
    const TABLE: Table = Table::Rejects;
    fn record_batch(rows: &[&Self]) -> Result<RecordBatch, ArrowError> {
        column::record_batch(&REJECTS, rows)
    }
}

impl Row for SourceRow {
    const TABLE: Table = Table::Sources;
    fn record_batch(rows: &[&Self]) -> Result<RecordBatch, ArrowError> {
        column::record_batch(&SOURCES, rows)
    }
}

impl Row for Finding {
    const TABLE: Table = Table::Findings;
    fn record_batch(rows: &[&Self]) -> Result<RecordBatch, ArrowError> {
        column::record_batch(&FINDINGS, rows)
    }
}

impl Row for PageRow {
    const TABLE: Table = Table::Pages;
    fn record_batch(rows: &[&Self]) -> Result<RecordBatch, ArrowError> {
        column::record_batch(&PAGES, rows)
    }
}
