//! A report: a title, what was asked, facts, and sections of text, tables and charts.
//!
//! Each number says what it stands on: a fact by its basis, a table by its basis and by what its columns mean.

use jiff::Timestamp;

use crate::chart::Chart;
use crate::value::Value;

/// All that one report says.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Which report: `access`, `secret`, `rotation`, `least-privilege`, `cost`.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What it is for and what it does not show, in a sentence or two.
    pub about: String,
    /// Events from this time on, UTC.
    pub from: Timestamp,
    /// Events before this time, UTC.
    pub to: Timestamp,
    /// Judged as of this time, UTC.
    pub now: Timestamp,
    /// Where it comes from: the lake, the policy.
    pub sources: Vec<String>,
    /// What people want to know first.
    pub facts: Vec<Fact>,
    /// The rest.
    pub sections: Vec<Section>,
}

/// A number that people want to know first.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// What it counts.
    pub name: String,
    /// How many, or when.
    pub value: Value,
    /// What it stands on.
    pub basis: String,
}

/// A part of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Its title.
    pub title: String,
    /// What it shows and what it does not; empty where the title says it.
    pub note: String,
    /// What stands in it.
    pub blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// Rows.
    Table(Table),
    /// A picture, or rather what it shows.
    Chart(Chart),
    /// Text to paste, such as a policy document.
    Paste {
        /// What it is.
        title: String,
        /// The text, lines and all. Must be valid in its own language whatever names occur in it.
        text: String,
    },
    /// A place to sign on paper: who, and for what.
    Signature {
        /// What the signature says.
        statement: String,
        /// One line to sign for each.
        signers: Vec<String>,
    },
}

/// Rows of one query.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The query's name: `access-who`.
    pub name: String,
    /// A title where the section has several tables; else empty.
    pub title: String,
    /// What it stands on.
    pub basis: String,
    /// What is said instead where there is no row.
    pub empty: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, each as long as the columns.
    pub rows: Vec<Vec<Value>>,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name, as in the query: `first_read`.
    pub name: String,
    /// What kind of values it holds.
    pub kind: Kind,
    /// What they mean; empty where the name says it.
    pub about: String,
}

/// Kinds of columns: how their values look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text as it is.
    Text,
    /// An ARN of somebody: the last part first, the whole beneath it.
    Principal,
    /// A word that is good or bad news: a severity, a state, a verdict.
    Verdict,
    /// Code: an action, an id, a key.
    Code,
    /// A number; to the right.
    Number,
    /// A moment.
    Time,
    /// A detail of the column before it; where there is little room it stands beneath that.
    Beneath,
}

impl Column {
    /// The name as people read it.
    pub fn heading(&self) -> String {
        self.name.replace('_', " ")
    }
}

impl Table {
    /// The columns that hold something in some row, with their places: an empty one only takes room from the others.
    pub fn filled_columns(&self) -> impl Iterator<Item = (usize, &Column)> {
        let is_filled =
            |at: usize| self.rows.iter().any(|row| row.get(at).is_some_and(|v| *v != Value::Nothing));
        self.columns.iter().enumerate().filter(move |(at, _)| is_filled(*at))
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The sum of a column of counts.
    pub fn total(&self, name: &str) -> u64 {
        let Some(at) = self.column(name) else { return 0 };
        let count = |row: &Vec<Value>| if let Some(Value::Count(count)) = row.get(at) { *count } else { 0 };
        self.rows.iter().map(count).sum()
    }

    /// The sum of a column of dollars.
    pub fn dollars(&self, name: &str) -> f64 {
        let Some(at) = self.column(name) else { return 0.0 };
        let usd = |row: &Vec<Value>| if let Some(Value::Usd(usd)) = row.get(at) { *usd } else { 0.0 };
        self.rows.iter().map(usd).sum()
    }

    /// How many rows have this text in a column.
    pub fn count_of(&self, name: &str, text: &str) -> u64 {
        let Some(at) = self.column(name) else { return 0 };
        let has = |row: &&Vec<Value>| matches!(row.get(at), Some(Value::Text(found)) if found == text);
        self.rows.iter().filter(has).count() as u64
    }

    /// A cell's text; empty where it holds none.
    pub fn text<'r>(&self, row: &'r [Value], name: &str) -> &'r str {
        match self.column(name).and_then(|at| row.get(at)) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    /// A cell's count; zero where it holds none.
    pub fn count(&self, row: &[Value], name: &str) -> u64 {
        match self.column(name).and_then(|at| row.get(at)) {
            Some(Value::Count(count)) => *count,
            _ => 0,
        }
    }

    /// A cell's moment.
    pub fn time(&self, row: &[Value], name: &str) -> Option<Timestamp> {
        match self.column(name).and_then(|at| row.get(at)) {
            Some(Value::Time(at)) => Some(*at),
            _ => None,
        }
    }
}
