//! Functions over JSON text for people's queries: `json_get_str`, `json_get_int`, `json_get_bool`, `json_contains`.
//!
//! Named and meant as in the crate datafusion-functions-json, which was looked at and left out: its parser switches on
//! a feature of a crate that arrow's casts are built on, so that the engine would be another one. Each takes JSON text
//! and a path of keys and positions (from 0). Text that is no JSON, that is nested deeper than serde_json's 128, or
//! that holds something of another type at the path gives NULL, never an error: the text is what callers sent.
//! Rules and views cannot use them (see `rules/src/check.rs`): they are registered in people's sessions alone.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::SessionContext;
use serde_json::Value;
use snowtrail_rules::check::JSON_FUNCTIONS;

/// Makes the functions known to a session.
pub fn register(session: &SessionContext) {
    let wanted = [Wanted::Text, Wanted::Int, Wanted::Bool, Wanted::Presence];
    for (name, wanted) in JSON_FUNCTIONS.into_iter().zip(wanted) {
        let signature = Signature::user_defined(Volatility::Immutable);
        session.register_udf(ScalarUDF::new_from_impl(JsonFunction { name, wanted, signature }));
    }
}

/// What a function gives of the value at the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Wanted {
    Text,
    Int,
    Bool,
    /// Whether there is one.
    Presence,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonFunction {
    name: &'static str,
    wanted: Wanted,
    signature: Signature,
}

impl ScalarUDFImpl for JsonFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.wanted {
            Wanted::Text => DataType::Utf8,
            Wanted::Int => DataType::Int64,
            Wanted::Bool | Wanted::Presence => DataType::Boolean,
        })
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        if given.len() < 2 {
            return plan_err!(
                "{} takes JSON text and a path: {}(request_parameters, 'key', 0)",
                self.name,
                self.name
            );
        }
        let step = |given: &DataType| if given.is_integer() { DataType::Int64 } else { DataType::Utf8 };
        Ok(std::iter::once(DataType::Utf8).chain(given[1..].iter().map(step)).collect())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let texts = columns[0].as_string::<i32>();
        let at = |row: usize| found(texts, &columns[1..], row);
        let rows = 0..texts.len();
        let gathered: ArrayRef = match self.wanted {
            Wanted::Text => {
                Arc::new(rows.map(|row| at(row)??.as_str().map(str::to_owned)).collect::<StringArray>())
            }
            Wanted::Int => Arc::new(rows.map(|row| at(row)??.as_i64()).collect::<Int64Array>()),
            Wanted::Bool => Arc::new(rows.map(|row| at(row)??.as_bool()).collect::<BooleanArray>()),
            Wanted::Presence => Arc::new(rows.map(|row| Some(at(row)?.is_some())).collect::<BooleanArray>()),
        };
        Ok(ColumnarValue::Array(gathered))
    }
}

/// The value at a row's path: outer none where the text is no JSON, inner none where the path leads nowhere.
fn found(texts: &StringArray, path: &[ArrayRef], row: usize) -> Option<Option<Value>> {
    if texts.is_null(row) {
        return None;
    }
    let mut value: Value = serde_json::from_str(texts.value(row)).ok()?;
    for step in path {
        let next = match step.data_type() {
            _ if step.is_null(row) => None,
            DataType::Int64 => {
                let position = usize::try_from(step.as_primitive::<Int64Type>().value(row)).ok();
                position.and_then(|position| value.get_mut(position))
            }
            _ => value.get_mut(step.as_string::<i32>().value(row)),
        };
        match next {
            Some(next) => value = next.take(),
            None => return Some(None),
        }
    }
    Some(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use snowtrail_rules::answers::rows;

    async fn answer(expression: &str) -> Option<String> {
        let session = SessionContext::new();
        register(&session);
        let query = format!("SELECT CAST({expression} AS VARCHAR)");
        rows(&session, &query).await.unwrap_or_else(|e| panic!("{query}: {e}"))[0].get(0).map(str::to_owned)
    }

    #[tokio::test]
    async fn path_of_keys_and_positions_leads_to_a_value_of_the_asked_type() {
        let json = r#"'{"a": [{"b": "it''s"}, 7], "c": null, "d": true, "a.b": 1}'"#;
        for (expression, expected) in [
            (format!("json_get_str({json}, 'a', 0, 'b')"), Some("it's")),
            (format!("json_get_str({json}, 'a', 1)"), None),
            (format!("json_get_int({json}, 'a', 1)"), Some("7")),
            (format!("json_get_int({json}, 'a.b')"), Some("1")),
            (format!("json_get_int({json}, 'a', -1)"), None),
            (format!("json_get_bool({json}, 'd')"), Some("true")),
            (format!("json_contains({json}, 'c')"), Some("true")),
            (format!("json_contains({json}, 'e', 'f')"), Some("false")),
            (format!("json_contains({json}, NULL)"), Some("false")),
        ] {
            assert_eq!(answer(&expression).await.as_deref(), expected, "{expression}");
        }
    }

    #[tokio::test]
    async fn what_is_no_json_or_too_deep_is_null_and_no_error() {
        let deep = format!("'{}{}'", "[".repeat(100_000), "]".repeat(100_000));
        for json in ["'{\"a\": '", "''", "'NaN'", "NULL", &deep] {
            for function in JSON_FUNCTIONS {
                assert_eq!(answer(&format!("{function}({json}, 'a')")).await, None, "{function}");
            }
        }
    }

    #[tokio::test]
    async fn call_without_a_path_says_how_it_is_called() {
        let session = SessionContext::new();
        register(&session);
        let error = session.sql("SELECT json_get_str('{}')").await.unwrap_err().to_string();
        assert!(error.contains("takes JSON text and a path"), "{error}");
    }
}
