//! What can be asked: every table and view of a session, its columns, their types, and what they mean.
//!
//! A table's columns say what they mean in their metadata. A view says it in its file's leading comment: the first
//! paragraph is what a row is, and `column, column: meaning.` is found in the rest. What a view does not say is what
//! the columns of the same name mean in what the view stands on. The policy's small tables say it in `rules/src/small.rs`.
//! Left out: the tables `known_…`, in which a worker keeps what it knows of events that are not in sight.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use arrow::datatypes::{DataType, Field};
use datafusion::prelude::SessionContext;
use jiff::Timestamp;
use snowtrail_lake::Table;
use snowtrail_lake::column::COMMENT;
use snowtrail_lake::verifications::{DESCRIPTION, VERIFICATIONS};
use snowtrail_rules::RuleSet;
use snowtrail_rules::binding::{Literals, bind};
use snowtrail_rules::knowledge::TABLE_PREFIX;
use snowtrail_rules::small::DESCRIBED;
use snowtrail_rules::views::tables_named;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Stored in the lake.
    Table,
    /// Made by a query.
    View,
    /// The policy, resolved for what the lake has seen.
    Policy,
}

impl Kind {
    /// As people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Table => "table",
            Kind::View => "view",
            Kind::Policy => "policy table",
        }
    }
}

/// A table or view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its name in SQL.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// What a row is.
    pub about: String,
    /// Everything else that the view's file says, as lines; empty for tables.
    pub notes: String,
    /// Its columns, in order; the parts of a nested one follow it.
    pub columns: Vec<ColumnMeaning>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnMeaning {
    /// Its name; a part of a nested column as `column.part`.
    pub name: String,
    /// Its type in words.
    pub data_type: String,
    /// Unit and meaning.
    pub meaning: String,
}

/// Reads what a session shows: tables first, then views, then the policy's tables, each by name.
///
/// # Errors
/// When a view cannot be planned.
pub async fn read(session: &SessionContext, rules: &RuleSet) -> anyhow::Result<Vec<Relation>> {
    let schema = session.catalog("lake").and_then(|catalog| catalog.schema("public"));
    let names = schema.map(|schema| schema.table_names()).unwrap_or_default();
    let mut shown = Shown::default();
    for name in names.into_iter().filter(|name| !name.starts_with(TABLE_PREFIX)) {
        let doing = || format!("failed to look at `{name}`");
        let provider = session.table_provider(name.as_str()).await.with_context(doing)?;
        let fields = provider.schema().fields().iter().map(|f| f.as_ref().clone()).collect();
        let relation = Described::new(session, rules, &name, fields).with_context(doing)?;
        shown.relations.insert(name, relation);
    }
    let mut relations: Vec<Relation> = shown.relations.keys().map(|name| shown.relation(name)).collect();
    relations.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    Ok(relations)
}

/// What is said about one relation itself.
struct Described {
    kind: Kind,
    about: String,
    notes: String,
    fields: Vec<Field>,
    meanings: BTreeMap<String, String>,
    stands_on: Vec<String>,
}

impl Described {
    fn new(
        session: &SessionContext,
        rules: &RuleSet,
        name: &str,
        fields: Vec<Field>,
    ) -> anyhow::Result<Described> {
        let (mut about, mut notes, mut meanings) = (String::new(), String::new(), BTreeMap::new());
        let (mut kind, mut stands_on) = (Kind::View, Vec::new());
        if let Some(table) = Table::ALL.into_iter().find(|t| t.sql_name() == name) {
            (kind, about) = (Kind::Table, table.description().to_owned());
        } else if let Some((file, sql)) = rules.views.get(name) {
            stands_on =
                tables_named(session, file, &bind(file, sql, &Literals::now(Timestamp::UNIX_EPOCH))?)?;
            // What the last SELECT is from says most of the rows.
            stands_on.sort_by_key(|below| Reverse(sql.rfind(&format!("FROM {below}"))));
            let comment = rules.view_comments.get(name).map(String::as_str).unwrap_or_default();
            (about, notes) = paragraphs(name, comment);
            meanings = said_of_columns(comment, &fields);
        } else if let Some(table) = DESCRIBED.iter().find(|t| t.name == name) {
            (kind, about) = (Kind::Policy, table.about.to_owned());
            meanings = table.columns.iter().map(|(c, m)| ((*c).to_owned(), (*m).to_owned())).collect();
        } else if name == VERIFICATIONS {
            (kind, about) = (Kind::Table, DESCRIPTION.to_owned());
        } else if name == "findings" {
            about = "The latest revision of each finding that is open".to_owned();
            stands_on = vec![Table::Findings.sql_name().to_owned()];
        }
        Ok(Described { kind, about, notes, fields, meanings, stands_on })
    }
}

#[derive(Default)]
struct Shown {
    relations: BTreeMap<String, Described>,
}

impl Shown {
    fn relation(&self, name: &str) -> Relation {
        let described = &self.relations[name];
        let mut columns = Vec::new();
        for field in &described.fields {
            let meaning = self.meaning(name, field.name(), &mut BTreeSet::new()).unwrap_or_default();
            add_column(&mut columns, field.name().clone(), field, meaning);
        }
        Relation {
            name: name.to_owned(),
            kind: described.kind,
            about: described.about.clone(),
            notes: described.notes.clone(),
            columns,
        }
    }

    /// What a relation says of a column, else its metadata, else what those say that it stands on.
    fn meaning(&self, name: &str, column: &str, seen: &mut BTreeSet<String>) -> Option<String> {
        let described = self.relations.get(name).filter(|_| seen.insert(name.to_owned()))?;
        let field = described.fields.iter().find(|f| f.name() == column);
        // The planner carries it along as long as a column is handed on as it is.
        let comment = || field.and_then(|f| f.metadata().get(COMMENT).cloned());
        let own = described.meanings.get(column).cloned();
        let below = || described.stands_on.iter().find_map(|below| self.meaning(below, column, seen));
        own.or_else(comment).or_else(below)
    }
}

fn add_column(columns: &mut Vec<ColumnMeaning>, name: String, field: &Field, meaning: String) {
    columns.push(ColumnMeaning { name: name.clone(), data_type: type_name(field.data_type()), meaning });
    let parts = match field.data_type() {
        DataType::List(item) | DataType::LargeList(item) => match item.data_type() {
            DataType::Struct(parts) => parts,
            _ => return,
        },
        DataType::Struct(parts) => parts,
        _ => return,
    };
    for part in parts {
        let meaning = part.metadata().get(COMMENT).cloned().unwrap_or_default();
        add_column(columns, format!("{name}.{}", part.name()), part, meaning);
    }
}

/// A type in the words of SQL.
fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => "text".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int32 => "int".to_owned(),
        DataType::Int64 | DataType::UInt64 => "bigint".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamp (UTC)".to_owned(),
        DataType::List(item) | DataType::LargeList(item) => {
            format!("list of {}", type_name(item.data_type()))
        }
        DataType::Struct(_) => "struct".to_owned(),
        DataType::Dictionary(_, value) => type_name(value),
        other => other.to_string(),
    }
}

/// The first paragraph of a comment, without the view's name, and the rest.
fn paragraphs(name: &str, comment: &str) -> (String, String) {
    let comment = comment.strip_prefix(&format!("{name}: ")).unwrap_or(comment);
    let (about, notes) = comment.split_once("\n\n").unwrap_or((comment, ""));
    (about.lines().map(str::trim).collect::<Vec<_>>().join(" "), notes.trim().to_owned())
}

/// What a comment says of columns, as `name, other: meaning.`; `prefix_…` names all that begin so.
fn said_of_columns(comment: &str, fields: &[Field]) -> BTreeMap<String, String> {
    let text = comment.replace("\n\n", ".\n").replace('\n', " ");
    let definitions: Vec<Definition> =
        text.match_indices(": ").filter_map(|(at, _)| Definition::before(&text, at, fields)).collect();
    let mut said = BTreeMap::new();
    for (i, definition) in definitions.iter().enumerate() {
        let rest = &text[definition.end..definitions.get(i + 1).map_or(text.len(), |next| next.start)];
        let sentence = rest.find(". ").map_or(rest, |end| &rest[..end]).trim().trim_end_matches(['.', ';']);
        let meaning = match definition.aside {
            "" => sentence.to_owned(),
            aside => format!("{aside}; {sentence}"),
        };
        said.extend(definition.columns.iter().map(|column| (column.clone(), meaning.clone())));
    }
    said
}

/// Where a comment begins to say what columns mean.
struct Definition<'t> {
    /// Of the first name.
    start: usize,
    /// Behind the colon.
    end: usize,
    columns: Vec<String>,
    /// What stands in brackets behind the names.
    aside: &'t str,
}

impl<'t> Definition<'t> {
    fn before(text: &'t str, colon: usize, fields: &[Field]) -> Option<Definition<'t>> {
        let start =
            [". ", "; "].iter().filter_map(|end| text[..colon].rfind(end)).max().map_or(0, |at| at + 2);
        let (names, aside) = match text[start..colon].strip_suffix(')').and_then(|t| t.split_once(" (")) {
            Some((names, aside)) => (names, aside),
            None => (&text[start..colon], ""),
        };
        let mut columns = Vec::new();
        for name in names.trim().split(", ").flat_map(|part| part.split(" and ")) {
            let (stem, is_prefix) = name.strip_suffix('…').map_or((name, false), |stem| (stem, true));
            if stem.is_empty()
                || !stem.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            {
                return None;
            }
            let is_named = |f: &&Field| if is_prefix { f.name().starts_with(stem) } else { f.name() == stem };
            columns.extend(fields.iter().filter(is_named).map(|f| f.name().clone()));
        }
        (!columns.is_empty()).then_some(Definition { start, end: colon + 2, columns, aside })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comment_of_a_view_says_what_its_columns_mean() {
        let fields = ["hour", "reads", "trail_a", "trail_b", "from_time", "to_time", "state"]
            .map(|name| Field::new(name, DataType::Utf8, true));
        let comment = "activity: one row for each hour. The ground.\n\nhour: start of the hour. reads: deliveries,\n\
            not refusals; state: open, closed. trail_…: settings. from_time, to_time (UTC, inclusive): when.\nLeft out: hours.";
        assert_eq!(paragraphs("activity", comment).0, "one row for each hour. The ground.");
        let said = said_of_columns(comment, &fields);
        let expected = [
            ("from_time", "UTC, inclusive; when"),
            ("hour", "start of the hour"),
            ("reads", "deliveries, not refusals"),
            ("state", "open, closed"),
            ("to_time", "UTC, inclusive; when"),
            ("trail_a", "settings"),
            ("trail_b", "settings"),
        ];
        assert_eq!(said.iter().map(|(c, m)| (c.as_str(), m.as_str())).collect::<Vec<_>>(), expected);
    }
}
