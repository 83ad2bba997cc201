//! Rows of a rule's result become findings.
//!
//! The columns are matched by name and cast to the finding's types; a missing, unknown or null-where-required column
//! is the rule's error, with the column named.

use std::collections::BTreeSet;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit, TimestampMicrosecondType};
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;
use jiff::Timestamp;
use snowtrail_model::{Finding, FindingState, Severity};
use std::sync::Arc;

use crate::error::{Result, RuleError};
use crate::set::Rule;

/// Event ids kept on a finding. A rule that names more loses the last in sorted order; `observed` still has the count.
pub(crate) const EVIDENCE_MAX: usize = 50;

/// The columns that a rule's SELECT must return.
pub(crate) const COLUMNS: [&str; 15] = [
    "key",
    "title",
    "summary",
    "account_id",
    "aws_region",
    "secret_arn",
    "secret_name",
    "principal",
    "actor",
    "window_start",
    "window_end",
    "observed",
    "expected",
    "evidence",
    "detail",
];

/// The column that it may return besides.
const SEVERITY: &str = "severity";

/// Checks that a result has the columns of a finding, no more and no less.
///
/// # Errors
/// Listing what is missing and what is too much.
pub(crate) fn check_columns(rule: &Rule, schema: &Schema) -> Result<()> {
    let found: BTreeSet<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let missing: Vec<&str> = COLUMNS.into_iter().filter(|c| !found.contains(c)).collect();
    let extra: Vec<&str> = found.into_iter().filter(|c| !COLUMNS.contains(c) && *c != SEVERITY).collect();
    if missing.is_empty() && extra.is_empty() {
        return Ok(());
    }
    let part = |what: &str, names: Vec<&str>| {
        if names.is_empty() { String::new() } else { format!(" {what} {};", names.join(", ")) }
    };
    let message = format!(
        "the SELECT's columns are not a finding's:{}{} a finding has {} and optionally {SEVERITY}",
        part("missing", missing),
        part("unknown", extra),
        COLUMNS.join(", ")
    );
    Err(RuleError::Law { file: rule.file.clone(), message })
}

/// Turns one batch of a rule's result into findings.
///
/// # Errors
/// When a column has the wrong type, or a required value is null.
pub(crate) fn findings(rule: &Rule, batch: &RecordBatch, found_at: Timestamp) -> Result<Vec<Finding>> {
    check_columns(rule, &batch.schema())?;
    let columns = Columns { rule, batch };
    let mut table = Table {
        texts: Vec::new(),
        times: [columns.times("window_start")?, columns.times("window_end")?],
        evidence: columns
            .cast("evidence", &DataType::List(Arc::new(Field::new("item", DataType::Utf8, true))))?,
        details: columns.details()?,
        severities: batch
            .column_by_name(SEVERITY)
            .map(|_| columns.cast(SEVERITY, &DataType::Utf8))
            .transpose()?,
    };
    for name in TEXTS {
        table.texts.push(columns.cast(name, &DataType::Utf8)?);
    }
    (0..batch.num_rows()).map(|row| table.finding(rule, row, found_at)).collect()
}

const TEXTS: [&str; 11] = [
    "key",
    "title",
    "summary",
    "observed",
    "expected",
    "account_id",
    "aws_region",
    "secret_arn",
    "secret_name",
    "principal",
    "actor",
];

struct Columns<'a> {
    rule: &'a Rule,
    batch: &'a RecordBatch,
}

impl Columns<'_> {
    fn cast(&self, name: &str, to: &DataType) -> Result<ArrayRef> {
        let column = self.batch.column_by_name(name).ok_or_else(|| self.wrong(name, "is missing"))?;
        cast(column, to).map_err(|e| self.wrong(name, &format!("has the wrong type: {e}")))
    }

    fn times(&self, name: &str) -> Result<ArrayRef> {
        self.cast(name, &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))
    }

    /// The `detail` column as JSON objects. A rule gives a struct; text is taken as it is, if it is an object.
    fn details(&self) -> Result<Vec<String>> {
        let column = self.batch.column_by_name("detail").ok_or_else(|| self.wrong("detail", "is missing"))?;
        if !matches!(column.data_type(), DataType::Struct(_)) {
            return Err(self.wrong("detail", "must be a struct; write named_struct('name', value, …)"));
        }
        let failed = |e: arrow::error::ArrowError| self.wrong("detail", &e.to_string());
        let schema = Arc::new(Schema::new(vec![Field::new("detail", column.data_type().clone(), true)]));
        let only = RecordBatch::try_new(schema, vec![column.clone()]).map_err(failed)?;
        let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
        writer.write(&only).map_err(failed)?;
        writer.finish().map_err(failed)?;
        let text = String::from_utf8_lossy(&writer.into_inner()).into_owned();
        Ok(text.lines().map(unwrap_detail).collect())
    }

    fn wrong(&self, column: &str, message: &str) -> RuleError {
        RuleError::Row { file: self.rule.file.clone(), message: format!("column `{column}` {message}") }
    }
}

/// `{"detail":{…}}` → `{…}`.
fn unwrap_detail(line: &str) -> String {
    let object: Option<serde_json::Value> = serde_json::from_str(line).ok();
    object.and_then(|mut o| o.get_mut("detail").map(serde_json::Value::take)).unwrap_or_default().to_string()
}

struct Table {
    texts: Vec<ArrayRef>,
    times: [ArrayRef; 2],
    evidence: ArrayRef,
    details: Vec<String>,
    severities: Option<ArrayRef>,
}

impl Table {
    fn finding(&self, rule: &Rule, row: usize, found_at: Timestamp) -> Result<Finding> {
        let missing = |name: &str| RuleError::Row {
            file: rule.file.clone(),
            message: format!("column `{name}` is null in a row; every finding needs it"),
        };
        let required = |i: usize| text(&self.texts[i], row).ok_or_else(|| missing(TEXTS[i]));
        let time =
            |i: usize| instant(&self.times[i], row).ok_or_else(|| missing(["window_start", "window_end"][i]));
        Ok(Finding {
            rule: rule.header.id.clone(),
            severity: self.severity(rule, row)?,
            key: format!("{}:{}", rule.header.id, required(0)?),
            state: FindingState::Open,
            revision: 1,
            title: required(1)?,
            summary: required(2)?,
            observed: required(3)?,
            expected: required(4)?,
            account_id: text(&self.texts[5], row),
            aws_region: text(&self.texts[6], row),
            secret_arn: text(&self.texts[7], row),
            secret_name: text(&self.texts[8], row),
            principal: text(&self.texts[9], row),
            actor: text(&self.texts[10], row),
            window_start: time(0)?,
            window_end: time(1)?,
            evidence: self.evidence(row),
            detail: self.details.get(row).cloned().unwrap_or_else(|| "{}".to_owned()),
            found_at,
        })
    }

    fn severity(&self, rule: &Rule, row: usize) -> Result<Severity> {
        match self.severities.as_ref().and_then(|s| text(s, row)) {
            None => Ok(rule.header.severity),
            Some(word) => word.parse().map_err(|message| RuleError::Row { file: rule.file.clone(), message }),
        }
    }

    fn evidence(&self, row: usize) -> Vec<String> {
        let lists = self.evidence.as_list::<i32>();
        if lists.is_null(row) {
            return Vec::new();
        }
        let ids: BTreeSet<String> =
            lists.value(row).as_string::<i32>().iter().flatten().map(str::to_owned).collect();
        ids.into_iter().take(EVIDENCE_MAX).collect()
    }
}

fn text(array: &ArrayRef, row: usize) -> Option<String> {
    let texts = array.as_string::<i32>();
    (!texts.is_null(row)).then(|| texts.value(row).to_owned())
}

fn instant(array: &ArrayRef, row: usize) -> Option<Timestamp> {
    let times = array.as_primitive::<TimestampMicrosecondType>();
    (!times.is_null(row)).then(|| Timestamp::from_microsecond(times.value(row)).ok()).flatten()
}
