//! The end of old days: events before a day go, and do not come back.
//!
//! First the lake says from which day on it keeps events, then the files of the days before it are taken out by one commit.
//! From the first moment on ingest counts older events as outside the scope: an object that is read again, or a copy that
//! comes late by another feed, does not bring back half of a day. The sources, rejects, findings and pages of those days
//! stay; so an object that was taken in stays known, and what was found stays found.
//!
//! The day only ever moves forward: days that are gone are gone. Does not know how far rules look back; the caller does.
//! Frees no space by itself: see [`crate::vacuum`].

use deltalake::protocol::DeltaOperation;
use jiff::civil::Date;

use crate::error::{LakeError, Result};
use crate::layout::{DataFile, Layout};
use crate::open::Lake;
use crate::replace::{Replaced, Replacement};
use crate::tables::Table;

/// Property of the `events` table that holds the first day (UTC) of which events are kept; absent where all are.
const KEPT_FROM_PROPERTY: &str = "snowtrail.keptFrom";

/// How often files are listed anew because a compaction moved them meanwhile.
const ATTEMPTS_MAX: usize = 10;

/// What went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Days of events.
    pub days: usize,
    /// Their files.
    pub files: usize,
    /// Bytes of these.
    pub bytes: u64,
}

impl Lake {
    /// The first day (UTC) of which the opened snapshot keeps events; none where all are kept.
    pub fn kept_from(&self) -> Option<Date> {
        let snapshot = self.delta(Table::Events).snapshot().ok()?;
        snapshot.metadata().configuration().get(KEPT_FROM_PROPERTY)?.parse().ok()
    }

    /// What [`Lake::keep_from`] would drop, by the opened snapshot.
    ///
    /// # Errors
    /// When the table has no snapshot.
    pub fn days_before(&self, day: Date) -> Result<Dropped> {
        Ok(sum(&self.old_layouts(day)?))
    }

    /// Drops the events of all days before one, for good.
    ///
    /// Not cancel safe: dropped half-way, old days may still be there, and go when it is called again.
    ///
    /// # Errors
    /// When the table cannot be written, or compactions keep moving the files.
    pub async fn keep_from(&mut self, day: Date) -> Result<Dropped> {
        self.refresh(Table::Events).await?;
        if self.kept_from().is_none_or(|kept| kept < day) {
            self.promise(day).await?;
        }
        for _ in 0..ATTEMPTS_MAX {
            let old = self.old_layouts(day)?;
            let dropped = sum(&old);
            let removed: Vec<DataFile> = old.into_iter().flat_map(|layout| layout.files).collect();
            if removed.is_empty() {
                return Ok(dropped);
            }
            let replacement = Replacement {
                table: Table::Events,
                removed,
                added: Vec::new(),
                changes_data: true,
                operation: DeltaOperation::Delete { predicate: Some(format!("event_date < '{day}'")) },
            };
            if self.replace(&replacement).await? == Replaced::Durable {
                return Ok(dropped);
            }
        }
        Err(LakeError::Contended { uri: self.uri().to_owned(), attempts: ATTEMPTS_MAX })
    }

    fn old_layouts(&self, day: Date) -> Result<Vec<Layout>> {
        let layouts = self.layouts(Table::Events)?;
        Ok(layouts.into_iter().filter(|layout| layout.part.day.is_some_and(|of| of < day)).collect())
    }

    /// Says from which day on events are kept. Whoever appends at this moment loses, and judges its events anew.
    async fn promise(&mut self, day: Date) -> Result<()> {
        self.set_property(KEPT_FROM_PROPERTY, day.to_string(), "set the first kept day").await
    }
}

fn sum(layouts: &[Layout]) -> Dropped {
    Dropped {
        days: layouts.len(),
        files: layouts.iter().map(|layout| layout.files.len()).sum(),
        bytes: layouts.iter().map(Layout::bytes).sum(),
    }
}
