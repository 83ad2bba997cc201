//! Targets of Secrets Manager's calls and service events.
//!
//! Its records carry no `resources`. The secret stands in `requestParameters` as typed, in `responseElements` as
//! `arn` or `aRN`, on rotation events in `additionalEventData.SecretId`, on version deletions in `.ARN` and `.Name`,
//! on some managed rotations in `serviceEventDetails.secretId`; failing all these, in a compound `requestID`.
//! Source: Secrets Manager User Guide, "CloudTrail entries for Secrets Manager".

use snowtrail_model::{SecretArn, Target, TargetKind};

use super::{Call, TargetSet, by_arn, by_either, resource_in_error};
use crate::view::{Object, View};

pub(crate) fn add(call: &Call<'_>, set: &mut TargetSet) {
    let asked = asked(call);
    let proven = proven(call);
    match (asked.as_slice(), proven.first()) {
        ([only], Some(arn)) => set.add(resolved(only, arn)),
        ([], _) => set.add_all(proven.iter().map(|arn| by_arn(arn))),
        (several, _) => set.add_all(several.iter().map(|asked| by_either(TargetKind::Secret, asked))),
    }
    if !set.has(TargetKind::Secret) {
        set.add_all(named_by_event(call));
    }
}

/// What the caller typed.
fn asked(call: &Call<'_>) -> Vec<String> {
    let mut asked: Vec<String> = call.request.text("secretId").into_iter().collect();
    asked.extend(call.request.get_any_case("secretIdList").map(View::strings).unwrap_or_default());
    if asked.is_empty() && call.name == "CreateSecret" {
        asked.extend(call.request.text("name"));
    }
    if asked.is_empty() {
        asked.extend(call.request.text("arn").or_else(|| call.request.text("secretArn")));
    }
    asked
}

/// ARNs that AWS itself wrote into the record.
fn proven(call: &Call<'_>) -> Vec<String> {
    let arn_in = |object: &Object<'_>| {
        let found = ["arn", "secretId", "secretArn"].into_iter().find_map(|key| object.text(key));
        found.filter(|arn| SecretArn::parse(arn).is_some())
    };
    let in_parts = [&call.response, &call.additional, &call.details].into_iter().filter_map(arn_in);
    let mut arns: Vec<String> = in_parts.collect();
    if arns.is_empty() {
        arns.extend(call.request_id.and_then(arn_in_request_id).map(str::to_owned));
    }
    if arns.is_empty() {
        arns.extend(denied_arn(call));
    }
    arns.dedup();
    arns
}

/// The ARN that access control names, where it is the very secret that the caller asked for by name or partial ARN.
fn denied_arn(call: &Call<'_>) -> Option<String> {
    let arn = resource_in_error(call.error_message?)?;
    let named = SecretArn::parse(arn).filter(SecretArn::is_full)?;
    let asked = call.request.text("secretId")?;
    let is_it = asked == named.name || SecretArn::parse(&asked).is_some_and(|asked| asked.name == named.name);
    is_it.then(|| arn.to_owned())
}

/// What was typed, and the ARN that it turned out to be.
fn resolved(asked: &str, arn: &str) -> Target {
    Target { as_asked: Some(asked.to_owned()), ..by_arn(arn) }
}

/// A service event that gives a name only.
fn named_by_event(call: &Call<'_>) -> Option<Target> {
    let name = [&call.additional, &call.details, &call.response]
        .into_iter()
        .find_map(|part| part.text("secretId").or_else(|| part.text("name")))?;
    Some(Target { as_asked: None, ..by_either(TargetKind::Secret, &name) })
}

/// `Rotation-<arn>-<token>`, `SecretDeleteMessage:<arn>:<time>:Forced`. The token is a UUID; the time has no colon
/// that could be part of a secret's name, since names have none.
pub(crate) fn arn_in_request_id(request_id: &str) -> Option<&str> {
    let start = request_id.find("arn:").filter(|&at| at > 0)?;
    let rest = request_id.get(start..)?;
    let name_start = rest.match_indices(':').nth(5).map(|(at, _)| at + 1)?;
    let name = rest.get(name_start..)?;
    let end = name_start + name.find(':').unwrap_or(name.len());
    let arn = rest.get(..end)?;
    let arn = match rotation_token(request_id) {
        Some(token) => arn.strip_suffix(token)?.strip_suffix('-')?,
        None => arn,
    };
    SecretArn::parse(arn).is_some().then_some(arn)
}

/// The version id at the end of a rotation's `requestID`, where it looks like a UUID.
pub(crate) fn rotation_token(request_id: &str) -> Option<&str> {
    let token = request_id.get(request_id.len().checked_sub(36)?..)?;
    let is_uuid = token.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    (is_uuid && request_id.starts_with("Rotation-")).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:r:1:secret:prod/db-a1B2c3";

    #[test]
    fn names_partial_arns_and_arns_are_kept_as_asked() {
        check(
            r#"{"eventSource":"secretsmanager","eventName":"GetSecretValue","requestParameters":{"secretId":"prod/db"}}"#,
            &["secret - prod/db prod/db"],
        );
        check(
            r#"{"eventSource":"secretsmanager","eventName":"GetSecretValue","requestParameters":{"secretId":"arn:aws:secretsmanager:r:1:secret:prod/db"}}"#,
            &["secret - prod/db arn:aws:secretsmanager:r:1:secret:prod/db"],
        );
        check(
            &format!(
                r#"{{"eventSource":"secretsmanager","eventName":"GetSecretValue","requestParameters":{{"secretId":"{ARN}"}}}}"#
            ),
            &[&format!("secret {ARN} prod/db {ARN}")],
        );
    }

    #[test]
    fn arn_comes_in_three_spellings_and_different_places() {
        for part in [
            r#""requestParameters":{"secretId":"prod/db"},"responseElements":{"arn":"ARN"}"#,
            r#""requestParameters":{"secretId":"prod/db"},"responseElements":{"aRN":"ARN","name":"prod/db"}"#,
            r#""requestParameters":{"secretId":"prod/db"},"responseElements":{"ARN":"ARN"}"#,
            r#""requestParameters":{"secretId":"prod/db"},"errorMessage":"x on resource: ARN because y""#,
        ] {
            let record = format!(r#"{{"eventSource":"secretsmanager","eventName":"DeleteSecret",{part}}}"#);
            check(
                &record
                    .replace("ARN\"", &format!("{ARN}\""))
                    .replace("ARN because", &format!("{ARN} because"))
                    .replace(&format!("a{ARN}\":"), "aRN\":")
                    .replace(&format!("\"{ARN}\":"), "\"ARN\":"),
                &[&format!("secret {ARN} prod/db prod/db")],
            );
        }
    }

    #[test]
    fn service_events_name_the_secret_in_additional_data_or_details() {
        for part in [
            format!(r#""additionalEventData":{{"SecretId":"{ARN}"}}"#),
            format!(r#""additionalEventData":{{"ARN":"{ARN}","Name":"prod/db"}}"#),
            format!(r#""serviceEventDetails":{{"secretId":"{ARN}"}}"#),
            format!(r#""requestID":"Rotation-{ARN}-6f0c1111-2222-3333-4444-555566667777""#),
            format!(r#""requestID":"SecretDeleteMessage:{ARN}:1688990000000:Forced""#),
        ] {
            let record = format!(
                r#"{{"eventSource":"secretsmanager","eventName":"RotationFailed","requestParameters":null,{part}}}"#
            );
            check(&record, &[&format!("secret {ARN} prod/db -")]);
        }
    }

    #[test]
    fn creation_joins_the_name_and_the_new_arn() {
        check(
            &format!(
                r#"{{"eventSource":"secretsmanager","eventName":"CreateSecret","requestParameters":{{"name":"prod/db"}},"responseElements":{{"arn":"{ARN}"}}}}"#
            ),
            &[&format!("secret {ARN} prod/db prod/db")],
        );
    }

    #[test]
    fn a_partial_arn_that_looks_full_yields_to_the_arn_in_the_answer() {
        let (partial, full) = (
            "arn:aws:secretsmanager:r:1:secret:my-abcdef",
            "arn:aws:secretsmanager:r:1:secret:my-abcdef-X1Y2Z3",
        );
        check(
            &format!(
                r#"{{"eventSource":"secretsmanager","eventName":"PutSecretValue","requestParameters":{{"secretId":"{partial}"}},"responseElements":{{"arn":"{full}"}}}}"#
            ),
            &[&format!("secret {full} my-abcdef {partial}")],
        );
    }

    #[test]
    fn a_batch_names_every_secret() {
        check(
            &format!(
                r#"{{"eventSource":"secretsmanager","eventName":"BatchGetSecretValue","requestParameters":{{"secretIdList":["a","{ARN}","a"]}}}}"#
            ),
            &["secret - a a", &format!("secret {ARN} prod/db {ARN}")],
        );
    }

    #[test]
    fn a_rotations_token_is_its_version() {
        let id = format!("Rotation-{ARN}-6f0c1111-2222-3333-4444-555566667777");
        assert_eq!(rotation_token(&id), Some("6f0c1111-2222-3333-4444-555566667777"));
        assert_eq!(rotation_token("6f0c1111-2222-3333-4444-555566667777"), None);
    }
}
