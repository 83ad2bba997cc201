//! An explanation as people read it. Pure; whatever an attacker may have written is made inert.

use std::fmt::Write;

use serde_json::Value;
use snowtrail_page::escape::{KEY_CHARS_MAX, LINE_CHARS_MAX, NAME_CHARS_MAX, PARAGRAPH_CHARS_MAX, terminal};
use snowtrail_rules::Rule;

use super::gathered::{Gathered, Page, Revision};
use super::own::Own;
use super::severity;
use crate::commands::rules::written;
use crate::policy_file::Bound;

/// The text. `rule` is the finding's, if the set at hand has it.
pub fn text(gathered: &Gathered, rule: Option<&Rule>, bound: &Bound, own: Option<&Own<'_>>) -> String {
    let mut text = String::new();
    let Some(newest) = gathered.revisions.last() else { return text };
    finding(&mut text, newest, rule);
    list(&mut text, "Its numbers and its baseline", detail_lines(&newest.detail), "  ");
    meaning(&mut text, newest, rule);
    if let Some(rule) = rule {
        parameters(&mut text, rule, bound, own);
    }
    revisions(&mut text, &gathered.revisions);
    events(&mut text, gathered);
    let told = gathered.pages.iter().map(page).collect::<Vec<_>>();
    let nobody = "nobody was told: no page names it".to_owned();
    list(&mut text, "Pages", if told.is_empty() { vec![nobody] } else { told }, "  ");
    related(&mut text, gathered);
    text
}

fn finding(text: &mut String, newest: &Revision, rule: Option<&Rule>) {
    let line = |column: &str, chars_max: usize| terminal(newest.text(column), chars_max);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{}: {}", newest.text("severity").to_uppercase(), line("title", LINE_CHARS_MAX));
    let _ = writeln!(text, "{}\n", line("summary", PARAGRAPH_CHARS_MAX));
    for (name, column) in [("observed", "observed"), ("expected", "expected"), ("secret", "secret_name")] {
        field(text, name, &line(column, LINE_CHARS_MAX));
    }
    field(text, "arn", &line("secret_arn", NAME_CHARS_MAX));
    field(text, "principal", &line("principal", NAME_CHARS_MAX));
    field(text, "actor", &line("actor", NAME_CHARS_MAX));
    let place = [line("account_id", NAME_CHARS_MAX), line("aws_region", NAME_CHARS_MAX)].join(" ");
    field(text, "where", place.trim());
    let (start, end) = (line("window_start", LINE_CHARS_MAX), line("window_end", LINE_CHARS_MAX));
    field(text, "when", &format!("{start} to {end}"));
    field(text, "state", &format!("{}, revision {}", line("state", LINE_CHARS_MAX), newest.number));
    let why = severity::why(newest.text("severity"), &newest.detail, rule);
    let mut why = why.iter().map(|why| terminal(why, PARAGRAPH_CHARS_MAX));
    field(text, "severity", &why.next().unwrap_or_default());
    why.for_each(|why| field(text, "", &why));
    field(text, "key", &line("key", KEY_CHARS_MAX));
}

fn field(text: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        let _ = writeln!(text, "  {name:<10}{value}");
    }
}

fn list(text: &mut String, title: &str, items: Vec<String>, bullet: &str) {
    if !items.is_empty() {
        let _ = writeln!(text, "\n{title}");
        items.iter().for_each(|item| {
            let _ = writeln!(text, "{bullet}{item}");
        });
    }
}

/// A JSON object as lines: `reads: 427`, lists with commas, objects by their path.
pub fn detail_lines(detail: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    if let Value::Object(object) = detail {
        object.iter().for_each(|(key, value)| flatten(&words(key), value, &mut lines));
    }
    lines
}

fn words(key: &str) -> String {
    terminal(&key.replace('_', " "), NAME_CHARS_MAX)
}

fn flatten(path: &str, value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Object(object) if object.is_empty() => {}
        Value::Object(object) => {
            object.iter().for_each(|(key, value)| flatten(&format!("{path}, {}", words(key)), value, lines));
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            let numbered = items.iter().enumerate();
            numbered.for_each(|(at, item)| flatten(&format!("{path} {}", at + 1), item, lines));
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(scalar).collect();
            let all = if items.is_empty() { "none".to_owned() } else { items.join(", ") };
            lines.push(format!("{path}: {all}"));
        }
        value => lines.push(format!("{path}: {}", scalar(value))),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::String(text) => terminal(text, LINE_CHARS_MAX),
        other => other.to_string(),
    }
}

fn meaning(text: &mut String, newest: &Revision, rule: Option<&Rule>) {
    let id = terminal(newest.text("rule"), NAME_CHARS_MAX);
    let Some(Rule { header, .. }) = rule else {
        let _ =
            writeln!(text, "\nThe rule `{id}` is not among the rules at hand; name its folder with --rules.");
        return;
    };
    let _ = writeln!(text, "\nWhat it means (rule {id})\n  {}. {}", header.title, header.description.trim());
    let steps =
        header.runbook.iter().enumerate().map(|(at, step)| format!("{}. {}", at + 1, step.trim())).collect();
    list(text, "What to check first", steps, "  ");
    list(
        text,
        "What would make it benign",
        header.benign.iter().map(|b| b.trim().to_owned()).collect(),
        "  - ",
    );
}

fn parameters(text: &mut String, rule: &Rule, bound: &Bound, own: Option<&Own<'_>>) {
    let settings = bound.policy.rule_settings(&rule.header.id);
    let told = rule.header.parameters.iter().map(|(name, parameter)| {
        let unit = parameter.unit.as_deref().map_or(String::new(), |unit| format!(" {unit}"));
        let default = written(&parameter.default);
        let set = settings.parameters.get(name).map(written);
        match own.and_then(|own| Some((own.entry, own.set.get(name)?))) {
            Some((entry, contract)) => {
                let others = set.as_ref().unwrap_or(&default);
                format!(
                    "{name} = {}{unit} (set by the secret's contract, number {entry} of [[secrets]]; for others {others})",
                    written(contract)
                )
            }
            None => match set {
                Some(set) => format!("{name} = {set}{unit} (set by the policy; default {default})"),
                None => format!("{name} = {default}{unit}"),
            },
        }
    });
    let mut told: Vec<String> = told.collect();
    if !settings.enabled {
        told.push("enabled = false (set by the policy)".to_owned());
    }
    list(text, "Parameters in force", told, "  ");
}

fn revisions(text: &mut String, revisions: &[Revision]) {
    let mut told = Vec::new();
    let mut before: Option<&Revision> = None;
    for revision in revisions {
        let at = terminal(revision.text("found_at"), LINE_CHARS_MAX);
        let (state, severity) = (revision.text("state"), revision.text("severity"));
        let observed = terminal(revision.text("observed"), LINE_CHARS_MAX);
        let change = before.map_or(String::new(), |before| changes(before, revision));
        told.push(format!("{}  {at}  {state}, {severity}: {observed}{change}", revision.number));
        before = Some(revision);
    }
    list(text, "Revisions", told, "  ");
}

/// The columns in which two revisions differ.
fn changes(before: &Revision, after: &Revision) -> String {
    let columns = before.columns.iter().zip(&after.columns);
    let mut changed: Vec<&str> = columns.filter(|(a, b)| a.1 != b.1).map(|(a, _)| a.0).collect();
    changed.retain(|name| !matches!(*name, "revision" | "found_at"));
    changed.extend((before.evidence != after.evidence).then_some("evidence"));
    changed.extend((before.detail != after.detail).then_some("detail"));
    if changed.is_empty() { String::new() } else { format!(" (changed: {})", changed.join(", ")) }
}

fn events(text: &mut String, gathered: &Gathered) {
    let told = gathered.events.iter().map(|event| {
        let value = |name: &str| {
            let found = event.columns.iter().find(|(column, _)| *column == name);
            found.and_then(|(_, value)| value.as_deref()).map(|value| terminal(value, NAME_CHARS_MAX))
        };
        let shown = |name: &str| value(name).unwrap_or_else(|| "-".to_owned());
        let who =
            value("actor").map_or(shown("principal"), |actor| format!("{} as {actor}", shown("principal")));
        let error = value("error_code").map_or(String::new(), |code| format!(" ({code})"));
        format!(
            "{}  {}  {}{error}\n    {who}\n    from {}  event {}",
            shown("event_time"),
            shown("event_name"),
            shown("outcome"),
            shown("source_ip"),
            shown("event_id")
        )
    });
    let mut told: Vec<String> = told.collect();
    let missing = gathered
        .missing
        .iter()
        .map(|id| format!("event {} is not in the lake", terminal(id, NAME_CHARS_MAX)));
    told.extend(missing);
    if told.is_empty() {
        told.push("none: it stands on what did not happen".to_owned());
    }
    let count = gathered.events.len() + gathered.missing.len();
    list(text, &format!("Events ({count})"), told, "  ");
}

fn page(page: &Page) -> String {
    let row = &page.row;
    let at = match (row.state.as_str(), page.planned_at) {
        ("planned", _) => format!("{}  planned, not sent yet", row.sent_at),
        (_, Some(planned)) => format!("{}  sent (planned {planned})", row.sent_at),
        _ => format!("{}  sent", row.sent_at),
    };
    let others = match row.finding_keys.len() {
        0 | 1 => String::new(),
        count => format!(", with {} other findings", count - 1),
    };
    format!(
        "{at}: {}, {}, to {}{others}\n    {}\n    page {}",
        terminal(&row.kind, NAME_CHARS_MAX),
        terminal(&row.severity, NAME_CHARS_MAX),
        terminal(&row.target, NAME_CHARS_MAX),
        terminal(&row.subject, LINE_CHARS_MAX),
        terminal(&row.dedupe_key, NAME_CHARS_MAX)
    )
}

fn related(text: &mut String, gathered: &Gathered) {
    let told = gathered.related.iter().map(|other| {
        format!(
            "{}  {} {} ({}, same {})\n    {}",
            terminal(&other.window_start, NAME_CHARS_MAX),
            terminal(&other.severity, NAME_CHARS_MAX).to_uppercase(),
            terminal(&other.title, LINE_CHARS_MAX),
            terminal(&other.state, NAME_CHARS_MAX),
            other.shares,
            terminal(&other.key, KEY_CHARS_MAX)
        )
    });
    let mut told: Vec<String> = told.collect();
    if gathered.related_unnamed > 0 {
        told.push(format!("and {} more", gathered.related_unnamed));
    }
    list(text, "Related findings (same principal or secret, within a day)", told, "  ");
}
