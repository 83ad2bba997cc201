//! What a lake knows about one finding: its revisions, its events, its pages, its neighbours. Reads only.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::prelude::SessionContext;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use snowtrail_lake::{Lake, PageRow};
use snowtrail_rules::answers::{Row, literal, literals, rows};

/// How near in time another finding must be to be named.
const RELATED_WITHIN: SignedDuration = SignedDuration::from_hours(24);
/// Related findings that are named. More are counted.
const RELATED_MAX: usize = 20;
/// How far from its window a finding's events are looked for first, beside the rule's history: events lie in files by
/// day, and looking everywhere reads all of them.
const EVENTS_BESIDE: SignedDuration = SignedDuration::from_hours(48);

/// One revision of a finding.
#[derive(Debug, Clone)]
pub struct Revision {
    /// From 1.
    pub number: u64,
    /// Every column but evidence and detail, by name, in the table's order.
    pub columns: Vec<(&'static str, Option<String>)>,
    /// Event ids.
    pub evidence: Vec<String>,
    /// The rule's own facts.
    pub detail: Value,
}

impl Revision {
    /// A column's text; empty where it is null or unknown.
    pub fn text(&self, column: &str) -> &str {
        let found = self.columns.iter().find(|(name, _)| *name == column);
        found.and_then(|(_, value)| value.as_deref()).unwrap_or_default()
    }

    fn time(&self, column: &str) -> Timestamp {
        self.text(column).parse().unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// An event that a finding stands on.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// Its columns by name, in the order of [`EVENT_COLUMNS`].
    pub columns: Vec<(&'static str, Option<String>)>,
}

/// A page about the finding.
#[derive(Debug, Clone)]
pub struct Page {
    /// Its row: the one that says sent, where there is one.
    pub row: PageRow,
    /// When it was planned; none in rows of older lakes.
    pub planned_at: Option<Timestamp>,
}

/// Another finding near it.
#[derive(Debug, Clone)]
pub struct Related {
    /// Its key.
    pub key: String,
    /// Its rule.
    pub rule: String,
    /// Its severity.
    pub severity: String,
    /// Open or withdrawn.
    pub state: String,
    /// Its title.
    pub title: String,
    /// Start of its window.
    pub window_start: String,
    /// What it shares: principal, secret, or both.
    pub shares: String,
}

/// Everything.
#[derive(Debug)]
pub struct Gathered {
    /// Oldest first; never empty.
    pub revisions: Vec<Revision>,
    /// By time.
    pub events: Vec<Evidence>,
    /// Event ids that are in no row.
    pub missing: Vec<String>,
    /// By time.
    pub pages: Vec<Page>,
    /// By time.
    pub related: Vec<Related>,
    /// How many more there are.
    pub related_unnamed: usize,
}

/// Columns of a finding, in the table's order.
const FINDING_COLUMNS: [&str; 18] = [
    "rule",
    "severity",
    "key",
    "state",
    "revision",
    "title",
    "summary",
    "account_id",
    "aws_region",
    "secret_arn",
    "secret_name",
    "principal",
    "actor",
    "window_start",
    "window_end",
    "observed",
    "expected",
    "found_at",
];

/// Columns of an event that is shown.
pub const EVENT_COLUMNS: [&str; 12] = [
    "event_time",
    "event_source",
    "event_name",
    "outcome",
    "error_code",
    "account_id",
    "aws_region",
    "principal",
    "actor",
    "source_ip",
    "user_agent",
    "event_id",
];

/// Gathers what is known of the finding with this key; none where there is no such finding. `history` is how far
/// back its rule looks.
///
/// # Errors
/// When the lake cannot be read.
pub async fn gather(
    lake: &Lake,
    session: &SessionContext,
    key: &str,
    history: impl Fn(&str) -> SignedDuration,
) -> anyhow::Result<Option<Gathered>> {
    let revisions = revisions(session, key).await?;
    let Some(newest) = revisions.last() else { return Ok(None) };
    let wanted: BTreeSet<String> = newest.evidence.iter().cloned().collect();
    let beside = EVENTS_BESIDE.saturating_add(history(newest.text("rule")));
    let events = events(session, newest, &wanted, beside).await?;
    let seen: BTreeSet<&str> = events.iter().filter_map(|e| e.columns.last()?.1.as_deref()).collect();
    let missing = wanted.iter().filter(|id| !seen.contains(id.as_str())).cloned().collect();
    let mut related = related(session, newest).await?;
    let related_unnamed = related.len().saturating_sub(RELATED_MAX);
    related.truncate(RELATED_MAX);
    let pages = pages(lake.pages().await?, key);
    Ok(Some(Gathered { missing, pages, related, related_unnamed, events, revisions }))
}

async fn revisions(session: &SessionContext, key: &str) -> anyhow::Result<Vec<Revision>> {
    let where_key = format!("FROM findings_history WHERE key = {}", literal(key));
    let query = format!("SELECT revision AS number, {}, detail {where_key}", FINDING_COLUMNS.join(", "));
    let mut evidence = BTreeMap::<u64, Vec<String>>::new();
    let ids = format!("SELECT revision, unnest(evidence) {where_key}");
    for row in rows(session, &ids).await? {
        evidence.entry(row.number(0)).or_default().push(row.text(1));
    }
    let revision = |row: &Row| {
        let columns = FINDING_COLUMNS.iter().enumerate();
        Revision {
            number: row.number(0),
            columns: columns.map(|(at, name)| (*name, row.get(at + 1).map(str::to_owned))).collect(),
            evidence: evidence.get(&row.number(0)).cloned().unwrap_or_default(),
            detail: serde_json::from_str(&row.text(FINDING_COLUMNS.len() + 1)).unwrap_or(Value::Null),
        }
    };
    let mut revisions: Vec<Revision> = rows(session, &query).await?.iter().map(revision).collect();
    revisions.sort_by_cached_key(|revision| (revision.number, revision.text("found_at").to_owned()));
    Ok(revisions)
}

async fn events(
    session: &SessionContext,
    finding: &Revision,
    wanted: &BTreeSet<String>,
    beside: SignedDuration,
) -> anyhow::Result<Vec<Evidence>> {
    let select = format!(
        "SELECT {} FROM events WHERE event_id IN ({})",
        EVENT_COLUMNS.join(", "),
        literals(wanted.iter().map(String::as_str))
    );
    let (start, end) = (finding.time("window_start"), finding.time("window_end"));
    let from = start.saturating_sub(beside).unwrap_or(start);
    let to = end.saturating_add(beside).unwrap_or(end);
    let near = format!("{select} AND event_time BETWEEN TIMESTAMP '{from}' AND TIMESTAMP '{to}'");
    let mut found = rows(session, &near).await?;
    if found.len() < wanted.len() {
        found = rows(session, &select).await?;
    }
    let evidence = |row: &Row| {
        let columns = EVENT_COLUMNS.iter().enumerate();
        Evidence { columns: columns.map(|(at, name)| (*name, row.get(at).map(str::to_owned))).collect() }
    };
    Ok(found.iter().map(evidence).collect())
}

/// Pages that name the finding, each once, in the order in which they were planned or sent.
fn pages(rows: Vec<PageRow>, key: &str) -> Vec<Page> {
    let mut pages = BTreeMap::<String, Page>::new();
    for row in rows.into_iter().filter(|row| row.finding_keys.iter().any(|of| of == key)) {
        let planned_at = (row.state == "planned").then_some(row.sent_at);
        let page =
            pages.entry(row.dedupe_key.clone()).or_insert_with(|| Page { row: row.clone(), planned_at });
        page.planned_at = page.planned_at.or(planned_at);
        if row.state == "sent" {
            page.row = row;
        }
    }
    let mut pages: Vec<Page> = pages.into_values().collect();
    pages.sort_by_cached_key(|page| {
        (page.planned_at.unwrap_or(page.row.sent_at), page.row.dedupe_key.clone())
    });
    pages
}

async fn related(session: &SessionContext, finding: &Revision) -> anyhow::Result<Vec<Related>> {
    let same = |column: &str| match finding.text(column) {
        "" => "false".to_owned(),
        value => format!("coalesce({column} = {}, false)", literal(value)),
    };
    let same_principal = same("principal");
    let same_secret = format!("{} AND {}", same("secret_name"), same("account_id"));
    let (start, end) = (finding.time("window_start"), finding.time("window_end"));
    let from = start.saturating_sub(RELATED_WITHIN).unwrap_or(start);
    let to = end.saturating_add(RELATED_WITHIN).unwrap_or(end);
    let query = format!(
        "SELECT window_start, rule, key, severity, state, title, {same_principal} AS by_principal, {same_secret} AS by_secret FROM (\
           SELECT *, row_number() OVER (PARTITION BY key ORDER BY revision DESC, found_at DESC, state) AS newest \
           FROM findings_history WHERE key <> {} AND ({same_principal} OR ({same_secret})) \
           AND window_end >= TIMESTAMP '{from}' AND window_start <= TIMESTAMP '{to}') WHERE newest = 1",
        literal(finding.text("key"))
    );
    let related = |row: &Row| Related {
        window_start: row.text(0),
        rule: row.text(1),
        key: row.text(2),
        severity: row.text(3),
        state: row.text(4),
        title: row.text(5),
        shares: match (row.is(6), row.is(7)) {
            (true, true) => "principal and secret",
            (true, false) => "principal",
            _ => "secret",
        }
        .to_owned(),
    };
    Ok(rows(session, &query).await?.iter().map(related).collect())
}
