//! A question of a report: a SQL file of `queries/reports` whose header says what its columns are, asked of a lake.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail};
use datafusion::prelude::SessionContext;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use snowtrail_model::policy::ParameterValue;
use snowtrail_report::{Column, Kind, Report, Table, Value};
use snowtrail_rules::answers::{Row, ordered_rows};
use snowtrail_rules::binding::{Literals, bind};
use snowtrail_rules::header::split;
use snowtrail_rules::set::shipped_reports;
use snowtrail_rules::views;

use super::place::Place;

/// The half-open range of events.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Its start.
    pub from: Timestamp,
    /// Its end, exclusive.
    pub to: Timestamp,
}

/// A session, and what the placeholders of its questions stand for.
pub struct Asking<'s> {
    session: &'s SessionContext,
    literals: Literals,
    /// The range.
    pub span: Span,
    /// The moment that ages are judged by.
    pub now: Timestamp,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    #[serde(default)]
    title: String,
    #[serde(default)]
    basis: String,
    #[serde(default)]
    empty: String,
    columns: BTreeMap<String, String>,
}

impl<'s> Asking<'s> {
    /// Questions about everything in a range.
    pub fn new(session: &'s SessionContext, span: Span, now: Timestamp) -> Asking<'s> {
        let mut literals = Literals::now(now).with_time("from", span.from).with_time("to", span.to);
        for name in ["secret", "account", "region"] {
            literals = literals.with(name, &ParameterValue::Text(String::new()));
        }
        Asking { session, literals, span, now }
    }

    /// A report about the range that is asked about, with nothing in it yet.
    pub fn report(&self, name: &str, title: impl Into<String>, about: impl Into<String>) -> Report {
        Report {
            name: name.to_owned(),
            title: title.into(),
            about: about.into(),
            from: self.span.from,
            to: self.span.to,
            now: self.now,
            sources: Vec::new(),
            facts: Vec::new(),
            sections: Vec::new(),
        }
    }

    /// Narrows the questions to one secret: to one place where an ARN was given, else to all places of the name.
    pub fn about(&mut self, asked: &str, places: &[Place]) {
        let Some(place) = places.first() else { return };
        let is_one = asked.starts_with("arn:");
        let only = |text: &str| ParameterValue::Text(if is_one { text.to_owned() } else { String::new() });
        self.set("secret", &ParameterValue::Text(place.name.clone()));
        self.set("account", &only(&place.account));
        self.set("region", &only(&place.region));
    }

    /// Gives one more placeholder its value.
    pub fn set(&mut self, name: &str, value: &ParameterValue) {
        self.literals = std::mem::take(&mut self.literals).with(name, value);
    }

    /// Asks.
    ///
    /// # Errors
    /// When there is no such question, its header does not say what its columns are, or the lake cannot be read.
    pub async fn ask(&self, name: &str) -> anyhow::Result<Table> {
        self.ask_with(name, &self.literals).await
    }

    /// Asks for reads by the bar; gives the length of a bar too.
    ///
    /// # Errors
    /// As [`Asking::ask`].
    pub async fn ask_by_bar(&self, name: &str) -> anyhow::Result<(Table, i64)> {
        let seconds = bar_seconds(self.span);
        let length = ParameterValue::Duration(SignedDuration::from_secs(seconds));
        Ok((self.ask_with(name, &self.literals.clone().with("bin", &length)).await?, seconds))
    }

    async fn ask_with(&self, name: &str, literals: &Literals) -> anyhow::Result<Table> {
        let (header, sql) = read(name)?;
        let bound = bind(&file(name), &sql, literals)?;
        let failed = || format!("failed to ask `{}`", file(name));
        let (names, rows) = ordered_rows(self.session, &bound).await.with_context(failed)?;
        let columns = columns(&header, &names).with_context(failed)?;
        let kinds: Vec<&str> = names.iter().map(|name| kind(&header, name)).collect();
        let cells = |row: &Row| kinds.iter().enumerate().map(|(at, kind)| value(row, at, kind)).collect();
        let rows = rows.iter().map(cells).collect();
        Ok(Table {
            name: name.to_owned(),
            title: header.title,
            basis: header.basis,
            empty: header.empty,
            columns,
            rows,
        })
    }
}

/// The tables and views that some questions name.
///
/// # Errors
/// When a question is no SQL.
pub fn tables_named(session: &SessionContext, questions: &[&str]) -> anyhow::Result<BTreeSet<String>> {
    let mut named = BTreeSet::new();
    for name in questions {
        let (_, sql) = read(name)?;
        // Placeholders parse as they are; only their values are missing.
        named.extend(views::tables_named(session, &file(name), &sql)?);
    }
    Ok(named)
}

/// Length of a bar: about sixty of them fill a range.
fn bar_seconds(span: Span) -> i64 {
    const HOUR: i64 = 3_600;
    let lengths = [HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR, 48 * HOUR];
    let least = (span.to.as_second() - span.from.as_second()) / 62;
    lengths.into_iter().find(|length| *length >= least).unwrap_or(168 * HOUR)
}

fn file(name: &str) -> String {
    format!("queries/reports/{name}.sql")
}

fn read(name: &str) -> anyhow::Result<(Header, String)> {
    let Some(text) = shipped_reports().get(name).copied() else {
        bail!("there is no question `{}`", file(name));
    };
    let (header, sql) = split(text);
    let header =
        toml::from_str(&header).with_context(|| format!("the header of `{}` is wrong", file(name)))?;
    Ok((header, sql.to_owned()))
}

fn kind<'h>(header: &'h Header, name: &str) -> &'h str {
    let told = header.columns.get(name).map(String::as_str).unwrap_or_default();
    told.split(':').next().unwrap_or_default().trim()
}

fn columns(header: &Header, names: &[String]) -> anyhow::Result<Vec<Column>> {
    if let Some(missing) = header.columns.keys().find(|name| !names.contains(name)) {
        bail!("its header names the column `{missing}`, which it does not select");
    }
    let column = |name: &String| {
        let about = header.columns.get(name).and_then(|told| told.split_once(':'));
        let kind = match kind(header, name) {
            "text" => Kind::Text,
            "principal" => Kind::Principal,
            "verdict" => Kind::Verdict,
            "code" => Kind::Code,
            "time" => Kind::Time,
            "beneath" => Kind::Beneath,
            "count" | "usd" | "share" | "length" => Kind::Number,
            other => bail!("its header says nothing known of the column `{name}`: `{other}`"),
        };
        Ok(Column {
            name: name.clone(),
            kind,
            about: about.map(|(_, about)| about.trim().to_owned()).unwrap_or_default(),
        })
    };
    names.iter().map(column).collect()
}

fn value(row: &Row, at: usize, kind: &str) -> Value {
    let Some(text) = row.get(at) else { return Value::Nothing };
    let number = || text.parse::<f64>().ok();
    let known = match kind {
        "count" => text.parse().ok().map(Value::Count),
        "usd" => number().map(Value::Usd),
        "share" => number().map(Value::Share),
        "time" => row.maybe_time(at).map(Value::Time),
        "length" => text.parse().ok().map(|seconds| Value::Length(SignedDuration::from_secs(seconds))),
        _ => Some(Value::text(text)),
    };
    known.unwrap_or(Value::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_has_a_header_and_belongs_to_a_report() {
        let used: BTreeSet<&str> = [
            super::super::access::QUESTIONS,
            super::super::cost::QUESTIONS,
            super::super::least_privilege::QUESTIONS,
            super::super::rotation::QUESTIONS,
            super::super::secret::QUESTIONS,
        ]
        .concat()
        .into_iter()
        .collect();
        for name in shipped_reports().keys() {
            read(name).unwrap_or_else(|error| panic!("{error:#}"));
            assert!(used.contains(name.as_str()), "no report asks {name}");
        }
        assert!(used.iter().all(|name| shipped_reports().contains_key(*name)));
    }
}
