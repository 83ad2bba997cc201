//! The dossier of one secret.

use snowtrail_model::Policy;
use snowtrail_report::{Block, Fact, Report, Table, Value};

use super::parts::{fact, section, untitled};
use super::place::Place;
use super::question::Asking;
use super::{charts, contract};

/// What it asks.
pub const QUESTIONS: &[&str] = &[
    "reads-over-time",
    "reads-by-hour-of-week",
    "findings",
    "secret-places",
    "secret-readers",
    "secret-refused",
    "secret-versions",
    "rotations",
    "rotation-latency",
    "secret-changes",
    "secret-policies",
    "secret-keys",
    "secret-key-changes",
];

/// Asks and arranges.
///
/// # Errors
/// When the lake cannot be read.
pub async fn report(asking: &Asking<'_>, policy: &Policy, places: &[Place]) -> anyhow::Result<Report> {
    let findings = asking.ask("findings").await?;
    let (bars, seconds) = asking.ask_by_bar("reads-over-time").await?;
    let hours = asking.ask("reads-by-hour-of-week").await?;
    let what = asking.ask("secret-places").await?;
    let readers = asking.ask("secret-readers").await?;
    let refused = asking.ask("secret-refused").await?;
    let rotations = asking.ask("rotations").await?;
    let latency = asking.ask("rotation-latency").await?;
    let facts = facts(&what, &readers, &refused, &rotations, &findings);
    let name = places.first().map(|place| place.name.clone()).unwrap_or_default();
    let rotated = vec![
        Block::Chart(charts::rotations(&rotations, asking.span)),
        Block::Chart(charts::latency(&latency)),
        Block::Table(untitled(rotations)),
        Block::Table(latency),
    ];
    let reading = vec![
        Block::Chart(charts::reads_over_time(&bars, seconds, &findings, asking.span)),
        Block::Table(untitled(readers)),
        Block::Chart(charts::hours_of_week(&hours, &policy.calendar)),
        Block::Table(refused),
    ];
    let keys = vec![
        Block::Table(untitled(asking.ask("secret-keys").await?)),
        Block::Table(asking.ask("secret-key-changes").await?),
    ];
    let versions = vec![Block::Table(untitled(asking.ask("secret-versions").await?))];
    let changes = vec![
        Block::Table(untitled(asking.ask("secret-changes").await?)),
        Block::Table(asking.ask("secret-policies").await?),
    ];
    let sections = [
        ("Who reads it, and when", reading),
        ("Findings", vec![Block::Table(untitled(findings))]),
        ("Contract", vec![Block::Table(contract::table(policy, places))]),
        ("What it is", vec![Block::Table(untitled(what))]),
        ("Versions", versions),
        ("Rotations", rotated),
        ("Changes and policies", changes),
        ("Key", keys),
    ];
    let about = "The dossier of one secret: who may read it and who does, its versions and rotations, what changed, its \
                key and its replicas. Values are not in it: they never reach the lake.";
    let sections = sections.into_iter().map(|(title, blocks)| section(title, "", blocks)).collect();
    Ok(Report { facts, sections, ..asking.report("secret", name, about) })
}

fn facts(what: &Table, readers: &Table, refused: &Table, rotations: &Table, findings: &Table) -> Vec<Fact> {
    let people = readers.count_of("kind", "human") + readers.count_of("kind", "root");
    let newest = |table: &Table, column: &str| {
        table.rows.iter().filter_map(|row| table.time(row, column)).max().map_or(Value::Nothing, Value::Time)
    };
    vec![
        fact("Reads", Value::Count(readers.total("reads")), "outside rotations, in this range"),
        fact("Readers", Value::Count(readers.rows.len() as u64), "principals by region, rotators included"),
        fact("People among them", Value::Count(people), "kind human or root (view principals)"),
        fact(
            "Undeclared",
            Value::Count(readers.count_of("contract", "undeclared")),
            "readers against the contract",
        ),
        fact("Refused", Value::Count(refused.total("refused")), "attempts to read (view denied_reads)"),
        fact(
            "Rotations",
            Value::Count(rotations.count_of("state", "succeeded")),
            "that succeeded, in this range",
        ),
        fact("Last rotated", newest(what, "last_rotated"), "RotationSucceeded, in all of the lake"),
        fact("Open findings", Value::Count(findings.rows.len() as u64), "whose window touches this range"),
    ]
}
