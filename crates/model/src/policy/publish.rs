//! Where a page goes: `stdout:`, `file:PATH` or the ARN of an SNS topic.
//!
//! Only the name of the place. What writes there implements `Publish` of the page crate.

use super::error::Complaint;
use std::fmt;
use std::str::FromStr;

/// A place that pages are sent to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PublishTarget {
    /// `stdout:`, for a person or a pipe.
    Stdout,
    /// `file:PATH`, appended to.
    File(String),
    /// The ARN of an SNS topic.
    Topic(String),
}

impl PublishTarget {
    /// Reads a target. The error says what may be written.
    pub fn parse(text: &str) -> Result<PublishTarget, String> {
        let refused = |why: &str| {
            let shown = text.escape_debug();
            format!(
                "`{shown}` is no target for pages{why}; use stdout:, file:PATH or the ARN of an SNS topic"
            )
        };
        if text.chars().any(char::is_control) {
            return Err(refused(": it holds a control character"));
        }
        if text.starts_with("arn:") {
            let topic = is_topic(text).then(|| PublishTarget::Topic(text.to_owned()));
            return topic.ok_or_else(|| refused(": this ARN is not arn:aws:sns:region:account:topic"));
        }
        match text.split_once(':') {
            Some(("stdout", "")) => Ok(PublishTarget::Stdout),
            Some(("file", "")) => Err(refused(": the path is missing")),
            Some(("file", path)) => Ok(PublishTarget::File(path.to_owned())),
            _ if text == "stdout" || text == "-" => Err(refused(": did you mean `stdout:`?")),
            _ => Err(refused("")),
        }
    }

    pub(super) fn read(text: &str) -> Result<PublishTarget, Complaint> {
        PublishTarget::parse(text).map_err(Complaint::new)
    }
}

/// A topic's name has no colon: a subscription's ARN, which has one more part, is no topic.
fn is_topic(text: &str) -> bool {
    let parts = text.split(':').collect::<Vec<_>>();
    let [_, partition, "sns", region, account, topic] = parts.as_slice() else { return false };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    matches!(*partition, "aws" | "aws-cn" | "aws-us-gov")
        && super::shapes::region(region).is_ok()
        && super::shapes::account(account).is_ok()
        && !topic.is_empty()
        && topic.chars().all(is_name)
}

impl FromStr for PublishTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<PublishTarget, String> {
        PublishTarget::parse(text)
    }
}

impl fmt::Display for PublishTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PublishTarget::Stdout => f.write_str("stdout:"),
            PublishTarget::File(path) => write!(f, "file:{path}"),
            PublishTarget::Topic(arn) => f.write_str(arn),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_kinds_of_targets_are_read_and_written_back() {
        for text in
            ["stdout:", "file:/var/log/pages.txt", "arn:aws:sns:us-west-2:111122223333:checkout-oncall"]
        {
            assert_eq!(PublishTarget::parse(text).map(|target| target.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn anything_else_says_what_may_be_written() {
        let texts =
            ["", "stdout", "-", "file:", "/tmp/x", "arn:aws:sqs:us-west-2:111122223333:queue", "file:a\nb"];
        for text in texts.into_iter().chain(["arn:aws:sns:us-west-2:111122223333:topic:subscription"]) {
            let refused = PublishTarget::parse(text).unwrap_err();
            assert!(refused.contains("use stdout:, file:PATH or the ARN"), "{text}: {refused}");
        }
        assert!(PublishTarget::parse("stdout").unwrap_err().contains("did you mean `stdout:`?"));
    }
}
