//! A report as one JSON object: numbers as numbers, lengths in seconds, times in full, charts as their data. Texts are
//! whole: JSON escapes what a terminal would obey.

use serde_json::{Map, Value as Json, json};

use crate::report::{Block, Fact, Report, Section, Table};

/// The object, on lines of its own for people who read it anyway.
pub fn json(report: &Report) -> String {
    let object = json!({
        "report": report.name,
        "title": report.title,
        "about": report.about,
        "from": report.from.to_string(),
        "to": report.to.to_string(),
        "now": report.now.to_string(),
        "sources": report.sources,
        "facts": report.facts.iter().map(fact).collect::<Vec<_>>(),
        "sections": report.sections.iter().map(section).collect::<Vec<_>>(),
    });
    format!("{object:#}\n")
}

fn fact(fact: &Fact) -> Json {
    json!({ "name": fact.name, "value": fact.value.json(), "basis": fact.basis })
}

fn section(section: &Section) -> Json {
    let blocks: Vec<Json> = section.blocks.iter().map(block).collect();
    json!({ "title": section.title, "note": section.note, "blocks": blocks })
}

fn block(block: &Block) -> Json {
    match block {
        Block::Table(table) => json!({ "table": rows(table) }),
        Block::Chart(chart) => json!({ "chart": rows(&chart.table()) }),
        Block::Paste { title, text } => json!({ "paste": { "title": title, "text": text } }),
        Block::Signature { statement, signers } => {
            json!({ "signature": { "statement": statement, "signers": signers } })
        }
    }
}

fn rows(table: &Table) -> Json {
    let columns: Map<String, Json> =
        table.columns.iter().map(|column| (column.name.clone(), Json::from(column.about.as_str()))).collect();
    let row = |row: &Vec<crate::Value>| -> Json {
        let cells = table.columns.iter().zip(row).map(|(column, value)| (column.name.clone(), value.json()));
        Json::Object(cells.collect())
    };
    json!({
        "name": table.name, "title": table.title, "basis": table.basis, "columns": columns,
        "rows": table.rows.iter().map(row).collect::<Vec<_>>(),
    })
}
