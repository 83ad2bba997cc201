//! The guarantees, as questions to the world: while things happen, and when all is over.
//!
//! Numbers are those of ARCHITECTURE.md. Each has a name here, so that a test of the tests can say which one notices a
//! bug.

use std::collections::{BTreeMap, BTreeSet};

use snowtrail_lake::PageRow;
use snowtrail_model::{Finding, Severity};

use snowtrail::feed::Handle;

use crate::inputs::{Input, Inputs};
use crate::lake_view::{Seen, open_ones};
use crate::queue::{Fate, Message};
use crate::world::{State, Violation};

/// (1) What is deleted is durable.
pub const DURABLE: &str = "1 durable before acknowledged";
/// (1) Every message is deleted, or a dead letter if it cannot be read; its body whole.
pub const NOTHING_LOST: &str = "1 nothing is lost";
/// (2) Every event is one row.
pub const ONCE: &str = "2 once";
/// (3) The books balance; every readable source is in them; every bad record is a reject.
pub const BOOKS: &str = "3 nothing silent";
/// (4) The findings are those of a fresh lake.
pub const LAW: &str = "4 the law of rules";
/// (5) Who must hear of a finding hears of it.
pub const TOLD: &str = "5 told at least once";
/// (5) A page is planned before it is sent.
pub const PLANNED_FIRST: &str = "5 planned before it is sent";
/// (5) What happened to a finding is told under one key, and not again once that is known to have been sent.
pub const ONE_KEY: &str = "5 one key for one happening";
/// A stopped worker ends in time.
pub const ENDS: &str = "a stopped worker ends";
/// Without faults everything gets done.
pub const PROGRESS: &str = "without faults all gets done";

/// What a message asks for, so that its deletion can be judged.
#[derive(Debug, Default, Clone)]
pub struct Asked {
    /// SHA-256 of its sources.
    pub sources: Vec<String>,
    /// Ids of the events in them.
    pub events: Vec<String>,
    /// Whether it can never be read whole.
    pub is_poison: bool,
}

impl State {
    /// Judges a deletion that is about to happen.
    pub fn deletes(&mut self, handle: &Handle) {
        let id = handle.0.split('/').next().unwrap_or_default();
        let Some(asked) = self.asked.get(id) else { return };
        let durable = &self.durable;
        let missing_source = asked.sources.iter().find(|sha256| !durable.sources.contains(*sha256));
        let missing_event = asked.events.iter().find(|event| !durable.events.contains(*event));
        let how = match (asked.is_poison, missing_event, missing_source) {
            (true, ..) => format!("message {id} can never be read, and was deleted"),
            (_, Some(event), _) => format!("message {id} was deleted, and its event {event} is not durable"),
            (_, _, Some(sha256)) => {
                format!("message {id} was deleted, and its source {sha256} is not durable")
            }
            _ => return,
        };
        self.violated(DURABLE, how);
    }
}

/// What a message asks for.
pub fn asked(inputs: &Inputs, input: &Input) -> Asked {
    let sources = input.sources.iter().map(|index| &inputs.sources[*index]);
    Asked {
        sources: sources.clone().map(|source| source.sha256.clone()).collect(),
        events: sources.flat_map(|source| source.events.clone()).collect(),
        is_poison: input.is_poison,
    }
}

type Check = Result<(), Violation>;

/// Everything, when all is over.
pub fn check(
    inputs: &Inputs,
    messages: &[Message],
    heard: &[String],
    seen: &Seen,
    fresh: &[Finding],
) -> Check {
    nothing_lost(inputs, messages)?;
    once(inputs, seen)?;
    books(inputs, seen)?;
    law(seen, fresh)?;
    told(seen, heard)?;
    one_key(&seen.pages)
}

fn nothing_lost(inputs: &Inputs, messages: &[Message]) -> Check {
    for (input, message) in inputs.messages.iter().zip(messages) {
        let expected = if input.is_poison { Fate::Dead } else { Fate::Deleted };
        if message.fate != expected {
            return fail(
                NOTHING_LOST,
                format!("message {} is {:?}, not {expected:?}", input.id, message.fate),
            );
        }
        if message.body != input.body {
            return fail(NOTHING_LOST, format!("the body of message {} is not whole", input.id));
        }
    }
    Ok(())
}

fn once(inputs: &Inputs, seen: &Seen) -> Check {
    let expected: BTreeSet<&String> = inputs.sources.iter().flat_map(|source| &source.events).collect();
    for event in &expected {
        match seen.events.get(*event) {
            Some(1) => {}
            Some(rows) => return fail(ONCE, format!("event {event} has {rows} rows")),
            None => return fail(ONCE, format!("event {event} is not in the lake")),
        }
    }
    match seen.events.keys().find(|event| !expected.contains(event)) {
        Some(event) => fail(ONCE, format!("event {event} was never sent")),
        None => Ok(()),
    }
}

fn books(inputs: &Inputs, seen: &Seen) -> Check {
    for row in &seen.sources {
        let [records, stored, out_of_scope, duplicates, rejects] = row.counts;
        if records != stored + out_of_scope + duplicates + rejects {
            return fail(BOOKS, format!("the books of {} do not balance: {:?}", row.uri, row.counts));
        }
    }
    let stored: i64 = seen.sources.iter().map(|row| row.counts[1]).sum();
    if stored > seen.events.values().sum() {
        return fail(
            BOOKS,
            format!("the books tell of {stored} stored events, there are {}", seen.events.len()),
        );
    }
    for source in &inputs.sources {
        if !seen.sources.iter().any(|row| row.sha256 == source.sha256) {
            return fail(BOOKS, format!("source {} is not in the lake's books", source.uri));
        }
        // The same bytes at a second place are not read again.
        let rejects_of = |reason: &str| -> usize {
            let of_it = |((uri, why, _), _): &(&(String, String, String), &i64)| {
                **uri == *source.uri && why == reason
            };
            seen.rejects.iter().filter(of_it).count()
        };
        if rejects_of("missing_field") < usize::from(source.bad > 0) {
            return fail(BOOKS, format!("a bad record of {} is no reject", source.uri));
        }
    }
    conflicts(seen)
}

/// What the books call rejected is among the rejects.
fn conflicts(seen: &Seen) -> Check {
    for row in &seen.sources {
        let rejects: i64 =
            seen.rejects.iter().filter(|((uri, ..), _)| *uri == row.uri).map(|(_, rows)| rows).sum();
        if rejects < row.counts[4] {
            return fail(
                BOOKS,
                format!("{} has {} rejects by its books, and {rejects} rows", row.uri, row.counts[4]),
            );
        }
    }
    Ok(())
}

fn law(seen: &Seen, fresh: &[Finding]) -> Check {
    if let Some(key) = seen.wronged.first() {
        return fail(LAW, format!("{key} was withdrawn, and had held all the time"));
    }
    let told = |f: &Finding| format!("{} {} {:?}", f.key, f.severity, f.evidence);
    let found: BTreeSet<String> = open_ones(&seen.findings).into_iter().map(told).collect();
    let expected: BTreeSet<String> = fresh.iter().map(told).collect();
    match found.symmetric_difference(&expected).next() {
        Some(finding) if found.contains(finding) => {
            fail(LAW, format!("{finding} is open, and a fresh lake has it not"))
        }
        Some(finding) => fail(LAW, format!("{finding} is not open, and a fresh lake has it")),
        None => Ok(()),
    }
}

fn told(seen: &Seen, heard: &[String]) -> Check {
    let heard: BTreeSet<&String> = heard.iter().collect();
    let news = seen.pages.iter().filter(|page| heard.contains(&page.dedupe_key) && page.kind != "withdrawn");
    let known: BTreeSet<&String> = news.flat_map(|page| &page.finding_keys).collect();
    let unheard = open_ones(&seen.findings)
        .into_iter()
        .find(|f| f.severity > Severity::Info && !known.contains(&f.key));
    if let Some(finding) = unheard {
        return fail(TOLD, format!("nobody was told of {}", finding.key));
    }
    let unsent = seen.pages.iter().find(|page| !heard.contains(&page.dedupe_key));
    match unsent {
        Some(page) => fail(TOLD, format!("page {} is {} and never arrived", page.dedupe_key, page.state)),
        None => Ok(()),
    }
}

/// The plans of each finding, in order, must be a story: opened once until withdrawn, never the same news twice.
fn one_key(pages: &[PageRow]) -> Check {
    let plans: Vec<&PageRow> = pages.iter().filter(|page| page.state == "planned").collect();
    let mut news = BTreeMap::<(&str, usize), BTreeMap<String, &str>>::new();
    let mut withdrawals = BTreeMap::<&str, usize>::new();
    let mut keys = BTreeSet::new();
    for page in plans {
        if !keys.insert(&page.dedupe_key) {
            return fail(ONE_KEY, format!("page {} was planned twice", page.dedupe_key));
        }
        for finding in &page.finding_keys {
            let turn = withdrawals.entry(finding).or_default();
            let told = news.entry((finding, *turn)).or_default();
            let what = match page.kind.as_str() {
                // What is old is told in sums: that it was found, and once more if it got worse, which only bursts do.
                "summary" if told.contains_key("opened") && finding.starts_with("burst:") => "escalated",
                "summary" => "opened",
                kind => kind,
            };
            let told = told.insert(what.to_owned(), &page.dedupe_key);
            if let Some(before) = told {
                let how = format!("{finding} was {what} under {before} and under {}", page.dedupe_key);
                return fail(ONE_KEY, how);
            }
            *turn += usize::from(page.kind == "withdrawn");
        }
    }
    Ok(())
}

fn fail(guarantee: &'static str, how: String) -> Check {
    Err(Violation { guarantee, how })
}
