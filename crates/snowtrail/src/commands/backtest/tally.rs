//! Findings and pages counted by day and rule, with and without the change. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use snowtrail_model::{Finding, Severity};

use super::telling::Told;

/// Examples that a rule shows of what it gains, and of what it loses.
const EXAMPLES_MAX: usize = 3;

/// What one set of rules and one policy give.
pub struct Given {
    /// Findings in the range.
    pub findings: Vec<Finding>,
    /// Pages about them.
    pub told: Vec<Told>,
}

/// Counts of one day and one rule; of all days where there is no day, of all rules where there is no rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Findings, today.
    pub findings: usize,
    /// Pages with a finding of the rule, today. A page may count for several rules, and once for all.
    pub pages: usize,
    /// Findings, changed.
    pub findings_then: usize,
    /// Pages, changed.
    pub pages_then: usize,
    /// Findings that only the change gives.
    pub gained: usize,
    /// Findings that the change loses.
    pub lost: usize,
    /// Findings that change their severity.
    pub changed: usize,
    /// Some of them, worst first.
    pub examples: Vec<Example>,
}

/// One finding that the change gains, loses, or makes another severity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// `gained`, `lost`, `changed`.
    pub what: &'static str,
    /// Its key.
    pub key: String,
    /// Its title.
    pub title: String,
    /// `high`, or `high to low`.
    pub severity: String,
}

/// A day (UTC) and a rule; none of the first sorts before the days, so that totals come first.
pub type Place = (Option<String>, Option<String>);

/// Counts everything. `rules` are all rules of either set, so that a rule that finds nothing is seen to.
pub fn tally(today: &Given, then: Option<&Given>, rules: &BTreeSet<String>) -> BTreeMap<Place, Counts> {
    let mut counts = BTreeMap::<Place, Counts>::new();
    counts.entry((None, None)).or_default();
    for rule in rules {
        counts.entry((None, Some(rule.clone()))).or_default();
    }
    count(&mut counts, today, |counts| (&mut counts.findings, &mut counts.pages));
    if let Some(then) = then {
        count(&mut counts, then, |counts| (&mut counts.findings_then, &mut counts.pages_then));
        compare(&mut counts, today, then);
    }
    counts
}

fn places(day: &str, rule: &str) -> [Place; 4] {
    let (day, rule) = (Some(day.to_owned()), Some(rule.to_owned()));
    [(None, None), (None, rule.clone()), (day.clone(), None), (day, rule)]
}

fn count(
    counts: &mut BTreeMap<Place, Counts>,
    given: &Given,
    of: impl Fn(&mut Counts) -> (&mut usize, &mut usize),
) {
    for finding in &given.findings {
        for place in places(&day(finding.window_start), &finding.rule) {
            *of(counts.entry(place).or_default()).0 += 1;
        }
    }
    for told in &given.told {
        // Midnight ends its day: what became news with it happened before.
        let day = day(told.at.saturating_sub(SignedDuration::from_micros(1)).unwrap_or(told.at));
        let rules: BTreeSet<&str> = told.page.findings.iter().map(|f| f.rule.as_str()).collect();
        let places: BTreeSet<Place> = rules.iter().flat_map(|rule| places(&day, rule)).collect();
        for place in places {
            *of(counts.entry(place).or_default()).1 += 1;
        }
    }
}

fn compare(counts: &mut BTreeMap<Place, Counts>, today: &Given, then: &Given) {
    let by_key = |given: &Given| -> BTreeMap<String, Finding> {
        given.findings.iter().map(|f| (f.key.clone(), f.clone())).collect()
    };
    let (before, after) = (by_key(today), by_key(then));
    let mut differences: Vec<(&Finding, &'static str, String)> = Vec::new();
    for (key, finding) in &after {
        match before.get(key) {
            None => differences.push((finding, "gained", finding.severity.to_string())),
            Some(old) if old.severity != finding.severity => {
                differences.push((finding, "changed", format!("{} to {}", old.severity, finding.severity)));
            }
            Some(_) => {}
        }
    }
    let lost = before.iter().filter(|(key, _)| !after.contains_key(*key));
    differences.extend(lost.map(|(_, finding)| (finding, "lost", finding.severity.to_string())));
    let worst_first =
        |f: &Finding| (std::cmp::Reverse::<Severity>(f.severity), f.window_start, f.key.clone());
    differences.sort_by_cached_key(|(finding, what, _)| (worst_first(finding), *what));
    for (finding, what, severity) in differences {
        for place in places(&day(finding.window_start), &finding.rule) {
            let is_whole_rule = place.0.is_none() && place.1.is_some();
            let counts = counts.entry(place).or_default();
            *match what {
                "gained" => &mut counts.gained,
                "lost" => &mut counts.lost,
                _ => &mut counts.changed,
            } += 1;
            let shown = counts.examples.iter().filter(|example| example.what == what).count();
            if is_whole_rule && shown < EXAMPLES_MAX {
                let (key, title) = (finding.key.clone(), finding.title.clone());
                counts.examples.push(Example { what, key, title, severity: severity.clone() });
            }
        }
    }
}

/// `2026-11-03`, UTC.
fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}
