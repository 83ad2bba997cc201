//! How much memory a sort may take.
//!
//! Windows over a secret's or a principal's events sort the events first, and over ten million of them DataFusion sorts in memory for
//! as long as it is given any: half of the 6.4 GB that the heap of a `detect` had after a third of its views (heaptrack) were
//! batches to be sorted. Sorts can go on in files. What else can (final aggregations) fails in DataFusion 55.2 where it may not
//! grow, so the pool that queries share refuses nothing but sorts. Each has a measure of its own: with one for all, a
//! sort that came late got none, wrote a file a batch, and merged a thousand files at once.

use std::fmt::{Debug, Display, Formatter};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryPool, MemoryReservation};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};

/// Bytes that one sort may hold, of one part of the rows. One that fits takes no file at all; a larger one writes runs. DataFusion counts
/// what is set aside, and sets aside up to a megabyte for each column of texts of each batch: a batch of 8,192 events counts for
/// 140 MB, and is one megabyte in a file (heaptrack).
const SORT_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// What a session for rules and for people's questions runs on: beyond a gigabyte a sort uses files in the folder for
/// temporary ones.
///
/// # Errors
/// When there is no such folder.
pub fn runtime() -> Result<Arc<RuntimeEnv>> {
    RuntimeEnvBuilder::new().with_memory_pool(Arc::new(Sorts::up_to(SORT_BYTES_MAX))).build_arc()
}

/// Refuses a sort that grows beyond its measure, and lets all else have what it asks for.
struct Sorts {
    bytes_max: usize,
    /// Of all sorts.
    bytes: AtomicUsize,
}

impl Sorts {
    fn up_to(bytes_max: usize) -> Sorts {
        Sorts { bytes_max, bytes: AtomicUsize::new(0) }
    }

    /// By the name of the operator: the pool is told no more. Source: `MemoryConsumer::new` in datafusion-physical-plan
    /// 55.2.0, `sorts/sort.rs`.
    fn is_sort(reservation: &MemoryReservation) -> bool {
        reservation.consumer().name().starts_with("ExternalSorter[")
    }
}

impl MemoryPool for Sorts {
    fn name(&self) -> &str {
        "sorts"
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        if Sorts::is_sort(reservation) {
            self.bytes.fetch_add(additional, Ordering::Relaxed);
        }
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        if Sorts::is_sort(reservation) {
            self.bytes.fetch_sub(shrink, Ordering::Relaxed);
        }
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        // What holds nothing yet has nothing to write to a file: it would fail over one large batch.
        let held = reservation.size();
        if Sorts::is_sort(reservation) && held > 0 && held + additional > self.bytes_max {
            let name = reservation.consumer().name();
            let why = format!("{name} holds {held} bytes, {additional} more do not fit");
            return Err(DataFusionError::ResourcesExhausted(why));
        }
        self.grow(reservation, additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Debug for Sorts {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        Display::fmt(self, f)
    }
}

impl Display for Sorts {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "sorts ({} bytes, {} each)", self.reserved(), self.bytes_max)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, RecordBatch};
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;

    const QUERY: &str = "SELECT sum(n * place) AS s, max(others) AS m FROM ( \
        SELECT n, row_number() OVER (PARTITION BY n % 7 ORDER BY text, n) AS place, \
            count(*) OVER (PARTITION BY n % 1000) AS others FROM ( \
            SELECT value AS n, concat('text number ', value * 7919 % 100003, ' of some length') AS text FROM \
            generate_series(1, 200000)) GROUP BY n, text)";

    async fn asked(bytes_max: usize) -> (RecordBatch, usize) {
        let pool: Arc<dyn MemoryPool> = Arc::new(Sorts::up_to(bytes_max));
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::clone(&pool)).build_arc().unwrap();
        let config = SessionConfig::new().with_target_partitions(2);
        let session = SessionContext::new_with_config_rt(config, runtime);
        let frame = session.sql(QUERY).await.unwrap();
        let plan = frame.create_physical_plan().await.unwrap();
        let rows = datafusion::physical_plan::collect(Arc::clone(&plan), session.task_ctx()).await.unwrap();
        assert_eq!(pool.reserved(), 0, "all is given back");
        (rows[0].clone(), spills(plan.as_ref()))
    }

    fn spills(plan: &dyn datafusion::physical_plan::ExecutionPlan) -> usize {
        let own = plan.metrics().and_then(|metrics| metrics.spill_count()).unwrap_or(0);
        own + plan.children().into_iter().map(|child| spills(child.as_ref())).sum::<usize>()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn sorts_go_on_in_files_and_aggregations_in_memory_and_the_rows_are_the_same() {
        let (ample, none) = asked(SORT_BYTES_MAX).await;
        assert_eq!(none, 0);
        for bytes_max in [4 * 1024 * 1024, 1] {
            let (scarce, some) = asked(bytes_max).await;
            assert!(some > 0, "nothing was spilled");
            assert_eq!(ample, scarce, "with {bytes_max} bytes");
        }
        assert!(ample.column(1).as_any().downcast_ref::<Int64Array>().unwrap().value(0) == 200);
    }
}
