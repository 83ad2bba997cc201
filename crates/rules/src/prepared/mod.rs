//! Queries of ticks, planned once and run again.
//!
//! A tick asks what the tick before asked, of other rows and as of another time, and to plan eighty queries takes several
//! times as long as to run them over a few thousand rows. So plans are kept, with two things left open: a table is a place
//! ([`RowsNow`]) that gives the rows of the tick that runs, and `$now` is a function without arguments that gives its time.
//! Until a plan is optimized that function stands there as a variable: the optimizer moves it about as it would move a
//! literal, and knows no value to fold.
//!
//! A plan fits where its tables have the columns that they had, and those have rows that had any: a rule over a table
//! without rows is planned to nothing ([`crate::memory::table_of`]), and that stays so. What fits nothing is planned, so
//! that rows never hang on what is kept. How many rows a table had is what the plan was made for, and no more than that.
//!
//! Not every plan can be kept: some are made with the time's value in them ([`clock::needs_time_to_plan`]), some share what
//! they hold with their copies. Those queries are planned each time.
//!
//! For tables in memory only. Does not know what a tick is.

mod clock;
mod place;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::TreeNode;
use datafusion::datasource::{MemTable, ViewTable};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::var_provider::VarType;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::scalar_subquery::ScalarSubqueryExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionContext;
use jiff::Timestamp;

pub(crate) use self::clock::NOW;
use self::clock::{Clock, needs_time_to_plan, with_time};
use self::place::{Place, Rows};
use crate::binding::{Literals, bind};
use crate::error::RuleError;
use crate::memory;
use crate::planning::{careful, is_empty};
use crate::views::relations_in;

/// Plans that are kept of one query: for different tables without rows. The one that was of no use for longest goes.
const PLANS_MAX: usize = 8;

/// Queries that are kept. A policy has some hundred; who asks with a literal that changes would fill the memory. All are
/// planned anew then.
const QUERIES_MAX: usize = 1_000;

/// The plans of one policy's rules, for one tick after the other.
#[derive(Debug, Default)]
pub struct Prepared {
    clock: Arc<Clock>,
    /// What a text was bound to, by its values.
    bound: Mutex<HashMap<String, Vec<(Literals, String)>>>,
    queries: Mutex<HashMap<String, Arc<Query>>>,
    turn: futures::lock::Mutex<()>,
}

/// A turn to run plans as of a time. There is one at a time, since the plans have one clock.
pub(crate) struct Turn<'p> {
    _held: futures::lock::MutexGuard<'p, ()>,
    session: SessionContext,
}

impl Turn<'_> {
    /// A session for tables in memory, which is empty yet, and whose queries are run by plans that are kept.
    pub(crate) fn session(&self) -> SessionContext {
        self.session.clone()
    }
}

/// A query: what it names, and how it was planned, what was of use last at the end.
#[derive(Debug)]
struct Query {
    named: Vec<String>,
    plans: Mutex<VecDeque<Plan>>,
}

#[derive(Debug, Clone)]
struct Plan {
    /// The columns of each table that the query names, and whether it had rows.
    over: Vec<(SchemaRef, bool)>,
    plan: Runs,
}

/// A plan that can be run again; none where the query has to be planned each time.
type Runs = Option<Arc<dyn ExecutionPlan>>;

/// A table that a query names.
struct Input {
    name: String,
    schema: SchemaRef,
    rows: Vec<RecordBatch>,
}

impl Prepared {
    /// Waits for the turn, and sets the clock.
    pub(crate) async fn turn(self: &Arc<Self>, now: Timestamp) -> Turn<'_> {
        let held = self.turn.lock().await;
        self.clock.set(now);
        let session = self.session();
        session.state_ref().write().config_mut().set_extension(Arc::clone(self));
        Turn { _held: held, session }
    }

    /// A session for tables in memory, whose SQL may name the time.
    fn session(&self) -> SessionContext {
        let session = memory::session();
        session.register_variable(VarType::UserDefined, Arc::clone(&self.clock) as Arc<_>);
        session
    }

    /// Those of a session's turn, if it is one.
    pub(crate) fn of(session: &SessionContext) -> Option<Arc<Prepared>> {
        session.state_ref().read().config().get_extension::<Prepared>()
    }

    /// Runs a query by a plan that is kept, or is kept from now on. None if it names what is no table in memory, or cannot
    /// be kept.
    ///
    /// # Errors
    /// When the query is wrong, or cannot be started.
    pub(crate) async fn run(
        &self,
        session: &SessionContext,
        sql: &str,
    ) -> Result<Option<SendableRecordBatchStream>> {
        let query = self.query(session, sql)?;
        let Some(inputs) = inputs(session, &query.named).await? else { return Ok(None) };
        let plan = match query.fitting(&inputs) {
            Some(plan) => plan,
            None => query.keep(&inputs, self.plan(sql, &inputs).await?),
        };
        let Some(plan) = plan else { return Ok(None) };
        let rows = inputs.into_iter().map(|input| (input.name, input.rows)).collect();
        let config = session.copied_config().with_extension(Arc::new(Rows(rows)));
        let none = (HashMap::new(), HashMap::new(), HashMap::new(), HashMap::new());
        let id = session.session_id();
        let context =
            TaskContext::new(None, id, config, none.0, none.1, none.2, none.3, session.runtime_env());
        execute_stream(reset_plan_states(plan)?, Arc::new(context)).map(Some)
    }

    /// As [`bind`], without reading a text again.
    ///
    /// # Errors
    /// As [`bind`].
    pub(crate) fn bind(
        &self,
        file: &str,
        sql: &str,
        literals: &Literals,
    ) -> std::result::Result<String, RuleError> {
        let mut bound = locked(&self.bound);
        let known = bound.get(sql).into_iter().flatten().find(|(of, _)| of == literals);
        if let Some((_, text)) = known {
            return Ok(text.clone());
        }
        let text = bind(file, sql, literals)?;
        bound.entry(sql.to_owned()).or_default().push((literals.clone(), text.clone()));
        Ok(text)
    }

    /// The tables and views that a query names, without reading it again.
    ///
    /// # Errors
    /// When it is not one SQL statement.
    pub(crate) fn named(&self, session: &SessionContext, sql: &str) -> Result<Vec<String>> {
        Ok(self.query(session, sql)?.named.clone())
    }

    fn query(&self, session: &SessionContext, sql: &str) -> Result<Arc<Query>> {
        if let Some(query) = locked(&self.queries).get(sql) {
            return Ok(Arc::clone(query));
        }
        let named = relations_in(session, sql)?;
        let query = Arc::new(Query { named, plans: Mutex::default() });
        let mut queries = locked(&self.queries);
        if queries.len() >= QUERIES_MAX {
            queries.clear();
        }
        queries.insert(sql.to_owned(), Arc::clone(&query));
        Ok(query)
    }

    async fn plan(&self, sql: &str, inputs: &[Input]) -> Result<Runs> {
        let session = self.session();
        for input in inputs {
            session.register_table(input.name.as_str(), input.table()?)?;
        }
        careful(&session);
        let state = session.state();
        let plan = state.optimize(&state.create_logical_plan(sql).await?)?;
        if needs_time_to_plan(&plan)? {
            return Ok(None);
        }
        let plan = state.query_planner().create_physical_plan(&with_time(plan, &self.clock)?, &state).await?;
        // Its copies share what the subquery gave: two of them at a time would spoil each other's.
        Ok((!plan.exists(|node| Ok(node.is::<ScalarSubqueryExec>()))?).then_some(plan))
    }
}

impl Query {
    fn fitting(&self, inputs: &[Input]) -> Option<Runs> {
        let fits = |plan: &Plan| {
            let mut over = plan.over.iter().zip(inputs);
            over.all(|((schema, any), input)| *any == input.any() && *schema == input.schema)
        };
        let mut plans = locked(&self.plans);
        let plan = plans.iter().position(fits).and_then(|at| plans.remove(at))?;
        plans.push_back(plan.clone());
        Some(plan.plan)
    }

    fn keep(&self, inputs: &[Input], plan: Runs) -> Runs {
        let over = inputs.iter().map(|input| (Arc::clone(&input.schema), input.any())).collect();
        let mut plans = locked(&self.plans);
        plans.push_back(Plan { over, plan: plan.clone() });
        if plans.len() > PLANS_MAX {
            plans.pop_front();
        }
        plan
    }
}

impl Input {
    fn any(&self) -> bool {
        self.rows.iter().any(|batch| batch.num_rows() > 0)
    }

    /// What a plan is made over.
    fn table(&self) -> Result<Arc<dyn TableProvider>> {
        if !self.any() {
            return memory::table_of(Arc::clone(&self.schema), Vec::new());
        }
        let (name, schema, rows) = (self.name.clone(), Arc::clone(&self.schema), self.rows.clone());
        Ok(Arc::new(Place { name, schema, rows }))
    }
}

/// The tables that a query names; none if one of them is not in memory.
async fn inputs(session: &SessionContext, named: &[String]) -> Result<Option<Vec<Input>>> {
    let mut inputs = Vec::with_capacity(named.len());
    for name in named {
        let table = session.table_provider(name.as_str()).await?;
        let rows = if let Some(table) = table.downcast_ref::<MemTable>() {
            let mut rows = Vec::new();
            for part in &table.batches {
                rows.extend(part.read().await.iter().cloned());
            }
            rows
        } else if table.downcast_ref::<ViewTable>().is_some_and(|view| is_empty(view.logical_plan())) {
            Vec::new()
        } else {
            return Ok(None);
        };
        inputs.push(Input { name: name.clone(), schema: table.schema(), rows });
    }
    Ok(Some(inputs))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, Int64Array, StringArray};
    use arrow::datatypes::Int64Type;

    use super::*;

    fn reads(of: &[(&str, i64)]) -> RecordBatch {
        let names: StringArray = of.iter().map(|(name, _)| Some(*name)).collect();
        let times: Int64Array = of.iter().map(|(_, second)| Some(*second)).collect();
        RecordBatch::try_from_iter([("name", Arc::new(names) as _), ("second", Arc::new(times) as _)])
            .expect("a batch")
    }

    /// What a turn gives of a query with a join, groups and a window over `reads`, as of a second.
    async fn asked(prepared: &Arc<Prepared>, rows: &[(&str, i64)], now: i64) -> Vec<(String, i64, i64)> {
        let turn = prepared.turn(Timestamp::from_second(now).expect("a time")).await;
        let session = turn.session();
        let table = memory::table_of(reads(&[]).schema(), vec![reads(rows)]).expect("a table");
        session.register_table("reads", table).expect("a new name");
        let sql = format!(
            "WITH aged AS (
               SELECT name, date_part('epoch', {NOW}) - second AS age,
                 count(*) OVER (PARTITION BY name ORDER BY second) AS place
               FROM reads
             ), few AS (SELECT name, count(*) FILTER (WHERE age < 60) AS fresh FROM aged GROUP BY name)
             SELECT few.name, few.fresh, max(aged.place) AS most FROM few JOIN aged ON aged.name = few.name
             GROUP BY few.name, few.fresh ORDER BY few.name"
        );
        let (_, batches) = memory::rows(&session, &sql).await.expect("rows");
        let row = |batch: &RecordBatch, row: usize| {
            let names =
                arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8).expect("text");
            let number = |column: usize| batch.column(column).as_primitive::<Int64Type>().value(row);
            (names.as_string::<i32>().value(row).to_owned(), number(1), number(2))
        };
        batches
            .iter()
            .flat_map(|batch| (0..batch.num_rows()).map(|r| row(batch, r)).collect::<Vec<_>>())
            .collect()
    }

    fn plans(prepared: &Prepared) -> Vec<usize> {
        locked(&prepared.queries).values().map(|query| locked(&query.plans).len()).collect()
    }

    fn told(rows: &[(&str, i64, i64)]) -> Vec<(String, i64, i64)> {
        rows.iter().map(|(name, fresh, most)| ((*name).to_owned(), *fresh, *most)).collect()
    }

    #[tokio::test]
    async fn one_plan_gives_the_rows_of_each_turn_as_of_its_time() {
        let prepared = Arc::new(Prepared::default());
        let first = [("a", 10), ("a", 20), ("b", 30)];
        assert_eq!(asked(&prepared, &first, 40).await, told(&[("a", 2, 2), ("b", 1, 1)]));
        assert_eq!(asked(&prepared, &first, 85).await, told(&[("a", 0, 2), ("b", 1, 1)]));
        assert_eq!(asked(&prepared, &[("c", 90)], 91).await, told(&[("c", 1, 1)]));
        assert_eq!(plans(&prepared), [1]);
    }

    #[tokio::test]
    async fn table_without_rows_has_a_plan_of_its_own() {
        let prepared = Arc::new(Prepared::default());
        assert_eq!(asked(&prepared, &[], 40).await, told(&[]));
        assert_eq!(asked(&prepared, &[("a", 10)], 40).await, told(&[("a", 1, 1)]));
        assert_eq!(asked(&prepared, &[], 40).await, told(&[]));
        assert_eq!(plans(&prepared), [2]);
    }

    /// What turns at two times give of a query over one read.
    async fn at_two_times(sql: &str) -> [String; 2] {
        let prepared = Arc::new(Prepared::default());
        let mut given = Vec::new();
        for now in [100_000, 200_000] {
            let turn = prepared.turn(Timestamp::from_second(now).expect("a time")).await;
            let session = turn.session();
            let table =
                memory::table_of(reads(&[]).schema(), vec![reads(&[("a", 86_400)])]).expect("a table");
            session.register_table("reads", table).expect("a new name");
            let (_, rows) = memory::rows(&session, sql).await.expect("rows");
            given.push(arrow::util::pretty::pretty_format_batches(&rows).expect("text").to_string());
        }
        given.try_into().expect("two")
    }

    #[tokio::test]
    async fn time_that_is_needed_to_plan_is_no_time_of_another_turn() {
        let day = format!("date_trunc('day', {NOW})");
        for sql in [
            format!(
                "SELECT name FROM reads WHERE to_timestamp_micros(second * 1000000) AT TIME ZONE 'UTC' IN ({day}, {day} - INTERVAL '9 days', {day} - INTERVAL '8 days', {day} - INTERVAL '7 days')"
            ),
            format!("SELECT r.name, v.column1 FROM reads r CROSS JOIN (VALUES ({NOW}), ({NOW})) v"),
            format!(
                "SELECT name, lag(arrow_cast(second * 1000000, 'Timestamp(Microsecond, Some(\"UTC\"))'), 1, {NOW}) OVER (ORDER BY second) AS before FROM reads"
            ),
            format!("SELECT name, (SELECT max({NOW}) FROM reads) AS latest FROM reads"),
            format!("SELECT name FROM reads WHERE second < CAST({NOW} AS BIGINT) / 1000000 - 20000"),
        ] {
            let [first, second] = at_two_times(&sql).await;
            assert_ne!(first, second, "{sql}");
        }
    }

    #[tokio::test]
    async fn other_columns_are_planned_anew() {
        let prepared = Arc::new(Prepared::default());
        for columns in ["'x' AS name", "1 AS name"] {
            let turn = prepared.turn(Timestamp::UNIX_EPOCH).await;
            let session = turn.session();
            let table =
                memory::table(&SessionContext::new(), &format!("SELECT {columns}")).await.expect("a table");
            session.register_table("reads", table).expect("a new name");
            let (schema, rows) = memory::rows(&session, "SELECT name FROM reads").await.expect("rows");
            assert_eq!(rows[0].schema(), schema);
        }
        assert_eq!(plans(&prepared), [2]);
    }
}
