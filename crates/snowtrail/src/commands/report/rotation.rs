//! Whether rotations keep their promises, and what happens around them.

use snowtrail_model::Policy;
use snowtrail_report::{Block, Fact, Report, Table, Value};

use super::charts;
use super::parts::{fact, section, untitled};
use super::question::Asking;

/// What it asks.
pub const QUESTIONS: &[&str] =
    &["rotations", "rotation-latency", "rotation-cadence", "rotation-stale", "rotation-herds", "findings"];

/// Asks and arranges.
///
/// # Errors
/// When the lake cannot be read.
pub async fn report(asking: &Asking<'_>, policy: &Policy) -> anyhow::Result<Report> {
    let rotations = asking.ask("rotations").await?;
    let latency = asking.ask("rotation-latency").await?;
    let cadence = asking.ask("rotation-cadence").await?;
    let stale = asking.ask("rotation-stale").await?;
    let herds = asking.ask("rotation-herds").await?;
    let facts = facts(&cadence, &rotations, &stale, &herds);
    let failures = failures(&rotations);
    let table = |table| vec![Block::Table(untitled(table))];
    let findings = of_rotation(asking.ask("findings").await?);
    let declared = policy.secrets.iter().filter(|entry| entry.rotate_every.is_some()).count();
    let cadence_note = format!("{declared} entries of the policy promise a cadence.");
    let attempts =
        vec![Block::Chart(charts::rotations(&rotations, asking.span)), Block::Table(untitled(rotations))];
    let lag = vec![Block::Chart(charts::latency(&latency)), Block::Table(untitled(latency))];
    let about = "Whether each secret gets a new value as often as was promised, which attempts failed and where, and who \
                goes on with an old value. Managed rotations that log no events are not seen.";
    let sections = vec![
        section("Attempts", "", attempts),
        section("Failures", "The step says what the database may believe by now.", table(failures)),
        section("Cadence", &cadence_note, table(cadence)),
        section("From a rotation to its last reader", "", lag),
        section("Stale readers", "An old value cannot be revoked while these read it.", table(stale)),
        section("Herds", "", table(herds)),
        section("Open findings", "Of the rules about rotation.", table(findings)),
    ];
    Ok(Report { facts, sections, ..asking.report("rotation", "Rotation", about) })
}

fn facts(cadence: &Table, rotations: &Table, stale: &Table, herds: &Table) -> Vec<Fact> {
    let of = |word| Value::Count(cadence.count_of("cadence", word));
    let attempts = rotations.rows.len() as u64;
    vec![
        fact("Kept", of("kept"), "secrets younger than their promise"),
        fact("Late", of("late"), "past it by two days at the most"),
        fact("Missed", of("missed"), "past it by more"),
        fact("No promise", of("no promise"), "neither contract, schedule nor type says how often"),
        fact("Attempts", Value::Count(attempts), "in this range (view rotations)"),
        fact("Failed", Value::Count(rotations.count_of("state", "failed")), "among them"),
        fact("Stale readers", Value::Count(stale.rows.len() as u64), "since each secret's last rotation"),
        fact("Herds", Value::Count(herds.rows.len() as u64), "three or more secrets of one path at once"),
    ]
}

fn failures(rotations: &Table) -> Table {
    let is_failure = |row: &&Vec<Value>| {
        let state = rotations.text(row, "state");
        state.starts_with("failed") || state.starts_with("abandoned") || state == "open"
    };
    Table {
        name: "rotation-failures".to_owned(),
        empty: "No attempt failed, was abandoned, or is without an end.".to_owned(),
        rows: rotations.rows.iter().filter(is_failure).cloned().collect(),
        ..rotations.clone()
    }
}

fn of_rotation(findings: Table) -> Table {
    let is_one = |row: &&Vec<Value>| {
        let rule = findings.text(row, "rule");
        rule.starts_with("rotation-") || rule == "stale-version-read"
    };
    let rows = findings.rows.iter().filter(is_one).cloned().collect();
    Table { rows, ..findings }
}
