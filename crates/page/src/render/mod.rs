//! A page as people and programs read it.
//!
//! Four forms, one entry: [`render`]. The text is read at three in the morning: its first two lines alone must tell
//! whether it is real. In none of the forms has anything that a caller of AWS wrote any effect (see
//! [`crate::escape`]); the JSON ones are ASCII on one line. Each is made to fit by the same steps, worst first.
//! Nothing is sent here.

mod chat;
mod evidence;
mod json;
mod measure;
mod note;
mod ocsf;
mod text;
mod time;

pub use chat::{DESCRIPTION_BYTES_MAX, KEYWORD_BYTES_MAX, NEXT_STEP_BYTES_MAX, TITLE_BYTES_MAX};
pub use evidence::EVIDENCE_SHOWN_MAX;
pub use measure::{BODY_BYTES_MIN, FINDINGS_SHOWN_MAX, LINES_SHOWN_MAX};
pub use ocsf::OCSF_VERSION;
pub use text::RULES_SHOWN_MAX;

use crate::page::Page;
use snowtrail_model::Policy;
use snowtrail_model::policy::MessageFormat;
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

/// The page in a form, in at most `bytes_max` bytes (or [`BODY_BYTES_MIN`], where that is more). What is left out to
/// fit is counted in the page, which also says how to see it. See [`Message::of`](crate::Message::of) for the bound
/// that SNS sets.
pub fn render(page: &Page, inputs: &RenderInputs<'_>, format: MessageFormat, bytes_max: usize) -> String {
    let ids = match format {
        MessageFormat::Text | MessageFormat::Chat => None,
        MessageFormat::Json => Some(page.findings.iter().map(|finding| finding.evidence.len()).sum()),
        MessageFormat::Ocsf => Some(page.lead().map_or(0, |lead| lead.evidence.len())),
    };
    measure::fitting(page, bytes_max, ids, |measure| match format {
        MessageFormat::Text => text::write(page, inputs, measure),
        MessageFormat::Json => json::write(page, measure),
        MessageFormat::Ocsf => ocsf::write(page, inputs, measure),
        MessageFormat::Chat => chat::write(page, inputs, measure),
    })
}
