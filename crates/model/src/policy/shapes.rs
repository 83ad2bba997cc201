//! Shapes of AWS's identifiers: accounts, regions, endpoints, ARN patterns.
//!
//! A pattern that can never match is the worst kind of typing error in a policy: the contract looks kept. So what
//! can be told from the shape alone is refused here. Whether the thing exists is not asked.

use super::error::Complaint;
use super::glob::Glob;

/// Partitions whose ARNs are known.
const PARTITIONS: [&str; 3] = ["aws", "aws-cn", "aws-us-gov"];

pub(super) fn account(text: &str) -> Result<String, Complaint> {
    if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    let message = format!("`{}` is no account id", text.escape_debug());
    Err(Complaint::new(message).hint("an account id is 12 digits in quotes, such as \"111122223333\""))
}

pub(super) fn region(text: &str) -> Result<String, Complaint> {
    let parts = text.split('-').collect::<Vec<_>>();
    let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let shaped = match parts.as_slice() {
        [words @ .., number] => {
            words.len() >= 2 && words.iter().all(is_word) && matches!(number.as_bytes(), [b'0'..=b'9'])
        }
        [] => false,
    };
    if shaped {
        return Ok(text.to_owned());
    }
    let message = format!("`{}` is no region", text.escape_debug());
    Err(Complaint::new(message).hint("write its code, such as \"us-west-2\""))
}

pub(super) fn vpc_endpoint(text: &str) -> Result<String, Complaint> {
    let id = text.strip_prefix("vpce-").unwrap_or_default();
    if matches!(id.len(), 8 | 17) && id.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()) {
        return Ok(text.to_owned());
    }
    let message = format!("`{}` is no VPC endpoint id", text.escape_debug());
    Err(Complaint::new(message).hint("write it as AWS does, such as \"vpce-0a1b2c3d4e5f60718\""))
}

/// A pattern over secrets' names.
pub(super) fn secret_name(text: &str) -> Result<Glob, Complaint> {
    if text.starts_with("arn:") {
        let complaint = Complaint::new("this is an ARN, but secrets are matched by their names");
        return Err(
            complaint.hint("write the name without `arn:…:secret:` and the six characters at its end")
        );
    }
    Glob::parse(text)
}

/// A pattern over principals: what `principal` of an event can be, which is never a session.
pub(super) fn principal(text: &str) -> Result<Glob, Complaint> {
    if text.starts_with('*') || is_service(text) || is_foreign(text) {
        return Glob::parse(text);
    }
    let parts = arn_parts(text)?;
    if let Some(["arn", _, "sts", _, account, resource]) = parts
        && let Some(role) = resource.strip_prefix("assumed-role/")
    {
        let role = role.split('/').next().unwrap_or_default();
        let complaint = Complaint::new("this is a session, but principals are the roles behind sessions");
        return Err(complaint.hint(format!(
            "write \"arn:aws:iam::{account}:role/{role}\" (with the role's path, if it has one)"
        )));
    }
    if let Some(["arn", _, service, _, account, resource]) = parts {
        principal_parts(text, service, account, resource)?;
    }
    Glob::parse(text)
}

fn is_service(text: &str) -> bool {
    text.ends_with(".amazonaws.com") || text.ends_with(".amazonaws.com.cn") || text == "AWS Internal"
}

/// What is left of a caller from another account, whose ARN the record does not give: its unique id, or its account.
fn is_foreign(text: &str) -> bool {
    let is_unique_id = text.len() >= 16 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    is_unique_id || account(text).is_ok()
}

fn principal_parts(text: &str, service: &str, account_id: &str, resource: &str) -> Result<(), Complaint> {
    if !service.contains(['*', '?']) && !matches!(service, "iam" | "sts" | "identitystore") {
        let complaint = Complaint::new(format!("`{}` is no principal's ARN", text.escape_debug()));
        return Err(
            complaint.hint("principals are of `iam`, such as \"arn:aws:iam::111122223333:role/Name\"")
        );
    }
    if !account_id.contains(['*', '?']) && account_id != "aws" {
        account(account_id)?;
    }
    let kinds =
        ["role/", "user/", "root", "federated-user/", "identitystore/", "saml-provider/", "oidc-provider/"];
    if resource.contains(['*', '?']) || kinds.iter().any(|kind| resource.starts_with(kind)) {
        return Ok(());
    }
    let complaint =
        Complaint::new(format!("`{}` names neither role, user nor root", resource.escape_debug()));
    Err(complaint.hint("write role/Name, user/Name or root after the account id"))
}

/// A pattern over any ARN.
pub(super) fn any_arn(text: &str) -> Result<Glob, Complaint> {
    arn_parts(text)?;
    Glob::parse(text)
}

/// The six parts of an ARN pattern, or none where a wildcard stands for several of them.
fn arn_parts(text: &str) -> Result<Option<[&str; 6]>, Complaint> {
    let refused = |why: &str| {
        let message = format!("`{}` is no ARN: {why}", text.escape_debug());
        Complaint::new(message)
            .hint("an ARN is arn:partition:service:region:account:resource; `*` may stand in it")
    };
    let mut parts = text.splitn(6, ':');
    let parts: [&str; 6] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let [arn, partition, service, .., resource] = parts;
    if arn != "arn" {
        return Err(refused("it does not start with `arn:`"));
    }
    if !partition.contains(['*', '?']) && !PARTITIONS.contains(&partition) {
        return Err(refused("its partition is not aws, aws-cn or aws-us-gov"));
    }
    match (service.is_empty(), resource.is_empty()) {
        (false, false) => Ok(Some(parts)),
        _ if text.contains('*') => Ok(None),
        _ => Err(refused("it has too few parts")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_roles_users_roots_services_or_wildcards() {
        for good in [
            "arn:aws:iam::111122223333:role/Blizzard-Checkout-TaskRole",
            "arn:aws:iam::*:role/Snowy-OnCall",
            "arn:aws-us-gov:iam::111122223333:user/path/alice",
            "arn:aws-cn:iam::111122223333:root",
            "arn:aws:sts::111122223333:federated-user/bob",
            "arn:aws:iam::aws:role/x",
            "arn:*:role/ci-*",
            "arn:aws:iam::*",
            "*",
            "*/Snowy-OnCall",
            "secretsmanager.amazonaws.com",
            "AWS Internal",
            "arn:aws:identitystore::111122223333:identitystore/d-1234567890/user/0a1b",
            "AROAEXAMPLEEXAMPLE123",
            "111122223333",
        ] {
            assert!(principal(good).is_ok(), "{good}: {:?}", principal(good));
        }
        for bad in [
            "Snowy-OnCall",
            "",
            "arn:aws:iam::11112222333:role/Short",
            "arn:awz:iam::111122223333:role/X",
            "arn:aws:s3:::bucket",
            "arn:aws:iam::111122223333:Snowy-OnCall",
            "arn:aws:iam::111122223333",
        ] {
            assert!(principal(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_session_is_answered_with_its_role() {
        let refused = principal("arn:aws:sts::111122223333:assumed-role/Snowy-OnCall/alice").unwrap_err();
        assert!(refused.hint.unwrap().contains("arn:aws:iam::111122223333:role/Snowy-OnCall"));
    }

    #[test]
    fn regions_and_endpoints_have_their_shapes() {
        assert!(["us-west-2", "us-gov-east-1", "ap-southeast-5"].iter().all(|text| region(text).is_ok()));
        assert!(
            ["us-west", "US-WEST-2", "us-west-2a", "", "oregon", "us--2"]
                .iter()
                .all(|text| region(text).is_err())
        );
        assert!(["vpce-0a1b2c3d4e5f60718", "vpce-0a1b2c3d"].iter().all(|text| vpc_endpoint(text).is_ok()));
        assert!(["vpce-", "vpce-0A1B2C3D", "vpc-0a1b2c3d"].iter().all(|text| vpc_endpoint(text).is_err()));
    }
}
