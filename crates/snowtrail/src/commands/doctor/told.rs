//! What was found, printed: a block for each fault and a line for what is well; the same rows as JSON or CSV.

use serde_json::json;
use snowtrail_page::escape::terminal;

use super::diagnosis::{Diagnosis, Level};
use crate::cli::Format;
use crate::output;

/// Characters of a text in a block. Longer ones are cut; `--format json` has them whole.
const TEXT_CHARS_MAX: usize = 1_500;

/// Prints the rows in their order, and for people how many there are of each level.
///
/// # Errors
/// When stdout cannot be written.
pub fn print(rows: &[Diagnosis], format: Format) -> anyhow::Result<()> {
    match format {
        Format::Table => output::data(&(rows.iter().map(block).collect::<String>() + &sum(rows)))?,
        Format::Json => output::data(&rows.iter().map(line).collect::<String>())?,
        Format::Csv => {
            let cells = rows.iter().map(|row| {
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                let (object, found) = (row.object.clone(), row.found.clone());
                [
                    row.check.to_owned(),
                    row.level.as_str().to_owned(),
                    object,
                    found,
                    text(&row.why),
                    text(&row.fix),
                ]
            });
            let header = ["check", "level", "object", "found", "why", "fix"];
            output::texts_table(header, cells.collect(), Format::Csv)?;
        }
    }
    Ok(())
}

fn line(row: &Diagnosis) -> String {
    let row = json!({
        "check": row.check,
        "level": row.level.as_str(),
        "object": row.object,
        "found": row.found,
        "why": row.why,
        "fix": row.fix,
    });
    format!("{row}\n")
}

fn block(row: &Diagnosis) -> String {
    let lines = |text: &str| {
        let lines: Vec<String> = text.lines().map(|line| terminal(line, TEXT_CHARS_MAX)).collect();
        lines.join("\n         ")
    };
    let level = if row.level == Level::Ok { "ok".to_owned() } else { row.level.as_str().to_uppercase() };
    let mut text =
        format!("{level:<8} {}: {}\n         {}\n", row.check, lines(&row.object), lines(&row.found));
    if let (Some(why), Some(fix)) = (&row.why, &row.fix) {
        text.push_str(&format!("         why: {}\n         fix: {}\n\n", lines(why), lines(fix)));
    }
    text
}

fn sum(rows: &[Diagnosis]) -> String {
    let count = |level| rows.iter().filter(|row| row.level == level).count();
    format!(
        "{} broken, {} weak, {} unseen, {} ok\n",
        count(Level::Broken),
        count(Level::Weak),
        count(Level::Unseen),
        count(Level::Ok)
    )
}
