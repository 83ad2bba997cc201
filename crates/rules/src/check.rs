//! What a rule or view may not do.
//!
//! The law of rules needs functions whose result does not hang on order, chance or the clock, and the rules must run
//! on any stock DataFusion. JSON text is out of bounds because stock SQL can only match patterns in it, and a pattern
//! in JSON text is one re-ordered key away from blindness; typed columns hold what rules need. A rule that declares a
//! narrow scope may stand only on what a tick has in sight (see [`crate::scope`]).

use std::collections::BTreeSet;

use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use crate::binding::{Literals, bind};
use crate::error::{Result, RuleError};
use crate::scope::Scope;
use crate::set::{Rule, RuleSet};
use crate::views::tables_named;

/// Functions that are refused, and what to use instead.
const REFUSED: [(&str, &str); 17] = [
    ("approx_distinct", "use count(DISTINCT …): thresholds must be exact"),
    ("approx_median", "use median(…): thresholds must be exact"),
    ("approx_percentile_cont", "use percentiles by row_number(): thresholds must be exact"),
    ("approx_percentile_cont_with_weight", "use percentiles by row_number(): thresholds must be exact"),
    ("avg", "compare sums of integers: floating-point sums hang on the order of rows"),
    ("stddev", "compare integers: floating-point sums hang on the order of rows"),
    ("stddev_pop", "compare integers: floating-point sums hang on the order of rows"),
    ("var", "compare integers: floating-point sums hang on the order of rows"),
    ("var_pop", "compare integers: floating-point sums hang on the order of rows"),
    ("first_value", "use min(…) or max(…): the first row hangs on arrival"),
    ("last_value", "use min(…) or max(…): the last row hangs on arrival"),
    ("any_value", "use min(…) or max(…): any row hangs on arrival"),
    ("random", "a finding is no matter of chance"),
    ("uuid", "a finding is no matter of chance"),
    ("now", "use $now: replay must see the past as it was"),
    ("current_timestamp", "use $now: replay must see the past as it was"),
    ("current_date", "use $now: replay must see the past as it was"),
];

/// Functions over JSON text that people's sessions have beside the stock ones; rules and views must do without.
pub const JSON_FUNCTIONS: [&str; 4] = ["json_get_str", "json_get_int", "json_get_bool", "json_contains"];

/// Columns of JSON text, closed to rules.
const JSON_TEXT: [&str; 4] =
    ["request_parameters", "response_elements", "additional_event_data", "service_event_details"];

/// What is whole in sight of a tick, as far as landmarks are concerned.
const ON_LANDMARKS: [&str; 14] = [
    "actions",
    "touches",
    "rotations",
    "secret_arns",
    "secret_spellings",
    "secret_tags",
    "sightings",
    "beginning",
    "inventory",
    "inventory_tags",
    "policy_parameters",
    "policy_secrets",
    "policy_principals",
    "policy_trail",
];

/// What is whole in sight of a tick, as far as one principal is concerned.
const ON_PRINCIPALS: [&str; 22] = [
    "actions",
    "touches",
    "reads",
    "activity",
    "denied_reads",
    "decrypts",
    "rotation_spans",
    "principals",
    "traits",
    "secret_arns",
    "secret_days",
    "secret_spellings",
    "sightings",
    "beginning",
    "local_time",
    "inventory",
    "inventory_tags",
    "policy_parameters",
    "policy_secrets",
    "policy_principals",
    "policy_people",
    "policy_trail",
];

/// Refuses a rule whose declared scope cannot hold what it stands on.
///
/// # Errors
/// Naming the table or view, and those that the scope holds.
pub fn check_scope(rule: &Rule, rules: &RuleSet) -> Result<()> {
    let allowed: &[&str] = match rule.header.scope {
        Scope::All => return Ok(()),
        Scope::Principal => &ON_PRINCIPALS,
        Scope::Secret | Scope::Landmarks => &ON_LANDMARKS,
    };
    let session = SessionContext::new();
    let literals = Literals::declared(rule);
    let mut next = tables_named(&session, &rule.file, &bind(&rule.file, &rule.sql, &literals)?)?;
    let mut seen = BTreeSet::new();
    while let Some(name) = next.pop() {
        if allowed.contains(&name.as_str()) || !seen.insert(name.clone()) {
            continue;
        }
        // A view of one's own is as narrow as what it stands on.
        let own = rules.views.get(&name).filter(|_| !SHIPPED_WIDE.contains(&name.as_str()));
        let Some((file, sql)) = own else {
            let message = format!(
                "scope `{}` does not hold `{name}`; it holds {}; declare `scope = \"all\"` or do without",
                rule.header.scope,
                allowed.join(", ")
            );
            return Err(RuleError::Law { file: rule.file.clone(), message });
        };
        next.extend(tables_named(&session, file, &bind(file, sql, &literals)?)?);
    }
    Ok(())
}

/// Views that ship and that some scope does not hold, though everything beneath them may be held.
const SHIPPED_WIDE: [&str; 15] = [
    "activity",
    "decrypts",
    "denied_reads",
    "principals",
    "reads",
    "rotation_spans",
    "rotations",
    "secret_days",
    "secret_names",
    "secret_principals",
    "secret_tags",
    "secrets",
    "traits",
    "watched",
    "findings",
];

/// Refuses SQL that breaks the law of rules.
///
/// # Errors
/// Naming the function or column, the line, and what to use instead.
pub fn check_law(file: &str, sql: &str, first_line: u64) -> Result<()> {
    let law = |message: String| RuleError::Law { file: file.to_owned(), message };
    check_stock(file, sql, first_line)?;
    for (line, name) in words(file, sql, first_line)? {
        if let Some((_, instead)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            return Err(law(format!("line {line}: `{name}` is refused in rules; {instead}")));
        }
        if JSON_TEXT.contains(&name.as_str()) {
            return Err(law(format!(
                "line {line}: `{name}` is JSON text, which rules cannot match safely; use the typed columns of `events`"
            )));
        }
    }
    Ok(())
}

/// Refuses SQL of a rule or a view that no stock DataFusion runs.
///
/// # Errors
/// Naming the function and the line.
pub fn check_stock(file: &str, sql: &str, first_line: u64) -> Result<()> {
    let found =
        words(file, sql, first_line)?.into_iter().find(|(_, name)| JSON_FUNCTIONS.contains(&name.as_str()));
    let Some((line, name)) = found else { return Ok(()) };
    let message = format!(
        "line {line}: `{name}` is refused in rules and views; only people's queries have it, stock DataFusion has not"
    );
    Err(RuleError::Law { file: file.to_owned(), message })
}

/// The words of SQL in lower case, each with its line in the file; texts and comments have none.
fn words(file: &str, sql: &str, first_line: u64) -> Result<Vec<(u64, String)>> {
    let law = |message: String| RuleError::Law { file: file.to_owned(), message };
    let located = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location();
    let word = |token: TokenWithSpan| match token.token {
        Token::Word(word) => Some((token.span.start.line + first_line, word.value.to_ascii_lowercase())),
        _ => None,
    };
    Ok(located.map_err(|e| law(e.to_string()))?.into_iter().filter_map(word).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_that_only_people_have_is_refused_in_rules_and_views() {
        let sql = "SELECT 1,\n JSON_get_str(x, 'a')";
        for checked in [check_law("r.sql", sql, 3), check_stock("r.sql", sql, 3)] {
            let error = checked.unwrap_err().to_string();
            assert!(
                error.starts_with("r.sql: line 5: `json_get_str` is refused in rules and views"),
                "{error}"
            );
        }
        assert!(check_stock("r.sql", "SELECT 'json_get_str' -- json_contains", 0).is_ok());
    }

    #[test]
    fn approximate_function_is_refused_with_its_line_and_a_replacement() {
        let error = check_law("r.sql", "SELECT\n approx_distinct(principal) FROM events", 3).unwrap_err();
        assert_eq!(
            error.to_string(),
            "r.sql: line 5: `approx_distinct` is refused in rules; use count(DISTINCT …): thresholds must be exact"
        );
    }

    #[test]
    fn scope_that_does_not_hold_what_the_rule_stands_on_is_refused() {
        let mut rules = RuleSet::shipped().unwrap();
        for rule in rules.rules.values() {
            check_scope(rule, &rules).unwrap();
        }
        let mut breadth = rules.rules["secret-read-breadth"].clone();
        breadth.header.scope = Scope::Secret;
        let error = check_scope(&breadth, &rules).unwrap_err().to_string();
        assert!(error.contains("scope `secret` does not hold `reads`; it holds actions, touches"), "{error}");
        rules.views.insert("mine".to_owned(), ("mine.sql".to_owned(), "SELECT * FROM secrets".to_owned()));
        breadth.header.scope = Scope::Principal;
        breadth.sql = "SELECT * FROM mine".to_owned();
        let error = check_scope(&breadth, &rules).unwrap_err().to_string();
        assert!(error.contains("does not hold `secrets`"), "{error}");
    }

    #[test]
    fn json_text_is_refused_but_not_inside_a_literal() {
        assert!(check_law("r.sql", "SELECT 1 FROM events WHERE request_parameters LIKE '%x%'", 0).is_err());
        assert!(check_law("r.sql", "SELECT 'request_parameters' FROM events", 0).is_ok());
    }
}
