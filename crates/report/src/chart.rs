//! What a chart shows, without how it is drawn: the same data becomes SVG, a line of blocks in Markdown, rows in CSV.

use jiff::Timestamp;

use crate::report::{Column, Kind, Table};
use crate::value::Value;

/// Hours of a day.
pub const HOURS: usize = 24;
/// Days of a week, Monday first.
pub const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A chart: what it shows, said in words too, for those who cannot see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// The name of its data: `reads-over-time`.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What one sees in it, in a sentence.
    pub summary: String,
    /// What its colours mean.
    pub legend: Vec<(Tone, String)>,
    /// What is drawn.
    pub drawing: Drawing,
}

/// The forms of charts.
#[derive(Debug, Clone, PartialEq)]
pub enum Drawing {
    /// Counts over time, with marks on them.
    Bars {
        /// Start of the first bar.
        from: Timestamp,
        /// Seconds that a bar covers.
        seconds: i64,
        /// A count for each bar.
        counts: Vec<u64>,
        /// What happened when.
        marks: Vec<Mark>,
    },
    /// Counts by the hour of the week, local time, Monday first.
    HeatMap {
        /// Reads.
        counts: Box<[[u64; HOURS]; 7]>,
        /// Whether the hour is declared to be a business hour.
        business: Box<[[bool; HOURS]; 7]>,
    },
    /// What happened to several things side by side.
    Lanes {
        /// Start of the axis.
        from: Timestamp,
        /// Its end.
        to: Timestamp,
        /// One for each thing.
        lanes: Vec<Lane>,
    },
    /// Amounts, the longest bar first.
    Amounts {
        /// One for each bar.
        amounts: Vec<Amount>,
    },
    /// Who does what with which.
    Matrix {
        /// Names of rows.
        rows: Vec<String>,
        /// Names of columns.
        columns: Vec<String>,
        /// Count and tone, by row and column; none where there is nothing.
        cells: Vec<Vec<Option<(u64, Tone)>>>,
    },
}

/// A moment on a time axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// When.
    pub at: Timestamp,
    /// What.
    pub label: String,
    /// Good or bad news.
    pub tone: Tone,
}

/// One thing's line on a time axis.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lane {
    /// Its name.
    pub label: String,
    /// Stretches of time.
    pub spans: Vec<Stretch>,
    /// Moments.
    pub marks: Vec<Mark>,
}

/// A stretch of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// Its start.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// What it is.
    pub label: String,
    /// Good or bad news.
    pub tone: Tone,
}

/// A bar of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Amount {
    /// Its name.
    pub label: String,
    /// How long the bar is; not negative.
    pub size: f64,
    /// What the size is.
    pub value: Value,
    /// Good or bad news.
    pub tone: Tone,
}

/// Good or bad news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tone {
    /// As it should be, or no judgement.
    Plain,
    /// Less important than the rest.
    Quiet,
    /// Good.
    Good,
    /// To look at.
    Warn,
    /// Bad.
    Bad,
}

impl Tone {
    /// The name that styles know it by.
    pub fn as_str(self) -> &'static str {
        match self {
            Tone::Plain => "plain",
            Tone::Quiet => "quiet",
            Tone::Good => "good",
            Tone::Warn => "warn",
            Tone::Bad => "bad",
        }
    }

    /// What a word of a verdict column means. A word that is not known, which an attacker may have written, is plain.
    pub fn of(word: &str) -> Tone {
        match word {
            "critical" | "high" | "failed" | "missed" | "undeclared" | "stale" | "refused"
            | "not granted" | "faults" | "not verified" => Tone::Bad,
            "medium" | "abandoned" | "open" | "late" | "break glass" | "unused" | "too wide" | "denied"
            | "never" | "stopped" | "in part" => Tone::Warn,
            "succeeded" | "kept" | "declared" | "used" | "ok" | "verified" => Tone::Good,
            "low" | "info" | "no promise" | "no contract" | "rotator" | "history" => Tone::Quiet,
            _ => Tone::Plain,
        }
    }
}

impl Chart {
    /// Whether there is nothing to see.
    pub fn is_empty(&self) -> bool {
        match &self.drawing {
            Drawing::Bars { counts, marks, .. } => counts.iter().all(|count| *count == 0) && marks.is_empty(),
            Drawing::HeatMap { counts, .. } => counts.iter().flatten().all(|count| *count == 0),
            Drawing::Lanes { lanes, .. } => lanes.is_empty(),
            Drawing::Amounts { amounts } => amounts.is_empty(),
            Drawing::Matrix { cells, .. } => cells.iter().flatten().all(Option::is_none),
        }
    }

    /// Its data as rows, for CSV and JSON.
    pub fn table(&self) -> Table {
        let (columns, rows) = match &self.drawing {
            Drawing::Bars { from, seconds, counts, marks } => bars(*from, *seconds, counts, marks),
            Drawing::HeatMap { counts, business } => heat_map(counts, business),
            Drawing::Lanes { lanes, .. } => {
                (["thing", "from", "to", "what", "tone"].to_vec(), lanes_rows(lanes))
            }
            Drawing::Amounts { amounts } => {
                let row = |amount: &Amount| vec![Value::text(&amount.label), amount.value.clone()];
                (vec!["name", "value"], amounts.iter().map(row).collect())
            }
            Drawing::Matrix { rows, columns, cells } => {
                (vec!["row", "column", "count", "tone"], matrix(rows, columns, cells))
            }
        };
        let column = |name: &str| Column { name: name.to_owned(), kind: Kind::Text, about: String::new() };
        Table {
            name: self.name.clone(),
            title: self.title.clone(),
            basis: self.summary.clone(),
            empty: "Nothing to draw.".to_owned(),
            columns: columns.into_iter().map(column).collect(),
            rows,
        }
    }
}

type Rows = Vec<Vec<Value>>;

fn bars(from: Timestamp, seconds: i64, counts: &[u64], marks: &[Mark]) -> (Vec<&'static str>, Rows) {
    let start = |at: usize| {
        let after = i64::try_from(at).unwrap_or(i64::MAX).saturating_mul(seconds);
        Timestamp::from_second(from.as_second().saturating_add(after)).unwrap_or(Timestamp::MAX)
    };
    let bar = |(at, count): (usize, &u64)| {
        vec![Value::text("bar"), Value::Time(start(at)), Value::Count(*count), Value::Nothing]
    };
    let mark = |mark: &Mark| {
        vec![Value::text("mark"), Value::Time(mark.at), Value::Nothing, Value::text(&mark.label)]
    };
    let rows = counts.iter().enumerate().map(bar).chain(marks.iter().map(mark)).collect();
    (vec!["what", "at", "count", "label"], rows)
}

fn heat_map(counts: &[[u64; HOURS]; 7], business: &[[bool; HOURS]; 7]) -> (Vec<&'static str>, Rows) {
    let mut rows = Rows::new();
    for ((day, counts), business) in DAYS.iter().zip(counts).zip(business) {
        for ((hour, count), is_business) in counts.iter().enumerate().zip(business) {
            let hour = Value::Count(hour as u64);
            rows.push(vec![Value::text(*day), hour, Value::Count(*count), Value::Flag(*is_business)]);
        }
    }
    (vec!["day", "hour", "count", "business_hour"], rows)
}

fn lanes_rows(lanes: &[Lane]) -> Rows {
    let mut rows = Rows::new();
    for lane in lanes {
        let thing = || Value::text(&lane.label);
        let span = |span: &Stretch| {
            let (from, to) = (Value::Time(span.from), Value::Time(span.to));
            vec![thing(), from, to, Value::text(&span.label), Value::text(span.tone.as_str())]
        };
        let mark = |mark: &Mark| {
            let at = Value::Time(mark.at);
            vec![thing(), at.clone(), at, Value::text(&mark.label), Value::text(mark.tone.as_str())]
        };
        rows.extend(lane.spans.iter().map(span));
        rows.extend(lane.marks.iter().map(mark));
    }
    rows
}

fn matrix(rows: &[String], columns: &[String], cells: &[Vec<Option<(u64, Tone)>>]) -> Rows {
    let mut told = Rows::new();
    for (row, cells) in rows.iter().zip(cells) {
        for (column, cell) in columns.iter().zip(cells) {
            if let Some((count, tone)) = cell {
                let name = Value::text(tone.as_str());
                told.push(vec![Value::text(row), Value::text(column), Value::Count(*count), name]);
            }
        }
    }
    told
}
