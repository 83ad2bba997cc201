//! Targets of KMS calls: keys and aliases, and the secret or parameter that the encryption context names.
//!
//! `requestParameters.keyId` is what the caller typed and is absent on most Decrypts; `resources` holds the resolved
//! ARNs, for alias calls both the alias's and the key's, both typed as keys, in any order. Sources: KMS Developer
//! Guide, "Logging AWS KMS API calls"; Secrets Manager User Guide, "Secret encryption and decryption".

use snowtrail_model::{Target, TargetKind};

use super::{Call, TargetSet, by_arn, by_either};
use crate::view::Object;

/// The request's keys that hold an encryption context.
pub(crate) const CONTEXTS: [&str; 3] =
    ["encryptionContext", "sourceEncryptionContext", "destinationEncryptionContext"];

pub(crate) fn add(call: &Call<'_>, set: &mut TargetSet) {
    for context in CONTEXTS {
        add_context(&call.request.object(context), set);
    }
    for asked in ["keyId", "sourceKeyId", "destinationKeyId", "targetKeyId", "aliasName"] {
        set.add_all(call.request.text(asked).map(|asked| by_typed(&asked)));
    }
    for arn in &call.resource_arns {
        set.add(by_arn(arn));
    }
    for part in [&call.response, &call.details] {
        set.add_all(part.text("keyId").map(|id| Target { as_asked: None, ..by_typed(&id) }));
    }
}

/// The key's ARN where the record proves it; of ReEncrypt's two the source.
pub(crate) fn key_arn(targets: &[Target]) -> Option<String> {
    targets.iter().find(|target| target.kind == TargetKind::Key && target.arn.is_some())?.arn.clone()
}

fn add_context(context: &Object<'_>, set: &mut TargetSet) {
    set.add_all(context.text("SecretARN").map(|arn| by_arn(&arn)).filter(|t| t.kind == TargetKind::Secret));
    set.add_all(
        context.text("PARAMETER_ARN").map(|arn| by_arn(&arn)).filter(|t| t.kind == TargetKind::Parameter),
    );
}

/// A key id, `alias/…`, or the ARN of either.
fn by_typed(asked: &str) -> Target {
    let kind = if asked.starts_with("alias/") { TargetKind::Alias } else { TargetKind::Key };
    by_either(kind, asked)
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    const KEY: &str = "arn:aws:kms:r:1:key/11111111-2222-3333-4444-555555555555";

    #[test]
    fn decrypts_for_secrets_name_secret_and_key() {
        check(
            &format!(
                r#"{{"eventSource":"kms","eventName":"Decrypt","requestParameters":{{"encryptionContext":{{"SecretARN":"arn:aws:secretsmanager:r:1:secret:prod/db-a1B2c3","SecretVersionId":"v"}}}},"resources":[{{"ARN":"{KEY}"}}]}}"#
            ),
            &[
                "secret arn:aws:secretsmanager:r:1:secret:prod/db-a1B2c3 prod/db -",
                &format!("key {KEY} 11111111-2222-3333-4444-555555555555 -"),
            ],
        );
    }

    #[test]
    fn decrypts_for_parameters_name_the_parameter() {
        check(
            r#"{"eventSource":"kms","eventName":"Decrypt","requestParameters":{"encryptionContext":{"PARAMETER_ARN":"arn:aws:ssm:r:1:parameter/a/b"}}}"#,
            &["parameter arn:aws:ssm:r:1:parameter/a/b /a/b -"],
        );
    }

    #[test]
    fn a_typed_key_id_and_its_arn_are_one_key_and_aliases_stay_apart() {
        check(
            &format!(
                r#"{{"eventSource":"kms","eventName":"UpdateAlias","requestParameters":{{"aliasName":"alias/app","targetKeyId":"11111111-2222-3333-4444-555555555555"}},"resources":[{{"ARN":"{KEY}"}},{{"ARN":"arn:aws:kms:r:1:alias/app"}}]}}"#
            ),
            &[
                &format!(
                    "key {KEY} 11111111-2222-3333-4444-555555555555 11111111-2222-3333-4444-555555555555"
                ),
                "alias arn:aws:kms:r:1:alias/app alias/app alias/app",
            ],
        );
    }

    #[test]
    fn re_encryption_has_two_keys() {
        check(
            &format!(
                r#"{{"eventSource":"kms","eventName":"ReEncrypt","resources":[{{"ARN":"{KEY}"}},{{"ARN":"arn:aws:kms:r:1:key/2"}}]}}"#
            ),
            &[&format!("key {KEY} 11111111-2222-3333-4444-555555555555 -"), "key arn:aws:kms:r:1:key/2 2 -"],
        );
    }

    #[test]
    fn a_deleted_or_rotated_key_stands_in_the_details() {
        check(
            r#"{"eventSource":"kms","eventName":"RotateKey","serviceEventDetails":{"keyId":"abc"}}"#,
            &["key - abc -"],
        );
    }
}
