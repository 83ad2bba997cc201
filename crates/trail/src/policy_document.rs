//! Policy documents set by a call, as typed statements: SQL has no JSON functions to look into them.
//!
//! They are JSON *strings* inside the JSON (`resourcePolicy`, `policy`, `policyDocument`, the `Policy` attribute of
//! queues and topics), except S3's, which is an object. AddPermission of queues and topics has no document, but means
//! one. Sources: IAM User Guide, "JSON policy element reference"; the services' API references.

use snowtrail_model::event::PolicyStatement;

use crate::keys::KeyTable;
use crate::scan::{Task, scan};
use crate::target::Call;
use crate::view::{Object, View};

/// Most statements kept of one record. AWS's largest documents (20 KB) hold fewer; more are cut off and the record's
/// `truncated` says so.
pub(crate) const POLICY_STATEMENTS_MAX: usize = 500;

/// Request members that hold a document.
const DOCUMENTS: [&str; 7] = [
    "resourcePolicy",
    "policy",
    "policyDocument",
    "assumeRolePolicyDocument",
    "bucketPolicy",
    "content",
    "policyText",
];

/// Every statement that the call sets.
pub(crate) fn statements(call: &Call<'_>) -> Vec<PolicyStatement> {
    let mut statements = Vec::new();
    for key in DOCUMENTS {
        if let Some(view) = call.request.get_any_case(key) {
            add_document(view, &mut statements);
        }
    }
    if matches!(call.source, "sqs.amazonaws.com" | "sns.amazonaws.com") {
        add_attribute(call, &mut statements);
    }
    statements.truncate(POLICY_STATEMENTS_MAX);
    statements
}

/// The document in a queue's or topic's attributes, or the statement that AddPermission means.
fn add_attribute(call: &Call<'_>, statements: &mut Vec<PolicyStatement>) {
    if let Some(view) = call.request.object("attributes").get_any_case("Policy") {
        add_document(view, statements);
    }
    if call.request.text("attributeName").as_deref() == Some("Policy")
        && let Some(view) = call.request.get_any_case("attributeValue")
    {
        add_document(view, statements);
    }
    if call.name == "AddPermission" {
        statements.push(of_add_permission(&call.request));
    }
}

fn of_add_permission(request: &Object<'_>) -> PolicyStatement {
    let list = |keys: [&str; 3]| {
        keys.into_iter().find_map(|key| request.get_any_case(key)).map(View::strings).unwrap_or_default()
    };
    PolicyStatement {
        sid: request.text("label"),
        effect: Some("Allow".to_owned()),
        principals: list(["aWSAccountIds", "aWSAccountId", "awsAccountIds"]),
        actions: list(["actions", "actionNames", "actionName"]),
        ..PolicyStatement::default()
    }
}

/// A document as a string or as an object.
fn add_document(view: View<'_>, statements: &mut Vec<PolicyStatement>) {
    if view.is_object() {
        return add_statements(view, statements);
    }
    let Some(text) = view.text() else { return };
    let decoded = text.starts_with('%').then(|| percent_decoded(&text)).flatten();
    let text = decoded.as_deref().unwrap_or(&text);
    // The text inside the string was never validated, and the lazy view relies on that.
    if scan(text.as_bytes(), Task::whole(), &mut KeyTable::new()).is_ok() {
        add_statements(View::new(text), statements);
    }
}

fn add_statements(document: View<'_>, statements: &mut Vec<PolicyStatement>) {
    let Some(list) = document.object().get_any_case("Statement") else { return };
    if list.is_object() {
        statements.push(statement(list));
    }
    statements.extend(list.elements().take(POLICY_STATEMENTS_MAX).map(statement));
}

fn statement(view: View<'_>) -> PolicyStatement {
    let object = view.object();
    let list = |key: &str| object.get_any_case(key).map(View::strings).unwrap_or_default();
    let principals = |key: &str| object.get_any_case(key).map(principals).unwrap_or_default();
    let mut resources = list("Resource");
    resources.extend(list("NotResource"));
    PolicyStatement {
        sid: object.text("Sid"),
        effect: object.text("Effect"),
        principals: principals("Principal"),
        not_principals: principals("NotPrincipal"),
        actions: list("Action"),
        not_actions: list("NotAction"),
        resources,
        condition: object.get_any_case("Condition").map(|condition| condition.raw().to_owned()),
    }
}

/// `"*"`, or lists under `AWS`, `Service`, `Federated`, `CanonicalUser`.
fn principals(view: View<'_>) -> Vec<String> {
    if view.is_object() {
        view.members().flat_map(|(_, list)| list.strings()).collect()
    } else {
        view.strings()
    }
}

/// IAM's read calls give documents percent-encoded (RFC 3986); some tools send them back that way.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = behind;
            continue;
        }
        let digits = std::str::from_utf8(behind.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = behind.get(2..)?;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<PolicyStatement> {
        let mut statements = Vec::new();
        add_document(View::new(text), &mut statements);
        statements
    }

    #[test]
    fn documents_come_as_strings_objects_and_percent_encoded() {
        let object =
            r#"{"Statement":{"Sid":"s","Effect":"Allow","Principal":"*","Action":"kms:*","Resource":["*"]}}"#;
        let string = serde_json::to_string(object).unwrap();
        let encoded = "\"%7B%22Statement%22%3A%7B%22Sid%22%3A%22s%22%2C%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%22*%22%2C%22Action%22%3A%22kms:*%22%2C%22Resource%22%3A%5B%22*%22%5D%7D%7D\"";
        let expected = of(object);
        assert_eq!((expected.len(), expected[0].principals.as_slice()), (1, ["*".to_owned()].as_slice()));
        assert_eq!(of(&string), expected);
        assert_eq!(of(encoded), expected);
    }

    #[test]
    fn principals_of_every_kind_and_negations_are_kept() {
        let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":["arn:a","arn:b"],"Service":"s"},"NotAction":["x"],"NotResource":"r","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}"#;
        let statement = &of(text)[0];
        assert_eq!(statement.not_principals, ["arn:a", "arn:b", "s"]);
        assert_eq!(
            (statement.not_actions.as_slice(), statement.resources.as_slice()),
            (["x".to_owned()].as_slice(), ["r".to_owned()].as_slice())
        );
        assert_eq!(statement.condition.as_deref(), Some(r#"{"Bool":{"aws:SecureTransport":"false"}}"#));
    }

    #[test]
    fn what_is_no_document_gives_no_statement() {
        for text in [r#""{\"Statement\":[""#, r#""default""#, "null", "7", r#"{"Statement":"x"}"#] {
            assert_eq!(of(text), [], "{text}");
        }
    }
}
