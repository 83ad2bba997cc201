//! What a rule or view may not do.
//!
//! The law of rules needs functions whose result does not hang on order, chance or the clock, and the rules must run
//! on any stock DataFusion. JSON text is out of bounds because stock SQL can only match patterns in it, and a pattern
//! in JSON text is one re-ordered key away from blindness; typed columns hold what rules need.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::{Result, RuleError};

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

/// Columns of JSON text, closed to rules.
const JSON_TEXT: [&str; 4] =
    ["request_parameters", "response_elements", "additional_event_data", "service_event_details"];

/// Refuses SQL that breaks the law of rules.
///
/// # Errors
/// Naming the function or column, the line, and what to use instead.
pub fn check_law(file: &str, sql: &str, first_line: u64) -> Result<()> {
    let law = |message: String| RuleError::Law { file: file.to_owned(), message };
    let located =
        Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location().map_err(|e| law(e.to_string()))?;
    for token in located {
        let Token::Word(word) = &token.token else { continue };
        let name = word.value.to_ascii_lowercase();
        let line = token.span.start.line + first_line;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn approximate_function_is_refused_with_its_line_and_a_replacement() {
        let error = check_law("r.sql", "SELECT\n approx_distinct(principal) FROM events", 3).unwrap_err();
        assert_eq!(
            error.to_string(),
            "r.sql: line 5: `approx_distinct` is refused in rules; use count(DISTINCT …): thresholds must be exact"
        );
    }

    #[test]
    fn json_text_is_refused_but_not_inside_a_literal() {
        assert!(check_law("r.sql", "SELECT 1 FROM events WHERE request_parameters LIKE '%x%'", 0).is_err());
        assert!(check_law("r.sql", "SELECT 'request_parameters' FROM events", 0).is_ok());
    }
}
