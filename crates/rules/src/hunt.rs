//! A hunt: a question that people saved, as SQL with a header.
//!
//! ```sql
//! -- purpose = "Who was given this secret's value?"
//! -- description = "The first question about any leak."
//! -- [parameters.secret]
//! -- default = "%"
//! -- description = "The secret's name; % stands for anything"
//! SELECT … WHERE secret_name LIKE $secret
//! ```
//! Parameters are declared and bound as those of rules are: their type is checked, and a value becomes one literal and
//! nothing else. A hunt is no rule: it gives whatever rows it likes, and the law of rules does not bind it.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use snowtrail_model::policy::{ParameterKind, ParameterValue, parse_duration, suggestion};

use crate::binding::{Literals, bind};
use crate::error::{Result, RuleError};
use crate::header::{Parameter, RawParameter, split};

/// How the first line of a hunt's file begins; any other file is a plain query.
const MARK: &str = "-- purpose";

/// A saved question.
#[derive(Debug, Clone, PartialEq)]
pub struct Hunt {
    /// Its name: the file's without `.sql`.
    pub name: String,
    /// What it answers, in one line.
    pub purpose: String,
    /// When to use it, and how to read what it gives.
    pub description: String,
    /// Parameters by name.
    pub parameters: BTreeMap<String, Parameter>,
    /// Its SELECT, parameters unbound.
    pub sql: String,
    /// The file, for errors.
    pub file: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHunt {
    purpose: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: BTreeMap<String, RawParameter>,
}

impl Hunt {
    /// Whether a file's text claims to be a hunt: its first line says a purpose.
    pub fn is_one(text: &str) -> bool {
        text.starts_with(MARK)
    }

    /// Reads the file of a hunt.
    ///
    /// # Errors
    /// When the header is not TOML, says no purpose, or has an unknown key.
    pub fn parse(file: &str, text: &str) -> Result<Hunt> {
        let refuse = |message: String| RuleError::Header { file: file.to_owned(), message };
        let (header, sql) = split(text);
        let raw: RawHunt = toml::from_str(&header).map_err(|e| refuse(e.to_string()))?;
        if raw.purpose.trim().is_empty() || raw.purpose.contains('\n') {
            return Err(refuse("`purpose` must be one line that says what the hunt answers".to_owned()));
        }
        let parameters = raw
            .parameters
            .into_iter()
            .map(|(name, p)| Ok((name.clone(), p.resolved(&name).map_err(refuse)?)))
            .collect::<Result<_>>()?;
        let name = Path::new(file).file_stem().and_then(|s| s.to_str()).unwrap_or_default().to_owned();
        let RawHunt { purpose, description, .. } = raw;
        Ok(Hunt { name, purpose, description, parameters, sql: sql.to_owned(), file: file.to_owned() })
    }

    /// The SQL with its parameters bound: the defaults, and over them what is given as `(name, text)`.
    ///
    /// # Errors
    /// When a parameter is unknown (naming the nearest), given twice, or of the wrong type; when the SQL names one that
    /// the header does not declare.
    pub fn bound(&self, given: &[(String, String)], now: Timestamp) -> Result<String> {
        let refuse = |message: String| RuleError::Law { file: self.file.clone(), message };
        let mut values = BTreeMap::new();
        for (name, text) in given {
            let Some(parameter) = self.parameters.get(name) else { return Err(refuse(self.unknown(name))) };
            let value = value(parameter.kind, text);
            let value = value.map_err(|m| refuse(format!("parameter `{name}`: {m}")))?;
            if values.insert(name.clone(), value).is_some() {
                return Err(refuse(format!("parameter `{name}` is given twice")));
            }
        }
        bind(&self.file, &self.sql, &Literals::of_hunt(self, &values, now))
    }

    fn unknown(&self, name: &str) -> String {
        let known: Vec<&str> = self.parameters.keys().map(String::as_str).collect();
        let hint = suggestion(name, &known).unwrap_or_else(|| "it has none".to_owned());
        format!("hunt `{}` has no parameter `{name}`; {hint}", self.name)
    }
}

/// A text as a value of the type that the header declares.
fn value(kind: ParameterKind, text: &str) -> std::result::Result<ParameterValue, String> {
    let wrong = |what: &str| format!("`{}` is no {what}", text.escape_debug());
    match kind {
        ParameterKind::Int => text.parse().map(ParameterValue::Int).map_err(|_| wrong("whole number")),
        ParameterKind::Float => {
            let number = text.parse::<f64>().ok().filter(|n| n.is_finite());
            number.map(ParameterValue::Float).ok_or_else(|| wrong("number"))
        }
        ParameterKind::Bool => {
            text.parse().map(ParameterValue::Bool).map_err(|_| wrong("truth value: true or false"))
        }
        ParameterKind::Duration => parse_duration(text).map(ParameterValue::Duration),
        ParameterKind::Text => Ok(ParameterValue::Text(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "-- purpose = \"Who?\"\n-- [parameters.secret]\n-- default = \"%\"\n-- description = \"Name\"\n\
        -- [parameters.least]\n-- default = 2\n-- description = \"Reads\"\n-- [parameters.window]\n-- type = \"duration\"\n\
        -- default = \"1d\"\n-- description = \"Span\"\nSELECT $secret, $least, $window -- it's\n";

    fn bound(given: &[(&str, &str)]) -> std::result::Result<String, String> {
        let given: Vec<_> = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let hunt = Hunt::parse("hunts/who.sql", FILE).unwrap();
        hunt.bound(&given, Timestamp::UNIX_EPOCH).map_err(|e| e.to_string())
    }

    #[test]
    fn parameters_have_defaults_and_what_is_given_becomes_one_literal() {
        assert_eq!(bound(&[]).unwrap(), "SELECT '%', (2), INTERVAL '86400 seconds' -- it's\n");
        let hostile = bound(&[("secret", "x' OR 1=1 --"), ("least", "-3"), ("window", "90m")]).unwrap();
        assert_eq!(hostile, "SELECT 'x'' OR 1=1 --', (-3), INTERVAL '5400 seconds' -- it's\n");
        assert_eq!(
            bound(&[("secret", "$least")]).unwrap(),
            "SELECT '$least', (2), INTERVAL '86400 seconds' -- it's\n"
        );
    }

    #[test]
    fn wrong_parameter_is_refused_with_a_way_on() {
        let said = |given: &[(&str, &str)]| bound(given).unwrap_err();
        let unknown = said(&[("sercet", "x")]);
        assert_eq!(unknown, "hunts/who.sql: hunt `who` has no parameter `sercet`; did you mean `secret`?");
        for (given, part) in [
            (("least", "2 OR 1=1"), "`2 OR 1=1` is no whole number"),
            (("least", "2.5"), "is no whole number"),
            (("window", "1 day"), "is no duration"),
        ] {
            assert!(said(&[given]).contains(part), "{}", said(&[given]));
        }
        assert!(said(&[("least", "1"), ("least", "2")]).contains("given twice"));
    }

    #[test]
    fn every_shipped_hunt_names_all_that_it_declares_and_binds() {
        let hunts = crate::set::shipped_hunts().unwrap();
        assert!(hunts.len() >= 15, "{}", hunts.len());
        for hunt in hunts.values() {
            for (name, parameter) in &hunt.parameters {
                assert!(hunt.sql.contains(&format!("${name}")), "{}: `{name}` is not used", hunt.name);
                assert!(!parameter.description.is_empty(), "{}: `{name}`", hunt.name);
            }
            assert!(!hunt.description.is_empty() && hunt.purpose.chars().count() <= 100, "{}", hunt.name);
            hunt.bound(&[], Timestamp::UNIX_EPOCH).unwrap();
        }
    }

    #[test]
    fn file_is_a_hunt_if_its_first_line_says_a_purpose() {
        assert!(Hunt::is_one(FILE) && !Hunt::is_one("-- who?\nSELECT 1"));
        let error = Hunt::parse("h.sql", "-- purpose = \"x\"\n-- prupose = 1\nSELECT 1").unwrap_err();
        assert!(error.to_string().contains("unknown field `prupose`"), "{error}");
    }
}
