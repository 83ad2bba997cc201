//! How plain rows become Arrow: a column is its name, its meaning and the function that builds it, said once.
//!
//! The list of columns of a table is its schema, its documentation and its encoder at the same time, so the three
//! cannot drift apart. Nested columns use the same [`Column`] on the nested type. Decoding is not done here.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
    StringBuilder, StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use arrow::error::ArrowError;
use jiff::Timestamp;

/// Key of a column's description in the schema's metadata; Delta readers show it as the column's comment.
pub const COMMENT: &str = "comment";

type Build<T> = Box<dyn Fn(&[&T]) -> ArrayRef + Send + Sync>;

/// One column of rows of type `T`.
pub struct Column<T> {
    /// The column's name.
    pub name: &'static str,
    /// Unit and meaning.
    pub doc: &'static str,
    /// Its Arrow type.
    pub data_type: DataType,
    build: Build<T>,
}

impl<T> Column<T> {
    /// The column as an Arrow field, its description in the metadata. All columns are nullable: Delta readers
    /// disagree about nested non-null columns, and a column added later is null in older files anyway.
    pub fn field(&self) -> Field {
        let comment = HashMap::from([(COMMENT.to_owned(), self.doc.to_owned())]);
        Field::new(self.name, self.data_type.clone(), true).with_metadata(comment)
    }

    fn new(name: &'static str, doc: &'static str, data_type: DataType, build: Build<T>) -> Column<T> {
        Column { name, doc, data_type, build }
    }
}

/// The Arrow schema of a list of columns.
pub fn schema<T>(columns: &[Column<T>]) -> Schema {
    Schema::new(columns.iter().map(Column::field).collect::<Vec<_>>())
}

/// Puts rows into columns.
///
/// # Errors
/// When Arrow finds the columns inconsistent, which would be a bug in a column's function.
pub fn record_batch<T>(columns: &[Column<T>], rows: &[&T]) -> Result<RecordBatch, ArrowError> {
    let arrays = columns.iter().map(|c| (c.build)(rows)).collect();
    RecordBatch::try_new(Arc::new(schema(columns)), arrays)
}

/// UTF-8 text.
pub fn text<T: 'static>(
    name: &'static str,
    doc: &'static str,
    get: impl for<'a> Fn(&'a T) -> Option<&'a str> + Send + Sync + 'static,
) -> Column<T> {
    let build = move |rows: &[&T]| {
        // Room for all of it at once: growing by doubling copies every text of a commit twice.
        let bytes = rows.iter().filter_map(|r| get(r)).map(str::len).sum();
        let mut texts = StringBuilder::with_capacity(rows.len(), bytes);
        rows.iter().for_each(|r| texts.append_option(get(r)));
        Arc::new(texts.finish()) as ArrayRef
    };
    Column::new(name, doc, DataType::Utf8, Box::new(build))
}

/// True or false.
pub fn flag<T: 'static>(
    name: &'static str,
    doc: &'static str,
    get: impl Fn(&T) -> Option<bool> + Send + Sync + 'static,
) -> Column<T> {
    let build =
        move |rows: &[&T]| Arc::new(rows.iter().map(|r| get(r)).collect::<BooleanArray>()) as ArrayRef;
    Column::new(name, doc, DataType::Boolean, Box::new(build))
}

/// A 32-bit integer.
pub fn int<T: 'static>(
    name: &'static str,
    doc: &'static str,
    get: impl Fn(&T) -> Option<i32> + Send + Sync + 'static,
) -> Column<T> {
    let build = move |rows: &[&T]| Arc::new(rows.iter().map(|r| get(r)).collect::<Int32Array>()) as ArrayRef;
    Column::new(name, doc, DataType::Int32, Box::new(build))
}

/// A 64-bit integer.
pub fn long<T: 'static>(
    name: &'static str,
    doc: &'static str,
    get: impl Fn(&T) -> Option<i64> + Send + Sync + 'static,
) -> Column<T> {
    let build = move |rows: &[&T]| Arc::new(rows.iter().map(|r| get(r)).collect::<Int64Array>()) as ArrayRef;
    Column::new(name, doc, DataType::Int64, Box::new(build))
}

/// An instant: microseconds since the epoch, UTC.
pub fn time<T: 'static>(
    name: &'static str,
    doc: &'static str,
    get: impl Fn(&T) -> Option<Timestamp> + Send + Sync + 'static,
) -> Column<T> {
    let build = move |rows: &[&T]| {
        let micros = rows.iter().map(|r| get(r).map(Timestamp::as_microsecond));
        Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC")) as ArrayRef
    };
    Column::new(name, doc, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), Box::new(build))
}

/// The UTC day of an instant.
pub fn utc_day<T: 'static>(
    name: &'static str,
    doc: &'static str,
    get: impl Fn(&T) -> Timestamp + Send + Sync + 'static,
) -> Column<T> {
    let build = move |rows: &[&T]| {
        Arc::new(rows.iter().map(|r| Some(day_number(get(r)))).collect::<Date32Array>()) as ArrayRef
    };
    Column::new(name, doc, DataType::Date32, Box::new(build))
}

/// A list of texts.
pub fn texts<T: 'static>(
    name: &'static str,
    doc: &'static str,
    get: impl for<'a> Fn(&'a T) -> &'a [String] + Send + Sync + 'static,
) -> Column<T> {
    let item = element(DataType::Utf8);
    let build = {
        let item = item.clone();
        move |rows: &[&T]| {
            let values = rows.iter().flat_map(|r| get(r)).map(Some).collect::<StringArray>();
            list(item.clone(), rows.iter().map(|r| get(r).len()), Arc::new(values))
        }
    };
    Column::new(name, doc, DataType::List(item), Box::new(build))
}

/// A list of structs.
pub fn structs<T: 'static, U: 'static>(
    name: &'static str,
    doc: &'static str,
    columns: Vec<Column<U>>,
    get: impl for<'a> Fn(&'a T) -> &'a [U] + Send + Sync + 'static,
) -> Column<T> {
    let item = element(DataType::Struct(fields(&columns)));
    let build = {
        let item = item.clone();
        move |rows: &[&T]| {
            let flat: Vec<&U> = rows.iter().flat_map(|r| get(r)).collect();
            let values = struct_array(&columns, &flat, None);
            list(item.clone(), rows.iter().map(|r| get(r).len()), Arc::new(values))
        }
    };
    Column::new(name, doc, DataType::List(item), Box::new(build))
}

/// One struct, or null. `U`'s default fills the places under a null.
pub fn one<T: 'static, U: Default + 'static>(
    name: &'static str,
    doc: &'static str,
    columns: Vec<Column<U>>,
    get: impl for<'a> Fn(&'a T) -> Option<&'a U> + Send + Sync + 'static,
) -> Column<T> {
    let data_type = DataType::Struct(fields(&columns));
    let build = move |rows: &[&T]| {
        let filler = U::default();
        let values: Vec<&U> = rows.iter().map(|r| get(r).unwrap_or(&filler)).collect();
        let valid = rows.iter().map(|r| get(r).is_some()).collect::<Vec<bool>>();
        Arc::new(struct_array(&columns, &values, Some(NullBuffer::from(valid)))) as ArrayRef
    };
    Column::new(name, doc, data_type, Box::new(build))
}

/// Days since 1970-01-01, UTC.
pub fn day_number(at: Timestamp) -> i32 {
    i32::try_from(at.as_second().div_euclid(86_400)).unwrap_or(i32::MAX)
}

fn fields<T>(columns: &[Column<T>]) -> Fields {
    columns.iter().map(Column::field).collect()
}

/// The element field of a list, named as Delta names it.
fn element(data_type: DataType) -> Arc<Field> {
    Arc::new(Field::new("element", data_type, true))
}

fn struct_array<T>(columns: &[Column<T>], rows: &[&T], nulls: Option<NullBuffer>) -> StructArray {
    let arrays = columns.iter().map(|c| (c.build)(rows)).collect();
    StructArray::new(fields(columns), arrays, nulls)
}

fn list(item: Arc<Field>, lengths: impl Iterator<Item = usize>, values: ArrayRef) -> ArrayRef {
    Arc::new(ListArray::new(item, OffsetBuffer::from_lengths(lengths), values, None))
}
