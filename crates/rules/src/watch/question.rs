//! Which findings a tick speaks for: of which rules, of which entities, from when on.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use snowtrail_model::{Finding, FindingState};

use super::{Ground, LATE_MAX, MARGIN, before};
use crate::engine::{Evaluation, RULE_FAILED};
use crate::scope::{Reach, Scope, Touched, UNKNOWN_PRINCIPAL};
use crate::set::RuleSet;

/// The rules that new events wake, and which of their findings may have changed.
pub(super) struct Question<'g> {
    ground: Ground<'g>,
    asked: Spoken,
}

/// The findings that a tick speaks for: whether they hold or not, it knows by the events that it sees.
#[derive(Debug, Clone, Default)]
pub struct Spoken {
    touched: Touched,
    woken: BTreeMap<String, Woken>,
    /// Principals of which not everything is in sight that some rule looks at, and from when on it is.
    busy: BTreeMap<Option<String>, Timestamp>,
}

impl Spoken {
    /// Whether a finding may have changed, and can be judged by what is in sight.
    pub fn holds(&self, finding: &Finding) -> bool {
        let Some(woken) = self.woken.get(&finding.rule) else { return false };
        let sees = woken.scope != Scope::Principal
            || self.busy.get(&principal_of(finding)).is_none_or(|seen_since| *seen_since <= woken.since);
        sees && finding.window_end > woken.ended_after && self.touched.holds(woken.scope, finding)
    }
}

/// One rule.
#[derive(Debug, Clone, Copy)]
struct Woken {
    scope: Scope,
    reach: Reach,
    /// Findings whose window ended by then cannot have changed.
    ended_after: Timestamp,
    /// What it has to see, from then on.
    since: Timestamp,
}

impl<'g> Question<'g> {
    pub(super) fn new(ground: &Ground<'g>, touched: Touched) -> Question<'g> {
        let is_enabled = |id: &str| ground.policy.rule_settings(id).enabled;
        let rules = ground.rules.rules.values().map(|rule| (rule, &rule.header));
        let woken = rules
            .filter(|(_, header)| touched.wakes(header.scope) && is_enabled(&header.id))
            .map(|(rule, header)| {
                let reach = Reach::of(rule, ground.policy);
                let ended_after = match header.scope {
                    Scope::Principal => {
                        before(ground.now, LATE_MAX.saturating_add(MARGIN).saturating_add(reach.window))
                    }
                    // Landmarks are all in sight, whatever their age.
                    _ => Timestamp::MIN,
                };
                let since = match header.scope {
                    Scope::Principal => before(ended_after, reach.whole()),
                    _ => ground.now,
                };
                (header.id.clone(), Woken { scope: header.scope, reach, ended_after, since })
            })
            .collect();
        let asked = Spoken { touched, woken, busy: BTreeMap::new() };
        let mut question = Question { ground: *ground, asked };
        question.look_back();
        question
    }

    /// One rule, whose findings about these entities are in question from the beginning of time, and which sees what is
    /// in its scope since a time.
    pub(super) fn trial(ground: &Ground<'g>, touched: Touched, id: &str, since: Timestamp) -> Question<'g> {
        let mut question = Question::new(ground, touched);
        let woken = &mut question.asked.woken;
        woken.retain(|rule, _| *rule == id);
        for woken in woken.values_mut().filter(|woken| woken.scope == Scope::Principal) {
            (woken.ended_after, woken.since) = (Timestamp::MIN, since);
            // Whether all of its time is in sight is what the trial is about.
            woken.reach.history = SignedDuration::ZERO;
        }
        question
    }

    /// A finding that is open and began earlier than its rule's window says (a burst that goes on for days) must be
    /// seen from its beginning.
    fn look_back(&mut self) {
        let stored = self.ground.stored;
        let open = stored.values().filter(|f| f.state == FindingState::Open && self.holds(f));
        for finding in open.collect::<Vec<_>>() {
            if let Some(woken) = self.asked.woken.get_mut(finding.rule.as_str())
                && woken.scope == Scope::Principal
            {
                woken.since = woken.since.min(before(finding.window_start, woken.reach.history));
            }
        }
    }

    pub(super) fn touched(&self) -> &Touched {
        &self.asked.touched
    }

    /// From when on the events of the touched principals are needed.
    pub(super) fn since(&self) -> Timestamp {
        self.asked.woken.values().map(|woken| woken.since).min().unwrap_or(self.ground.now)
    }

    /// From when on each rule needs the events of the touched principals, furthest back first.
    pub(super) fn sinces(&self) -> BTreeSet<Timestamp> {
        let by_principal = self.asked.woken.values().filter(|woken| woken.scope == Scope::Principal);
        by_principal.map(|woken| woken.since).collect()
    }

    /// Of this principal only what happened since a time is in sight, or nothing at all: rules that look further back do not
    /// judge it.
    pub(super) fn sees_only(&mut self, principal: Option<String>, since: Option<Timestamp>) {
        match since {
            Some(since) => self.asked.busy.insert(principal, since).map(drop),
            None => self.asked.touched.principals.take(&principal).map(drop),
        };
    }

    /// Nobody is in sight.
    pub(super) fn sees_nothing(&mut self) {
        self.asked.touched.principals.clear();
    }

    /// The principals that are seen only since a time.
    pub(super) fn busy(&self) -> &BTreeMap<Option<String>, Timestamp> {
        &self.asked.busy
    }

    /// What it spoke for, once evaluated.
    pub(super) fn spoken(&self, evaluation: &Evaluation, unclear: &BTreeSet<String>) -> Spoken {
        let mut spoken = self.asked.clone();
        spoken.woken.retain(|id, _| evaluation.ran.contains(id) && !unclear.contains(id));
        spoken
    }

    /// The rules to run.
    pub(super) fn rules(&self) -> RuleSet {
        self.ground.rules.only(|id| self.asked.woken.contains_key(id))
    }

    /// Whether a finding may have changed.
    pub(super) fn holds(&self, finding: &Finding) -> bool {
        if finding.rule == RULE_FAILED {
            // A failure is told at once; only a whole evaluation knows that it is over.
            return !self.ground.stored.get(&finding.key).is_some_and(|f| f.state == FindingState::Open);
        }
        self.asked.holds(finding)
    }

    /// Rules with a finding in question, stored or found now, of whose time not everything is in sight.
    pub(super) fn unclear(&self, evaluation: &Evaluation, seen_since: Timestamp) -> BTreeSet<String> {
        let stored = self.ground.stored.values().filter(|f| f.state == FindingState::Open);
        let in_question = stored.chain(&evaluation.findings).filter(|f| self.holds(f));
        let unclear = in_question.filter(|finding| {
            let woken = self.asked.woken.get(finding.rule.as_str()).filter(|w| w.scope == Scope::Principal);
            let seen_since = self.asked.busy.get(&principal_of(finding)).copied().unwrap_or(seen_since);
            woken.is_some_and(|woken| before(finding.window_start, woken.reach.history) < seen_since)
        });
        unclear.map(|finding| finding.rule.clone()).collect()
    }
}

/// As events name it; none where they do not.
fn principal_of(finding: &Finding) -> Option<String> {
    finding.principal.clone().filter(|principal| principal != UNKNOWN_PRINCIPAL)
}
