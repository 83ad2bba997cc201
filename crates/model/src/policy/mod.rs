//! The policy file: what an organization declares about its secrets, its people, its hours and its pages.
//!
//! [`Policy::parse`] reads the TOML strictly (an unknown key is an error that names the nearest known one) and
//! reports everything that is wrong at once; [`Policy::default`] is what holds where there is no file. Only the
//! resolved form travels: patterns are compiled, times are instants, defaults are filled in.
//!
//! Reading order: `resolve` (from text to policy), `document` (the text as a tree), then the parts: secrets,
//! calendar, settings, pages, publish; `glob`, `duration` and `shapes` are the small grammars. Files are read by the
//! caller; what the patterns match in a lake is worked out by the rules crate.

mod calendar;
mod document;
mod duration;
mod error;
mod glob;
mod pages;
mod publish;
mod resolve;
mod secrets;
mod settings;
mod shapes;
#[cfg(test)]
mod tests;

pub use calendar::{BusinessHours, Calendar, ClockTime, SLOT_SECONDS, Slot};
pub use duration::{DURATION_DAYS_MAX, format_duration, parse_duration};
pub use error::{PROBLEMS_MAX, PolicyError, Problem, suggestion};
pub use glob::{GLOB_BYTES_MAX, Glob};
pub use pages::{MessageFormat, PagesPolicy, REMIND_MAX_MAX, REMIND_SECS_MIN};
pub use publish::PublishTarget;
pub use resolve::POLICY_BYTES_MAX;
pub use secrets::{QuietHours, Role, SecretEntry, SecretKind, Sensitivity};
pub use settings::{ParameterKind, ParameterValue, RuleParameter, RuleParameters, RuleSettings};

use crate::{Inventory, Severity};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Everything that the policy file says, ready for use. The default is no file: baselines and defaults carry the load.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    /// Accounts and regions that must be heard from, and where its secrets are listed.
    pub organization: Organization,
    /// The secrets that those files list. Reading a policy leaves it empty: whoever reads files fills it.
    pub inventory: Inventory,
    /// When the organization works.
    pub calendar: Calendar,
    /// Principals that count as persons, beside those that the views recognize by themselves.
    pub humans: Vec<Glob>,
    /// Contracts, in the order of the file: the first that selects a secret is its contract.
    pub secrets: Vec<SecretEntry>,
    /// Planned work.
    pub windows: Vec<Window>,
    /// What must never go quiet.
    pub trail: TrailPolicy,
    /// How pages look, and how often people are reminded.
    pub pages: PagesPolicy,
    /// What is recorded without a page.
    pub suppressions: Vec<Suppression>,
    /// Who hears of what; the first that fits.
    pub routes: Vec<Route>,
    /// Settings of rules, by rule id; rules that are not named here have the default.
    pub rules: BTreeMap<String, RuleSettings>,
}

/// `[organization]`, without its hours, which are the [`Calendar`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Organization {
    /// Account ids; empty means that none were declared.
    pub accounts: Vec<String>,
    /// Region codes; empty means that none were declared.
    pub regions: Vec<String>,
    /// Files with the output of `aws secretsmanager list-secrets`, as written; relative to the policy's folder.
    pub inventory: Vec<String>,
}

/// `[[windows]]`: planned work of some principals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Whose.
    pub principals: Vec<Glob>,
    /// From when, inclusive.
    pub from: Timestamp,
    /// To when, exclusive.
    pub to: Timestamp,
    /// Why, for whoever reviews the silence.
    pub reason: String,
}

/// `[trail]`: the pipeline's own parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrailPolicy {
    /// How long an account and region may be silent.
    pub heartbeat: Option<SignedDuration>,
    /// ARNs whose change or loss blinds the trail.
    pub protect: Vec<Glob>,
}

/// `[[suppressions]]`: findings that are recorded but not paged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// Of which rule.
    pub rule: String,
    /// About which secrets; absent means all findings of the rule.
    pub name: Option<Glob>,
    /// When it expires, exclusive. A date in the file lasts to the end of that local day.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// `[[routes]]`: where some findings' pages go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// For secrets of which owner; absent means any, and none.
    pub owner: Option<Glob>,
    /// From which severity.
    pub min_severity: Severity,
    /// For which rule; absent means all.
    pub rule: Option<String>,
    /// In which accounts; empty means all.
    pub accounts: Vec<String>,
    /// Where to.
    pub publish: PublishTarget,
    /// In which form; absent where another route to the same place says it, or else as all pages. Routes to one
    /// place never disagree.
    pub format: Option<MessageFormat>,
}

impl Policy {
    /// Reads a policy. `file` only names it in errors; `known_rules` are the rules that exist.
    pub fn parse(text: &str, file: &str, known_rules: &[RuleParameters]) -> Result<Policy, PolicyError> {
        resolve::parse(text, file, known_rules)
    }

    /// The contract of a secret and its place in the file: the first entry that selects it.
    pub fn entry_for(
        &self,
        account_id: &str,
        aws_region: &str,
        secret_name: &str,
        tags: &[(String, String)],
    ) -> Option<(usize, &SecretEntry)> {
        let mut entries = self.secrets.iter().enumerate();
        entries.find(|(_, entry)| entry.selects(account_id, aws_region, secret_name, tags))
    }

    /// Whether the policy declares the principal to be a person. Who is one by its shape (SSO roles, users with a
    /// console session) is the business of the view `principals`.
    pub fn is_person(&self, principal: &str) -> bool {
        self.humans.iter().any(|glob| glob.matches(principal))
    }

    /// The settings of a rule; the default ones where the policy names none.
    pub fn rule_settings(&self, rule: &str) -> RuleSettings {
        self.rules.get(rule).cloned().unwrap_or_default()
    }

    /// The planned window that holds `at`, if `principal` has one.
    pub fn planned(&self, principal: &str, at: Timestamp) -> Option<&Window> {
        self.windows.iter().find(|window| window.is_for(principal) && window.from <= at && at < window.to)
    }

    /// The planned window that holds all of `from` to `to` (exclusive), if `principal` has one. What only starts
    /// or ends in a window did not happen within the plan.
    pub fn planned_throughout(&self, principal: &str, from: Timestamp, to: Timestamp) -> Option<&Window> {
        let holds = |window: &&Window| window.from <= from && from < window.to && to <= window.to;
        self.windows.iter().find(|window| holds(window) && window.is_for(principal))
    }

    /// The suppression that covers a finding of `rule` about `secret_name` at `at`. A suppression with a pattern
    /// covers no finding without a secret, unless the pattern is `*`.
    pub fn suppressed(&self, rule: &str, secret_name: Option<&str>, at: Timestamp) -> Option<&Suppression> {
        let name = secret_name.unwrap_or_default();
        let about =
            |suppression: &Suppression| suppression.name.as_ref().is_none_or(|glob| glob.matches(name));
        self.suppressions.iter().find(|one| one.rule == rule && at < one.until && about(one))
    }

    /// Where a page goes by the routes; none means to the place that the command names.
    pub fn route(
        &self,
        owner: Option<&str>,
        severity: Severity,
        rule: &str,
        account_id: Option<&str>,
    ) -> Option<&PublishTarget> {
        let fits = |route: &&Route| {
            route.min_severity <= severity
                && route.owner.as_ref().is_none_or(|glob| owner.is_some_and(|owner| glob.matches(owner)))
                && route.rule.as_deref().is_none_or(|id| id == rule)
                && (route.accounts.is_empty()
                    || route.accounts.iter().any(|id| Some(id.as_str()) == account_id))
        };
        self.routes.iter().find(fits).map(|route| &route.publish)
    }

    /// The form of the messages to a place: its routes' own, or else that of all pages. A place has one form,
    /// whichever finding brings a page there, because its subscribers read only one.
    pub fn format_of(&self, target: &PublishTarget) -> MessageFormat {
        let own = self.routes.iter().filter(|route| route.publish == *target).find_map(|route| route.format);
        own.unwrap_or(self.pages.format)
    }
}

impl Window {
    fn is_for(&self, principal: &str) -> bool {
        self.principals.iter().any(|glob| glob.matches(principal))
    }
}
