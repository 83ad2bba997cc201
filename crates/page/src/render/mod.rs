//! A page as people and programs read it.
//!
//! [`render_text`] is read at three in the morning: its first two lines alone must tell whether it is real. It is
//! plain text in which nothing that a caller of AWS wrote has any effect (see [`crate::escape`]). [`render_json`]
//! is one line of ASCII with every column. Neither sends anything.

mod evidence;
mod json;
mod text;
mod time;

pub use evidence::{EVIDENCE_QUERIED_MAX, EVIDENCE_SHOWN_MAX};
pub use json::render_json;
pub use text::{FINDINGS_SHOWN_MAX, RULES_SHOWN_MAX, STEPS_SHOWN_MAX, render_text};

use snowtrail_model::Policy;
use std::collections::BTreeMap;

/// What a rule's header says to people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleDocs {
    /// The rule's id.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// What it means when it fires.
    pub description: String,
    /// What to do, first things first.
    pub runbook: Vec<String>,
    /// Known benign causes.
    pub benign: Vec<String>,
    /// ATT&CK techniques.
    pub attack: Vec<String>,
}

/// What rendering depends on beside the page.
#[derive(Debug, Clone, Copy)]
pub struct RenderInputs<'a> {
    /// The rules' words, by id. A rule that is missing has none.
    pub rules: &'a BTreeMap<String, RuleDocs>,
    /// For local time.
    pub policy: &'a Policy,
    /// Where the evidence lies, as `--lake` takes it.
    pub lake: &'a str,
}
