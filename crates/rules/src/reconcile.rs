//! What changed since the last run: new revisions of findings.
//!
//! A pure function of what is stored and what holds now, so that missed or overlapping runs change nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use snowtrail_model::finding::DUPLICATE_IN_LAKE;
use snowtrail_model::{Finding, FindingState};

use crate::engine::{DIGEST_UNVERIFIED, Evaluation, RULE_FAILED};

/// Which part of time a run speaks for, by the end of a finding's window. Findings outside are left alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Range {
    /// Inclusive; none means from the beginning.
    pub from: Option<Timestamp>,
    /// Exclusive; none means to the end.
    pub to: Option<Timestamp>,
}

impl Range {
    /// Whether a finding belongs to the range: by when its window ends.
    pub fn holds(&self, finding: &Finding) -> bool {
        self.from.is_none_or(|from| finding.window_end >= from)
            && self.to.is_none_or(|to| finding.window_end < to)
    }
}

/// The revisions to append: findings that are new, changed, open again, or withdrawn. `newest` is the newest stored
/// revision of every key that is in question; what is not in question is left alone, whether it holds or not. A rule
/// that failed this time withdraws nothing; one that is gone or disabled does, where its findings are in question. What the
/// lake found of itself is nobody's to withdraw; what `verify` found is withdrawn only by an evaluation that says that it
/// verified.
pub fn reconcile<'f>(
    newest: impl IntoIterator<Item = &'f Finding>,
    evaluation: &Evaluation,
    is_in_question: impl Fn(&Finding) -> bool,
    found_at: Timestamp,
) -> Vec<Finding> {
    let stored: BTreeMap<&str, &Finding> = newest.into_iter().map(|f| (f.key.as_str(), f)).collect();
    let holding: BTreeSet<&str> = evaluation.findings.iter().map(|f| f.key.as_str()).collect();
    let mut revisions: Vec<Finding> = evaluation
        .findings
        .iter()
        .filter(|f| is_in_question(f))
        .filter_map(|f| revision(f, &stored, found_at))
        .collect();
    let ended = |f: &&Finding| {
        f.state == FindingState::Open
            && f.rule != DUPLICATE_IN_LAKE
            && is_in_question(f)
            && !holding.contains(f.key.as_str())
            && !failed_now(evaluation, f)
            && !unasked(evaluation, f)
    };
    revisions.extend(stored.values().copied().filter(ended).map(|f| Finding {
        state: FindingState::Withdrawn,
        revision: f.revision + 1,
        found_at,
        ..f.clone()
    }));
    revisions
}

fn revision(finding: &Finding, stored: &BTreeMap<&str, &Finding>, found_at: Timestamp) -> Option<Finding> {
    match stored.get(finding.key.as_str()) {
        None => Some(Finding { revision: 1, found_at, ..finding.clone() }),
        Some(old) if old.same_content(finding) => None,
        Some(old) if finding.rule == RULE_FAILED && old.state == FindingState::Open => None,
        Some(old) => Some(Finding { revision: old.revision + 1, found_at, ..finding.clone() }),
    }
}

fn failed_now(evaluation: &Evaluation, finding: &Finding) -> bool {
    let failed = format!("{RULE_FAILED}:{}", finding.rule);
    evaluation.findings.iter().any(|f| f.key == failed)
}

/// Whether a finding is none of the rules', and who makes it did not look.
fn unasked(evaluation: &Evaluation, finding: &Finding) -> bool {
    finding.rule == DIGEST_UNVERIFIED && !evaluation.ran.iter().any(|id| id == DIGEST_UNVERIFIED)
}
