//! The views, created in the order of their needs.
//!
//! A view may name tables, other views and the policy's small tables. Which it names is read from its SQL, so the
//! files need no order of their own. A view is made as a plan, as a table in memory
//! (see [`crate::memory`]), as files (see [`crate::files`]), or as files of a cluster (see [`crate::shared`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::TableReference;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use tempfile::TempDir;

use crate::binding::{Literals, bind};
use crate::error::{Result, RuleError};
use crate::files;
use crate::memory::{self, Making};
use crate::prepared::Prepared;
use crate::shared::Place;

/// Where the rows of views are put.
#[derive(Debug, Clone)]
pub(crate) enum Store {
    /// Nowhere: views are plans.
    None,
    /// Into memory.
    Memory,
    /// Into files, which go with the last holder of the folder.
    Folder(Arc<TempDir>),
    /// Into files that a cluster reads and writes.
    Place(Place),
}

impl Store {
    /// The place for this way of making views; `shared` is the one of a cluster.
    ///
    /// # Errors
    /// When there can be no temporary folder, or no shared place is named.
    pub(crate) fn of(making: Making, shared: Option<&Place>) -> Result<Store> {
        let unable = |source| RuleError::Folder { place: std::env::temp_dir(), source };
        Ok(match making {
            Making::Shared => Store::Place(shared.cloned().ok_or_else(|| {
                let message = "a cluster needs a place that all its executors reach; none was named";
                RuleError::Law { file: "the views".to_owned(), message: message.to_owned() }
            })?),
            Making::Plans => Store::None,
            Making::Tables => Store::Memory,
            Making::Files => {
                let folder = tempfile::Builder::new().prefix("snowtrail-views-").tempdir();
                Store::Folder(Arc::new(folder.map_err(unable)?))
            }
        })
    }

    /// Registers rows that the client has as the table `name`.
    ///
    /// # Errors
    /// When there is such a table, or they cannot be written.
    pub(crate) async fn register(
        &self,
        session: &SessionContext,
        name: &str,
        rows: RecordBatch,
    ) -> std::result::Result<(), DataFusionError> {
        let table = match self {
            Store::Place(place) => place.put(session, name, &rows).await?,
            Store::None | Store::Memory | Store::Folder(_) => memory::table_of(rows.schema(), vec![rows])?,
        };
        session.register_table(name, table)?;
        Ok(())
    }
}

/// A view that is not created yet.
#[derive(Debug, Clone)]
struct Pending {
    file: String,
    sql: String,
    needs: Vec<String>,
}

/// The views that still wait for something they name.
#[derive(Debug, Clone)]
pub struct Views {
    pending: BTreeMap<String, Pending>,
}

impl Views {
    /// Binds the views and reads what each of them names.
    ///
    /// # Errors
    /// When a view is not SQL.
    pub fn new(
        session: &SessionContext,
        views: &BTreeMap<String, (String, String)>,
        literals: &Literals,
    ) -> Result<Views> {
        let mut pending = BTreeMap::new();
        for (name, (file, text)) in views {
            let sql = bind_in(session, file, text, literals)?;
            let needs = tables_named(session, file, &sql)?;
            pending.insert(name.clone(), Pending { file: file.clone(), sql, needs });
        }
        Ok(Views { pending })
    }

    /// Leaves out the views that nothing in `wanted` is and nothing that stays names.
    pub fn keep(&mut self, wanted: &BTreeSet<String>) {
        let kept = self.reached(wanted);
        self.pending.retain(|name, _| kept.contains(name));
    }

    /// What is wanted, and all tables and views that it stands on.
    pub(crate) fn reached(&self, wanted: &BTreeSet<String>) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&String> = wanted.iter().collect();
        while let Some(name) = next.pop() {
            if reached.insert(name.clone()) {
                next.extend(self.pending.get(name).into_iter().flat_map(|view| &view.needs));
            }
        }
        reached
    }

    /// Creates every view whose needs are met, and those that this in turn makes possible.
    ///
    /// # Errors
    /// When DataFusion refuses a view.
    pub(crate) async fn create_possible(&mut self, session: &SessionContext, store: &Store) -> Result<()> {
        loop {
            let possible = self.take_possible(session);
            if possible.is_empty() {
                return Ok(());
            }
            // Those of one round need nothing of each other.
            let started = possible.into_iter().map(|(name, view)| {
                let (session, sql, store) = (session.clone(), view.sql, store.clone());
                let made = SpawnedTask::spawn(async move { make(&session, &name, &sql, &store).await });
                (view.file, made)
            });
            for (file, made) in started.collect::<Vec<_>>() {
                let made = made.join_unwind().await.map_err(|e| DataFusionError::External(Box::new(e)));
                made.and_then(|made| made).map_err(|source| RuleError::Sql {
                    file,
                    doing: if matches!(store, Store::None) { "plan" } else { "make" },
                    source,
                })?;
            }
        }
    }

    /// Fails if a view still waits: what it needs is nowhere.
    ///
    /// # Errors
    /// Naming the view and the table that it lacks.
    pub fn all_created(&self, session: &SessionContext) -> Result<()> {
        let Some((name, view)) = self.pending.iter().next() else { return Ok(()) };
        let missing = view.needs.iter().find(|n| !session.table_exist(n.as_str()).unwrap_or(false));
        let missing = missing.map_or("itself".to_owned(), |m| format!("`{m}`"));
        let message = format!("view `{name}` needs {missing}, which is no table and no view");
        Err(RuleError::Law { file: view.file.clone(), message })
    }

    fn take_possible(&mut self, session: &SessionContext) -> Vec<(String, Pending)> {
        let met = |need: &String| session.table_exist(need.as_str()).unwrap_or(false);
        self.pending.extract_if(.., |_, view| view.needs.iter().all(met)).collect()
    }
}

async fn make(
    session: &SessionContext,
    name: &str,
    sql: &str,
    store: &Store,
) -> std::result::Result<(), DataFusionError> {
    let made = match store {
        Store::None => session.sql(sql.trim().trim_end_matches(';')).await?.into_view(),
        Store::Memory => memory::table(session, sql).await?,
        Store::Place(place) => place.make(session, name, sql).await?,
        Store::Folder(folder) => return files::register(session, folder.path(), name, sql).await,
    };
    session.register_table(name, made)?;
    Ok(())
}

/// The tables and views that a query of a person's names. None where that does not tell what it looks at: it is no plain
/// query, it asks what tables there are, or it is no SQL.
pub fn relations_asked(session: &SessionContext, sql: &str) -> Option<BTreeSet<String>> {
    let statement = session.state().sql_to_statement(sql.trim().trim_end_matches(';'), &dialect()).ok()?;
    let Statement::Statement(plain) = &statement else { return None };
    if !matches!(**plain, SqlStatement::Query(_)) {
        return None;
    }
    let (tables, _) = resolve_table_references(&statement, true).ok()?;
    let here = |table: &TableReference| table.schema().is_none_or(|schema| schema != "information_schema");
    tables.iter().all(here).then(|| tables.iter().map(|table| table.table().to_owned()).collect())
}

/// The tables and views that a query names, common table expressions aside.
///
/// # Errors
/// When it is not one SQL statement.
pub fn tables_named(session: &SessionContext, file: &str, sql: &str) -> Result<Vec<String>> {
    let sql = sql.trim().trim_end_matches(';');
    let named = match Prepared::of(session) {
        Some(prepared) => prepared.named(session, sql),
        None => relations_in(session, sql),
    };
    named.map_err(|source| RuleError::Sql { file: file.to_owned(), doing: "parse", source })
}

/// The same, of a query without its semicolon.
pub(crate) fn relations_in(
    session: &SessionContext,
    sql: &str,
) -> std::result::Result<Vec<String>, DataFusionError> {
    let statement = session.state().sql_to_statement(sql, &dialect())?;
    let (tables, _) = resolve_table_references(&statement, true)?;
    Ok(tables.iter().map(|table| table.table().to_owned()).collect())
}

/// Binds, by what is kept where the session has such ([`Prepared`]).
///
/// # Errors
/// As [`bind`].
pub(crate) fn bind_in(
    session: &SessionContext,
    file: &str,
    sql: &str,
    literals: &Literals,
) -> Result<String> {
    match Prepared::of(session) {
        Some(prepared) => prepared.bind(file, sql, literals),
        None => bind(file, sql, literals),
    }
}

fn dialect() -> datafusion::config::Dialect {
    datafusion::config::Dialect::Generic
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_tells_what_it_looks_at_unless_it_asks_what_there_is() {
        let asked = |sql| relations_asked(&SessionContext::new(), sql);
        let named = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(asked("SELECT 1;"), named(&[]));
        let nested = "WITH r AS (SELECT * FROM reads) SELECT * FROM r, lake.public.events WHERE 1 IN (SELECT 1 FROM Secrets)";
        assert_eq!(asked(nested), named(&["events", "reads", "secrets"]));
        for untold in
            ["SELECT * FROM information_schema.tables", "SHOW TABLES", "DESCRIBE reads", "SELEC 1", ""]
        {
            assert_eq!(asked(untold), None, "{untold}");
        }

        assert_eq!(asked("EXPLAIN SELECT * FROM reads"), None);
    }
}
