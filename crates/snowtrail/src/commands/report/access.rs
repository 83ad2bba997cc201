//! The review of access that a manager signs.

use snowtrail_model::Policy;
use snowtrail_report::{Block, Fact, Report, Table, Value};

use super::parts::{fact, section, untitled};
use super::question::Asking;
use super::{charts, distinct};

/// What it asks.
pub const QUESTIONS: &[&str] = &[
    "reads-over-time",
    "reads-by-hour-of-week",
    "findings",
    "access-who",
    "access-unread",
    "access-stopped",
    "access-break-glass",
    "access-proof",
];

/// Owners that get a line to sign; the others sign for each other.
const SIGNERS_MAX: usize = 12;

/// What the section of proof begins with.
const PROOF_NOTE: &str = "All of this stands on CloudTrail's log files. Where they are verified, CloudTrail's signature says that \
                          none was changed, added or taken away; where they are not, nobody has proven that.";

/// Asks and arranges.
///
/// # Errors
/// When the lake cannot be read.
pub async fn report(asking: &Asking<'_>, policy: &Policy) -> anyhow::Result<Report> {
    let who = asking.ask("access-who").await?;
    let findings = asking.ask("findings").await?;
    let (bars, seconds) = asking.ask_by_bar("reads-over-time").await?;
    let hours = asking.ask("reads-by-hour-of-week").await?;
    let unread = asking.ask("access-unread").await?;
    let stopped = asking.ask("access-stopped").await?;
    let glass = with_reasons(asking.ask("access-break-glass").await?, policy);
    let proof = asking.ask("access-proof").await?;
    let facts = facts(&who, &unread, &stopped, &glass);
    let signature = signature(&who);
    let is_person = |kind: &str| matches!(kind, "human" | "root");
    let people = of_kind(&who, "access-people", "Nobody read a secret in person.", is_person);
    let roles = of_kind(&who, "access-roles", "No role read a secret.", |kind| !is_person(kind));
    let overview = vec![
        Block::Chart(charts::reads_over_time(&bars, seconds, &findings, asking.span)),
        Block::Chart(charts::hours_of_week(&hours, &policy.calendar)),
        Block::Chart(charts::matrix(&who)),
    ];
    let table = |table| vec![Block::Table(untitled(table))];
    let about = "Who read which secret, measured against the contracts of the policy. It shows what was used, not what is \
                granted: a role that may read and never did is in the least-privilege report.";
    let sections = vec![
        section("At a glance", "", overview),
        section("People", "Persons, by what the policy and their sessions say.", table(people)),
        section("Break glass", "Each of these wants a reason that somebody remembers.", table(glass)),
        section("Roles by secret", "", table(roles)),
        section(
            "Secrets that nobody read",
            "Candidates for deletion, with a recovery window.",
            table(unread),
        ),
        section(
            "Readers that stopped",
            "Whoever needs it no longer should not be allowed to.",
            table(stopped),
        ),
        section("Open findings", "", table(findings)),
        section("How we know", PROOF_NOTE, table(proof)),
        section("Review", "", vec![signature]),
    ];
    Ok(Report { facts, sections, ..asking.report("access", "Access review", about) })
}

fn facts(who: &Table, unread: &Table, stopped: &Table, glass: &Table) -> Vec<Fact> {
    let secret = |row: &Vec<Value>| {
        [who.text(row, "account"), who.text(row, "region"), who.text(row, "secret")].join("|")
    };
    let secrets = who.rows.iter().map(secret).collect::<std::collections::BTreeSet<_>>().len();
    let principals = |is_one: &dyn Fn(&Vec<Value>) -> bool| {
        let rows = who.rows.iter().filter(|row| is_one(row));
        Value::Count(distinct(rows.map(|row| who.text(row, "principal"))).len() as u64)
    };
    let is_person = |row: &Vec<Value>| matches!(who.text(row, "kind"), "human" | "root");
    let undeclared = who.count_of("contract", "undeclared");
    vec![
        fact("Secrets read", Value::Count(secrets as u64), "by name, account and region (view reads)"),
        fact("Reads", Value::Count(who.total("reads")), "outside rotations"),
        fact("Roles and services", principals(&|row| !is_person(row)), "that read"),
        fact("People", principals(&is_person), "that read: kind human or root"),
        fact("Undeclared", Value::Count(undeclared), "pairs of secret and reader against a contract"),
        fact(
            "Break glass",
            Value::Count(glass.rows.len() as u64),
            "reads that the contract allows in need only",
        ),
        fact("Never read", Value::Count(unread.rows.len() as u64), "secrets without a read in this range"),
        fact("Stopped", Value::Count(stopped.rows.len() as u64), "regular readers that fell silent"),
    ]
}

/// The rows of some kinds of principals.
fn of_kind(who: &Table, name: &str, empty: &str, is_one: impl Fn(&str) -> bool) -> Table {
    let rows = who.rows.iter().filter(|row| is_one(who.text(row, "kind"))).cloned().collect();
    Table { name: name.to_owned(), empty: empty.to_owned(), rows, ..who.clone() }
}

/// The reason of a read is that of the policy's window that covers it: the policy's globs are not SQL's.
fn with_reasons(mut glass: Table, policy: &Policy) -> Table {
    let Some(reason) = glass.column("reason") else { return glass };
    let reasons: Vec<Value> = glass
        .rows
        .iter()
        .map(|row| {
            let at = glass.time(row, "at");
            let window = at.and_then(|at| policy.planned(glass.text(row, "principal"), at));
            Value::text(window.map_or("none declared", |window| window.reason.as_str()))
        })
        .collect();
    for (row, told) in glass.rows.iter_mut().zip(reasons) {
        if let Some(cell) = row.get_mut(reason) {
            *cell = told;
        }
    }
    glass
}

fn signature(who: &Table) -> Block {
    let owners = distinct(who.rows.iter().map(|row| who.text(row, "owner")));
    let mut signers: Vec<String> =
        owners.into_iter().take(SIGNERS_MAX).map(|owner| format!("Owner of {owner}")).collect();
    signers.push("Reviewer".to_owned());
    Block::Signature {
        statement: "I have looked at who reads the secrets that I answer for. What is not needed will be taken away; what is \
                    undeclared is explained or will be."
            .to_owned(),
        signers,
    }
}
