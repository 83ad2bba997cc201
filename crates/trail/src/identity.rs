//! Who did it: `userIdentity` in all its variants, as a stable principal and the actor within it.
//!
//! The principal is what statistics and contracts are keyed on, so it never holds a session: the role's ARN with its
//! path (the sts ARN drops the path, `sessionIssuer.arn` keeps it), the user's or root's ARN, or the AWS service. The
//! actor is the person or task: function or instance that the credentials were issued to, source identity, session
//! name, user name. Source: CloudTrail User Guide, "CloudTrail userIdentity element".

use crate::view::{Object, View};

/// What `userIdentity` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) principal: Option<String>,
    pub(crate) principal_id: Option<String>,
    pub(crate) actor: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) access_key_id: Option<String>,
    pub(crate) identity_type: Option<String>,
    pub(crate) source_identity: Option<String>,
    pub(crate) invoked_by: Option<String>,
    pub(crate) mfa: Option<bool>,
    /// `sessionIssuer.accountId`.
    pub(crate) issuer_account: Option<String>,
}

/// The parts of `userIdentity` that principal and actor are made of.
struct Parts<'a> {
    identity: Object<'a>,
    issuer: Object<'a>,
    arn: Option<String>,
    principal_id: Option<String>,
    invoked_by: Option<String>,
    account: Option<String>,
}

/// Reads `userIdentity`; all empty where it is absent.
pub(crate) fn identity(view: Option<View<'_>>) -> Identity {
    let identity = view.map(View::object).unwrap_or_default();
    let session = identity.object("sessionContext");
    let attributes = session.object("attributes");
    let text = |key: &str| identity.text(key);
    let parts = Parts {
        issuer: session.object("sessionIssuer"),
        arn: text("arn"),
        principal_id: text("principalId"),
        invoked_by: text("invokedBy"),
        account: text("accountId"),
        identity,
    };
    let identity_type = parts.identity.text("type");
    let source_identity = session.text("sourceIdentity").or_else(|| attributes.text("sourceIdentity"));
    Identity {
        principal: parts.principal(identity_type.as_deref()),
        actor: parts.actor(identity_type.as_deref(), source_identity.as_deref()),
        access_key_id: parts.identity.text("accessKeyId"),
        mfa: attributes.get_any_case("mfaAuthenticated").and_then(View::bool),
        issuer_account: parts.issuer.text("accountId"),
        principal_id: parts.principal_id,
        account: parts.account,
        invoked_by: parts.invoked_by,
        identity_type,
        source_identity,
    }
}

impl Parts<'_> {
    fn principal(&self, identity_type: Option<&str>) -> Option<String> {
        let by_type = match identity_type {
            Some("AssumedRole" | "Role" | "FederatedUser") => {
                self.issuer.text("arn").or_else(|| self.role_of_session())
            }
            Some("AWSService") | None => self.invoked_by.clone(),
            Some("IdentityCenterUser") => self.identity_center_user(),
            Some("SAMLUser" | "WebIdentityUser") => self.identity.text("identityProvider"),
            Some(_) => None,
        };
        by_type.or_else(|| self.arn.clone()).or_else(|| self.without_arn())
    }

    /// `arn:P:sts::A:assumed-role/Role/Session` → `arn:P:iam::A:role/Role`. The path is lost: nothing else is there.
    fn role_of_session(&self) -> Option<String> {
        let (head, session) = self.arn.as_deref()?.split_once(":assumed-role/")?;
        let role = session.split('/').next()?;
        Some(format!("{}:role/{role}", head.replacen(":sts:", ":iam:", 1)))
    }

    fn identity_center_user(&self) -> Option<String> {
        let on_behalf_of = self.identity.object("onBehalfOf");
        let user = on_behalf_of.text("userId")?;
        Some(match on_behalf_of.text("identityStoreArn") {
            Some(store) => format!("{store}/user/{user}"),
            None => user,
        })
    }

    /// The part of the principal id that outlives the session, else whatever else there is.
    fn without_arn(&self) -> Option<String> {
        let stable =
            self.principal_id.as_deref().and_then(|id| id.split(':').next()).filter(|id| !id.is_empty());
        let stable = stable.map(str::to_owned).or_else(|| self.identity.text("userName"));
        stable.or_else(|| self.account.clone()).or_else(|| self.invoked_by.clone())
    }

    fn actor(&self, identity_type: Option<&str>, source_identity: Option<&str>) -> Option<String> {
        self.identity
            .object("inScopeOf")
            .text("credentialsIssuedTo")
            .or_else(|| source_identity.map(str::to_owned))
            .or_else(|| self.session_name(identity_type))
            .or_else(|| self.identity.text("userName"))
            .or_else(|| self.identity.object("onBehalfOf").text("userId"))
    }

    fn session_name(&self, identity_type: Option<&str>) -> Option<String> {
        if matches!(identity_type, Some("SAMLUser" | "WebIdentityUser")) {
            return None;
        }
        let of_id =
            self.principal_id.as_deref().and_then(|id| id.split_once(':')).map(|(_, session)| session);
        let of_arn = || {
            let (_, session) = self.arn.as_deref()?.split_once(":assumed-role/")?;
            session.split_once('/').map(|(_, name)| name)
        };
        of_id.or_else(of_arn).filter(|name| !name.is_empty()).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Identity {
        identity(Some(View::new(json)))
    }

    #[track_caller]
    fn check(json: &str, principal: Option<&str>, actor: Option<&str>) {
        let identity = of(json);
        assert_eq!((identity.principal.as_deref(), identity.actor.as_deref()), (principal, actor), "{json}");
    }

    #[test]
    fn assumed_roles_are_the_role_with_its_path_and_the_session_is_the_actor() {
        check(
            r#"{"type":"AssumedRole","principalId":"AROAX:sess","arn":"arn:aws:sts::1:assumed-role/R/sess","sessionContext":{"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::1:role/a/path/R","userName":"R"}}}"#,
            Some("arn:aws:iam::1:role/a/path/R"),
            Some("sess"),
        );
    }

    #[test]
    fn an_empty_session_issuer_leaves_the_role_of_the_sts_arn() {
        check(
            r#"{"type":"AssumedRole","arn":"arn:aws-us-gov:sts::1:assumed-role/R/sess","sessionContext":{"sessionIssuer":{}}}"#,
            Some("arn:aws-us-gov:iam::1:role/R"),
            Some("sess"),
        );
    }

    #[test]
    fn users_root_and_federated_users() {
        check(
            r#"{"type":"IAMUser","principalId":"AIDAX","arn":"arn:aws:iam::1:user/a","userName":"a","sessionContext":{"sessionIssuer":{}}}"#,
            Some("arn:aws:iam::1:user/a"),
            Some("a"),
        );
        check(
            r#"{"type":"Root","principalId":"1","arn":"arn:aws:iam::1:root","accountId":"1"}"#,
            Some("arn:aws:iam::1:root"),
            None,
        );
        check(
            r#"{"type":"FederatedUser","principalId":"1:bob","arn":"arn:aws:sts::1:federated-user/bob","sessionContext":{"sessionIssuer":{"type":"IAMUser","arn":"arn:aws:iam::1:user/broker"}}}"#,
            Some("arn:aws:iam::1:user/broker"),
            Some("bob"),
        );
    }

    #[test]
    fn service_events_have_no_type_and_services_no_account() {
        check(
            r#"{"accountId":"1","invokedBy":"secretsmanager.amazonaws.com"}"#,
            Some("secretsmanager.amazonaws.com"),
            None,
        );
        check(
            r#"{"type":"AWSService","invokedBy":"ecs-tasks.amazonaws.com"}"#,
            Some("ecs-tasks.amazonaws.com"),
            None,
        );
    }

    #[test]
    fn foreign_accounts_without_arn_are_the_stable_part_of_the_principal_id() {
        check(
            r#"{"type":"AWSAccount","principalId":"AROAX:sess","accountId":"2"}"#,
            Some("AROAX"),
            Some("sess"),
        );
        check(r#"{"type":"AWSAccount","principalId":"","accountId":"anonymous"}"#, Some("anonymous"), None);
    }

    #[test]
    fn people_of_identity_center_and_identity_providers() {
        check(
            r#"{"type":"IdentityCenterUser","accountId":"1","onBehalfOf":{"userId":"u-1","identityStoreArn":"arn:aws:identitystore::1:identitystore/d-9"}}"#,
            Some("arn:aws:identitystore::1:identitystore/d-9/user/u-1"),
            Some("u-1"),
        );
        check(
            r#"{"type":"SAMLUser","principalId":"q:ann@example.com","userName":"ann@example.com","identityProvider":"q"}"#,
            Some("q"),
            Some("ann@example.com"),
        );
    }

    #[test]
    fn credentials_issued_to_a_function_and_source_identities_name_the_actor() {
        check(
            r#"{"type":"AssumedRole","principalId":"AROAX:f","sessionContext":{"sourceIdentity":"ann"},"inScopeOf":{"credentialsIssuedTo":"arn:aws:lambda:r:1:function:f"}}"#,
            Some("AROAX"),
            Some("arn:aws:lambda:r:1:function:f"),
        );
        check(
            r#"{"type":"AssumedRole","principalId":"AROAX:f","sessionContext":{"sourceIdentity":"ann"}}"#,
            Some("AROAX"),
            Some("ann"),
        );
    }

    #[test]
    fn mfa_is_a_string_and_an_empty_access_key_is_none() {
        let identity = of(
            r#"{"type":"IAMUser","accessKeyId":"","sessionContext":{"attributes":{"mfaAuthenticated":"true"}}}"#,
        );
        assert_eq!((identity.mfa, identity.access_key_id), (Some(true), None));
        assert_eq!(self::identity(None), Identity::default());
    }
}
