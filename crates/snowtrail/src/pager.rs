//! Sends pages and writes the ledger: a page first, its row in `pages` after it.
//!
//! A crash between the two repeats the page under the same dedupe key, and nothing else repeats it (guarantee 5).
//! A target that fails loses nothing: the page is not in the ledger and goes out with the next run.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;

use anyhow::Context;
use jiff::Timestamp;
use snowtrail_lake::{Lake, PageRow};
use snowtrail_model::Finding;
use snowtrail_page::{
    FoldInputs, Ledger, Message, Page, Publish, PublishError, PublishFuture, PublishTarget, RenderInputs,
    RuleDocs, SentPage, fold, render_text,
};
use snowtrail_rules::RuleSet;

use crate::output::{self, Usage};
use crate::policy_file::Bound;

/// What a run of the pager did.
#[derive(Debug, Default)]
pub struct Paged {
    /// Pages sent.
    pub sent: usize,
    /// Findings that nobody is told of: info, planned, suppressed, told before.
    pub recorded: usize,
    /// Pages that could not be sent.
    pub failed: usize,
}

/// Folds the findings into pages and sends what was not sent before.
pub async fn page(
    lake: &mut Lake,
    bound: &Bound,
    findings: &[Finding],
    target: &PublishTarget,
    now: Timestamp,
) -> anyhow::Result<Paged> {
    let ledger = Ledger::new(lake.sent_pages().await?.into_iter().map(sent_page));
    let tags = BTreeMap::new();
    let inputs = FoldInputs { policy: &bound.policy, tags: &tags, now, already: &ledger };
    let folded = fold(findings, &inputs);
    let docs = rule_docs(&bound.rules);
    let mut paged = Paged { recorded: folded.recorded.len(), ..Paged::default() };
    for page in &folded.pages {
        let to = destination(page, target);
        let render = RenderInputs { rules: &docs, policy: &bound.policy, lake: lake.uri() };
        let message = Message::new(page, render_text(page, &render));
        match place(to)?.publish(&message).await {
            Ok(()) => {
                record(lake, page, to).await?;
                paged.sent += 1;
            }
            Err(error) => {
                paged.failed += 1;
                output::error(&anyhow::Error::new(error));
            }
        }
    }
    Ok(paged)
}

async fn record(lake: &mut Lake, page: &Page, to: &PublishTarget) -> anyhow::Result<()> {
    let row = page_row(page.sent(to, Timestamp::now()));
    let sent = format!("failed to record that page {} was sent; it may be sent again", row.dedupe_key);
    lake.append(&[&row], &[]).await.context(sent)?;
    Ok(())
}

/// Routes hold where pages go to topics. `stdout:` and `file:` take everything: whoever rehearses on a laptop with the
/// policy of production must not wake the people that it names.
fn destination<'p>(page: &'p Page, target: &'p PublishTarget) -> &'p PublishTarget {
    match target {
        PublishTarget::Topic(_) => page.route.as_ref().unwrap_or(target),
        PublishTarget::Stdout | PublishTarget::File(_) => target,
    }
}

/// Whoever writes to a target.
fn place(target: &PublishTarget) -> anyhow::Result<Box<dyn Publish>> {
    match target {
        PublishTarget::Stdout => Ok(Box::new(Stdout)),
        PublishTarget::File(path) => Ok(Box::new(AppendTo(path.clone()))),
        PublishTarget::Topic(arn) => {
            let text =
                format!("pages cannot go to `{arn}`: this version publishes to stdout: and file:PATH only");
            Err(anyhow::Error::new(Usage(text)))
        }
    }
}

/// Prints pages.
struct Stdout;

impl Publish for Stdout {
    fn publish<'a>(&'a self, message: &'a Message) -> PublishFuture<'a> {
        Box::pin(async move { output::data(&framed(message)).map_err(|error| passing(message, error)) })
    }
}

/// Appends pages to a file.
struct AppendTo(String);

impl Publish for AppendTo {
    fn publish<'a>(&'a self, message: &'a Message) -> PublishFuture<'a> {
        Box::pin(async move {
            let file = OpenOptions::new().create(true).append(true).open(&self.0);
            let written = file.and_then(|mut file| {
                file.write_all(framed(message).as_bytes())?;
                file.sync_data()
            });
            written.map_err(|error| passing(message, error))
        })
    }
}

/// The body between rules, so that pages in one stream are told apart.
fn framed(message: &Message) -> String {
    format!("{}\n{}\n", "─".repeat(80), message.body.trim_end())
}

fn passing(message: &Message, error: std::io::Error) -> PublishError {
    PublishError::Passing { dedupe_key: message.dedupe_key.clone(), source: Box::new(error) }
}

fn rule_docs(rules: &RuleSet) -> BTreeMap<String, RuleDocs> {
    let docs = |header: &snowtrail_rules::Header| RuleDocs {
        id: header.id.clone(),
        title: header.title.clone(),
        description: header.description.clone(),
        runbook: header.runbook.clone(),
        benign: header.benign.clone(),
        attack: header.attack.clone(),
    };
    rules.rules.iter().map(|(id, rule)| (id.clone(), docs(&rule.header))).collect()
}

fn page_row(page: SentPage) -> PageRow {
    let severity = page.severity.as_str().to_owned();
    let SentPage { dedupe_key, kind, subject, target, owner, finding_keys, sent_at, .. } = page;
    PageRow { dedupe_key, kind, severity, subject, target, owner, finding_keys, sent_at }
}

fn sent_page(row: PageRow) -> SentPage {
    let severity = row.severity.parse().unwrap_or(snowtrail_model::Severity::Info);
    let PageRow { dedupe_key, kind, subject, target, owner, finding_keys, sent_at, .. } = row;
    SentPage { dedupe_key, kind, severity, subject, target, owner, finding_keys, sent_at }
}
