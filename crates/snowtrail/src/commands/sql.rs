//! `snowtrail sql`: one query, a file, or a prompt over the lake.
//!
//! Reads only: statements that define or change anything are refused, so that a pasted query cannot write files.

use std::io::IsTerminal;

use anyhow::Context;
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::SessionContext;
use jiff::Timestamp;
use snowtrail_lake::Access;
use snowtrail_rules::binding::{Literals, bind};
use snowtrail_rules::set::shipped_hunts;

use crate::cli::{Format, Sql};
use crate::commands::sql_prompt;
use crate::exit::Exit;
use crate::output::{self, Usage};
use crate::workbench::Horizon;
use crate::{location, policy_file, workbench};

/// Runs the query, the file, or the prompt.
pub async fn run(options: Sql) -> anyhow::Result<Exit> {
    let query = query(&options)?;
    let bound = policy_file::load(&options.rules)?;
    let lake = location::open(&options.lake.lake, Access::Read).await?;
    let now = options.now.unwrap_or_else(Timestamp::now);
    let engine = workbench::open(&lake, &bound, now, Horizon::Everything).await?;
    match query {
        Some(text) => {
            let bound = bind("query", &text, &Literals::now(now))
                .map_err(|e| anyhow::Error::new(Usage(e.to_string())))?;
            answer(engine.session(), &bound, options.format).await?;
        }
        None => sql_prompt::run(engine.session(), options.format, now).await?,
    }
    Ok(Exit::Done)
}

/// The query to run; none means a prompt. A pipe on stdin is a query too.
fn query(options: &Sql) -> anyhow::Result<Option<String>> {
    if let Some(query) = &options.query {
        return Ok(Some(query.clone()));
    }
    let Some(file) = &options.file else {
        if std::io::stdin().is_terminal() {
            return Ok(None);
        }
        return Ok(Some(
            std::io::read_to_string(std::io::stdin()).context("failed to read the query from stdin")?,
        ));
    };
    let name = file.to_string_lossy();
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) => match shipped_hunts().get(name.as_ref()) {
            Some(text) => Ok(Some((*text).to_owned())),
            None => Err(anyhow::Error::new(error).context(format!("failed to read query `{name}`"))),
        },
    }
}

/// Runs one read-only query and prints its rows.
pub async fn answer(session: &SessionContext, query: &str, format: Format) -> anyhow::Result<()> {
    let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let query = query.trim().trim_end_matches(';');
    let frame = session.sql_with_options(query, options).await.map_err(|error| {
        anyhow::Error::new(Usage(format!("the query was refused: {}", error.strip_backtrace())))
    })?;
    let schema = frame.schema().inner().clone();
    let mut batches = frame.collect().await.context("failed to run the query")?;
    if batches.is_empty() {
        batches.push(arrow::array::RecordBatch::new_empty(schema));
    }
    output::rows(&batches, format)
}
