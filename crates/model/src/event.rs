//! An event: one CloudTrail record that Snowtrail keeps, as one row.
//!
//! Holds only what the record itself proves. What depends on other records or on the policy (which ARN a bare
//! name meant at that time, who counts as a person) is resolved at query time in `queries/views`.
//! The table's columns are these fields, in this order; `crates/lake` owns their Arrow types and descriptions.

use jiff::Timestamp;

/// One kept CloudTrail record. Strings are as CloudTrail wrote them unless a field says otherwise; times are UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `eventID`: CloudTrail's GUID of this record. Unique together with [`Event::account_id`].
    pub event_id: String,
    /// `eventTime`: when the request completed, UTC, one-second resolution.
    pub event_time: Timestamp,
    /// `eventVersion`, such as `1.11`. Compare parts as numbers, never as a float.
    pub event_version: Option<String>,
    /// `eventSource`, such as `secretsmanager.amazonaws.com`.
    pub event_source: String,
    /// `eventName`: the API action or the service event's name.
    pub event_name: String,
    /// `eventType`, such as `AwsApiCall`; `AwsVpceEvents` is normalized to `AwsVpceEvent`.
    pub event_type: String,
    /// `eventCategory`: `Management`, `Data`, `NetworkActivity`, `Insight`; absent before eventVersion 1.07.
    pub event_category: Option<String>,
    /// `awsRegion`.
    pub aws_region: String,
    /// `recipientAccountId`: the account this copy was delivered to; the caller's account where it is absent.
    pub account_id: String,
    /// The stable identity: role ARN with its path, user ARN, root ARN, or the AWS service. Never the session.
    pub principal: Option<String>,
    /// `userIdentity.principalId`.
    pub principal_id: Option<String>,
    /// Who acted within the principal: session name, source identity, SSO user, instance id, function ARN.
    pub actor: Option<String>,
    /// The account that the principal belongs to (`userIdentity.accountId`).
    pub principal_account: Option<String>,
    /// `userIdentity.accessKeyId`; null where absent or empty.
    pub access_key_id: Option<String>,
    /// `userIdentity.type`; null on service events.
    pub identity_type: Option<String>,
    /// `sessionContext.sourceIdentity`.
    pub source_identity: Option<String>,
    /// `userIdentity.invokedBy`: the AWS service that made the call.
    pub invoked_by: Option<String>,
    /// `sessionContext.attributes.mfaAuthenticated`, which CloudTrail writes as a string.
    pub mfa: Option<bool>,
    /// `sessionCredentialFromConsole`: the call was made with the console's credentials.
    pub from_console: bool,
    /// `sourceIPAddress` where it is an IP address.
    pub source_ip: Option<String>,
    /// `sourceIPAddress` where it names a service (`secretsmanager.amazonaws.com`, `AWS Internal`).
    pub source_service: Option<String>,
    /// `userAgent`.
    pub user_agent: Option<String>,
    /// `vpcEndpointId`. Proves nothing on records with [`Event::invoked_by`]: it may be AWS's own endpoint.
    pub vpc_endpoint_id: Option<String>,
    /// What was touched: secrets, keys, parameters, roles, trails, buckets. A batch names twenty.
    pub targets: Vec<Target>,
    /// The secret version asked for or written (`versionId`, `clientRequestToken` of a write, the Decrypt context).
    pub secret_version_id: Option<String>,
    /// The staging label asked for or moved (`AWSCURRENT`, …).
    pub version_stage: Option<String>,
    /// The KMS key's ARN, resolved by AWS.
    pub kms_key_arn: Option<String>,
    /// `requestParameters.withDecryption` of a Parameter Store read; absent means false to AWS and null here.
    pub with_decryption: Option<bool>,
    /// How the call ended.
    pub outcome: Outcome,
    /// `errorCode`.
    pub error_code: Option<String>,
    /// `errorMessage`. Service events may carry it without a code.
    pub error_message: Option<String>,
    /// `readOnly`.
    pub read_only: Option<bool>,
    /// `sharedEventID`: the same action's other copies, if any were delivered.
    pub shared_event_id: Option<String>,
    /// `requestID`. Not unique, not always a UUID.
    pub request_id: Option<String>,
    /// `requestParameters` as JSON text, redacted.
    pub request_parameters: Option<String>,
    /// `responseElements` as JSON text, redacted.
    pub response_elements: Option<String>,
    /// `additionalEventData` as JSON text, redacted.
    pub additional_event_data: Option<String>,
    /// `serviceEventDetails` as JSON text, redacted.
    pub service_event_details: Option<String>,
    /// `addendum.reason`: `DELIVERY_DELAY`, `UPDATED_DATA`, `SERVICE_OUTAGE`.
    pub addendum_reason: Option<String>,
    /// `addendum.originalEventID`: the event that this one corrects. The original then no longer counts.
    pub corrects_event_id: Option<String>,
    /// AWS left out a part of the record because it was too large: what is missing is unknown, not absent.
    pub truncated: bool,
    /// Something like a secret value stood in the record in clear; it was replaced before it got here.
    pub redacted: bool,
    /// `encryptionContext` of a KMS call.
    pub encryption_context: Vec<KeyValue>,
    /// Tags set by this call.
    pub tags: Vec<KeyValue>,
    /// Rotation settings set by this call.
    pub rotation: Option<RotationSettings>,
    /// Statements of a resource, key, bucket, queue or topic policy set by this call.
    pub policy_statements: Vec<PolicyStatement>,
    /// A KMS grant made or taken back by this call.
    pub grant: Option<Grant>,
    /// The event selectors set by PutEventSelectors, basic and advanced alike.
    pub event_selectors: Vec<EventSelector>,
    /// Trail settings set by CreateTrail or UpdateTrail.
    pub trail: Option<TrailSettings>,
    /// Regions that a secret is replicated to (or removed from) by this call.
    pub replica_regions: Vec<String>,
    /// BatchGetSecretValue asked by filter: the record does not say which secrets were returned.
    pub asked_by_filter: bool,
    /// DeleteSecret without recovery.
    pub force_delete: Option<bool>,
    /// Recovery or pending window of a deletion, in days.
    pub deletion_window_days: Option<i32>,
    /// When the deletion takes effect, as far as the record says; AWS's zone-less dates are read as UTC.
    pub deletion_date: Option<Timestamp>,
    /// Tasks that UpdateService asks an ECS service to run; 0 switches it off, null was not said: the number stays.
    pub desired_count: Option<i32>,
    /// State that PutRule gives an EventBridge rule: `ENABLED` (also where it was not said), `DISABLED`,
    /// `ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS`.
    pub rule_state: Option<String>,
    /// 64-bit FNV-1a hash over the identifying content, equal for every feed's form of one record. Two rows
    /// with one identity and different hashes are a forgery or corruption (`conflicting_duplicate`).
    pub content_hash: i64,
}

/// How a call ended, from `errorCode` and `errorMessage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// No error. CloudTrail omits `errorCode` on success.
    Ok,
    /// Refused by access control: `AccessDenied…`, `…UnauthorizedOperation`, `VpceAccessDenied`.
    Denied,
    /// `ThrottlingException`, `Rate exceeded` and kin.
    Throttled,
    /// The target does not exist: `ResourceNotFoundException`, `NotFoundException`, `ParameterNotFound`.
    NotFound,
    /// Any other error; also a service event that reports a failure.
    Error,
}

impl Outcome {
    /// The value in the `outcome` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Denied => "denied",
            Outcome::Throttled => "throttled",
            Outcome::NotFound => "not_found",
            Outcome::Error => "error",
        }
    }
}

/// One thing that a call touched.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// What kind of thing.
    pub kind: TargetKind,
    /// The full ARN where the record proves it; null for a bare name or a partial ARN.
    pub arn: Option<String>,
    /// The name without ARN and suffix, where it can be told; for a parameter without `:version` or `:label`.
    pub name: Option<String>,
    /// What the caller typed, verbatim, where the caller typed it.
    pub as_asked: Option<String>,
}

/// Kinds of targets; the `kind` field of the `targets` column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TargetKind {
    /// A Secrets Manager secret.
    Secret,
    /// A KMS key.
    Key,
    /// A KMS alias.
    Alias,
    /// A Parameter Store parameter.
    Parameter,
    /// A Parameter Store path that was read whole.
    ParameterPath,
    /// An IAM role.
    Role,
    /// An IAM user.
    User,
    /// A CloudTrail trail or event data store.
    Trail,
    /// An S3 bucket.
    Bucket,
    /// An SQS queue (name or URL as asked).
    Queue,
    /// An SNS topic.
    Topic,
    /// An EventBridge rule.
    Rule,
    /// An ECS service or cluster.
    Service,
    /// Anything else that the record names by ARN.
    Other,
}

impl TargetKind {
    /// The value in the `kind` field.
    pub fn as_str(self) -> &'static str {
        match self {
            TargetKind::Secret => "secret",
            TargetKind::Key => "key",
            TargetKind::Alias => "alias",
            TargetKind::Parameter => "parameter",
            TargetKind::ParameterPath => "parameter_path",
            TargetKind::Role => "role",
            TargetKind::User => "user",
            TargetKind::Trail => "trail",
            TargetKind::Bucket => "bucket",
            TargetKind::Queue => "queue",
            TargetKind::Topic => "topic",
            TargetKind::Rule => "rule",
            TargetKind::Service => "service",
            TargetKind::Other => "other",
        }
    }
}

/// A key and its value, in a list column.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyValue {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// `rotationRules` and what stands beside them in RotateSecret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RotationSettings {
    /// `rotationLambdaARN`.
    pub lambda_arn: Option<String>,
    /// `rotationRules.automaticallyAfterDays`, in days.
    pub automatically_after_days: Option<i32>,
    /// `rotationRules.scheduleExpression`, `rate(…)` or `cron(…)`.
    pub schedule_expression: Option<String>,
    /// `rotationRules.duration`, such as `3h`.
    pub duration: Option<String>,
    /// `rotateImmediately`; AWS's default is true.
    pub rotate_immediately: Option<bool>,
}

/// One statement of a policy document set by a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyStatement {
    /// `Sid`.
    pub sid: Option<String>,
    /// `Allow` or `Deny`.
    pub effect: Option<String>,
    /// `Principal`: every value, whatever its kind; `*` for everyone.
    pub principals: Vec<String>,
    /// `NotPrincipal`.
    pub not_principals: Vec<String>,
    /// `Action`.
    pub actions: Vec<String>,
    /// `NotAction`.
    pub not_actions: Vec<String>,
    /// `Resource` and `NotResource`.
    pub resources: Vec<String>,
    /// `Condition` as JSON text; null where there is none.
    pub condition: Option<String>,
}

/// A KMS grant (CreateGrant, RevokeGrant, RetireGrant).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    /// `grantId`.
    pub grant_id: Option<String>,
    /// `granteePrincipal`.
    pub grantee_principal: Option<String>,
    /// `retiringPrincipal`.
    pub retiring_principal: Option<String>,
    /// `operations`.
    pub operations: Vec<String>,
    /// `constraints.encryptionContextSubset` or `…Equals`, as `key=value`.
    pub constraints: Vec<String>,
}

/// One event selector of a trail. A basic selector fills the first three; an advanced one fills `fields`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventSelector {
    /// `basic` or `advanced`.
    pub form: String,
    /// `readWriteType`: `All`, `ReadOnly`, `WriteOnly`; AWS's default is `All`.
    pub read_write_type: Option<String>,
    /// `includeManagementEvents`; AWS's default is true.
    pub include_management_events: Option<bool>,
    /// `excludeManagementEventSources`.
    pub excluded_sources: Vec<String>,
    /// `fieldSelectors` of an advanced selector.
    pub fields: Vec<FieldSelector>,
}

/// One `fieldSelectors` condition, one operator each: a selector with two operators gives two of these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSelector {
    /// `field`, such as `eventCategory`, `eventSource`, `readOnly`.
    pub field: String,
    /// `equals`, `notEquals`, `startsWith`, `notStartsWith`, `endsWith`, `notEndsWith`.
    pub operator: String,
    /// The operands.
    pub values: Vec<String>,
}

/// Settings of CreateTrail and UpdateTrail; null where the call did not name them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrailSettings {
    /// `s3BucketName`.
    pub s3_bucket: Option<String>,
    /// `s3KeyPrefix`.
    pub s3_prefix: Option<String>,
    /// `snsTopicName`; empty means removed.
    pub sns_topic: Option<String>,
    /// `kmsKeyId`.
    pub kms_key: Option<String>,
    /// `cloudWatchLogsLogGroupArn`.
    pub log_group: Option<String>,
    /// `isMultiRegionTrail`.
    pub is_multi_region: Option<bool>,
    /// `isOrganizationTrail`.
    pub is_organization: Option<bool>,
    /// `includeGlobalServiceEvents`.
    pub include_global_events: Option<bool>,
    /// `enableLogFileValidation`.
    pub log_file_validation: Option<bool>,
}
