//! Short planning, for sessions whose tables are in memory and small.
//!
//! A small fixture has some eighty queries planned to look at a few rows: for longer than they run. (Those of ticks are planned
//! once, see [`crate::prepared`].) Most of what DataFusion's optimizers do pays on files and on many cores, where reading
//! less is what counts; over a few batches in one partition it wins nothing. Counted by callgrind on a replay of one small
//! fixture with all rules, in instructions of the whole process: 6.5 thousand million with all of it, 4.3 without what is
//! left out here. The rows are the same either way; what a plan needs to be right (joins chosen, orders and distributions
//! enforced) stays.
//!
//! Queries over the lake itself, and those of people, are planned as DataFusion does, but for two rules, see [`careful`].

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{EmptyRelation, LogicalPlan};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::propagate_empty_relation::PropagateEmptyRelation;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::prelude::SessionContext;

use crate::distinct::{DISTINCT, DistinctInPlainText};
use crate::windowed::WindowsOverPlainText;

/// Logical rules that are left out.
const LOGICAL: [&str; 9] = [
    "common_sub_expression_eliminate",
    "eliminate_join",
    "eliminate_limit",
    "eliminate_outer_join",
    "extract_leaf_expressions",
    "filter_null_join_keys",
    "optimize_unions",
    "push_down_leaf_projections",
    "unions_to_filter",
];

/// Physical rules that are left out.
const PHYSICAL: [&str; 13] = [
    "FilterPushdown",
    "FilterPushdown(Post)",
    "HashJoinBuffering",
    "LimitAggregation",
    "LimitPushPastWindows",
    "LimitPushdown",
    "LimitedDistinctAggregation",
    "OptimizeAggregateOrder",
    "ProjectionPushdown",
    "PushdownSort",
    "TopKRepartition",
    "WindowTopN",
    "aggregate_statistics",
];

/// The same session, planning in short. Emptiness is carried up first: what a table without rows leaves nothing of (see
/// [`crate::memory::table_of`]) need not be optimized.
pub(crate) fn in_short(state: SessionState) -> SessionState {
    let mut logical = vec![Arc::new(CarryEmptiness::default()) as Rule];
    logical.extend(with_care(state.optimizers()).filter(|rule| !LOGICAL.contains(&rule.name())));
    let physical = state.physical_optimizers().iter().filter(|rule| !PHYSICAL.contains(&rule.name()));
    let physical = physical.cloned().collect();
    let mut short = SessionStateBuilder::new_from_existing(state)
        .with_optimizer_rules(logical)
        .with_physical_optimizer_rules(physical)
        .build();
    short.config_mut().options_mut().optimizer.max_passes = 1;
    short
}

/// Makes a session carry emptiness with care, see [`CarryEmptiness`], and keep few bytes for each group, see
/// [`DistinctInPlainText`].
pub(crate) fn careful(session: &SessionContext) {
    let state = session.state_ref();
    let mut state = state.write();
    let logical = with_care(state.optimizers()).collect();
    *state = SessionStateBuilder::new_from_existing(state.clone()).with_optimizer_rules(logical).build();
}

/// The same session for a view over many events, of which windows keep few, see [`WindowsOverPlainText`]. Not for rules:
/// `newcomer-role-read`, which compares two texts by which its window divides its rows, failed to run (`Utf8 != Utf8View`).
pub(crate) fn for_a_view(session: &SessionContext) -> SessionContext {
    let state = SessionStateBuilder::new_from_existing(session.state());
    let state = state.with_optimizer_rule(Arc::new(WindowsOverPlainText));
    SessionContext::new_with_state(state.build())
}

type Rule = Arc<dyn OptimizerRule + Send + Sync>;

/// The engine's rules with ours among them: one in the place of the engine's, one after what makes a single distinct
/// count a grouping of its own, which is better still.
fn with_care(rules: &[Rule]) -> impl Iterator<Item = Rule> {
    rules.iter().flat_map(|rule| match rule.name() {
        CARRIES_EMPTINESS => vec![Arc::new(CarryEmptiness::default()) as Rule],
        GROUPS_BY_DISTINCT => vec![Arc::clone(rule), Arc::new(DistinctInPlainText) as Rule],
        DISTINCT => Vec::new(),
        _ => vec![Arc::clone(rule)],
    })
}

const GROUPS_BY_DISTINCT: &str = "single_distinct_aggregation_to_group_by";
const CARRIES_EMPTINESS: &str = "propagate_empty_relation";

/// DataFusion's rule, kept from unions of which one arm is left. Of those DataFusion 55.2 makes a projection that a later
/// rule takes for superfluous, and then refuses its own plan, because the arm's columns are qualified and the union's are
/// not ("difference in schemas"). An empty arm that stays costs nothing.
#[derive(Debug, Default)]
struct CarryEmptiness(PropagateEmptyRelation);

impl OptimizerRule for CarryEmptiness {
    fn name(&self) -> &str {
        CARRIES_EMPTINESS
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match &plan {
            LogicalPlan::Union(union) if !union.inputs.iter().all(|arm| is_empty(arm)) => {
                Ok(Transformed::no(plan))
            }
            _ => self.0.rewrite(plan, config),
        }
    }
}

/// Whether a plan says that there are no rows.
pub(crate) fn is_empty(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, .. }))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, RecordBatch};

    use super::*;

    fn names<T: ?Sized>(rules: &[Arc<T>], name: impl Fn(&T) -> &str) -> Vec<String> {
        rules.iter().map(|rule| name(rule).to_owned()).collect()
    }

    #[test]
    fn every_rule_that_is_left_out_is_one_that_the_engine_has() {
        let state = SessionContext::new().state();
        let logical = names(state.optimizers(), |rule| rule.name());
        let physical = names(state.physical_optimizers(), |rule| rule.name());
        let known = |names: &[&str], of: &[String]| names.iter().all(|name| of.iter().any(|n| n == name));
        assert!(
            known(&LOGICAL, &logical) && known(&[CARRIES_EMPTINESS, GROUPS_BY_DISTINCT], &logical),
            "{logical:?}"
        );
        assert!(known(&PHYSICAL, &physical), "{physical:?}");
        let short = in_short(state);
        assert_eq!(short.optimizers().len(), logical.len() - LOGICAL.len() + 2);
        assert!(short.physical_optimizers().iter().all(|rule| !PHYSICAL.contains(&rule.name())));
    }

    #[tokio::test]
    async fn union_with_one_empty_arm_gives_the_rows_of_the_other() {
        let session = SessionContext::new();
        let some = session.sql("SELECT 'a' AS name, 1 AS number").await.unwrap();
        session.register_table("some", some.into_view()).unwrap();
        let none = session.table("some").await.unwrap().schema().inner().clone();
        session.register_table("none", crate::memory::table_of(none, Vec::new()).unwrap()).unwrap();
        careful(&session);
        let short = SessionContext::new_with_state(in_short(session.state()));
        for session in [session, short] {
            let union = "SELECT n.name, n.number FROM none n JOIN some s ON s.name = n.name \
                         UNION ALL SELECT name, number FROM some WHERE number > 0";
            let rows = session.sql(union).await.unwrap().collect().await.unwrap();
            assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
            assert_eq!(rows[0].column(0).len(), rows[0].num_rows());
        }
    }
}
