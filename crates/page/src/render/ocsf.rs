//! A page as a Detection Finding (class 2004) of the Open Cybersecurity Schema Framework.
//!
//! One object a page: the lead is the finding, the others are its related events, and what the schema has no place
//! for is in `unmapped`. Only attributes of [`OCSF_VERSION`] are written (schema.ocsf.io; names checked against the
//! `ocsf-schema` repository). ASCII on one line, like [`super::json`].

use super::evidence;
use super::json::{ascii, detail, left_out, lines};
use super::measure::{DETAIL_BYTES_MAX, KEY_BYTES_MAX, Measure, NAME_BYTES_MAX, clipped};
use super::{RenderInputs, RuleDocs};
use crate::attribute::severity_level;
use crate::kind::PageKind;
use crate::page::Page;
use serde_json::{Map, Value, json};
use snowtrail_model::{Finding, Severity};

/// The version of the schema that the objects keep to: the first with `is_alert`.
pub const OCSF_VERSION: &str = "1.4.0";

/// The class, and the category that it is of.
const CLASS_UID: u32 = 2004;
const CATEGORY_UID: u32 = 2;

/// Bytes of one step of a runbook.
const STEP_BYTES_MAX: usize = 2 * 1024;

/// Bytes of an event id.
const ID_BYTES_MAX: usize = 128;

pub(super) fn write(page: &Page, inputs: &RenderInputs<'_>, measure: &Measure) -> String {
    let Some(lead) = page.lead() else { return "{}".to_owned() };
    let (activity_id, activity) = activity(page.kind);
    let (status_id, status) = status(page, lead);
    let docs = inputs.rules.get(&lead.rule);
    let mut event = json!({
        "activity_id": activity_id,
        "activity_name": activity,
        "category_uid": CATEGORY_UID,
        "category_name": "Findings",
        "class_uid": CLASS_UID,
        "class_name": "Detection Finding",
        "type_uid": CLASS_UID * 100 + activity_id,
        "type_name": format!("Detection Finding: {activity}"),
        "time": lead.found_at.as_millisecond(),
        "start_time": lead.window_start.as_millisecond(),
        "end_time": lead.resolved_at().unwrap_or(lead.window_end).as_millisecond(),
        "severity_id": severity_level(page.severity),
        "severity": severity_name(page.severity),
        "status_id": status_id,
        "status": status,
        "is_alert": page.kind.is_news() || matches!(page.kind, PageKind::Reminder(_)),
        "message": page.subject,
        "metadata": metadata(page),
        "finding_info": finding_info(page, lead, docs, measure),
        "cloud": cloud(lead),
        "resources": resources(page, lead),
        "evidences": [evidences(page, lead, measure)],
        "unmapped": unmapped(page, lead, measure),
    });
    if let Some(steps) = docs.and_then(|docs| remediation(docs, measure)) {
        event["remediation"] = steps;
    }
    ascii(&event.to_string())
}

fn activity(kind: PageKind) -> (u32, &'static str) {
    match kind {
        PageKind::Opened | PageKind::Summary => (1, "Create"),
        PageKind::Escalated | PageKind::Reminder(_) => (2, "Update"),
        PageKind::Resolved | PageKind::Withdrawn => (3, "Close"),
    }
}

/// Withdrawn is "deleted", which the schema means for what was created in error.
fn status(page: &Page, lead: &Finding) -> (u32, &'static str) {
    match page.kind {
        PageKind::Withdrawn => (6, "Deleted"),
        PageKind::Resolved => (4, "Resolved"),
        _ if lead.resolved_at().is_some() => (4, "Resolved"),
        _ => (1, "New"),
    }
}

fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "Informational",
        Severity::Low => "Low",
        Severity::Medium => "Medium",
        Severity::High => "High",
        Severity::Critical => "Critical",
    }
}

fn metadata(page: &Page) -> Value {
    json!({
        "version": OCSF_VERSION,
        "product": { "name": "Snowtrail", "vendor_name": "Snowtrail" },
        "profiles": ["cloud"],
        "uid": page.dedupe_key,
        "correlation_uid": page.thread,
    })
}

fn finding_info(page: &Page, lead: &Finding, docs: Option<&RuleDocs>, measure: &Measure) -> Value {
    let rule = clipped(&lead.rule, NAME_BYTES_MAX / 3);
    let title = docs.map_or_else(|| rule.clone(), |docs| clipped(&docs.title, NAME_BYTES_MAX));
    let technique = |id: &String| json!({ "technique": { "uid": clipped(id, ID_BYTES_MAX) } });
    let attacks = docs.map(|docs| docs.attack.iter().take(measure.steps).map(technique).collect::<Vec<_>>());
    let related = |finding: &Finding| {
        json!({
            "uid": clipped(&finding.key, NAME_BYTES_MAX / 3),
            "type": "Detection Finding: Create",
            "type_uid": CLASS_UID * 100 + 1,
        })
    };
    let others = page.findings.iter().skip(1).take(measure.lines);
    json!({
        "uid": clipped(&lead.key, KEY_BYTES_MAX),
        "title": clipped(&lead.title, measure.text_bytes),
        "desc": clipped(&lead.summary, measure.text_bytes),
        "types": [rule],
        "analytic": { "type_id": 1, "type": "Rule", "uid": rule, "name": title },
        "attacks": attacks.unwrap_or_default(),
        "first_seen_time": lead.window_start.as_millisecond(),
        "last_seen_time": lead.window_end.as_millisecond(),
        "created_time": page.opened_at.unwrap_or(lead.found_at).as_millisecond(),
        "modified_time": lead.found_at.as_millisecond(),
        "related_events": others.map(related).collect::<Vec<_>>(),
    })
}

fn cloud(lead: &Finding) -> Value {
    let mut cloud = json!({ "provider": "AWS" });
    if let Some(account) = &lead.account_id {
        let uid = clipped(account, NAME_BYTES_MAX);
        cloud["account"] = json!({ "uid": uid, "type": "AWS Account", "type_id": 10 });
    }
    if let Some(region) = &lead.aws_region {
        cloud["region"] = clipped(region, NAME_BYTES_MAX).into();
    }
    cloud
}

/// The secret; empty where the finding is about none.
fn resources(page: &Page, lead: &Finding) -> Vec<Value> {
    let mut resource = Map::new();
    let mut put = |attribute: &str, value: Option<&String>| {
        let value = value.map(|value| (attribute.to_owned(), clipped(value, NAME_BYTES_MAX).into()));
        resource.extend(value);
    };
    put("uid", lead.secret_arn.as_ref());
    put("name", lead.secret_name.as_ref());
    if resource.is_empty() {
        return Vec::new();
    }
    resource.insert("type".to_owned(), "secret".into());
    let region = lead.aws_region.as_ref().map(|region| clipped(region, NAME_BYTES_MAX));
    resource.extend(region.map(|region| ("region".to_owned(), region.into())));
    let owner = page.owner.as_ref().map(|owner| json!({ "name": clipped(owner, NAME_BYTES_MAX) }));
    resource.extend(owner.map(|owner| ("owner".to_owned(), owner)));
    vec![resource.into()]
}

/// Who did it, and in which events. The schema has no list of event ids, so they are its `data`.
fn evidences(page: &Page, lead: &Finding, measure: &Measure) -> Value {
    let shown = lead.evidence.iter().take(measure.evidence).map(|id| clipped(id, ID_BYTES_MAX));
    let mut evidence = json!({
        "data": {
            "event_ids": shown.collect::<Vec<_>>(),
            "event_ids_left_out": lead.evidence.len().saturating_sub(measure.evidence),
            "query": evidence::query(page),
        },
    });
    if let Some(principal) = &lead.principal {
        let name = principal.rsplit('/').next().unwrap_or(principal);
        let (uid, name) = (clipped(principal, NAME_BYTES_MAX), clipped(name, NAME_BYTES_MAX));
        evidence["actor"] = json!({ "user": { "uid": uid, "name": name } });
    }
    if let Some(actor) = &lead.actor {
        evidence["actor"]["session"] = json!({ "uid": clipped(actor, NAME_BYTES_MAX) });
    }
    evidence
}

/// What people should do, for consoles that show it. A closed finding asks for nothing, but the words do no harm.
fn remediation(docs: &RuleDocs, measure: &Measure) -> Option<Value> {
    let steps = docs.runbook.iter().take(measure.steps).enumerate();
    let steps = steps.map(|(index, step)| format!("{}. {}", index + 1, clipped(step, STEP_BYTES_MAX)));
    let steps = steps.collect::<Vec<_>>();
    (!steps.is_empty()).then(|| json!({ "desc": steps.join("\n") }))
}

fn unmapped(page: &Page, lead: &Finding, measure: &Measure) -> Value {
    json!({
        "kind": page.kind.to_string(),
        "owner": page.owner.as_deref().map(|owner| clipped(owner, NAME_BYTES_MAX)),
        "observed": clipped(&lead.observed, measure.text_bytes),
        "expected": clipped(&lead.expected, measure.text_bytes),
        "state": lead.state.as_str(),
        "revision": lead.revision,
        "resolved_at": lead.resolved_at().map(|at| at.to_string()),
        "detail": detail(lead, DETAIL_BYTES_MAX),
        "findings": page.findings.len(),
        "more_findings": lines(page, &Measure { findings: 1, ..*measure }),
        "findings_left_out": left_out(page, &Measure { findings: 1, ..*measure }),
    })
}
