//! Events on their way into the lake, in columns from the start.
//!
//! An event is some forty small texts. Kept as such until a batch is full, they cost more to make, to carry between
//! threads and to free than all else about them. So whoever decodes puts them into columns at once, and what is sorted,
//! judged and picked afterwards is small [`Key`]s.
//!
//! ```text
//! event → Gatherer → Events (chunks) ──sort, judge the keys──→ rows picked in storage order → one batch a day
//! ```
//! Does not judge and does not write. The plain way, [`crate::tables::Row::record_batch`] over rows that were sorted as
//! rows, gives the same batches; a test holds them against each other.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray, new_null_array};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use arrow::error::ArrowError;
use jiff::Timestamp;
use snowtrail_model::{Event, Reject, RejectReason};

use crate::column::day_number;
use crate::filling::Filling;
use crate::known::{Key, identity};
use crate::tables::{EVENTS, EVENTS_SCHEMA, EventRow, RejectRow};

/// Events that are kept as rows before they are put into columns: enough for a column's function to be looked up
/// seldom, few enough to be still in the processor's cache.
const ROWS_WAITING_MAX: usize = 64;

/// Puts the events of one source into columns.
#[derive(Debug)]
pub struct Gatherer {
    source_uri: Arc<str>,
    ingested_at: Timestamp,
    columns: Vec<Box<dyn Filling<EventRow>>>,
    keys: Vec<Key>,
    waiting: Vec<EventRow>,
}

impl Gatherer {
    /// For the events of this source, taken in at this time (UTC).
    pub fn new(source_uri: Arc<str>, ingested_at: Timestamp) -> Gatherer {
        let (columns, keys, waiting) = (Vec::new(), Vec::new(), Vec::new());
        Gatherer { source_uri, ingested_at, columns, keys, waiting }
    }

    /// Takes an event and its position among the source's records, from 0.
    pub fn push(&mut self, event: Box<Event>, source_index: u64) {
        self.keys.push(Key {
            identity: identity(&event.event_id, &event.account_id),
            day: day_number(event.event_time),
            content_hash: event.content_hash,
            time: event.event_time,
        });
        let (source_uri, ingested_at) = (Arc::clone(&self.source_uri), self.ingested_at);
        self.waiting.push(EventRow { event, source_uri, source_index, ingested_at });
        if self.waiting.len() == ROWS_WAITING_MAX {
            self.put();
        }
    }

    /// How many events were taken since the last [`Gatherer::finish`].
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The events that were taken; the next ones begin.
    pub fn finish(&mut self) -> Events {
        if self.is_empty() {
            return Events::default();
        }
        self.put();
        let columns = self.columns.iter_mut().map(|column| column.finish()).collect();
        let keys = std::mem::take(&mut self.keys);
        let (source_uri, ingested_at) = (Arc::clone(&self.source_uri), self.ingested_at);
        Events { chunks: vec![EventChunk { source_uri, ingested_at, columns, keys }] }
    }

    fn put(&mut self) {
        if self.columns.is_empty() {
            self.columns = EVENTS.iter().map(|column| column.start()).collect();
        }
        let rows: Vec<&EventRow> = self.waiting.iter().collect();
        self.columns.iter_mut().for_each(|column| column.append(&rows));
        self.waiting.clear();
    }
}

/// Events in columns, from any number of sources.
#[derive(Debug, Default)]
pub struct Events {
    chunks: Vec<EventChunk>,
}

/// Events of one source.
#[derive(Debug)]
struct EventChunk {
    source_uri: Arc<str>,
    ingested_at: Timestamp,
    columns: Vec<ArrayRef>,
    keys: Vec<Key>,
}

/// Where an event stands in [`Events`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    chunk: usize,
    row: usize,
}

impl Events {
    /// How many events.
    pub fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.keys.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Takes other events in.
    pub fn extend(&mut self, other: Events) {
        self.chunks.extend(other.chunks);
    }

    /// The time of the newest event, UTC.
    pub fn newest(&self) -> Option<Timestamp> {
        self.chunks.iter().flat_map(|chunk| &chunk.keys).map(|key| key.time).max()
    }

    /// The name of every event's call.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.chunks.iter().flat_map(|chunk| chunk.texts("event_name").iter().flatten())
    }

    pub(crate) fn key(&self, place: Place) -> &Key {
        &self.chunks[place.chunk].keys[place.row]
    }

    pub(crate) fn source_uri(&self, place: Place) -> &Arc<str> {
        &self.chunks[place.chunk].source_uri
    }

    /// All events, in the order in which they are stored: one day's stand together, of these one secret's, so that a
    /// reader prunes to them. The identity comes last so that the order, and with it which of two conflicting records
    /// is stored, does not hang on arrival within a batch.
    pub(crate) fn in_storage_order(&self) -> Vec<Place> {
        let ranks = self.ranks_of_names();
        let mut order = Vec::with_capacity(self.len());
        for (chunk, events) in self.chunks.iter().enumerate() {
            for (row, (key, name)) in events.keys.iter().zip(events.first_names()).enumerate() {
                let rank = name.and_then(|name| ranks.get(name)).copied();
                let near = (key.day, rank, key.time.as_microsecond());
                order.push((near, key.identity, key.content_hash, Place { chunk, row }));
            }
        }
        order.sort_unstable();
        order.into_iter().map(|(.., place)| place).collect()
    }

    /// Each name of an event's first target, and how many others come before it. Comparing numbers instead of texts
    /// keeps sorting off the columns.
    fn ranks_of_names(&self) -> HashMap<&str, usize> {
        let mut ranks: HashMap<&str, usize> = HashMap::new();
        for name in self.chunks.iter().flat_map(EventChunk::first_names).flatten() {
            ranks.insert(name, 0);
        }
        let mut names: Vec<&str> = ranks.keys().copied().collect();
        names.sort_unstable();
        for (rank, name) in names.into_iter().enumerate() {
            ranks.insert(name, rank);
        }
        ranks
    }

    /// These events in the columns of the table.
    pub(crate) fn record_batch(&self, places: &[Place]) -> Result<RecordBatch, ArrowError> {
        let rows: Vec<(usize, usize)> = places.iter().map(|place| (place.chunk, place.row)).collect();
        let schema: &SchemaRef = &EVENTS_SCHEMA;
        let column = |at: usize| {
            let parts: Vec<&dyn Array> = self.chunks.iter().map(|chunk| chunk.columns[at].as_ref()).collect();
            pick(&parts, &rows, schema.field(at).data_type())
        };
        let columns = (0..schema.fields().len()).map(column).collect::<Result<Vec<_>, _>>()?;
        RecordBatch::try_new(Arc::clone(schema), columns)
    }

    /// The reject that an event becomes whose identity is stored with other content.
    pub(crate) fn conflict(&self, place: Place) -> RejectRow {
        let chunk = &self.chunks[place.chunk];
        let text = |column: &str| {
            let texts = chunk.texts(column);
            texts.is_valid(place.row).then(|| texts.value(place.row))
        };
        let number = chunk.column("source_index").as_primitive::<Int64Type>().value(place.row);
        let event_id = text("event_id").unwrap_or_default();
        RejectRow {
            reject: Reject {
                reason: RejectReason::ConflictingDuplicate,
                detail: format!(
                    "event {event_id} of account {} is stored with different content; this copy says {} {} by {} at {}",
                    text("account_id").unwrap_or_default(),
                    text("event_source").unwrap_or_default(),
                    text("event_name").unwrap_or_default(),
                    text("principal").unwrap_or("nobody"),
                    chunk.keys[place.row].time
                ),
                index: u64::try_from(number).ok(),
                offset: 0,
                event_id: Some(event_id.to_owned()),
                excerpt: text("request_parameters").unwrap_or_default().to_owned(),
                bytes_total: 0,
            },
            source_uri: Arc::clone(&chunk.source_uri),
            source_sha256: String::new(),
            rejected_at: chunk.ingested_at,
        }
    }
}

impl EventChunk {
    fn column(&self, name: &str) -> &ArrayRef {
        let at = EVENTS.iter().position(|column| column.name == name);
        &self.columns[at.unwrap_or_default()]
    }

    fn texts(&self, name: &str) -> &StringArray {
        self.column(name).as_string::<i32>()
    }

    /// The name of each event's first target.
    fn first_names(&self) -> impl Iterator<Item = Option<&str>> {
        let targets = self.column("targets").as_list::<i32>();
        let names = targets.values().as_struct().column_by_name("name").map(|names| names.as_string::<i32>());
        let bounds = targets.value_offsets().windows(2);
        bounds.map(move |bounds| {
            let first = usize::try_from(bounds[0]).ok().filter(|_| bounds[0] < bounds[1])?;
            names.filter(|names| names.is_valid(first)).map(|names| names.value(first))
        })
    }
}

/// The rows of one column, by part and row in it. Most columns of most events are null, which costs nothing here.
fn pick(parts: &[&dyn Array], rows: &[(usize, usize)], data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    if parts.iter().all(|part| part.null_count() == part.len()) {
        return Ok(new_null_array(data_type, rows.len()));
    }
    if *data_type == DataType::Boolean {
        let parts: Vec<&BooleanArray> = parts.iter().map(|part| part.as_boolean()).collect();
        let flags = rows.iter().map(|&(part, row)| {
            let part = parts[part];
            part.is_valid(row).then(|| part.value(row))
        });
        return Ok(Arc::new(flags.collect::<BooleanArray>()));
    }
    interleave(parts, rows)
}
