//! Which findings a tick speaks for: of which rules, of which entities, from when on.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use snowtrail_model::{Finding, FindingState};

use super::{Ground, LATE_MAX, MARGIN, before};
use crate::engine::{Evaluation, RULE_FAILED};
use crate::scope::{Reach, Scope, Touched};
use crate::set::RuleSet;

/// The rules that new events wake, and which of their findings may have changed.
pub(super) struct Question<'g> {
    ground: Ground<'g>,
    touched: Touched,
    woken: BTreeMap<&'g str, Woken>,
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
                (header.id.as_str(), Woken { scope: header.scope, reach, ended_after, since })
            })
            .collect();
        let mut question = Question { ground: *ground, touched, woken };
        question.look_back();
        question
    }

    /// One rule, whose findings about these entities are in question from the beginning of time, and which sees what is
    /// in its scope since a time.
    pub(super) fn trial(ground: &Ground<'g>, touched: Touched, id: &str, since: Timestamp) -> Question<'g> {
        let all = Question::new(ground, touched);
        let mut woken = all.woken;
        woken.retain(|rule, _| *rule == id);
        for woken in woken.values_mut().filter(|woken| woken.scope == Scope::Principal) {
            (woken.ended_after, woken.since) = (Timestamp::MIN, since);
            // Whether all of its time is in sight is what the trial is about.
            woken.reach.history = SignedDuration::ZERO;
        }
        Question { woken, ..all }
    }

    /// A finding that is open and began earlier than its rule's window says (a burst that goes on for days) must be
    /// seen from its beginning.
    fn look_back(&mut self) {
        let stored = self.ground.stored;
        let open = stored.values().filter(|f| f.state == FindingState::Open && self.holds(f));
        for finding in open.collect::<Vec<_>>() {
            if let Some(woken) = self.woken.get_mut(finding.rule.as_str())
                && woken.scope == Scope::Principal
            {
                woken.since = woken.since.min(before(finding.window_start, woken.reach.history));
            }
        }
    }

    pub(super) fn touched(&self) -> &Touched {
        &self.touched
    }

    /// From when on the events of the touched principals are needed.
    pub(super) fn since(&self) -> Timestamp {
        self.woken.values().map(|woken| woken.since).min().unwrap_or(self.ground.now)
    }

    /// Leaves out the rules that look furthest back; says which.
    pub(super) fn give_way(&mut self) -> Vec<String> {
        let since = self.since();
        let is_furthest = |woken: &Woken| woken.scope == Scope::Principal && woken.since == since;
        let furthest = self.woken.extract_if(.., |_, woken| is_furthest(woken));
        furthest.map(|(id, _)| id.to_owned()).collect()
    }

    /// The rules to run.
    pub(super) fn rules(&self) -> RuleSet {
        self.ground.rules.only(|id| self.woken.contains_key(id))
    }

    /// Whether a finding may have changed.
    pub(super) fn holds(&self, finding: &Finding) -> bool {
        if finding.rule == RULE_FAILED {
            // A failure is told at once; only a whole evaluation knows that it is over.
            return !self.ground.stored.get(&finding.key).is_some_and(|f| f.state == FindingState::Open);
        }
        let woken = self.woken.get(finding.rule.as_str());
        woken.is_some_and(|woken| {
            finding.window_end > woken.ended_after && self.touched.holds(woken.scope, finding)
        })
    }

    /// Rules with a finding in question, stored or found now, of whose time not everything is in sight.
    pub(super) fn unclear(&self, evaluation: &Evaluation, seen_since: Timestamp) -> BTreeSet<String> {
        let stored = self.ground.stored.values().filter(|f| f.state == FindingState::Open);
        let in_question = stored.chain(&evaluation.findings).filter(|f| self.holds(f));
        let unclear = in_question.filter(|finding| {
            let woken = self.woken.get(finding.rule.as_str()).filter(|w| w.scope == Scope::Principal);
            woken.is_some_and(|woken| before(finding.window_start, woken.reach.history) < seen_since)
        });
        unclear.map(|finding| finding.rule.clone()).collect()
    }
}
