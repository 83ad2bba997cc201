//! From findings to pages: one page for one story, and none for what people know or planned.
//!
//! Every finding that comes in is accounted for: it is in exactly one page, or recorded with the reason why it is
//! in none. The result depends on the set of findings, never on their order.

use crate::kind::PageKind;
use crate::ledger::{Ledger, Standing};
use crate::membership::Traces;
use crate::page::Page;
use crate::story::stories;
use jiff::{SignedDuration, Timestamp};
use snowtrail_model::policy::PublishTarget;
use snowtrail_model::{Finding, FindingState, Policy, Severity};
use std::collections::BTreeMap;

/// How long after its window's end a finding is news. What is found later (a backfill, a changed policy) is summed
/// up in one page instead of paged one by one.
pub const NEWS_AGE_MAX: SignedDuration = SignedDuration::from_hours(24);

/// Tags of secrets, by account, region and name: contracts may select by tag. Secrets that are missing have none.
pub type SecretTags = BTreeMap<(String, String, String), Vec<(String, String)>>;

/// What folding depends on beside the findings.
#[derive(Debug, Clone, Copy)]
pub struct FoldInputs<'a> {
    /// Contracts (for owners), planned windows, suppressions and routes.
    pub policy: &'a Policy,
    /// Tags of the secrets that the findings are about.
    pub tags: &'a SecretTags,
    /// The present.
    pub now: Timestamp,
    /// What was planned or sent before.
    pub already: &'a Ledger,
    /// Open findings of late, besides those that are folded: members of stories, and stories.
    pub traces: &'a Traces,
}

/// What became of the findings.
#[derive(Debug, Clone, PartialEq)]
pub struct Fold {
    /// What to send: worst first, then oldest first.
    pub pages: Vec<Page>,
    /// What is in no page, by finding key.
    pub recorded: Vec<Recorded>,
}

/// A finding that nobody is told of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recorded {
    /// Which.
    pub finding_key: String,
    /// Why not.
    pub why: WhyRecorded,
}

/// Why a finding is in no page.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhyRecorded {
    /// Its severity is info.
    Info,
    /// It lies within planned work.
    Planned {
        /// The window's reason.
        reason: String,
    },
    /// The policy suppresses it.
    Suppressed {
        /// The suppression's reason.
        reason: String,
    },
    /// People know of it, or will once a page arrives that is on its way, at this severity or a higher one.
    AlreadyPaged,
    /// People were told the story that it is part of, at its severity or a higher one.
    PartOfTold {
        /// The story's finding key.
        story: String,
    },
    /// It was withdrawn, and people never heard of it or know that too.
    WithdrawnUnheard,
}

/// A finding on its way into a page.
#[derive(Debug, Clone)]
pub(crate) struct Item<'f> {
    pub(crate) finding: &'f Finding,
    pub(crate) kind: PageKind,
    /// What people knew of it before this page.
    pub(crate) standing: Standing,
    pub(crate) owner: Option<String>,
}

impl Item<'_> {
    /// As loud as people know it: what follows up on a page goes to whoever got the page, though the finding may
    /// have become milder.
    fn loudness(&self) -> Severity {
        self.standing.severity.unwrap_or(Severity::Info).max(self.finding.severity)
    }
}

/// Folds findings, open and withdrawn, into pages. Of several revisions of one key the newest counts.
pub fn fold(findings: &[Finding], inputs: &FoldInputs<'_>) -> Fold {
    let mut batches = BTreeMap::<(PageKind, bool), Vec<Item<'_>>>::new();
    let mut recorded = Vec::new();
    for finding in newest_revisions(findings) {
        match classify(finding, inputs) {
            Ok(item) => batches.entry(batch_of(&item, inputs.now)).or_default().push(item),
            Err(why) => recorded.push(Recorded { finding_key: finding.key.clone(), why }),
        }
    }
    let mut pages = Vec::new();
    for ((kind, is_news), items) in batches {
        let groups = if is_news { stories(&items) } else { vec![(0..items.len()).collect()] };
        for group in groups {
            let story = group.into_iter().map(|index| items[index].clone()).collect();
            let audiences = by_audience(story, inputs.policy).into_iter();
            pages.extend(audiences.map(|(to, items)| Page::new(kind, to, &items, inputs.policy)));
        }
    }
    pages.sort_by(Page::by_urgency);
    Fold { pages, recorded }
}

/// The newest revision of each key, by window, rule and key: the order in which findings are told everywhere.
fn newest_revisions(findings: &[Finding]) -> Vec<&Finding> {
    let mut newest = BTreeMap::<&str, &Finding>::new();
    for finding in findings {
        let age = |finding: &Finding| (finding.revision, finding.found_at);
        let kept = newest.entry(&finding.key).or_insert(finding);
        if age(kept) < age(finding) {
            *kept = finding;
        }
    }
    let mut ordered = newest.into_values().collect::<Vec<_>>();
    ordered.sort_by(|a, b| (a.window_start, &a.rule, &a.key).cmp(&(b.window_start, &b.rule, &b.key)));
    ordered
}

/// What is news is told by stories; what is not is one sum of all that holds, and one of all that never did.
/// Reminders and ends are told by stories however old, because each belongs beneath the page that it follows.
fn batch_of(item: &Item<'_>, now: Timestamp) -> (PageKind, bool) {
    let is_news = now.duration_since(item.finding.window_end) <= NEWS_AGE_MAX;
    match item.kind {
        PageKind::Opened | PageKind::Escalated if !is_news => (PageKind::Summary, false),
        kind @ (PageKind::Reminder(_) | PageKind::Resolved) => (kind, true),
        kind => (kind, is_news),
    }
}

fn classify<'f>(finding: &'f Finding, inputs: &FoldInputs<'_>) -> Result<Item<'f>, WhyRecorded> {
    let standing = known(finding, inputs);
    let kind = match finding.state {
        FindingState::Withdrawn if standing.open => PageKind::Withdrawn,
        FindingState::Withdrawn => return Err(WhyRecorded::WithdrawnUnheard),
        FindingState::Open => kind_of_open(finding, &standing, inputs)?,
    };
    Ok(Item { finding, kind, standing, owner: owner_of(finding, inputs) })
}

/// What people know of a finding. A story of which they know members is known to them in part.
fn known(finding: &Finding, inputs: &FoldInputs<'_>) -> Standing {
    let own = inputs.already.standing(&finding.key);
    if own.open || finding.state == FindingState::Withdrawn {
        return own;
    }
    let withdrawals = own.withdrawals;
    match inputs.traces.standing_of_members(finding, inputs.already) {
        // Of the story itself they know nothing yet, at no severity.
        Some(members) => Standing { withdrawals, reminders: 0, over: false, severity: None, ..members },
        None => own,
    }
}

/// News comes first: what got worse and is over is told once, as worse, and the page says that it is over.
fn kind_of_open(
    finding: &Finding,
    standing: &Standing,
    inputs: &FoldInputs<'_>,
) -> Result<PageKind, WhyRecorded> {
    let why_no_news = match news(finding, standing, inputs) {
        Ok(kind) => return Ok(kind),
        Err(why) => why,
    };
    match finding.resolved_at().is_some() {
        true if standing.open && !standing.over => Ok(PageKind::Resolved),
        false if is_reminder_due(finding, standing, inputs) => Ok(PageKind::Reminder(standing.reminders + 1)),
        _ => Err(why_no_news),
    }
}

fn news(finding: &Finding, standing: &Standing, inputs: &FoldInputs<'_>) -> Result<PageKind, WhyRecorded> {
    if finding.severity == Severity::Info {
        return Err(WhyRecorded::Info);
    }
    if standing.covers(finding.severity) {
        return Err(WhyRecorded::AlreadyPaged);
    }
    if let Some(why) = silenced(finding, inputs) {
        return Err(why);
    }
    if standing.open {
        return Ok(PageKind::Escalated);
    }
    match inputs.traces.told_story_of(finding, inputs.already) {
        Some(story) => Err(WhyRecorded::PartOfTold { story: story.to_owned() }),
        None => Ok(PageKind::Opened),
    }
}

/// Why the policy wants no page about a finding, if it does not.
fn silenced(finding: &Finding, inputs: &FoldInputs<'_>) -> Option<WhyRecorded> {
    let (start, end) = (finding.window_start, finding.window_end);
    let principal = finding.principal.as_deref();
    let window = principal.and_then(|principal| inputs.policy.planned_throughout(principal, start, end));
    if let Some(window) = window {
        return Some(WhyRecorded::Planned { reason: window.reason.clone() });
    }
    // By the time of what happened, not of looking: a finding must not turn into a page because it got old.
    let silence = inputs.policy.suppressed(&finding.rule, finding.secret_name.as_deref(), start)?;
    Some(WhyRecorded::Suppressed { reason: silence.reason.clone() })
}

/// Counted from the last page about the finding, whatever it was: a tick that comes days late reminds once.
fn is_reminder_due(finding: &Finding, standing: &Standing, inputs: &FoldInputs<'_>) -> bool {
    let pages = &inputs.policy.pages;
    let (Some(every), Some(heard_at)) = (pages.remind_every, standing.heard_at) else { return false };
    standing.covers(finding.severity)
        && finding.severity >= pages.remind_severity
        && standing.reminders < pages.remind_max
        && inputs.now.duration_since(heard_at) >= every
        && !inputs.already.is_on_its_way(standing)
        && silenced(finding, inputs).is_none()
}

fn owner_of(finding: &Finding, inputs: &FoldInputs<'_>) -> Option<String> {
    let (account, region) = (finding.account_id.clone()?, finding.aws_region.clone()?);
    let secret = (account, region, finding.secret_name.clone()?);
    let tags = inputs.tags.get(&secret).map(Vec::as_slice).unwrap_or_default();
    let (_, entry) = inputs.policy.entry_for(&secret.0, &secret.1, &secret.2, tags)?;
    entry.owner.clone()
}

/// Splits a story among those who are to hear of it. An owner's findings go together, by the worst of them.
fn by_audience<'f>(story: Vec<Item<'f>>, policy: &Policy) -> BTreeMap<Option<PublishTarget>, Vec<Item<'f>>> {
    let mut by_owner = BTreeMap::<Option<String>, Vec<Item<'f>>>::new();
    for item in story {
        by_owner.entry(item.owner.clone()).or_default().push(item);
    }
    let mut audiences = BTreeMap::<Option<PublishTarget>, Vec<Item<'f>>>::new();
    for (owner, items) in by_owner {
        let louder = |a: &&Item<'_>, b: &&Item<'_>| {
            b.loudness().cmp(&a.loudness()).then_with(|| worst_first(a.finding, b.finding))
        };
        let to = items.iter().min_by(louder).and_then(|worst| {
            let (rule, account) = (&worst.finding.rule, worst.finding.account_id.as_deref());
            policy.route(owner.as_deref(), worst.loudness(), rule, account)
        });
        audiences.entry(to.cloned()).or_default().extend(items);
    }
    audiences
}

/// The order of findings in a page: worst first, a story before what it is made of, then oldest, then by key.
pub(crate) fn worst_first(a: &Finding, b: &Finding) -> std::cmp::Ordering {
    let is_story = |finding: &Finding| !finding.members().is_empty();
    b.severity
        .cmp(&a.severity)
        .then_with(|| is_story(b).cmp(&is_story(a)))
        .then_with(|| (a.window_start, &a.key).cmp(&(b.window_start, &b.key)))
}
