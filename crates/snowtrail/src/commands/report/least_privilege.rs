//! What each role used against what it was granted, and tightened policies to paste, each line with its evidence.

use std::collections::{BTreeMap, BTreeSet};

use snowtrail_model::Policy;
use snowtrail_model::policy::{Glob, SecretEntry};
use snowtrail_report::chart::{Chart, Drawing, Tone};
use snowtrail_report::{Block, Column, Fact, Kind, Report, Table, Value};

use super::iam::{Grant, Grants};
use super::parts::{fact, section, untitled};
use super::policies::{self, Use};
use super::question::Asking;
use super::{charts, distinct};
use crate::cli;

/// What it asks.
pub const QUESTIONS: &[&str] = &["used-actions", "refused-actions"];

/// Asks, compares, arranges.
///
/// # Errors
/// When the lake or the policy documents cannot be read.
pub async fn report(asking: &Asking<'_>, policy: &Policy, options: &cli::Report) -> anyhow::Result<Report> {
    let grants = options.iam.as_deref().map(Grants::read).transpose()?;
    let used = asking.ask("used-actions").await?;
    let refused = asking.ask("refused-actions").await?;
    let granted = granted(&used, grants.as_ref());
    let beyond = beyond(&used, grants.as_ref());
    let facts = facts(&used, &granted, &beyond);
    let compared_note = match &grants {
        Some(_) => {
            "A grant is a pair of action and resource. Conditions and Deny statements are not weighed."
        }
        None => {
            "No policy documents were given: --iam FOLDER with ROLE.json or ROLE/*.json compares with what is granted."
        }
    };
    let compared =
        vec![Block::Chart(matrix(&used, grants.as_ref())), Block::Table(granted), Block::Table(beyond)];
    let about = "What roles used of Secrets Manager and of KMS for secrets in this range, and policies that allow just that. A \
                yearly job that did not run in the range is not in them: choose the range accordingly, and read the \
                evidence before you paste.";
    let sections = vec![
        section("Used against granted", compared_note, compared),
        section("Policies of roles", "Beneath each the evidence of its lines.", of_roles(&used)),
        section(
            "Policies of secrets",
            "Deny whoever is not named. Readers that were seen, and those that the contract names. Try on one secret first.",
            of_secrets(&used, policy),
        ),
        section("What was refused", "", vec![Block::Table(untitled(refused))]),
        section("All that was used", "", vec![Block::Table(untitled(used))]),
    ];
    Ok(Report { facts, sections, ..asking.report("least-privilege", "Least privilege", about) })
}

fn facts(used: &Table, granted: &Table, beyond: &Table) -> Vec<Fact> {
    let roles = distinct(used.rows.iter().map(|row| used.text(row, "principal"))).len();
    let doubted = used.rows.iter().filter(|row| !used.text(row, "doubt").is_empty()).count();
    let of = |word| Value::Count(granted.count_of("verdict", word));
    vec![
        fact("Roles", Value::Count(roles as u64), "that used something"),
        fact("Uses", Value::Count(used.total("uses")), "calls that succeeded"),
        fact("Left out", Value::Count(doubted as u64), "lines in doubt, see all that was used"),
        fact("Unused grants", of("unused"), "of the documents given"),
        fact("Too wide", of("too wide"), "grants by a pattern that was used in part"),
        fact("Not granted", Value::Count(beyond.rows.len() as u64), "used, but by no document given"),
    ]
}

fn use_of(used: &Table, row: &[Value]) -> Use {
    let maybe = |name: &str| Some(used.text(row, name)).filter(|text| !text.is_empty()).map(str::to_owned);
    Use {
        action: used.text(row, "action").to_owned(),
        resource: used.text(row, "resource").to_owned(),
        endpoints: maybe("endpoints")
            .map(|list| list.split(", ").map(str::to_owned).collect())
            .unwrap_or_default(),
        via: maybe("via"),
        secret_arn: maybe("secret_arn"),
    }
}

/// Whether a line may stand in a policy.
fn is_firm(used: &Table, row: &[Value]) -> bool {
    used.text(row, "doubt").is_empty() && policies::is_exact(used.text(row, "principal"))
}

type RowsBy<'u> = BTreeMap<&'u str, Vec<&'u Vec<Value>>>;

fn by_principal(used: &Table) -> RowsBy<'_> {
    let mut by = RowsBy::new();
    for row in &used.rows {
        by.entry(used.text(row, "principal")).or_default().push(row);
    }
    by
}

fn of_roles(used: &Table) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (principal, rows) in by_principal(used) {
        let firm: Vec<&Vec<Value>> = rows.into_iter().filter(|row| is_firm(used, row)).collect();
        if firm.is_empty() {
            continue;
        }
        let uses: Vec<Use> = firm.iter().map(|row| use_of(used, row)).collect();
        let (policy, statements) = policies::of_role(&uses);
        blocks.push(Block::Paste { title: principal.to_owned(), text: format!("{policy:#}") });
        blocks.push(Block::Table(evidence(used, &firm, &statements)));
    }
    blocks
}

fn evidence(used: &Table, rows: &[&Vec<Value>], statements: &[String]) -> Table {
    let names = ["action", "resource", "uses", "first", "last", "endpoints", "via", "secret_arn"];
    let places: Vec<usize> = names.iter().filter_map(|name| used.column(name)).collect();
    let mut columns = vec![column("statement", Kind::Code)];
    columns.extend(
        places
            .iter()
            .filter_map(|at| used.columns.get(*at))
            .map(|kept| Column { about: String::new(), ..kept.clone() }),
    );
    let row = |(row, statement): (&&Vec<Value>, &String)| {
        let mut cells = vec![Value::text(statement)];
        cells.extend(places.iter().map(|at| row.get(*at).cloned().unwrap_or(Value::Nothing)));
        cells
    };
    Table {
        name: "evidence".to_owned(),
        title: String::new(),
        basis: String::new(),
        empty: String::new(),
        columns,
        rows: rows.iter().zip(statements).map(row).collect(),
    }
}

fn column(name: &str, kind: Kind) -> Column {
    Column { name: name.to_owned(), kind, about: String::new() }
}

/// Each secret, its readers, and the policy that keeps others away.
fn of_secrets(used: &Table, policy: &Policy) -> Vec<Block> {
    let mut secrets = RowsBy::new();
    let reads = |row: &&Vec<Value>| used.text(row, "action") == "secretsmanager:GetSecretValue";
    for row in used.rows.iter().filter(reads).filter(|row| is_firm(used, row)) {
        secrets.entry(used.text(row, "resource")).or_default().push(row);
    }
    let mut blocks = Vec::new();
    for (arn, rows) in secrets.into_iter().filter(|(arn, _)| policies::is_exact(arn)) {
        let mut readers: BTreeSet<String> =
            rows.iter().map(|row| used.text(row, "principal").to_owned()).collect();
        readers.extend(contract(policy, arn).into_iter().flat_map(declared));
        let uses: Vec<Use> = rows.iter().map(|row| use_of(used, row)).collect();
        let is_inside = uses.iter().all(|one| !one.endpoints.is_empty());
        let endpoints: BTreeSet<String> =
            uses.iter().filter(|_| is_inside).flat_map(|one| one.endpoints.clone()).collect();
        blocks.push(Block::Paste {
            title: arn.to_owned(),
            text: format!("{:#}", policies::of_secret(&readers, &endpoints)),
        });
        blocks.push(Block::Table(readers_seen(used, &rows)));
    }
    blocks
}

fn readers_seen(used: &Table, rows: &[&Vec<Value>]) -> Table {
    let places: Vec<usize> = ["principal", "uses", "first", "last", "endpoints"]
        .iter()
        .filter_map(|name| used.column(name))
        .collect();
    let kept = |at: &usize| used.columns.get(*at).map(|kept| Column { about: String::new(), ..kept.clone() });
    let cells = |row: &&Vec<Value>| places.iter().filter_map(|at| row.get(*at).cloned()).collect();
    Table {
        name: "evidence".to_owned(),
        title: String::new(),
        basis: String::new(),
        empty: String::new(),
        columns: places.iter().filter_map(kept).collect(),
        rows: rows.iter().map(cells).collect(),
    }
}

/// The contract of a secret by its ARN; tags are not looked at.
fn contract<'p>(policy: &'p Policy, arn: &str) -> Option<&'p SecretEntry> {
    let parts: Vec<&str> = arn.splitn(7, ':').collect();
    let [_, _, _, region, account, _, tail] = parts.as_slice() else { return None };
    let name = tail.len().checked_sub(7).and_then(|end| tail.get(..end)).unwrap_or(tail);
    policy.entry_for(account, region, name, &[]).map(|(_, entry)| entry)
}

fn declared(entry: &SecretEntry) -> Vec<String> {
    let globs = entry.readers.iter().flatten().chain(&entry.break_glass).chain(&entry.rotators);
    globs.map(Glob::as_str).map(str::to_owned).collect()
}

/// Every grant of the documents, with what was used of it.
fn granted(used: &Table, grants: Option<&Grants>) -> Table {
    let by = by_principal(used);
    let mut rows = Vec::new();
    for role in grants.into_iter().flat_map(Grants::roles) {
        let of_role = by.iter().find(|(principal, _)| principal.rsplit('/').next() == Some(role));
        let empty = Vec::new();
        let lines = of_role.map_or(&empty, |(_, lines)| lines);
        for grant in grants.and_then(|grants| grants.of(role)).unwrap_or_default() {
            rows.push(compared(used, role, grant, lines));
        }
    }
    Table {
        name: "grants".to_owned(),
        title: "What was granted".to_owned(),
        basis: "Statements that allow actions of Secrets Manager and KMS.".to_owned(),
        empty: "No grants to compare with.".to_owned(),
        columns: vec![
            column("role", Kind::Text),
            column("statement", Kind::Code),
            column("action", Kind::Code),
            column("resource", Kind::Code),
            column("verdict", Kind::Verdict),
            column("uses", Kind::Number),
            column("used_actions", Kind::Code),
            column("last_used", Kind::Time),
        ],
        rows,
    }
}

fn compared(used: &Table, role: &str, grant: &Grant, lines: &[&Vec<Value>]) -> Vec<Value> {
    let allowed = |row: &&&Vec<Value>| grant.allows(used.text(row, "action"), used.text(row, "resource"));
    let hits: Vec<&&Vec<Value>> = lines.iter().filter(allowed).collect();
    let verdict = match (hits.is_empty(), grant.is_wide()) {
        (true, _) => "unused",
        (false, true) => "too wide",
        (false, false) => "used",
    };
    let actions = distinct(hits.iter().map(|row| used.text(row, "action")));
    let last = hits.iter().filter_map(|row| used.time(row, "last")).max();
    vec![
        Value::text(role),
        Value::text(&grant.statement),
        Value::text(&grant.action),
        Value::text(&grant.resource),
        Value::text(verdict),
        Value::Count(hits.iter().map(|row| used.count(row, "uses")).sum()),
        Value::text(actions.into_iter().collect::<Vec<_>>().join(", ")),
        last.map_or(Value::Nothing, Value::Time),
    ]
}

/// What was used although no document of the role allows it: granted elsewhere, or not any more.
fn beyond(used: &Table, grants: Option<&Grants>) -> Table {
    let is_beyond = |row: &&Vec<Value>| {
        let grants = grants.and_then(|grants| grants.of(used.text(row, "principal")));
        grants.is_some_and(|grants| {
            !grants.iter().any(|grant| grant.allows(used.text(row, "action"), used.text(row, "resource")))
        })
    };
    Table {
        name: "beyond-grants".to_owned(),
        title: "Used without a grant".to_owned(),
        basis: "Of roles with documents: allowed by a resource policy, a key policy, a document that is missing here, or one \
                that was taken away."
            .to_owned(),
        empty: "Nothing was used that the documents do not allow.".to_owned(),
        rows: used.rows.iter().filter(is_beyond).cloned().collect(),
        ..used.clone()
    }
}

/// Roles and actions: used, granted in vain, used without a grant.
fn matrix(used: &Table, grants: Option<&Grants>) -> Chart {
    let mut cells = BTreeMap::<(String, String), (u64, Tone)>::new();
    let short = |principal: &str| principal.rsplit('/').next().unwrap_or(principal).to_owned();
    for role in grants.into_iter().flat_map(Grants::roles) {
        for grant in grants.and_then(|grants| grants.of(role)).unwrap_or_default() {
            cells.insert((role.to_owned(), grant.action.clone()), (0, Tone::Warn));
        }
    }
    for row in &used.rows {
        let (role, action) = (short(used.text(row, "principal")), used.text(row, "action"));
        let of_role = grants.and_then(|grants| grants.of(&role));
        let is_granted = of_role
            .is_none_or(|grants| grants.iter().any(|grant| grant.allows(action, used.text(row, "resource"))));
        let tone = if is_granted { Tone::Plain } else { Tone::Bad };
        let cell = cells.entry((role, action.to_owned())).or_insert((0, tone));
        cell.0 += used.count(row, "uses");
        cell.1 = if cell.1 == Tone::Bad { Tone::Bad } else { tone };
    }
    let rows: BTreeSet<&String> = cells.keys().map(|(role, _)| role).collect();
    let columns: BTreeSet<&String> = cells.keys().map(|(_, action)| action).collect();
    let cell = |row: &String, column: &String| cells.get(&(row.clone(), column.clone())).copied();
    let drawn: Vec<&String> = rows.iter().copied().take(charts::DRAWN_MAX).collect();
    Chart {
        name: "roles-and-actions".to_owned(),
        title: "Roles and actions".to_owned(),
        summary: format!("{} roles down, {} actions across. Darker is more.", rows.len(), columns.len()),
        legend: vec![
            (Tone::Plain, "used".to_owned()),
            (Tone::Warn, "granted, not used".to_owned()),
            (Tone::Bad, "used, not granted by the documents".to_owned()),
        ],
        drawing: Drawing::Matrix {
            cells: drawn.iter().map(|row| columns.iter().map(|column| cell(row, column)).collect()).collect(),
            rows: drawn.into_iter().cloned().collect(),
            // The service goes without saying, unless it is the other one.
            columns: columns
                .into_iter()
                .map(|action| action.trim_start_matches("secretsmanager:").to_owned())
                .collect(),
        },
    }
}
