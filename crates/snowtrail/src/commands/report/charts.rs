//! From tables to charts: the same rows, to look at.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use snowtrail_model::policy::Calendar;
use snowtrail_report::chart::{Amount, Chart, DAYS, Drawing, HOURS, Lane, Mark, Stretch, Tone};
use snowtrail_report::{Table, Value};

use super::question::Span;

/// Lanes, bars and rows of a matrix that are drawn; the tables have the rest.
pub const DRAWN_MAX: usize = 40;
/// Columns of a matrix that are drawn.
const COLUMNS_MAX: usize = 30;
/// Findings that are marked; a chart full of marks says nothing.
const MARKS_MAX: usize = 60;

/// Reads over time with the findings on them. `seconds` is the length of a bar.
pub fn reads_over_time(reads: &Table, seconds: i64, findings: &Table, span: Span) -> Chart {
    let first = span.from.as_second().div_euclid(seconds);
    let last = (span.to.as_second() - 1).div_euclid(seconds);
    let bars = usize::try_from(last - first + 1).unwrap_or_default();
    let mut counts = vec![0; bars];
    for row in &reads.rows {
        let at = reads.time(row, "at").map(|at| at.as_second().div_euclid(seconds) - first);
        if let Some(bar) = at.and_then(|at| usize::try_from(at).ok()).and_then(|at| counts.get_mut(at)) {
            *bar += reads.count(row, "reads");
        }
    }
    let mark = |row: &Vec<Value>| {
        let (severity, title) = (findings.text(row, "severity"), findings.text(row, "title"));
        let at = findings.time(row, "at")?;
        (at >= span.from).then(|| Mark {
            at,
            label: format!("{severity}: {title}"),
            tone: Tone::of(severity),
        })
    };
    let marks: Vec<Mark> = findings.rows.iter().filter_map(mark).take(MARKS_MAX).collect();
    let total: u64 = counts.iter().sum();
    let most = counts.iter().copied().max().unwrap_or_default();
    Chart {
        name: "reads-over-time".to_owned(),
        title: "Reads over time".to_owned(),
        summary: format!(
            "{} reads, a bar for each {}; the highest has {}. {} findings are marked.",
            Value::Count(total),
            bar_name(seconds),
            Value::Count(most),
            marks.len()
        ),
        legend: vec![
            (Tone::Plain, "reads outside rotations".to_owned()),
            (Tone::Bad, "finding, high or critical".to_owned()),
            (Tone::Warn, "medium".to_owned()),
            (Tone::Quiet, "low".to_owned()),
        ],
        drawing: Drawing::Bars {
            from: Timestamp::from_second(first * seconds).unwrap_or(span.from),
            seconds,
            counts,
            marks,
        },
    }
}

fn bar_name(seconds: i64) -> String {
    match seconds / 3_600 {
        1 => "hour".to_owned(),
        24 => "day (UTC)".to_owned(),
        168 => "week".to_owned(),
        hours if hours > 24 => format!("{} days", hours / 24),
        hours => format!("{hours} hours"),
    }
}

/// Hours of the week against the declared business hours.
pub fn hours_of_week(reads: &Table, calendar: &Calendar) -> Chart {
    let mut counts = [[0; HOURS]; 7];
    for row in &reads.rows {
        let (day, hour) = (reads.count(row, "day"), reads.count(row, "hour"));
        let cell = counts
            .get_mut(usize::try_from(day.saturating_sub(1)).unwrap_or(usize::MAX))
            .and_then(|day| day.get_mut(usize::try_from(hour).unwrap_or(usize::MAX)));
        if let Some(cell) = cell {
            *cell += reads.count(row, "reads");
        }
    }
    let hours = &calendar.business_hours;
    let is_business = |day: usize, hour: usize| {
        let minute = u16::try_from(hour * 60).unwrap_or(u16::MAX);
        hours.days.get(day).copied().unwrap_or_default()
            && hours.from.minutes() <= minute
            && minute < hours.to.minutes()
    };
    let business = std::array::from_fn(|day| std::array::from_fn(|hour| is_business(day, hour)));
    let all: u64 = counts.iter().flatten().sum();
    let inside =
        counts.iter().zip(&business).flat_map(|(counts, is): (_, &[bool; HOURS])| counts.iter().zip(is));
    let outside: u64 = inside.filter(|(_, is)| !**is).map(|(count, _)| *count).sum();
    let zone = calendar.timezone.iana_name().unwrap_or("UTC");
    Chart {
        name: "hours-of-week".to_owned(),
        title: "Hours of the week".to_owned(),
        summary: format!(
            "{} of {} reads lie outside the business hours of an ordinary week ({zone}; holidays count as their weekday). Darker is more; {} to {}.",
            Value::Count(outside),
            Value::Count(all),
            DAYS[0],
            DAYS[6]
        ),
        legend: vec![
            (Tone::Plain, "within business hours".to_owned()),
            (Tone::Warn, "outside business hours".to_owned()),
        ],
        drawing: Drawing::HeatMap { counts: Box::new(counts), business: Box::new(business) },
    }
}

/// A line for each secret with its attempts and the versions that they made.
pub fn rotations(attempts: &Table, span: Span) -> Chart {
    let mut lanes = BTreeMap::<String, Lane>::new();
    for row in &attempts.rows {
        let Some(at) = attempts.time(row, "started_at") else { continue };
        let state = attempts.text(row, "state");
        let label = place(attempts, row);
        let lane = lanes.entry(label.clone()).or_insert_with(|| Lane { label, ..Lane::default() });
        let step = match attempts.text(row, "step") {
            "" => String::new(),
            step => format!(" in {step}"),
        };
        lane.marks.push(Mark { at, label: format!("{state}{step}"), tone: Tone::of(state) });
        if state == "succeeded" {
            let version = attempts.text(row, "version").to_owned();
            lane.spans.push(Stretch {
                from: at,
                to: span.to,
                label: format!("version {version}"),
                tone: Tone::Plain,
            });
        }
    }
    for lane in lanes.values_mut() {
        let starts: Vec<Timestamp> = lane.spans.iter().map(|span| span.from).collect();
        for (number, span) in lane.spans.iter_mut().enumerate() {
            span.to = starts.get(number + 1).copied().unwrap_or(span.to);
            span.tone = if number % 2 == 0 { Tone::Plain } else { Tone::Quiet };
        }
    }
    let failed = attempts.count_of("state", "failed");
    let drawn: Vec<Lane> = lanes.into_values().collect();
    Chart {
        name: "rotations".to_owned(),
        title: "Rotations and the versions that they made".to_owned(),
        summary: format!(
            "{} attempts on {} secrets, {failed} failed.{} A bar is a version, from its rotation to the next one.",
            attempts.rows.len(),
            drawn.len(),
            cut(drawn.len())
        ),
        legend: vec![
            (Tone::Good, "succeeded".to_owned()),
            (Tone::Bad, "failed".to_owned()),
            (Tone::Warn, "abandoned, or without an end".to_owned()),
            (Tone::Plain, "a version, the next in grey".to_owned()),
        ],
        drawing: Drawing::Lanes {
            from: span.from,
            to: span.to,
            lanes: drawn.into_iter().take(DRAWN_MAX).collect(),
        },
    }
}

/// How long after each rotation somebody still read an older version.
pub fn latency(rotations: &Table) -> Chart {
    let amount = |row: &Vec<Value>| {
        let lag = rotations.column("lag").and_then(|at| row.get(at)).cloned().unwrap_or(Value::Nothing);
        let seconds = if let Value::Length(lag) = &lag { lag.as_secs() } else { 0 };
        let day = rotations.time(row, "rotated_at").map(|at| at.strftime(", %-d %b").to_string());
        Amount {
            label: format!("{}{}", place(rotations, row), day.unwrap_or_default()),
            size: seconds as f64,
            value: if seconds > 0 { lag } else { Value::text("nobody") },
            tone: match seconds {
                0..=600 => Tone::Good,
                601..=86_400 => Tone::Warn,
                _ => Tone::Bad,
            },
        }
    };
    let amounts: Vec<Amount> = rotations.rows.iter().take(DRAWN_MAX).map(amount).collect();
    let stale = amounts.iter().filter(|amount| amount.size > 600.0).count();
    Chart {
        name: "rotation-latency".to_owned(),
        title: rotations.title.clone(),
        summary: format!(
            "After {stale} of {} rotations somebody read an older version for more than ten minutes.{}",
            rotations.rows.len(),
            cut(rotations.rows.len())
        ),
        legend: vec![
            (Tone::Good, "within ten minutes".to_owned()),
            (Tone::Warn, "within a day".to_owned()),
            (Tone::Bad, "longer: old value in use".to_owned()),
        ],
        drawing: Drawing::Amounts { amounts },
    }
}

/// Who reads what: secrets down, principals across, the most read first.
pub fn matrix(who: &Table) -> Chart {
    let rows = ranked(who, |row| place(who, row));
    let columns = ranked(who, |row| who.text(row, "principal").to_owned());
    let all = (rows.len(), columns.len());
    let rows: Vec<String> = rows.into_iter().take(DRAWN_MAX).collect();
    let columns: Vec<String> = columns.into_iter().take(COLUMNS_MAX).collect();
    let mut cells = vec![vec![None; columns.len()]; rows.len()];
    for row in &who.rows {
        let down = rows.iter().position(|name| *name == place(who, row));
        let across = columns.iter().position(|name| *name == who.text(row, "principal"));
        if let Some(cell) = down.zip(across).and_then(|(down, across)| cells.get_mut(down)?.get_mut(across)) {
            *cell = Some((who.count(row, "reads"), contract_tone(who.text(row, "contract"))));
        }
    }
    Chart {
        name: "who-reads-what".to_owned(),
        title: "Who reads what".to_owned(),
        summary: format!(
            "{} secrets down, {} principals across, the most read first; at most {DRAWN_MAX} and {COLUMNS_MAX} are drawn. Darker is more.",
            all.0, all.1
        ),
        legend: vec![
            (Tone::Plain, "declared by the contract".to_owned()),
            (Tone::Quiet, "no contract, or a rotator".to_owned()),
            (Tone::Warn, "break glass".to_owned()),
            (Tone::Bad, "undeclared".to_owned()),
        ],
        drawing: Drawing::Matrix { rows, columns: short_names(&columns), cells },
    }
}

/// A table's rows as bars, by a column of dollars or counts.
pub fn amounts(table: &Table, name: &str, title: &str, column: &str, label: &str) -> Chart {
    let amount = |row: &Vec<Value>| {
        let value = table.column(column).and_then(|at| row.get(at)).cloned().unwrap_or(Value::Nothing);
        let size = match &value {
            Value::Usd(usd) => *usd,
            Value::Count(count) => *count as f64,
            _ => 0.0,
        };
        let label = table.text(row, label);
        let label =
            label.rsplit_once('/').filter(|_| label.starts_with("arn:")).map_or(label, |(_, name)| name);
        Amount { label: label.to_owned(), size, value, tone: Tone::Plain }
    };
    let mut amounts: Vec<Amount> = table.rows.iter().map(amount).filter(|amount| amount.size > 0.0).collect();
    amounts.sort_by(|a, b| b.size.total_cmp(&a.size));
    let all = amounts.len();
    amounts.truncate(15);
    Chart {
        name: name.to_owned(),
        title: title.to_owned(),
        summary: format!("The {} largest of {all}.", amounts.len()),
        legend: Vec::new(),
        drawing: Drawing::Amounts { amounts },
    }
}

fn contract_tone(contract: &str) -> Tone {
    match contract {
        "declared" => Tone::Plain,
        "break glass" => Tone::Warn,
        "undeclared" => Tone::Bad,
        _ => Tone::Quiet,
    }
}

/// A secret's name, with its region where the table has the name in several.
fn place(table: &Table, row: &[Value]) -> String {
    let (secret, region) = (table.text(row, "secret"), table.text(row, "region"));
    let same = table.rows.iter().filter(|other| table.text(other, "secret") == secret);
    let regions = super::distinct(same.map(|other| table.text(other, "region")));
    if regions.len() < 2 { secret.to_owned() } else { format!("{secret} ({region})") }
}

/// Names by their reads, the most first.
fn ranked(table: &Table, name: impl Fn(&[Value]) -> String) -> Vec<String> {
    let mut reads = BTreeMap::<String, u64>::new();
    for row in &table.rows {
        *reads.entry(name(row)).or_default() += table.count(row, "reads");
    }
    let mut names: Vec<(String, u64)> = reads.into_iter().collect();
    names.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    names.into_iter().map(|(name, _)| name).collect()
}

/// The last parts of ARNs, where they are different; else the ARNs.
fn short_names(arns: &[String]) -> Vec<String> {
    let short = |arn: &String| arn.rsplit('/').next().unwrap_or(arn).to_owned();
    let distinct: BTreeSet<String> = arns.iter().map(short).collect();
    if distinct.len() == arns.len() { arns.iter().map(short).collect() } else { arns.to_vec() }
}

fn cut(rows: usize) -> String {
    if rows > DRAWN_MAX { format!(" The first {DRAWN_MAX} are drawn.") } else { String::new() }
}
