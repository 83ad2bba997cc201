//! A tally as people and as programs read it. Pure.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Value, json};
use snowtrail_page::escape::{KEY_CHARS_MAX, LINE_CHARS_MAX, terminal};

use super::tally::{Counts, Place};
use crate::cli::Format;
use crate::commands::findings::quoted;

/// The report. `is_compared` tells whether there is a change to speak of.
pub fn report(counts: &BTreeMap<Place, Counts>, is_compared: bool, format: Format) -> String {
    match format {
        Format::Table => for_people(counts, is_compared),
        Format::Json => {
            counts.iter().map(|(place, c)| format!("{}\n", Value::Object(object(place, c)))).collect()
        }
        Format::Csv => csv(counts),
    }
}

/// One row: a day and a rule, or all days or all rules where it is null.
fn object((day, rule): &Place, counts: &Counts) -> Map<String, Value> {
    let example = |example: &super::tally::Example| json!({ "change": example.what, "severity": example.severity, "key": example.key, "title": example.title });
    let value = json!({
        "day": day,
        "rule": rule,
        "findings": counts.findings,
        "pages": counts.pages,
        "against_findings": counts.findings_then,
        "against_pages": counts.pages_then,
        "gained": counts.gained,
        "lost": counts.lost,
        "changed": counts.changed,
        "examples": counts.examples.iter().map(example).collect::<Vec<_>>(),
    });
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn csv(counts: &BTreeMap<Place, Counts>) -> String {
    let mut text = String::new();
    for (place, counts) in counts {
        let object = object(place, counts);
        if text.is_empty() {
            text = format!("{}\n", object.keys().cloned().collect::<Vec<_>>().join(","));
        }
        let cell = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => quoted(text),
            Value::Number(number) => number.to_string(),
            other => quoted(&other.to_string()),
        };
        text.push_str(&format!("{}\n", object.values().map(cell).collect::<Vec<_>>().join(",")));
    }
    text
}

fn for_people(counts: &BTreeMap<Place, Counts>, is_compared: bool) -> String {
    let mut text = String::new();
    let is_quiet =
        |counts: &Counts| counts.findings + counts.findings_then + counts.pages + counts.pages_then == 0;
    let totals = || counts.iter().filter(|((day, _), _)| day.is_none());
    let heading = |first: &str| {
        let change = if is_compared { "   against: findings   pages   gained    lost changed" } else { "" };
        format!("{first:<36} findings   pages{change}\n")
    };
    text.push_str(&heading("rule"));
    for ((_, rule), counts) in totals().filter(|((_, rule), counts)| rule.is_none() || !is_quiet(counts)) {
        text.push_str(&line(rule.as_deref().unwrap_or("all"), counts, is_compared));
    }
    let quiet = totals().filter(|((_, rule), counts)| rule.is_some() && is_quiet(counts)).count();
    // Writing to a String cannot fail.
    let _ = write!(text, "{quiet} rules found nothing\n\n");
    text.push_str(&heading("day, rule"));
    for ((day, rule), counts) in counts {
        let Some(day) = day else { continue };
        let name = rule.as_deref().map_or(day.clone(), |rule| format!("  {rule}"));
        text.push_str(&line(&name, counts, is_compared));
    }
    for ((_, rule), counts) in totals().filter(|(_, counts)| !counts.examples.is_empty()) {
        let _ = writeln!(text, "\n{}", rule.as_deref().unwrap_or_default());
        for example in &counts.examples {
            let (title, key) =
                (terminal(&example.title, LINE_CHARS_MAX), terminal(&example.key, KEY_CHARS_MAX));
            let _ = writeln!(
                text,
                "  {:<8}{} {title}\n          {key}",
                example.what,
                example.severity.to_uppercase()
            );
        }
    }
    text
}

fn line(name: &str, counts: &Counts, is_compared: bool) -> String {
    let Counts { findings, pages, findings_then, pages_then, gained, lost, changed, .. } = counts;
    let name = terminal(name, 60);
    let change = if is_compared {
        format!("            {findings_then:>8} {pages_then:>7} {gained:>8} {lost:>7} {changed:>7}")
    } else {
        String::new()
    };
    format!("{name:<36} {findings:>8} {pages:>7}{change}\n")
}
