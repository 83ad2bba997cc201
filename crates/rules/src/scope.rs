//! What one finding of a rule is made of: which events can change it, and so which findings a new event can touch.
//!
//! A rule's header declares it (`scope = "principal"`); without a word it is [`Scope::All`], which is always right. A
//! narrower scope is a promise: *a finding is a function of the events in its scope, of what is known of all others
//! ([`crate::Knowledge`]), of the policy and of `now`; and an event changes no finding whose window ended more than one
//! `window` before it, or began more than `history` after it* (the latter only where the scope is a principal: landmarks
//! are all at hand). `rules check` refuses what the promise visibly breaks, `rules test` tries each fixture in scope,
//! and a property test deals the fixtures out and compares with whole evaluations.
//!
//! Why the promise can hold for the views: a row of `reads`, `activity` or `denied_reads` is made of the events of one
//! principal, except that (1) the name it bears is resolved by all sights of its ARN, which are known; (2) a read
//! during a rotation is told by `rotation_spans`, which is made of landmarks; (3) a copy of a cross-account call in the
//! owner's account falls to the caller's, which is fetched with it. Whatever else a rule joins is its author's to think
//! through.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use snowtrail_model::Finding;
use snowtrail_model::Policy;
use snowtrail_model::policy::ParameterValue;

use jiff::SignedDuration;

use crate::set::Rule;

/// What rules write as the principal of calls that have none.
pub const UNKNOWN_PRINCIPAL: &str = "unknown";

/// What one finding of a rule is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Anything. Only whole evaluations judge such a rule.
    #[default]
    All,
    /// The events of the finding's principal within window and history, and landmarks.
    Principal,
    /// The landmarks (see the view `watched`) that name the finding's secret, of whatever age.
    Secret,
    /// Landmarks, whatever they name, of whatever age.
    Landmarks,
}

impl Scope {
    /// All of them, widest first.
    pub const ALL: [Scope; 4] = [Scope::All, Scope::Landmarks, Scope::Secret, Scope::Principal];

    /// The word in a header.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::All => "all",
            Scope::Principal => "principal",
            Scope::Secret => "secret",
            Scope::Landmarks => "landmarks",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Scope, String> {
        let known = Scope::ALL.into_iter().find(|scope| scope.as_str() == text);
        known.ok_or_else(|| format!("`{text}` is no scope; use all, principal, secret or landmarks"))
    }
}

/// The entities that new events touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// Principals that acted, or whose rotations changed; none stands for calls without a principal.
    pub principals: BTreeSet<Option<String>>,
    /// Names of secrets that landmarks name, each under every name that its spelling may mean.
    pub secrets: BTreeSet<String>,
    /// Whether there are landmarks at all.
    pub landmarks: bool,
}

impl Touched {
    /// Whether a rule's findings can have changed.
    pub fn wakes(&self, scope: Scope) -> bool {
        match scope {
            Scope::All => false,
            Scope::Principal => !self.principals.is_empty(),
            Scope::Secret => !self.secrets.is_empty(),
            Scope::Landmarks => self.landmarks,
        }
    }

    /// Whether a finding of a rule of this scope is made of something that was touched.
    pub fn holds(&self, scope: Scope, finding: &Finding) -> bool {
        match scope {
            Scope::All => false,
            Scope::Principal => {
                let named = finding.principal.as_deref().filter(|principal| *principal != UNKNOWN_PRINCIPAL);
                self.principals.contains(&named.map(str::to_owned))
            }
            Scope::Secret => finding.secret_name.as_ref().is_some_and(|name| self.secrets.contains(name)),
            Scope::Landmarks => self.landmarks,
        }
    }
}

/// How far a rule looks, with the policy's values: the header's window and history, each longer by what the policy adds
/// to the rule's durations, for all secrets or for those of the contract that adds most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Length of the time that one finding covers.
    pub window: SignedDuration,
    /// How far before its window an event can influence a finding.
    pub history: SignedDuration,
}

impl Reach {
    /// The reach of a rule under a policy.
    pub fn of(rule: &Rule, policy: &Policy) -> Reach {
        let id = &rule.header.id;
        let for_all = policy.rule_settings(id).parameters;
        let for_some = || policy.secrets.iter().filter_map(|entry| entry.parameters.get(id));
        let longer = rule.header.parameters.iter().map(|(name, parameter)| {
            let ParameterValue::Duration(default) = parameter.default else { return SignedDuration::ZERO };
            let set = for_all.get(name).into_iter().chain(for_some().filter_map(|set| set.get(name)));
            let set = set.filter_map(|value| match value {
                ParameterValue::Duration(now) => Some(*now - default),
                _ => None,
            });
            set.fold(SignedDuration::ZERO, SignedDuration::max)
        });
        let longer = longer.fold(SignedDuration::ZERO, SignedDuration::saturating_add);
        Reach {
            window: rule.header.window.saturating_add(longer),
            history: rule.header.history.saturating_add(longer),
        }
    }

    /// Window and history together.
    pub fn whole(self) -> SignedDuration {
        self.window.saturating_add(self.history)
    }
}
