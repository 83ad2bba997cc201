//! A rule file's header: TOML in the leading comment lines, strict.
//!
//! ```sql
//! -- id = "rotation-failed"
//! -- title = "A rotation failed"
//! -- …
//! SELECT …
//! ```
//! The header is the rule's metadata and its promise: what it means, what to do, how far it looks back.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Deserialize;
use snowtrail_model::Severity;
use snowtrail_model::policy::{ParameterKind, ParameterValue, RuleParameter, RuleParameters, parse_duration};

use crate::error::{Result, RuleError};
use crate::scope::Scope;

/// What a rule file declares about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The rule's id: the file's name without `.sql`.
    pub id: String,
    /// One line for people.
    pub title: String,
    /// Severity where the rule's rows do not say their own.
    pub severity: Severity,
    /// What it means when this rule fires.
    pub description: String,
    /// What to do, first things first.
    pub runbook: Vec<String>,
    /// Known benign causes.
    pub benign: Vec<String>,
    /// ATT&CK techniques.
    pub attack: Vec<String>,
    /// Length of the event-time window that one finding covers.
    pub window: SignedDuration,
    /// How far before its window an event can influence a finding.
    pub history: SignedDuration,
    /// What one finding is made of.
    pub scope: Scope,
    /// Parameters by name.
    pub parameters: BTreeMap<String, Parameter>,
}

/// One parameter of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Type.
    pub kind: ParameterKind,
    /// Value where the policy sets none.
    pub default: ParameterValue,
    /// Unit, such as `reads`.
    pub unit: Option<String>,
    /// What it does, and why the default is what it is.
    pub description: String,
    /// Whether a contract of the policy may set it for its own secrets; the rule's SQL then asks `policy_parameters`.
    pub per_secret: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHeader {
    id: String,
    title: String,
    severity: String,
    description: String,
    runbook: Vec<String>,
    #[serde(default)]
    benign: Vec<String>,
    #[serde(default)]
    attack: Vec<String>,
    window: String,
    history: String,
    scope: Option<String>,
    #[serde(default)]
    parameters: BTreeMap<String, RawParameter>,
}

/// A parameter as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawParameter {
    #[serde(rename = "type")]
    kind: Option<String>,
    default: toml::Value,
    unit: Option<String>,
    description: String,
    #[serde(default)]
    per_secret: bool,
}

/// Splits a file into its leading comment lines (prefix stripped) and the SQL. Line numbers are kept: the TOML's
/// first line is the file's first line.
pub fn split(text: &str) -> (String, &str) {
    let mut header = String::new();
    let mut rest = text;
    while let Some(line) = rest.lines().next() {
        let Some(comment) = line.strip_prefix("--") else { break };
        header.push_str(comment.strip_prefix(' ').unwrap_or(comment));
        header.push('\n');
        rest = rest.get(line.len()..).unwrap_or_default();
        rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')).unwrap_or(rest);
    }
    (header, rest)
}

impl Header {
    /// Reads the header of a rule file.
    ///
    /// # Errors
    /// When it is not TOML, lacks a key, has an unknown one, or a value does not parse.
    pub fn parse(file: &str, toml_text: &str) -> Result<Header> {
        let refuse = |message: String| RuleError::Header { file: file.to_owned(), message };
        let raw: RawHeader = toml::from_str(toml_text).map_err(|e| refuse(e.to_string()))?;
        let duration = |key: &str, text: &str| {
            parse_duration(text).map_err(|message| refuse(format!("`{key} = \"{text}\"`: {message}")))
        };
        let (window, history) = (duration("window", &raw.window)?, duration("history", &raw.history)?);
        let severity = raw.severity.parse().map_err(refuse)?;
        let scope = raw.scope.as_deref().map_or(Ok(Scope::default()), str::parse).map_err(refuse)?;
        let parameters = raw
            .parameters
            .into_iter()
            .map(|(name, p)| Ok((name.clone(), p.resolved(&name).map_err(refuse)?)))
            .collect::<Result<_>>()?;
        let RawHeader { id, title, description, runbook, benign, attack, .. } = raw;
        let header = Header {
            id,
            title,
            severity,
            description,
            runbook,
            benign,
            attack,
            window,
            history,
            scope,
            parameters,
        };
        header.complain().map_or(Ok(()), |m| Err(refuse(m)))?;
        Ok(header)
    }

    /// The rule's parameters as the policy file may set them.
    pub fn declared(&self) -> RuleParameters {
        let parameters = self
            .parameters
            .iter()
            .map(|(name, p)| RuleParameter { name: name.clone(), kind: p.kind, per_secret: p.per_secret })
            .collect();
        RuleParameters { id: self.id.clone(), parameters }
    }

    fn complain(&self) -> Option<String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.id.is_empty() || !self.id.chars().all(plain) {
            return Some(format!("id `{}` must be lower-case letters, digits and hyphens", self.id));
        }
        let empty = [("title", self.title.is_empty()), ("description", self.description.is_empty())];
        if let Some((key, _)) = empty.iter().find(|(_, empty)| *empty) {
            return Some(format!("`{key}` is empty; people read it at 3 a.m."));
        }
        self.runbook.is_empty().then(|| "`runbook` is empty; say what to do first".to_owned())
    }
}

impl RawParameter {
    /// What it means: its type is that of its default.
    pub(crate) fn resolved(self, name: &str) -> std::result::Result<Parameter, String> {
        let wrong = |found: &str| format!("parameter `{name}`: {found}");
        let (kind, default) = match (self.kind.as_deref(), &self.default) {
            (Some("duration"), toml::Value::String(text)) => {
                let value = parse_duration(text).map_err(|m| wrong(&m))?;
                (ParameterKind::Duration, ParameterValue::Duration(value))
            }
            (Some(other), _) => {
                return Err(wrong(&format!("type `{other}` is unknown; only `duration` is written out")));
            }
            (None, toml::Value::Integer(n)) => (ParameterKind::Int, ParameterValue::Int(*n)),
            (None, toml::Value::Float(n)) => (ParameterKind::Float, ParameterValue::Float(*n)),
            (None, toml::Value::Boolean(b)) => (ParameterKind::Bool, ParameterValue::Bool(*b)),
            (None, toml::Value::String(text)) => (ParameterKind::Text, ParameterValue::Text(text.clone())),
            (None, _) => return Err(wrong("the default must be a number, a text, true or false")),
        };
        if self.per_secret && !matches!(kind, ParameterKind::Int | ParameterKind::Duration) {
            return Err(wrong("only whole numbers and durations can be `per_secret`"));
        }
        let RawParameter { unit, description, per_secret, .. } = self;
        Ok(Parameter { kind, default, unit, description, per_secret })
    }
}
