//! The SQL prompt: queries until a semicolon, over as many lines as they take; history, completion, a few commands with
//! a backslash.
//!
//! What was typed is kept in a file that only its owner may read; a line that begins with a space is not kept. Ctrl-C
//! drops what is typed, or ends a query that runs. DataFusion's own command-line crate was looked at and left out: it
//! brings three cloud stores, an allocator and its own session, of which none can be switched off.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use datafusion::prelude::SessionContext;
use jiff::Timestamp;
use rustyline::completion::{Completer, FilenameCompleter};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use snowtrail_model::policy::suggestion;

use crate::catalog::Relation;
use crate::cli::Format;
use crate::commands::sql::completion::Names;
use crate::commands::sql::typed::{COMMANDS, Typed, read};
use crate::commands::sql::{answer, hunts};
use crate::destination::Destination;
use crate::output::{self, texts_table};

const GREETING: &str =
    "A query ends with a semicolon. \\d lists tables and views, \\? says what else there is, \\q leaves.\n";
/// Entries of the history. The oldest are forgotten first.
const HISTORY_ENTRIES_MAX: usize = 2_000;

/// A prompt over a session.
pub struct Prompt<'s> {
    /// What is asked.
    pub session: &'s SessionContext,
    /// What there is in it.
    pub relations: Vec<Relation>,
    /// What `$now` means.
    pub now: Timestamp,
    /// How rows are printed.
    pub format: Format,
    /// Where the next query's rows go instead.
    pub next_output: Option<Destination>,
    /// Whether times are told.
    pub is_timing: bool,
}

impl Prompt<'_> {
    /// Reads queries until the person leaves. A query that fails is told and the prompt goes on.
    ///
    /// # Errors
    /// When this is no terminal.
    pub async fn run(&mut self, history: Option<&Path>) -> anyhow::Result<()> {
        let mut editor = self.editor().context("failed to open a prompt on this terminal")?;
        if let Some(file) = history {
            // None yet, the first time.
            let _ = editor.load_history(file);
        }
        output::data(GREETING)?;
        loop {
            let line = match editor.readline("snowtrail> ") {
                Ok(line) => line,
                Err(ReadlineError::Interrupted) => continue,
                Err(ReadlineError::Eof) => return Ok(()),
                Err(error) => {
                    return Err(anyhow::Error::new(error).context("failed to read from the terminal"));
                }
            };
            // A history that cannot be kept is no reason to refuse the query.
            if editor.add_history_entry(line.trim_end()).unwrap_or(false)
                && let Some(file) = history
            {
                let _ = editor.append_history(file);
            }
            match read(&line) {
                Typed::Leave => return Ok(()),
                typed => {
                    if let Err(error) = self.obey(typed).await {
                        output::error(&error);
                    }
                }
            }
        }
    }

    fn editor(&self) -> rustyline::Result<Editor<Assistant, DefaultHistory>> {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .history_ignore_space(true)
            .max_history_size(HISTORY_ENTRIES_MAX)?
            .build();
        let mut editor = Editor::with_config(config)?;
        let mut functions: Vec<String> = self.session.state().scalar_functions().keys().cloned().collect();
        functions.extend(self.session.state().aggregate_functions().keys().cloned());
        functions.extend(self.session.state().window_functions().keys().cloned());
        functions.sort();
        functions.dedup();
        let columns = |relation: &Relation| {
            let whole = relation.columns.iter().filter(|c| !c.name.contains('.'));
            (relation.name.clone(), whole.map(|c| c.name.clone()).collect())
        };
        let names = Names { relations: self.relations.iter().map(columns).collect(), functions };
        editor.set_helper(Some(Assistant { names, files: FilenameCompleter::new() }));
        Ok(editor)
    }

    async fn obey(&mut self, typed: Typed) -> anyhow::Result<()> {
        match typed {
            Typed::Query(query) => self.ask(&query).await?,
            Typed::Relations => {
                let shown = |r: &Relation| [r.name.as_str(), r.kind.as_str(), &r.about].map(str::to_owned);
                let rows = self.relations.iter().map(shown);
                texts_table(["name", "kind", "a row is"], rows.collect(), self.format)?;
            }
            Typed::Relation(name) => self.describe(&name)?,
            Typed::Hunts => hunts::list(self.format)?,
            Typed::Output(path) => {
                self.next_output = path.map(|path| Destination::file(&path)).transpose()?;
            }
            Typed::Timing => {
                self.is_timing = !self.is_timing;
                output::note(if self.is_timing { "times are told" } else { "times are not told" });
            }
            Typed::Help => output::data(&help())?,
            Typed::Unknown => {
                output::note("there is no such command; there are:");
                output::data(&help())?;
            }
            Typed::Unfinished | Typed::Empty | Typed::Leave => {}
        }
        Ok(())
    }

    async fn ask(&mut self, query: &str) -> anyhow::Result<()> {
        let bound = hunts::plain(query, self.now)?;
        let destination = self.next_output.take().unwrap_or(Destination::Screen(self.format));
        let started = Instant::now();
        tokio::select! {
            answered = answer(self.session, &bound, &destination) => answered?,
            _ = tokio::signal::ctrl_c() => anyhow::bail!("the query was ended"),
        }
        if self.is_timing {
            output::note(&format!("took {:.3} s", started.elapsed().as_secs_f64()));
        }
        Ok(())
    }

    fn describe(&self, name: &str) -> anyhow::Result<()> {
        let Some(relation) = self.relations.iter().find(|r| r.name.eq_ignore_ascii_case(name)) else {
            let names: Vec<&str> = self.relations.iter().map(|r| r.name.as_str()).collect();
            let hint = suggestion(name, &names).unwrap_or_default();
            anyhow::bail!("there is no table or view `{name}`; {hint}");
        };
        output::data(&format!("{}: {}\n", relation.name, relation.about))?;
        let rows = relation.columns.iter().map(|c| [&c.name, &c.data_type, &c.meaning].map(String::clone));
        texts_table(["column", "type", "meaning"], rows.collect(), self.format)
    }
}

fn help() -> String {
    let mut text =
        String::from("A query ends with a semicolon; Tab completes, arrows bring back what was typed.\n");
    for (name, takes, does) in COMMANDS {
        text.push_str(&format!("  {:<14} {does}\n", format!("{name} {takes}")));
    }
    text
}

/// Where the history is kept: what was asked for, else the user's folder for state; none without a home.
pub fn history_file(asked: Option<PathBuf>) -> Option<PathBuf> {
    let state = || {
        let set = std::env::var_os("XDG_STATE_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        set.or_else(|| Some(std::env::home_dir()?.join(".local/state")))
    };
    let file = asked.or_else(|| Some(state()?.join("snowtrail/sql_history")))?;
    if let Some(folder) = file.parent() {
        // Without the folder nothing is kept, which the prompt bears.
        let _ = std::fs::create_dir_all(folder);
    }
    Some(file)
}

/// What helps a person type.
struct Assistant {
    names: Names,
    files: FilenameCompleter,
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        if line.trim_start().starts_with("\\o ") {
            let (start, files) = self.files.complete_path(line, at)?;
            return Ok((start, files.into_iter().map(|file| file.replacement).collect()));
        }
        Ok(self.names.complete(line, at))
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match read(context.input()) {
            Typed::Unfinished => ValidationResult::Incomplete,
            _ => ValidationResult::Valid(None),
        })
    }
}

impl Hinter for Assistant {
    type Hint = String;
}

impl Highlighter for Assistant {}

impl Helper for Assistant {}
