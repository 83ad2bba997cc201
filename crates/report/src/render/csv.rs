//! A report as CSV: each table beneath a line with its name, an empty line between two. Charts are tables too.
//!
//! A cell that a spreadsheet would take for a formula gets an apostrophe before it (OWASP, "CSV Injection"), because a
//! session's name may begin with `=`.

use csv::WriterBuilder;
use snowtrail_page::escape::escape_inline;

use crate::report::{Block, Column, Kind, Report, Table};
use crate::value::Value;

/// The text.
pub fn csv(report: &Report) -> Result<String, csv::Error> {
    let mut parts = vec![part(&facts(report))?];
    for block in report.sections.iter().flat_map(|section| &section.blocks) {
        match block {
            Block::Table(table) => parts.push(part(table)?),
            Block::Chart(chart) => parts.push(part(&chart.table())?),
            Block::Paste { .. } | Block::Signature { .. } => {}
        }
    }
    Ok(parts.join("\n"))
}

fn facts(report: &Report) -> Table {
    let column = |name: &str| Column { name: name.to_owned(), kind: Kind::Text, about: String::new() };
    let mut rows: Vec<Vec<Value>> = [("from", report.from), ("to", report.to), ("now", report.now)]
        .map(|(name, at)| vec![Value::text(name), Value::Time(at), Value::Nothing])
        .to_vec();
    let fact =
        |fact: &crate::Fact| vec![Value::text(&fact.name), fact.value.clone(), Value::text(&fact.basis)];
    rows.extend(report.facts.iter().map(fact));
    Table {
        name: report.name.clone(),
        title: report.title.clone(),
        basis: String::new(),
        empty: String::new(),
        columns: ["fact", "value", "basis"].map(column).to_vec(),
        rows,
    }
}

fn part(table: &Table) -> Result<String, csv::Error> {
    let mut writer = WriterBuilder::new().flexible(true).from_writer(Vec::new());
    writer.write_record([cell(&Value::text(&table.name))])?;
    writer.write_record(table.columns.iter().map(|column| column.name.as_str()))?;
    for row in &table.rows {
        writer.write_record(row.iter().map(cell))?;
    }
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn cell(value: &Value) -> String {
    let plain = value.plain();
    let Value::Text(text) = value else { return plain };
    // Tab and carriage return lead to formulas too, but the escape has made them visible.
    let shown = escape_inline(text).into_owned();
    if shown.starts_with(['=', '+', '-', '@']) { format!("'{shown}") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "\\t=1"),
            ("prod/db", "prod/db"),
        ] {
            assert_eq!(cell(&Value::text(text)), expected);
        }
    }
}
