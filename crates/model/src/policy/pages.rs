//! `[pages]`: how messages look, and when people are reminded of what they were paged about.
//!
//! Where a page goes is the routes' business; how each form is written is the page crate's.

use super::document::Section;
use super::error::{Complaint, suggestion};
use super::resolve::severity;
use super::secrets::duration_of;
use crate::Severity;
use jiff::SignedDuration;
use std::fmt;
use std::str::FromStr;

/// The shortest time between reminders, in seconds. Less is refused: it is a typing error, and the last reminder
/// would come before anybody has read the page.
pub const REMIND_SECS_MIN: i64 = 60;

/// The largest `remind_max`. More is refused: a finding that nobody answers a hundred times needs another route.
pub const REMIND_MAX_MAX: u32 = 100;

/// The form of a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MessageFormat {
    /// Plain text for people: mail, a terminal, a text message.
    #[default]
    Text,
    /// One line of JSON with every column of every finding, for programs of one's own.
    Json,
    /// One line of JSON: a Detection Finding (class 2004) of the Open Cybersecurity Schema Framework, for SIEMs.
    Ocsf,
    /// One line of JSON: a custom notification of Amazon Q Developer in chat applications (Slack, Teams).
    Chat,
}

/// `[pages]`, resolved. The default is no section: plain text and no reminders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagesPolicy {
    /// The form of messages to places whose routes name none.
    pub format: MessageFormat,
    /// How long after the last page about a finding that is still open people are reminded; absent means never.
    pub remind_every: Option<SignedDuration>,
    /// From which severity on.
    pub remind_severity: Severity,
    /// How many reminders one opening of a finding gets.
    pub remind_max: u32,
}

impl Default for PagesPolicy {
    fn default() -> PagesPolicy {
        let format = MessageFormat::default();
        PagesPolicy { format, remind_every: None, remind_severity: Severity::High, remind_max: 3 }
    }
}

impl MessageFormat {
    /// All forms, as they are listed to people.
    pub const ALL: [MessageFormat; 4] =
        [MessageFormat::Text, MessageFormat::Json, MessageFormat::Ocsf, MessageFormat::Chat];

    /// The word in the policy.
    pub fn as_str(self) -> &'static str {
        match self {
            MessageFormat::Text => "text",
            MessageFormat::Json => "json",
            MessageFormat::Ocsf => "ocsf",
            MessageFormat::Chat => "chat",
        }
    }

    pub(super) fn read(text: &str) -> Result<MessageFormat, Complaint> {
        let words = MessageFormat::ALL.map(MessageFormat::as_str);
        text.parse().map_err(|message| Complaint { message, hint: suggestion(text, &words) })
    }
}

impl fmt::Display for MessageFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for MessageFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<MessageFormat, String> {
        let known = MessageFormat::ALL.into_iter().find(|format| format.as_str() == text);
        known.ok_or_else(|| {
            format!("`{}` is no form of message; use text, json, ocsf or chat", text.escape_debug())
        })
    }
}

pub(super) fn read(mut section: Section<'_>) -> PagesPolicy {
    let default = PagesPolicy::default();
    let format = section.get("format").and_then(|field| field.parsed(MessageFormat::read));
    let is_reminding = section.get("remind_every").is_some();
    let remind_every = remind_every(&mut section);
    let remind_severity = section.get("remind_severity").and_then(|field| field.parsed(severity));
    let remind_max = remind_max(&mut section);
    if !is_reminding {
        reject_idle(&mut section);
    }
    section.finish();
    PagesPolicy {
        format: format.unwrap_or(default.format),
        remind_every,
        remind_severity: remind_severity.unwrap_or(default.remind_severity),
        remind_max: remind_max.unwrap_or(default.remind_max),
    }
}

fn remind_every(section: &mut Section<'_>) -> Option<SignedDuration> {
    let every = duration_of(section, "remind_every")?;
    if every.as_secs() < REMIND_SECS_MIN
        && let Some(field) = section.get("remind_every")
    {
        let complaint = Complaint::new("reminders within a minute of the page wake nobody twice");
        field.complain(complaint.hint("write a longer time, such as \"4h\""));
    }
    Some(every)
}

fn remind_max(section: &mut Section<'_>) -> Option<u32> {
    let field = section.get("remind_max")?;
    let count = u32::try_from(field.integer()?).ok().filter(|count| (1..=REMIND_MAX_MAX).contains(count));
    if count.is_none() {
        let complaint = Complaint::new(format!("expected a number from 1 to {REMIND_MAX_MAX}"));
        field.complain(complaint.hint("leave `remind_every` out for no reminders"));
    }
    count
}

/// A bound on reminders that never come would let somebody believe that they do.
fn reject_idle(section: &mut Section<'_>) {
    for key in ["remind_severity", "remind_max"] {
        if let Some(field) = section.get(key) {
            let complaint = Complaint::new("this does nothing without `remind_every`");
            field.complain(complaint.hint("add `remind_every = \"4h\"`"));
        }
    }
}
