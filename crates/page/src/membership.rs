//! Stories that a rule tells: a finding that is made of other findings, and outranks them.
//!
//! A rule that tells a story names the rules of its members ([`Finding::members`]). Which findings they are is seen here:
//! findings of those rules about the same secret, or the same principal (or one that the story names beside its own, see
//! `BESIDE`), at about the same time. A story whose members people know of is told as their escalation, in their thread; a
//! member that is found after its story was told is not told again. Findings themselves stay as they are (the law of rules
//! knows no pages).
//!
//! Not to be confused with [`story`](crate::story), which puts findings into one page, whoever found them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use snowtrail_model::{Finding, FindingState, Severity};

use crate::ledger::{Ledger, Standing};
use crate::story::STORY_GAP;

/// Findings that are remembered, about 300 bytes each. Of more the earliest quarter is forgotten, at once so that not every
/// finding looks for the earliest: their stories are told anew.
const TRACES_MAX: usize = 20_000;

/// Keys of a story's detail that name principals beside the finding's own: who opened the door that another went through.
const BESIDE: [&str; 4] = ["changed_by", "cancelled_by", "blinded_by", "newcomer"];

/// Open findings of late, as far as membership goes.
#[derive(Debug, Clone, Default)]
pub struct Traces(BTreeMap<String, Trace>);

#[derive(Debug, Clone)]
struct Trace {
    rule: String,
    severity: Severity,
    principals: Vec<String>,
    secret: Option<(Option<String>, String)>,
    start: Timestamp,
    end: Timestamp,
    members: Vec<String>,
}

impl Traces {
    /// Takes note of a revision: an open finding is remembered, a withdrawn one forgotten.
    pub fn note(&mut self, finding: &Finding) {
        if finding.state == FindingState::Withdrawn {
            self.0.remove(&finding.key);
            return;
        }
        self.0.insert(finding.key.clone(), Trace::of(finding));
        if self.0.len() > TRACES_MAX {
            let mut ends: Vec<(Timestamp, String)> =
                self.0.iter().map(|(key, trace)| (trace.end, key.clone())).collect();
            let (earliest, _, _) = ends.select_nth_unstable(TRACES_MAX / 4);
            earliest.iter().for_each(|(_, key)| drop(self.0.remove(key)));
        }
    }

    /// What people know of a story's members, the worst that they were told first. None if it is no story, or if they
    /// know of no member.
    pub(crate) fn standing_of_members(&self, story: &Finding, already: &Ledger) -> Option<Standing> {
        let story = Trace::of(story);
        if story.members.is_empty() {
            return None;
        }
        let members = self.0.iter().filter(|(_, trace)| story.holds(trace));
        let told = members.map(|(key, _)| already.standing(key)).filter(|standing| standing.open);
        told.max_by(|a, b| {
            (a.severity, b.opened_at, &b.opened_by).cmp(&(b.severity, a.opened_at, &a.opened_by))
        })
    }

    /// The story that a finding belongs to and that people were told at its severity or a higher one.
    pub(crate) fn told_story_of(&self, finding: &Finding, already: &Ledger) -> Option<&str> {
        let member = Trace::of(finding);
        let covers = |key: &String| already.standing(key).covers(member.severity);
        let stories = self.0.iter().filter(|(_, trace)| trace.holds(&member));
        stories.map(|(key, _)| key).find(|key| covers(key)).map(String::as_str)
    }
}

impl Trace {
    fn of(finding: &Finding) -> Trace {
        let members = finding.members();
        let secret = finding.secret_name.clone().map(|name| (finding.account_id.clone(), name));
        let beside = BESIDE.iter().filter(|_| !members.is_empty()).filter_map(|key| finding.detail_of(key));
        let beside = beside.filter_map(|named| named.as_str().map(str::to_owned));
        Trace {
            rule: finding.rule.clone(),
            severity: finding.severity,
            principals: finding.principal.iter().cloned().chain(beside).collect(),
            secret,
            start: finding.window_start,
            end: finding.window_end,
            members,
        }
    }

    /// Whether the other is a member of this story.
    fn holds(&self, other: &Trace) -> bool {
        let one_principal = self.principals.iter().any(|principal| other.principals.contains(principal));
        let one_secret = self.secret.is_some() && self.secret == other.secret;
        let reach = |time: Timestamp| time.saturating_add(STORY_GAP).unwrap_or(Timestamp::MAX);
        self.members.contains(&other.rule)
            && (one_principal || one_secret)
            && other.start <= reach(self.end)
            && self.start <= reach(other.end)
    }
}
