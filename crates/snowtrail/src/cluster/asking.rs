//! A query is planned here, sent to the scheduler, and sent again when it failed.
//!
//! What is sent is the physical plan. The scheduler cuts it into stages and changes nothing else, so a rule runs as it was
//! planned here, by the optimizer that the rules are tested with. A logical plan would lose the columns of relations without
//! rows on the wire, could not hold a subquery, and would be optimized a second time by other rules (DataFusion 55).
//!
//! The scheduler runs a stage again whose executor was lost. What it cannot do again is hand over a result that lay on the
//! lost executor when the client came for it, or a job that it gave up because executors kept failing. So the client
//! holds a result back until all of it is there, and asks anew. That is safe, because a query either reads, or writes one
//! file under one name (see [`snowtrail_rules::shared`]). A query that is wrong fails as often, at the price of its
//! attempts.

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use ballista_core::execution_plans::execute_physical_plan;
use ballista_core::extension::SessionConfigExt;
use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::common::collect;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, SendableRecordBatchStream,
};
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use datafusion_proto::protobuf::PhysicalPlanNode;
use futures::{StreamExt, TryStreamExt, stream};

/// How often a query is sent before its error is believed.
const ATTEMPTS_MAX: usize = 3;

/// A planner whose plans run on a cluster.
#[derive(Debug)]
pub struct Asking {
    scheduler: String,
}

impl Asking {
    /// Of the scheduler at `http://host:port`.
    pub fn of(scheduler: String) -> Asking {
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
        let query = DefaultPhysicalPlanner::default().create_physical_plan(plan, session).await?;
        let (scheduler, session_id) = (self.scheduler.clone(), session.session_id().to_owned());
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(query.schema()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        ));
        Ok(Arc::new(Asked { scheduler, session_id, query, properties }))
    }
}

/// A query that is sent when it is executed.
#[derive(Debug, Clone)]
struct Asked {
    scheduler: String,
    session_id: String,
    query: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl DisplayAs for Asked {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "Asked: scheduler={}, attempts={ATTEMPTS_MAX}", self.scheduler)
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

impl Asked {
    async fn answer(&self, context: &TaskContext) -> Result<Vec<RecordBatch>> {
        let config = context.session_config();
        let (ballista, codec) = (config.ballista_config(), BallistaPhysicalExtensionCodec::default());
        let rows = execute_physical_plan::<PhysicalPlanNode>(
            self.scheduler.clone(),
            &ballista,
            Arc::clone(&self.query),
            &codec,
            self.session_id.clone(),
            config.clone(),
        );
        collect(rows.await?).await
    }
}
