//! What a range of a lake shows about secrets and principals, as counts. Judges nothing.
//!
//! Sizes are those of secrets × principals, never of events.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use datafusion::prelude::SessionContext;
use jiff::Timestamp;
use snowtrail_lake::Lake;
use snowtrail_rules::answers::{Row, literals, rows};
use snowtrail_rules::memory::{Beside, keep_events};
use snowtrail_rules::{Engine, Setting};

use crate::policy_file::Bound;
use crate::workbench;

/// The half-open range of time that is learned from.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Inclusive.
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
}

/// How often something was seen, on how many days (UTC), and when first and last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// How often.
    pub times: u64,
    /// On how many days.
    pub days: u64,
    /// When first.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
}

impl Seen {
    /// From four columns in this order.
    fn at(row: &Row, column: usize) -> Seen {
        let (times, days) = (row.number(column), row.number(column + 1));
        Seen { times, days, first: row.time(column + 2), last: row.time(column + 3) }
    }
}

/// A secret by account and name: replicas are the same secret.
pub type SecretKey = (String, String);

/// One secret in one region.
#[derive(Debug, Clone, Default)]
pub struct SecretFacts {
    /// Where.
    pub region: String,
    /// The six characters at the end of its ARN: replicas share them. None where the ARN never showed.
    pub suffix: Option<String>,
    /// Its ordinary reads there.
    pub reads: u64,
    /// When it is or was deleted.
    pub deleted_at: Option<Timestamp>,
    /// Regions that a call replicated it to.
    pub replica_regions: Vec<String>,
    /// Whether rotation is on; none where no call said.
    pub rotation_on: Option<bool>,
    /// The schedule in days, as set last.
    pub rotation_days: Option<u64>,
    /// The schedule as an expression, as set last.
    pub rotation_schedule: Option<String>,
}

/// One principal's ordinary reads of one secret.
#[derive(Debug, Clone, Default)]
pub struct ReadFacts {
    /// Those that no finding asks about.
    pub seen: Seen,
    /// Those within the window of an open finding of medium severity or worse that names the principal.
    pub doubted: u64,
    /// By VPC endpoint, those that no finding asks about.
    pub endpoints: BTreeMap<String, Seen>,
}

/// A principal.
#[derive(Debug, Clone, Default)]
pub struct PrincipalFacts {
    /// As the view `principals` says.
    pub kind: String,
    /// The account in its ARN.
    pub account: Option<String>,
    /// Its actions.
    pub seen: Seen,
    /// Of them, from the console.
    pub console: u64,
    /// Of them, by a session with a second factor.
    pub mfa: u64,
    /// Days on which it wrote to any secret.
    pub write_days: u64,
}

/// A quarter hour in which a person read a secret.
#[derive(Debug, Clone)]
pub struct PersonRead {
    /// Its start.
    pub slot: Timestamp,
    /// Reads in it that no finding asks about.
    pub reads: u64,
}

/// Everything that was counted.
#[derive(Debug, Default)]
pub struct History {
    /// Events in the range.
    pub events: u64,
    /// Open findings that are stored.
    pub findings: u64,
    /// Accounts that trails are delivered for.
    pub accounts: BTreeMap<String, Seen>,
    /// Regions in which something happened.
    pub regions: BTreeMap<String, Seen>,
    /// Principals.
    pub principals: BTreeMap<String, PrincipalFacts>,
    /// Quarter hours in which each person acted.
    pub people_slots: Vec<(String, Timestamp)>,
    /// Secrets that some call found, each with its regions.
    pub secrets: BTreeMap<SecretKey, Vec<SecretFacts>>,
    /// Secrets that the policy at hand speaks about already.
    pub declared: BTreeSet<SecretKey>,
    /// Tags.
    pub tags: BTreeMap<SecretKey, Vec<(String, String)>>,
    /// Who read what.
    pub reads: BTreeMap<(SecretKey, String), ReadFacts>,
    /// When people read what.
    pub person_reads: BTreeMap<(SecretKey, String), Vec<PersonRead>>,
    /// Who was refused what.
    pub denied: BTreeMap<(SecretKey, String), Seen>,
    /// Who did the work of rotations, by secret: attempts, and how many succeeded.
    pub workers: BTreeMap<(SecretKey, String), (Seen, u64)>,
    /// When rotations succeeded.
    pub rotated_at: BTreeMap<SecretKey, Vec<Timestamp>>,
    /// Who changed what, and by which calls.
    pub writes: BTreeMap<(SecretKey, String), (Seen, String)>,
}

impl History {
    /// Whether a principal is a person: one that the view knows, or one whose sessions have what no machine has.
    pub fn is_person(&self, principal: &str) -> bool {
        self.principals.get(principal).is_some_and(|facts| facts.kind == "human" || facts.looks_human())
    }
}

impl PrincipalFacts {
    /// Whether it should be named in `[[humans]]`: it shows the console or a second factor, and the view does not know.
    pub fn looks_human(&self) -> bool {
        matches!(self.kind.as_str(), "workload" | "unknown") && (self.console > 0 || self.mfa > 0)
    }
}

const SECRET_WRITES: [&str; 15] = [
    "CreateSecret",
    "UpdateSecret",
    "PutSecretValue",
    "DeleteSecret",
    "RestoreSecret",
    "PutResourcePolicy",
    "DeleteResourcePolicy",
    "TagResource",
    "UntagResource",
    "RotateSecret",
    "CancelRotateSecret",
    "UpdateSecretVersionStage",
    "ReplicateSecretToRegions",
    "RemoveRegionsFromReplication",
    "StopReplicationToReplica",
];

/// Ordinary reads, each with whether an open finding asks about it.
const MARKED_READS: &str = "WITH doubted AS (
    SELECT principal, secret_name, window_start, window_end FROM findings
    WHERE principal IS NOT NULL AND severity IN ('medium', 'high', 'critical')
  ),
  marked AS (
    SELECT r.account_id, r.secret_name, r.principal, r.event_id, r.event_time, r.vpc_endpoint_id,
      bool_or(d.principal IS NOT NULL) AS is_doubted
    FROM reads r
    LEFT JOIN doubted d ON d.principal = r.principal AND r.event_time >= d.window_start
      AND r.event_time < d.window_end AND (d.secret_name IS NULL OR d.secret_name = r.secret_name)
    WHERE r.rotation IS NULL AND r.principal IS NOT NULL AND r.principal <> 'secretsmanager.amazonaws.com'
    GROUP BY r.account_id, r.secret_name, r.principal, r.event_id, r.event_time, r.vpc_endpoint_id
  )";

const SEEN: &str =
    "count(*), count(DISTINCT date_trunc('day', event_time)), min(event_time), max(event_time)";

/// A session that shows the events of the range and nothing else, all views over it as plans: the inventory and the
/// rest of what is read here is needed by no rule.
pub async fn session<'b>(lake: &Lake, bound: &'b Bound, span: Span) -> anyhow::Result<Engine<'b>> {
    let session = workbench::reading(lake).await?;
    let within = format!("event_time >= TIMESTAMP '{}' AND event_time < TIMESTAMP '{}'", span.from, span.to);
    workbench::show_only(&session, &within).await?;
    keep_events(&session, &bound.rules, Beside::Nothing).await.context("failed to read the events")?;
    workbench::show_findings(&session).await?;
    Ok(Engine::new(session, &bound.rules, &bound.policy, span.to, &Setting::default()).await?)
}

/// Counts.
///
/// # Errors
/// When the lake cannot be read.
pub async fn gather(session: &SessionContext) -> anyhow::Result<History> {
    let mut history = History::default();
    places(session, &mut history).await?;
    principals(session, &mut history).await?;
    secrets(session, &mut history).await?;
    reads(session, &mut history).await?;
    changes(session, &mut history).await?;
    Ok(history)
}

fn key(row: &Row) -> SecretKey {
    (row.text(0), row.text(1))
}

async fn places(session: &SessionContext, history: &mut History) -> anyhow::Result<()> {
    // Failed calls tell nothing about where an organization is: anybody may try a region.
    for (column, places) in [("account_id", &mut history.accounts), ("aws_region", &mut history.regions)] {
        let query = format!("SELECT {column}, {SEEN} FROM events WHERE outcome = 'ok' GROUP BY {column}");
        let found = rows(session, &query).await?;
        places.extend(found.iter().map(|row| (row.text(0), Seen::at(row, 1))));
    }
    let counts =
        "SELECT (SELECT count(*) FROM events) AS events, (SELECT count(*) FROM findings) AS findings";
    for row in rows(session, counts).await? {
        (history.events, history.findings) = (row.number(0), row.number(1));
    }
    Ok(())
}

async fn principals(session: &SessionContext, history: &mut History) -> anyhow::Result<()> {
    let query = format!(
        "SELECT a.principal, max(p.kind), max(p.account_id), {SEEN}, \
         count(CASE WHEN a.from_console THEN 1 END), count(CASE WHEN a.mfa THEN 1 END) \
         FROM actions a JOIN principals p ON p.principal = a.principal GROUP BY a.principal"
    );
    for row in rows(session, &query).await? {
        let facts = PrincipalFacts {
            kind: row.text(1),
            account: row.get(2).map(str::to_owned),
            seen: Seen::at(&row, 3),
            console: row.number(7),
            mfa: row.number(8),
            write_days: 0,
        };
        history.principals.insert(row.text(0), facts);
    }
    let people = people_of(history);
    let query = format!(
        "SELECT DISTINCT principal, date_bin(INTERVAL '15 minutes', event_time) FROM actions \
         WHERE principal IN ({people})"
    );
    history.people_slots =
        rows(session, &query).await?.iter().map(|row| (row.text(0), row.time(1))).collect();
    Ok(())
}

fn people_of(history: &History) -> String {
    literals(history.principals.keys().map(String::as_str).filter(|name| history.is_person(name)))
}

async fn secrets(session: &SessionContext, history: &mut History) -> anyhow::Result<()> {
    let query = "SELECT account_id, secret_name, aws_region, first_seen, deleted_at, \
                 array_to_string(replica_regions, ','), rotation_on, rotation_days, rotation_schedule, \
                 right(secret_arn, 6), reads FROM secrets";
    for row in rows(session, query).await? {
        let split = |text: &str| text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let facts = SecretFacts {
            region: row.text(2),
            deleted_at: row.maybe_time(4),
            replica_regions: row.get(5).map(split).unwrap_or_default(),
            rotation_on: row.get(6).map(|text| text == "true"),
            rotation_days: row.get(7).and_then(|text| text.parse().ok()),
            rotation_schedule: row.get(8).map(str::to_owned),
            suffix: row.get(9).map(str::to_owned),
            reads: row.number(10),
        };
        history.secrets.entry(key(&row)).or_default().push(facts);
    }
    let declared = "SELECT DISTINCT account_id, secret_name FROM policy_secrets WHERE entry IS NOT NULL";
    history.declared = rows(session, declared).await?.iter().map(key).collect();
    for row in rows(session, "SELECT DISTINCT account_id, secret_name, key, value FROM secret_tags").await? {
        history.tags.entry(key(&row)).or_default().push((row.text(2), row.text(3)));
    }
    Ok(())
}

async fn reads(session: &SessionContext, history: &mut History) -> anyhow::Result<()> {
    let by = "account_id, secret_name, principal";
    let query = format!(
        "{MARKED_READS} SELECT {by}, \
         count(CASE WHEN NOT is_doubted THEN 1 END), \
         count(DISTINCT CASE WHEN NOT is_doubted THEN date_trunc('day', event_time) END), \
         coalesce(min(CASE WHEN NOT is_doubted THEN event_time END), min(event_time)), \
         coalesce(max(CASE WHEN NOT is_doubted THEN event_time END), max(event_time)), \
         count(CASE WHEN is_doubted THEN 1 END) FROM marked GROUP BY {by}"
    );
    for row in rows(session, &query).await? {
        let facts = ReadFacts { seen: Seen::at(&row, 3), doubted: row.number(7), ..ReadFacts::default() };
        history.reads.insert((key(&row), row.text(2)), facts);
    }
    let query = format!(
        "{MARKED_READS} SELECT {by}, vpc_endpoint_id, {SEEN} FROM marked \
         WHERE vpc_endpoint_id IS NOT NULL AND NOT is_doubted GROUP BY {by}, vpc_endpoint_id"
    );
    for row in rows(session, &query).await? {
        if let Some(facts) = history.reads.get_mut(&(key(&row), row.text(2))) {
            facts.endpoints.insert(row.text(3), Seen::at(&row, 4));
        }
    }
    let people = people_of(history);
    let query = format!(
        "{MARKED_READS} SELECT {by}, date_bin(INTERVAL '15 minutes', event_time), count(*) FROM marked \
         WHERE NOT is_doubted AND principal IN ({people}) \
         GROUP BY {by}, date_bin(INTERVAL '15 minutes', event_time)"
    );
    for row in rows(session, &query).await? {
        let read = PersonRead { slot: row.time(3), reads: row.number(4) };
        history.person_reads.entry((key(&row), row.text(2))).or_default().push(read);
    }
    let query = format!(
        "SELECT {by}, {SEEN} FROM denied_reads WHERE secret_name IS NOT NULL AND principal IS NOT NULL GROUP BY {by}"
    );
    let denied = rows(session, &query).await?;
    history.denied = denied.iter().map(|row| ((key(row), row.text(2)), Seen::at(row, 3))).collect();
    Ok(())
}

async fn changes(session: &SessionContext, history: &mut History) -> anyhow::Result<()> {
    let query = "WITH work AS (SELECT account_id, secret_name, state, coalesce(started_at, ended_at) AS event_time, \
                 unnest(workers) AS worker FROM rotations WHERE NOT is_test) \
                 SELECT account_id, secret_name, worker, count(*), count(DISTINCT date_trunc('day', event_time)), \
                 min(event_time), max(event_time), count(CASE WHEN state = 'succeeded' THEN 1 END) \
                 FROM work GROUP BY account_id, secret_name, worker";
    for row in rows(session, query).await? {
        let seen = (Seen::at(&row, 3), row.number(7));
        history.workers.insert((key(&row), row.text(2)), seen);
    }
    let query = "SELECT DISTINCT account_id, secret_name, ended_at FROM rotations \
                 WHERE NOT is_test AND state = 'succeeded' AND ended_at IS NOT NULL";
    for row in rows(session, query).await? {
        history.rotated_at.entry(key(&row)).or_default().push(row.time(2));
    }
    let writes = format!(
        "FROM touches WHERE event_source = 'secretsmanager.amazonaws.com' AND outcome = 'ok' \
         AND event_type <> 'AwsServiceEvent' AND principal IS NOT NULL AND event_name IN ({})",
        literals(SECRET_WRITES)
    );
    let query = format!(
        "SELECT account_id, secret_name, principal, {SEEN}, \
         array_to_string(array_sort(array_agg(DISTINCT event_name)), ', ') {writes} \
         GROUP BY account_id, secret_name, principal"
    );
    for row in rows(session, &query).await? {
        history.writes.insert((key(&row), row.text(2)), (Seen::at(&row, 3), row.text(7)));
    }
    let query = format!(
        "SELECT principal, count(DISTINCT date_trunc('day', event_time)) {writes} GROUP BY principal"
    );
    for row in rows(session, &query).await? {
        if let Some(facts) = history.principals.get_mut(row.get(0).unwrap_or_default()) {
            facts.write_days = row.number(1);
        }
    }
    Ok(())
}
