//! Sends pages by way of the outbox: planned in the lake, then sent, then recorded as sent.
//!
//! A crash between the last two repeats the page under the same dedupe key, and nothing else repeats it (guarantee 5):
//! what was planned is sent as it was planned, before anything new is folded. A target that fails loses nothing: the
//! page stays planned and goes out with a later run. Of two pagers only one plans (a claim on the table); both may send
//! what is planned, under the same key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::{SignedDuration, Timestamp};
use snowtrail_lake::{Appended, Claim, Lake, PageRow, Table};
use snowtrail_model::Finding;
use snowtrail_page::{
    FoldInputs, Ledger, Message, Page, PageRecord, PageState, Publish, PublishError, PublishTarget,
    RenderInputs, RuleDocs, Traces, fold,
};
use snowtrail_rules::RuleSet;
use tokio::time::timeout;

use crate::places::Places;
use crate::policy_file::Bound;

/// How far back findings are looked at for pages: newer revisions than this. What nobody was told of for so long is not
/// news; an open finding of which people know is reminded of for so long at most.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(8 * 24);
/// How often planning looks again when another pager was faster.
const ATTEMPTS_MAX: usize = 10;
/// Pages sent before their rows are written: so many may be repeated after a crash.
const SENT_AT_ONCE: usize = 10;
/// How long one page may take to be sent.
const SEND_TIMEOUT: Duration = Duration::from_secs(15);

/// What a run of the pager did.
#[derive(Debug, Default)]
pub struct Paged {
    /// Pages sent.
    pub sent: usize,
    /// Findings that nobody is told of: info, planned, suppressed, told before.
    pub recorded: usize,
    /// Pages that could not be sent.
    pub failed: usize,
    /// Why not: the first failure of each place.
    pub failures: Vec<anyhow::Error>,
}

/// Tells people, over many runs.
pub struct Pager {
    target: PublishTarget,
    places: Arc<dyn Places>,
    bound: Arc<Bound>,
    docs: BTreeMap<String, RuleDocs>,
    /// Open findings of late: stories and what they are made of.
    traces: Traces,
    /// What the outbox says, as of a version of its table.
    ledger: Option<(u64, Ledger)>,
}

impl Pager {
    /// Sends to `target` what no route claims.
    pub fn new(bound: Arc<Bound>, target: PublishTarget, places: Arc<dyn Places>) -> Pager {
        let docs = rule_docs(&bound.rules);
        Pager { target, places, bound, docs, traces: Traces::default(), ledger: None }
    }

    /// Sends what was planned before, then plans and sends what these findings make necessary. Without findings it looks
    /// at all that the lake has of late, which is what a start, and a run after a failed one, must do.
    ///
    /// # Errors
    /// When the lake cannot be read or written. Pages that cannot be sent are no error, but counted.
    pub async fn run(
        &mut self,
        lake: &mut Lake,
        findings: Option<&[Finding]>,
        now: Timestamp,
    ) -> anyhow::Result<Paged> {
        let mut paged = Paged::default();
        self.catch_up(lake).await?;
        let of_late = match findings {
            Some(_) if self.ledger().unsent().is_empty() => Vec::new(),
            _ => lake.findings_since(now.saturating_sub(LOOK_BACK).unwrap_or(now)).await?,
        };
        of_late.iter().chain(findings.unwrap_or_default()).for_each(|finding| self.traces.note(finding));
        let findings = findings.unwrap_or(&of_late);
        let resumed: Vec<Page> = {
            let ledger = self.ledger();
            let page = |record: &PageRecord| Page::from_record(record, &of_late, &self.bound.policy, ledger);
            ledger.unsent().into_iter().map(page).collect()
        };
        self.send_all(lake, &resumed, &mut paged).await?;
        let planned = self.plan(lake, findings, now, &mut paged).await?;
        self.send_all(lake, &planned, &mut paged).await?;
        Ok(paged)
    }

    fn ledger(&self) -> &Ledger {
        static NOTHING: std::sync::LazyLock<Ledger> = std::sync::LazyLock::new(Ledger::default);
        self.ledger.as_ref().map_or(&NOTHING, |(_, ledger)| ledger)
    }

    /// Reads the outbox anew if somebody else wrote to it.
    async fn catch_up(&mut self, lake: &mut Lake) -> anyhow::Result<()> {
        lake.refresh(Table::Pages).await?;
        let version = lake.delta(Table::Pages).version().unwrap_or_default();
        if self.ledger.as_ref().is_none_or(|(known, _)| *known != version) {
            let rows = lake.pages().await?;
            self.ledger = Some((version, Ledger::new(rows.into_iter().map(page_record))));
        }
        Ok(())
    }

    /// Folds the findings and writes down what is to be sent.
    async fn plan(
        &mut self,
        lake: &mut Lake,
        findings: &[Finding],
        now: Timestamp,
        paged: &mut Paged,
    ) -> anyhow::Result<Vec<Page>> {
        let tags = BTreeMap::new();
        for _ in 0..ATTEMPTS_MAX {
            // The ledger must be that of the very snapshot that the claim is held against. Recording what was sent may
            // have moved the snapshot past another pager's plan without a conflict.
            self.catch_up(lake).await?;
            let ledger = self.ledger();
            let inputs = FoldInputs {
                policy: &self.bound.policy,
                tags: &tags,
                now,
                already: ledger,
                traces: &self.traces,
            };
            let folded = fold(findings, &inputs);
            paged.recorded = folded.recorded.len();
            let at = ledger.planning_time(now);
            let records: Vec<PageRecord> =
                folded.pages.iter().map(|page| page.planned(self.destination(page), at)).collect();
            if self.write(lake, &records, &[Claim::Pages]).await? {
                return Ok(folded.pages);
            }
        }
        bail!(
            "gave up planning pages in `{}` after {ATTEMPTS_MAX} attempts: other pagers kept winning",
            lake.uri()
        )
    }

    /// Sends pages, and records them a few at a time. A place that fails for now is left alone for the rest of the run.
    async fn send_all(&mut self, lake: &mut Lake, pages: &[Page], paged: &mut Paged) -> anyhow::Result<()> {
        let mut failing: BTreeSet<String> = BTreeSet::new();
        for some in pages.chunks(SENT_AT_ONCE) {
            let mut sent = Vec::new();
            for page in some {
                let to = self.destination(page).clone();
                if failing.contains(&to.to_string()) {
                    paged.failed += 1;
                    continue;
                }
                match self.send(lake, page, &to).await {
                    Ok(()) => sent.push(page.sent(&to, Timestamp::now())),
                    Err(error) => {
                        paged.failed += 1;
                        paged.failures.push(error);
                        failing.insert(to.to_string());
                    }
                }
            }
            paged.sent += sent.len();
            self.record_sent(lake, &sent)
                .await
                .context("failed to record pages as sent; they may be sent again")?;
        }
        Ok(())
    }

    /// Records pages as sent. Nothing is claimed, so nobody wins against it; but others may be faster again and again.
    async fn record_sent(&mut self, lake: &mut Lake, sent: &[PageRecord]) -> anyhow::Result<()> {
        for _ in 0..ATTEMPTS_MAX {
            if self.write(lake, sent, &[]).await? {
                return Ok(());
            }
        }
        bail!("other writers kept winning in `{}`", lake.uri())
    }

    async fn send(&self, lake: &Lake, page: &Page, to: &PublishTarget) -> anyhow::Result<()> {
        let render = RenderInputs { rules: &self.docs, policy: &self.bound.policy, lake: lake.uri() };
        let message = Message::of(page, &render, self.bound.policy.format_of(to));
        let place: Arc<dyn Publish> = self.places.open(to)?;
        match timeout(SEND_TIMEOUT, place.publish(&message)).await {
            Ok(sent) => Ok(sent?),
            Err(_) => {
                let dedupe_key = message.dedupe_key.clone();
                let source = format!("no answer from `{to}` within {SEND_TIMEOUT:?}").into();
                Err(anyhow::Error::new(PublishError::Passing { dedupe_key, source }))
            }
        }
    }

    /// Appends rows to the outbox and to what is known of it; false when another pager planned first.
    async fn write(
        &mut self,
        lake: &mut Lake,
        records: &[PageRecord],
        claims: &[Claim],
    ) -> anyhow::Result<bool> {
        let rows: Vec<PageRow> = records.iter().map(page_row).collect();
        let rows: Vec<&PageRow> = rows.iter().collect();
        let before = lake.delta(Table::Pages).version().unwrap_or_default();
        match lake.append(&rows, claims).await? {
            Appended::LostRace => Ok(false),
            Appended::Durable(version) => {
                if let Some((known, ledger)) = &mut self.ledger {
                    records.iter().for_each(|record| ledger.record(record));
                    // A version in between is somebody else's and must be read.
                    if version <= before + 1 && *known == before {
                        *known = version;
                    }
                }
                Ok(true)
            }
        }
    }

    /// Routes hold where pages go to topics. `stdout:` and `file:` take everything: whoever rehearses on a laptop with
    /// the policy of production must not wake the people that it names.
    fn destination<'p>(&'p self, page: &'p Page) -> &'p PublishTarget {
        match &self.target {
            PublishTarget::Topic(_) => page.route.as_ref().unwrap_or(&self.target),
            PublishTarget::Stdout | PublishTarget::File(_) => &self.target,
        }
    }
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

fn page_row(record: &PageRecord) -> PageRow {
    let (severity, state) = (record.severity.as_str().to_owned(), record.state.as_str().to_owned());
    let PageRecord { dedupe_key, kind, subject, target, owner, finding_keys, resolved_keys, at, .. } =
        record.clone();
    PageRow {
        dedupe_key,
        kind,
        state,
        severity,
        subject,
        target,
        owner,
        finding_keys,
        resolved_keys,
        sent_at: at,
    }
}

fn page_record(row: PageRow) -> PageRecord {
    let severity = row.severity.parse().unwrap_or(snowtrail_model::Severity::Info);
    let state = row.state.parse().unwrap_or(PageState::Sent);
    let PageRow {
        dedupe_key, kind, subject, target, owner, finding_keys, resolved_keys, sent_at: at, ..
    } = row;
    PageRecord { dedupe_key, kind, state, severity, subject, target, owner, finding_keys, resolved_keys, at }
}
