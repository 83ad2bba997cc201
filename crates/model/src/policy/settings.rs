//! `[rules."id"]` and `[secrets.parameters."id"]`: a rule's parameters as the policy sets them, for all secrets or for
//! those of one contract, checked against what the rule declares.
//!
//! The rules themselves are files that this crate does not read; the caller says which there are.

use super::document::{Field, Section};
use super::error::{Complaint, suggestion};
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// The key that every rule has beside its parameters.
const ENABLED: &str = "enabled";

/// A rule that exists, and what can be set on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleParameters {
    /// The rule's id.
    pub id: String,
    /// Its parameters.
    pub parameters: Vec<RuleParameter>,
}

/// One parameter of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleParameter {
    /// Its name, without `$`.
    pub name: String,
    /// What may be written.
    pub kind: ParameterKind,
    /// Whether a contract may set it for its own secrets.
    pub per_secret: bool,
}

/// Types of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParameterKind {
    /// A whole number.
    Int,
    /// A number; a whole one will do.
    Float,
    /// Text.
    Text,
    /// True or false.
    Bool,
    /// A duration such as `35d`.
    Duration,
}

/// A parameter's value.
#[derive(Debug, Clone, PartialEq)]
pub enum ParameterValue {
    /// A whole number.
    Int(i64),
    /// A finite number.
    Float(f64),
    /// Text.
    Text(String),
    /// True or false.
    Bool(bool),
    /// A duration.
    Duration(SignedDuration),
}

/// What the policy says about one rule.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSettings {
    /// Whether the rule runs.
    pub enabled: bool,
    /// The parameters that were set, by name.
    pub parameters: BTreeMap<String, ParameterValue>,
}

impl Default for RuleSettings {
    fn default() -> RuleSettings {
        RuleSettings { enabled: true, parameters: BTreeMap::new() }
    }
}

/// Refuses ids of rules that do not exist.
pub(super) fn rule_id(text: &str, known: &[RuleParameters]) -> Result<String, Complaint> {
    if known.iter().any(|rule| rule.id == text) {
        return Ok(text.to_owned());
    }
    let ids = known.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>();
    let message = format!("there is no rule `{}`", text.escape_debug());
    Err(Complaint { message, hint: suggestion(text, &ids) })
}

pub(super) fn read(section: Section<'_>, known: &[RuleParameters]) -> BTreeMap<String, RuleSettings> {
    by_rule(section, known, settings)
}

/// What a contract sets for its own secrets: by rule, then by parameter.
pub(super) fn read_per_secret(
    section: Section<'_>,
    known: &[RuleParameters],
) -> BTreeMap<String, BTreeMap<String, ParameterValue>> {
    by_rule(section, known, per_secret)
}

/// One value for each rule that a section names; others are refused.
fn by_rule<T>(
    section: Section<'_>,
    known: &[RuleParameters],
    of: impl Fn(&Field<'_>, &RuleParameters) -> Option<T>,
) -> BTreeMap<String, T> {
    let one = |(id, field): (String, Field<'_>)| match rule_id(&id, known) {
        Ok(id) => {
            let rule = known.iter().find(|rule| rule.id == id)?;
            Some((id, of(&field, rule)?))
        }
        Err(complaint) => {
            field.complain(complaint);
            None
        }
    };
    section.entries().into_iter().filter_map(one).collect()
}

fn per_secret(field: &Field<'_>, rule: &RuleParameters) -> Option<BTreeMap<String, ParameterValue>> {
    let mut set = BTreeMap::new();
    for (name, value) in field.section()?.entries() {
        match rule.parameters.iter().find(|parameter| parameter.name == name) {
            Some(parameter) if parameter.per_secret => {
                set.extend(parameter_value(&value, parameter.kind).map(|value| (name, value)));
            }
            Some(_) => value.complain(for_all_only(&name, rule)),
            None => value.complain(unknown_per_secret(&name, rule)),
        }
    }
    Some(set)
}

fn for_all_only(name: &str, rule: &RuleParameters) -> Complaint {
    let message = format!("parameter `{name}` of rule `{}` cannot be set for single secrets", rule.id);
    Complaint::new(message).hint(format!("set it for all of them, under [rules.\"{}\"]", rule.id))
}

fn unknown_per_secret(name: &str, rule: &RuleParameters) -> Complaint {
    let per_secret = rule.parameters.iter().filter(|parameter| parameter.per_secret);
    let known = per_secret.map(|parameter| parameter.name.as_str()).collect::<Vec<_>>();
    let message = match known.is_empty() {
        true => format!("rule `{}` has no parameter that can be set for single secrets", rule.id),
        false => format!("rule `{}` has no parameter `{}`", rule.id, name.escape_debug()),
    };
    Complaint { message, hint: suggestion(name, &known) }
}

fn settings(field: &Field<'_>, rule: &RuleParameters) -> Option<RuleSettings> {
    let mut settings = RuleSettings::default();
    for (name, value) in field.section()?.entries() {
        match rule.parameters.iter().find(|parameter| parameter.name == name) {
            Some(parameter) => {
                settings
                    .parameters
                    .extend(parameter_value(&value, parameter.kind).map(|value| (name, value)));
            }
            None if name == ENABLED => settings.enabled = value.boolean().unwrap_or(true),
            None => value.complain(unknown_parameter(&name, rule)),
        }
    }
    Some(settings)
}

fn unknown_parameter(name: &str, rule: &RuleParameters) -> Complaint {
    let names = rule.parameters.iter().map(|parameter| parameter.name.as_str());
    let known = names.chain([ENABLED]).collect::<Vec<_>>();
    let message = format!("rule `{}` has no parameter `{}`", rule.id, name.escape_debug());
    Complaint { message, hint: suggestion(name, &known) }
}

fn parameter_value(field: &Field<'_>, kind: ParameterKind) -> Option<ParameterValue> {
    match kind {
        ParameterKind::Int => field.integer().map(ParameterValue::Int),
        ParameterKind::Float => field.float().map(ParameterValue::Float),
        ParameterKind::Text => field.text().map(|text| ParameterValue::Text(text.to_owned())),
        ParameterKind::Bool => field.boolean().map(ParameterValue::Bool),
        ParameterKind::Duration => field.duration().map(ParameterValue::Duration),
    }
}
