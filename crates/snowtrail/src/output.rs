//! The only place that prints: data on stdout, everything else on stderr, attackers' text made inert.
//!
//! Rows as JSON or CSV go to a program as they are, but for cells of CSV that a spreadsheet would run as a formula: they
//! get a quote before them. On a terminal the two are made inert too. A reader that goes away (`| head`) is no failure: what is left is not printed.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;
use arrow::util::pretty::pretty_format_batches;
use snowtrail_page::escape::{escape_inline, terminal};

use crate::cli::Format;
use crate::exit::Exit;

/// Characters of a cell in a table. Longer ones are cut; `--format json` has them whole.
const CELL_CHARS_MAX: usize = 400;
/// Characters of a line on stderr. Longer ones are cut.
const NOTE_CHARS_MAX: usize = 4_000;

/// Prints to stdout, unless nobody listens any more.
pub fn data(text: &str) -> io::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Prints one line for the person at the terminal.
pub fn note(text: &str) {
    // Nobody to tell if stderr is gone.
    let _ = writeln!(io::stderr().lock(), "{}", inert_lines(text));
}

/// Prints an error with its causes, once, and says how to exit.
pub fn error(error: &anyhow::Error) -> Exit {
    let mut text = format!("error: {error}");
    let mut last = error.to_string();
    for cause in error.chain().skip(1).map(|cause| cause.to_string()) {
        // Some libraries' errors show their cause in their own text and chain it too: said once is enough.
        if !last.contains(&cause) {
            text.push_str(&format!("\n  because: {cause}"));
        }
        last = cause;
    }
    note(&text);
    match error.downcast_ref::<Usage>() {
        Some(_) => Exit::Usage,
        None => Exit::Failed,
    }
}

/// An error and its causes as one text, a line each.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!("\n  because: {inner}"));
        cause = inner.source();
    }
    text
}

/// Marks an error as the user's to mend: an option, a policy, a rule.
#[derive(Debug)]
pub struct Usage(pub String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Prints rows.
pub fn rows(batches: &[RecordBatch], format: Format) -> anyhow::Result<()> {
    match format {
        Format::Json if io::stdout().is_terminal() => data(&inert_json(&json_lines(batches)?))?,
        Format::Json => data(&json_lines(batches)?)?,
        Format::Csv if io::stdout().is_terminal() => {
            data(&csv(&batches.iter().map(inert_batch).collect::<Result<Vec<_>, _>>()?)?)?;
        }
        Format::Csv => data(&csv(batches)?)?,
        Format::Table => {
            let inert = batches.iter().map(inert_batch).collect::<Result<Vec<_>, _>>()?;
            data(&format!("{}\n", pretty_format_batches(&inert)?))?;
        }
    }
    Ok(())
}

/// Rows as one JSON object a line, nulls explicit, times in RFC 3339 with `Z`.
fn json_lines(batches: &[RecordBatch]) -> anyhow::Result<String> {
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish()?;
    Ok(String::from_utf8_lossy(&writer.into_inner()).into_owned())
}

fn csv(batches: &[RecordBatch]) -> anyhow::Result<String> {
    let mut writer = arrow::csv::WriterBuilder::new().with_header(true).build(Vec::new());
    for batch in batches {
        writer.write(&csv_cells(batch)?)?;
    }
    Ok(String::from_utf8_lossy(&writer.into_inner()).into_owned())
}

/// Rows as CSV holds them: nested columns as JSON text, and a quote before texts that a spreadsheet would take for a
/// formula, because callers choose them.
///
/// # Errors
/// When a column cannot be put into text.
pub fn csv_cells(batch: &RecordBatch) -> anyhow::Result<RecordBatch> {
    map_columns(batch, |column| map_texts(flat_column(column)?, |text| without_formula(text).into_owned()))
}

fn without_formula(text: &str) -> Cow<'_, str> {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

/// JSON of the same meaning in which nothing is written out that a terminal would obey or hide.
fn inert_json(json: &str) -> String {
    let mut inert = String::with_capacity(json.len());
    for c in json.chars() {
        // What is ASCII and a terminal would obey, JSON has escaped already, but for the last.
        let is_plain =
            (c.is_ascii() && c != '\u{7f}') || escape_inline(c.encode_utf8(&mut [0; 4])) == c.to_string();
        if is_plain {
            inert.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| inert.push_str(&format!("\\u{unit:04x}")));
        }
    }
    inert
}

/// Prints rows of text under a header.
///
/// # Errors
/// When stdout cannot be written.
pub fn texts_table<const N: usize>(
    header: [&str; N],
    rows: Vec<[String; N]>,
    format: Format,
) -> anyhow::Result<()> {
    let columns = header.iter().enumerate().map(|(i, name)| {
        (*name, Arc::new(rows.iter().map(|row| Some(row[i].as_str())).collect::<StringArray>()) as ArrayRef)
    });
    self::rows(&[RecordBatch::try_from_iter(columns)?], format)
}

/// Lists and structs as JSON text: a cell holds no table.
fn flat_column(column: &ArrayRef) -> anyhow::Result<ArrayRef> {
    if !column.data_type().is_nested() {
        return Ok(column.clone());
    }
    let schema = Arc::new(Schema::new(vec![Field::new("v", column.data_type().clone(), true)]));
    let lines = json_lines(&[RecordBatch::try_new(schema, vec![column.clone()])?])?;
    let inner = |line: &str| {
        let value: Option<serde_json::Value> = serde_json::from_str(line).ok();
        value
            .and_then(|mut v| v.get_mut("v").map(serde_json::Value::take))
            .filter(|v| !v.is_null())
            .map(|v| v.to_string())
    };
    Ok(Arc::new(lines.lines().map(inner).collect::<StringArray>()))
}

fn inert_batch(batch: &RecordBatch) -> anyhow::Result<RecordBatch> {
    map_columns(batch, |column| map_texts(flat_column(column)?, |text| terminal(text, CELL_CHARS_MAX)))
}

/// Changes the cells of a column of text; other columns stay.
fn map_texts(column: ArrayRef, map: impl Fn(&str) -> String) -> anyhow::Result<ArrayRef> {
    if !matches!(column.data_type(), DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8) {
        return Ok(column);
    }
    let texts = cast(&column, &DataType::Utf8)?;
    let mapped = texts.as_string::<i32>().iter().map(|text| text.map(&map));
    Ok(Arc::new(mapped.collect::<StringArray>()))
}

fn map_columns(
    batch: &RecordBatch,
    map: impl Fn(&ArrayRef) -> anyhow::Result<ArrayRef>,
) -> anyhow::Result<RecordBatch> {
    let columns = batch.columns().iter().map(map).collect::<anyhow::Result<Vec<_>>>()?;
    let schema = batch.schema();
    let fields = schema.fields().iter().zip(&columns);
    let fields: Vec<Field> = fields.map(|(f, c)| Field::new(f.name(), c.data_type().clone(), true)).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

fn inert_lines(text: &str) -> String {
    text.lines().map(|line| terminal(line, NOTE_CHARS_MAX)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_a_spreadsheet_would_run_is_text_in_csv() {
        let texts: ArrayRef =
            Arc::new(StringArray::from(vec![Some("=cmd()"), Some("a=b"), Some("-1"), None, Some("\t@x")]));
        let numbers: ArrayRef = Arc::new(arrow::array::Int64Array::from(vec![-1, 2, 3, 4, 5]));
        let batch =
            RecordBatch::try_from_iter_with_nullable([("who", texts, true), ("n", numbers, true)]).unwrap();
        assert_eq!(csv(&[batch]).unwrap(), "who,n\n'=cmd(),-1\na=b,2\n'-1,3\n,4\n'\t@x,5\n");
    }

    #[test]
    fn json_on_a_terminal_means_the_same_and_hides_nothing() {
        let hostile =
            serde_json::json!({ "who": "\u{1b}[31m \u{9b}2J \u{202e}gpj ä 雪 \u{7f} \u{e0041} \\" });
        let inert = inert_json(&hostile.to_string());
        assert!(inert.contains("\\u009b2J \\u202egpj ä 雪 \\u007f \\udb40\\udc41"), "{inert}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&inert).unwrap(), hostile);
    }
}
