//! Upkeep while streaming: the lake that micro-batches fill with small files is compacted now and then.
//!
//! By the half that detects, of which one is enough; two at once cost each other work and nothing else. It has a handle on
//! the lake of its own, takes one thread at most, and shares nothing with ingest or detection but the tables, where its
//! commits are in nobody's way. Whatever fails is logged and counted, and tried again the next time. Dropped at any moment
//! it leaves the lake as it was or as it will be. Never deletes a file: `snowtrail lake vacuum` does.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use snowtrail_lake::layout::Layout;
use snowtrail_lake::{Lake, LakeError, Table};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::telemetry;
use crate::worker::Parts;
use crate::worker::clock::Clock;

/// Small files at which a part that is still growing (today, and the tables without days) is compacted: a few hundred
/// opens a query. Fewer wait until the day is closed.
const SMALL_FILES_OPEN: usize = 256;

/// Files younger than this are left: a detector elsewhere may not have looked at them, and would have to look at
/// everything instead of at them.
const SETTLED_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// What part of the time between two turns passes before the first: soon after a start, because a worker may not live for
/// a whole one, but not at once, when everything else begins too.
const FIRST_AFTER: f64 = 0.05;

/// Compacts on its own schedule.
pub struct Upkeep {
    lake: Lake,
    clock: Arc<dyn Clock>,
    every: Duration,
}

impl Upkeep {
    /// The upkeep of the worker with these parts; none where it is switched off.
    pub fn new(parts: &Parts) -> Option<Upkeep> {
        let every = parts.limits.compact_every;
        (!every.is_zero()).then(|| Upkeep::over(parts.lake.clone(), Arc::clone(&parts.clock), every))
    }

    /// The upkeep of a lake, a turn every so often.
    pub fn over(lake: Lake, clock: Arc<dyn Clock>, every: Duration) -> Upkeep {
        Upkeep { lake, clock, every }
    }

    /// Runs until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut at = Instant::now() + jittered(self.every.mul_f64(FIRST_AFTER));
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = sleep_until(at) => {}
            }
            at = Instant::now() + jittered(self.every);
            for table in Table::ALL {
                if stop.is_cancelled() {
                    return;
                }
                if let Err(failure) = self.table(table, &stop).await {
                    telemetry::compaction_failed(&failure);
                }
            }
        }
    }

    async fn table(&mut self, table: Table, stop: &CancellationToken) -> Result<(), LakeError> {
        self.lake.refresh(table).await?;
        let now = self.clock.now();
        let settled = now.saturating_sub(SETTLED_AFTER).unwrap_or(Timestamp::MIN);
        for layout in self.lake.layouts(table)?.iter().filter(|layout| is_due(layout, now)) {
            if stop.is_cancelled() {
                return Ok(());
            }
            let started = Instant::now();
            // One day that cannot be read must not keep the others from it.
            match self.lake.compact(layout.part, settled).await {
                Ok(compacted) => telemetry::compacted(&compacted, started.elapsed()),
                Err(failure) => telemetry::compaction_failed(&failure),
            }
        }
        Ok(())
    }
}

/// Whether a part is compacted in this turn: a closed day that wants it, and what grows when it has very many small files.
fn is_due(layout: &Layout, now: Timestamp) -> bool {
    let today = now.to_zoned_datetime(TimeZone::UTC).date();
    match layout.part.day {
        Some(day) if day < today => layout.wants_compaction(),
        _ => layout.small().count() > SMALL_FILES_OPEN,
    }
}

/// Three to five quarters of a time, so that workers that started together do not compact together.
fn jittered(time: Duration) -> Duration {
    time.mul_f64(0.75 + fastrand::f64() / 2.0)
}
