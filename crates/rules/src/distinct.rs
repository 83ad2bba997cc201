//! Different texts of many groups, without tens of kilobytes for each of them.
//!
//! `count(DISTINCT name)` and `array_agg(DISTINCT name)` by principal, by secret, by day: nearly every rule says so. For a count
//! DataFusion 55.2 keeps a table of 512 places and a buffer for each group, 34 KB before the first row (source:
//! `ArrowBytesViewSet::new`), and hands a list over in a buffer of 8 KB for each group (`GenericByteViewBuilder`, if the
//! texts are views, as those of Parquet are). `detect` over 100,000 events held 314 MB of the one at its peak, of 350, and 310 of
//! the other when the first were gone (heaptrack). So lists are made of plain texts, whose buffers are of the size of what
//! they hold but for 1 KB, and made views again when they are one column; and a count is the length of such a list.
//! The rows are the same, and all functions are DataFusion's own, so that a cluster understands the plan, too.
//!
//! Numbers and times are left as they are: for those DataFusion keeps small sets. So is what has no groups.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result;
use datafusion::functions_aggregate::array_agg::array_agg_udaf;
use datafusion::functions_nested::expr_fn::cardinality;
use datafusion::logical_expr::expr::{AggregateFunction, NullTreatment};
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, LogicalPlan, Projection, cast, lit, when};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// The name of the rule.
pub(crate) const DISTINCT: &str = "distinct_in_plain_text";

/// Plans what is distinct in groups as above.
#[derive(Debug, Default)]
pub(crate) struct DistinctInPlainText;

impl OptimizerRule for DistinctInPlainText {
    fn name(&self) -> &str {
        DISTINCT
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
        let is_grouped = !aggregate.group_expr.is_empty()
            && !aggregate.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_)));
        if !is_grouped {
            return Ok(Transformed::no(plan));
        }
        let input = aggregate.input.schema();
        let lists: Vec<_> = aggregate.aggr_expr.iter().map(|expr| listed(expr, input)).collect();
        if lists.iter().all(Option::is_none) {
            return Ok(Transformed::no(plan));
        }
        in_plain_text(aggregate, lists).map(Transformed::yes)
    }
}

/// The same rows under the same names: lists of plain texts below, what was asked for above. `lists` has one place for each
/// function of the aggregate.
fn in_plain_text(aggregate: &Aggregate, lists: Vec<Option<Expr>>) -> Result<LogicalPlan> {
    let (groups, results) = aggregate.schema.fields().split_at(aggregate.group_expr_len()?);
    let mut columns: Vec<Expr> = aggregate.schema.iter().take(groups.len()).map(Expr::from).collect();
    let mut below: Vec<Expr> = Vec::new();
    for ((expr, result), list) in aggregate.aggr_expr.iter().zip(results).zip(lists) {
        let made = list.as_ref().unwrap_or(expr).clone();
        let (relation, name) = made.qualified_name();
        let column = Expr::Column(Column::new(relation, name));
        let (relation, name) = expr.qualified_name();
        let is_count = *result.data_type() == DataType::Int64;
        columns.push(match list {
            None => column,
            Some(_) if is_count => {
                // Not `coalesce`: that is made of this by a rule that does not come again in short planning.
                let length = cardinality(column);
                let length = when(length.clone().is_not_null(), length).otherwise(lit(0_u64))?;
                cast(length, DataType::Int64).alias_qualified(relation, name)
            }
            Some(_) => cast(column, result.data_type().clone()).alias_qualified(relation, name),
        });
        if !below.contains(&made) {
            below.push(made);
        }
    }
    let below = Aggregate::try_new(Arc::clone(&aggregate.input), aggregate.group_expr.clone(), below)?;
    Projection::try_new(columns, Arc::new(LogicalPlan::Aggregate(below))).map(LogicalPlan::Projection)
}

/// The list of plain texts that this is made of, if it is a count or a list of different texts.
fn listed(expr: &Expr, input: &DFSchema) -> Option<Expr> {
    let Expr::AggregateFunction(asked) = expr.clone().unalias() else { return None };
    let [text] = asked.params.args.as_slice() else { return None };
    let kind = text.get_type(input).ok()?;
    let is_view = kind == DataType::Utf8View;
    let is_text = is_view || matches!(kind, DataType::Utf8 | DataType::LargeUtf8);
    let nulls = match asked.func.name() {
        "count" if is_text => Some(NullTreatment::IgnoreNulls),
        "array_agg" if is_view => asked.params.null_treatment,
        _ => return None,
    };
    if !asked.params.distinct || !asked.params.order_by.is_empty() {
        return None;
    }
    let plain = if is_view { cast(text.clone(), DataType::Utf8) } else { text.clone() };
    let filter = asked.params.filter.clone();
    let list = AggregateFunction::new_udf(array_agg_udaf(), vec![plain], true, filter, Vec::new(), nulls);
    Some(Expr::AggregateFunction(list))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use arrow::util::pretty::pretty_format_batches;
    use datafusion::prelude::SessionContext;
    use proptest::prelude::*;

    use crate::planning::{careful, in_short};

    /// What a query says, sorted, and whether anything is counted as it stands there.
    async fn asked(session: &SessionContext, query: &str) -> (BTreeSet<String>, bool) {
        let frame = session.sql(query).await.unwrap();
        let plan = frame.clone().into_optimized_plan().unwrap().display_indent().to_string();
        let rows = frame.collect().await.unwrap();
        let rows = pretty_format_batches(&rows).unwrap().to_string();
        let mut aggregates = plan.lines().filter(|line| line.trim_start().starts_with("Aggregate:"));
        (rows.lines().map(str::to_owned).collect(), aggregates.any(|line| line.contains("count(DISTINCT")))
    }

    /// By the engine's own plan, by ours, and by ours in short.
    async fn planned(
        rows: &[(u8, Option<String>, Option<u8>)],
        query: &str,
    ) -> [(BTreeSet<String>, bool); 3] {
        let values = rows.iter().map(|(g, text, n)| {
            let text = text.as_ref().map_or("NULL".to_owned(), |t| format!("'{t}'"));
            let n = n.map_or("NULL".to_owned(), |n| n.to_string());
            format!("({g}, CAST({text} AS VARCHAR), CAST({n} AS BIGINT))")
        });
        let values = values.collect::<Vec<_>>().join(", ");
        let table = format!(
            "CREATE TABLE t AS SELECT column1 AS g, column2 AS a, column3 AS n FROM (VALUES {values})"
        );
        let plain = SessionContext::new();
        plain.sql(&table).await.unwrap().collect().await.unwrap();
        let ours = SessionContext::new_with_state(plain.state());
        careful(&ours);
        let short = SessionContext::new_with_state(in_short(plain.state()));
        [asked(&plain, query).await, asked(&ours, query).await, asked(&short, query).await]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn counts_are_those_of_the_engines_own_plan(
            rows in prop::collection::vec((0_u8..4, prop::option::of("[ab]{0,2}"), prop::option::of(0_u8..5)), 1..40),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            for query in [
                "SELECT g, count(DISTINCT a) AS x, count(DISTINCT n) AS y, count(*) AS z FROM t GROUP BY g",
                "SELECT g, count(DISTINCT a) FILTER (WHERE n > 1) AS x, count(DISTINCT concat(a, n)) AS y, \
                 array_sort(array_agg(DISTINCT a)) AS z, array_sort(array_agg(DISTINCT a) FILTER (WHERE n < 3)) AS w \
                 FROM t GROUP BY g HAVING count(DISTINCT a) > 1",
                "SELECT count(DISTINCT a) AS x, min(n) AS y, count(DISTINCT upper(a)) AS z FROM t GROUP BY g, n",
            ] {
                let [plain, ours, short] = runtime.block_on(planned(&rows, query));
                prop_assert_eq!(&plain.0, &ours.0, "{}", query);
                prop_assert_eq!(&plain.0, &short.0, "{}", query);
                prop_assert!(plain.1);
            }
        }
    }

    #[tokio::test]
    async fn texts_are_counted_in_lists_and_all_else_as_the_engine_does() {
        let rows = [(1, Some("a".to_owned()), Some(1)), (1, Some("b".to_owned()), None), (2, None, Some(2))];
        for (query, in_tables) in [
            ("SELECT g, count(DISTINCT a), count(DISTINCT upper(a)) FROM t GROUP BY g", false),
            ("SELECT g, count(DISTINCT n), count(*) FROM t GROUP BY g", true),
            ("SELECT count(DISTINCT a), count(DISTINCT n) FROM t", true),
        ] {
            let [plain, ours, short] = planned(&rows, query).await;
            assert_eq!((&plain.0, &plain.0), (&ours.0, &short.0), "{query}");
            assert_eq!((ours.1, short.1), (in_tables, in_tables), "{query}");
        }
    }
}
