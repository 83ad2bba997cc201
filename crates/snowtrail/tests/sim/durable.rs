//! What the lake's logs hold at this instant, told from the writes themselves: the file's rows when a file is written,
//! that they are durable when a log entry that names the file is.
//!
//! So what must be durable before something else happens (a deletion, a page) can be looked at when that happens, and
//! not guessed at from what is left at the end. Does not replay logs: it trusts that an entry that was written stays.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

/// The column that tells rows apart, for each table of which that is kept.
const COLUMNS: [(&str, &[&str]); 3] =
    [("events", &["event_id"]), ("sources", &["sha256"]), ("pages", &["dedupe_key", "state"])];

/// Rows that are durable.
#[derive(Debug, Default)]
pub struct Durable {
    /// Files that no log entry names yet, by name.
    written: BTreeMap<String, (String, Vec<Vec<String>>)>,
    /// Ids of events.
    pub events: BTreeSet<String>,
    /// SHA-256 of sources.
    pub sources: BTreeSet<String>,
    /// Dedupe keys of pages, and in how many rows each stands as planned.
    pub planned: BTreeMap<String, usize>,
    /// Dedupe keys of pages that are noted as sent.
    pub sent: BTreeSet<String>,
}

impl Durable {
    /// A file was written.
    pub fn written(&mut self, table: &str, path: &str, bytes: &Bytes) {
        let Some((_, columns)) = COLUMNS.iter().find(|(name, _)| *name == table) else { return };
        if path.ends_with(".parquet") {
            let file = path.rsplit('/').next().unwrap_or(path);
            self.written.insert(file.to_owned(), (table.to_owned(), rows(bytes, columns)));
        }
    }

    /// Whether a file holds pages that are yet to be sent.
    pub fn is_plan(&self, add_line: &str) -> bool {
        let rows = added(add_line).and_then(|file| self.written.get(&file));
        rows.is_some_and(|(table, rows)| table == "pages" && rows.iter().any(|row| row[1] == "planned"))
    }

    /// A log entry was written.
    pub fn committed(&mut self, entry: &[u8]) {
        for line in String::from_utf8_lossy(entry).lines() {
            let Some((table, rows)) = added(line).and_then(|file| self.written.remove(&file)) else {
                continue;
            };
            for row in rows {
                match (table.as_str(), row.get(1).map(String::as_str)) {
                    ("events", _) => drop(self.events.insert(row[0].clone())),
                    ("sources", _) => drop(self.sources.insert(row[0].clone())),
                    (_, Some("planned")) => *self.planned.entry(row[0].clone()).or_default() += 1,
                    _ => drop(self.sent.insert(row[0].clone())),
                }
            }
        }
    }
}

/// The name of the file that a line of a log entry adds.
pub fn added(line: &str) -> Option<String> {
    let action: Value = serde_json::from_str(line).ok()?;
    let path = action.get("add")?.get("path")?.as_str()?;
    Some(path.rsplit('/').next().unwrap_or(path).to_owned())
}

fn rows(bytes: &Bytes, columns: &[&str]) -> Vec<Vec<String>> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).expect("Parquet");
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
    let batches = builder.with_projection(mask).build().expect("a reader");
    let mut rows = Vec::new();
    for batch in batches {
        let batch = batch.expect("a batch");
        let texts: Vec<_> = columns
            .iter()
            .map(|name| cast(batch.column_by_name(name).expect("a column"), &DataType::Utf8).expect("text"))
            .collect();
        for row in 0..batch.num_rows() {
            let value = |column: &arrow::array::ArrayRef| column.as_string::<i32>().value(row).to_owned();
            rows.push(texts.iter().map(value).collect());
        }
    }
    rows
}
