//! From what was written to what will be done: reads every section, reports every problem.
//!
//! A value that was refused is left out and reading goes on, so that one run of `policy check` shows all there is
//! to mend. A policy with any problem is never handed out.

use super::calendar::{
    BusinessHours, Calendar, ClockTime, end_of_day, parse_date, parse_days, parse_instant, parse_timezone,
};
use super::document::{Document, Field, Section};
use super::error::{Complaint, PolicyError, nearest};
use super::glob::Glob;
use super::pages::MessageFormat;
use super::publish::PublishTarget;
use super::secrets::{SecretEntry, duration_of, list};
use super::settings::{RuleParameters, rule_id};
use super::{
    Organization, Policy, Route, Suppression, TrailPolicy, Window, pages, secrets, settings, shapes,
};
use crate::{Inventory, Severity};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use toml::de::DeTable;

/// Size of a policy file in bytes. A larger one is refused unread: the largest organizations need a tenth of it.
pub const POLICY_BYTES_MAX: usize = 4 * 1024 * 1024;

pub(super) fn parse(text: &str, file: &str, known_rules: &[RuleParameters]) -> Result<Policy, PolicyError> {
    let document = Document::new(text);
    if text.len() > POLICY_BYTES_MAX {
        document.complain(
            0..0,
            "",
            Complaint::new(format!("the file is larger than {POLICY_BYTES_MAX} bytes")),
        );
        return document.verdict(file, None);
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // What the parser could save of a broken document has holes; to check it would report the holes.
        for error in errors {
            let complaint = Complaint::new(format!("this is no TOML: {}", error.message()));
            document.complain(error.span().unwrap_or_default(), "", complaint);
        }
        return document.verdict(file, None).map_err(PolicyError::first_of_each_line);
    }
    let policy = policy(Section::root(&document, table.get_ref()), known_rules);
    document.verdict(file, Some(policy))
}

fn policy(mut root: Section<'_>, known_rules: &[RuleParameters]) -> Policy {
    let (organization, calendar) = organization_of(&mut root);
    let contract = |section| secrets::read(section, known_rules);
    let secrets: Vec<SecretEntry> = sections(&mut root, "secrets").into_iter().map(contract).collect();
    let humans = sections(&mut root, "humans").into_iter().flat_map(humans).collect();
    let windows = sections(&mut root, "windows").into_iter().filter_map(window).collect();
    let suppression = |section| suppression(section, &calendar.timezone, known_rules);
    let suppressions = sections(&mut root, "suppressions").into_iter().filter_map(suppression).collect();
    let mut formats = BTreeMap::new();
    let route = |section| route(section, &secrets, known_rules, &mut formats);
    let routes = sections(&mut root, "routes").into_iter().filter_map(route).collect();
    let pages = root.get("pages").and_then(|field| field.section());
    let pages = pages.map(pages::read).unwrap_or_default();
    let trail = root.get("trail").and_then(|field| field.section()).map(trail).unwrap_or_default();
    let rules = root.get("rules").and_then(|field| field.section());
    let rules = rules.map(|section| settings::read(section, known_rules)).unwrap_or_default();
    root.finish();
    Policy {
        organization,
        inventory: Inventory::default(),
        calendar,
        humans,
        secrets,
        windows,
        trail,
        pages,
        suppressions,
        routes,
        rules,
    }
}

fn sections<'t>(root: &mut Section<'t>, key: &'static str) -> Vec<Section<'t>> {
    root.get(key).map(|field| field.sections()).unwrap_or_default()
}

fn organization_of(root: &mut Section<'_>) -> (Organization, Calendar) {
    let mut calendar = Calendar::default();
    let Some(mut section) = root.get("organization").and_then(|field| field.section()) else {
        return (Organization::default(), calendar);
    };
    let accounts = list(&mut section, "accounts", shapes::account);
    let regions = list(&mut section, "regions", shapes::region);
    if let Some(timezone) = section.get("timezone").and_then(|field| field.parsed(parse_timezone)) {
        calendar.timezone = timezone;
    }
    if let Some(hours) = section.get("business_hours").and_then(business_hours) {
        calendar.business_hours = hours;
    }
    if let Some(holidays) = section.get("holidays") {
        calendar.holidays =
            holidays.items().iter().filter_map(|item| parsed_time(item, parse_date)).collect();
    }
    let files = section.get("inventory").map(|field| field.items()).unwrap_or_default();
    let inventory = files.iter().filter_map(Field::words).collect();
    section.finish();
    (Organization { accounts, regions, inventory }, calendar)
}

fn business_hours(field: Field<'_>) -> Option<BusinessHours> {
    let mut section = field.section()?;
    let days = section.require("days", "\"mon-fri\"").and_then(|field| field.parsed(parse_days));
    let from = section.require("from", "\"08:00\"").and_then(|field| field.parsed(ClockTime::parse_quarter));
    let to = section.require("to", "\"18:00\"").and_then(|field| field.parsed(ClockTime::parse_quarter));
    section.finish();
    let hours = BusinessHours { days: days?, from: from?, to: to? };
    if hours.from >= hours.to {
        let complaint = Complaint::new("`from` is not before `to`");
        field.complain(complaint.hint("business hours lie within one day; 24:00 is its end"));
        return None;
    }
    Some(hours)
}

fn humans(mut section: Section<'_>) -> Vec<Glob> {
    let principals = principals_of(&mut section);
    section.finish();
    principals
}

fn principals_of(section: &mut Section<'_>) -> Vec<Glob> {
    let principals = section.require("principals", "[\"arn:aws:iam::*:role/Name\"]");
    principals.map(|field| field.parsed_items(shapes::principal)).unwrap_or_default()
}

fn window(mut section: Section<'_>) -> Option<Window> {
    let principals = principals_of(&mut section);
    let from = section
        .require("from", "\"2026-11-20T02:00:00Z\"")
        .and_then(|field| parsed_time(&field, parse_instant));
    let to_field = section.require("to", "\"2026-11-20T04:00:00Z\"");
    let to = to_field.as_ref().and_then(|field| parsed_time(field, parse_instant));
    if let (Some(from), Some(to), Some(field)) = (from, to, to_field)
        && to <= from
    {
        let complaint = Complaint::new("the window ends before it starts");
        field.complain(complaint.hint(format!("`to` must be after {from}")));
    }
    let reason = reason(&mut section);
    section.finish();
    Some(Window { principals, from: from?, to: to?, reason: reason? })
}

/// Silence without a reason cannot be reviewed, so both kinds of it demand one.
fn reason(section: &mut Section<'_>) -> Option<String> {
    section.require("reason", "\"CHG-1042\"")?.words()
}

fn trail(mut section: Section<'_>) -> TrailPolicy {
    let heartbeat = duration_of(&mut section, "heartbeat");
    let protect = list(&mut section, "protect", shapes::any_arn);
    section.finish();
    TrailPolicy { heartbeat, protect }
}

fn suppression(
    mut section: Section<'_>,
    timezone: &TimeZone,
    known: &[RuleParameters],
) -> Option<Suppression> {
    let rule = section
        .require("rule", "\"first-seen-reader\"")
        .and_then(|field| field.parsed(|id| rule_id(id, known)));
    let name = match section.get("match") {
        Some(field) => field.parsed(shapes::secret_name).map(Some),
        None => Some(None),
    };
    let until = section.require("until", "\"2026-12-31\"");
    let until = until.and_then(|field| parsed_time(&field, |text| expiry(text, timezone)));
    let reason = reason(&mut section);
    section.finish();
    Some(Suppression { rule: rule?, name: name?, until: until?, reason: reason? })
}

/// A date lasts to its end; a point in time is itself.
fn expiry(text: &str, timezone: &TimeZone) -> Result<Timestamp, Complaint> {
    if text.contains(':') {
        return parse_instant(text);
    }
    parse_date(text).map(|date| end_of_day(date, timezone))
}

fn route(
    mut section: Section<'_>,
    secrets: &[SecretEntry],
    known: &[RuleParameters],
    formats: &mut BTreeMap<PublishTarget, MessageFormat>,
) -> Option<Route> {
    let owner = section.get("owner");
    let owner = owner.map(|field| field.parsed(|text| known_owner(text, secrets))).unwrap_or_default();
    let min_severity = section.get("min_severity").and_then(|field| field.parsed(severity));
    let rule = section.get("rule").and_then(|field| field.parsed(|id| rule_id(id, known)));
    let accounts = list(&mut section, "accounts", shapes::account);
    let publish = section.require("publish", "\"arn:aws:sns:us-west-2:111122223333:on-call\"");
    let publish = publish.and_then(|field| field.parsed(PublishTarget::read));
    let format_field = section.get("format");
    let format = format_field.as_ref().and_then(|field| field.parsed(MessageFormat::read));
    section.finish();
    let (publish, min_severity) = (publish?, min_severity.unwrap_or(Severity::Info));
    if let (Some(format), Some(field)) = (format, format_field) {
        let first = *formats.entry(publish.clone()).or_insert(format);
        if first != format {
            let complaint = Complaint::new(format!("an earlier route says that `{publish}` takes {first}"));
            field.complain(complaint.hint("a place takes one form: make two topics, or one form"));
        }
    }
    Some(Route { owner, min_severity, rule, accounts, publish, format })
}

/// An owner that no secret has gets no page for ever, and nobody would notice.
fn known_owner(text: &str, secrets: &[SecretEntry]) -> Result<Glob, Complaint> {
    let glob = Glob::parse(text)?;
    let mut owners = secrets.iter().filter_map(|entry| entry.owner.as_deref());
    if text.contains(['*', '?']) || owners.clone().any(|owner| glob.matches(owner)) {
        return Ok(glob);
    }
    let complaint = Complaint::new(format!("no secret has the owner `{}`", text.escape_debug()));
    Err(match nearest(text, owners.by_ref()) {
        Some(owner) => complaint.hint(format!("did you mean `{owner}`?")),
        None => complaint.hint("name an owner of a [[secrets]] entry, or use a pattern"),
    })
}

pub(super) fn severity(text: &str) -> Result<Severity, Complaint> {
    text.parse().map_err(|message: String| {
        let near = nearest(text, Severity::ALL.iter().map(|severity| severity.as_str()));
        Complaint { message, hint: near.map(|word| format!("did you mean `{word}`?")) }
    })
}

fn parsed_time<T>(field: &Field<'_>, parse: impl FnOnce(&str) -> Result<T, Complaint>) -> Option<T> {
    parse(&field.text_or_time()?).map_err(|complaint| field.complain(complaint)).ok()
}
