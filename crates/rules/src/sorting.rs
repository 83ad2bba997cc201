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
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::own_text::SortsOfOwnText;

/// Bytes that one sort may hold, of one part of the rows. One that fits takes no file at all; a larger one writes runs. DataFusion
/// counts each batch twice, once for its sorted copy.
const SORT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A session for rules and for people's questions: beyond this measure a sort uses files in the folder for temporary ones.
///
/// # Errors
/// When there is no such folder.
pub fn session(config: SessionConfig) -> Result<SessionContext> {
    Ok(over_own_text(&within(config, SORT_BYTES_MAX)?))
}

fn over_own_text(session: &SessionContext) -> SessionContext {
    let state = SessionStateBuilder::new_from_existing(session.state());
    let state = state.with_physical_optimizer_rule(Arc::new(SortsOfOwnText)).build();
    SessionContext::new_with_state(state)
}

fn within(config: SessionConfig, bytes_max: usize) -> Result<SessionContext> {
    let pool = Arc::new(Sorts::up_to(bytes_max));
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc()?;
    Ok(SessionContext::new_with_config_rt(config, runtime))
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
    use super::*;
    use arrow::array::{AsArray, RecordBatch, StringViewArray};
    use arrow::compute::concat_batches;
    use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, Schema};
    use datafusion::datasource::MemTable;

    const QUERY: &str = "SELECT sum(n * place) AS s, max(others) AS m FROM ( \
        SELECT n, row_number() OVER (PARTITION BY n % 7 ORDER BY text, n) AS place, \
            count(*) OVER (PARTITION BY n % 1000) AS others FROM ( \
            SELECT value AS n, concat('text number ', value * 7919 % 100003, ' of some length') AS text FROM \
            generate_series(1, 200000)) GROUP BY n, text)";

    /// The rows, and how many runs were written.
    async fn asked(session: &SessionContext, query: &str) -> (Vec<RecordBatch>, usize) {
        let plan = session.sql(query).await.unwrap().create_physical_plan().await.unwrap();
        let rows = datafusion::physical_plan::collect(Arc::clone(&plan), session.task_ctx()).await.unwrap();
        assert_eq!(session.runtime_env().memory_pool.reserved(), 0, "all is given back");
        (rows, spills(plan.as_ref()))
    }

    fn spills(plan: &dyn datafusion::physical_plan::ExecutionPlan) -> usize {
        let own = plan.metrics().and_then(|metrics| metrics.spill_count()).unwrap_or(0);
        own + plan.children().into_iter().map(|child| spills(child.as_ref())).sum::<usize>()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn sorts_go_on_in_files_and_aggregations_in_memory_and_the_rows_are_the_same() {
        let session = |bytes_max| within(SessionConfig::new().with_target_partitions(2), bytes_max).unwrap();
        let (ample, none) = asked(&session(SORT_BYTES_MAX), QUERY).await;
        assert_eq!(none, 0);
        for bytes_max in [4 * 1024 * 1024, 1] {
            let (scarce, some) = asked(&session(bytes_max), QUERY).await;
            assert!(some > 0, "nothing was spilled");
            assert_eq!(ample, scarce, "with {bytes_max} bytes");
        }
        let others = ample[0].column(1).as_primitive::<Int64Type>();
        assert_eq!(others.value(0), 200);
    }

    /// Batches of a few rows, whose texts all stand in one buffer.
    fn sharing() -> MemTable {
        let texts = (0..40_000_u64).map(|n| format!("text number {} of some length", n * 7_919 % 40_009));
        let shared = StringViewArray::from_iter_values(texts);
        let schema = Schema::new([Arc::new(Field::new("text", DataType::Utf8View, false)) as FieldRef]);
        let schema = Arc::new(schema);
        let batch = |from| RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(shared.slice(from, 200))]);
        let batches = (0..40_000).step_by(200).map(batch).collect::<std::result::Result<_, _>>();
        MemTable::try_new(Arc::clone(&schema), vec![batches.unwrap()]).unwrap()
    }

    #[tokio::test]
    async fn a_sort_counts_what_is_its_own_and_not_what_its_batches_share() {
        const QUERY: &str =
            "SELECT text, count(*) OVER (PARTITION BY text) AS others FROM sharing ORDER BY text";
        let config = || SessionConfig::new().with_target_partitions(1);
        let bytes_max = 16 * 1024 * 1024;
        let plain = within(config(), bytes_max).unwrap();
        let careful = over_own_text(&within(config(), bytes_max).unwrap());
        for session in [&plain, &careful] {
            session.register_table("sharing", Arc::new(sharing())).unwrap();
        }
        let (rows, runs) = asked(&plain, QUERY).await;
        assert!(runs > 1, "counted as they are, 200 batches of one buffer are too many: {runs}");
        let (same, none) = asked(&careful, QUERY).await;
        assert_eq!(none, 0);
        let whole = |rows: &[RecordBatch]| concat_batches(&rows[0].schema(), rows).unwrap();
        assert_eq!(whole(&rows), whole(&same));
    }
}
