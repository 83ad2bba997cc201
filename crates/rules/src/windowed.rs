//! Windows over texts, without every text that has passed through them.
//!
//! A bounded window (`… OVER (PARTITION BY secret ORDER BY event_time RANGE …)`) of DataFusion 55.2 joins each batch that
//! comes to the rows that it still needs, and cuts off those that are done (source: `concat_batches` in
//! `bounded_window_agg_exec.rs`). Of text views that is no cut: the rest of an array holds all buffers of the whole. So a
//! window over ten million events kept 3.6 GB of texts of which it needed a few hundred rows, and joined longer and longer lists
//! of buffers. Plain texts are copied when they are joined, and what is cut off is gone. So the columns below a window are
//! made plain, and views again above it. The rows are the same.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Window, cast};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// Plans windows as above. The last of a session's rules: what others compute below a window would be views again.
#[derive(Debug, Default)]
pub(crate) struct WindowsOverPlainText;

impl OptimizerRule for WindowsOverPlainText {
    fn name(&self) -> &str {
        "windows_over_plain_text"
    }

    /// The last of windows that stand on each other first: between them, sorted rows stay as they are.
    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Window(window) = &plan else { return Ok(Transformed::no(plan)) };
        let Some(plain) = over_plain_text(window)? else { return Ok(Transformed::no(plan)) };
        let columns = window.schema.iter().zip(plain.schema().fields()).map(|((relation, asked), made)| {
            let column = Column::new(relation.cloned(), asked.name());
            if asked.data_type() == made.data_type() {
                return Expr::Column(column);
            }
            let view = cast(Expr::Column(column), asked.data_type().clone());
            view.alias_qualified(relation.cloned(), asked.name())
        });
        let columns = columns.collect();
        Projection::try_new(columns, Arc::new(plain))
            .map(|plan| Transformed::yes(LogicalPlan::Projection(plan)))
    }
}

/// The window, and those that it stands on, over plain texts; none if no text view is among their columns.
fn over_plain_text(window: &Window) -> Result<Option<LogicalPlan>> {
    let below = match window.input.as_ref() {
        LogicalPlan::Window(below) => over_plain_text(below)?.map(Arc::new),
        _ => None,
    };
    let input = below.as_ref().unwrap_or(&window.input);
    let views = views(input.schema());
    if views.is_empty() && below.is_none() {
        return Ok(None);
    }
    let were_views = self::views(window.input.schema());
    let functions = window.window_expr.iter().map(|function| over_views(function, &were_views));
    let functions = functions.collect::<Result<Vec<_>>>()?;
    let input = if views.is_empty() { Arc::clone(input) } else { Arc::new(in_plain(input, &views)?) };
    Window::try_new(functions, input).map(|window| Some(LogicalPlan::Window(window)))
}

fn views(schema: &DFSchema) -> HashSet<Column> {
    let views = schema.iter().filter(|(_, field)| *field.data_type() == DataType::Utf8View);
    views.map(|(relation, field)| Column::new(relation.cloned(), field.name())).collect()
}

/// The same rows with plain texts.
fn in_plain(input: &Arc<LogicalPlan>, views: &HashSet<Column>) -> Result<LogicalPlan> {
    let columns = input.schema().iter().map(|(relation, field)| {
        let column = Column::new(relation.cloned(), field.name());
        if !views.contains(&column) {
            return Expr::Column(column);
        }
        cast(Expr::Column(column), DataType::Utf8).alias_qualified(relation.cloned(), field.name())
    });
    Projection::try_new(columns.collect(), Arc::clone(input)).map(LogicalPlan::Projection)
}

/// The function under its name, with views as its arguments as before: what it compares them with are views. Columns by which
/// rows are divided and ordered stay plain, or they would be sorted anew.
fn over_views(function: &Expr, views: &HashSet<Column>) -> Result<Expr> {
    let (relation, name) = function.qualified_name();
    let mut inner = function.clone().unalias();
    let Expr::WindowFunction(window) = &mut inner else { return Ok(function.clone()) };
    let viewed = |expr: Expr| {
        let viewed = expr.transform(|expr| match &expr {
            Expr::Column(column) if views.contains(column) => {
                Ok(Transformed::yes(cast(expr, DataType::Utf8View)))
            }
            _ => Ok(Transformed::no(expr)),
        });
        viewed.map(|viewed| viewed.data)
    };
    let params = &mut window.params;
    params.args = std::mem::take(&mut params.args).into_iter().map(viewed).collect::<Result<_>>()?;
    params.filter = params.filter.take().map(|filter| viewed(*filter).map(Box::new)).transpose()?;
    for part in &mut params.partition_by {
        if !matches!(part, Expr::Column(_)) {
            *part = viewed(part.clone())?;
        }
    }
    for order in &mut params.order_by {
        if !matches!(order.expr, Expr::Column(_)) {
            order.expr = viewed(order.expr.clone())?;
        }
    }
    Ok(inner.alias_qualified(relation, name))
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::DataType;
    use arrow::util::pretty::pretty_format_batches;
    use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
    use datafusion::physical_plan::sorts::sort::SortExec;
    use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
    use datafusion::prelude::SessionContext;
    use proptest::prelude::*;

    use crate::planning::for_a_view;

    /// The rows and their types, how many sorts there are, and whether a window is over views.
    async fn asked(session: &SessionContext, query: &str) -> (String, usize, bool) {
        let frame = session.sql(query).await.unwrap();
        let plan = frame.clone().create_physical_plan().await.unwrap();
        let (mut sorts, mut views) = (0, false);
        plan.apply(|node| {
            sorts += usize::from(node.is::<SortExec>());
            if node.is::<BoundedWindowAggExec>() || node.is::<WindowAggExec>() {
                let fields = node.children()[0].schema().fields().clone();
                views |= fields.iter().any(|field| *field.data_type() == DataType::Utf8View);
            }
            Ok(TreeNodeRecursion::Continue)
        })
        .unwrap();
        let types = frame.schema().fields().iter().map(|field| format!("{field:?}"));
        let types = types.collect::<Vec<_>>().join(", ");
        let rows = pretty_format_batches(&frame.collect().await.unwrap()).unwrap();
        (format!("{types}\n{rows}"), sorts, views)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn windows_say_what_the_engines_own_plan_says_with_as_many_sorts(
            rows in prop::collection::vec(("[ab]", prop::option::of("[xyz]{0,15}"), 0_u8..20), 1..40),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let values = rows.iter().enumerate().map(|(number, (secret, text, at))| {
                let text = text.as_ref().map_or("NULL".to_owned(), |t| format!("'{t}'"));
                format!("('{secret}', CAST({text} AS VARCHAR), {at}, {number})")
            });
            let values = values.collect::<Vec<_>>().join(", ");
            let table = format!(
                "CREATE TABLE t AS SELECT column1 AS s, column2 AS a, column3 AS at, column4 AS n FROM (VALUES {values})"
            );
            runtime.block_on(async {
                let plain = SessionContext::new();
                plain.sql(&table).await.unwrap().collect().await.unwrap();
                let ours = for_a_view(&plain);
                for query in [
                    "SELECT s, a, count(CASE WHEN a = 'x' THEN 1 END) OVER near AS c, max(a) OVER near AS m, \
                     max(concat(a, '!')) OVER near AS v, max(concat(a, '!')) OVER same AS w, n FROM t \
                     WINDOW near AS (PARTITION BY s ORDER BY at RANGE BETWEEN 2 PRECEDING AND 2 FOLLOWING), \
                     same AS (PARTITION BY s ORDER BY at RANGE BETWEEN CURRENT ROW AND CURRENT ROW) ORDER BY n",
                    "SELECT upper(q.m) AS u, q.n, lag(q.m) OVER (PARTITION BY upper(q.s) ORDER BY q.n) AS l FROM ( \
                     SELECT s, n, first_value(a) OVER (PARTITION BY s ORDER BY n) AS m FROM t WHERE a <> 'y') q ORDER BY q.n",
                ] {
                    let (theirs, our) = (asked(&plain, query).await, asked(&ours, query).await);
                    assert_eq!(theirs.0, our.0, "{query}");
                    assert_eq!(theirs.1, our.1, "sorts of {query}");
                    assert!(theirs.2 && !our.2, "{query}");
                }
            });
        }
    }
}
