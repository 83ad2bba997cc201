//! A report as one HTML file: no script, no font, no picture from elsewhere, and a content security policy that says so.

use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use snowtrail_page::escape::escape_inline;

use crate::chart::{Chart, Tone};
use crate::draw::{self, Size};
use crate::error::ReportError;
use crate::render::{ROWS_SHOWN_MAX, cut_note};
use crate::report::{Block, Column, Fact, Kind, Report, Section, Table};
use crate::value::Value;

const STYLE: &str = include_str!("report.css");
/// Nothing is loaded and nothing runs, whatever stands in the file.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// Characters of a cell that is never broken into lines.
const SHORT_CHARS_MAX: usize = 16;

/// The file.
pub fn html(report: &Report) -> Result<String, ReportError> {
    let sections = report.sections.iter().enumerate().map(|(at, part)| section(at + 1, part));
    let sections = sections.collect::<Result<Vec<Markup>, ReportError>>()?;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(CONTENT_SECURITY_POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "snowtrail " (env!("CARGO_PKG_VERSION")) };
                meta name="robots" content="noindex";
                title { (shown(&report.title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (head(report))
                    @for section in &sections { (section) }
                }
            }
        }
    };
    Ok(page.into_string())
}

fn head(report: &Report) -> Markup {
    html! {
        header {
            p.kind { "Snowtrail · " (report.name) " report" }
            h1 { (shown(&report.title)) }
            p.about { (shown(&report.about)) }
            dl.span {
                div { dt { "From" } dd { (moment(report.from)) } }
                div { dt { "To" } dd { (moment(report.to)) } }
                div { dt { "As of" } dd { (moment(report.now)) } }
                @for source in &report.sources {
                    @if let Some((name, what)) = source.split_once(": ") {
                        div { dt { (shown(name)) } dd { (shown(what)) } }
                    }
                }
            }
        }
        section.facts aria-label="Facts" {
            @for fact in &report.facts { (card(fact)) }
        }
        @if report.sections.len() > 3 {
            nav aria-label="Sections" {
                ol {
                    @for (at, section) in report.sections.iter().enumerate() {
                        li { a href={ "#section-" (at + 1) } { (shown(&section.title)) } }
                    }
                }
            }
        }
    }
}

fn card(fact: &Fact) -> Markup {
    let text = fact.value.to_string();
    // Names do not fit in figures' size.
    let is_long = text.chars().count() > 9;
    html! {
        div.fact {
            span.name { (shown(&fact.name)) }
            strong.long[is_long] { (shown(&text)) }
            span.basis { (shown(&fact.basis)) }
        }
    }
}

fn section(number: usize, section: &Section) -> Result<Markup, ReportError> {
    let mut blocks = Vec::new();
    for (at, block) in section.blocks.iter().enumerate() {
        blocks.push(match block {
            Block::Table(part) => table(part),
            Block::Chart(part) => chart(part, &format!("chart-{number}-{at}"))?,
            Block::Paste { title, text } => html! {
                div.paste {
                    h3 { (shown(title)) }
                    pre tabindex="0" { code { (text) } }
                }
            },
            Block::Signature { statement, signers } => signature(statement, signers),
        });
    }
    Ok(html! {
        section id={ "section-" (number) } {
            h2 { (shown(&section.title)) }
            @if !section.note.is_empty() { p.note { (shown(&section.note)) } }
            @for block in &blocks { (block) }
        }
    })
}

fn signature(statement: &str, signers: &[String]) -> Markup {
    html! {
        div.signature {
            p { (shown(statement)) }
            @for signer in signers {
                div.line {
                    div { span {} small { (shown(signer)) ": name" } }
                    div { span {} small { "Signature" } }
                    div { span {} small { "Date" } }
                }
            }
        }
    }
}

fn chart(chart: &Chart, id: &str) -> Result<Markup, ReportError> {
    let is_empty = chart.is_empty();
    let (wide, narrow) = if is_empty {
        (Markup::default(), Markup::default())
    } else {
        let narrow = draw::svg(chart, &format!("{id}-narrow"), Size::Narrow)?;
        (draw::svg(chart, &format!("{id}-wide"), Size::Wide)?, narrow)
    };
    Ok(html! {
        figure data-chart=(chart.name) {
            figcaption { h3 { (shown(&chart.title)) } p { (shown(&chart.summary)) } }
            (wide) (narrow)
            @if !is_empty && !chart.legend.is_empty() {
                ul.legend {
                    @for (tone, meaning) in &chart.legend {
                        li { i class=(tone.as_str()) {} (shown(meaning)) }
                    }
                }
            }
        }
    })
}

fn table(table: &Table) -> Markup {
    let shown_columns: Vec<(usize, &Column)> = table.filled_columns().collect();
    let about = shown_columns.iter().map(|(_, column)| *column).filter(|column| !column.about.is_empty());
    let about: Vec<&Column> = about.collect();
    html! {
        div.table data-table=(table.name) {
            @if !table.title.is_empty() { h3 { (shown(&table.title)) } }
            @if table.rows.is_empty() {
                p.empty { (shown(&table.empty)) }
            } @else {
                div.scroll {
                    table {
                        thead { tr { @for (_, column) in heads(&shown_columns) {
                            th scope="col" class=[class(column.kind)] { (shown(&column.heading())) }
                        } } }
                        tbody { @for row in table.rows.iter().take(ROWS_SHOWN_MAX) {
                            tr { (cells(&shown_columns, row)) }
                        } }
                    }
                }
                @if let Some(note) = cut_note(table.rows.len()) { p.cut { (note) } }
                @if !table.basis.is_empty() || !about.is_empty() {
                    p.basis {
                        (shown(&table.basis))
                        @for column in about {
                            " " b { (shown(&column.heading())) } ": " (shown(&column.about)) "."
                        }
                    }
                }
            }
        }
    }
}

/// The columns that have a place of their own.
fn heads<'c>(columns: &'c [(usize, &'c Column)]) -> impl Iterator<Item = &'c (usize, &'c Column)> {
    columns
        .iter()
        .enumerate()
        .filter(|(place, (_, column))| *place == 0 || column.kind != Kind::Beneath)
        .map(|(_, it)| it)
}

fn cells(columns: &[(usize, &Column)], row: &[Value]) -> Markup {
    let value = |at: usize| row.get(at).unwrap_or(&Value::Nothing);
    html! {
        @for (at, column) in heads(columns) {
            @let after = columns.iter().skip_while(|(other, _)| other <= at);
            @let details = after.take_while(|(_, other)| other.kind == Kind::Beneath).map(|(at, _)| value(*at));
            (cell(column, value(*at), &details.filter(|value| **value != Value::Nothing).collect::<Vec<_>>()))
        }
    }
}

fn class(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Number => Some("number"),
        Kind::Principal => Some("principal"),
        Kind::Time => Some("time"),
        Kind::Code => Some("code"),
        Kind::Text | Kind::Verdict | Kind::Beneath => None,
    }
}

fn cell(column: &Column, value: &Value, beneath: &[&Value]) -> Markup {
    let text = value.to_string();
    // A region or an account must not break at its hyphens.
    let is_short =
        column.kind != Kind::Principal && beneath.is_empty() && text.chars().count() <= SHORT_CHARS_MAX;
    html! {
        td class=[class(column.kind)] data-label=(column.heading()) {
            div.short[is_short] {
                @match (column.kind, value) {
                    (_, Value::Nothing) => { span.nothing { (text) } }
                    (_, Value::Time(at)) => (moment(*at)),
                    (Kind::Verdict, _) => { span class={ "verdict " (Tone::of(&text).as_str()) } { (shown(&text)) } }
                    (Kind::Principal, _) => (principal(&text)),
                    _ => (breakable(&text)),
                }
                @if !beneath.is_empty() {
                    small {
                        @for (at, detail) in beneath.iter().enumerate() {
                            @if at > 0 { " · " }
                            span.short { (shown(&detail.to_string())) }
                        }
                    }
                }
            }
        }
    }
}

/// The last part of an ARN, and the whole beneath it: names alone would let one role pass for another.
fn principal(arn: &str) -> Markup {
    match arn.rsplit_once('/') {
        Some((_, name)) if !name.is_empty() => html! { b { (breakable(name)) } small { (breakable(arn)) } },
        _ => breakable(arn),
    }
}

/// Text that may break where names on AWS have their joints.
fn breakable(text: &str) -> Markup {
    let shown = escape_inline(text);
    let parts: Vec<&str> = shown.split_inclusive(['/', ':', '.', '_', ',']).collect();
    html! { @for (at, part) in parts.iter().enumerate() { @if at > 0 { wbr; } (part) } }
}

fn moment(at: Timestamp) -> Markup {
    html! { time datetime=(at.to_string()) { (Value::Time(at).to_string()) } }
}

/// What a reader would not see or a renderer would turn around is made visible; the template escapes the rest.
fn shown(text: &str) -> String {
    escape_inline(text).into_owned()
}
