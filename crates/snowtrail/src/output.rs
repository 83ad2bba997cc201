//! The only place that prints: data on stdout, everything else on stderr, attackers' text made inert.
//!
//! A reader that goes away (`| head`) is no failure: what is left is not printed.

use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;
use arrow::util::pretty::pretty_format_batches;
use snowtrail_page::escape::terminal;

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
        Format::Json => data(&json_lines(batches)?)?,
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
        writer.write(&map_columns(batch, flat_column)?)?;
    }
    Ok(String::from_utf8_lossy(&writer.into_inner()).into_owned())
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
    map_columns(batch, |column| {
        let flat = flat_column(column)?;
        if !matches!(flat.data_type(), DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8) {
            return Ok(flat);
        }
        let texts = cast(&flat, &DataType::Utf8)?;
        let inert = texts.as_string::<i32>().iter().map(|t| t.map(|t| terminal(t, CELL_CHARS_MAX)));
        Ok(Arc::new(inert.collect::<StringArray>()) as ArrayRef)
    })
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
