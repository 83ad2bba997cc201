//! Which records are kept, and which words mark a secret value: data, not code (`scope.toml`, replaceable).
//!
//! What is outside the scope is counted, never decoded. Unknown keys in a scope file are errors, so that a typo
//! cannot silently narrow what is watched.

use std::collections::HashMap;

use serde::Deserialize;

use crate::redact::Redactor;

/// What a scope text is refused for.
#[derive(Debug, thiserror::Error)]
pub enum ScopeError {
    /// Not TOML, an unknown key, a wrong type; the message names the line.
    #[error("the scope is not valid")]
    Toml(#[from] toml::de::Error),
    /// A service twice, an empty list, a `*` inside a name.
    #[error("the scope's service {source_name} is not usable: {problem}")]
    Service {
        /// The service's `source`.
        source_name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The redaction words cannot be searched for.
    #[error("the scope's redaction words are not usable: {0}")]
    Redaction(String),
}

/// The records that are kept, and how secret values in them are told.
#[derive(Debug, Clone)]
pub struct Scope {
    services: HashMap<String, Names>,
    redactor: Redactor,
}

#[derive(Debug, Clone)]
enum Names {
    All,
    Some { exact: Vec<String>, prefixes: Vec<String> },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopeFile {
    services: Vec<ServiceEntry>,
    redaction: RedactionEntry,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceEntry {
    source: String,
    names: Vec<String>,
}

/// The `[redaction]` table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedactionEntry {
    pub(crate) keys: Vec<String>,
    #[serde(default)]
    pub(crate) calls: Vec<CallEntry>,
    #[serde(default)]
    pub(crate) values: Vec<ValueEntry>,
}

/// Keys that hold a secret in one call only.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallEntry {
    pub(crate) source: String,
    pub(crate) name: String,
    pub(crate) keys: Vec<String>,
}

/// How a credential's text begins, and how much must follow.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValueEntry {
    pub(crate) start: String,
    #[serde(default)]
    pub(crate) follow_min: usize,
    /// An equals sign or colon, spaces and quotes stand between the start and what follows.
    #[serde(default)]
    pub(crate) assigned: bool,
    /// The whole string goes.
    #[serde(default)]
    pub(crate) whole: bool,
}

impl Scope {
    /// The text that ships.
    pub const SHIPPED: &str = include_str!("scope.toml");

    /// Reads a scope text.
    pub fn parse(text: &str) -> Result<Scope, ScopeError> {
        let file: ScopeFile = toml::from_str(text)?;
        let mut services = HashMap::new();
        for ServiceEntry { source, names } in file.services {
            let refuse = |problem| ScopeError::Service { source_name: source.clone(), problem };
            let names = Names::from_list(&names).map_err(refuse)?;
            if services.insert(source.clone(), names).is_some() {
                return Err(refuse("it stands there twice"));
            }
        }
        let redactor = Redactor::new(file.redaction).map_err(ScopeError::Redaction)?;
        Ok(Scope { services, redactor })
    }

    /// The scope that ships.
    pub fn shipped() -> Scope {
        #[expect(clippy::expect_used, reason = "the text is compiled in, and a test parses it")]
        Scope::parse(Scope::SHIPPED).expect("the shipped scope is valid")
    }

    /// Whether records of this call are kept.
    pub fn contains(&self, event_source: &str, event_name: &str) -> bool {
        match self.services.get(event_source) {
            None => false,
            Some(Names::All) => true,
            Some(Names::Some { exact, prefixes }) => {
                exact.iter().any(|name| name == event_name)
                    || prefixes.iter().any(|prefix| event_name.starts_with(prefix.as_str()))
            }
        }
    }

    pub(crate) fn redactor(&self) -> &Redactor {
        &self.redactor
    }
}

impl Names {
    fn from_list(list: &[String]) -> Result<Names, &'static str> {
        if list.is_empty() {
            return Err("its list of names is empty");
        }
        if list.iter().any(|name| name == "*") {
            return Ok(Names::All);
        }
        let (mut exact, mut prefixes) = (Vec::new(), Vec::new());
        for name in list {
            match name.strip_suffix('*') {
                Some(prefix) => prefixes.push(prefix.to_owned()),
                None => exact.push(name.clone()),
            }
        }
        let has_inner_star = exact.iter().chain(&prefixes).any(|name| name.contains('*') || name.is_empty());
        if has_inner_star { Err("a * may only end a name") } else { Ok(Names::Some { exact, prefixes }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_scope_watches_secrets_and_whatever_blinds_the_watch() {
        let scope = Scope::shipped();
        for (source, name, expected) in [
            ("secretsmanager", "SomethingOfNextYear", true),
            ("kms", "Decrypt", true),
            ("cloudtrail", "StopLogging", true),
            ("ssm", "GetParametersByPath", true),
            ("ssm", "SendCommand", false),
            ("sts", "AssumeRoleWithSAML", true),
            ("sts", "GetCallerIdentity", false),
            ("s3", "DeleteBucketPolicy", true),
            ("s3", "GetObject", false),
            ("sqs", "PurgeQueue", true),
            ("sns", "Unsubscribe", true),
            ("events", "RemoveTargets", true),
            ("ecs", "StopTask", true),
            ("iam", "PutUserPolicy", true),
            ("iam", "ListRoles", false),
            ("organizations", "LeaveOrganization", true),
            ("ec2", "DescribeInstances", false),
        ] {
            assert_eq!(scope.contains(&format!("{source}.amazonaws.com"), name), expected, "{source} {name}");
        }
    }

    #[test]
    fn a_typo_in_a_scope_is_an_error() {
        let redaction = "[redaction]\nkeys = [\"password\"]\n";
        for services in [
            "[[services]]\nsource = \"a\"\nname = [\"*\"]\n",
            "[[services]]\nsource = \"a\"\nnames = []\n",
            "[[services]]\nsource = \"a\"\nnames = [\"Get*Value\"]\n",
            "[[services]]\nsource = \"a\"\nnames = [\"*\"]\n[[services]]\nsource = \"a\"\nnames = [\"*\"]\n",
        ] {
            assert!(Scope::parse(&format!("{services}{redaction}")).is_err(), "{services}");
        }
    }
}
