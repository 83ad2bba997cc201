//! How the columns of a table's files are encoded.
//!
//! What is new in nearly every row (ids, sessions) is kept without a dictionary, which would hold each value and a number
//! for it besides; what repeats is kept with one. Which columns are which differs between organizations, so it is read
//! off the rows. Does not decide what a table's columns are.

use std::collections::HashSet;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use deltalake::DeltaTableError;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use crate::tables::{MAYBE_NEW, Table};

/// A column in which more of the values than one in so many stand there already is kept with a dictionary.
const REPEATED_SHARE: usize = 4;

type Result<T> = std::result::Result<T, DeltaTableError>;

/// For files of these rows and no others. A column without a value is not compressed: of the many columns that one call
/// in a thousand fills, each would make a compressor of its own, at more cost than the rest of a small commit.
pub(crate) fn for_rows(table: Table, rows: &[RecordBatch]) -> Result<WriterProperties> {
    let mut properties = for_table(table, rows)?;
    for path in blank_columns(rows) {
        let column = ColumnPath::from(path);
        properties = properties
            .set_column_compression(column.clone(), Compression::UNCOMPRESSED)
            .set_column_dictionary_enabled(column, false);
    }
    Ok(properties.build())
}

/// For files of many rows, of which these are some.
pub(crate) fn for_rows_like(table: Table, rows: &[RecordBatch]) -> Result<WriterProperties> {
    Ok(for_table(table, rows)?.build())
}

fn for_table(table: Table, rows: &[RecordBatch]) -> Result<WriterPropertiesBuilder> {
    // Level 1: measured on a synthetic organization's trail, level 3 costs half as much CPU again for 6 % less space.
    let level = ZstdLevel::try_new(1)?;
    let properties = WriterProperties::builder()
        .set_created_by(concat!("snowtrail ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(level));
    Ok(if table == Table::Events { for_events(properties, rows) } else { properties })
}

fn for_events(properties: WriterPropertiesBuilder, rows: &[RecordBatch]) -> WriterPropertiesBuilder {
    // One secret's rows stand in the order of time: the steps are small. Hashes are as random as bytes can be.
    let mut properties = without_dictionary(properties, "event_time", Encoding::DELTA_BINARY_PACKED);
    properties = without_dictionary(properties, "content_hash", Encoding::PLAIN);
    for column in ["event_id", "request_id"] {
        properties = without_dictionary(properties, column, Encoding::DELTA_LENGTH_BYTE_ARRAY);
    }
    for column in MAYBE_NEW.into_iter().filter(|column| is_nearly_all_new(rows, column)) {
        properties = without_dictionary(properties, column, encoding_of_new(column));
    }
    properties
}

/// Lengths apart from bytes: those of ids are all the same, and would cost four bytes each between them. Principal ids
/// begin alike besides, with the kind of principal and often with the one of the row before.
fn encoding_of_new(column: &str) -> Encoding {
    if column == "principal_id" { Encoding::DELTA_BYTE_ARRAY } else { Encoding::DELTA_LENGTH_BYTE_ARRAY }
}

fn without_dictionary(
    properties: WriterPropertiesBuilder,
    column: &str,
    encoding: Encoding,
) -> WriterPropertiesBuilder {
    let column = ColumnPath::from(column);
    properties.set_column_dictionary_enabled(column.clone(), false).set_column_encoding(column, encoding)
}

/// Whether few of a column's texts stand in it twice.
fn is_nearly_all_new(rows: &[RecordBatch], column: &str) -> bool {
    let parts: Vec<&ArrayRef> = rows.iter().filter_map(|batch| batch.column_by_name(column)).collect();
    let parts: Vec<_> = parts.into_iter().filter_map(|part| part.as_string_opt::<i32>()).collect();
    let texts = parts.iter().map(|part| part.len() - part.null_count()).sum::<usize>();
    let mut left = texts / REPEATED_SHARE;
    let mut seen = HashSet::with_capacity(texts);
    for text in parts.iter().flat_map(|part| part.iter()).flatten() {
        if !seen.insert(text) {
            let Some(fewer) = left.checked_sub(1) else { return false };
            left = fewer;
        }
    }
    true
}

/// The leaf columns in which no row has a value, by their paths in Parquet.
fn blank_columns(rows: &[RecordBatch]) -> Vec<Vec<String>> {
    let Some(first) = rows.first() else { return Vec::new() };
    let mut blank = Vec::new();
    for (at, field) in first.schema_ref().fields().iter().enumerate() {
        let parts: Vec<&ArrayRef> = rows.iter().map(|batch| batch.column(at)).collect();
        add_blank(vec![field.name().clone()], &parts, &mut blank);
    }
    blank
}

/// Columns are nested three levels deep at most; a table's columns are ours, not input.
fn add_blank(path: Vec<String>, parts: &[&ArrayRef], blank: &mut Vec<Vec<String>>) {
    let below =
        |names: &[&str]| [path.clone(), names.iter().map(|name| (*name).to_owned()).collect()].concat();
    match parts.first().map(|part| part.data_type()) {
        Some(DataType::List(element)) => {
            let parts: Vec<&ArrayRef> = parts.iter().map(|part| part.as_list::<i32>().values()).collect();
            add_blank(below(&["list", element.name()]), &parts, blank);
        }
        Some(DataType::Struct(fields)) => {
            for (at, field) in fields.iter().enumerate() {
                let parts: Vec<&ArrayRef> = parts.iter().map(|part| part.as_struct().column(at)).collect();
                add_blank(below(&[field.name()]), &parts, blank);
            }
        }
        _ if parts.iter().all(|part| part.null_count() == part.len()) => blank.push(path),
        _ => {}
    }
}
