//! `snowtrail lake schema`: every table, view and column, and what they mean; as a page, `docs/tables.md`.
//!
//! Views are planned over an empty lake, so that their columns and types are what a query gets. The same rules give
//! the same bytes.

use std::fmt::Write;
use std::path::Path;

use jiff::Timestamp;
use snowtrail_lake::{Access, Lake};
use snowtrail_model::Policy;

use crate::catalog::{self, Kind, Relation};
use crate::cli::{Format, SchemaFormat};
use crate::commands::rules_docs::{cell, inline};
use crate::output::{self, texts_table};
use crate::policy_file::{self, Bound};
use crate::workbench::{self, Horizon};

/// First line of the page.
const MARK: &str = "<!-- Made by `snowtrail lake schema --format markdown` from the tables' columns and the views' files: change those, not this. -->\n";

/// Prints the schema.
pub async fn run(format: SchemaFormat, rules: Option<&Path>) -> anyhow::Result<()> {
    let bound = Bound { rules: policy_file::rules(rules)?, policy: Policy::default() };
    let folder = tempfile::tempdir()?;
    let lake = Lake::open(&folder.path().join("lake").display().to_string(), Access::Write).await?;
    let engine = workbench::open(&lake, &bound, Timestamp::UNIX_EPOCH, Horizon::Everything).await?;
    let relations = catalog::read(engine.session(), &bound.rules).await?;
    let format = match format {
        SchemaFormat::Markdown => return Ok(output::data(&page(&relations))?),
        SchemaFormat::Table => Format::Table,
        SchemaFormat::Json => Format::Json,
        SchemaFormat::Csv => Format::Csv,
    };
    let rows = relations.iter().flat_map(|relation| {
        let of = |column: &catalog::ColumnMeaning| {
            let (table, kind) = (relation.name.as_str(), relation.kind.as_str());
            [table, kind, &column.name, &column.data_type, &column.meaning].map(str::to_owned)
        };
        relation.columns.iter().map(of)
    });
    texts_table(["table", "kind", "column", "type", "meaning"], rows.collect(), format)
}

fn page(relations: &[Relation]) -> String {
    let mut text = format!("{MARK}# Tables and views\n\n{INTRODUCTION}");
    for (kind, title) in
        [(Kind::Table, "Tables"), (Kind::View, "Views"), (Kind::Policy, "The policy's tables")]
    {
        let of_kind = || relations.iter().filter(move |relation| relation.kind == kind);
        // Writing to a String cannot fail.
        let _ = write!(text, "\n## {title}\n\n| name | a row is |\n|---|---|\n");
        for relation in of_kind() {
            let _ = writeln!(text, "| [{name}](#{name}) | {} |", cell(&relation.about), name = relation.name);
        }
        of_kind().for_each(|relation| describe(&mut text, relation));
    }
    text
}

const INTRODUCTION: &str = "\
What `snowtrail sql` and the rules see. Tables are stored in the lake, and any reader of Delta tables can open them. Views are
made by the files in [queries/views](../queries/views). The policy's tables say what the policy declares about the secrets
and principals that the lake has seen. Times are UTC. `column.part` is a part of a nested column: `column['part']` of a
struct, `column[1]['part']` of the first element of a list.
";

fn describe(text: &mut String, relation: &Relation) {
    let _ = write!(text, "\n### {}\n\n{}\n", relation.name, inline(&relation.about));
    for paragraph in relation.notes.split("\n\n").filter(|p| !p.is_empty()) {
        let _ = write!(text, "\n{}\n", paragraph.lines().map(inline).collect::<Vec<_>>().join("\n"));
    }
    text.push_str("\n| column | type | meaning |\n|---|---|---|\n");
    for column in &relation.columns {
        let meaning = cell(&column.meaning);
        let _ = writeln!(text, "| `{}` | {} | {meaning} |", column.name, column.data_type);
    }
}
