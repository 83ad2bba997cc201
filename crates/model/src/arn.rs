//! How a Secrets Manager secret is named: ARN, partial ARN, or bare name.
//!
//! `arn:<partition>:secretsmanager:<region>:<account>:secret:<name>-<6 characters>`. Callers may leave the suffix
//! out (a partial ARN) or type the bare name. A name that itself ends in a hyphen and six letters or digits makes a
//! partial ARN look like a full one; the record alone cannot tell the two apart, so such an ARN counts as full here.
//! Source: AWS Secrets Manager User Guide, "What's in a Secrets Manager secret?", and API Reference, GetSecretValue.

/// Length of the random suffix, without its hyphen.
pub const SECRET_SUFFIX_CHARS: usize = 6;

/// The parts of a secret's ARN, full or partial, borrowed from the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretArn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: &'a str,
    /// Region.
    pub region: &'a str,
    /// Account id, 12 digits.
    pub account: &'a str,
    /// Name without the suffix.
    pub name: &'a str,
    /// The six characters, where they are there.
    pub suffix: Option<&'a str>,
}

impl<'a> SecretArn<'a> {
    /// Splits a full or partial ARN of a secret; `None` for anything else, a bare name included.
    pub fn parse(text: &'a str) -> Option<SecretArn<'a>> {
        let mut parts = text.splitn(7, ':');
        let (arn, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, kind, rest) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if arn != "arn" || service != "secretsmanager" || kind != "secret" || rest.is_empty() {
            return None;
        }
        let (name, suffix) = match split_suffix(rest) {
            Some((name, suffix)) => (name, Some(suffix)),
            None => (rest, None),
        };
        Some(SecretArn { partition, region, account, name, suffix })
    }

    /// Whether the suffix is there, so that the ARN names one secret and no other.
    pub fn is_full(&self) -> bool {
        self.suffix.is_some()
    }
}

/// Splits `name-AbC123` into name and suffix.
fn split_suffix(rest: &str) -> Option<(&str, &str)> {
    let (name, suffix) = rest.rsplit_once('-')?;
    let is_suffix = suffix.len() == SECRET_SUFFIX_CHARS && suffix.bytes().all(|b| b.is_ascii_alphanumeric());
    (is_suffix && !name.is_empty()).then_some((name, suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_arn_gives_name_without_suffix() {
        let arn =
            SecretArn::parse("arn:aws:secretsmanager:us-west-2:111122223333:secret:prod/db-a1B2c3").unwrap();
        assert_eq!(
            (arn.region, arn.account, arn.name, arn.suffix),
            ("us-west-2", "111122223333", "prod/db", Some("a1B2c3"))
        );
    }

    #[test]
    fn partial_arn_has_no_suffix() {
        let arn =
            SecretArn::parse("arn:aws-cn:secretsmanager:cn-north-1:111122223333:secret:prod/my-db").unwrap();
        assert_eq!((arn.partition, arn.name, arn.is_full()), ("aws-cn", "prod/my-db", false));
    }

    #[test]
    fn other_arns_and_names_are_no_secret_arn() {
        for text in
            ["prod/db", "arn:aws:kms:us-west-2:1:key/x", "arn:aws:secretsmanager:us-west-2:1:secret:", ""]
        {
            assert_eq!(SecretArn::parse(text), None, "{text}");
        }
    }
}
