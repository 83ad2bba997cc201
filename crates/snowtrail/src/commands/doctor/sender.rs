//! Who may send to a queue, read from its policy: the services, and whether anybody may.
//!
//! Only as far as a person would read it: which buckets, topics and rules are named, and a statement without any condition. It
//! is no evaluation of IAM; AWS's own Access Analyzer does that.

use serde_json::Value;

/// Keys of conditions that bind a statement to somebody, lower case. Source: IAM User Guide, "AWS global condition
/// context keys".
const BINDING: [&str; 7] = [
    "aws:sourcearn",
    "aws:sourceaccount",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:principalorgid",
    "aws:principalarn",
    "aws:principalaccount",
];

/// Who may send.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Senders {
    /// Buckets that may.
    pub buckets: Vec<String>,
    /// ARNs of topics that may.
    pub topics: Vec<String>,
    /// Whether rules of EventBridge may.
    pub event_bridge: bool,
    /// Whether any statement lets somebody send.
    pub any: bool,
    /// Whether a statement lets everybody send.
    pub everybody: bool,
}

impl Senders {
    /// Reads a queue's policy.
    pub fn of(policy: &Value) -> Senders {
        let mut senders = Senders::default();
        for statement in many(&policy["Statement"]) {
            if statement["Effect"] == "Allow" && lets_send(statement) {
                senders.add(statement);
            }
        }
        senders
    }

    fn add(&mut self, statement: &Value) {
        self.any = true;
        let services: Vec<&str> =
            many(&statement["Principal"]["Service"]).filter_map(Value::as_str).collect();
        let is_anybody =
            statement["Principal"] == "*" || many(&statement["Principal"]["AWS"]).any(|who| who == "*");
        self.everybody |= is_anybody && !is_bound(&statement["Condition"]);
        self.event_bridge |= services.contains(&"events.amazonaws.com");
        for arn in source_arns(&statement["Condition"]) {
            let parts: Vec<&str> = arn.splitn(6, ':').collect();
            match parts.as_slice() {
                [_, _, "s3", _, _, bucket] => self.buckets.push((*bucket).to_owned()),
                [_, _, "sns", ..] => self.topics.push(arn.to_owned()),
                [_, _, "events", ..] => self.event_bridge = true,
                _ => {}
            }
        }
    }
}

fn lets_send(statement: &Value) -> bool {
    let sends = |action: &str| {
        matches!(action.to_ascii_lowercase().as_str(), "sqs:sendmessage" | "sqs:send*" | "sqs:*" | "*")
    };
    many(&statement["Action"]).filter_map(Value::as_str).any(sends)
}

/// Every value of the condition `aws:SourceArn`, whatever the operator.
fn source_arns(condition: &Value) -> Vec<&str> {
    let operators = condition.as_object().into_iter().flat_map(|operators| operators.values());
    let keys = operators.filter_map(Value::as_object).flatten();
    let arns =
        keys.filter(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn")).flat_map(|(_, value)| many(value));
    arns.filter_map(Value::as_str).collect()
}

fn is_bound(condition: &Value) -> bool {
    let operators = condition.as_object().into_iter().flat_map(|operators| operators.values());
    let mut keys = operators.filter_map(Value::as_object).flat_map(|keys| keys.keys());
    keys.any(|key| BINDING.contains(&key.to_ascii_lowercase().as_str()))
}

/// IAM writes one of something without a list.
fn many(value: &Value) -> impl Iterator<Item = &Value> {
    let (list, one) = match value {
        Value::Array(list) => (list.as_slice(), None),
        Value::Null => (&[][..], None),
        one => (&[][..], Some(one)),
    };
    list.iter().chain(one)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn senders(principal: Value, condition: Value) -> Senders {
        let statement = json!({ "Effect": "Allow", "Principal": principal, "Action": "SQS:SendMessage", "Condition": condition });
        Senders::of(&json!({ "Statement": statement }))
    }

    #[test]
    fn buckets_topics_and_rules_are_found_by_their_source_arn() {
        let condition =
            json!({ "ArnLike": { "AWS:sourceArn": ["arn:aws:s3:::trail", "arn:aws:sns:us-west-2:1:t"] } });
        let found = senders(json!({ "Service": ["s3.amazonaws.com", "sns.amazonaws.com"] }), condition);
        assert_eq!(
            (found.buckets, found.topics),
            (vec!["trail".to_owned()], vec!["arn:aws:sns:us-west-2:1:t".to_owned()])
        );
        assert!(senders(json!({ "Service": "events.amazonaws.com" }), json!({})).event_bridge);
    }

    #[test]
    fn everybody_may_send_only_where_no_condition_binds_the_statement() {
        assert!(senders(json!("*"), Value::Null).everybody);
        assert!(
            senders(json!({ "AWS": "*" }), json!({ "Bool": { "aws:SecureTransport": "true" } })).everybody
        );
        assert!(!senders(json!("*"), json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1" } })).everybody);
        assert!(!senders(json!({ "AWS": "arn:aws:iam::1:root" }), Value::Null).everybody);
    }

    #[test]
    fn a_denial_and_another_action_let_nobody_send() {
        let deny = json!({ "Statement": [{ "Effect": "Deny", "Principal": "*", "Action": "sqs:*" },
            { "Effect": "Allow", "Principal": "*", "Action": "sqs:ReceiveMessage" }] });
        assert_eq!(Senders::of(&deny), Senders::default());
    }
}
