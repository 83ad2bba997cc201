//! Batches with texts of their own below a sort, so that it can tell how much it holds.
//!
//! What operators pass on are views of texts that several batches share, in buffers set aside a megabyte a column at a time.
//! A sort counts each batch with all that it shares: of ten million events, batches that are a megabyte in a file counted for 140.
//! Seven filled a gigabyte and became a run, and a merge reads four batches of each run ahead: every event was in memory again,
//! 4.5 GB of them (heaptrack). Copied to their size first, batches count for what they are, and a run holds hundreds.
//!
//! Rows, their order and their parts stay what they are. Does not touch sorts that keep only the first rows.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use datafusion::common::config::ConfigOptions;
use datafusion::common::internal_err;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;

use crate::memory::with_own_text;

/// Puts [`OwnText`] below each sort of texts. The last of a session's rules: no other one knows it.
#[derive(Debug, Default)]
pub(crate) struct SortsOfOwnText;

impl PhysicalOptimizerRule for SortsOfOwnText {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(over_own_text).data()
    }

    fn name(&self) -> &str {
        "sorts_of_own_text"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn over_own_text(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let Some(sort) = plan.downcast_ref::<SortExec>().filter(|sort| sort.fetch().is_none()) else {
        return Ok(Transformed::no(plan));
    };
    if !has_texts(&sort.input().schema()) {
        return Ok(Transformed::no(plan));
    }
    let input = OwnText::over(sort.input());
    replace_children_if_necessary(plan, vec![input]).map(Transformed::yes)
}

fn has_texts(schema: &Schema) -> bool {
    schema.fields().iter().any(|field| *field.data_type() == DataType::Utf8View)
}

/// The input's rows, in batches that share nothing.
#[derive(Debug)]
struct OwnText {
    input: Arc<dyn ExecutionPlan>,
}

impl OwnText {
    fn over(input: &Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        Arc::new(OwnText { input: Arc::clone(input) })
    }
}

impl DisplayAs for OwnText {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("OwnText")
    }
}

impl ExecutionPlan for OwnText {
    fn name(&self) -> &str {
        "OwnText"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let [input] = children.as_slice() else {
            return internal_err!("OwnText has one input, and was given {}", children.len());
        };
        Ok(OwnText::over(input))
    }

    fn execute(&self, part: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let schema = self.schema();
        let rows = self.input.execute(part, context)?.map(|batch| {
            let batch = batch?;
            let columns = batch.columns().iter().map(with_own_text).collect();
            Ok(RecordBatch::try_new(batch.schema(), columns)?)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}
