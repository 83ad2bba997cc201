//! A query is sent to the scheduler, and sent again when it failed.
//!
//! The scheduler runs a stage again whose executor was lost. What it cannot do again is hand over a result that lay on the
//! lost executor when the client came for it, or a job that it gave up because executors kept failing. So the client
//! holds a result back until all of it is there, and asks anew. That is safe, because a query either reads, or writes one
//! file under one name (see [`snowtrail_rules::shared`]). A query that is wrong fails as often, at the price of its
//! attempts.
//!
//! Sends logical plans as Ballista does; what may stand in them is narrower than what the engine can run, see
//! [`rules_that_can_be_sent`].

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::OptimizerRule;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::common::collect;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SendableRecordBatchStream,
};
use futures::{StreamExt, TryStreamExt, stream};

/// How often a query is sent before its error is believed.
const ATTEMPTS_MAX: usize = 3;

/// Rules of the optimizer that put a relation without rows into a plan. On the wire such a relation loses its columns
/// (DataFusion 55: `EmptyRelationNode` has one field, `produce_one_row`), and the scheduler then refuses what stands above
/// it. The scheduler optimizes once more, with all rules.
const EMPTYING: [&str; 4] =
    ["eliminate_filter", "eliminate_join", "eliminate_limit", "propagate_empty_relation"];

type Rule = Arc<dyn OptimizerRule + Send + Sync>;

/// The optimizer's rules without those whose plans cannot be sent.
pub fn rules_that_can_be_sent(rules: &[Rule]) -> Vec<Rule> {
    rules.iter().filter(|rule| !EMPTYING.contains(&rule.name())).cloned().collect()
}

/// A planner whose plans are asked again.
#[derive(Debug)]
pub struct Asking {
    remote: Arc<dyn QueryPlanner + Send + Sync>,
}

impl Asking {
    /// Over the planner that sends.
    pub fn over(remote: Arc<dyn QueryPlanner + Send + Sync>) -> Asking {
        Asking { remote }
    }
}

#[async_trait]
impl QueryPlanner for Asking {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Asked { query: self.remote.create_physical_plan(plan, session).await? }))
    }
}

/// A query that is sent when it is executed.
#[derive(Debug)]
struct Asked {
    query: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for Asked {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "Asked: attempts={ATTEMPTS_MAX}")
    }
}

impl ExecutionPlan for Asked {
    fn name(&self) -> &str {
        "Asked"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.query.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.query]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let query = children.pop().unwrap_or_else(|| Arc::clone(&self.query));
        Ok(Arc::new(Asked { query }))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let query = Arc::clone(&self.query);
        let rows = stream::once(async move {
            let mut attempt = 1;
            loop {
                match answer(&query, partition, &context).await {
                    Err(error) if attempt < ATTEMPTS_MAX => {
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

async fn answer(
    query: &Arc<dyn ExecutionPlan>,
    partition: usize,
    context: &Arc<TaskContext>,
) -> Result<Vec<RecordBatch>> {
    collect(query.execute(partition, Arc::clone(context))?).await
}
