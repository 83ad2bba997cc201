//! `snowtrail sql`: one query, a file, a hunt, or a prompt over the lake.
//!
//! Reads only: statements that define or change anything are refused, so that a pasted query cannot write files; what
//! is written is what `--out` and `\o` name. People's sessions know the functions of [`crate::json_functions`].

mod completion;
mod hunts;
mod prompt;
mod typed;

use std::io::IsTerminal;

use anyhow::Context;
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::SessionContext;
use jiff::Timestamp;
use snowtrail_lake::Access;

use crate::catalog;
use crate::cli::Sql;
use crate::commands::sql::prompt::{Prompt, history_file};
use crate::destination::Destination;
use crate::exit::Exit;
use crate::output::Usage;
use crate::workbench::Horizon;
use crate::{json_functions, location, policy_file, workbench};

pub use hunts::parameter;

/// Runs the query, the file, the hunt, or the prompt.
pub async fn run(options: Sql) -> anyhow::Result<Exit> {
    if options.list {
        hunts::list(options.format)?;
        return Ok(Exit::Done);
    }
    let now = options.now.unwrap_or_else(Timestamp::now);
    let query = query(&options, now)?;
    let destination = options.out.as_deref().map(Destination::file).transpose()?;
    let bound = policy_file::load(&options.rules)?;
    let lake = location::open(&options.lake.lake, Access::Read).await?;
    let engine = match &query {
        Some(query) => workbench::open_to_ask(&lake, &bound, now, query).await?,
        None => workbench::open(&lake, &bound, now, Horizon::Everything).await?,
    };
    let (session, format) = (engine.session(), options.format);
    json_functions::register(session);
    match query {
        Some(query) => answer(session, &query, &destination.unwrap_or(Destination::Screen(format))).await?,
        None => {
            let relations = catalog::read(session, &bound.rules).await?;
            let mut prompt =
                Prompt { session, relations, now, format, next_output: destination, is_timing: false };
            prompt.run(history_file(options.history).as_deref()).await?;
        }
    }
    Ok(Exit::Done)
}

/// The query to run, its parameters bound; none means a prompt. A pipe on stdin is a query too.
fn query(options: &Sql, now: Timestamp) -> anyhow::Result<Option<String>> {
    if let Some(name) = &options.hunt {
        return hunts::shipped(name, &options.param, now).map(Some);
    }
    if let Some(file) = &options.file {
        return hunts::in_file(file, &options.param, now).map(Some);
    }
    if let Some((parameter, _)) = options.param.first() {
        let message = format!("failed to set `{parameter}`: parameters are a hunt's; say which: --hunt NAME");
        return Err(anyhow::Error::new(Usage(message)));
    }
    let query = match &options.query {
        Some(query) => query.clone(),
        None if std::io::stdin().is_terminal() => return Ok(None),
        None => std::io::read_to_string(std::io::stdin()).context("failed to read the query from stdin")?,
    };
    hunts::plain(&query, now).map(Some)
}

/// Runs one read-only query and brings its rows where they go.
async fn answer(session: &SessionContext, query: &str, destination: &Destination) -> anyhow::Result<()> {
    let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let query = query.trim().trim_end_matches(';');
    let frame = session.sql_with_options(query, options).await.map_err(|error| {
        anyhow::Error::new(Usage(format!("the query was refused: {}", error.strip_backtrace())))
    })?;
    destination.fill(frame).await
}
