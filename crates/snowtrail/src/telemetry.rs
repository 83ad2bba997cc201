//! What the worker says about itself: one function for each thing that happens, giving its log line and its metric.
//!
//! Logs are JSON lines on stderr by `tracing`; metrics are lines in CloudWatch's embedded metric format on stdout, in the
//! namespace `Snowtrail`, with the lake as dimension, once a minute. Levels: an error means that somebody must act, a
//! warning that something surprised and nothing is lost. A record's body, a secret's value or a message's handle is never
//! logged. Source of the format: Amazon CloudWatch User Guide, "Specification: Embedded metric format".

use std::error::Error;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use jiff::Timestamp;
use metrics::{Unit, counter, gauge, histogram};
use metrics_cloudwatch_embedded::Collector;
use snowtrail_lake::compact::Compacted;
use snowtrail_lake::{LakeError, SourceRow};
use snowtrail_trail::message::Left;
use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;

use crate::feed::{Depth, ObjectError, QueueError};
use crate::output::with_causes;
use crate::pager::Paged;

/// How often metrics are written.
pub const FLUSH_EVERY: Duration = Duration::from_secs(60);

/// Namespace of every metric.
pub const NAMESPACE: &str = "Snowtrail";

/// Names, units and meanings of the metrics.
pub const METRICS: [(&str, Unit, &str); 26] = [
    ("RecordsIn", Unit::Count, "records found in what was taken in"),
    ("RecordsStored", Unit::Count, "records that became rows of events"),
    ("RecordsOutOfScope", Unit::Count, "records of other services' calls"),
    ("RecordsDuplicate", Unit::Count, "records that were stored before"),
    ("RecordsRejected", Unit::Count, "records that could not be understood"),
    ("BooksUnbalanced", Unit::Count, "sources whose records are not all accounted for"),
    ("StoredLagMs", Unit::Milliseconds, "from a batch's newest event to its commit"),
    ("PagedLagMs", Unit::Milliseconds, "from a commit to the pages that it caused"),
    ("QueueVisible", Unit::Count, "messages that wait to be received"),
    ("QueueAgeSeconds", Unit::Seconds, "age of the message received last, at its receive"),
    ("CommitMs", Unit::Milliseconds, "time of one commit of rejects, events and sources"),
    ("RuleMs", Unit::Milliseconds, "time of one evaluation of the rules"),
    ("VisibilityExtensions", Unit::Count, "messages kept hidden for longer"),
    ("VisibilityLapses", Unit::Count, "messages that came back while in hand"),
    ("MessagesReceived", Unit::Count, "deliveries"),
    ("MessagesDeleted", Unit::Count, "messages settled"),
    ("MessagesReleased", Unit::Count, "messages given back"),
    ("MessagesUnknown", Unit::Count, "messages of no known kind, on their way to the dead-letter queue"),
    ("ObjectsLeft", Unit::Count, "digest, insight and foreign objects, recognized and left"),
    ("FindingsOpened", Unit::Count, "findings that are new or changed"),
    ("PagesSent", Unit::Count, "pages sent"),
    ("PagesFailed", Unit::Count, "tries to send a page that failed"),
    ("FilesCompacted", Unit::Count, "small files that compaction merged"),
    ("RowsDoubled", Unit::Count, "rows that compaction dropped because their event was stored twice"),
    ("CompactionsFailed", Unit::Count, "turns of compaction that failed"),
    ("Heartbeat", Unit::Count, "1 a minute while the worker lives"),
];

/// Starts logging, and metrics with the lake as their dimension. Called once, by the command.
///
/// # Errors
/// When either was started before.
pub fn start(lake: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_env("SNOWTRAIL_LOG")
        .unwrap_or_else(|_| EnvFilter::new("snowtrail=info,deltalake_core=error,warn"));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_writer(io::stderr)
        .with_env_filter(filter)
        .try_init()
        .map_err(|error| anyhow::anyhow!("failed to start logging: {error}"))?;
    let collector = metrics_cloudwatch_embedded::Builder::new()
        .cloudwatch_namespace(NAMESPACE)
        .with_dimension("Lake", lake.to_owned())
        .emit_zeros(true)
        .init()
        .map_err(|error| anyhow::anyhow!("failed to start metrics: {error}"))?;
    for (name, unit, meaning) in METRICS {
        match name {
            name if name.ends_with("Ms") || name.ends_with("Seconds") => {
                metrics::describe_histogram!(name, unit, meaning);
            }
            "QueueVisible" => metrics::describe_gauge!(name, unit, meaning),
            name => {
                metrics::describe_counter!(name, unit, meaning);
                counter!(name).increment(0);
            }
        }
    }
    let _ = COLLECTOR.set(collector);
    tokio::spawn(flush_every_minute());
    Ok(())
}

static COLLECTOR: OnceLock<&'static Collector> = OnceLock::new();

async fn flush_every_minute() {
    let mut turns = tokio::time::interval(FLUSH_EVERY);
    loop {
        turns.tick().await;
        counter!("Heartbeat").increment(1);
        flush_now();
    }
}

/// Writes the metrics gathered so far.
pub fn flush_now() {
    let Some(collector) = COLLECTOR.get() else { return };
    if let Err(error) = collector.flush(io::stdout().lock()) {
        warn!(error = %error, "failed to write metrics");
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// From `earlier` to `later`, never negative: clocks differ, and jump.
fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    later.duration_since(earlier).try_into().unwrap_or(Duration::ZERO)
}

/// Messages came in; `sent_at` is that of one of them.
pub fn received(messages: usize, sent_at: Option<Timestamp>, now: Timestamp) {
    counter!("MessagesReceived").increment(messages as u64);
    if let Some(sent_at) = sent_at {
        histogram!("QueueAgeSeconds").record(between(sent_at, now).as_secs_f64());
    }
}

/// The queue said how much lies in it.
pub fn depth(depth: Depth) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge; 2^52 messages fit in no queue")]
    gauge!("QueueVisible").set(depth.visible as f64);
}

/// A call to the queue failed.
pub fn queue_failed(doing: &str, failure: &QueueError) {
    match failure {
        QueueError::Lasting { .. } => error!(doing, error = %with_causes(failure), "the queue refuses"),
        _ => warn!(doing, error = %with_causes(failure), "the queue cannot be used for now"),
    }
}

/// A message was kept hidden for longer.
pub fn visibility_extended() {
    counter!("VisibilityExtensions").increment(1);
}

/// A message's handle lapsed while it was in hand.
pub fn visibility_lapsed() {
    counter!("VisibilityLapses").increment(1);
    warn!("a message came back while it was in hand; what it brings twice is recognized");
}

/// Messages were deleted.
pub fn deleted(messages: usize) {
    counter!("MessagesDeleted").increment(messages as u64);
}

/// A message was given back.
pub fn released(message_id: &str, receive_count: u32, why: &str) {
    counter!("MessagesReleased").increment(1);
    info!(message_id, receive_count, why, "gave a message back");
}

/// A message, or a part of it, is of no known kind.
pub fn unknown(message_id: &str, receive_count: u32, why: &str) {
    counter!("MessagesUnknown").increment(1);
    error!(
        message_id,
        receive_count,
        why,
        "a message cannot be read; the queue's own limit moves it to the dead-letter queue"
    );
}

/// Something was recognized and left.
pub fn left(left: &Left) {
    counter!("ObjectsLeft").increment(1);
    tracing::debug!(why = left.why.as_str(), subject = %left.subject, "left");
}

/// An object could not be fetched.
pub fn object_failed(message_id: &str, failure: &ObjectError) {
    if failure.may_pass() {
        warn!(message_id, error = %with_causes(failure), "an object cannot be read for now");
    } else {
        error!(message_id, error = %with_causes(failure), "an object cannot be read");
    }
}

/// A batch is durable. `newest_event` is the time of its newest event.
pub fn committed(took: Duration, events: usize, newest_event: Option<Timestamp>, now: Timestamp) {
    histogram!("CommitMs").record(milliseconds(took));
    if let Some(newest) = newest_event {
        histogram!("StoredLagMs").record(milliseconds(between(newest, now)));
    }
    tracing::debug!(events, took_ms = milliseconds(took), "committed a batch");
}

/// A source is durable, with its books.
pub fn taken_in(source: &SourceRow) {
    counter!("RecordsIn").increment(source.records);
    counter!("RecordsStored").increment(source.stored);
    counter!("RecordsOutOfScope").increment(source.out_of_scope);
    counter!("RecordsDuplicate").increment(source.duplicates);
    counter!("RecordsRejected").increment(source.rejects);
    if source.rejects + source.remarks > 0 {
        warn!(source = %source.uri, rejects = source.rejects, remarks = source.remarks, "rejects; see the table");
    }
    if !source.balances() {
        counter!("BooksUnbalanced").increment(1);
        error!(source = %source.uri, records = source.records, stored = source.stored,
            out_of_scope = source.out_of_scope, duplicates = source.duplicates, rejects = source.rejects,
            "the books of a source do not balance");
    }
}

/// A batch could not be committed; it is tried again.
pub fn commit_failed(failure: &dyn Error, pause: Duration) {
    error!(error = %with_causes(failure), pause_ms = milliseconds(pause), "failed to commit a batch; trying again");
}

/// The rules ran.
pub fn evaluated(took: Duration, how: &'static str, revisions: usize, failures: usize) {
    histogram!("RuleMs").record(milliseconds(took));
    counter!("FindingsOpened").increment(revisions as u64);
    tracing::debug!(how, took_ms = milliseconds(took), revisions, failures, "ran the rules");
}

/// Detection failed; it is tried again.
pub fn detection_failed(failure: &anyhow::Error, pause: Duration) {
    error!(error = %format!("{failure:#}"), pause_ms = milliseconds(pause), "failed to detect; trying again");
}

/// Pages wait for sweeps, since nothing is left to tick by.
pub fn cannot_tick(why: &str) {
    warn!(why, "new events are judged by sweeps only");
}

/// A part of the lake was compacted.
pub fn compacted(compacted: &Compacted, took: Duration) {
    let merged = compacted.files_before.saturating_sub(compacted.files_after);
    counter!("FilesCompacted").increment(merged as u64);
    counter!("RowsDoubled").increment(compacted.surplus);
    info!(
        part = %compacted.part,
        files_before = compacted.files_before,
        files_after = compacted.files_after,
        surplus = compacted.surplus,
        overtaken = compacted.overtaken,
        took_ms = milliseconds(took),
        "compacted a part of the lake"
    );
}

/// Compaction failed; the lake is as it was, and a later turn tries again.
pub fn compaction_failed(failure: &LakeError) {
    counter!("CompactionsFailed").increment(1);
    warn!(error = %with_causes(failure), "failed to compact; the lake is as it was");
}

/// The pager ran. `since` is how long ago the commit was that caused it.
pub fn paged(paged: &Paged, since: Option<Duration>) {
    counter!("PagesSent").increment(paged.sent as u64);
    counter!("PagesFailed").increment(paged.failed as u64);
    if let (Some(since), true) = (since, paged.sent > 0) {
        histogram!("PagedLagMs").record(milliseconds(since));
    }
    for failure in &paged.failures {
        error!(error = %format!("{failure:#}"), "a page could not be sent; it stays planned and is tried again");
    }
}

/// Events arrive, and none of them is a read: most likely the feed delivers no read-only management events.
pub fn feed_without_reads(events: u64) {
    error!(
        events,
        "events arrive, but no GetSecretValue and no Decrypt among them: nobody's reads are watched. An EventBridge rule \
         must have the state ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS (plain ENABLED delivers no reads); a trail \
         must log read events and must not exclude KMS"
    );
}
