//! What a trail's event selectors let through, of the calls that Snowtrail lives by.
//!
//! Source: CloudTrail API reference, EventSelector and AdvancedFieldSelector. A field that narrows in a way that is not known
//! here counts as not letting through: better one look too many.

use serde::Deserialize;

/// The services whose management events Snowtrail cannot do without.
pub const WATCHED: [&str; 3] = ["secretsmanager.amazonaws.com", "kms.amazonaws.com", "ssm.amazonaws.com"];

/// The answer of GetEventSelectors.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Selectors {
    event_selectors: Vec<Basic>,
    advanced_event_selectors: Vec<Advanced>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Basic {
    read_write_type: String,
    include_management_events: bool,
    exclude_management_event_sources: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Advanced {
    field_selectors: Vec<Field>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Field {
    field: String,
    equals: Vec<String>,
    not_equals: Vec<String>,
    starts_with: Vec<String>,
    not_starts_with: Vec<String>,
    ends_with: Vec<String>,
    not_ends_with: Vec<String>,
}

impl Selectors {
    /// Whether all management events of a service come through that read, or that write.
    pub fn let_through(&self, source: &str, is_read: bool) -> bool {
        self.event_selectors.iter().any(|selector| selector.lets_through(source, is_read))
            || self.advanced_event_selectors.iter().any(|selector| selector.lets_through(source, is_read))
    }

    /// The watched services of which some do not.
    pub fn missing(&self, is_read: bool) -> Vec<&'static str> {
        WATCHED.into_iter().filter(|source| !self.let_through(source, is_read)).collect()
    }
}

impl Basic {
    fn lets_through(&self, source: &str, is_read: bool) -> bool {
        let is_of_kind = match self.read_write_type.as_str() {
            "ReadOnly" => is_read,
            "WriteOnly" => !is_read,
            _ => true,
        };
        let is_excluded = self.exclude_management_event_sources.iter().any(|excluded| excluded == source);
        self.include_management_events && is_of_kind && !is_excluded
    }
}

impl Advanced {
    fn lets_through(&self, source: &str, is_read: bool) -> bool {
        let is_for_management = self.field_selectors.iter().any(|field| field.field == "eventCategory");
        let lets = |field: &Field| match field.field.as_str() {
            "eventCategory" => field.takes("Management"),
            "readOnly" => field.takes(if is_read { "true" } else { "false" }),
            "eventSource" => field.takes(source),
            _ => false,
        };
        is_for_management && self.field_selectors.iter().all(lets)
    }
}

impl Field {
    fn takes(&self, value: &str) -> bool {
        let starts = |list: &[String]| list.iter().any(|start| value.starts_with(start.as_str()));
        let ends = |list: &[String]| list.iter().any(|end| value.ends_with(end.as_str()));
        let is = |list: &[String]| list.iter().any(|one| one == value);
        (self.equals.is_empty() || is(&self.equals))
            && (self.starts_with.is_empty() || starts(&self.starts_with))
            && (self.ends_with.is_empty() || ends(&self.ends_with))
            && !is(&self.not_equals)
            && !starts(&self.not_starts_with)
            && !ends(&self.not_ends_with)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(selectors: Value, reads_missing: &[&str], writes_missing: &[&str]) {
        let selectors: Selectors = serde_json::from_value(selectors).unwrap();
        assert_eq!(selectors.missing(true), reads_missing);
        assert_eq!(selectors.missing(false), writes_missing);
    }

    fn basic(kind: &str, excluded: &[&str]) -> Value {
        json!({ "EventSelectors": [{ "ReadWriteType": kind, "IncludeManagementEvents": true,
            "ExcludeManagementEventSources": excluded }] })
    }

    fn advanced(more: &[Value]) -> Value {
        let category = json!({ "Field": "eventCategory", "Equals": ["Management"] });
        let fields: Vec<Value> = [category].into_iter().chain(more.iter().cloned()).collect();
        json!({ "AdvancedEventSelectors": [{ "Name": "x", "FieldSelectors": fields }] })
    }

    #[test]
    fn basic_selectors_let_through_what_their_kind_and_exclusions_say() {
        check(basic("All", &[]), &[], &[]);
        check(basic("WriteOnly", &[]), &WATCHED, &[]);
        check(basic("ReadOnly", &[]), &[], &WATCHED);
        check(basic("All", &["kms.amazonaws.com"]), &["kms.amazonaws.com"], &["kms.amazonaws.com"]);
        check(
            json!({ "EventSelectors": [{ "ReadWriteType": "All", "IncludeManagementEvents": false }] }),
            &WATCHED,
            &WATCHED,
        );
        check(json!({}), &WATCHED, &WATCHED);
    }

    #[test]
    fn two_selectors_may_make_one_whole() {
        let kind = |kind: &str| json!({ "ReadWriteType": kind, "IncludeManagementEvents": true });
        check(json!({ "EventSelectors": [kind("ReadOnly"), kind("WriteOnly")] }), &[], &[]);
    }

    #[test]
    fn advanced_selectors_let_through_what_every_field_takes() {
        check(advanced(&[]), &[], &[]);
        check(advanced(&[json!({ "Field": "readOnly", "Equals": ["false"] })]), &WATCHED, &[]);
        let without_kms = json!({ "Field": "eventSource", "NotEquals": ["kms.amazonaws.com"] });
        check(advanced(&[without_kms]), &["kms.amazonaws.com"], &["kms.amazonaws.com"]);
        let data = json!({ "AdvancedEventSelectors": [{ "FieldSelectors": [{ "Field": "eventCategory", "Equals": ["Data"] }] }] });
        check(data, &WATCHED, &WATCHED);
        check(
            advanced(&[json!({ "Field": "userIdentity.arn", "NotStartsWith": ["arn:aws:iam::1:role/x"] })]),
            &WATCHED,
            &WATCHED,
        );
    }
}
