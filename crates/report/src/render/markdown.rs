//! A report as Markdown (CommonMark with GitHub's tables): for tickets, wikis and terminals.
//!
//! Charts become their sentence and, where it helps, a line of blocks. What comes from events cannot make markup, a
//! link, a mention or a new cell.

use std::fmt::Write;

use snowtrail_page::escape::escape_inline;

use crate::chart::{Chart, DAYS, Drawing, HOURS};
use crate::render::{ROWS_SHOWN_MAX, cut_note};
use crate::report::{Block, Column, Kind, Report, Section, Table};
use crate::value::Value;

/// Blocks from little to much.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Shades from little to much.
const SHADES: [char; 4] = ['░', '▒', '▓', '█'];

/// The text.
pub fn markdown(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# {}\n\n{}\n", inert(&report.title), inert(&report.about));
    let span = [report.from, report.to, report.now].map(Value::Time);
    let _ = writeln!(text, "From {} to {}, as of {}. Times are UTC.\n", span[0], span[1], span[2]);
    for source in &report.sources {
        let _ = writeln!(text, "- {}", inert(source));
    }
    let _ = writeln!(text, "\n| | | what it stands on |\n|---|---:|---|");
    for fact in &report.facts {
        let value = inert(&fact.value.to_string());
        let _ = writeln!(text, "| {} | **{value}** | {} |", inert(&fact.name), inert(&fact.basis));
    }
    report.sections.iter().for_each(|part| section(&mut text, part));
    text
}

fn section(text: &mut String, section: &Section) {
    let _ = writeln!(text, "\n## {}", inert(&section.title));
    if !section.note.is_empty() {
        let _ = writeln!(text, "\n{}", inert(&section.note));
    }
    for block in &section.blocks {
        text.push('\n');
        match block {
            Block::Table(part) => table(text, part),
            Block::Chart(part) => chart(text, part),
            Block::Paste { title, text: body } => paste(text, title, body),
            Block::Signature { statement, signers } => {
                let _ = writeln!(text, "{}\n", inert(statement));
                for signer in signers {
                    let _ = writeln!(text, "- {}: ____________________ (name, date)", inert(signer));
                }
            }
        }
    }
}

fn table(text: &mut String, table: &Table) {
    if !table.title.is_empty() {
        let _ = writeln!(text, "### {}\n", inert(&table.title));
    }
    if table.rows.is_empty() {
        let _ = writeln!(text, "{}", inert(&table.empty));
        return;
    }
    let columns: Vec<(usize, &Column)> = table.filled_columns().collect();
    let heads: Vec<String> = columns.iter().map(|(_, column)| inert(&column.heading())).collect();
    let line = |(_, column): &(usize, &Column)| if column.kind == Kind::Number { "---:" } else { "---" };
    let lines: Vec<&str> = columns.iter().map(line).collect();
    let _ = writeln!(text, "| {} |\n|{}|", heads.join(" | "), lines.join("|"));
    for row in table.rows.iter().take(ROWS_SHOWN_MAX) {
        let cell = |(at, _): &(usize, &Column)| inert(&row.get(*at).unwrap_or(&Value::Nothing).to_string());
        let cells: Vec<String> = columns.iter().map(cell).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    let about = columns.iter().map(|(_, column)| *column).filter(|column| !column.about.is_empty());
    let about: Vec<String> =
        about.map(|column| format!("{}: {}", inert(&column.heading()), inert(&column.about))).collect();
    let notes = [inert(&table.basis), about.join("; "), cut_note(table.rows.len()).unwrap_or_default()];
    let notes: Vec<&str> = notes.iter().map(String::as_str).filter(|note| !note.is_empty()).collect();
    if !notes.is_empty() {
        let _ = writeln!(text, "\n{}", notes.join(" "));
    }
}

/// A fence longer than any run of backticks in the text, so that the text cannot end it.
fn paste(text: &mut String, title: &str, body: &str) {
    let longest = body.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    let _ = writeln!(text, "### {}\n\n{fence}json\n{}\n{fence}", inert(title), body.trim_end());
}

fn chart(text: &mut String, chart: &Chart) {
    let _ = writeln!(text, "### {}\n\n{}", inert(&chart.title), inert(&chart.summary));
    match &chart.drawing {
        Drawing::Bars { counts, .. } if !chart.is_empty() => {
            let most = counts.iter().copied().max().unwrap_or_default();
            let line: String = counts.iter().map(|count| shade(*count, most, &BLOCKS)).collect();
            let _ = writeln!(text, "\n    {line}");
        }
        Drawing::HeatMap { counts, business } if !chart.is_empty() => {
            let most = counts.iter().flatten().copied().max().unwrap_or_default();
            let _ = writeln!(text, "\n        00    06    12    18");
            for ((day, counts), business) in DAYS.iter().zip(counts.iter()).zip(business.iter()) {
                let cells: String = counts.iter().map(|count| shade(*count, most, &SHADES)).collect();
                let hours: String = business.iter().map(|is| if *is { '–' } else { ' ' }).collect();
                let _ = writeln!(text, "    {day} {cells}  {}", hours.trim_end());
            }
            let _ = writeln!(text, "    (right: declared business hours; {HOURS} hours from midnight)");
        }
        _ => {}
    }
}

/// A character for a count: none where there is none, else darker with the square root of it.
fn shade(count: u64, most: u64, shades: &[char]) -> char {
    if count == 0 || most == 0 {
        return '·';
    }
    let part = (count as f64 / most as f64).sqrt() * (shades.len() - 1) as f64;
    // Between zero and the last one, so the cast keeps it.
    shades.get(part.round() as usize).copied().unwrap_or('·')
}

/// Text that makes nothing in Markdown: neither markup nor a link, a mention, HTML or a cell of a table.
fn inert(text: &str) -> String {
    let shown = escape_inline(text);
    let mut escaped = String::with_capacity(shown.len());
    let mut before = ' ';
    let mut rest = shown.chars().peekable();
    while let Some(c) = rest.next() {
        let follows_word = before.is_alphanumeric();
        let precedes_word = rest.peek().is_some_and(|next| next.is_alphanumeric());
        match c {
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '&' | '~' | '|' => escaped.extend(['\\', c]),
            '_' if !(follows_word && precedes_word) => escaped.push_str("\\_"),
            // Renderers look for mentions and addresses after they have taken backslashes away.
            '@' if !follows_word => escaped.push_str("(at)"),
            ':' if rest.peek() == Some(&'/') => escaped.push_str("\\[:\\]"),
            '.' if escaped.to_ascii_lowercase().ends_with("www") => escaped.push_str("\\[.\\]"),
            '#' | '+' | '-' | '=' if escaped.is_empty() => escaped.extend(['\\', c]),
            _ => escaped.push(c),
        }
        before = c;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_wrote_makes_nothing() {
        let check = |text: &str, expected: &str| assert_eq!(inert(text), expected);
        check("arn:aws:iam::*:role/Snowy-OnCall", "arn:aws:iam::\\*:role/Snowy-OnCall");
        check("prod/db_main", "prod/db_main");
        check("<img src=x>", "\\<img src=x\\>");
        check("a|b\nc", "a\\|b\\\\nc");
        check("[x](https://evil.example)", "\\[x\\](https\\[:\\]//evil.example)");
        check("@here a@b", "(at)here a@b");
        check("WWW.evil.example", "WWW\\[.\\]evil.example");
        check("# x", "\\# x");
        check("\u{202e}", "\\\\u{202e}");
    }

    #[test]
    fn pasted_text_cannot_leave_its_fence() {
        let mut text = String::new();
        paste(&mut text, "x", "a\n````\n# b");
        assert!(text.contains("`````json\na\n````\n# b\n`````\n"), "{text}");
    }
}
