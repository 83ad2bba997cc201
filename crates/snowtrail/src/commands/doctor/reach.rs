//! What the identity that runs this may do and should not: read a secret. And what AWS's clock says.
//!
//! It simply tries. `iam:SimulatePrincipalPolicy` would be the other way, and says less: it needs a permission of its own,
//! and knows neither the secrets' own policies nor those of the organization. Nothing can be read by trying: the calls name a
//! secret, a version or a parameter that does not exist, and AWS refuses for want of a permission before it looks for them.
//! "There is no such thing" therefore means "you may". Source: IAM User Guide, "Policy evaluation logic".
//!
//! Each try is a refused call in the trail, under this identity: three and one for each `--secret`, fewer than the rule
//! `denied-read-burst` asks about, unless many are named.

use jiff::SignedDuration;
use serde_json::{Value, json};
use snowtrail_model::policy::format_duration;

use super::diagnosis::Diagnosis;
use crate::aws::Aws;
use crate::aws::signed::{Answer, PARAMETER_STORE, SECRETS_MANAGER, Service};

/// A version that no secret has. Source: Secrets Manager API reference, GetSecretValue: 32 to 64 characters.
pub const NO_VERSION: &str = "00000000-d0c7-4000-8000-000000000000";
/// A secret, and a parameter, that do not exist.
const NO_SECRET: &str = "snowtrail/doctor/no-such-secret";
const NO_PARAMETER: &str = "/snowtrail/doctor/no-such-parameter";

/// Beyond this AWS refuses signatures. Source: IAM User Guide, "Signature Version 4", "request is valid for five minutes".
const SKEW_REFUSED: SignedDuration = SignedDuration::from_mins(5);
/// A clock that is kept at all is closer than this; the header has whole seconds.
const SKEW_MAX: SignedDuration = SignedDuration::from_secs(30);

/// What a service said to the read of something that is not there, or not to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The identity may not.
    Denied,
    /// It may; or even did.
    Allowed,
    /// Neither can be told from the answer.
    Unclear,
}

impl Reach {
    /// Reads an answer to GetSecretValue or GetParameter.
    pub fn of(answer: &Answer) -> Reach {
        match answer.code() {
            _ if answer.is_success() => Reach::Allowed,
            _ if answer.is_denied() => Reach::Denied,
            // What these say was looked at after the permission was found. Source: API reference of both, "Errors".
            "ResourceNotFoundException"
            | "InvalidRequestException"
            | "ParameterNotFound"
            | "ParameterVersionNotFound"
            | "DecryptionFailure" => Reach::Allowed,
            _ => Reach::Unclear,
        }
    }
}

/// Tries, and compares clocks.
pub async fn examine(aws: &Aws, region: Option<&str>, secrets: &[String]) -> Vec<Diagnosis> {
    let wide = json!({ "SecretId": NO_SECRET });
    let mut tries = vec![
        (&SECRETS_MANAGER, "GetSecretValue", wide, "any secret"),
        (
            &PARAMETER_STORE,
            "GetParameter",
            json!({ "Name": NO_PARAMETER, "WithDecryption": true }),
            "any parameter",
        ),
    ];
    for secret in secrets {
        tries.push((&SECRETS_MANAGER, "GetSecretValue", of_no_version(secret), secret));
    }
    let (mut rows, mut skew) = (Vec::new(), None);
    for (service, operation, input, object) in tries {
        rows.push(one(aws, service, region, operation, &input, object, &mut skew).await);
    }
    rows.extend(skew.map(clock));
    rows
}

/// The input of a read of a secret that can give no value.
pub fn of_no_version(secret: &str) -> Value {
    json!({ "SecretId": secret, "VersionId": NO_VERSION })
}

async fn one(
    aws: &Aws,
    service: &Service,
    region: Option<&str>,
    operation: &'static str,
    input: &Value,
    object: &str,
    skew: &mut Option<SignedDuration>,
) -> Diagnosis {
    let unseen = |said: &dyn std::fmt::Display| {
        Diagnosis::unseen(
            "permissions",
            object,
            said,
            "nothing, but a way to Secrets Manager and Systems Manager",
        )
    };
    let answer = match aws.ask_to_be_refused(service, region, operation, input).await {
        Ok(answer) => answer,
        Err(error) => return unseen(&error),
    };
    *skew = skew.or(answer.skew);
    match Reach::of(&answer) {
        Reach::Denied => {
            Diagnosis::ok("permissions", object, format!("{operation} is refused, as it must be"))
        }
        Reach::Unclear => unseen(&answer.said()),
        Reach::Allowed => {
            let why = "whoever takes over Snowtrail has the secrets that it watches; it needs none of them";
            let fix = "aws iam put-role-policy --role-name ROLE --policy-name read-no-secret --policy-document file://deploy/operator-policy.json   # ROLE: see aws sts get-caller-identity";
            Diagnosis::broken("permissions", object, format!("{operation} is allowed"), why, fix)
        }
    }
}

fn clock(skew: SignedDuration) -> Diagnosis {
    let object = "this machine's clock";
    let way = if skew.is_negative() { "ahead of" } else { "behind" };
    let found = format!("{} {way} AWS's", format_duration(skew.abs()));
    if skew.abs() <= SKEW_MAX {
        return Diagnosis::ok("clock", object, found);
    }
    let why = "rules judge by the clock: what is overdue, silent or fresh is judged wrongly, and from 5 minutes on AWS refuses every call";
    let fix = "timedatectl set-ntp true";
    if skew.abs() < SKEW_REFUSED {
        Diagnosis::weak("clock", object, found, why, fix)
    } else {
        Diagnosis::broken("clock", object, found, why, fix)
    }
}

#[cfg(test)]
mod tests {
    use super::super::diagnosis::Level;
    use super::*;

    #[test]
    fn not_found_means_allowed_and_only_a_denial_means_denied() {
        let answer =
            |status, code: &str| Answer { status, body: json!({ "__type": code }), ..Answer::default() };
        assert_eq!(Reach::of(&answer(400, "AccessDeniedException")), Reach::Denied);
        assert_eq!(Reach::of(&answer(400, "ResourceNotFoundException")), Reach::Allowed);
        assert_eq!(Reach::of(&answer(400, "ParameterNotFound")), Reach::Allowed);
        assert_eq!(Reach::of(&answer(200, "")), Reach::Allowed);
        assert_eq!(Reach::of(&answer(400, "ThrottlingException")), Reach::Unclear);
        assert_eq!(Reach::of(&answer(403, "UnrecognizedClientException")), Reach::Unclear);
    }

    #[test]
    fn a_clock_is_weak_beyond_half_a_minute_and_broken_from_five_on() {
        let level = |seconds| clock(SignedDuration::from_secs(seconds)).level;
        assert_eq!([level(3), level(-30)], [Level::Ok, Level::Ok]);
        assert_eq!([level(31), level(-299)], [Level::Weak, Level::Weak]);
        assert_eq!([level(300), level(-86_400)], [Level::Broken, Level::Broken]);
    }
}
