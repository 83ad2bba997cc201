//! Tables in memory: what a query gives is computed once and kept, instead of being planned into every query above it.
//!
//! A rule stands on views that stand on views. As plans they are inlined, so that one rule's plan holds the ground view
//! `actions` a dozen times: planning it takes longer than running it, and every rule runs it again. While the events in
//! sight are few, each view is therefore a table, and a rule is planned over flat tables. Rows are the same either way.
//! Above [`EVENTS_IN_MEMORY_MAX`] the tables are files, see [`crate::files`].

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, StructArray, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use datafusion::catalog::TableProvider;
use datafusion::common::DFSchema;
use datafusion::datasource::{MemTable, ViewTable};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{EmptyRelation, LogicalPlan};
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use futures::TryStreamExt;

use crate::planning::in_short;
use crate::prepared::Prepared;
use crate::set::RuleSet;

/// Events up to which the views of an evaluation are tables in memory. An event costs up to ten kilobytes on the way, in
/// the ground table, in the views above it and in the operators between. Beyond it the views are files, which at 50,000
/// events took a quarter more time and a quarter less memory, at 180,000 a tenth more and half (`snowtrail detect` on a
/// synthetic trail, see docs/performance.md).
pub const EVENTS_IN_MEMORY_MAX: usize = 20_000;

/// Rows of a batch where tables are in memory. DataFusion's operators set aside memory for a whole batch in every column
/// before the first row comes: with the default of 8,192 rows eight megabytes for five events, in every filter and join.
const BATCH_ROWS: usize = 1_024;

/// How the views of an evaluation are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Making {
    /// As plans, all of them: for people, who ask for one thing.
    #[default]
    Plans,
    /// As files in a temporary folder, those that a rule needs.
    Files,
    /// As tables, those that a rule needs. The session's `events` must be small, see [`keep_events`].
    Tables,
    /// As files in [`crate::Setting::place`], those that a rule needs: for a session whose plans run on a cluster.
    Shared,
}

/// What else the machine has to do while an evaluation goes through files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// Nothing: queries take all cores and large batches.
    Nothing,
    /// A stream of events: one core, small batches, half the memory.
    Stream,
}

/// Runs a query and keeps its rows as a table.
pub(crate) async fn table(
    session: &SessionContext,
    sql: &str,
) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let (schema, batches) = rows(session, sql).await?;
    table_of(schema, batches)
}

/// Rows as a table. Where there are none, the table is a plan that says so: the optimizer carries that up, and a rule that
/// joins it is planned to nothing. Most ticks touch no key, no parameter and no rotation, but have rules about each.
pub(crate) fn table_of(
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    if batches.iter().any(|batch| batch.num_rows() > 0) {
        return Ok(Arc::new(MemTable::try_new(schema, vec![batches])?));
    }
    let schema = Arc::new(DFSchema::try_from(schema)?);
    let nothing = LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema });
    Ok(Arc::new(ViewTable::new(nothing, None)))
}

/// Runs a query, by a plan that is kept where the session has such ([`Prepared`]). Rows come as operators give them, not
/// [`compact`].
pub(crate) async fn stream(
    session: &SessionContext,
    sql: &str,
) -> Result<SendableRecordBatchStream, DataFusionError> {
    let sql = sql.trim().trim_end_matches(';');
    if let Some(prepared) = Prepared::of(session)
        && let Some(rows) = prepared.run(session, sql).await?
    {
        return Ok(rows);
    }
    let plan = session.sql(sql).await?.create_physical_plan().await?;
    execute_stream(plan, session.task_ctx())
}

/// Runs a query. The rows are [`compact`], one batch at a time.
pub(crate) async fn rows(
    session: &SessionContext,
    sql: &str,
) -> Result<(SchemaRef, Vec<RecordBatch>), DataFusionError> {
    let mut stream = stream(session, sql).await?;
    let schema = stream.schema();
    let mut rows = Vec::new();
    while let Some(batch) = stream.try_next().await? {
        rows.extend(Some(compact(&batch)?).filter(|batch| batch.num_rows() > 0));
    }
    Ok((schema, rows))
}

/// The rows in memory of their own size. What an operator gives has room for a whole batch in each column, and shares
/// text with the batches that it came from: kept as they are, rows of a wide table take seven kilobytes each.
pub(crate) fn compact(rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let all = UInt64Array::from_iter_values(0..rows.num_rows() as u64);
    let columns = rows.columns().iter().map(|column| Ok(with_own_text(&take(column, &all, None)?)));
    RecordBatch::try_new(rows.schema(), columns.collect::<Result<Vec<_>, ArrowError>>()?)
}

/// A column with its texts in one buffer of their size.
pub(crate) fn with_own_text(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Utf8View => Arc::new(column.as_string_view().gc()),
        DataType::List(field) => {
            let list = column.as_list::<i32>();
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Arc::new(ListArray::new(Arc::clone(field), offsets, with_own_text(list.values()), nulls))
        }
        DataType::Struct(fields) => {
            let rows = column.as_struct();
            let columns = rows.columns().iter().map(with_own_text).collect();
            Arc::new(StructArray::new(fields.clone(), columns, rows.nulls().cloned()))
        }
        _ => Arc::clone(column),
    }
}

/// A session for tables in memory, which is empty yet.
pub(crate) fn session() -> SessionContext {
    let config = SessionConfig::new()
        .with_target_partitions(1)
        .with_batch_size(BATCH_ROWS)
        .with_create_default_catalog_and_schema(true)
        .with_default_catalog_and_schema("lake", "public");
    SessionContext::new_with_state(in_short(SessionContext::new_with_config(config).state()))
}

/// Puts the rows of the session's `events` into memory in the place of the table, if there are at most
/// [`EVENTS_IN_MEMORY_MAX`] of them; with only those columns that some rule or view names. From then on queries of
/// the session run in one partition: for tables in memory, dealing rows out costs more than it gains. Of more events only
/// the other columns are hidden.
///
/// # Errors
/// When the events cannot be read.
pub async fn keep_events(
    session: &SessionContext,
    rules: &RuleSet,
    beside: Beside,
) -> Result<Making, DataFusionError> {
    let counted = session.sql("SELECT event_time FROM events").await?.count().await?;
    if counted > EVENTS_IN_MEMORY_MAX {
        hide_unnamed_columns(session, rules).await?;
        if beside == Beside::Stream {
            in_small(session);
        }
        return Ok(Making::Files);
    }
    let kept = table(session, &events_named(session, rules).await?).await?;
    session.deregister_table("events")?;
    session.register_table("events", kept)?;
    in_small(session);
    let state = session.state_ref();
    let mut state = state.write();
    *state = in_short(state.clone());
    Ok(Making::Tables)
}

/// Hides the columns of the session's `events` that no rule and no view names.
///
/// # Errors
/// When there is no table `events`.
pub async fn hide_unnamed_columns(session: &SessionContext, rules: &RuleSet) -> Result<(), DataFusionError> {
    let named = session.sql(&events_named(session, rules).await?).await?.into_view();
    session.deregister_table("events")?;
    session.register_table("events", named)?;
    Ok(())
}

async fn events_named(session: &SessionContext, rules: &RuleSet) -> Result<String, DataFusionError> {
    Ok(format!("SELECT {} FROM events", columns_named(session, rules).await?.join(", ")))
}

/// One partition and small batches from now on.
fn in_small(session: &SessionContext) {
    let state = session.state_ref();
    let mut state = state.write();
    let config = std::mem::take(state.config_mut());
    *state.config_mut() = config.with_target_partitions(1).with_batch_size(BATCH_ROWS);
}

/// The columns of `events` whose names occur in a rule or a view, quoted. What nobody names can reach no finding,
/// because a finding's columns are named one by one.
///
/// # Errors
/// When there is no table `events`.
pub async fn columns_named(
    session: &SessionContext,
    rules: &RuleSet,
) -> Result<Vec<String>, DataFusionError> {
    let mut words = BTreeSet::new();
    let views = rules.views.values().map(|(_, sql)| sql);
    for sql in rules.rules.values().map(|rule| &rule.sql).chain(views) {
        let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize();
        words.extend(tokens.unwrap_or_default().into_iter().filter_map(|token| match token {
            Token::Word(word) => Some(word.value.to_lowercase()),
            _ => None,
        }));
    }
    let events = session.table_provider("events").await?.schema();
    let named = events.fields().iter().filter(|f| words.contains(f.name()));
    Ok(named.map(|f| format!("\"{}\"", f.name())).collect())
}
