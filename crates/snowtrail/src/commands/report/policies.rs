//! Tightened policies to paste: what was used, and nothing else.
//!
//! Documents: IAM User Guide, "JSON policy element reference"; Secrets Manager, "Resource-based policies"; KMS,
//! "kms:ViaService" and "kms:EncryptionContext:context-key". A name that holds a wildcard is left out: in a trail it can only
//! be a forgery, and in a policy it would open what it names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

/// One use that a policy must allow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// The action of IAM.
    pub action: String,
    /// The resource, or `*` where the action has none.
    pub resource: String,
    /// The VPC endpoints that every such use came through; empty if one did not.
    pub endpoints: Vec<String>,
    /// The service that made the call to KMS.
    pub via: Option<String>,
    /// The secret of KMS's encryption context.
    pub secret_arn: Option<String>,
}

/// Whether a name from a trail can stand in a policy for itself alone. Names on AWS are visible ASCII.
pub fn is_exact(name: &str) -> bool {
    // The random end of a secret's ARN that no record showed is the one pattern that questions make themselves.
    let named = name.trim_end_matches("-??????");
    !named.is_empty() && named.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '*' | '?' | '$'))
}

/// What is said instead of a statement where a name cannot stand in a policy.
const LEFT_OUT: &str = "left out: a wildcard in a name";

/// The policy of a role, and for each use the statement that allows it.
pub fn of_role(uses: &[Use]) -> (Json, Vec<String>) {
    let mut actions = BTreeMap::<(&str, &str, String), BTreeSet<&str>>::new();
    for one in uses.iter().filter(|one| is_placeable(one)) {
        actions.entry(place(one, uses)).or_default().insert(&one.action);
    }
    // Resources with the same actions and conditions share a statement.
    let mut resources = BTreeMap::<(&str, BTreeSet<&str>, String), BTreeSet<&str>>::new();
    for ((kind, resource, condition), actions) in &actions {
        resources.entry((*kind, actions.clone(), condition.clone())).or_default().insert(*resource);
    }
    let mut names = BTreeMap::new();
    let mut statements = Vec::new();
    for (number, ((kind, actions, condition), resources)) in resources.iter().enumerate() {
        let sid = format!("{kind}{}", number + 1);
        statements.push(statement(&sid, actions, resources, condition));
        names.extend(resources.iter().map(|resource| ((*kind, *resource, condition.clone()), sid.clone())));
    }
    let name = |one: &Use| names.get(&place(one, uses)).cloned().unwrap_or_else(|| LEFT_OUT.to_owned());
    (json!({ "Version": "2012-10-17", "Statement": statements }), uses.iter().map(name).collect())
}

fn is_placeable(one: &Use) -> bool {
    one.resource == "*" || is_exact(&one.resource)
}

/// What decides about the statement of a use: its kind, its resource, its condition.
fn place<'u>(one: &'u Use, uses: &[Use]) -> (&'static str, &'u str, String) {
    let kind = match (one.action.starts_with("kms:"), &one.via, one.resource.as_str()) {
        (true, Some(_), _) => "KeyThroughSecretsManager",
        (true, None, _) => "KeyDirectly",
        (false, _, "*") => "WithoutResource",
        (false, ..) => "Secrets",
    };
    (kind, &one.resource, condition(one, uses).to_string())
}

fn statement(sid: &str, actions: &BTreeSet<&str>, resources: &BTreeSet<&str>, condition: &str) -> Json {
    let mut statement = json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources });
    let condition: Json = serde_json::from_str(condition).unwrap_or(Json::Null);
    if condition.as_object().is_some_and(|condition| !condition.is_empty()) {
        statement["Condition"] = condition;
    }
    statement
}

fn condition(one: &Use, uses: &[Use]) -> Json {
    if one.action.starts_with("kms:") {
        let of_key = uses.iter().filter(|other| other.resource == one.resource && other.via == one.via);
        let secrets: BTreeSet<&str> =
            of_key.filter_map(|other| other.secret_arn.as_deref()).filter(|arn| is_exact(arn)).collect();
        let region = one.resource.split(':').nth(3).unwrap_or_default();
        let mut equal = json!({ "kms:EncryptionContext:SecretARN": secrets });
        if one.via.is_some() {
            equal["kms:ViaService"] = Json::from(format!("secretsmanager.{region}.amazonaws.com"));
        }
        return json!({ "StringEquals": equal });
    }
    // All uses of the resource, or none: a condition that one of its actions cannot meet would stop that one.
    let of_resource: Vec<&Use> = uses.iter().filter(|other| other.resource == one.resource).collect();
    if one.resource == "*" || of_resource.iter().any(|other| other.endpoints.is_empty()) {
        return json!({});
    }
    let endpoints: BTreeSet<&String> = of_resource.iter().flat_map(|other| &other.endpoints).collect();
    json!({ "StringEquals": { "aws:SourceVpce": endpoints } })
}

/// The resource policy of a secret: whoever is not named does not read it, whatever their own policies say. `readers` are
/// ARNs, or the contract's patterns.
pub fn of_secret(readers: &BTreeSet<String>, endpoints: &BTreeSet<String>) -> Json {
    let mut statements = vec![json!({
        "Sid": "OnlyKnownReaders",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
        "Condition": { "ArnNotLike": { "aws:PrincipalArn": readers } },
    })];
    if !endpoints.is_empty() {
        statements.push(json!({
            "Sid": "OnlyThroughEndpoint",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": "*",
            "Condition": {
                "StringNotEqualsIfExists": { "aws:SourceVpce": endpoints },
                "BoolIfExists": { "aws:ViaAWSService": "false" },
            },
        }));
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(action: &str, resource: &str) -> Use {
        Use {
            action: action.to_owned(),
            resource: resource.to_owned(),
            endpoints: vec![],
            via: None,
            secret_arn: None,
        }
    }

    #[test]
    fn forged_wildcard_reaches_no_policy() {
        let forged = used("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:*:*:secret:*");
        let (policy, statements) = of_role(&[forged]);
        assert_eq!(policy["Statement"], json!([]));
        assert_eq!(statements, [LEFT_OUT]);
        assert!(!is_exact("arn:aws:iam::*:role/*") && !is_exact("${aws:username}") && !is_exact("a\u{202e}"));
        assert!(is_exact("arn:aws:secretsmanager:us-west-2:111122223333:secret:prod/db-??????"));
    }

    #[test]
    fn key_is_allowed_through_the_service_and_for_its_secrets_only() {
        let key = "arn:aws:kms:us-west-2:111122223333:key/k";
        let mut one = used("kms:Decrypt", key);
        one.via = Some("secretsmanager.amazonaws.com".to_owned());
        one.secret_arn =
            Some("arn:aws:secretsmanager:us-west-2:111122223333:secret:prod/db-a1b2c3".to_owned());
        let mut two = one.clone();
        two.secret_arn =
            Some("arn:aws:secretsmanager:us-west-2:111122223333:secret:prod/pay-a1b2c3".to_owned());
        insta::assert_snapshot!("key_policy", format!("{:#}", of_role(&[one, two]).0));
    }

    #[test]
    fn secrets_with_the_same_uses_share_a_statement() {
        let mut through = used("secretsmanager:GetSecretValue", "arn:c");
        through.endpoints = vec!["vpce-1".to_owned()];
        let uses = [
            used("secretsmanager:GetSecretValue", "arn:a"),
            used("secretsmanager:GetSecretValue", "arn:b"),
            used("secretsmanager:ListSecrets", "*"),
            through,
        ];
        let (policy, statements) = of_role(&uses);
        insta::assert_snapshot!("secrets_policy", format!("{policy:#}"));
        assert_eq!(statements, ["Secrets2", "Secrets2", "WithoutResource3", "Secrets1"]);
    }
}
