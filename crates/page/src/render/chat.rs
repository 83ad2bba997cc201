//! A page as a custom notification of Amazon Q Developer in chat applications, for Slack and Teams.
//!
//! The schema is of the service's administrator guide, "Custom notifications". What does not keep to it is dropped
//! by the service without an error to anybody, so every limit is kept in bytes, the strictest reading of
//! "characters". Names stand in code spans, in which chats obey nothing; other words of callers go through
//! [`inert_chat`]. Only what the organization wrote itself, its runbooks, may hold a link.
//!
//! Follow-ups carry the thread of the page that they follow. `eventType` and `relatedResources` are reserved by the
//! service and left out.

use super::json::ascii;
use super::measure::Measure;
use super::note::{is_moot, lasted, notes};
use super::{RenderInputs, RuleDocs, evidence, text, time};
use crate::escape::{KEY_CHARS_MAX, NAME_CHARS_MAX, inert, inert_chat, terminal};
use crate::kind::PageKind;
use crate::page::Page;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use snowtrail_model::Finding;

/// Bytes of the title. The service refuses a longer one, and nobody is told.
pub const TITLE_BYTES_MAX: usize = 250;

/// Bytes of the description. As for the title.
pub const DESCRIPTION_BYTES_MAX: usize = 8_000;

/// Bytes of one next step. As for the title.
pub const NEXT_STEP_BYTES_MAX: usize = 350;

/// Bytes of one keyword. As for the title.
pub const KEYWORD_BYTES_MAX: usize = 75;

/// Bytes of our own words in the title, such as `STILL OPEN (reminder 12): CRITICAL: ` and the count at its end.
const OWN_WORDS_BYTES_MAX: usize = 70;

/// Slack breaks a line at a line break; Markdown proper, as in Teams, only after two blanks.
const LINE_BREAK: &str = "  \n";

/// Bytes of a line about the lead, of which there are nine at most.
const LINE_BYTES_MAX: usize = 400;

/// Stands for the lines that there is no room for.
const MORE: &str = "There is more than fits here.";

/// Bytes of the lead's summary.
const SUMMARY_BYTES_MAX: usize = 1_600;

/// Bytes of the last lines: how to see the evidence. A lake with a longer name is not told.
const END_BYTES_MAX: usize = 1_200;

pub(super) fn write(page: &Page, inputs: &RenderInputs<'_>, measure: &Measure) -> String {
    let docs = page.lead().and_then(|lead| inputs.rules.get(&lead.rule));
    let title = text::headline(page, |title| words(title, TITLE_BYTES_MAX - OWN_WORDS_BYTES_MAX));
    let mut content = json!({
        "textType": "client-markdown",
        "title": title,
        "description": description(page, inputs, docs, measure),
    });
    let steps = docs.map(|docs| next_steps(page, docs, measure)).unwrap_or_default();
    if !steps.is_empty() {
        content["nextSteps"] = json!(steps);
    }
    content["keywords"] = json!(keywords(page));
    let value = json!({
        "version": "1.0",
        "source": "custom",
        "id": page.dedupe_key,
        "content": content,
        "metadata": {
            "threadId": page.thread,
            "summary": title,
            "additionalContext": context(page),
        },
    });
    ascii(&value.to_string())
}

/// What `write` gives for so many characters that it fits. No character has more than four bytes.
fn fitted(bytes_max: usize, write: impl Fn(usize) -> String) -> String {
    let whole = write(bytes_max);
    if whole.len() <= bytes_max { whole } else { write(bytes_max / 4) }
}

fn words(text: &str, bytes_max: usize) -> String {
    fitted(bytes_max, |chars| inert_chat(text, chars))
}

/// A name between backticks, of which it can hold none itself.
fn code(name: &str, bytes_max: usize) -> String {
    format!("`{}`", fitted(bytes_max.saturating_sub(2), |chars| inert(name, chars)))
}

fn description(page: &Page, inputs: &RenderInputs<'_>, docs: Option<&RuleDocs>, measure: &Measure) -> String {
    let zone = &inputs.policy.calendar.timezone;
    let mut lines = notes(page, inputs);
    lines.extend(page.lead().into_iter().flat_map(|lead| about(lead, page, zone)));
    let end = end(page, inputs.lake);
    let bytes = |line: &String| line.len() + LINE_BREAK.len();
    let taken = bytes(&end) + lines.iter().map(bytes).sum::<usize>();
    let mut room = DESCRIPTION_BYTES_MAX.saturating_sub(taken + bytes(&MORE.to_owned()));
    for line in further(page, docs, measure) {
        if bytes(&line) > room {
            lines.push(MORE.to_owned());
            break;
        }
        room -= bytes(&line);
        lines.push(line);
    }
    lines.push(end);
    lines.join(LINE_BREAK)
}

/// The lead's facts, a line each.
fn about(lead: &Finding, page: &Page, zone: &TimeZone) -> Vec<String> {
    let half = LINE_BYTES_MAX / 2;
    let who = lead.principal.as_deref().map(|principal| {
        let actor = lead.actor.as_deref().map(|actor| format!(" as {}", code(actor, half)));
        format!("Who: {}{}", code(text::last_part(principal), half), actor.unwrap_or_default())
    });
    let place = [&lead.account_id, &lead.aws_region].into_iter().flatten();
    let place = place.map(|name| words(name, half / 2)).collect::<Vec<_>>().join(" ");
    let place = if place.is_empty() { place } else { format!(" in {place}") };
    let secret = lead.secret_name.as_deref().or(lead.secret_arn.as_deref());
    let when = match (page.kind, lead.resolved_at()) {
        (PageKind::Resolved, Some(end)) => format!("It {}", lasted(lead, end, zone)),
        _ => format!("When: {}", time::window(lead.window_start, lead.window_end, zone)),
    };
    let (saw, expected) = (words(&lead.observed, LINE_BYTES_MAX), words(&lead.expected, LINE_BYTES_MAX));
    let lines = [
        Some(format!("Saw: {saw}")),
        Some(format!("Expected: {expected}")),
        who,
        secret.map(|secret| format!("Secret: {}{place}", code(secret, half))),
        Some(when),
        page.owner.as_deref().map(|owner| format!("Owner: {}", words(owner, LINE_BYTES_MAX))),
        Some(format!("What happened: {}", words(&lead.summary, SUMMARY_BYTES_MAX))),
    ];
    lines.into_iter().flatten().collect()
}

/// Harmless causes and the other findings, a line each, as far as there is room.
fn further(page: &Page, docs: Option<&RuleDocs>, measure: &Measure) -> Vec<String> {
    let mut lines = Vec::new();
    for cause in docs.filter(|_| !is_moot(page)).into_iter().flat_map(|docs| &docs.benign).take(measure.steps)
    {
        let cause = fitted(LINE_BYTES_MAX, |chars| terminal(cause, chars));
        lines.push(format!("Known harmless cause: {cause}"));
    }
    let count = page.findings.len();
    for (index, finding) in page.findings.iter().enumerate().skip(1) {
        let severity = finding.severity.as_str().to_uppercase();
        let title = words(&finding.title, LINE_BYTES_MAX);
        lines.push(format!("Also ({} of {count}): {severity}, {title}", index + 1));
        // More cannot have room, and a page may have a hundred thousand.
        if lines.len() > DESCRIPTION_BYTES_MAX / 20 {
            break;
        }
    }
    lines
}

fn end(page: &Page, lake: &str) -> String {
    let count = evidence::ids(page).len();
    let command = evidence::command(page, lake).replace('`', "");
    let page_key = code(&page.dedupe_key, LINE_BYTES_MAX);
    match count {
        0 => format!("Evidence: no event, as where something did not happen{LINE_BREAK}Page: {page_key}"),
        _ if command.len() + LINE_BYTES_MAX > END_BYTES_MAX => {
            format!("Evidence: {count} events{LINE_BREAK}Page: {page_key}")
        }
        _ => format!("Evidence, {count} in all: `{command}`{LINE_BREAK}Page: {page_key}"),
    }
}

fn next_steps(page: &Page, docs: &RuleDocs, measure: &Measure) -> Vec<String> {
    if is_moot(page) {
        return Vec::new();
    }
    let step = |step: &String| fitted(NEXT_STEP_BYTES_MAX, |chars| terminal(step, chars));
    docs.runbook.iter().take(measure.steps).map(step).collect()
}

fn keywords(page: &Page) -> Vec<String> {
    let mut keywords = vec![page.severity.as_str().to_owned(), page.kind.word().to_owned()];
    if let Some(lead) = page.lead() {
        let names = [Some(&lead.rule), lead.account_id.as_ref(), lead.aws_region.as_ref()];
        let names = names.into_iter().flatten().chain(&lead.secret_name).chain(&page.owner);
        keywords.extend(names.map(|name| words(name, KEYWORD_BYTES_MAX)));
    }
    keywords.retain(|keyword| !keyword.is_empty());
    keywords
}

/// For custom actions, whose commands may hold these values: names are inert, too.
fn context(page: &Page) -> Map<String, Value> {
    let mut context = Map::new();
    let mut put = |name: &str, value: Option<&str>, chars_max: usize| {
        let value = value.map(|value| inert_chat(value, chars_max)).filter(|value| !value.is_empty());
        context.extend(value.map(|value| (name.to_owned(), value.into())));
    };
    put("dedupe_key", Some(&page.dedupe_key), NAME_CHARS_MAX);
    put("kind", Some(&page.kind.to_string()), NAME_CHARS_MAX);
    put("severity", Some(page.severity.as_str()), NAME_CHARS_MAX);
    put("owner", page.owner.as_deref(), NAME_CHARS_MAX);
    if let Some(lead) = page.lead() {
        put("rule", Some(&lead.rule), NAME_CHARS_MAX);
        put("finding_key", Some(&lead.key), KEY_CHARS_MAX);
        put("account_id", lead.account_id.as_deref(), NAME_CHARS_MAX);
        put("aws_region", lead.aws_region.as_deref(), NAME_CHARS_MAX);
        put("secret_name", lead.secret_name.as_deref(), NAME_CHARS_MAX);
        put("principal", lead.principal.as_deref(), NAME_CHARS_MAX);
        put("actor", lead.actor.as_deref(), NAME_CHARS_MAX);
        put("window_start", Some(&lead.window_start.to_string()), NAME_CHARS_MAX);
        put("window_end", Some(&lead.window_end.to_string()), NAME_CHARS_MAX);
    }
    context
}
