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
    touched: Touched,
    woken: BTreeMap<&'g str, Woken>,
    /// Principals of which not everything is in sight that some rule looks at, and from when on it is.
    busy: BTreeMap<Option<String>, Timestamp>,
}

/// The findings that a tick spoke for: whether they hold or not, it knew by the events that it saw.
#[derive(Debug, Clone, Default)]
pub struct Spoken {
    touched: Touched,
    rules: BTreeMap<String, Woken>,
    busy: BTreeMap<Option<String>, Timestamp>,
}

impl Spoken {
    /// Whether it spoke for a finding.
    pub fn holds(&self, finding: &Finding) -> bool {
        let woken = self.rules.get(&finding.rule);
        woken.is_some_and(|woken| woken.asks(finding, &self.touched, &self.busy))
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

impl Woken {
    /// Whether a finding of this rule may have changed, and can be judged by what is in sight.
    fn asks(&self, finding: &Finding, touched: &Touched, busy: &BTreeMap<Option<String>, Timestamp>) -> bool {
        let sees = self.scope != Scope::Principal
            || busy.get(&principal_of(finding)).is_none_or(|seen_since| *seen_since <= self.since);
        sees && finding.window_end > self.ended_after && touched.holds(self.scope, finding)
    }
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
        let mut question = Question { ground: *ground, touched, woken, busy: BTreeMap::new() };
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

    /// From when on each rule needs the events of the touched principals, furthest back first.
    pub(super) fn sinces(&self) -> BTreeSet<Timestamp> {
        let by_principal = self.woken.values().filter(|woken| woken.scope == Scope::Principal);
        by_principal.map(|woken| woken.since).collect()
    }

    /// Of this principal only what happened since a time is in sight, or nothing at all: rules that look further back do not
    /// judge it.
    pub(super) fn sees_only(&mut self, principal: Option<String>, since: Option<Timestamp>) {
        match since {
            Some(since) => self.busy.insert(principal, since).map(drop),
            None => self.touched.principals.take(&principal).map(drop),
        };
    }

    /// Nobody is in sight.
    pub(super) fn sees_nothing(&mut self) {
        self.touched.principals.clear();
    }

    /// The principals that are seen only since a time.
    pub(super) fn busy(&self) -> &BTreeMap<Option<String>, Timestamp> {
        &self.busy
    }

    /// What it spoke for, once evaluated.
    pub(super) fn spoken(&self, evaluation: &Evaluation, unclear: &BTreeSet<String>) -> Spoken {
        let ran = evaluation.ran.iter().filter(|id| !unclear.contains(*id));
        let rules = ran.filter_map(|id| Some((id.clone(), *self.woken.get(id.as_str())?))).collect();
        Spoken { touched: self.touched.clone(), rules, busy: self.busy.clone() }
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
        woken.is_some_and(|woken| woken.asks(finding, &self.touched, &self.busy))
    }

    /// Rules with a finding in question, stored or found now, of whose time not everything is in sight.
    pub(super) fn unclear(&self, evaluation: &Evaluation, seen_since: Timestamp) -> BTreeSet<String> {
        let stored = self.ground.stored.values().filter(|f| f.state == FindingState::Open);
        let in_question = stored.chain(&evaluation.findings).filter(|f| self.holds(f));
        let unclear = in_question.filter(|finding| {
            let woken = self.woken.get(finding.rule.as_str()).filter(|w| w.scope == Scope::Principal);
            let seen_since = self.busy.get(&principal_of(finding)).copied().unwrap_or(seen_since);
            woken.is_some_and(|woken| before(finding.window_start, woken.reach.history) < seen_since)
        });
        unclear.map(|finding| finding.rule.clone()).collect()
    }
}

/// As events name it; none where they do not.
fn principal_of(finding: &Finding) -> Option<String> {
    finding.principal.clone().filter(|principal| principal != UNKNOWN_PRINCIPAL)
}
