//! The landmarks: rare events that others are judged by, all of the lake's, found by secret and by principal.

use std::collections::{BTreeSet, HashMap, HashSet};

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;
use arrow::error::ArrowError;

use super::columns::{secrets, text, texts, times};

/// Where a row stands: batch and row.
type Place = (usize, usize);

/// Landmarks and where they stand.
#[derive(Debug, Default)]
pub(super) struct Landmarks {
    batches: Vec<RecordBatch>,
    rows: usize,
    by_secret: HashMap<String, Vec<Place>>,
    by_principal: HashMap<String, Vec<Place>>,
    /// Those that name no secret: changes of trails, corrections.
    others: Vec<Place>,
}

impl Landmarks {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// Adds some.
    pub(super) fn add(&mut self, batch: RecordBatch) -> Result<(), ArrowError> {
        let principals = texts(&batch, "principal")?;
        for (row, named) in secrets(&batch)?.iter().enumerate() {
            let place = (self.batches.len(), row);
            let names: BTreeSet<String> = named.iter().flat_map(|secret| secret.names()).collect();
            if names.is_empty() {
                self.others.push(place);
            }
            for name in names {
                self.by_secret.entry(name).or_default().push(place);
            }
            if let Some(principal) = text(&principals, row) {
                self.by_principal.entry(principal.to_owned()).or_default().push(place);
            }
        }
        self.rows += batch.num_rows();
        self.batches.push(batch);
        Ok(())
    }

    /// Principals of the landmarks that name one of these secrets, since a time (microseconds since 1970).
    pub(super) fn principals_at(
        &self,
        names: &HashSet<String>,
        since: i64,
    ) -> Result<HashSet<String>, ArrowError> {
        let mut found = HashSet::new();
        let mut columns = HashMap::new();
        for (batch, row) in names.iter().filter_map(|name| self.by_secret.get(name)).flatten() {
            if !columns.contains_key(batch) {
                let rows = &self.batches[*batch];
                columns.insert(*batch, (texts(rows, "principal")?, times(rows, "event_time")?));
            }
            let Some((principals, at)) = columns.get(batch) else { continue };
            if at.value(*row) >= since {
                found.extend(text(principals, *row).map(str::to_owned));
            }
        }
        Ok(found)
    }

    /// Names of the secrets that these principals' landmarks name.
    pub(super) fn secrets_of(&self, principals: &HashSet<String>) -> Result<HashSet<String>, ArrowError> {
        let mut found = HashSet::new();
        let mut columns = HashMap::new();
        for (batch, row) in principals.iter().filter_map(|p| self.by_principal.get(p)).flatten() {
            if !columns.contains_key(batch) {
                columns.insert(*batch, secrets(&self.batches[*batch])?);
            }
            let named = columns.get(batch).and_then(|rows| rows.get(*row));
            found.extend(named.into_iter().flatten().flat_map(|secret| secret.names()));
        }
        Ok(found)
    }

    /// The landmarks that name one of these secrets, are by one of these principals, or name no secret.
    pub(super) fn about(
        &self,
        names: &HashSet<String>,
        principals: &HashSet<String>,
    ) -> Result<Option<RecordBatch>, ArrowError> {
        let mut places: BTreeSet<Place> = self.others.iter().copied().collect();
        places.extend(names.iter().filter_map(|name| self.by_secret.get(name)).flatten());
        places.extend(principals.iter().filter_map(|p| self.by_principal.get(p)).flatten());
        if places.is_empty() {
            return Ok(None);
        }
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        interleave_record_batch(&batches, &places.into_iter().collect::<Vec<_>>()).map(Some)
    }
}
