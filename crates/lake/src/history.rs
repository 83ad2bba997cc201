//! What the lake remembers of findings and pages: the current revision of each key, and which pages were sent.
//!
//! Decides nothing: which findings hold is the rules' business, which pages to send the page crate's.

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use jiff::Timestamp;
use snowtrail_model::{Finding, FindingState, Severity};

use crate::error::{LakeError, Result};
use crate::open::{Lake, session};
use crate::tables::{PageRow, Table};

/// SQL of the view `findings`: the latest revision of each key, if it is open.
pub const FINDINGS_VIEW: &str = "SELECT * EXCEPT (newest) FROM (SELECT *, row_number() OVER \
    (PARTITION BY key ORDER BY revision DESC, found_at DESC, state) AS newest FROM findings_history) \
    WHERE newest = 1 AND state = 'open'";

/// The newest revision of every key, open and withdrawn.
const NEWEST: &str = "SELECT arrow_cast(rule, 'Utf8'), arrow_cast(severity, 'Utf8'), arrow_cast(key, 'Utf8'), \
    arrow_cast(state, 'Utf8'), revision, arrow_cast(title, 'Utf8'), arrow_cast(summary, 'Utf8'), \
    arrow_cast(account_id, 'Utf8'), arrow_cast(aws_region, 'Utf8'), arrow_cast(secret_arn, 'Utf8'), \
    arrow_cast(secret_name, 'Utf8'), arrow_cast(principal, 'Utf8'), arrow_cast(actor, 'Utf8'), window_start, \
    window_end, arrow_cast(observed, 'Utf8'), arrow_cast(expected, 'Utf8'), \
    arrow_cast(evidence, 'List(Utf8)'), arrow_cast(detail, 'Utf8'), found_at \
    FROM (SELECT *, row_number() OVER (PARTITION BY key ORDER BY revision DESC, found_at DESC, state) AS newest \
    FROM findings_history) WHERE newest = 1 ORDER BY window_start, rule, key";

/// A source that was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSource {
    /// Where it was.
    pub uri: String,
    /// Its version or entity tag, where the store had such.
    pub version: Option<String>,
    /// SHA-256 of its bytes as stored, lowercase hex.
    pub sha256: String,
}

impl Lake {
    /// The sources taken in since a time, newest first, at most so many.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn recent_sources(&self, since: Timestamp, rows_max: usize) -> Result<Vec<KnownSource>> {
        let query = format!(
            "SELECT arrow_cast(uri, 'Utf8'), arrow_cast(version, 'Utf8'), arrow_cast(sha256, 'Utf8') FROM sources \
             WHERE taken_in_at >= TIMESTAMP '{since}' ORDER BY taken_in_at DESC LIMIT {rows_max}"
        );
        self.sources_of(&query).await
    }

    /// What was taken in from these places.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn known_sources(&self, uris: &[String]) -> Result<Vec<KnownSource>> {
        if uris.is_empty() || self.delta(Table::Sources).version() == Some(0) {
            return Ok(Vec::new());
        }
        let list: Vec<String> = uris.iter().map(|uri| format!("'{}'", uri.replace('\'', "''"))).collect();
        let query = format!(
            "SELECT arrow_cast(uri, 'Utf8'), arrow_cast(version, 'Utf8'), arrow_cast(sha256, 'Utf8') FROM sources \
             WHERE uri IN ({})",
            list.join(", ")
        );
        self.sources_of(&query).await
    }

    /// What was taken in from places whose address starts like this.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn sources_under(&self, start: &str) -> Result<Vec<KnownSource>> {
        let query = format!(
            "SELECT arrow_cast(uri, 'Utf8'), arrow_cast(version, 'Utf8'), arrow_cast(sha256, 'Utf8') FROM sources \
             WHERE starts_with(uri, '{}')",
            start.replace('\'', "''")
        );
        self.sources_of(&query).await
    }

    async fn sources_of(&self, query: &str) -> Result<Vec<KnownSource>> {
        let batches = self.collect(query, "read which sources were taken in").await?;
        let source = |b: &RecordBatch, row: usize| KnownSource {
            uri: text(b, 0, row).unwrap_or_default(),
            version: text(b, 1, row),
            sha256: text(b, 2, row).unwrap_or_default(),
        };
        Ok(batches.iter().flat_map(|b| (0..b.num_rows()).map(move |row| source(b, row))).collect())
    }

    /// The newest revision of every finding ever made, open and withdrawn, ordered by window_start, rule, key.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn newest_findings(&self) -> Result<Vec<Finding>> {
        let batches = self.collect(NEWEST, "read findings").await?;
        Ok(batches.iter().flat_map(|b| (0..b.num_rows()).map(move |row| finding(b, row))).collect())
    }

    /// The newest revision of every finding whose newest revision was written since a time, open and withdrawn.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn findings_since(&self, since: Timestamp) -> Result<Vec<Finding>> {
        let query = NEWEST
            .replace("WHERE newest = 1", &format!("WHERE newest = 1 AND found_at >= TIMESTAMP '{since}'"));
        let batches = self.collect(&query, "read findings").await?;
        Ok(batches.iter().flat_map(|b| (0..b.num_rows()).map(move |row| finding(b, row))).collect())
    }

    /// The rows of the outbox, oldest first.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn pages(&self) -> Result<Vec<PageRow>> {
        let query = "SELECT arrow_cast(dedupe_key, 'Utf8'), arrow_cast(kind, 'Utf8'), arrow_cast(severity, 'Utf8'), \
                     arrow_cast(subject, 'Utf8'), arrow_cast(target, 'Utf8'), arrow_cast(owner, 'Utf8'), \
                     arrow_cast(finding_keys, 'List(Utf8)'), sent_at, arrow_cast(coalesce(state, 'sent'), 'Utf8'), \
                     arrow_cast(resolved_keys, 'List(Utf8)') FROM pages ORDER BY sent_at, dedupe_key";
        let batches = self.collect(query, "read the outbox").await?;
        Ok(batches.iter().flat_map(|b| (0..b.num_rows()).map(move |row| page(b, row))).collect())
    }

    /// Time of the newest event; none in an empty lake.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn newest_event(&self) -> Result<Option<Timestamp>> {
        let query = "SELECT CAST(max(event_time) AS BIGINT) FROM events";
        let batches = self.collect(query, "look for the newest event").await?;
        let newest = batches.first().and_then(|b| {
            let micros = b.column(0).as_primitive::<Int64Type>();
            (b.num_rows() > 0 && !micros.is_null(0)).then(|| micros.value(0))
        });
        Ok(newest.and_then(|micros| Timestamp::from_microsecond(micros).ok()))
    }

    pub(crate) async fn collect(&self, query: &str, doing: &str) -> Result<Vec<RecordBatch>> {
        let failed = |source| LakeError::Query { what: format!("{doing} of `{}`", self.uri()), source };
        let context = session();
        self.register(&context).await?;
        context.sql(query).await.map_err(failed)?.collect().await.map_err(failed)
    }
}

fn finding(batch: &RecordBatch, row: usize) -> Finding {
    let required = |column: usize| text(batch, column, row).unwrap_or_default();
    Finding {
        rule: required(0),
        severity: required(1).parse().unwrap_or(Severity::Info),
        key: required(2),
        state: if required(3) == FindingState::Open.as_str() {
            FindingState::Open
        } else {
            FindingState::Withdrawn
        },
        revision: batch.column(4).as_primitive::<Int64Type>().value(row),
        title: required(5),
        summary: required(6),
        account_id: text(batch, 7, row),
        aws_region: text(batch, 8, row),
        secret_arn: text(batch, 9, row),
        secret_name: text(batch, 10, row),
        principal: text(batch, 11, row),
        actor: text(batch, 12, row),
        window_start: instant(batch, 13, row),
        window_end: instant(batch, 14, row),
        observed: required(15),
        expected: required(16),
        evidence: texts(batch, 17, row),
        detail: required(18),
        found_at: instant(batch, 19, row),
    }
}

fn page(batch: &RecordBatch, row: usize) -> PageRow {
    let required = |column: usize| text(batch, column, row).unwrap_or_default();
    PageRow {
        dedupe_key: required(0),
        kind: required(1),
        severity: required(2),
        subject: required(3),
        target: required(4),
        owner: text(batch, 5, row),
        finding_keys: texts(batch, 6, row),
        resolved_keys: texts(batch, 9, row),
        sent_at: instant(batch, 7, row),
        state: required(8),
    }
}

fn text(batch: &RecordBatch, column: usize, row: usize) -> Option<String> {
    let array = batch.column(column).as_string::<i32>();
    (!array.is_null(row)).then(|| array.value(row).to_owned())
}

fn texts(batch: &RecordBatch, column: usize, row: usize) -> Vec<String> {
    let lists = batch.column(column).as_list::<i32>();
    if lists.is_null(row) {
        return Vec::new();
    }
    let values = lists.value(row);
    values.as_string::<i32>().iter().flatten().map(str::to_owned).collect()
}

fn instant(batch: &RecordBatch, column: usize, row: usize) -> Timestamp {
    let micros = batch.column(column).as_primitive::<TimestampMicrosecondType>().value(row);
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}
