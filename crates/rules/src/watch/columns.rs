//! Columns of `events` rows as plain values, whatever string type the storage gave them.

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use arrow::error::ArrowError;

/// A secret as one event names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// The name, without suffix where the ARN looks whole.
    pub(super) name: String,
    /// The ARN, if the event shows one.
    pub(super) arn: Option<String>,
    /// AWS itself wrote the ARN, by the rule of the view `sightings`.
    pub(super) proven: bool,
}

impl Named {
    /// Every name that the spelling may mean: the name, and all of the ARN's last part (see `secret_spellings`).
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let tail = self.arn.as_deref().and_then(|arn| arn.splitn(7, ':').nth(6)).map(str::to_owned);
        [Some(self.name.clone()), tail].into_iter().flatten().filter(|name| !name.is_empty())
    }
}

pub(super) fn texts(batch: &RecordBatch, name: &str) -> Result<StringArray, ArrowError> {
    Ok(cast(column(batch, name)?, &DataType::Utf8)?.as_string::<i32>().clone())
}

/// Microseconds since 1970.
pub(super) fn times(batch: &RecordBatch, name: &str) -> Result<Int64Array, ArrowError> {
    let micros = cast(column(batch, name)?, &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))?;
    Ok(cast(&micros, &DataType::Int64)?.as_primitive().clone())
}

pub(super) fn text(array: &StringArray, row: usize) -> Option<&str> {
    (!array.is_null(row)).then(|| array.value(row))
}

/// Whether a list of the row holds anything.
pub(super) fn filled(batch: &RecordBatch, name: &str) -> Result<Vec<bool>, ArrowError> {
    let lists = column(batch, name)?.as_list::<i32>();
    Ok((0..lists.len()).map(|row| !lists.is_null(row) && lists.value_length(row) > 0).collect())
}

/// The secrets that each row names.
pub(super) fn secrets(batch: &RecordBatch) -> Result<Vec<Vec<Named>>, ArrowError> {
    let lists = column(batch, "targets")?.as_list::<i32>();
    let targets = lists.values().as_struct();
    let part = |name: &str| -> Result<StringArray, ArrowError> {
        let missing = || ArrowError::SchemaError(format!("targets have no `{name}`"));
        Ok(cast(targets.column_by_name(name).ok_or_else(missing)?, &DataType::Utf8)?
            .as_string::<i32>()
            .clone())
    };
    let (kinds, names, arns, asked) = (part("kind")?, part("name")?, part("arn")?, part("as_asked")?);
    let named = |at: usize| {
        let arn = text(&arns, at);
        let proven = arn.is_some() && text(&asked, at) != arn;
        Named { name: text(&names, at).unwrap_or_default().to_owned(), arn: arn.map(str::to_owned), proven }
    };
    let offsets = lists.value_offsets();
    let of_row = |row: usize| {
        let range = offsets[row] as usize..offsets[row + 1] as usize;
        range.filter(|at| text(&kinds, *at) == Some("secret")).map(named).collect()
    };
    Ok((0..lists.len()).map(|row| if lists.is_null(row) { Vec::new() } else { of_row(row) }).collect())
}

fn column<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b ArrayRef, ArrowError> {
    let missing = || ArrowError::SchemaError(format!("events in sight have no column `{name}`"));
    batch.column_by_name(name).ok_or_else(missing)
}
