//! A page as plain text.
//!
//! What a caller of AWS may have written goes through [`inert`]; what the organization wrote itself (rules,
//! owners) only through [`terminal`], so that a runbook may hold a link.

use super::{RenderInputs, RuleDocs, evidence, time};
use crate::escape::{LINE_CHARS_MAX, NAME_CHARS_MAX, PARAGRAPH_CHARS_MAX, inert, terminal};
use crate::kind::PageKind;
use crate::page::Page;
use jiff::tz::TimeZone;
use snowtrail_model::Finding;
use std::collections::BTreeMap;

/// Findings told one by one in a page; the rest is counted by rule.
pub const FINDINGS_SHOWN_MAX: usize = 5;

/// Rules whose meaning and runbook a page tells; of the rest it names the ids.
pub const RULES_SHOWN_MAX: usize = 3;

/// Steps of a runbook, and known benign causes, told of one rule; the rest is counted.
pub const STEPS_SHOWN_MAX: usize = 10;

/// Characters of each part of the second line, which must stay one line on a phone's screen or two.
const GLANCE_CHARS_MAX: usize = 90;

/// The page as plain text: first whether it is real, then what happened, what it means, what to do, and how to see
/// the evidence. Holds no control character but line breaks, and is bounded whatever the findings hold.
pub fn render_text(page: &Page, inputs: &RenderInputs<'_>) -> String {
    let mut text = format!("{}\n", headline(page));
    if let Some(lead) = page.lead() {
        text += &format!("{}\n", glance(page, lead, &inputs.policy.calendar.timezone));
    }
    if page.kind == PageKind::Withdrawn {
        text += "\nThis was paged before and no longer holds: late events or a changed policy took its ground away.\n";
    }
    findings(page, inputs, &mut text);
    rules(page, inputs.rules, &mut text);
    evidence::write(page, inputs.lake, &mut text);
    if let Some(owner) = &page.owner {
        text += &format!("\nOwner: {}", terminal(owner, NAME_CHARS_MAX));
    }
    text += &format!("\nPage: {}\n", page.dedupe_key);
    text
}

/// The first line: how bad and what.
fn headline(page: &Page) -> String {
    let severity = page.severity.as_str().to_uppercase();
    let title = page.lead().map(|lead| inert(&lead.title, LINE_CHARS_MAX)).unwrap_or_default();
    let count = page.findings.len();
    let more = if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() };
    match page.kind {
        PageKind::Opened => format!("{severity}: {title}{more}"),
        PageKind::Escalated => format!("NOW {severity}: {title}{more}"),
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
    let facts = [
        Some(format!("Saw {}; expected {}", short(&lead.observed), short(&lead.expected))),
        who,
        lead.secret_name.as_deref().map(short),
        Some(time::window(lead.window_start, lead.window_end, zone)),
    ];
    facts.into_iter().flatten().collect::<Vec<_>>().join(" | ")
}

/// The name at the end of an ARN's path.
fn last_part(principal: &str) -> &str {
    principal.rsplit('/').next().unwrap_or(principal)
}

fn findings(page: &Page, inputs: &RenderInputs<'_>, text: &mut String) {
    for (index, finding) in page.findings.iter().take(FINDINGS_SHOWN_MAX).enumerate() {
        let count = page.findings.len();
        *text += &match count {
            1 => "\nWhat happened\n".to_owned(),
            _ => format!(
                "\nWhat happened, {} of {count}: {}\n",
                index + 1,
                inert(&finding.title, LINE_CHARS_MAX)
            ),
        };
        one_finding(finding, &inputs.policy.calendar.timezone, text);
    }
    let mut rest = BTreeMap::<&str, usize>::new();
    for finding in page.findings.iter().skip(FINDINGS_SHOWN_MAX) {
        *rest.entry(&finding.rule).or_default() += 1;
    }
    if !rest.is_empty() {
        let count = page.findings.len() - FINDINGS_SHOWN_MAX;
        *text += &format!("\nAnd {count} more: {}\n", counted_rules(rest));
    }
}

fn counted_rules(rest: BTreeMap<&str, usize>) -> String {
    let shown = rest
        .iter()
        .take(STEPS_SHOWN_MAX)
        .map(|(rule, count)| format!("{count} of {}", inert(rule, NAME_CHARS_MAX)));
    let mut words = shown.collect::<Vec<_>>();
    words.extend((rest.len() > STEPS_SHOWN_MAX).then(|| "others".to_owned()));
    words.join(", ")
}

fn one_finding(finding: &Finding, zone: &TimeZone, text: &mut String) {
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
        ("severity", Some(finding.severity.to_string())),
        ("key", Some(inert(&finding.key, NAME_CHARS_MAX))),
    ];
    *text += &format!("  {}\n", inert(&finding.summary, PARAGRAPH_CHARS_MAX));
    for (label, value) in rows {
        *text += &value.map(|value| format!("  {label:<9} {value}\n")).unwrap_or_default();
    }
}

fn rules(page: &Page, known: &BTreeMap<String, RuleDocs>, text: &mut String) {
    let mut ids = Vec::<&str>::new();
    for finding in &page.findings {
        if !ids.contains(&finding.rule.as_str()) {
            ids.push(&finding.rule);
        }
    }
    let docs = ids.iter().filter_map(|id| known.get(*id)).collect::<Vec<_>>();
    for rule in docs.iter().take(RULES_SHOWN_MAX) {
        one_rule(rule, page.kind, text);
    }
    if docs.len() > RULES_SHOWN_MAX {
        let others = docs[RULES_SHOWN_MAX..]
            .iter()
            .take(STEPS_SHOWN_MAX)
            .map(|rule| terminal(&rule.id, NAME_CHARS_MAX));
        *text +=
            &format!("\nSee also `snowtrail rules show` for {}\n", others.collect::<Vec<_>>().join(", "));
    }
}

fn one_rule(rule: &RuleDocs, kind: PageKind, text: &mut String) {
    let attack =
        rule.attack.iter().take(STEPS_SHOWN_MAX).map(|id| terminal(id, NAME_CHARS_MAX)).collect::<Vec<_>>();
    let attack = if attack.is_empty() { String::new() } else { format!("; ATT&CK {}", attack.join(", ")) };
    *text += &format!("\nWhat it means (rule {}{attack})\n", terminal(&rule.id, NAME_CHARS_MAX));
    let title = terminal(&rule.title, LINE_CHARS_MAX);
    *text += &format!("  {title}. {}\n", terminal(&rule.description, PARAGRAPH_CHARS_MAX));
    if kind == PageKind::Withdrawn {
        return;
    }
    list("What to do first", &rule.runbook, |index| format!("{}.", index + 1), text);
    list("Known benign causes", &rule.benign, |_| "-".to_owned(), text);
}

fn list(title: &str, lines: &[String], bullet: impl Fn(usize) -> String, text: &mut String) {
    if lines.is_empty() {
        return;
    }
    *text += &format!("{title}\n");
    for (index, line) in lines.iter().take(STEPS_SHOWN_MAX).enumerate() {
        *text += &format!("  {} {}\n", bullet(index), terminal(line, PARAGRAPH_CHARS_MAX));
    }
    if lines.len() > STEPS_SHOWN_MAX {
        *text += &format!("  and {} more\n", lines.len() - STEPS_SHOWN_MAX);
    }
}
