//! What is proven and what is wrong, printed: a table and a block for each fault for people; the same rows with the same
//! columns for scripts, `row` telling chains from faults.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use snowtrail_page::escape::terminal;
use snowtrail_trail::digest::{Fault, Level};

use super::examine::{ChainProof, Proof};
use super::inventory::{ChainName, Region};
use crate::cli::Format;
use crate::commands::findings::quoted;
use crate::output;

/// Characters of a text in a block; a key has at most 1,024, and a detail may name one. Longer ones are cut.
const TEXT_CHARS_MAX: usize = 1_500;

/// Columns of the table for people.
const SHOWN: [&str; 10] = [
    "account_id",
    "aws_region",
    "trail",
    "chain",
    "verified_from",
    "verified_through",
    "digests",
    "logs",
    "in_lake",
    "faults",
];

/// Prints everything.
///
/// # Errors
/// When stdout cannot be written.
pub fn print(proofs: &[Proof], format: Format) -> anyhow::Result<()> {
    let chains =
        || proofs.iter().flat_map(|proof| proof.chains.iter().map(move |chain| chain_row(proof, chain)));
    let faults = || {
        proofs.iter().flat_map(|proof| {
            proof.all_faults().map(move |(chain, fault)| fault_row(&proof.region, chain, fault))
        })
    };
    match format {
        Format::Table => {
            output::rows(&[table(&chains().collect::<Vec<_>>())?], Format::Table)?;
            output::data(&faults().map(|row| block(&row)).collect::<String>())?;
        }
        Format::Json => {
            let lines = chains().chain(faults()).map(|row| format!("{}\n", Value::Object(row)));
            output::data(&lines.collect::<String>())?;
        }
        Format::Csv => output::data(&csv(chains().chain(faults())))?,
    }
    Ok(())
}

/// One row: every column, nulls explicit.
fn row(kind: &str, region: &Region, chain: Option<&ChainName>) -> Map<String, Value> {
    let row = json!({
        "row": kind,
        "account_id": region.account_id,
        "aws_region": region.aws_region,
        "trail": chain.map(|chain| chain.trail.as_str()),
        "chain": chain.map(|chain| chain.word()),
        "verified_from": null,
        "verified_through": null,
        "newest_digest": null,
        "digests": null,
        "logs": null,
        "in_lake": null,
        "faults": null,
        "what": null,
        "object": null,
        "at": null,
        "detail": null,
        "next": null,
    });
    match row {
        Value::Object(row) => row,
        _ => Map::new(),
    }
}

fn chain_row(proof: &Proof, chain: &ChainProof) -> Map<String, Value> {
    let mut row = row("chain", &proof.region, Some(&chain.name));
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let faults = chain.faults.iter().chain(&proof.faults).filter(|fault| fault.kind.level() == Level::Fault);
    row["verified_from"] = json!(time(chain.reach.map(|(from, _)| from)));
    row["verified_through"] = json!(time(chain.reach.map(|(_, through)| through)));
    row["newest_digest"] = json!(time(chain.newest));
    row["digests"] = json!(chain.digests);
    row["logs"] = json!(chain.logs);
    row["in_lake"] = json!(proof.in_lake);
    row["faults"] = json!(faults.count());
    row
}

fn fault_row(region: &Region, chain: Option<&ChainName>, fault: &Fault) -> Map<String, Value> {
    let mut row = row(fault.kind.level().as_str(), region, chain);
    row["what"] = json!(fault.kind.as_str());
    row["object"] = json!(fault.object);
    row["at"] = json!(fault.at.to_string());
    row["detail"] = json!(fault.detail);
    row["next"] = json!(fault.kind.next());
    row
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn table(chains: &[Map<String, Value>]) -> anyhow::Result<RecordBatch> {
    let column = |name: &str| -> ArrayRef {
        Arc::new(chains.iter().map(|row| text(&row[name])).collect::<StringArray>())
    };
    Ok(RecordBatch::try_from_iter_with_nullable(SHOWN.map(|name| (name, column(name), true)))?)
}

/// A fault for people: what and where, on which object, what exactly, what next.
fn block(row: &Map<String, Value>) -> String {
    let told = |name: &str| text(&row[name]).map_or_else(|| "-".to_owned(), |t| terminal(&t, TEXT_CHARS_MAX));
    let level = told("row").to_uppercase();
    format!(
        "{level:<7} {}  {}  {} {} {}\n        {}\n        {}\n        next: {}\n\n",
        told("at"),
        told("what"),
        told("account_id"),
        told("aws_region"),
        told("trail"),
        told("object"),
        told("detail"),
        told("next"),
    )
}

fn csv(rows: impl Iterator<Item = Map<String, Value>>) -> String {
    let mut lines = String::new();
    for row in rows {
        if lines.is_empty() {
            lines = row.keys().cloned().collect::<Vec<_>>().join(",") + "\n";
        }
        let cells = row.values().map(|value| text(value).map_or_else(String::new, |text| quoted(&text)));
        lines.push_str(&(cells.collect::<Vec<_>>().join(",") + "\n"));
    }
    lines
}
