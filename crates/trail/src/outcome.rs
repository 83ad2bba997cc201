//! How a call ended, told from `errorCode`, `errorMessage` and the service event's name.
//!
//! Codes differ by service and age for one thing (`AccessDenied`, `AccessDeniedException`, `KMSAccessDenied`,
//! `Client.UnauthorizedOperation`), so parts of words decide. Sources: CloudTrail User Guide, "CloudTrail record
//! contents"; Secrets Manager User Guide, "CloudTrail entries for Secrets Manager"; captures.

use snowtrail_model::Outcome;

const DENIED: &[&str] =
    &["AccessDenied", "Unauthorized", "NotAuthorized", "AuthorizationError", "Forbidden", "AuthFailure"];
const THROTTLED: &[&str] = &[
    "Throttl",
    "TooManyRequests",
    "RequestLimitExceeded",
    "SlowDown",
    "RateExceeded",
    "PriorRequestNotComplete",
];
const NOT_FOUND: &[&str] = &["NotFound", "NoSuch", "DoesNotExist", "NonExistent"];

/// Classifies one record's end. No code and no message is success, whatever the record's kind, except for the service
/// events that are failures by name.
pub(crate) fn outcome(event_name: &str, error_code: Option<&str>, error_message: Option<&str>) -> Outcome {
    match (error_code, error_message) {
        (Some(code), message) => of_code(code, message.unwrap_or("")),
        (None, Some(message)) => of_code("", message),
        (None, None) if is_failure_event(event_name) => Outcome::Error,
        (None, None) => Outcome::Ok,
    }
}

fn of_code(code: &str, message: &str) -> Outcome {
    let has = |words: &[&str]| words.iter().any(|word| code.contains(word));
    if has(DENIED) || (code.is_empty() && message.contains("is not authorized to perform")) {
        Outcome::Denied
    } else if has(THROTTLED) || message == "Rate exceeded" {
        Outcome::Throttled
    } else if has(NOT_FOUND) {
        Outcome::NotFound
    } else {
        Outcome::Error
    }
}

/// RotationFailed, TestRotationFailed, ReplicationFailed.
fn is_failure_event(event_name: &str) -> bool {
    matches!(event_name, "RotationFailed" | "TestRotationFailed" | "ReplicationFailed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_classified_by_their_words() {
        for (code, expected) in [
            ("AccessDenied", Outcome::Denied),
            ("AccessDeniedException", Outcome::Denied),
            ("Client.UnauthorizedOperation", Outcome::Denied),
            ("VpceAccessDenied", Outcome::Denied),
            ("KMSAccessDeniedException", Outcome::Denied),
            ("ThrottlingException", Outcome::Throttled),
            ("Client.RequestLimitExceeded", Outcome::Throttled),
            ("TooManyRequestsException", Outcome::Throttled),
            ("ResourceNotFoundException", Outcome::NotFound),
            ("ParameterNotFound", Outcome::NotFound),
            ("NoSuchEntityException", Outcome::NotFound),
            ("LimitExceededException", Outcome::Error),
            ("InvalidRequestException", Outcome::Error),
        ] {
            assert_eq!(outcome("GetSecretValue", Some(code), None), expected, "{code}");
        }
    }

    #[test]
    fn service_events_fail_by_message_without_code_or_by_name() {
        assert_eq!(outcome("RotationFailed", None, Some("… during setSecret step")), Outcome::Error);
        assert_eq!(outcome("TestRotationFailed", None, None), Outcome::Error);
        assert_eq!(outcome("RotationSucceeded", None, None), Outcome::Ok);
    }
}
