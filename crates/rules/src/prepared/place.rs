//! Tables of a plan that is kept: places, which give the rows of the run that asks.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Statistics, internal_err};
use datafusion::datasource::TableType;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::common::compute_record_batch_statistics;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};

/// The rows of the tables that a query names, by name: in the context of one run.
pub(super) struct Rows(pub(super) HashMap<String, Vec<RecordBatch>>);

/// A table of which a plan is made: its columns, and the rows that it has now.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) schema: SchemaRef,
    pub(super) rows: Vec<RecordBatch>,
}

#[async_trait]
impl TableProvider for Place {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let projected = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        let statistics = compute_record_batch_statistics(
            std::slice::from_ref(&self.rows),
            &self.schema,
            projection.cloned(),
        );
        let properties = PlanProperties::new(
            EquivalenceProperties::new(projected),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Arc::new(RowsNow {
            name: self.name.clone(),
            projection: projection.cloned(),
            properties: Arc::new(properties),
            // Of other rows they will be wrong, so nothing may be concluded from them, only guessed.
            statistics: Arc::new(statistics.to_inexact()),
        }))
    }
}

/// The rows that a table has in the run that asks.
#[derive(Debug)]
struct RowsNow {
    name: String,
    projection: Option<Vec<usize>>,
    properties: Arc<PlanProperties>,
    statistics: Arc<Statistics>,
}

impl DisplayAs for RowsNow {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "RowsNow: {}", self.name)
    }
}

impl ExecutionPlan for RowsNow {
    fn name(&self) -> &str {
        "RowsNow"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

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
        let rows = context.session_config().get_extension::<Rows>();
        let Some(rows) = rows.as_ref().and_then(|rows| rows.0.get(&self.name)) else {
            return internal_err!("no rows of table {} were given to a plan that is kept", self.name);
        };
        let stream = MemoryStream::try_new(rows.clone(), self.schema(), self.projection.clone())?;
        Ok(Box::pin(stream))
    }

    fn partition_statistics(&self, _: Option<usize>) -> Result<Arc<Statistics>> {
        Ok(Arc::clone(&self.statistics))
    }
}
