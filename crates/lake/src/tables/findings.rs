//! The `findings` table (every revision of every finding) and the `pages` table (the outbox: what is to be sent and what was).

use jiff::Timestamp;
use snowtrail_model::Finding;

use crate::column::{Column, long, text, texts, time};

/// One message in one state: planned, and once more when it was sent. Rows are only appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRow {
    /// Finding key and what happened to it; a page is never sent twice under one key but after a crash.
    pub dedupe_key: String,
    /// opened, escalated, reminder n, resolved, withdrawn, summary.
    pub kind: String,
    /// planned or sent.
    pub state: String,
    /// Severity of the page.
    pub severity: String,
    /// Its one-line subject.
    pub subject: String,
    /// Where it goes.
    pub target: String,
    /// Who owns what it is about, from the policy.
    pub owner: Option<String>,
    /// Keys of the findings in it.
    pub finding_keys: Vec<String>,
    /// Those of them that the page says are over.
    pub resolved_keys: Vec<String>,
    /// When it was planned or sent, UTC.
    pub sent_at: Timestamp,
}

pub(super) fn columns() -> Vec<Column<Finding>> {
    vec![
        text("rule", "Id of the rule", |f: &Finding| Some(&f.rule)),
        text("severity", "info, low, medium, high, critical", |f: &Finding| Some(f.severity.as_str())),
        text("key", "Identifies the finding for ever: rule, thing, event-time window", |f: &Finding| {
            Some(&f.key)
        }),
        text("state", "open or withdrawn", |f: &Finding| Some(f.state.as_str())),
        long("revision", "From 1, rising with each change", |f: &Finding| Some(f.revision)),
        text("title", "One line", |f: &Finding| Some(&f.title)),
        text("summary", "What happened", |f: &Finding| Some(&f.summary)),
        text("account_id", "Account where it happened", |f: &Finding| f.account_id.as_deref()),
        text("aws_region", "Region where it happened", |f: &Finding| f.aws_region.as_deref()),
        text("secret_arn", "The secret's full ARN, if known", |f: &Finding| f.secret_arn.as_deref()),
        text("secret_name", "The secret's name", |f: &Finding| f.secret_name.as_deref()),
        text("principal", "Who: stable identity", |f: &Finding| f.principal.as_deref()),
        text("actor", "Who within the principal", |f: &Finding| f.actor.as_deref()),
        time("window_start", "Start of the event-time window, UTC, inclusive", |f: &Finding| {
            Some(f.window_start)
        }),
        time("window_end", "End of the event-time window, UTC, exclusive", |f: &Finding| Some(f.window_end)),
        text("observed", "What was seen, in numbers", |f: &Finding| Some(&f.observed)),
        text("expected", "What was expected, in numbers", |f: &Finding| Some(&f.expected)),
        texts("evidence", "Event ids", |f: &Finding| &f.evidence),
        text("detail", "Further facts, JSON object", |f: &Finding| Some(&f.detail)),
        time("found_at", "When this revision was written, UTC", |f: &Finding| Some(f.found_at)),
    ]
}

pub(super) fn page_columns() -> Vec<Column<PageRow>> {
    vec![
        text("dedupe_key", "Finding key and what happened to it", |p: &PageRow| Some(&p.dedupe_key)),
        text("kind", "opened, escalated, reminder n, resolved, withdrawn, summary", |p: &PageRow| {
            Some(&p.kind)
        }),
        text(
            "state",
            "planned, and once more when it was sent; null in rows of older versions: sent",
            |p: &PageRow| Some(&p.state),
        ),
        text("severity", "info, low, medium, high, critical", |p: &PageRow| Some(&p.severity)),
        text("subject", "The page's one-line subject", |p: &PageRow| Some(&p.subject)),
        text("target", "Where it goes", |p: &PageRow| Some(&p.target)),
        text("owner", "Who owns what it is about", |p: &PageRow| p.owner.as_deref()),
        texts("finding_keys", "Keys of the findings in it", |p: &PageRow| &p.finding_keys),
        texts("resolved_keys", "Those of them that the page says are over", |p: &PageRow| &p.resolved_keys),
        time("sent_at", "When it was planned or sent, UTC", |p: &PageRow| Some(p.sent_at)),
    ]
}
