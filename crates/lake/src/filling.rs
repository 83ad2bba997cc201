//! Columns being filled, some rows at a time: one kind for each kind of column.
//!
//! Which columns there are, and what they mean, is said in [`column`](crate::column) and the tables.

use std::fmt::{Debug, Formatter, Result};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BooleanBufferBuilder, BooleanBuilder, ListArray, PrimitiveBuilder,
    StringBuilder, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{Field, Fields};

/// A column being filled.
pub trait Filling<T>: Send {
    /// Appends the values of some rows.
    fn append(&mut self, rows: &[&T]);

    /// Appends so many nulls; of a list, empty ones.
    fn append_nulls(&mut self, count: usize);

    /// What was appended so far, as one array; the next one begins.
    fn finish(&mut self) -> ArrayRef;
}

impl<T> Debug for dyn Filling<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str("Filling")
    }
}

pub(crate) struct TextFilling<G> {
    pub(crate) get: Arc<G>,
    pub(crate) texts: StringBuilder,
}

impl<T, G: for<'a> Fn(&'a T) -> Option<&'a str> + Send + Sync> Filling<T> for TextFilling<G> {
    fn append(&mut self, rows: &[&T]) {
        rows.iter().for_each(|row| self.texts.append_option((self.get)(row)));
    }

    fn append_nulls(&mut self, count: usize) {
        self.texts.append_nulls(count);
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.texts.finish())
    }
}

pub(crate) struct FlagFilling<G> {
    pub(crate) get: Arc<G>,
    pub(crate) flags: BooleanBuilder,
}

impl<T, G: Fn(&T) -> Option<bool> + Send + Sync> Filling<T> for FlagFilling<G> {
    fn append(&mut self, rows: &[&T]) {
        rows.iter().for_each(|row| self.flags.append_option((self.get)(row)));
    }

    fn append_nulls(&mut self, count: usize) {
        self.flags.append_nulls(count);
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.flags.finish())
    }
}

pub(crate) struct NumberFilling<G, P: ArrowPrimitiveType> {
    pub(crate) get: Arc<G>,
    pub(crate) numbers: PrimitiveBuilder<P>,
}

impl<T, P: ArrowPrimitiveType, G: Fn(&T) -> Option<P::Native> + Send + Sync> Filling<T>
    for NumberFilling<G, P>
{
    fn append(&mut self, rows: &[&T]) {
        rows.iter().for_each(|row| self.numbers.append_option((self.get)(row)));
    }

    fn append_nulls(&mut self, count: usize) {
        self.numbers.append_nulls(count);
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.numbers.finish())
    }
}

pub(crate) struct ListFilling<G, U> {
    pub(crate) get: Arc<G>,
    pub(crate) item: Arc<Field>,
    pub(crate) elements: Box<dyn Filling<U>>,
    pub(crate) lengths: Vec<usize>,
}

impl<T, U, G: for<'a> Fn(&'a T) -> &'a [U] + Send + Sync> Filling<T> for ListFilling<G, U> {
    fn append(&mut self, rows: &[&T]) {
        self.lengths.extend(rows.iter().map(|row| (self.get)(row).len()));
        let elements: Vec<&U> = rows.iter().flat_map(|row| (self.get)(row)).collect();
        if !elements.is_empty() {
            self.elements.append(&elements);
        }
    }

    fn append_nulls(&mut self, count: usize) {
        self.lengths.resize(self.lengths.len() + count, 0);
    }

    fn finish(&mut self) -> ArrayRef {
        let offsets = OffsetBuffer::from_lengths(self.lengths.drain(..));
        Arc::new(ListArray::new(Arc::clone(&self.item), offsets, self.elements.finish(), None))
    }
}

pub(crate) struct StructFilling<G, U> {
    pub(crate) get: Arc<G>,
    /// Makes what fills the places under a null that stands between structs; where there are no nulls, nothing.
    pub(crate) filler: Option<fn() -> U>,
    pub(crate) fields: Fields,
    pub(crate) columns: Vec<Box<dyn Filling<U>>>,
    pub(crate) valid: BooleanBufferBuilder,
}

impl<T, U, G: for<'a> Fn(&'a T) -> Option<&'a U> + Send + Sync> Filling<T> for StructFilling<G, U> {
    fn append(&mut self, rows: &[&T]) {
        if rows.iter().all(|row| (self.get)(row).is_none()) {
            return Filling::<T>::append_nulls(self, rows.len());
        }
        let filler = self.filler.map(|make| make());
        let values: Vec<&U> = rows.iter().filter_map(|row| (self.get)(row).or(filler.as_ref())).collect();
        rows.iter().for_each(|row| self.valid.append((self.get)(row).is_some()));
        self.columns.iter_mut().for_each(|column| column.append(&values));
    }

    fn append_nulls(&mut self, count: usize) {
        self.valid.append_n(count, false);
        self.columns.iter_mut().for_each(|column| column.append_nulls(count));
    }

    fn finish(&mut self) -> ArrayRef {
        let columns = self.columns.iter_mut().map(|column| column.finish()).collect();
        let nulls = NullBuffer::new(self.valid.finish());
        Arc::new(StructArray::new(self.fields.clone(), columns, Some(nulls)))
    }
}
