//! The time of a turn: a variable while a plan is optimized, a function when it is run.
//!
//! Not the time of the machine, which no rule asks.

use std::any::type_name;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::var_provider::VarProvider;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use jiff::Timestamp;

/// How SQL says the time of a turn: see [`crate::binding::Literals::standing`].
pub(crate) const NOW: &str = "@now";

/// Microseconds since 1970, UTC: the time of the turn.
#[derive(Debug, Default)]
pub(super) struct Clock(AtomicI64);

impl Clock {
    pub(super) fn set(&self, now: Timestamp) {
        self.0.store(now.as_microsecond(), Ordering::Relaxed);
    }

    fn now(&self) -> ScalarValue {
        ScalarValue::TimestampMicrosecond(Some(self.0.load(Ordering::Relaxed)), Some("UTC".into()))
    }

    fn kind() -> DataType {
        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
    }
}

impl VarProvider for Clock {
    fn get_value(&self, _: Vec<String>) -> Result<ScalarValue> {
        Ok(self.now())
    }

    fn get_type(&self, names: &[String]) -> Option<DataType> {
        names.first().filter(|name| *name == NOW).map(|_| Clock::kind())
    }
}

/// The function that gives the time of the turn.
#[derive(Debug)]
struct TimeNow {
    clock: Arc<Clock>,
    signature: Signature,
}

impl TimeNow {
    fn of(clock: &Arc<Clock>) -> TimeNow {
        TimeNow { clock: Arc::clone(clock), signature: Signature::nullary(Volatility::Volatile) }
    }
}

impl PartialEq for TimeNow {
    fn eq(&self, other: &TimeNow) -> bool {
        Arc::ptr_eq(&self.clock, &other.clock)
    }
}

impl Eq for TimeNow {}

impl Hash for TimeNow {
    fn hash<H: Hasher>(&self, state: &mut H) {
        type_name::<TimeNow>().hash(state);
    }
}

impl ScalarUDFImpl for TimeNow {
    fn name(&self) -> &str {
        "time_now"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(Clock::kind())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(self.clock.now()))
    }
}

/// Whether the engine would take the time's value into a plan for good: it works out rows of `VALUES` and lists of `IN`
/// when it plans them (DataFusion 55.2: `MemorySourceConfig::try_new_as_values`, `InListExpr`), and wants literals among the
/// arguments of window functions (`lag`, `lead`).
///
/// # Errors
/// None of its own.
pub(super) fn needs_time_to_plan(plan: &LogicalPlan) -> Result<bool> {
    let mut needs = false;
    plan.apply_with_subqueries(|node| {
        let is_values = matches!(node, LogicalPlan::Values(_));
        node.apply_expressions(|expr| {
            needs |= expr.exists(|expr| {
                Ok(match expr {
                    Expr::ScalarVariable(..) => is_values,
                    Expr::InList(list) => list.list.iter().any(names_time),
                    Expr::WindowFunction(window) => window.params.args.iter().any(names_time),
                    _ => false,
                })
            })?;
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(needs)
}

fn names_time(expr: &Expr) -> bool {
    expr.exists(|expr| Ok(matches!(expr, Expr::ScalarVariable(..)))).unwrap_or(true)
}

/// The plan with a call in the place of the variable, every column under the name that it had.
pub(super) fn with_time(plan: LogicalPlan, clock: &Arc<Clock>) -> Result<LogicalPlan> {
    let told = ScalarUDF::new_from_impl(TimeNow::of(clock)).call(Vec::new());
    let in_place = |expr: Expr| match expr {
        Expr::ScalarVariable(..) => Ok(Transformed::yes(told.clone())),
        other => Ok(Transformed::no(other)),
    };
    let node = |node: LogicalPlan| {
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            Ok(expr.transform_up(in_place)?.update_data(|expr| name.restore(expr)))
        })
    };
    plan.transform_up_with_subqueries(node).data()
}
