//! Parameters become literals.
//!
//! `$floor` in a rule's SQL is replaced token by token, so that a `$` inside a text or a comment stays what it is and
//! a value can never become more than one literal. Durations become INTERVAL literals of seconds, `$now` a TIMESTAMP.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, Tokenizer};
use jiff::Timestamp;
use snowtrail_model::Policy;
use snowtrail_model::policy::ParameterValue;

use crate::error::{Result, RuleError};
use crate::hunt::Hunt;
use crate::prepared::NOW;
use crate::set::Rule;

/// Values for the placeholders of one file, already as SQL literals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Literals(BTreeMap<String, String>);

impl Literals {
    /// Only `$now`, which views and rules may both use.
    pub fn now(now: Timestamp) -> Literals {
        Literals(BTreeMap::from([("now".to_owned(), moment(now))]))
    }

    /// Only `$now`, as what a plan that is kept says for it: no literal, but the time of whoever runs the plan.
    pub(crate) fn standing() -> Literals {
        Literals(BTreeMap::from([("now".to_owned(), format!("({NOW})"))]))
    }

    /// `$now` and the parameters of a rule at their defaults, for a look at what its SQL names.
    pub fn declared(rule: &Rule) -> Literals {
        Literals::now(Timestamp::UNIX_EPOCH).and_of_rule(rule, &Policy::default())
    }

    /// The same and the parameters of a rule: the header's defaults, then the policy's values.
    #[must_use]
    pub fn and_of_rule(mut self, rule: &Rule, policy: &Policy) -> Literals {
        let settings = policy.rule_settings(&rule.header.id);
        for (name, parameter) in &rule.header.parameters {
            let value = settings.parameters.get(name).unwrap_or(&parameter.default);
            self.0.insert(name.clone(), literal(value));
        }
        self
    }

    /// `$now` and the parameters of a hunt: the header's defaults, then what was given.
    pub fn of_hunt(hunt: &Hunt, given: &BTreeMap<String, ParameterValue>, now: Timestamp) -> Literals {
        let mut literals = Literals::now(now);
        for (name, parameter) in &hunt.parameters {
            literals.0.insert(name.clone(), literal(given.get(name).unwrap_or(&parameter.default)));
        }
        literals
    }

    /// The same and one value more.
    #[must_use]
    pub fn with(mut self, name: &str, value: &ParameterValue) -> Literals {
        self.0.insert(name.to_owned(), literal(value));
        self
    }

    /// The same and one moment more.
    #[must_use]
    pub fn with_time(mut self, name: &str, at: Timestamp) -> Literals {
        self.0.insert(name.to_owned(), moment(at));
        self
    }
}

fn moment(at: Timestamp) -> String {
    format!("arrow_cast(TIMESTAMP '{at}', 'Timestamp(Microsecond, Some(\"UTC\"))')")
}

/// Replaces every placeholder. Everything else stays as it was written, to the byte: tokens that are printed anew lose
/// what was escaped in their texts.
///
/// # Errors
/// When the SQL cannot be split into tokens, or names a placeholder that has no value.
pub fn bind(file: &str, sql: &str, literals: &Literals) -> Result<String> {
    let law = |message: String| RuleError::Law { file: file.to_owned(), message };
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location();
    let mut bound = String::with_capacity(sql.len());
    let mut copied = 0;
    for token in tokens.map_err(|e| law(e.to_string()))? {
        let Token::Placeholder(name) = &token.token else { continue };
        let value = literals.0.get(name.trim_start_matches('$'));
        let declared = || literals.0.keys().map(|k| format!("${k}")).collect::<Vec<_>>().join(", ");
        let unknown =
            || law(format!("parameter `{name}` is not declared in the header; there are {}", declared()));
        let at = byte_at(sql, token.span.start);
        let before = sql.get(copied..at).filter(|_| sql[at..].starts_with(name.as_str()));
        bound.push_str(
            before.ok_or_else(|| law(format!("parameter `{name}` stands where none can be bound")))?,
        );
        bound.push_str(value.ok_or_else(unknown)?);
        copied = at + name.len();
    }
    bound.push_str(&sql[copied..]);
    Ok(bound)
}

/// Where a line and column (both from 1, columns in characters) lie in the text.
fn byte_at(sql: &str, location: Location) -> usize {
    let steps = |from_1: u64| usize::try_from(from_1.saturating_sub(1)).unwrap_or(usize::MAX);
    let line: usize = sql.split_inclusive('\n').take(steps(location.line)).map(str::len).sum();
    let column = sql[line..].chars().take(steps(location.column)).map(char::len_utf8);
    line + column.sum::<usize>()
}

fn literal(value: &ParameterValue) -> String {
    match value {
        ParameterValue::Int(n) => format!("({n})"),
        ParameterValue::Float(n) => format!("({n:?})"),
        ParameterValue::Bool(b) => b.to_string(),
        ParameterValue::Text(text) => format!("'{}'", text.replace('\'', "''")),
        ParameterValue::Duration(d) => format!("INTERVAL '{} seconds'", d.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(sql: &str, name: &str, value: ParameterValue) -> String {
        let literals = Literals(BTreeMap::from([(name.to_owned(), literal(&value))]));
        bind("test.sql", sql, &literals).unwrap()
    }

    #[test]
    fn placeholder_inside_text_or_comment_is_left_alone() {
        let sql = "SELECT '$floor', $floor -- $floor\n";
        assert_eq!(bound(sql, "floor", ParameterValue::Int(3)), "SELECT '$floor', (3) -- $floor\n");
    }

    #[test]
    fn time_of_a_turn_is_no_part_of_an_operator() {
        assert_eq!(bind("v.sql", "SELECT a<$now", &Literals::standing()).unwrap(), "SELECT a<(@now)");
    }

    #[test]
    fn text_value_cannot_leave_its_literal() {
        let value = ParameterValue::Text("x' OR 1=1 --".to_owned());
        assert_eq!(bound("SELECT $who", "who", value), "SELECT 'x'' OR 1=1 --'");
    }

    #[test]
    fn what_is_no_placeholder_comes_out_as_it_was_written() {
        for sql in [
            "SELECT 'it''s', '''', '' -- it's\n",
            r#"SELECT "a""b" AS "$floor", E'a\'b\n', x'1f', 1.50e3"#,
            "/* $floor /* nested */ */ SELECT 'a\n''b' ",
        ] {
            assert_eq!(bound(sql, "floor", ParameterValue::Int(3)), sql);
            let (before, after) = (format!("{sql}\n, 'ä雪'\r\n, "), format!("+1 /*{sql}*/"));
            let both = bound(&format!("{before}$floor{after}"), "floor", ParameterValue::Int(3));
            assert_eq!(both, format!("{before}(3){after}"));
        }
    }

    #[test]
    fn undeclared_placeholder_is_an_error_that_lists_the_declared_ones() {
        let error = bind("r.sql", "SELECT $flor", &Literals::now(Timestamp::UNIX_EPOCH)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "r.sql: parameter `$flor` is not declared in the header; there are $now"
        );
    }
}
