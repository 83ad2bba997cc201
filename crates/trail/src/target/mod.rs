//! What a call touched: one [`Target`] for each thing, from wherever the record names it.
//!
//! Callers type names, partial ARNs and ARNs; services answer with ARNs under `arn`, `aRN` or `ARN`; refused calls
//! name their target in `errorMessage` only. Where one record proves that a typed name and an ARN are one thing they
//! become one target; what only other records could prove is left to the views.

mod key;
mod parameter;
mod pipeline;
mod secret;

pub(crate) use key::{CONTEXTS, key_arn};
pub(crate) use secret::rotation_token;
use snowtrail_model::{SecretArn, Target, TargetKind};

use crate::view::Object;

/// The parts of a record that name targets.
pub(crate) struct Call<'a> {
    pub(crate) source: &'a str,
    pub(crate) name: &'a str,
    pub(crate) request: Object<'a>,
    pub(crate) response: Object<'a>,
    pub(crate) additional: Object<'a>,
    pub(crate) details: Object<'a>,
    /// `resources[].ARN`.
    pub(crate) resource_arns: Vec<String>,
    pub(crate) error_message: Option<&'a str>,
    pub(crate) request_id: Option<&'a str>,
}

/// Every target of one call, in the order in which the record names them.
pub(crate) fn targets(call: &Call<'_>) -> Vec<Target> {
    let mut set = TargetSet::default();
    match call.source {
        "secretsmanager.amazonaws.com" => secret::add(call, &mut set),
        "kms.amazonaws.com" => key::add(call, &mut set),
        "ssm.amazonaws.com" => parameter::add(call, &mut set),
        _ => pipeline::add(call, &mut set),
    }
    // A refused Decrypt names its secret in the context and its key in the message only.
    let lacks_key = call.source == "kms.amazonaws.com" && !set.has(TargetKind::Key);
    if set.0.is_empty() || lacks_key {
        set.add_all(named_in_error(call));
    }
    set.0
}

/// The targets found so far; a thing named twice is one target.
#[derive(Default)]
pub(crate) struct TargetSet(Vec<Target>);

impl TargetSet {
    pub(crate) fn add(&mut self, target: Target) {
        match self.0.iter_mut().find(|known| is_same(known, &target)) {
            None => self.0.push(target),
            Some(known) => {
                known.arn = known.arn.take().or(target.arn);
                known.name = known.name.take().or(target.name);
                known.as_asked = known.as_asked.take().or(target.as_asked);
            }
        }
    }

    pub(crate) fn add_all(&mut self, targets: impl IntoIterator<Item = Target>) {
        targets.into_iter().for_each(|target| self.add(target));
    }

    pub(crate) fn has(&self, kind: TargetKind) -> bool {
        self.0.iter().any(|target| target.kind == kind)
    }

    /// Says of which ARN the only target of this kind is, where it has none yet.
    pub(crate) fn resolve_only(&mut self, kind: TargetKind, arn: &str) -> bool {
        let mut of_kind = self.0.iter_mut().filter(|target| target.kind == kind);
        let (Some(only), None) = (of_kind.next(), of_kind.next()) else { return false };
        if only.arn.is_none() {
            only.arn = Some(arn.to_owned());
        }
        only.arn.as_deref() == Some(arn)
    }
}

fn is_same(a: &Target, b: &Target) -> bool {
    let same_arn = a.arn.is_some() && a.arn == b.arn;
    let same_name = a.name.is_some() && a.name == b.name && (a.arn.is_none() || b.arn.is_none());
    a.kind == b.kind && (same_arn || same_name)
}

/// A target of this kind by a bare name as the caller typed it.
pub(crate) fn by_name(kind: TargetKind, name: &str) -> Target {
    Target { kind, arn: None, name: Some(name.to_owned()), as_asked: Some(name.to_owned()) }
}

/// The thing that an ARN names, as the record states it (not as a caller typed it).
pub(crate) fn by_arn(arn: &str) -> Target {
    let (kind, name) = classify(arn);
    let is_partial_secret =
        kind == TargetKind::Secret && !SecretArn::parse(arn).is_some_and(|arn| arn.is_full());
    let arn = (!is_partial_secret).then(|| arn.to_owned());
    Target { kind, arn, name, as_asked: None }
}

/// What the caller typed: an ARN, or a name of this kind.
pub(crate) fn by_either(kind: TargetKind, asked: &str) -> Target {
    if !asked.starts_with("arn:") {
        return by_name(kind, asked);
    }
    Target { as_asked: Some(asked.to_owned()), ..by_arn(asked) }
}

/// Kind and name of what an ARN names. Of all partitions: the partition is never looked at.
fn classify(arn: &str) -> (TargetKind, Option<String>) {
    let mut parts = arn.splitn(6, ':');
    let (service, resource) = (parts.nth(2).unwrap_or(""), parts.nth(2).unwrap_or(""));
    let last = || resource.rsplit('/').next().filter(|name| !name.is_empty()).map(str::to_owned);
    match service {
        "secretsmanager" => (TargetKind::Secret, SecretArn::parse(arn).map(|secret| secret.name.to_owned())),
        "kms" if resource.starts_with("alias/") => (TargetKind::Alias, Some(resource.to_owned())),
        "kms" => (TargetKind::Key, last()),
        "ssm" if resource.starts_with("parameter/") => {
            (TargetKind::Parameter, parameter::name_in_arn(resource))
        }
        "iam" if resource.starts_with("role/") => (TargetKind::Role, last()),
        "iam" if resource.starts_with("user/") => (TargetKind::User, last()),
        "cloudtrail" => (TargetKind::Trail, last()),
        "s3" if !resource.contains('/') => (TargetKind::Bucket, last()),
        "sqs" => (TargetKind::Queue, last()),
        "sns" => (TargetKind::Topic, resource.split(':').next().map(str::to_owned)),
        "events" if resource.starts_with("rule/") => (TargetKind::Rule, last()),
        "ecs" if resource.starts_with("service/") || resource.starts_with("cluster/") => {
            (TargetKind::Service, last())
        }
        _ => (TargetKind::Other, None),
    }
}

/// `… on resource: X because …`: all that a call refused early says about its target. `X` is an ARN or what the
/// caller typed. Only asked where nothing else names a target.
fn named_in_error(call: &Call<'_>) -> Option<Target> {
    let asked = resource_in_error(call.error_message?)?;
    let kind = match call.source {
        "secretsmanager.amazonaws.com" => TargetKind::Secret,
        "kms.amazonaws.com" => TargetKind::Key,
        "ssm.amazonaws.com" => TargetKind::Parameter,
        "sts.amazonaws.com" => TargetKind::Role,
        "cloudtrail.amazonaws.com" => TargetKind::Trail,
        "s3.amazonaws.com" => TargetKind::Bucket,
        "sqs.amazonaws.com" => TargetKind::Queue,
        "sns.amazonaws.com" => TargetKind::Topic,
        _ => TargetKind::Other,
    };
    Some(by_either(kind, asked))
}

/// CloudTrail cuts `errorMessage` at 1 KB: a resource at the very end of a message that long may be cut off too.
const ERROR_MESSAGE_CUT_BYTES: usize = 1000;

/// The `X` of `on resource: X because`, unless it is a wildcard or was cut off.
pub(crate) fn resource_in_error(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("on resource: ")?;
    let (resource, is_whole) = match rest.split_once(' ') {
        Some((resource, _)) => (resource, true),
        None => (rest, message.len() < ERROR_MESSAGE_CUT_BYTES),
    };
    let resource = resource.trim_end_matches(['.', ',', ';']);
    (is_whole && !resource.is_empty() && resource != "*").then_some(resource)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::view::View;

    /// The targets of a record, as `kind arn name as_asked`, with `-` for nothing.
    #[track_caller]
    pub(crate) fn check(record: &str, expected: &[&str]) {
        let object = View::new(record).object();
        let text = |key: &str| object.text(key);
        let (source, name) = (text("eventSource").unwrap(), text("eventName").unwrap());
        let (message, id) = (text("errorMessage"), text("requestID"));
        let resources =
            object.get("resources").map(|list| list.elements().filter_map(|r| r.object().text("ARN")));
        let call = Call {
            source: &format!("{source}.amazonaws.com"),
            name: &name,
            request: object.object("requestParameters"),
            response: object.object("responseElements"),
            additional: object.object("additionalEventData"),
            details: object.object("serviceEventDetails"),
            resource_arns: resources.map(Iterator::collect).unwrap_or_default(),
            error_message: message.as_deref(),
            request_id: id.as_deref(),
        };
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let found = targets(&call).into_iter();
        let found = found.map(|t| {
            format!("{} {} {} {}", t.kind.as_str(), or_dash(t.arn), or_dash(t.name), or_dash(t.as_asked))
        });
        assert_eq!(found.collect::<Vec<_>>(), expected, "{record}");
    }

    #[test]
    fn null_request_parameters_leave_the_target_to_the_error_message() {
        check(
            r#"{"eventSource":"secretsmanager","eventName":"GetSecretValue","requestParameters":null,"errorMessage":"User: arn:aws:sts::1:assumed-role/a/b is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:r:1:secret:prod/db-a1B2c3 because no identity-based policy allows it"}"#,
            &[
                "secret arn:aws:secretsmanager:r:1:secret:prod/db-a1B2c3 prod/db arn:aws:secretsmanager:r:1:secret:prod/db-a1B2c3",
            ],
        );
        check(
            r#"{"eventSource":"secretsmanager","eventName":"GetSecretValue","requestParameters":{"omitted":true},"errorMessage":"User: x is not authorized to perform: secretsmanager:GetSecretValue on resource: prod/db because no"}"#,
            &["secret - prod/db prod/db"],
        );
        check(
            r#"{"eventSource":"secretsmanager","eventName":"ListSecrets","errorMessage":"User: x is not authorized to perform: secretsmanager:ListSecrets on resource: * because no"}"#,
            &[],
        );
    }

    #[test]
    fn a_resource_cut_off_with_its_message_names_nothing() {
        let long = format!("{} on resource: prod/d", "x".repeat(1003));
        assert_eq!(resource_in_error(&long), None);
        assert_eq!(resource_in_error("not authorized on resource: prod/db"), Some("prod/db"));
    }
}
