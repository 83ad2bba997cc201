//! The `events` table: what one CloudTrail record proves, as columns. Partitioned by `event_date`.
//!
//! Meanings follow [`snowtrail_model::Event`]; the facts behind them are AWS's CloudTrail User Guide, "CloudTrail
//! record contents for management, data, and network activity events" and "CloudTrail userIdentity element".

use std::sync::Arc;

use jiff::Timestamp;
use snowtrail_model::event::{
    Event, EventSelector, FieldSelector, Grant, KeyValue, PolicyStatement, RotationSettings, Target,
    TrailSettings,
};

use crate::column::{Column, flag, int, long, one, structs, text, texts, time, utc_day};

/// An event and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// The event. Boxed: rows are handed over, sorted and judged, and an event is a kilobyte.
    pub event: Box<Event>,
    /// The object or message that it was read from first.
    pub source_uri: Arc<str>,
    /// Its position among that source's records, from 0.
    pub source_index: u64,
    /// When it was stored, UTC.
    pub ingested_at: Timestamp,
}

/// Texts that may be new in nearly every row, or repeat, by what an organization's sessions and calls are like.
pub(crate) const MAYBE_NEW: [&str; 9] = [
    "principal_id",
    "actor",
    "shared_event_id",
    "access_key_id",
    "source_ip",
    "vpc_endpoint_id",
    "request_parameters",
    "response_elements",
    "additional_event_data",
];

pub(super) fn columns() -> Vec<Column<EventRow>> {
    let mut columns = what_and_when();
    columns.extend(who());
    columns.extend(from_where_and_to_what());
    columns.extend(outcome_and_bodies());
    columns.extend(bookkeeping());
    columns.extend(typed_bodies());
    columns.extend(origin());
    columns
}

fn what_and_when() -> Vec<Column<EventRow>> {
    vec![
        text("event_id", "eventID: GUID of this record; unique together with account_id", |r: &EventRow| {
            Some(&r.event.event_id)
        }),
        time(
            "event_time",
            "eventTime: when the request completed, UTC, one-second resolution",
            |r: &EventRow| Some(r.event.event_time),
        ),
        utc_day("event_date", "UTC day of event_time; the partition", |r: &EventRow| r.event.event_time),
        text("event_version", "eventVersion, such as 1.11; compare its parts as numbers", |r: &EventRow| {
            r.event.event_version.as_deref()
        }),
        text("event_source", "eventSource, such as secretsmanager.amazonaws.com", |r: &EventRow| {
            Some(&r.event.event_source)
        }),
        text("event_name", "eventName: API action or service event", |r: &EventRow| {
            Some(&r.event.event_name)
        }),
        text("event_type", "eventType, such as AwsApiCall, AwsServiceEvent, AwsVpceEvent", |r: &EventRow| {
            Some(&r.event.event_type)
        }),
        text(
            "event_category",
            "eventCategory: Management, Data, NetworkActivity, Insight",
            |r: &EventRow| r.event.event_category.as_deref(),
        ),
        text("aws_region", "awsRegion", |r: &EventRow| Some(&r.event.aws_region)),
        text("account_id", "recipientAccountId: the account this copy was delivered to", |r: &EventRow| {
            Some(&r.event.account_id)
        }),
    ]
}

fn who() -> Vec<Column<EventRow>> {
    vec![
        text(
            "principal",
            "Stable identity: role ARN with path, user ARN, root ARN, or AWS service",
            |r: &EventRow| r.event.principal.as_deref(),
        ),
        text("principal_id", "userIdentity.principalId", |r: &EventRow| r.event.principal_id.as_deref()),
        text(
            "actor",
            "Who within the principal: session, source identity, SSO user, instance, function",
            |r: &EventRow| r.event.actor.as_deref(),
        ),
        text("principal_account", "Account that the principal belongs to", |r: &EventRow| {
            r.event.principal_account.as_deref()
        }),
        text("access_key_id", "userIdentity.accessKeyId", |r: &EventRow| r.event.access_key_id.as_deref()),
        text("identity_type", "userIdentity.type; null on service events", |r: &EventRow| {
            r.event.identity_type.as_deref()
        }),
        text("source_identity", "sessionContext.sourceIdentity", |r: &EventRow| {
            r.event.source_identity.as_deref()
        }),
        text("invoked_by", "userIdentity.invokedBy: the AWS service that made the call", |r: &EventRow| {
            r.event.invoked_by.as_deref()
        }),
        flag("mfa", "sessionContext.attributes.mfaAuthenticated", |r: &EventRow| r.event.mfa),
        flag(
            "from_console",
            "sessionCredentialFromConsole: made with the console's credentials",
            |r: &EventRow| Some(r.event.from_console),
        ),
    ]
}

fn from_where_and_to_what() -> Vec<Column<EventRow>> {
    vec![
        text("source_ip", "sourceIPAddress where it is an IP address", |r: &EventRow| {
            r.event.source_ip.as_deref()
        }),
        text("source_service", "sourceIPAddress where it names an AWS service", |r: &EventRow| {
            r.event.source_service.as_deref()
        }),
        text("user_agent", "userAgent; written by the caller", |r: &EventRow| r.event.user_agent.as_deref()),
        text("vpc_endpoint_id", "vpcEndpointId; proves nothing where invoked_by is set", |r: &EventRow| {
            r.event.vpc_endpoint_id.as_deref()
        }),
        structs(
            "targets",
            "What was touched: kind, full ARN if proven, name, text as asked",
            targets(),
            |r: &EventRow| &r.event.targets,
        ),
        text("secret_version_id", "Secret version asked for, written or decrypted", |r: &EventRow| {
            r.event.secret_version_id.as_deref()
        }),
        text("version_stage", "Staging label asked for or moved", |r: &EventRow| {
            r.event.version_stage.as_deref()
        }),
        text("kms_key_arn", "ARN of the KMS key, resolved by AWS", |r: &EventRow| {
            r.event.kms_key_arn.as_deref()
        }),
        flag(
            "with_decryption",
            "withDecryption of a Parameter Store read; null is AWS's default, false",
            |r: &EventRow| r.event.with_decryption,
        ),
    ]
}

fn outcome_and_bodies() -> Vec<Column<EventRow>> {
    vec![
        text("outcome", "ok, denied, throttled, not_found, error", |r: &EventRow| {
            Some(r.event.outcome.as_str())
        }),
        text("error_code", "errorCode; null on success", |r: &EventRow| r.event.error_code.as_deref()),
        text("error_message", "errorMessage, redacted", |r: &EventRow| r.event.error_message.as_deref()),
        flag("read_only", "readOnly", |r: &EventRow| r.event.read_only),
        text("shared_event_id", "sharedEventID: links the copies of one action", |r: &EventRow| {
            r.event.shared_event_id.as_deref()
        }),
        text("request_id", "requestID; not unique, not always a UUID", |r: &EventRow| {
            r.event.request_id.as_deref()
        }),
        text("request_parameters", "requestParameters, JSON text, redacted", |r: &EventRow| {
            r.event.request_parameters.as_deref()
        }),
        text("response_elements", "responseElements, JSON text, redacted", |r: &EventRow| {
            r.event.response_elements.as_deref()
        }),
        text("additional_event_data", "additionalEventData, JSON text, redacted", |r: &EventRow| {
            r.event.additional_event_data.as_deref()
        }),
        text("service_event_details", "serviceEventDetails, JSON text, redacted", |r: &EventRow| {
            r.event.service_event_details.as_deref()
        }),
    ]
}

fn bookkeeping() -> Vec<Column<EventRow>> {
    vec![
        text(
            "addendum_reason",
            "addendum.reason: DELIVERY_DELAY, UPDATED_DATA, SERVICE_OUTAGE",
            |r: &EventRow| r.event.addendum_reason.as_deref(),
        ),
        text(
            "corrects_event_id",
            "addendum.originalEventID: the event that this one replaces",
            |r: &EventRow| r.event.corrects_event_id.as_deref(),
        ),
        flag("truncated", "AWS left a part out because it was too large", |r: &EventRow| {
            Some(r.event.truncated)
        }),
        flag("redacted", "Something like a secret value stood in clear and was replaced", |r: &EventRow| {
            Some(r.event.redacted)
        }),
    ]
}

fn typed_bodies() -> Vec<Column<EventRow>> {
    vec![
        structs("encryption_context", "KMS encryptionContext", key_values(), |r: &EventRow| {
            &r.event.encryption_context
        }),
        structs("tags", "Tags set by this call", key_values(), |r: &EventRow| &r.event.tags),
        one("rotation", "Rotation settings set by this call", rotation(), |r: &EventRow| {
            r.event.rotation.as_ref()
        }),
        structs(
            "policy_statements",
            "Statements of a policy set by this call",
            statements(),
            |r: &EventRow| &r.event.policy_statements,
        ),
        one("grant", "KMS grant made or taken back by this call", grant(), |r: &EventRow| {
            r.event.grant.as_ref()
        }),
        structs(
            "event_selectors",
            "Event selectors set by PutEventSelectors",
            selectors(),
            |r: &EventRow| &r.event.event_selectors,
        ),
        one("trail", "Trail settings set by CreateTrail or UpdateTrail", trail(), |r: &EventRow| {
            r.event.trail.as_ref()
        }),
        texts("replica_regions", "Regions replicated to, or removed, by this call", |r: &EventRow| {
            &r.event.replica_regions
        }),
        flag(
            "asked_by_filter",
            "BatchGetSecretValue by filter: the record names no secret",
            |r: &EventRow| Some(r.event.asked_by_filter),
        ),
        flag("force_delete", "DeleteSecret without recovery", |r: &EventRow| r.event.force_delete),
        int("deletion_window_days", "Recovery or pending window of a deletion, days", |r: &EventRow| {
            r.event.deletion_window_days
        }),
        time("deletion_date", "When the deletion takes effect, UTC", |r: &EventRow| r.event.deletion_date),
        int(
            "desired_count",
            "Tasks that UpdateService asks for; 0 is off, null was not said",
            |r: &EventRow| r.event.desired_count,
        ),
        text(
            "rule_state",
            "State that PutRule gives the rule; ENABLED where it was not said",
            |r: &EventRow| r.event.rule_state.as_deref(),
        ),
        long(
            "content_hash",
            "64-bit hash of the identifying content; tells a duplicate from a forgery",
            |r: &EventRow| Some(r.event.content_hash),
        ),
    ]
}

fn origin() -> Vec<Column<EventRow>> {
    vec![
        text("source_uri", "Object or message that the event was read from first", |r: &EventRow| {
            Some(&r.source_uri)
        }),
        long("source_index", "Position among that source's records, from 0", |r: &EventRow| {
            i64::try_from(r.source_index).ok()
        }),
        time("ingested_at", "When the row was stored, UTC", |r: &EventRow| Some(r.ingested_at)),
    ]
}

fn targets() -> Vec<Column<Target>> {
    vec![
        text(
            "kind",
            "secret, key, alias, parameter, parameter_path, role, user, trail, bucket, …",
            |t: &Target| Some(t.kind.as_str()),
        ),
        text("arn", "Full ARN, if the record proves it", |t: &Target| t.arn.as_deref()),
        text("name", "Name without ARN and suffix", |t: &Target| t.name.as_deref()),
        text("as_asked", "What the caller typed", |t: &Target| t.as_asked.as_deref()),
    ]
}

fn key_values() -> Vec<Column<KeyValue>> {
    vec![
        text("key", "Key", |k: &KeyValue| Some(&k.key)),
        text("value", "Value", |k: &KeyValue| Some(&k.value)),
    ]
}

fn rotation() -> Vec<Column<RotationSettings>> {
    vec![
        text("lambda_arn", "rotationLambdaARN", |r: &RotationSettings| r.lambda_arn.as_deref()),
        int(
            "automatically_after_days",
            "rotationRules.automaticallyAfterDays, days",
            |r: &RotationSettings| r.automatically_after_days,
        ),
        text("schedule_expression", "rotationRules.scheduleExpression", |r: &RotationSettings| {
            r.schedule_expression.as_deref()
        }),
        text("duration", "rotationRules.duration, such as 3h", |r: &RotationSettings| r.duration.as_deref()),
        flag("rotate_immediately", "rotateImmediately; AWS's default is true", |r: &RotationSettings| {
            r.rotate_immediately
        }),
    ]
}

fn statements() -> Vec<Column<PolicyStatement>> {
    vec![
        text("sid", "Sid", |s: &PolicyStatement| s.sid.as_deref()),
        text("effect", "Allow or Deny", |s: &PolicyStatement| s.effect.as_deref()),
        texts("principals", "Principal, every value; * is everyone", |s: &PolicyStatement| &s.principals),
        texts("not_principals", "NotPrincipal", |s: &PolicyStatement| &s.not_principals),
        texts("actions", "Action", |s: &PolicyStatement| &s.actions),
        texts("not_actions", "NotAction", |s: &PolicyStatement| &s.not_actions),
        texts("resources", "Resource and NotResource", |s: &PolicyStatement| &s.resources),
        text("condition", "Condition as JSON text; null where there is none", |s: &PolicyStatement| {
            s.condition.as_deref()
        }),
    ]
}

fn grant() -> Vec<Column<Grant>> {
    vec![
        text("grant_id", "grantId", |g: &Grant| g.grant_id.as_deref()),
        text("grantee_principal", "granteePrincipal", |g: &Grant| g.grantee_principal.as_deref()),
        text("retiring_principal", "retiringPrincipal", |g: &Grant| g.retiring_principal.as_deref()),
        texts("operations", "operations", |g: &Grant| &g.operations),
        texts("constraints", "Encryption context constraints, key=value", |g: &Grant| &g.constraints),
    ]
}

fn selectors() -> Vec<Column<EventSelector>> {
    vec![
        text("form", "basic or advanced", |s: &EventSelector| Some(&s.form)),
        text("read_write_type", "All, ReadOnly, WriteOnly", |s: &EventSelector| s.read_write_type.as_deref()),
        flag("include_management_events", "includeManagementEvents", |s: &EventSelector| {
            s.include_management_events
        }),
        texts("excluded_sources", "excludeManagementEventSources", |s: &EventSelector| &s.excluded_sources),
        structs("fields", "Conditions of an advanced selector", field_selectors(), |s: &EventSelector| {
            &s.fields
        }),
    ]
}

fn field_selectors() -> Vec<Column<FieldSelector>> {
    vec![
        text("field", "Field, such as eventCategory", |f: &FieldSelector| Some(&f.field)),
        text(
            "operator",
            "equals, notEquals, startsWith, notStartsWith, endsWith, notEndsWith",
            |f: &FieldSelector| Some(&f.operator),
        ),
        texts("values", "Operands", |f: &FieldSelector| &f.values),
    ]
}

fn trail() -> Vec<Column<TrailSettings>> {
    vec![
        text("s3_bucket", "s3BucketName", |t: &TrailSettings| t.s3_bucket.as_deref()),
        text("s3_prefix", "s3KeyPrefix", |t: &TrailSettings| t.s3_prefix.as_deref()),
        text("sns_topic", "snsTopicName; empty means removed", |t: &TrailSettings| t.sns_topic.as_deref()),
        text("kms_key", "kmsKeyId", |t: &TrailSettings| t.kms_key.as_deref()),
        text("log_group", "cloudWatchLogsLogGroupArn", |t: &TrailSettings| t.log_group.as_deref()),
        flag("is_multi_region", "isMultiRegionTrail", |t: &TrailSettings| t.is_multi_region),
        flag("is_organization", "isOrganizationTrail", |t: &TrailSettings| t.is_organization),
        flag("include_global_events", "includeGlobalServiceEvents", |t: &TrailSettings| {
            t.include_global_events
        }),
        flag("log_file_validation", "enableLogFileValidation", |t: &TrailSettings| t.log_file_validation),
    ]
}
