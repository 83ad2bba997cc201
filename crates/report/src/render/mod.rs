//! The forms of a report. Each escapes for itself whatever it is given.

mod csv;
mod html;
mod json;
mod markdown;

use std::fmt;

use crate::error::ReportError;
use crate::report::Report;

/// Rows of a table that a person is shown; machines get all. Whoever needs more reads CSV.
pub const ROWS_SHOWN_MAX: usize = 400;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One file that needs no other, for a screen of any size and for paper.
    Html,
    /// Text, for tickets and wikis.
    Markdown,
    /// Tables, one after the other, for spreadsheets.
    Csv,
    /// Everything, typed.
    Json,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Form::Html => "HTML",
            Form::Markdown => "Markdown",
            Form::Csv => "CSV",
            Form::Json => "JSON",
        })
    }
}

/// Writes a report.
///
/// # Errors
/// When a chart cannot be drawn.
pub fn render(report: &Report, form: Form) -> Result<String, ReportError> {
    match form {
        Form::Html => html::html(report),
        Form::Markdown => Ok(markdown::markdown(report)),
        Form::Csv => csv::csv(report).map_err(ReportError::Csv),
        Form::Json => Ok(json::json(report)),
    }
}

/// What is said where a table is cut.
fn cut_note(rows: usize) -> Option<String> {
    let shown = crate::value::grouped(ROWS_SHOWN_MAX as u64);
    let all = crate::value::grouped(rows as u64);
    (rows > ROWS_SHOWN_MAX)
        .then(|| format!("The first {shown} of {all} rows; CSV and JSON have all of them."))
}
