//! The views, created in the order of their needs.
//!
//! A view may name tables, other views and the policy's small tables. Which it names is read from its SQL, so the
//! files need no order of their own.

use std::collections::BTreeMap;

use datafusion::prelude::SessionContext;
use datafusion::sql::resolve::resolve_table_references;

use crate::binding::{Literals, bind};
use crate::error::{Result, RuleError};

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
            let sql = bind(file, text, literals)?;
            let needs = tables_named(session, file, &sql)?;
            pending.insert(name.clone(), Pending { file: file.clone(), sql, needs });
        }
        Ok(Views { pending })
    }

    /// Creates every view whose needs are met, and those that this in turn makes possible.
    ///
    /// # Errors
    /// When DataFusion refuses a view.
    pub async fn create_possible(&mut self, session: &SessionContext) -> Result<()> {
        while let Some(name) = self.next_possible(session)? {
            let Some(view) = self.pending.remove(&name) else { return Ok(()) };
            let refused = |source| RuleError::Sql { file: view.file.clone(), doing: "plan", source };
            let frame = session.sql(view.sql.trim().trim_end_matches(';')).await.map_err(refused)?;
            session.register_table(name.as_str(), frame.into_view()).map_err(refused)?;
        }
        Ok(())
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

    fn next_possible(&self, session: &SessionContext) -> Result<Option<String>> {
        for (name, view) in &self.pending {
            let met = |need: &String| session.table_exist(need.as_str()).unwrap_or(false);
            if view.needs.iter().all(met) {
                return Ok(Some(name.clone()));
            }
        }
        Ok(None)
    }
}

/// The tables and views that a query names, common table expressions aside.
///
/// # Errors
/// When it is not one SQL statement.
pub fn tables_named(session: &SessionContext, file: &str, sql: &str) -> Result<Vec<String>> {
    let refused = |source| RuleError::Sql { file: file.to_owned(), doing: "parse", source };
    let statement =
        session.state().sql_to_statement(sql.trim().trim_end_matches(';'), &dialect()).map_err(refused)?;
    let (tables, _) = resolve_table_references(&statement, true).map_err(refused)?;
    Ok(tables.iter().map(|t| t.table().to_owned()).collect())
}

fn dialect() -> datafusion::config::Dialect {
    datafusion::config::Dialect::Generic
}
