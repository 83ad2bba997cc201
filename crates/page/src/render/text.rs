//! A page as plain text: first whether it is real, then what to do, and only then the rest.
//!
//! What a caller of AWS may have written goes through [`inert`]; what the organization wrote itself (rules,
//! owners) only through [`terminal`], so that a runbook may hold a link.

use super::measure::{FINDINGS_SHOWN_MAX, LINES_SHOWN_MAX, Measure};
use super::note::{already, is_moot, lasted, notes};
use super::{RenderInputs, RuleDocs, evidence, time};
use crate::escape::{KEY_CHARS_MAX, LINE_CHARS_MAX, NAME_CHARS_MAX, PARAGRAPH_CHARS_MAX, inert, terminal};
use crate::kind::PageKind;
use crate::page::Page;
use jiff::tz::TimeZone;
use snowtrail_model::Finding;
use std::collections::BTreeMap;

/// Rules whose meaning a page tells; of the rest it names the ids.
pub const RULES_SHOWN_MAX: usize = 3;

/// Names in a list within a line; the rest is not named.
const NAMES_SHOWN_MAX: usize = 10;

/// Characters of each part of the second line, which must stay one line on a phone's screen or two.
const GLANCE_CHARS_MAX: usize = 90;

/// Holds no control character but line breaks, and is bounded whatever the findings hold.
pub(super) fn write(page: &Page, inputs: &RenderInputs<'_>, measure: &Measure) -> String {
    let zone = &inputs.policy.calendar.timezone;
    let mut text = format!("{}\n", headline(page, |title| inert(title, LINE_CHARS_MAX)));
    if let Some(lead) = page.lead() {
        text += &format!("{}\n", glance(page, lead, zone));
    }
    for note in notes(page, inputs) {
        text += &format!("{note}\n");
    }
    let docs = docs_of(page, inputs.rules);
    if let Some(first) = docs.first() {
        what_to_do(page, first, measure, &mut text);
    }
    if let Some(owner) = &page.owner {
        text += &format!("\nOwner: {}\n", terminal(owner, NAME_CHARS_MAX));
    }
    findings(page, zone, measure, &mut text);
    meanings(page, &docs, measure, &mut text);
    evidence::write(page, inputs.lake, measure, &mut text);
    text += &format!("\nPage: {}\n", page.dedupe_key);
    text
}

/// The first line: how bad and what.
pub(super) fn headline(page: &Page, inert: impl Fn(&str) -> String) -> String {
    let severity = page.severity.as_str().to_uppercase();
    let title = page.lead().map(|lead| inert(&lead.title)).unwrap_or_default();
    let count = page.findings.len();
    let more = if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() };
    let already = already(page);
    match page.kind {
        PageKind::Opened => format!("{severity}{already}: {title}{more}"),
        PageKind::Escalated => format!("NOW {severity}{already}: {title}{more}"),
        PageKind::Reminder(number) => format!("STILL OPEN (reminder {number}): {severity}: {title}{more}"),
        PageKind::Resolved => format!("RESOLVED, was {severity}: {title}{more}"),
        PageKind::Withdrawn => format!("WITHDRAWN, was {severity}: {title}{more}"),
        PageKind::Summary => format!("OLD NEWS, {count} in all, worst {severity}: {title}{more}"),
    }
}

/// The second line: what was seen beside what was expected, who, which secret, when on the reader's clock.
fn glance(page: &Page, lead: &Finding, zone: &TimeZone) -> String {
    if page.kind == PageKind::Summary {
        let start =
            page.findings.iter().map(|finding| finding.window_start).min().unwrap_or(lead.window_start);
        let end = page.findings.iter().map(|finding| finding.window_end).max().unwrap_or(lead.window_end);
        let span = time::window(start, end, zone);
        return format!("Found late (a backfill or a changed policy), so summed up: {span}");
    }
    // The bar separates the facts of this line; a session's name must not seem to be two of them.
    let short = |text: &str| inert(&text.replace('|', "/"), GLANCE_CHARS_MAX);
    let who = lead.principal.as_deref().map(|principal| match &lead.actor {
        Some(actor) => format!("{} as {}", short(last_part(principal)), short(actor)),
        None => short(last_part(principal)),
    });
    let secret = lead.secret_name.as_deref().map(short);
    let facts = match (page.kind, lead.resolved_at()) {
        (PageKind::Resolved, Some(end)) => {
            [Some(format!("It {}", lasted(lead, end, zone))), who, secret, None]
        }
        _ => [
            Some(format!("Saw {}; expected {}", short(&lead.observed), short(&lead.expected))),
            who,
            secret,
            Some(time::window(lead.window_start, lead.window_end, zone)),
        ],
    };
    facts.into_iter().flatten().collect::<Vec<_>>().join(" | ")
}

/// The name at the end of an ARN's path.
pub(super) fn last_part(principal: &str) -> &str {
    principal.rsplit('/').next().unwrap_or(principal)
}

/// The words of the findings' rules, the lead's first.
fn docs_of<'d>(page: &Page, known: &'d BTreeMap<String, RuleDocs>) -> Vec<&'d RuleDocs> {
    let mut docs = Vec::<&RuleDocs>::new();
    for rule in page.findings.iter().filter_map(|finding| known.get(&finding.rule)) {
        if !docs.iter().any(|known| std::ptr::eq(*known, rule)) {
            docs.push(rule);
        }
    }
    docs
}

fn what_to_do(page: &Page, rule: &RuleDocs, measure: &Measure, text: &mut String) {
    if is_moot(page) {
        return;
    }
    list("\nDo this first", &rule.runbook, measure, |index| format!("{}.", index + 1), text);
    list("Known harmless causes", &rule.benign, measure, |_| "-".to_owned(), text);
}

fn list(
    title: &str,
    lines: &[String],
    measure: &Measure,
    bullet: impl Fn(usize) -> String,
    text: &mut String,
) {
    if lines.is_empty() {
        return;
    }
    *text += &format!("{title}\n");
    for (index, line) in lines.iter().take(measure.steps).enumerate() {
        *text += &format!("  {} {}\n", bullet(index), terminal(line, PARAGRAPH_CHARS_MAX));
    }
    if lines.len() > measure.steps {
        *text += &format!("  and {} more\n", lines.len() - measure.steps);
    }
}

fn findings(page: &Page, zone: &TimeZone, measure: &Measure, text: &mut String) {
    let count = page.findings.len();
    let whole = FINDINGS_SHOWN_MAX.min(measure.findings);
    for (index, finding) in page.findings.iter().take(whole).enumerate() {
        *text += &match count {
            1 => "\nWhat happened\n".to_owned(),
            _ => {
                let title = inert(&finding.title, LINE_CHARS_MAX);
                format!("\nWhat happened, {} of {count}: {title}\n", index + 1)
            }
        };
        let key_chars_max = if index == 0 { KEY_CHARS_MAX } else { NAME_CHARS_MAX };
        one_finding(finding, zone, key_chars_max, text);
    }
    if count > whole {
        further(&page.findings[whole..], LINES_SHOWN_MAX.min(measure.lines), text);
    }
}

/// The findings after the first few: a line each, and those after them counted by rule.
fn further(findings: &[Finding], lines: usize, text: &mut String) {
    *text += "\nAlso\n";
    for finding in findings.iter().take(lines) {
        let title = inert(&finding.title, LINE_CHARS_MAX);
        *text += &format!("  {:<8} {title}\n", finding.severity.as_str());
    }
    let mut rest = BTreeMap::<&str, usize>::new();
    for finding in findings.iter().skip(lines) {
        *rest.entry(&finding.rule).or_default() += 1;
    }
    if !rest.is_empty() {
        let count = findings.len() - lines;
        *text += &format!("  and {count} more: {}\n", counted_rules(rest));
    }
}

fn counted_rules(rest: BTreeMap<&str, usize>) -> String {
    let shown = rest
        .iter()
        .take(NAMES_SHOWN_MAX)
        .map(|(rule, count)| format!("{count} of {}", inert(rule, NAME_CHARS_MAX)));
    let mut words = shown.collect::<Vec<_>>();
    words.extend((rest.len() > NAMES_SHOWN_MAX).then(|| "others".to_owned()));
    words.join(", ")
}

fn one_finding(finding: &Finding, zone: &TimeZone, key_chars_max: usize, text: &mut String) {
    let name = |value: &Option<String>| value.as_deref().map(|value| inert(value, NAME_CHARS_MAX));
    let place =
        [name(&finding.account_id), name(&finding.aws_region)].into_iter().flatten().collect::<Vec<_>>();
    let secret = name(&finding.secret_name).or_else(|| name(&finding.secret_arn));
    let utc = time::window(finding.window_start, finding.window_end, &TimeZone::UTC);
    let local = time::window(finding.window_start, finding.window_end, zone);
    let rows = [
        ("saw", Some(inert(&finding.observed, LINE_CHARS_MAX))),
        ("expected", Some(inert(&finding.expected, LINE_CHARS_MAX))),
        ("who", name(&finding.principal)),
        ("acting as", name(&finding.actor)),
        ("secret", secret),
        ("where", (!place.is_empty()).then(|| place.join(" "))),
        ("when", Some(if local == utc { local } else { format!("{local} ({utc})") })),
        ("over", finding.resolved_at().map(|end| format!("since {}", time::instant(end, zone)))),
        ("severity", Some(finding.severity.to_string())),
        ("key", Some(inert(&finding.key, key_chars_max))),
    ];
    *text += &format!("  {}\n", inert(&finding.summary, PARAGRAPH_CHARS_MAX));
    for (label, value) in rows {
        *text += &value.map(|value| format!("  {label:<9} {value}\n")).unwrap_or_default();
    }
}

fn meanings(page: &Page, docs: &[&RuleDocs], measure: &Measure, text: &mut String) {
    let whole = RULES_SHOWN_MAX.min(measure.findings);
    for (index, rule) in docs.iter().take(whole).enumerate() {
        one_meaning(rule, text);
        if index > 0 {
            what_to_do(page, rule, measure, text);
        }
    }
    if docs.len() > whole {
        let others = docs[whole..].iter().take(NAMES_SHOWN_MAX);
        let others = others.map(|rule| terminal(&rule.id, NAME_CHARS_MAX)).collect::<Vec<_>>();
        *text += &format!("\nSee also `snowtrail rules show` for {}\n", others.join(", "));
    }
}

fn one_meaning(rule: &RuleDocs, text: &mut String) {
    let attack = rule.attack.iter().take(NAMES_SHOWN_MAX).map(|id| terminal(id, GLANCE_CHARS_MAX));
    let attack = attack.collect::<Vec<_>>().join(", ");
    let attack = if attack.is_empty() { attack } else { format!("; ATT&CK {attack}") };
    *text += &format!("\nWhat it means (rule {}{attack})\n", terminal(&rule.id, NAME_CHARS_MAX));
    let title = terminal(&rule.title, LINE_CHARS_MAX);
    *text += &format!("  {title}. {}\n", terminal(&rule.description, PARAGRAPH_CHARS_MAX));
}
