//! The SQL prompt: lines until a semicolon, history with the arrow keys, a few commands with a backslash.
//!
//! DataFusion's own command-line crate was looked at and left out: it brings three cloud stores, an allocator and its
//! own session, of which none can be switched off.

use anyhow::Context;
use datafusion::prelude::SessionContext;
use jiff::Timestamp;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use snowtrail_rules::binding::{Literals, bind};

use crate::cli::Format;
use crate::commands::sql::answer;
use crate::output;

const HELP: &str =
    "A query ends with a semicolon. \\d lists tables and views, \\d NAME its columns, \\q leaves.\n";

/// Reads queries until the person leaves. A query that fails is told and the prompt goes on.
pub async fn run(session: &SessionContext, format: Format, now: Timestamp) -> anyhow::Result<()> {
    let mut editor = DefaultEditor::new().context("failed to open a prompt on this terminal")?;
    output::data(HELP)?;
    let mut query = String::new();
    loop {
        let prompt = if query.is_empty() { "snowtrail> " } else { "        -> " };
        let line = match editor.readline(prompt) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => {
                query.clear();
                continue;
            }
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(anyhow::Error::new(error).context("failed to read from the terminal")),
        };
        if query.is_empty() && matches!(line.trim(), "\\q" | "quit" | "exit") {
            return Ok(());
        }
        query.push_str(&line);
        query.push('\n');
        let Some(sql) = complete(&query) else { continue };
        // A history that cannot be kept is no reason to refuse the query.
        let _ = editor.add_history_entry(query.trim());
        query.clear();
        if let Err(error) = ask(session, &sql, format, now).await {
            output::error(&error);
        }
    }
}

async fn ask(session: &SessionContext, sql: &str, format: Format, now: Timestamp) -> anyhow::Result<()> {
    let bound = bind("query", sql, &Literals::now(now)).map_err(|error| anyhow::anyhow!("{error}"))?;
    answer(session, &bound, format).await
}

/// What to run once a line is in: a backslash command as SQL, or everything up to the semicolon.
fn complete(typed: &str) -> Option<String> {
    let trimmed = typed.trim();
    if trimmed == "\\d" {
        return Some("SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1".to_owned());
    }
    if let Some(name) = trimmed.strip_prefix("\\d ") {
        let name = name.trim().replace('\'', "''");
        return Some(format!(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = '{name}' ORDER BY ordinal_position"
        ));
    }
    match trimmed {
        "" => Some("SELECT 'type a query; it ends with a semicolon' AS hint".to_owned()),
        _ if trimmed.starts_with('\\') => Some(format!("SELECT '{}' AS help", HELP.trim())),
        _ => trimmed.ends_with(';').then(|| trimmed.to_owned()),
    }
}
