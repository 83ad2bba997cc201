//! `snowtrail rules docs`: a page of documentation for each rule, made from its header, its SQL and its fixtures.
//!
//! The same rules and fixtures give the same bytes. Pages that an earlier run made for rules that are gone are removed;
//! nothing else in the folder is touched.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use snowtrail_model::Severity;
use snowtrail_model::policy::format_duration;
use snowtrail_rules::fixture::fixtures;
use snowtrail_rules::{Rule, RuleSet};

use crate::cli::Docs;
use crate::commands::rules::written;
use crate::exit::Exit;
use crate::{output, policy_file};

/// First line of every page, by which a later run knows its own.
const MARK: &str = "<!-- Made by `snowtrail rules docs` from the rule's file: change that, not this. -->\n";
/// The table of all rules.
const INDEX: &str = "index.md";

/// What one fixture shows, by the first comment of its expectation.
struct Case {
    fires: bool,
    name: String,
    about: String,
}

/// Writes the pages and the index.
pub fn run(options: &Docs) -> anyhow::Result<Exit> {
    let rules = policy_file::rules(options.rules.as_deref())?;
    let mut pages = BTreeMap::from([(INDEX.to_owned(), index(&rules))]);
    for (id, rule) in &rules.rules {
        let cases = options.fixtures.as_deref().map_or(Ok(Vec::new()), |folder| cases(folder, id))?;
        pages.insert(format!("{id}.md"), page(rule, &cases));
    }
    let folder = options.out.display();
    std::fs::create_dir_all(&options.out).with_context(|| format!("failed to make `{folder}`"))?;
    for (name, text) in &pages {
        let path = options.out.join(name);
        std::fs::write(&path, text).with_context(|| format!("failed to write `{}`", path.display()))?;
    }
    let removed = remove_stale(&options.out, &pages)?;
    let stale =
        if removed > 0 { format!(", {removed} of rules that are gone removed") } else { String::new() };
    output::data(&format!("{folder}: {} rules documented{stale}\n", rules.rules.len()))?;
    Ok(Exit::Done)
}

fn remove_stale(folder: &Path, pages: &BTreeMap<String, String>) -> anyhow::Result<usize> {
    let failed = || format!("failed to read `{}`", folder.display());
    let mut removed = 0;
    for entry in folder.read_dir().with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if pages.contains_key(name) || path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        if std::fs::read_to_string(&path).is_ok_and(|text| text.starts_with(MARK)) {
            std::fs::remove_file(&path).with_context(|| format!("failed to remove `{}`", path.display()))?;
            removed += 1;
        }
    }
    Ok(removed)
}

fn cases(folder: &Path, id: &str) -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for fixture in fixtures(folder, id)? {
        let path = fixture.log.with_file_name(format!("{}.expect", fixture.name));
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("failed to read `{}`", path.display()))?;
        cases.push(Case { fires: fixture.fires, about: first_comment(&text), name: fixture.name });
    }
    Ok(cases)
}

/// The comment that a file begins with, its lines joined.
fn first_comment(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix('#')).map(str::trim);
    lines.collect::<Vec<_>>().join(" ")
}

fn index(rules: &RuleSet) -> String {
    let mut text = format!("{MARK}# The rules\n");
    for severity in Severity::ALL.iter().rev() {
        let of_severity: Vec<&Rule> =
            rules.rules.values().filter(|rule| rule.header.severity == *severity).collect();
        if of_severity.is_empty() {
            continue;
        }
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n## {severity}\n\n| rule | what | window | history | ATT&CK |\n|---|---|---|---|---|\n"
        );
        for Rule { header, .. } in of_severity {
            let _ = writeln!(
                text,
                "| [{id}]({id}.md) | {} | {} | {} | {} |",
                cell(&header.title),
                format_duration(header.window),
                format_duration(header.history),
                header.attack.join(", "),
                id = header.id
            );
        }
    }
    let _ = write!(
        text,
        "\n{} rules. The severity is that of the rule; a finding's own may differ, as its page says.\n",
        rules.rules.len()
    );
    text
}

fn page(rule: &Rule, cases: &[Case]) -> String {
    let header = &rule.header;
    let attack = if header.attack.is_empty() { "-".to_owned() } else { header.attack.join(", ") };
    let mut text = format!("{MARK}# {}\n\n{}\n\n", header.id, inline(&header.title));
    let _ = write!(
        text,
        "| severity | window | history | scope | ATT&CK |\n|---|---|---|---|---|\n| {} | {} | {} | {} | {attack} |\n",
        header.severity,
        format_duration(header.window),
        format_duration(header.history),
        header.scope
    );
    let _ = write!(text, "\n## What it means\n\n{}\n", inline(header.description.trim()));
    section(&mut text, "What to do first", &header.runbook, "1. ");
    section(&mut text, "Known benign causes", &header.benign, "- ");
    parameters(&mut text, rule);
    for (title, fires) in [("Fires when", true), ("Stays quiet when", false)] {
        let told = cases.iter().filter(|case| case.fires == fires);
        let lines: Vec<String> = told.map(|case| format!("`{}`: {}", case.name, case.about)).collect();
        section(&mut text, title, &lines, "- ");
    }
    let _ = write!(text, "\n## SQL\n\n```sql\n{}\n```\n", rule.sql.trim());
    text
}

fn section(text: &mut String, title: &str, items: &[String], bullet: &str) {
    if items.is_empty() {
        return;
    }
    let _ = write!(text, "\n## {title}\n\n");
    items.iter().for_each(|item| {
        let _ = writeln!(text, "{bullet}{}", inline(item.trim()));
    });
}

fn parameters(text: &mut String, rule: &Rule) {
    let id = &rule.header.id;
    let _ = write!(text, "\n## Parameters\n\n");
    if rule.header.parameters.is_empty() {
        let _ = writeln!(text, "None. The policy can switch it off: `[rules.\"{id}\"]`, `enabled = false`.");
        return;
    }
    let _ = write!(
        text,
        "Set in the policy under `[rules.\"{id}\"]`.\n\n| parameter | default | unit | what it does |\n|---|---|---|---|\n"
    );
    for (name, parameter) in &rule.header.parameters {
        let unit = parameter.unit.as_deref().unwrap_or("");
        let (default, about) = (written(&parameter.default), cell(parameter.description.trim()));
        let _ = writeln!(text, "| `{name}` | `{}` | {} | {about} |", default.replace('|', "\\|"), cell(unit));
    }
    let per_secret = rule.header.parameters.iter().filter(|(_, parameter)| parameter.per_secret);
    let per_secret: Vec<String> = per_secret.map(|(name, _)| format!("`{name}`")).collect();
    if !per_secret.is_empty() {
        let names = per_secret.join(", ");
        let _ = write!(
            text,
            "\nA contract may set its own for the secrets that it selects, under `[secrets.parameters.{id}]`: {names}.\n"
        );
    }
}

/// Text that Markdown shows as it is: a placeholder in angle brackets is no tag, `*` no emphasis.
pub fn inline(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut is_code = false;
    for c in text.chars() {
        is_code ^= c == '`';
        match c {
            '<' if !is_code => shown.push_str("&lt;"),
            '*' if !is_code => shown.push_str("\\*"),
            '\n' | '\r' => shown.push(' '),
            _ => shown.push(c),
        }
    }
    shown
}

/// The same for a cell of a table, which a bar would end.
pub fn cell(text: &str) -> String {
    inline(text).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_every_shipped_header_is_on_its_page() {
        let rules = RuleSet::shipped().unwrap();
        let index = index(&rules);
        for (id, rule) in &rules.rules {
            let page = page(rule, &[]);
            assert!(index.contains(&format!("[{id}]({id}.md)")), "{id} is not in the index");
            let header = &rule.header;
            let parts =
                header.runbook.iter().chain(&header.benign).chain([&header.title, &header.description]);
            for part in parts {
                assert!(page.contains(&inline(part.trim())), "{id} lacks `{part}`");
            }
            for (name, parameter) in &header.parameters {
                assert!(page.contains(&format!("| `{name}` |")), "{id} lacks `{name}`");
                assert!(page.contains(&cell(parameter.description.trim())), "{id}, `{name}`");
            }
            assert!(page.contains(rule.sql.trim()), "{id} lacks its SQL");
        }
    }

    #[test]
    fn text_cannot_leave_its_cell_or_become_markup() {
        assert_eq!(cell("a | b <id> *c* `x*<y>`\nd"), "a \\| b &lt;id> \\*c\\* `x*<y>` d");
        assert_eq!(first_comment("# One\n# two\nfindings = []\n# three"), "One two");
        assert_eq!(first_comment("findings = []\n# late"), "");
    }
}
