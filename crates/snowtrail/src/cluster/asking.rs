//! A query is planned here, sent to the scheduler, and sent again when it failed.
//!
//! What is sent is the physical plan. The scheduler cuts it into stages, and may turn a join's sides around when it knows their
//! sizes; more it is asked not to do (see the settings in `mod.rs`). A logical plan would lose the columns of relations without
//! rows on the wire, could not hold a subquery, and would be optimized a second time by other rules (DataFusion 55).
//!
//! The scheduler runs a stage again whose executor was lost, and may count rows twice then (see `jobs`); and it cannot hand over
//! a result that lay on the lost executor when the client came for it. So the client holds a result back until all of it is
//! there and known to need no repair, and asks anew otherwise. A query that writes is sent once: whoever writes must choose
//! another file for another attempt (see [`snowtrail_rules::shared`]). A query that is wrong fails as often, at the price
//! of its attempts.

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use ballista_core::execution_plans::execute_physical_plan;
use ballista_core::extension::SessionConfigExt;
use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::catalog::Session;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinType, internal_datafusion_err, not_impl_err};
use datafusion::datasource::sink::DataSinkExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::{SessionState, SessionStateBuilder, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::common::collect;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, PartitionMode};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
    SendableRecordBatchStream, displayable,
};
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use datafusion_proto::protobuf::PhysicalPlanNode;
use futures::{StreamExt, TryStreamExt, stream};

use super::{Scheduler, jobs};

/// How often a query is sent before its error is believed.
const ATTEMPTS_MAX: usize = 3;

/// A planner whose plans run on a cluster.
#[derive(Debug)]
pub struct Asking {
    scheduler: Scheduler,
}

impl Asking {
    /// Of a scheduler.
    pub fn of(scheduler: Scheduler) -> Asking {
        Asking { scheduler }
    }
}

#[async_trait]
impl QueryPlanner for Asking {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut query = DefaultPhysicalPlanner::default().create_physical_plan(plan, session).await?;
        let mut parts = session.config().target_partitions();
        if !is_divisible(&query)? {
            parts = 1;
            query = in_one_part(plan, session).await?;
        }
        tracing::debug!(plan = %displayable(query.as_ref()).indent(false), "cluster_planned");
        let scheduler = self.scheduler.clone();
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(query.schema()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        ));
        let attempts = if query.downcast_ref::<DataSinkExec>().is_some() { 1 } else { ATTEMPTS_MAX };
        Ok(Arc::new(Asked { scheduler, query, parts, attempts, properties }))
    }
}

/// Whether tasks that know nothing of each other may run a plan. A join that collects its left side for all parts of the
/// right, and tells of left rows whether they found anybody, must be run by one task: in one process its parts share what
/// they found, on a cluster each would tell of all rows that found nobody among its own.
fn is_divisible(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let is_shared = plan.exists(|node| {
        let collects = node.downcast_ref::<NestedLoopJoinExec>().map(|join| (join.join_type(), join.right()));
        let collects = collects.or_else(|| {
            let hashed = node.downcast_ref::<HashJoinExec>()?;
            let is_collecting = *hashed.partition_mode() == PartitionMode::CollectLeft;
            is_collecting.then(|| (hashed.join_type(), hashed.right()))
        });
        Ok(collects.is_some_and(|(kind, right)| {
            tells_of_left(*kind) && right.output_partitioning().partition_count() > 1
        }))
    })?;
    Ok(!is_shared)
}

fn tells_of_left(kind: JoinType) -> bool {
    matches!(
        kind,
        JoinType::Left | JoinType::Full | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark
    )
}

/// The query planned for one part throughout.
async fn in_one_part(plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
    let Some(state) = session.as_any().downcast_ref::<SessionState>() else {
        return Err(internal_datafusion_err!("a session of another kind than the engine's"));
    };
    let config = state.config().clone().with_target_partitions(1);
    let state = SessionStateBuilder::new_from_existing(state.clone()).with_config(config).build();
    let query = DefaultPhysicalPlanner::default().create_physical_plan(plan, &state).await?;
    if !is_divisible(&query)? {
        return not_impl_err!(
            "a join that is no equality, and tells of rows that found nobody, over a union cannot be run on a cluster; run this \
             without --cluster"
        );
    }
    Ok(query)
}

/// A query that is sent when it is executed.
#[derive(Debug, Clone)]
struct Asked {
    scheduler: Scheduler,
    query: Arc<dyn ExecutionPlan>,
    /// Into how many parts the scheduler may deal out rows where it must do so anew.
    parts: usize,
    attempts: usize,
    properties: Arc<PlanProperties>,
}

impl DisplayAs for Asked {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "Asked: scheduler={}, parts={}, attempts={}", self.scheduler, self.parts, self.attempts)
    }
}

impl ExecutionPlan for Asked {
    fn name(&self) -> &str {
        "Asked"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    /// None: what is sent is planned to its end, and no rule of this process may change it.
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let asked = self.clone();
        let rows = stream::once(async move {
            let mut attempt = 1;
            loop {
                match asked.answer(&context).await {
                    Err(error) if attempt < asked.attempts => {
                        tracing::warn!(attempt, error = %error, "cluster_asked_again");
                        attempt += 1;
                    }
                    answered => return answered.map(|rows| stream::iter(rows.into_iter().map(Ok))),
                }
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows.try_flatten().boxed())))
    }
}

impl Asked {
    async fn answer(&self, context: &TaskContext) -> Result<Vec<RecordBatch>> {
        let job_name = format!("snowtrail-{:016x}", fastrand::u64(..));
        let config = context.session_config().clone();
        let config = config.with_target_partitions(self.parts).with_ballista_job_name(&job_name);
        let (ballista, codec) = (config.ballista_config(), BallistaPhysicalExtensionCodec::default());
        // The scheduler keeps the settings of a session by its id.
        let session_id = format!("{}-{}", context.session_id(), self.parts);
        let rows = execute_physical_plan::<PhysicalPlanNode>(
            self.scheduler.http(),
            &ballista,
            Arc::clone(&self.query),
            &codec,
            session_id,
            config,
        );
        let rows = collect(rows.await?).await?;
        let sound = jobs::unrepaired(&self.scheduler.authority, &job_name).await;
        sound.map_err(|why| DataFusionError::External(why.into()))?;
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use datafusion::datasource::MemTable;

    use super::*;
    use crate::cluster::Cluster;

    /// As it is planned for the cluster: its parts, and whether it may be divided.
    async fn planned(sql: &str) -> (usize, bool) {
        let cluster = Cluster { scheduler: "df://127.0.0.1:1".parse().unwrap(), parts: 4 };
        let session = cluster.session().unwrap();
        let numbers = Arc::new(Int64Array::from_iter_values(0..100_000));
        let numbers = RecordBatch::try_from_iter([("n", numbers as _)]).unwrap();
        let numbers = MemTable::try_new(numbers.schema(), vec![vec![numbers]]).unwrap();
        session.register_table("numbers", Arc::new(numbers)).unwrap();
        let plan = session.sql(sql).await.unwrap().into_optimized_plan().unwrap();
        let planner = Asking::of(cluster.scheduler);
        let asked = planner.create_physical_plan(&plan, &session.state()).await.unwrap();
        let query = &asked.downcast_ref::<Asked>().expect("a query that is sent").query;
        (query.output_partitioning().partition_count(), is_divisible(query).unwrap())
    }

    #[tokio::test]
    async fn query_is_dealt_out_unless_its_tasks_would_have_to_know_of_each_other() {
        let joined = |kind: &str, on: &str| {
            format!(
                "SELECT a.n, b.n FROM numbers a {kind} JOIN (SELECT n, count(*) FROM numbers GROUP BY n) b ON {on}"
            )
        };
        assert_eq!(planned(&joined("LEFT", "a.n = b.n AND a.n < b.n + 1")).await, (4, true));
        assert_eq!(planned(&joined("INNER", "a.n < b.n")).await, (4, true));
        assert_eq!(planned(&joined("FULL", "a.n < b.n")).await, (1, true));
        assert_eq!(planned(&joined("LEFT", "a.n < b.n")).await, (1, true));
    }
}
