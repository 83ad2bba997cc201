//! Message attributes: what the filter policies of subscriptions are matched against.
//!
//! A page may be about several rules, accounts, secrets and owners, so these are always lists, even of one: a filter
//! policy such as `{"rule": ["secret-read-spike"]}` matches a `String` that is in it and a `String.Array` of which
//! any element is, and a receiver that reads the attribute has one type to read. What a page does not have, such as
//! an owner, has no attribute: SNS takes no empty values. (SNS guide, "Amazon SNS message attributes" and
//! "Subscription filter policies".)
//!
//! Attributes hold names, not findings: what does not fit is left out, and the body has it.

use crate::page::{OWNERS_BETWEEN, Page};
use snowtrail_model::{Finding, Severity};

/// Attributes of one message. With raw delivery SQS discards a message that has more (SNS guide, "Raw message
/// delivery").
pub const ATTRIBUTES_MAX: usize = 10;

/// Size of one list's value in bytes. Values beyond are left out, those of the worst findings last, and filters on
/// them do not match; a storm over a hundred secrets still fits.
pub const LIST_BYTES_MAX: usize = 8 * 1024;

/// Characters of one value in a list. Longer ones are cut and their filters do not match; the longest name of a
/// secret is 512.
pub const VALUE_CHARS_MAX: usize = 512;

/// One attribute of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name, of `a-z_`.
    pub name: &'static str,
    /// Its type.
    pub kind: AttributeKind,
    /// Its value: never empty, and without control characters and characters beyond the basic plane, which SNS
    /// refuses. A list is JSON text.
    pub value: String,
}

/// Types of attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttributeKind {
    /// Text.
    String,
    /// A JSON array of texts.
    StringArray,
    /// A number, for filters such as `{"severity_level": [{"numeric": [">=", 4]}]}`.
    Number,
}

impl AttributeKind {
    /// The data type as SNS names it.
    pub fn as_str(self) -> &'static str {
        match self {
            AttributeKind::String => "String",
            AttributeKind::StringArray => "String.Array",
            AttributeKind::Number => "Number",
        }
    }
}

impl Attribute {
    /// What the attribute counts for in a message's size, in bytes: name, type and value.
    pub fn bytes(&self) -> usize {
        self.name.len() + self.kind.as_str().len() + self.value.len()
    }
}

/// The attributes of a page, in a fixed order.
pub(crate) fn attributes(page: &Page) -> Vec<Attribute> {
    let of_findings = |field: fn(&Finding) -> Option<&str>| page.findings.iter().filter_map(field);
    let owners = page.owner.iter().flat_map(|owners| owners.split(OWNERS_BETWEEN));
    let lists = [
        list("rule", of_findings(|finding| Some(&finding.rule))),
        list("account", of_findings(|finding| finding.account_id.as_deref())),
        list("secret_name", of_findings(|finding| finding.secret_name.as_deref())),
        list("owner", owners),
    ];
    let text = |name, value: &str| Attribute { name, kind: AttributeKind::String, value: value.to_owned() };
    let level = severity_level(page.severity).to_string();
    let fixed = [
        text("severity", page.severity.as_str()),
        Attribute { name: "severity_level", kind: AttributeKind::Number, value: level },
        text("kind", page.kind.word()),
    ];
    fixed.into_iter().chain(lists.into_iter().flatten()).collect()
}

/// 1 (info) to 5 (critical), as OCSF numbers severities.
pub(crate) fn severity_level(severity: Severity) -> u8 {
    match severity {
        Severity::Info => 1,
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}

/// The distinct values in their order as a JSON array; none where there is no value.
fn list<'v>(name: &'static str, values: impl Iterator<Item = &'v str>) -> Option<Attribute> {
    let mut shown = Vec::<String>::new();
    let mut json = String::new();
    for value in values.map(plain).filter(|value| !value.is_empty()) {
        if shown.contains(&value) {
            continue;
        }
        shown.push(value);
        let longer = serde_json::json!(shown).to_string();
        if longer.len() > LIST_BYTES_MAX {
            break;
        }
        json = longer;
    }
    (!json.is_empty()).then_some(Attribute { name, kind: AttributeKind::StringArray, value: json })
}

/// The value with a question mark for every character that SNS refuses or nobody sees.
fn plain(value: &str) -> String {
    let is_plain = |c: char| !c.is_control() && (c as u32) < 0xfffe;
    value.chars().map(|c| if is_plain(c) { c } else { '?' }).take(VALUE_CHARS_MAX).collect()
}
