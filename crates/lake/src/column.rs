//! How plain rows become Arrow: a column is its name, its meaning and the function that gets it out of a row, said once.
//!
//! The list of columns of a table is its schema, its documentation and its encoder at the same time, so the three
//! cannot drift apart. Nested columns use the same [`Column`] on the nested type. Rows are put into columns some at a
//! time ([`Filling`]), so that a row need not live until its column is complete. Decoding is not done here.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrowPrimitiveType, BooleanBufferBuilder, BooleanBuilder, PrimitiveBuilder, RecordBatch, StringBuilder,
};
use arrow::datatypes::{
    DataType, Date32Type, Field, Fields, Int32Type, Int64Type, Schema, TimeUnit, TimestampMicrosecondType,
};
use arrow::error::ArrowError;
use jiff::Timestamp;

use crate::filling::{Filling, FlagFilling, ListFilling, NumberFilling, StructFilling, TextFilling};

/// Key of a column's description in the schema's metadata; Delta readers show it as the column's comment.
pub const COMMENT: &str = "comment";

type Start<T> = Box<dyn Fn() -> Box<dyn Filling<T>> + Send + Sync>;

/// One column of rows of type `T`.
pub struct Column<T> {
    /// The column's name.
    pub name: &'static str,
    /// Unit and meaning.
    pub doc: &'static str,
    /// Its Arrow type.
    pub data_type: DataType,
    start: Start<T>,
}

impl<T> Column<T> {
    /// The column as an Arrow field, its description in the metadata. All columns are nullable: Delta readers
    /// disagree about nested non-null columns, and a column added later is null in older files anyway.
    pub fn field(&self) -> Field {
        let comment = HashMap::from([(COMMENT.to_owned(), self.doc.to_owned())]);
        Field::new(self.name, self.data_type.clone(), true).with_metadata(comment)
    }

    /// The column without a row yet.
    pub fn start(&self) -> Box<dyn Filling<T>> {
        (self.start)()
    }

    fn new(name: &'static str, doc: &'static str, data_type: DataType, start: Start<T>) -> Column<T> {
        Column { name, doc, data_type, start }
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
    let arrays = columns.iter().map(|column| {
        let mut filling = column.start();
        filling.append(rows);
        filling.finish()
    });
    RecordBatch::try_new(Arc::new(schema(columns)), arrays.collect())
}

/// UTF-8 text.
pub fn text<T: 'static>(
    name: &'static str,
    doc: &'static str,
    get: impl for<'a> Fn(&'a T) -> Option<&'a str> + Send + Sync + 'static,
) -> Column<T> {
    let get = Arc::new(get);
    let start = move || {
        let filling = TextFilling { get: Arc::clone(&get), texts: StringBuilder::new() };
        Box::new(filling) as Box<dyn Filling<T>>
    };
    Column::new(name, doc, DataType::Utf8, Box::new(start))
}

/// True or false.
pub fn flag<T: 'static>(
    name: &'static str,
    doc: &'static str,
    get: impl Fn(&T) -> Option<bool> + Send + Sync + 'static,
) -> Column<T> {
    let get = Arc::new(get);
    let start = move || {
        let filling = FlagFilling { get: Arc::clone(&get), flags: BooleanBuilder::new() };
        Box::new(filling) as Box<dyn Filling<T>>
    };
    Column::new(name, doc, DataType::Boolean, Box::new(start))
}

/// A 32-bit integer.
pub fn int<T: 'static>(
    name: &'static str,
    doc: &'static str,
    get: impl Fn(&T) -> Option<i32> + Send + Sync + 'static,
) -> Column<T> {
    number::<T, Int32Type>(name, doc, DataType::Int32, get)
}

/// A 64-bit integer.
pub fn long<T: 'static>(
    name: &'static str,
    doc: &'static str,
    get: impl Fn(&T) -> Option<i64> + Send + Sync + 'static,
) -> Column<T> {
    number::<T, Int64Type>(name, doc, DataType::Int64, get)
}

/// An instant: microseconds since the epoch, UTC.
pub fn time<T: 'static>(
    name: &'static str,
    doc: &'static str,
    get: impl Fn(&T) -> Option<Timestamp> + Send + Sync + 'static,
) -> Column<T> {
    let data_type = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let micros = move |row: &T| get(row).map(Timestamp::as_microsecond);
    number::<T, TimestampMicrosecondType>(name, doc, data_type, micros)
}

/// The UTC day of an instant.
pub fn utc_day<T: 'static>(
    name: &'static str,
    doc: &'static str,
    get: impl Fn(&T) -> Timestamp + Send + Sync + 'static,
) -> Column<T> {
    number::<T, Date32Type>(name, doc, DataType::Date32, move |row: &T| Some(day_number(get(row))))
}

/// A list of texts.
pub fn texts<T: 'static>(
    name: &'static str,
    doc: &'static str,
    get: impl for<'a> Fn(&'a T) -> &'a [String] + Send + Sync + 'static,
) -> Column<T> {
    let column = text("element", "", |text: &String| Some(text.as_str()));
    list(name, doc, DataType::Utf8, get, move || column.start())
}

/// A list of structs.
pub fn structs<T: 'static, U: 'static>(
    name: &'static str,
    doc: &'static str,
    columns: Vec<Column<U>>,
    get: impl for<'a> Fn(&'a T) -> &'a [U] + Send + Sync + 'static,
) -> Column<T> {
    let column = record("element", "", columns, |element: &U| Some(element), None);
    let data_type = column.data_type.clone();
    list(name, doc, data_type, get, move || column.start())
}

/// One struct, or null.
pub fn one<T: 'static, U: Default + 'static>(
    name: &'static str,
    doc: &'static str,
    columns: Vec<Column<U>>,
    get: impl for<'a> Fn(&'a T) -> Option<&'a U> + Send + Sync + 'static,
) -> Column<T> {
    record(name, doc, columns, get, Some(U::default))
}

fn record<T: 'static, U: 'static>(
    name: &'static str,
    doc: &'static str,
    columns: Vec<Column<U>>,
    get: impl for<'a> Fn(&'a T) -> Option<&'a U> + Send + Sync + 'static,
    filler: Option<fn() -> U>,
) -> Column<T> {
    let fields: Fields = columns.iter().map(Column::field).collect();
    let data_type = DataType::Struct(fields.clone());
    let get = Arc::new(get);
    let start = move || {
        let filling = StructFilling {
            get: Arc::clone(&get),
            filler,
            fields: fields.clone(),
            columns: columns.iter().map(Column::start).collect(),
            valid: BooleanBufferBuilder::new(0),
        };
        Box::new(filling) as Box<dyn Filling<T>>
    };
    Column::new(name, doc, data_type, Box::new(start))
}

fn number<T: 'static, P: ArrowPrimitiveType>(
    name: &'static str,
    doc: &'static str,
    data_type: DataType,
    get: impl Fn(&T) -> Option<P::Native> + Send + Sync + 'static,
) -> Column<T> {
    let (get, builder_type) = (Arc::new(get), data_type.clone());
    let start = move || {
        let numbers = PrimitiveBuilder::<P>::new().with_data_type(builder_type.clone());
        Box::new(NumberFilling { get: Arc::clone(&get), numbers }) as Box<dyn Filling<T>>
    };
    Column::new(name, doc, data_type, Box::new(start))
}

/// `start` begins the column of the elements.
fn list<T: 'static, U: 'static>(
    name: &'static str,
    doc: &'static str,
    data_type: DataType,
    get: impl for<'a> Fn(&'a T) -> &'a [U] + Send + Sync + 'static,
    start: impl Fn() -> Box<dyn Filling<U>> + Send + Sync + 'static,
) -> Column<T> {
    // The element field of a list, named as Delta names it.
    let item = Arc::new(Field::new("element", data_type, true));
    let (get, field) = (Arc::new(get), Arc::clone(&item));
    let start_list = move || {
        let (get, item) = (Arc::clone(&get), Arc::clone(&field));
        Box::new(ListFilling { get, item, elements: start(), lengths: Vec::new() }) as Box<dyn Filling<T>>
    };
    Column::new(name, doc, DataType::List(item), Box::new(start_list))
}

/// Days since 1970-01-01, UTC.
pub fn day_number(at: Timestamp) -> i32 {
    i32::try_from(at.as_second().div_euclid(86_400)).unwrap_or(i32::MAX)
}
