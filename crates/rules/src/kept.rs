//! What can still be judged in a lake that lets old days go.
//!
//! A finding is a function of the events of its window and of its rule's history before it. Once some of these are gone,
//! nothing that a rule says about that time can be trusted: what it misses may have happened, what it finds may be new only
//! to the lake. So such findings stay as they were found, for ever; and a lake may not keep less than what a finding of
//! today stands on.

use jiff::{SignedDuration, Timestamp};
use snowtrail_model::{Finding, Policy};

use crate::scope::Reach;
use crate::set::RuleSet;

/// From when on a lake has all events, and how far rules look back.
#[derive(Clone, Copy)]
pub struct Kept<'r> {
    from: Option<Timestamp>,
    rules: &'r RuleSet,
    policy: &'r Policy,
}

/// A rule and how long events must be kept for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// Id of the rule.
    pub rule: String,
    /// Its window and its history together.
    pub reach: SignedDuration,
}

impl<'r> Kept<'r> {
    /// `from` is the beginning of the first day that is kept, UTC; none where all are.
    pub fn new(from: Option<Timestamp>, rules: &'r RuleSet, policy: &'r Policy) -> Kept<'r> {
        Kept { from, rules, policy }
    }

    /// Whether all of a finding's ground is there.
    pub fn judges(&self, finding: &Finding) -> bool {
        let Some(from) = self.from else { return true };
        let rule = self.rules.rules.get(&finding.rule);
        let history = rule.map_or(SignedDuration::ZERO, |rule| Reach::of(rule, self.policy).history);
        finding.window_start.saturating_sub(history).unwrap_or(Timestamp::MIN) >= from
    }
}

/// The enabled rule that looks back furthest; none where no rule is enabled.
pub fn furthest(rules: &RuleSet, policy: &Policy) -> Option<Needs> {
    let enabled = rules.rules.iter().filter(|(id, _)| policy.rule_settings(id).enabled);
    let needs = enabled.map(|(id, rule)| Needs { rule: id.clone(), reach: Reach::of(rule, policy).whole() });
    needs.max_by_key(|needs| needs.reach)
}

#[cfg(test)]
mod tests {
    use snowtrail_model::{FindingState, Severity};

    use super::*;

    fn finding(rule: &str, window_start: &str) -> Finding {
        let at: Timestamp = window_start.parse().expect("a time");
        Finding {
            rule: rule.to_owned(),
            severity: Severity::Low,
            key: format!("{rule}:x"),
            state: FindingState::Open,
            revision: 1,
            title: String::new(),
            summary: String::new(),
            account_id: None,
            aws_region: None,
            secret_arn: None,
            secret_name: None,
            principal: None,
            actor: None,
            window_start: at,
            window_end: at,
            observed: String::new(),
            expected: String::new(),
            evidence: Vec::new(),
            detail: "{}".to_owned(),
            found_at: at,
        }
    }

    #[test]
    fn finding_whose_history_begins_before_the_first_kept_day_is_not_judged() {
        let (rules, policy) = (RuleSet::shipped().expect("the shipped rules"), Policy::default());
        let from = Some("2026-06-01T00:00:00Z".parse().expect("a time"));
        let kept = Kept::new(from, &rules, &policy);
        // secret-read-spike looks 35 days back.
        assert!(!kept.judges(&finding("secret-read-spike", "2026-07-05T23:00:00Z")));
        assert!(kept.judges(&finding("secret-read-spike", "2026-07-06T00:00:00Z")));
        assert!(kept.judges(&finding("a rule that is gone", "2026-06-01T00:00:00Z")));
        assert!(!kept.judges(&finding("a rule that is gone", "2026-05-31T23:59:59Z")));
        let all = Kept::new(None, &rules, &policy);
        assert!(all.judges(&finding("secret-read-spike", "2020-01-01T00:00:00Z")));
    }

    #[test]
    fn furthest_rule_is_named_and_a_disabled_one_needs_nothing() {
        let rules = RuleSet::shipped().expect("the shipped rules");
        let needs = furthest(&rules, &Policy::default()).expect("a rule");
        let longest =
            rules.rules.values().map(|rule| rule.header.window.saturating_add(rule.header.history)).max();
        assert_eq!(Some(needs.reach), longest);
        let without = rules.only(|id| id != needs.rule);
        assert_ne!(furthest(&without, &Policy::default()).expect("a rule").rule, needs.rule);
    }
}
