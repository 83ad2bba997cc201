//! A draft as TOML with comments. Pure.
//!
//! Names come from whoever called AWS. As values they are quoted by TOML's rules; in comments they are made inert, so
//! that no name can end its comment and become a line of the policy.

use std::collections::BTreeMap;
use std::fmt::Write;

use snowtrail_page::escape::{PARAGRAPH_CHARS_MAX, terminal};

use super::contract::{Contract, Evidence, Named, Stated, date};
use super::families::is_pattern;
use super::history::{History, Span};
use super::hours::Hours;
use super::judge::{Draft, quoted};

/// Members that an entry's comment names. More are counted.
const MEMBERS_NAMED_MAX: usize = 12;
/// A range shorter than this has not seen what happens monthly.
const DAYS_FOR_MONTHLY: i64 = 32;

/// What the text is made of.
pub struct Written<'d> {
    /// Judged.
    pub draft: &'d Draft,
    /// Counted.
    pub history: &'d History,
    /// The working hours, or why there are none.
    pub hours: &'d Result<Hours, String>,
    /// What was learned from.
    pub span: Span,
    /// On how many days something had to be seen.
    pub min_days: u64,
    /// Whether the policy at hand has an organization already, which is then not drafted again.
    pub has_organization: bool,
}

/// The text.
pub fn text(written: &Written<'_>) -> String {
    let mut text = String::new();
    head(written, &mut text);
    if !written.has_organization {
        organization(written, &mut text);
    }
    humans(written.draft, &mut text);
    for contract in &written.draft.contracts {
        entry(contract, &mut text);
    }
    if !written.draft.without.is_empty() {
        comment(&mut text, "\nSecrets without an entry:");
        written.draft.without.iter().for_each(|why| comment(&mut text, &format!("- {why}")));
    }
    text
}

/// A comment; every line of it is one, and a name in it cannot begin another.
fn comment(text: &mut String, words: &str) {
    let words = words.strip_prefix('\n').inspect(|_| text.push('\n')).unwrap_or(words);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# {}", terminal(words, PARAGRAPH_CHARS_MAX));
}

fn head(written: &Written<'_>, text: &mut String) {
    let Span { from, to } = written.span;
    let days = to.duration_since(from).as_hours() / 24;
    let (events, findings) = (written.history.events, written.history.findings);
    comment(
        text,
        "A draft of a policy, learned from what happened. Read every line: history is not permission.",
    );
    comment(text, &format!("From {events} events, {from} to {to} ({days} days)."));
    comment(
        text,
        &format!(
            "Drafted is what was seen on at least {} days. What open findings of medium severity or worse ask about does not count ({findings} findings of any severity are stored).",
            written.min_days
        ),
    );
    if findings == 0 {
        comment(
            text,
            "No finding is stored, so nothing was in doubt: run `snowtrail detect` first, then learn again.",
        );
    }
    if days < DAYS_FOR_MONTHLY {
        comment(text, "The range is shorter than a month and a day: monthly jobs were seen once or never.");
    }
}

fn organization(written: &Written<'_>, text: &mut String) {
    let draft = written.draft;
    text.push_str("\n[organization]\n");
    list(text, "accounts", &draft.accounts, 1);
    list(text, "regions", &draft.regions, 1);
    match written.hours {
        Ok(hours) => working_hours(hours, text),
        Err(why) => comment(text, &format!("left out: business_hours: too thin, {why}")),
    }
    draft.left_out.iter().for_each(|why| comment(text, &format!("left out: {why}")));
}

fn working_hours(hours: &Hours, text: &mut String) {
    let share = hours.within * 100 / hours.person_hours.max(1);
    comment(
        text,
        &format!(
            "{} persons acted in {} hours on {} days; {share} % of them lie in these hours.",
            hours.people, hours.person_hours, hours.dates
        ),
    );
    if hours.is_guessed {
        comment(
            text,
            "The zone is a guess: people's hours lie best around its noon. Name yours with --timezone.",
        );
    }
    let off = if hours.doubt.is_some() { "# " } else { "" };
    if let Some(why) = &hours.doubt {
        comment(text, &format!("left out, to be looked at: {why}."));
    }
    let zone_off = if hours.is_guessed { off } else { "" };
    let _ = writeln!(text, "{zone_off}timezone = {}", quoted(&hours.zone));
    let clock = |hour: usize| format!("\"{hour:02}:00\"");
    let (days, from, to) = (quoted(&hours.days_written()), clock(hours.from), clock(hours.to));
    let _ = writeln!(text, "{off}business_hours = {{ days = {days}, from = {from}, to = {to} }}");
}

fn humans(draft: &Draft, text: &mut String) {
    if draft.humans.is_empty() {
        return;
    }
    comment(text, "\nRoles that people use, which cannot be told from their names.");
    text.push_str("[[humans]]\n");
    list(text, "principals", &draft.humans, 1);
}

fn entry(contract: &Contract, text: &mut String) {
    text.push('\n');
    let members = contract.members.len();
    if is_pattern(contract) {
        let named = contract.members.iter().take(MEMBERS_NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
        let more = members.saturating_sub(MEMBERS_NAMED_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        comment(text, &format!("{members} secrets with the same readers: {named}{more}"));
    }
    text.push_str("[[secrets]]\n");
    let _ = writeln!(text, "match = {}", quoted(&contract.matching));
    let _ = writeln!(text, "accounts = [{}]", quoted(&contract.account));
    for (key, stated) in
        [("owner", &contract.owner), ("sensitivity", &contract.sensitivity), ("type", &contract.kind)]
    {
        stated_line(text, key, stated.as_ref());
    }
    for (key, named) in [
        ("readers", &contract.readers),
        ("break_glass", &contract.break_glass),
        ("rotators", &contract.rotators),
        ("admins", &contract.admins),
    ] {
        if !named.is_empty() {
            list(text, key, named, members);
        }
    }
    stated_line(text, "rotate_every", contract.rotate_every.as_ref());
    if !contract.replica_regions.is_empty() {
        text.push_str("replica_regions = [\n");
        contract.replica_regions.iter().for_each(|region| item(text, &region.value, &region.why));
        text.push_str("]\n");
    }
    if !contract.vpc_endpoints.is_empty() {
        comment(text, "Every read that counts came through these.");
        list(text, "vpc_endpoints", &contract.vpc_endpoints, members);
    }
    if !contract.says_something() {
        comment(
            text,
            "Undeclared: nothing was seen often enough, and the pattern below must not speak for it.",
        );
    } else if contract.readers.is_empty() {
        comment(text, "No readers are declared: nothing was seen often enough.");
    }
    for (why, times) in counted(&contract.left_out) {
        let times = if times > 1 { format!(" ({times} secrets)") } else { String::new() };
        comment(text, &format!("left out: {why}{times}"));
    }
}

fn counted(reasons: &[String]) -> BTreeMap<&str, usize> {
    let mut counted = BTreeMap::new();
    reasons.iter().for_each(|why| *counted.entry(why.as_str()).or_default() += 1);
    counted
}

fn stated_line(text: &mut String, key: &str, stated: Option<&Stated>) {
    if let Some(Stated { value, why }) = stated {
        let _ = writeln!(text, "{key} = {} # {}", quoted(value), terminal(why, PARAGRAPH_CHARS_MAX));
    }
}

fn list(text: &mut String, key: &str, named: &Named, members: usize) {
    let _ = writeln!(text, "{key} = [");
    named.iter().for_each(|(name, evidence): (&String, &Evidence)| item(text, name, &evidence.told(members)));
    text.push_str("]\n");
}

fn item(text: &mut String, value: &str, why: &str) {
    let _ = writeln!(text, "  {}, # {}", quoted(value), terminal(why, PARAGRAPH_CHARS_MAX));
}

/// What was drafted, for the note beside it.
pub fn summary(draft: &Draft, span: Span) -> String {
    format!(
        "drafted {} entries for {} secrets from {} to {}; secrets without an entry: {}",
        draft.contracts.len(),
        draft
            .contracts
            .iter()
            .filter(|entry| entry.says_something())
            .map(|entry| entry.members.len())
            .sum::<usize>(),
        date(span.from),
        date(span.to),
        draft.without.len()
    )
}
