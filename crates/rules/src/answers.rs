//! The rows of a query, every column as text: for the policy's small tables, and for commands that read a few rows and say
//! what they mean.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use jiff::Timestamp;

use crate::memory;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row(Vec<Option<String>>);

impl Row {
    /// A column's text; none where it is null.
    pub fn get(&self, column: usize) -> Option<&str> {
        self.0.get(column).and_then(Option::as_deref)
    }

    /// A column's text; empty where it is null.
    pub fn text(&self, column: usize) -> String {
        self.get(column).unwrap_or_default().to_owned()
    }

    /// A column's number; zero where it is null or none.
    pub fn number(&self, column: usize) -> u64 {
        self.get(column).and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// A column's point in time; the epoch where it is null or none.
    pub fn time(&self, column: usize) -> Timestamp {
        self.maybe_time(column).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// A column's point in time.
    pub fn maybe_time(&self, column: usize) -> Option<Timestamp> {
        self.get(column)?.parse().ok()
    }

    /// Whether a column is true.
    pub fn is(&self, column: usize) -> bool {
        self.get(column) == Some("true")
    }
}

/// Runs a query. The rows come sorted by their columns, so that nothing hangs on the order of execution.
///
/// # Errors
/// When the query is wrong or the lake cannot be read.
pub async fn rows(session: &SessionContext, query: &str) -> Result<Vec<Row>, DataFusionError> {
    let (_, mut rows) = ordered_rows(session, query).await?;
    rows.sort();
    Ok(rows)
}

/// Runs a query that orders its rows itself. Gives the names of its columns too.
///
/// # Errors
/// When the query is wrong or the lake cannot be read.
pub async fn ordered_rows(
    session: &SessionContext,
    query: &str,
) -> Result<(Vec<String>, Vec<Row>), DataFusionError> {
    let mut batches = memory::stream(session, query).await?;
    let names = batches.schema().fields().iter().map(|field| field.name().clone()).collect();
    let mut rows = Vec::new();
    while let Some(batch) = batches.try_next().await? {
        let columns = batch.columns().iter().map(|column| cast(column, &DataType::Utf8));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let cell = |column: &ArrayRef| {
                let texts = column.as_string::<i32>();
                (!texts.is_null(row)).then(|| texts.value(row).to_owned())
            };
            rows.push(Row(columns.iter().map(cell).collect()));
        }
    }
    Ok((names, rows))
}

/// A text as a literal of SQL.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Texts as a list of literals, for `IN (…)`. No name is empty, so an empty list is the empty text: DataFusion 55 lets
/// rows through `IN (NULL)` above an aggregate.
pub fn literals<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let list = texts.into_iter().map(literal).collect::<Vec<_>>();
    if list.is_empty() { literal("") } else { list.join(", ") }
}
