//! The fast decoder agrees with a slow and plain one: the whole document parsed into a tree, records walked, fields
//! looked up. Also with serde_json on what is JSON at all (in `scan`'s own tests).

use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use snowtrail_model::{Outcome, RejectReason, TargetKind};
use snowtrail_trail::{Limits, Scope};

use crate::document::{plan, style, write};
use crate::support::decode_limited;

/// JSON as a tree that keeps members that stand twice.
#[derive(Debug, Clone)]
enum Node {
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
    Text(String),
    Null,
    Other,
}

/// What is compared of a record.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Event {
        id: String,
        call: String,
        region: String,
        account: String,
        principal: Option<String>,
        secret: Option<String>,
        source_ip: Option<String>,
        user_agent: Option<String>,
        outcome: Outcome,
    },
    OutOfScope,
    Reject(RejectReason),
}

impl Node {
    fn get(&self, key: &str) -> Option<&Node> {
        let Node::Object(members) = self else { return None };
        members
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, node)| node)
            .filter(|node| !matches!(node, Node::Null))
    }

    fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Node::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn at(&self, path: &[&str]) -> Option<String> {
        let (last, parents) = path.split_last()?;
        parents.iter().try_fold(self, |node, key| node.get(key))?.text(last).map(str::to_owned)
    }
}

/// Walks a document of any shape.
fn walk(text: &str, scope: &Scope) -> Vec<Verdict> {
    let documents = serde_json::Deserializer::from_str(text).into_iter::<Node>();
    documents.flat_map(|node| records(node.unwrap())).map(|record| judge(&record, scope)).collect()
}

fn records(node: Node) -> Vec<Node> {
    for key in ["Records", "logEvents", "Events"] {
        if let Some(Node::Array(list)) = node.get(key) {
            return list.iter().cloned().map(unwrapped).collect();
        }
    }
    match node {
        Node::Array(list) => list.into_iter().map(unwrapped).collect(),
        other => vec![unwrapped(other)],
    }
}

fn unwrapped(node: Node) -> Node {
    let in_string = node.text("message").or_else(|| node.text("CloudTrailEvent"));
    let in_string = in_string.map(|text| serde_json::from_str(text).unwrap());
    // An EventBridge event whose detail is no object is no CloudTrail record, and unknown.
    in_string.or_else(|| node.get("detail").cloned()).unwrap_or(node)
}

fn judge(record: &Node, scope: &Scope) -> Verdict {
    let Node::Object(members) = record else { return Verdict::Reject(RejectReason::NotARecord) };
    let known = ["eventSource", "eventID", "requestParameters"];
    if known.iter().any(|key| members.iter().filter(|(name, _)| name == key).count() > 1) {
        return Verdict::Reject(RejectReason::DuplicateKey);
    }
    let (Some(source), Some(name)) = (record.text("eventSource"), record.text("eventName")) else {
        return Verdict::Reject(RejectReason::MissingField);
    };
    if !scope.contains(source, name) {
        return Verdict::OutOfScope;
    }
    let Some(id) = record.text("eventID") else { return Verdict::Reject(RejectReason::MissingField) };
    if record.text("eventTime") == Some("soon") {
        return Verdict::Reject(RejectReason::BadField);
    }
    let Some(region) = record.text("awsRegion") else { return Verdict::Reject(RejectReason::BadField) };
    let principal = match record.at(&["userIdentity", "type"]).as_deref() {
        Some("IAMUser") => record.at(&["userIdentity", "arn"]),
        Some("AssumedRole") => record.at(&["userIdentity", "sessionContext", "sessionIssuer", "arn"]),
        _ => record.at(&["userIdentity", "invokedBy"]),
    };
    let is_secret_call = source.starts_with("secretsmanager");
    Verdict::Event {
        id: id.to_owned(),
        call: format!("{source} {name}"),
        region: region.to_owned(),
        account: record.text("recipientAccountId").unwrap().to_owned(),
        principal,
        secret: record.at(&["requestParameters", "secretId"]).filter(|_| is_secret_call),
        source_ip: record.at(&["sourceIPAddress"]).filter(|text| text.parse::<std::net::IpAddr>().is_ok()),
        user_agent: record.at(&["userAgent"]),
        outcome: if record.get("errorCode").is_some() { Outcome::Denied } else { Outcome::Ok },
    }
}

/// The fast decoder's verdicts in the records' order.
fn fast(text: &str, window_bytes: usize) -> Vec<Verdict> {
    let decoded = decode_limited(text.as_bytes(), Limits { window_bytes, ..Limits::default() });
    let mut verdicts: Vec<Verdict> = (0..decoded.summary.records).map(|_| Verdict::OutOfScope).collect();
    for (index, event) in decoded.events {
        let mut secrets = event.targets.into_iter().filter(|target| target.kind == TargetKind::Secret);
        verdicts[index as usize] = Verdict::Event {
            id: event.event_id,
            call: format!("{} {}", event.event_source, event.event_name),
            region: event.aws_region,
            account: event.account_id,
            principal: event.principal,
            secret: secrets.next().and_then(|target| target.as_asked),
            source_ip: event.source_ip,
            user_agent: event.user_agent,
            outcome: event.outcome,
        };
    }
    for reject in decoded.rejects {
        let reason = match reject.reason {
            RejectReason::UnknownShape => RejectReason::NotARecord,
            reason => reason,
        };
        match reject.index {
            Some(index) => verdicts[index as usize] = Verdict::Reject(reason),
            None => assert_eq!(reason, RejectReason::Empty),
        }
    }
    verdicts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn fast_and_slow_agree(
        plans in prop::collection::vec(plan(), 0..8),
        style in style(),
        window_bytes in prop_oneof![1usize..40, 40usize..3000, Just(256 << 10)],
    ) {
        let text = write(&plans, style);
        prop_assert_eq!(fast(&text, window_bytes), walk(&text, &Scope::shipped()), "{}", text);
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Node::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Node::Object(members))
    }
}
