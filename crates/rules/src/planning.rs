//! Short planning, for sessions whose tables are in memory and small.
//!
//! A tick plans some thirty queries to look at a thousand rows: it plans for longer than it runs. Most of what DataFusion's
//! optimizers do pays on files and on many cores, where reading less is what counts; over a few batches in one partition it
//! wins nothing. Counted by callgrind on a replay of one small fixture with all rules, in instructions of the whole
//! process: 6.5 thousand million with all of it, 4.3 without what is left out here. The rows are the same either way;
//! what a plan needs to be right (joins chosen, orders and distributions enforced) stays.
//!
//! Does not change how queries over the lake itself are planned, nor those of people.

use std::sync::Arc;

use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::optimizer::propagate_empty_relation::PropagateEmptyRelation;

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
    let mut logical = vec![Arc::new(PropagateEmptyRelation::new()) as _];
    logical.extend(state.optimizers().iter().filter(|rule| !LOGICAL.contains(&rule.name())).cloned());
    let physical = state.physical_optimizers().iter().filter(|rule| !PHYSICAL.contains(&rule.name()));
    let physical = physical.cloned().collect();
    let mut short = SessionStateBuilder::new_from_existing(state)
        .with_optimizer_rules(logical)
        .with_physical_optimizer_rules(physical)
        .build();
    short.config_mut().options_mut().optimizer.max_passes = 1;
    short
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::*;

    #[test]
    fn every_rule_that_is_left_out_is_one_that_the_engine_has() {
        let state = SessionContext::new().state();
        let logical: Vec<&str> = state.optimizers().iter().map(|rule| rule.name()).collect();
        let physical: Vec<&str> = state.physical_optimizers().iter().map(|rule| rule.name()).collect();
        let unknown = |names: &[&'static str], of: &[&str]| {
            names.iter().copied().filter(|name| !of.contains(name)).collect::<Vec<_>>()
        };
        assert_eq!(unknown(&LOGICAL, &logical), Vec::<&str>::new());
        assert_eq!(unknown(&PHYSICAL, &physical), Vec::<&str>::new());
        let short = in_short(state);
        assert_eq!(short.optimizers().len(), logical.len() - LOGICAL.len() + 1);
        assert!(short.physical_optimizers().iter().all(|rule| !PHYSICAL.contains(&rule.name())));
    }
}
