//! One CloudTrail record, scanned and with its keys' places known, to one [`Event`], or to the reason why not.
//!
//! Scope is decided first and from two fields alone, since two records of three end there. Insight and aggregated
//! records carry source, name, time or account elsewhere. Sources: CloudTrail User Guide, "CloudTrail record contents
//! for management, data, and network activity events", "… for Insights events", "Aggregating data events".

use std::borrow::Cow;
use std::net::IpAddr;

use jiff::Timestamp;
use snowtrail_model::event::PolicyStatement;
use snowtrail_model::{Event, RejectReason};

use crate::content_hash::content_hash;
use crate::identity::{Identity, identity};
use crate::keys::{Key, KeyTable};
use crate::outcome::outcome;
use crate::policy_document::{POLICY_STATEMENTS_MAX, statements};
use crate::redact::CallName;
use crate::scope::Scope;
use crate::selectors::selectors;
use crate::settings;
use crate::target::{Call, key_arn, targets};
use crate::time::event_time;
use crate::view::{Object, View};
use crate::visit::visit_texts;

/// What became of a record.
pub(crate) enum Verdict {
    Event(Box<Event>),
    OutOfScope,
    Reject(Refusal),
}

/// Why a record is refused; the detail names the field, never its value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: RejectReason,
    pub(crate) detail: String,
}

/// A validated record and where its fields are.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) text: &'a str,
    pub(crate) keys: &'a KeyTable,
}

/// What every record has, wherever its kind keeps it.
struct Head<'a> {
    source: Cow<'a, str>,
    name: Cow<'a, str>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Call,
    Insight,
    Aggregated,
}

/// Reads a record.
pub(crate) fn read(record: Record<'_>, scope: &Scope) -> Verdict {
    if let Some(key) = record.keys.duplicate() {
        let detail = format!("{} stands there twice", key.spelling());
        return Verdict::Reject(Refusal { reason: RejectReason::DuplicateKey, detail });
    }
    match record.head() {
        Err(refusal) => Verdict::Reject(refusal),
        Ok(None) => Verdict::OutOfScope,
        Ok(Some(head)) if !scope.contains(&head.source, &head.name) => Verdict::OutOfScope,
        Ok(Some(head)) => match record.event(&head, scope) {
            Ok(event) => Verdict::Event(event),
            Err(refusal) => Verdict::Reject(refusal),
        },
    }
}

impl<'a> Record<'a> {
    /// The value under a key, unless it is null.
    pub(crate) fn view(&self, key: Key) -> Option<View<'a>> {
        let (start, end) = self.keys.span(key)?;
        Some(View::exact(self.text.get(start..end)?)).filter(|view| !view.is_null())
    }

    /// The non-empty string under a key; anything else is as if it were absent.
    pub(crate) fn text(&self, key: Key) -> Option<String> {
        self.view(key)?.filled()
    }

    fn object(&self, key: Key) -> Object<'a> {
        self.view(key).map(View::object).unwrap_or_default()
    }

    /// The non-empty string under a key that every record of this kind has.
    fn required(&self, key: Key) -> Result<Cow<'a, str>, Refusal> {
        let view = self.view(key).ok_or_else(|| missing(key))?;
        let text = view.text().ok_or_else(|| bad(key, "is not a string"))?;
        if text.is_empty() { Err(bad(key, "is empty")) } else { Ok(text) }
    }

    /// A string that may be absent, but whose wrong type would change what the record means.
    fn optional(&self, key: Key) -> Result<Option<String>, Refusal> {
        match self.view(key) {
            None => Ok(None),
            Some(view) if view.is_string() => Ok(view.filled()),
            Some(_) => Err(bad(key, "is not a string")),
        }
    }

    /// Source and name; `None` for a summary that names none, which is about no call in scope.
    fn head(&self) -> Result<Option<Head<'a>>, Refusal> {
        let is_plain = self.keys.has(Key::EventSource) && self.keys.has(Key::EventName);
        if self.keys.has(Key::AggregatedEventId) && !self.keys.has(Key::EventId) {
            return Ok(self.aggregated_head());
        }
        if !is_plain && self.keys.has(Key::InsightDetails) {
            let details = self.object(Key::InsightDetails);
            let text = |key| details.get(key).and_then(View::text);
            let (Some(source), Some(name)) = (text("eventSource"), text("eventName")) else {
                return Err(missing(Key::InsightDetails));
            };
            return Ok(Some(Head { source, name, kind: Kind::Insight }));
        }
        let (source, name) = (self.required(Key::EventSource)?, self.required(Key::EventName)?);
        Ok(Some(Head { source, name, kind: Kind::Call }))
    }

    fn aggregated_head(&self) -> Option<Head<'a>> {
        let summary = self.object(Key::Summary);
        let either = |key: Key| {
            let own = self.view(key).and_then(View::text);
            own.or_else(|| summary.get(key.spelling()).and_then(View::text))
        };
        let source = either(Key::EventSource)?;
        let name = either(Key::EventName).unwrap_or(Cow::Borrowed("AggregatedEvent"));
        Some(Head { source, name, kind: Kind::Aggregated })
    }

    fn event(&self, head: &Head<'_>, scope: &Scope) -> Result<Box<Event>, Refusal> {
        let redactor = scope.redactor();
        let name = CallName { source: &head.source, name: &head.name };
        let suspect = redactor.suspects_values(self.text);
        let mut redacted = false;
        let mut event = self.proven(head)?;
        for (column, key) in [
            (&mut event.request_parameters, Key::RequestParameters),
            (&mut event.response_elements, Key::ResponseElements),
            (&mut event.additional_event_data, head.kind.extra_key()),
            (&mut event.service_event_details, Key::ServiceEventDetails),
        ] {
            *column = self.view(key).map(|view| redactor.json(view.raw(), name, suspect, &mut redacted));
        }
        if suspect {
            redacted |= visit_texts(&mut event, &mut |text| redactor.text(text));
        }
        event.redacted = redacted;
        Ok(event)
    }

    /// Everything but the JSON columns, not redacted yet.
    fn proven(&self, head: &Head<'_>) -> Result<Box<Event>, Refusal> {
        let event_id = self.required(head.kind.id_key())?.into_owned();
        let event_time = self.time(head.kind)?;
        let identity = self.identity()?;
        let account_id = self.account(head.kind, &identity)?;
        let error_code = self.optional(Key::ErrorCode)?;
        let error_message = self.optional(Key::ErrorMessage)?;
        let request_id = self.text(Key::RequestId);
        let (request, request_cut) = self.part(Key::RequestParameters);
        let (response, response_cut) = self.part(Key::ResponseElements);
        let (additional, additional_cut) = self.part(Key::AdditionalEventData);
        let (details, details_cut) = self.part(Key::ServiceEventDetails);
        let call = Call {
            source: &head.source,
            name: &head.name,
            request,
            response,
            additional,
            details,
            resource_arns: self.resource_arns(),
            error_message: error_message.as_deref(),
            request_id: request_id.as_deref(),
        };
        let targets = targets(&call);
        let policy_statements = statements(&call);
        let (source_ip, source_service) = self.source_address();
        let addendum = self.object(Key::Addendum);
        let mut event = Event {
            event_time,
            event_version: self.text(Key::EventVersion),
            event_source: head.source.to_string(),
            event_name: head.name.to_string(),
            event_type: self.event_type(head.kind),
            event_category: self.text(Key::EventCategory),
            aws_region: self.required(Key::AwsRegion)?.into_owned(),
            account_id,
            principal: identity.principal,
            principal_id: identity.principal_id,
            actor: identity.actor,
            principal_account: identity.account,
            access_key_id: identity.access_key_id,
            identity_type: identity.identity_type,
            source_identity: identity.source_identity,
            invoked_by: identity.invoked_by,
            mfa: identity.mfa,
            from_console: self.view(Key::SessionCredentialFromConsole).and_then(View::bool) == Some(true),
            source_ip,
            source_service,
            user_agent: self.text(Key::UserAgent),
            vpc_endpoint_id: self.text(Key::VpcEndpointId),
            secret_version_id: settings::secret_version(&call),
            version_stage: settings::version_stage(&call),
            kms_key_arn: (&*head.source == "kms.amazonaws.com").then(|| key_arn(&targets)).flatten(),
            with_decryption: call.request.get_any_case("withDecryption").and_then(View::bool),
            outcome: outcome(&head.name, error_code.as_deref(), error_message.as_deref()),
            read_only: self.view(Key::ReadOnly).and_then(View::bool),
            shared_event_id: self.text(Key::SharedEventId),
            request_parameters: None,
            response_elements: None,
            additional_event_data: None,
            service_event_details: None,
            addendum_reason: addendum.text("reason"),
            corrects_event_id: addendum.text("originalEventID"),
            truncated: request_cut
                || response_cut
                || additional_cut
                || details_cut
                || is_full(&policy_statements),
            redacted: false,
            encryption_context: settings::encryption_context(&call),
            tags: settings::tags(&call),
            rotation: settings::rotation(&call),
            grant: settings::grant(&call),
            event_selectors: selectors(&call),
            trail: settings::trail(&call),
            replica_regions: settings::replica_regions(&call),
            asked_by_filter: head.name == "BatchGetSecretValue" && call.request.get("filters").is_some(),
            force_delete: call.request.get_any_case("forceDeleteWithoutRecovery").and_then(View::bool),
            deletion_window_days: settings::deletion_window_days(&call),
            deletion_date: settings::deletion_date(&call),
            desired_count: settings::desired_count(&call),
            rule_state: settings::rule_state(&call),
            content_hash: 0,
            event_id,
            targets,
            policy_statements,
            error_code: None,
            error_message: None,
            request_id: None,
        };
        (event.error_code, event.error_message, event.request_id) = (error_code, error_message, request_id);
        event.content_hash = content_hash(&event);
        Ok(Box::new(event))
    }

    fn time(&self, kind: Kind) -> Result<Timestamp, Refusal> {
        if kind == Kind::Aggregated {
            let start =
                self.object(Key::TimeWindow).text("windowStart").ok_or_else(|| missing(Key::TimeWindow))?;
            return event_time(&start).ok_or_else(|| bad(Key::TimeWindow, "does not start with a time"));
        }
        event_time(&self.required(Key::EventTime)?)
            .ok_or_else(|| bad(Key::EventTime, "is not a time of the form YYYY-MM-DDTHH:MM:SSZ"))
    }

    fn identity(&self) -> Result<Identity, Refusal> {
        match self.view(Key::UserIdentity) {
            Some(view) if !view.is_object() => Err(bad(Key::UserIdentity, "is not an object")),
            view => Ok(identity(view)),
        }
    }

    /// The account that this copy was delivered to. Old records say it only in the identity.
    fn account(&self, kind: Kind, identity: &Identity) -> Result<String, Refusal> {
        let own = if kind == Kind::Aggregated { Key::AccountId } else { Key::RecipientAccountId };
        let account = self.optional(own)?.or_else(|| identity.account.clone());
        account.or_else(|| identity.issuer_account.clone()).ok_or_else(|| missing(own))
    }

    /// A part of the call, empty where AWS left it out because it was too large (`omitted: true`), and whether it did.
    fn part(&self, key: Key) -> (Object<'a>, bool) {
        let object = self.object(key);
        let is_omitted = object.get("omitted").and_then(View::bool) == Some(true);
        (if is_omitted { Object::default() } else { object }, is_omitted)
    }

    fn resource_arns(&self) -> Vec<String> {
        let list = self.view(Key::Resources).into_iter().flat_map(View::elements);
        list.filter_map(|resource| resource.members().find(|(key, _)| key == "ARN")?.1.filled()).collect()
    }

    /// `sourceIPAddress` as an address, or as whatever else stands there: a service.
    fn source_address(&self) -> (Option<String>, Option<String>) {
        match self.text(Key::SourceIpAddress) {
            Some(text) if text.parse::<IpAddr>().is_ok() => (Some(text), None),
            other => (None, other),
        }
    }

    fn event_type(&self, kind: Kind) -> String {
        match (self.text(Key::EventType), kind) {
            (Some(text), _) if text == "AwsVpceEvents" => "AwsVpceEvent".to_owned(),
            (Some(text), _) => text,
            (None, Kind::Call) => "AwsApiCall".to_owned(),
            (None, Kind::Insight) => "AwsCloudTrailInsight".to_owned(),
            (None, Kind::Aggregated) => "AwsAggregatedEvent".to_owned(),
        }
    }
}

impl Kind {
    fn id_key(self) -> Key {
        if self == Kind::Aggregated { Key::AggregatedEventId } else { Key::EventId }
    }

    /// Where the kind keeps what is kept as `additional_event_data`.
    fn extra_key(self) -> Key {
        match self {
            Kind::Call => Key::AdditionalEventData,
            Kind::Insight => Key::InsightDetails,
            Kind::Aggregated => Key::Summary,
        }
    }
}

fn is_full(statements: &[PolicyStatement]) -> bool {
    statements.len() == POLICY_STATEMENTS_MAX
}

fn missing(key: Key) -> Refusal {
    Refusal { reason: RejectReason::MissingField, detail: format!("{} is missing", key.spelling()) }
}

fn bad(key: Key, problem: &str) -> Refusal {
    Refusal { reason: RejectReason::BadField, detail: format!("{} {problem}", key.spelling()) }
}
