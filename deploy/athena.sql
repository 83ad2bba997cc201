-- Made by `python3 deploy/athena.py --write deploy/athena.sql` from the tables' columns and queries/views: change those.
--
-- Athena takes one statement at a time. Put the lake's address after LOCATION (`sed s,s3://LAKE,s3://bucket/prefix,`).
-- Tables are Delta tables, so Athena reads columns, partitions and statistics from their logs, and a commit is seen at once;
-- AWS Glue's catalog holds them afterwards for other engines. They are called stored_…: Athena can make no view with a
-- timestamp that has a time zone, so that every name without the prefix is a view whose times are plain, in UTC.
-- What the policy declares is not in the lake: the policy's tables are empty here, and whatever stands on them sees nothing
-- declared. The tables known_… are empty, as wherever all events are in sight.

CREATE EXTERNAL TABLE stored_events
LOCATION 's3://LAKE/events/'
TBLPROPERTIES ('table_type' = 'DELTA');

CREATE OR REPLACE VIEW "events" AS
SELECT
  "event_id",
  CAST("event_time" AS timestamp(3)) AS "event_time",
  "event_date",
  "event_version",
  "event_source",
  "event_name",
  "event_type",
  "event_category",
  "aws_region",
  "account_id",
  "principal",
  "principal_id",
  "actor",
  "principal_account",
  "access_key_id",
  "identity_type",
  "source_identity",
  "invoked_by",
  "mfa",
  "from_console",
  "source_ip",
  "source_service",
  "user_agent",
  "vpc_endpoint_id",
  "targets",
  "secret_version_id",
  "version_stage",
  "kms_key_arn",
  "with_decryption",
  "outcome",
  "error_code",
  "error_message",
  "read_only",
  "shared_event_id",
  "request_id",
  "request_parameters",
  "response_elements",
  "additional_event_data",
  "service_event_details",
  "addendum_reason",
  "corrects_event_id",
  "truncated",
  "redacted",
  "encryption_context",
  "tags",
  "rotation",
  "policy_statements",
  "grant",
  "event_selectors",
  "trail",
  "replica_regions",
  "asked_by_filter",
  "force_delete",
  "deletion_window_days",
  CAST("deletion_date" AS timestamp(3)) AS "deletion_date",
  "desired_count",
  "rule_state",
  "content_hash",
  "source_uri",
  "source_index",
  CAST("ingested_at" AS timestamp(3)) AS "ingested_at"
FROM stored_events;

CREATE EXTERNAL TABLE stored_findings_history
LOCATION 's3://LAKE/findings/'
TBLPROPERTIES ('table_type' = 'DELTA');

CREATE OR REPLACE VIEW "findings_history" AS
SELECT
  "rule",
  "severity",
  "key",
  "state",
  "revision",
  "title",
  "summary",
  "account_id",
  "aws_region",
  "secret_arn",
  "secret_name",
  "principal",
  "actor",
  CAST("window_start" AS timestamp(3)) AS "window_start",
  CAST("window_end" AS timestamp(3)) AS "window_end",
  "observed",
  "expected",
  "evidence",
  "detail",
  CAST("found_at" AS timestamp(3)) AS "found_at"
FROM stored_findings_history;

CREATE EXTERNAL TABLE stored_pages
LOCATION 's3://LAKE/pages/'
TBLPROPERTIES ('table_type' = 'DELTA');

CREATE OR REPLACE VIEW "pages" AS
SELECT
  "dedupe_key",
  "kind",
  "state",
  "severity",
  "subject",
  "target",
  "owner",
  "finding_keys",
  "resolved_keys",
  CAST("sent_at" AS timestamp(3)) AS "sent_at"
FROM stored_pages;

CREATE EXTERNAL TABLE stored_rejects
LOCATION 's3://LAKE/rejects/'
TBLPROPERTIES ('table_type' = 'DELTA');

CREATE OR REPLACE VIEW "rejects" AS
SELECT
  "reason",
  "detail",
  "source_uri",
  "source_sha256",
  "source_index",
  "byte_offset",
  "event_id",
  "excerpt",
  "bytes_total",
  CAST("rejected_at" AS timestamp(3)) AS "rejected_at"
FROM stored_rejects;

CREATE EXTERNAL TABLE stored_sources
LOCATION 's3://LAKE/sources/'
TBLPROPERTIES ('table_type' = 'DELTA');

CREATE OR REPLACE VIEW "sources" AS
SELECT
  "uri",
  "version",
  "sha256",
  "shape",
  "bytes_stored",
  "bytes_plain",
  "records",
  "stored",
  "out_of_scope",
  "duplicates",
  "rejects",
  "remarks",
  CAST("taken_in_at" AS timestamp(3)) AS "taken_in_at"
FROM stored_sources;

CREATE EXTERNAL TABLE stored_verifications
LOCATION 's3://LAKE/verifications/'
TBLPROPERTIES ('table_type' = 'DELTA');

CREATE OR REPLACE VIEW "verifications" AS
SELECT
  "account_id",
  "aws_region",
  "trail",
  "chain",
  CAST("verified_from" AS timestamp(3)) AS "verified_from",
  CAST("verified_through" AS timestamp(3)) AS "verified_through",
  CAST("newest_digest" AS timestamp(3)) AS "newest_digest",
  "digests",
  "logs",
  "in_lake",
  "faults",
  CAST("asked_from" AS timestamp(3)) AS "asked_from",
  CAST("asked_to" AS timestamp(3)) AS "asked_to",
  "source",
  CAST("verified_at" AS timestamp(3)) AS "verified_at"
FROM stored_verifications;

CREATE OR REPLACE VIEW "findings" AS
SELECT "rule", "severity", "key", "state", "revision", "title", "summary", "account_id", "aws_region", "secret_arn", "secret_name", "principal", "actor", "window_start", "window_end", "observed", "expected", "evidence", "detail", "found_at"
FROM (
  SELECT *, row_number() OVER (PARTITION BY key ORDER BY revision DESC, found_at DESC, state) AS newest
  FROM findings_history
)
WHERE newest = 1 AND state = 'open';

CREATE OR REPLACE VIEW "inventory" AS
SELECT
  CAST(NULL AS varchar) AS "account_id",
  CAST(NULL AS varchar) AS "aws_region",
  CAST(NULL AS varchar) AS "secret_name",
  CAST(NULL AS varchar) AS "secret_arn",
  CAST(NULL AS timestamp(3)) AS "as_of",
  CAST(NULL AS timestamp(3)) AS "created_at",
  CAST(NULL AS timestamp(3)) AS "last_rotated_at",
  CAST(NULL AS timestamp(3)) AS "last_accessed_at",
  CAST(NULL AS timestamp(3)) AS "deleted_at",
  CAST(NULL AS varchar) AS "kms_key",
  CAST(NULL AS boolean) AS "rotation_on",
  CAST(NULL AS bigint) AS "rotation_days",
  CAST(NULL AS varchar) AS "rotation_schedule",
  CAST(NULL AS varchar) AS "rotation_lambda",
  CAST(NULL AS varchar) AS "primary_region",
  CAST(NULL AS varchar) AS "owning_service",
  CAST(NULL AS varchar) AS "current_version"
WHERE false;

CREATE OR REPLACE VIEW "inventory_tags" AS
SELECT
  CAST(NULL AS varchar) AS "account_id",
  CAST(NULL AS varchar) AS "aws_region",
  CAST(NULL AS varchar) AS "secret_name",
  CAST(NULL AS varchar) AS "key",
  CAST(NULL AS varchar) AS "value"
WHERE false;

CREATE OR REPLACE VIEW "local_time" AS
SELECT
  CAST(NULL AS timestamp(3)) AS "slot",
  CAST(NULL AS date) AS "local_date",
  CAST(NULL AS integer) AS "local_hour",
  CAST(NULL AS integer) AS "local_minute",
  CAST(NULL AS integer) AS "local_dow",
  CAST(NULL AS boolean) AS "is_business",
  CAST(NULL AS boolean) AS "is_holiday"
WHERE false;

CREATE OR REPLACE VIEW "policy_parameters" AS
SELECT
  CAST(NULL AS varchar) AS "rule",
  CAST(NULL AS varchar) AS "name",
  CAST(NULL AS varchar) AS "account_id",
  CAST(NULL AS varchar) AS "aws_region",
  CAST(NULL AS varchar) AS "secret_name",
  CAST(NULL AS bigint) AS "value"
WHERE false;

CREATE OR REPLACE VIEW "policy_people" AS
SELECT
  CAST(NULL AS varchar) AS "principal"
WHERE false;

CREATE OR REPLACE VIEW "policy_principals" AS
SELECT
  CAST(NULL AS varchar) AS "account_id",
  CAST(NULL AS varchar) AS "aws_region",
  CAST(NULL AS varchar) AS "secret_name",
  CAST(NULL AS varchar) AS "role",
  CAST(NULL AS varchar) AS "principal"
WHERE false;

CREATE OR REPLACE VIEW "policy_secrets" AS
SELECT
  CAST(NULL AS varchar) AS "account_id",
  CAST(NULL AS varchar) AS "aws_region",
  CAST(NULL AS varchar) AS "secret_name",
  CAST(NULL AS varchar) AS "owner",
  CAST(NULL AS varchar) AS "sensitivity",
  CAST(NULL AS varchar) AS "type",
  CAST(NULL AS bigint) AS "rotate_every_seconds",
  CAST(NULL AS bigint) AS "cache_ttl_seconds",
  CAST(NULL AS boolean) AS "decoy",
  CAST(NULL AS boolean) AS "readers_declared",
  CAST(NULL AS boolean) AS "rotators_declared",
  CAST(NULL AS boolean) AS "admins_declared",
  CAST(NULL AS array(varchar)) AS "replica_regions",
  CAST(NULL AS array(varchar)) AS "vpc_endpoints",
  CAST(NULL AS integer) AS "quiet_from_minute",
  CAST(NULL AS integer) AS "quiet_to_minute",
  CAST(NULL AS bigint) AS "entry"
WHERE false;

CREATE OR REPLACE VIEW "policy_trail" AS
SELECT
  CAST(NULL AS varchar) AS "kind",
  CAST(NULL AS varchar) AS "value"
WHERE false;

CREATE OR REPLACE VIEW "known_beginning" AS
SELECT
  CAST(NULL AS varchar) AS "what",
  CAST(NULL AS timestamp(3)) AS "day"
WHERE false;

CREATE OR REPLACE VIEW "known_secret_days" AS
SELECT
  CAST(NULL AS varchar) AS "secret_name",
  CAST(NULL AS varchar) AS "account_id",
  CAST(NULL AS timestamp(3)) AS "day"
WHERE false;

CREATE OR REPLACE VIEW "known_sightings" AS
SELECT
  CAST(NULL AS varchar) AS "name",
  CAST(NULL AS varchar) AS "tail",
  CAST(NULL AS varchar) AS "spelling",
  CAST(NULL AS boolean) AS "proven",
  CAST(NULL AS timestamp(3)) AS "first_seen"
WHERE false;

CREATE OR REPLACE VIEW "known_traits" AS
SELECT
  CAST(NULL AS varchar) AS "principal",
  CAST(NULL AS boolean) AS "user_in_console",
  CAST(NULL AS boolean) AS "is_root",
  CAST(NULL AS boolean) AS "is_signed_in",
  CAST(NULL AS boolean) AS "is_service",
  CAST(NULL AS timestamp(3)) AS "first_seen",
  CAST(NULL AS timestamp(3)) AS "last_seen",
  CAST(NULL AS bigint) AS "actions"
WHERE false;

-- queries/views/beginning.sql
-- As it is, but for the spelling of functions and intervals.
CREATE OR REPLACE VIEW "beginning" AS
SELECT
  MIN(day) AS day
FROM (
  SELECT
    DATE_TRUNC('DAY', event_time) AS day
  FROM events
  UNION ALL
  SELECT
    day
  FROM known_beginning
);

-- queries/views/sightings.sql
-- column['part'] is column.part.
-- unnest() among the columns is a CROSS JOIN UNNEST; each element is wrapped in a row, so that a struct stays one column.
CREATE OR REPLACE VIEW "sightings" AS
WITH named AS (
  SELECT
    event_time,
    target
  FROM events
  CROSS JOIN UNNEST(TRANSFORM(targets, e -> ROW(e))) AS of_target(target)
), seen AS (
  SELECT
    target.arn AS spelling,
    target.as_asked IS NULL OR target.as_asked <> target.arn AS proven,
    event_time AS first_seen
  FROM named
  WHERE
    target.kind = 'secret' AND NOT target.arn IS NULL
  UNION ALL
  SELECT
    secret_arn AS spelling,
    TRUE AS proven,
    COALESCE(created_at, as_of) AS first_seen
  FROM inventory
  UNION ALL
  SELECT
    spelling,
    proven,
    first_seen
  FROM known_sightings
)
SELECT
  spelling,
  BOOL_OR(proven) AS proven,
  MIN(first_seen) AS first_seen
FROM seen
GROUP BY
  spelling;

-- queries/views/watched.sql
-- column['part'] is column.part.
CREATE OR REPLACE VIEW "watched" AS
SELECT
  *,
  COALESCE(
    (
      event_source = 'secretsmanager.amazonaws.com'
      AND (
        NOT event_name IN (
          'GetSecretValue',
          'BatchGetSecretValue',
          'DescribeSecret',
          'ListSecrets',
          'ListSecretVersionIds',
          'GetResourcePolicy',
          'GetRandomPassword',
          'ValidateResourcePolicy'
        )
        OR (
          event_name = 'GetSecretValue'
          AND outcome = 'not_found'
          AND NOT secret_version_id IS NULL
        )
      )
    )
    OR (
      event_source = 'cloudtrail.amazonaws.com'
      AND event_name NOT LIKE 'Get%'
      AND event_name NOT LIKE 'List%'
      AND event_name NOT LIKE 'Describe%'
      AND event_name <> 'LookupEvents'
    )
    OR (
      event_source = 'kms.amazonaws.com'
      AND event_name IN (
        'CreateKey',
        'ReplicateKey',
        'DisableKey',
        'EnableKey',
        'ScheduleKeyDeletion',
        'CancelKeyDeletion',
        'DeleteKey',
        'ImportKeyMaterial',
        'DeleteImportedKeyMaterial',
        'DeleteExpiredKeyMaterial',
        'PutKeyPolicy',
        'CreateAlias',
        'UpdateAlias',
        'DeleteAlias',
        'DisableKeyRotation',
        'EnableKeyRotation'
      )
    )
    OR (
      event_source = 'kms.amazonaws.com'
      AND event_name IN ('GenerateDataKey', 'Encrypt')
      AND (
        encryption_context[1]."key" = 'SecretARN'
        OR encryption_context[2]."key" = 'SecretARN'
      )
    )
    OR NOT corrects_event_id IS NULL,
    FALSE
  ) AS is_landmark
FROM events
WHERE
  NOT COALESCE(
    event_source = 'kms.amazonaws.com'
    AND event_name IN ('Decrypt', 'GenerateDataKey', 'GenerateDataKeyWithoutPlaintext')
    AND (
      encryption_context[1]."key" IN ('aws:cloudtrail:arn', 'aws:s3:arn', 'aws:sqs:arn', 'aws:sns:topicArn')
      OR encryption_context[2]."key" IN ('aws:cloudtrail:arn', 'aws:s3:arn', 'aws:sqs:arn', 'aws:sns:topicArn')
    )
    AND NOT COALESCE(targets[1].kind, 'key') IN ('secret', 'parameter'),
    FALSE
  );

-- queries/views/corrected_events.sql
-- As it is, but for the spelling of functions and intervals.
CREATE OR REPLACE VIEW "corrected_events" AS
SELECT DISTINCT
  corrects_event_id AS event_id,
  account_id
FROM watched
WHERE
  NOT corrects_event_id IS NULL;

-- queries/views/secret_spellings.sql
-- As it is, but for the spelling of functions and intervals.
CREATE OR REPLACE VIEW "secret_spellings" AS
WITH split AS (
  SELECT
    spelling,
    proven,
    first_seen,
    SPLIT_PART(spelling, ':', 5) AS account_id,
    SPLIT_PART(spelling, ':', 4) AS aws_region,
    SPLIT_PART(spelling, ':', 7) AS tail,
    SUBSTR(SPLIT_PART(spelling, ':', 7), 1, -7) AS name
  FROM sightings
), proven_names AS (
  SELECT DISTINCT
    account_id,
    aws_region,
    name
  FROM split
  WHERE
    proven
)
SELECT
  s.spelling,
  s.account_id,
  s.aws_region,
  CASE WHEN NOT s.proven AND NOT p.name IS NULL THEN s.tail ELSE s.name END AS secret_name,
  NOT s.proven AND NOT p.name IS NULL AS is_partial,
  s.proven,
  s.first_seen
FROM split AS s
LEFT JOIN proven_names AS p
  ON p.account_id = s.account_id AND p.aws_region = s.aws_region AND p.name = s.tail;

-- queries/views/shared_actions.sql
-- As it is, but for the spelling of functions and intervals.
CREATE OR REPLACE VIEW "shared_actions" AS
SELECT
  shared_event_id,
  MIN(CASE WHEN identity_type = 'AWSAccount' THEN account_id END) AS owner_account,
  MIN(CASE WHEN identity_type = 'AWSAccount' THEN event_id END) AS owner_event_id,
  COUNT(CASE WHEN identity_type <> 'AWSAccount' THEN 1 END) AS caller_copies
FROM watched
WHERE
  NOT shared_event_id IS NULL
  AND identity_type <> 'AWSService'
  AND NOT event_type IN ('AwsVpceEvent', 'AwsCloudTrailInsight', 'AwsAggregatedEvent')
GROUP BY
  shared_event_id
HAVING
  COUNT(CASE WHEN identity_type = 'AWSAccount' THEN 1 END) > 0;

-- queries/views/actions.sql
-- column['part'] is column.part.
-- LEFT ANTI JOIN is NOT EXISTS.
CREATE OR REPLACE VIEW "actions" AS
SELECT
  e.event_id,
  e.event_time,
  e.event_date,
  e.event_source,
  e.event_name,
  e.event_type,
  e.aws_region,
  COALESCE(c.owner_account, e.account_id) AS account_id,
  e.account_id AS delivered_to,
  e.principal,
  e.principal_id,
  e.actor,
  e.principal_account,
  e.access_key_id,
  e.identity_type,
  e.source_identity,
  e.invoked_by,
  e.mfa,
  e.from_console,
  e.source_ip,
  e.source_service,
  e.user_agent,
  e.vpc_endpoint_id,
  e.targets,
  e.secret_version_id,
  e.version_stage,
  e.kms_key_arn,
  e.with_decryption,
  e.outcome,
  e.error_code,
  e.error_message,
  e.read_only,
  e.shared_event_id,
  e.request_id,
  e.truncated,
  e.encryption_context,
  e.tags,
  e.policy_statements,
  e."grant",
  e.event_selectors,
  e.replica_regions,
  e.asked_by_filter,
  e.force_delete,
  e.deletion_window_days,
  e.deletion_date,
  e.desired_count,
  e.rule_state,
  e.rotation.automatically_after_days AS rotation_days,
  e.rotation.schedule_expression AS rotation_schedule,
  e.rotation.lambda_arn AS rotation_lambda,
  e.rotation.rotate_immediately AS rotate_immediately,
  e.targets[1].name AS first_target,
  e."grant".grant_id AS grant_id,
  e."grant".grantee_principal AS grantee,
  e."grant".operations AS grant_operations,
  e."grant".constraints AS grant_constraints,
  e."trail".s3_bucket AS trail_s3_bucket,
  e."trail".s3_prefix AS trail_s3_prefix,
  e."trail".sns_topic AS trail_sns_topic,
  e."trail".kms_key AS trail_kms_key,
  e."trail".log_group AS trail_log_group,
  e."trail".is_multi_region AS trail_is_multi_region,
  e."trail".is_organization AS trail_is_organization,
  e."trail".include_global_events AS trail_include_global_events,
  e."trail".log_file_validation AS trail_log_file_validation
FROM watched AS e
LEFT JOIN shared_actions AS c
  ON c.shared_event_id = e.shared_event_id
WHERE
  (
    NOT e.event_type IN ('AwsVpceEvent', 'AwsCloudTrailInsight', 'AwsAggregatedEvent')
    AND (
      c.shared_event_id IS NULL
      OR (
        e.identity_type IS DISTINCT FROM 'AWSAccount'
      )
      OR (
        c.caller_copies = 0 AND e.event_id = c.owner_event_id
      )
    )
  )
  AND NOT EXISTS(
    SELECT
      1
    FROM corrected_events AS x
    WHERE
      x.event_id = e.event_id AND x.account_id = e.account_id
  );

-- queries/views/secret_arns.sql
-- column['part'] is column.part.
-- timestamps as literals are seconds since 1970.
-- unnest() among the columns is a CROSS JOIN UNNEST; each element is wrapped in a row, so that a struct stays one column.
CREATE OR REPLACE VIEW "secret_arns" AS
WITH named AS (
  SELECT
    event_time,
    event_name,
    deletion_date,
    target
  FROM events
  CROSS JOIN UNNEST(TRANSFORM(targets, e -> ROW(e))) AS of_target(target)
  WHERE
    event_source = 'secretsmanager.amazonaws.com'
    AND outcome = 'ok'
    AND event_name IN ('CreateSecret', 'DeleteSecret', 'RestoreSecret')
), life AS (
  SELECT
    target.arn AS secret_arn,
    MIN(CASE WHEN event_name = 'CreateSecret' THEN event_time END) AS created_at,
    MAX(CASE WHEN event_name = 'DeleteSecret' THEN event_time END) AS delete_called_at,
    MAX(
      CASE WHEN event_name = 'DeleteSecret' THEN COALESCE(deletion_date, event_time) END
    ) AS deleted_at,
    MAX(CASE WHEN event_name = 'RestoreSecret' THEN event_time END) AS restored_at
  FROM named
  WHERE
    target.kind = 'secret' AND NOT target.arn IS NULL
  GROUP BY
    target.arn
), whole AS (
  SELECT
    s.account_id,
    s.aws_region,
    s.secret_name,
    s.spelling AS secret_arn,
    s.first_seen,
    COALESCE(l.created_at, i.created_at) AS created_at,
    CASE
      WHEN l.restored_at >= COALESCE(l.delete_called_at, i.deleted_at)
      AND l.restored_at >= COALESCE(i.as_of, l.restored_at)
      THEN NULL
      WHEN i.as_of > l.delete_called_at AND i.deleted_at IS NULL
      THEN NULL
      WHEN l.restored_at >= l.delete_called_at
      THEN i.deleted_at
      ELSE COALESCE(l.deleted_at, i.deleted_at)
    END AS deleted_at
  FROM secret_spellings AS s
  LEFT JOIN life AS l
    ON l.secret_arn = s.spelling
  LEFT JOIN inventory AS i
    ON i.secret_arn = s.spelling
  WHERE
    NOT s.is_partial
)
SELECT
  account_id,
  aws_region,
  secret_name,
  secret_arn,
  first_seen,
  created_at,
  deleted_at,
  CASE
    WHEN ROW_NUMBER() OVER by_sight = 1
    THEN CAST(FROM_UNIXTIME(0) AS TIMESTAMP(3))
    ELSE first_seen
  END AS valid_from,
  COALESCE(LEAD(first_seen) OVER by_sight, CAST(FROM_UNIXTIME(7258118400) AS TIMESTAMP(3))) AS valid_to
FROM whole
WINDOW by_sight AS (PARTITION BY account_id, aws_region, secret_name ORDER BY first_seen, secret_arn);

-- queries/views/filtered_batches.sql
-- unnest() among the columns is a CROSS JOIN UNNEST; each element is wrapped in a row, so that a struct stays one column.
CREATE OR REPLACE VIEW "filtered_batches" AS
SELECT DISTINCT
  account_id,
  aws_region,
  principal,
  second
FROM actions
CROSS JOIN UNNEST(TRANSFORM(
  SEQUENCE(
    event_time - INTERVAL '2' SECOND,
    event_time + INTERVAL '5' SECOND,
    INTERVAL '1' SECOND
  ),
  e -> ROW(e)
)) AS of_second(second)
WHERE
  event_source = 'secretsmanager.amazonaws.com'
  AND event_name = 'BatchGetSecretValue'
  AND asked_by_filter
  AND outcome = 'ok';

-- queries/views/key_changes.sql
-- column['part'] is column.part.
-- unnest() among the columns is a CROSS JOIN UNNEST; each element is wrapped in a row, so that a struct stays one column.
CREATE OR REPLACE VIEW "key_changes" AS
WITH named AS (
  SELECT
    event_id,
    delivered_to,
    target
  FROM actions
  CROSS JOIN UNNEST(TRANSFORM(targets, e -> ROW(e))) AS of_target(target)
  WHERE
    event_source = 'kms.amazonaws.com'
    AND event_name IN (
      'CreateKey',
      'ReplicateKey',
      'DisableKey',
      'EnableKey',
      'ScheduleKeyDeletion',
      'CancelKeyDeletion',
      'DeleteKey',
      'ImportKeyMaterial',
      'DeleteImportedKeyMaterial',
      'DeleteExpiredKeyMaterial',
      'PutKeyPolicy',
      'CreateAlias',
      'UpdateAlias',
      'DeleteAlias',
      'DisableKeyRotation',
      'EnableKeyRotation'
    )
), gathered AS (
  SELECT
    event_id,
    delivered_to,
    MAX(CASE WHEN target.kind = 'key' THEN target.arn END) AS key_arn,
    MAX(CASE WHEN target.kind = 'key' THEN target.name END) AS key_name,
    MAX(CASE WHEN target.kind = 'alias' THEN target.name END) AS alias
  FROM named
  GROUP BY
    event_id,
    delivered_to
)
SELECT
  a.event_id,
  a.event_time,
  a.event_name,
  a.event_type,
  COALESCE(SPLIT_PART(g.key_arn, ':', 5), a.account_id) AS account_id,
  COALESCE(SPLIT_PART(g.key_arn, ':', 4), a.aws_region) AS aws_region,
  COALESCE(SPLIT_PART(g.key_arn, '/', -1), g.key_name, g.alias) AS key_id,
  g.key_arn,
  g.alias,
  a.principal,
  a.actor,
  a.principal_account,
  a.identity_type,
  a.invoked_by,
  a.outcome,
  a.error_code,
  a.truncated,
  a.policy_statements,
  a.deletion_date,
  a.deletion_window_days
FROM gathered AS g
JOIN actions AS a
  ON a.event_id = g.event_id AND a.delivered_to = g.delivered_to;

-- queries/views/key_uses.sql
-- column['part'] is column.part.
CREATE OR REPLACE VIEW "key_uses" AS
WITH used AS (
  SELECT
    *,
    COALESCE(
      kms_key_arn,
      CASE
        WHEN error_message LIKE 'arn:%:kms:%:key/%'
        THEN SPLIT_PART(error_message, ' ', 1)
      END
    ) AS key_arn,
    CASE WHEN targets[1].kind IN ('secret', 'parameter') THEN targets[1].kind END AS context
  FROM actions
  WHERE
    event_source = 'kms.amazonaws.com'
    AND event_name IN (
      'Decrypt',
      'Encrypt',
      'GenerateDataKey',
      'GenerateDataKeyWithoutPlaintext',
      'GenerateDataKeyPair',
      'GenerateDataKeyPairWithoutPlaintext',
      'ReEncrypt',
      'Sign',
      'Verify',
      'GenerateMac',
      'VerifyMac',
      'DeriveSharedSecret'
    )
    AND (
      secret_version_id IS DISTINCT FROM 'RequestToValidateKeyAccess'
    )
)
SELECT
  event_id,
  event_time,
  event_name,
  COALESCE(SPLIT_PART(key_arn, ':', 5), account_id) AS account_id,
  COALESCE(SPLIT_PART(key_arn, ':', 4), aws_region) AS aws_region,
  key_arn,
  SPLIT_PART(key_arn, '/', -1) AS key_id,
  principal,
  actor,
  principal_account,
  identity_type,
  invoked_by,
  source_ip,
  outcome,
  error_code,
  error_message,
  context,
  CASE
    WHEN NOT context IS NULL
    THEN COALESCE(SPLIT_PART(targets[1].arn, ':', 5), account_id)
  END AS context_account,
  CASE
    WHEN NOT context IS NULL
    THEN COALESCE(SPLIT_PART(targets[1].arn, ':', 4), aws_region)
  END AS context_region,
  CASE WHEN NOT context IS NULL THEN targets[1].name END AS context_name,
  CASE WHEN NOT context IS NULL THEN targets[1].arn END AS context_arn,
  invoked_by IS NULL AND (
    identity_type IS DISTINCT FROM 'AWSService'
  ) AS is_direct,
  outcome = 'error'
  AND (
    error_code LIKE 'KMSInvalidState%'
    OR error_code LIKE 'InvalidState%'
    OR error_code LIKE 'Disabled%'
  ) AS is_dead
FROM used;

-- queries/views/touches.sql
-- column['part'] is column.part.
-- unnest() among the columns is a CROSS JOIN UNNEST; each element is wrapped in a row, so that a struct stays one column.
CREATE OR REPLACE VIEW "touches" AS
WITH named AS (
  SELECT
    event_id,
    event_time,
    event_source,
    event_name,
    event_type,
    account_id,
    aws_region,
    principal,
    actor,
    principal_account,
    identity_type,
    invoked_by,
    from_console,
    source_ip,
    vpc_endpoint_id,
    secret_version_id,
    version_stage,
    kms_key_arn,
    outcome,
    error_code,
    error_message,
    request_id,
    tags,
    replica_regions,
    deletion_date,
    rotation_days,
    rotation_schedule,
    rotation_lambda,
    rotate_immediately,
    force_delete,
    policy_statements,
    truncated,
    target
  FROM actions
  CROSS JOIN UNNEST(TRANSFORM(targets, e -> ROW(e))) AS of_target(target)
), secret_named AS (
  SELECT
    *,
    target.arn AS named_arn,
    target.name AS named_name,
    CASE WHEN target.as_asked LIKE 'arn:%' THEN target.as_asked END AS asked_arn
  FROM named
  WHERE
    target.kind = 'secret'
)
SELECT
  n.event_id,
  n.event_time,
  n.event_source,
  n.event_name,
  n.event_type,
  COALESCE(s.account_id, SPLIT_PART(n.asked_arn, ':', 5), n.account_id) AS account_id,
  COALESCE(s.aws_region, SPLIT_PART(n.asked_arn, ':', 4), n.aws_region) AS aws_region,
  COALESCE(s.secret_name, n.named_name) AS secret_name,
  CASE WHEN s.is_partial THEN NULL ELSE n.named_arn END AS secret_arn,
  n.principal,
  n.actor,
  n.principal_account,
  n.identity_type,
  n.invoked_by,
  n.from_console,
  n.source_ip,
  n.vpc_endpoint_id,
  n.secret_version_id,
  n.version_stage,
  n.kms_key_arn,
  n.outcome,
  n.error_code,
  n.error_message,
  n.request_id,
  n.tags,
  n.replica_regions,
  n.deletion_date,
  n.rotation_days,
  n.rotation_schedule,
  n.rotation_lambda,
  n.rotate_immediately,
  n.force_delete,
  n.policy_statements,
  n.truncated
FROM secret_named AS n
LEFT JOIN secret_spellings AS s
  ON s.spelling = n.named_arn
WHERE
  COALESCE(s.secret_name, n.named_name) <> '';

-- queries/views/traits.sql
-- As it is, but for the spelling of functions and intervals.
CREATE OR REPLACE VIEW "traits" AS
WITH acted AS (
  SELECT
    principal,
    COALESCE(from_console AND identity_type = 'IAMUser', FALSE) AS user_in_console,
    COALESCE(identity_type = 'Root', FALSE) AS is_root,
    COALESCE(identity_type IN ('IdentityCenterUser', 'SAMLUser'), FALSE) AS is_signed_in,
    identity_type IS NULL OR identity_type = 'AWSService' AS is_service,
    event_time AS first_seen,
    event_time AS last_seen,
    1 AS actions
  FROM actions
  WHERE
    NOT principal IS NULL
  UNION ALL
  SELECT
    principal,
    user_in_console,
    is_root,
    is_signed_in,
    is_service,
    first_seen,
    last_seen,
    actions
  FROM known_traits
)
SELECT
  principal,
  BOOL_OR(user_in_console) AS user_in_console,
  BOOL_OR(is_root) AS is_root,
  BOOL_OR(is_signed_in) AS is_signed_in,
  BOOL_AND(is_service) AS is_service,
  MIN(first_seen) AS first_seen,
  MAX(last_seen) AS last_seen,
  SUM(actions) AS actions
FROM acted
GROUP BY
  principal;

-- queries/views/decrypts.sql
-- As it is, but for the spelling of functions and intervals.
CREATE OR REPLACE VIEW "decrypts" AS
SELECT
  event_id,
  event_time,
  account_id,
  aws_region,
  secret_name,
  secret_arn,
  secret_version_id,
  kms_key_arn,
  principal,
  actor,
  principal_account,
  identity_type,
  invoked_by,
  source_ip,
  outcome,
  (
    secret_version_id IS NOT DISTINCT FROM 'RequestToValidateKeyAccess'
  ) AS is_probe,
  invoked_by IS NULL AS is_direct
FROM touches
WHERE
  event_source = 'kms.amazonaws.com' AND event_name = 'Decrypt';

-- queries/views/denied_reads.sql
-- As it is, but for the spelling of functions and intervals.
CREATE OR REPLACE VIEW "denied_reads" AS
WITH nameless AS (
  SELECT
    event_id,
    event_time,
    event_name,
    account_id,
    aws_region,
    principal,
    actor,
    principal_account,
    identity_type,
    invoked_by,
    from_console,
    source_ip,
    error_code
  FROM actions
  WHERE
    event_source = 'secretsmanager.amazonaws.com'
    AND outcome = 'denied'
    AND event_name IN ('GetSecretValue', 'BatchGetSecretValue')
    AND COALESCE(CARDINALITY(targets), 0) = 0
)
SELECT
  t.event_id,
  t.event_time,
  t.event_name,
  t.account_id,
  t.aws_region,
  t.secret_name,
  COALESCE(t.secret_arn, a.secret_arn) AS secret_arn,
  t.principal,
  t.actor,
  t.principal_account,
  t.identity_type,
  t.invoked_by,
  t.from_console,
  t.source_ip,
  t.error_code
FROM touches AS t
LEFT JOIN secret_arns AS a
  ON a.account_id = t.account_id
  AND a.aws_region = t.aws_region
  AND a.secret_name = t.secret_name
  AND t.event_time >= a.valid_from
  AND t.event_time < a.valid_to
WHERE
  t.outcome = 'denied'
  AND (
    (
      t.event_source = 'secretsmanager.amazonaws.com'
      AND t.event_name IN ('GetSecretValue', 'BatchGetSecretValue')
    )
    OR (
      t.event_source = 'kms.amazonaws.com'
      AND t.event_name = 'Decrypt'
      AND t.invoked_by IS NULL
    )
  )
UNION ALL
SELECT
  event_id,
  event_time,
  event_name,
  account_id,
  aws_region,
  NULL AS secret_name,
  NULL AS secret_arn,
  principal,
  actor,
  principal_account,
  identity_type,
  invoked_by,
  from_console,
  source_ip,
  error_code
FROM nameless;

-- queries/views/parameter_reads.sql
-- column['part'] is column.part.
-- unnest() among the columns is a CROSS JOIN UNNEST; each element is wrapped in a row, so that a struct stays one column.
CREATE OR REPLACE VIEW "parameter_reads" AS
WITH asked AS (
  SELECT
    event_id,
    event_time,
    event_name,
    account_id,
    aws_region,
    principal,
    actor,
    principal_account,
    identity_type,
    invoked_by,
    source_ip,
    target
  FROM actions
  CROSS JOIN UNNEST(TRANSFORM(targets, e -> ROW(e))) AS of_target(target)
  WHERE
    event_source = 'ssm.amazonaws.com'
    AND outcome = 'ok'
    AND with_decryption
    AND event_name IN ('GetParameter', 'GetParameters', 'GetParameterHistory', 'GetParametersByPath')
), evidence AS (
  SELECT
    event_id,
    event_time,
    CASE event_name
      WHEN 'GetParametersByPath'
      THEN 'path'
      WHEN 'GetParameterHistory'
      THEN 'history'
      ELSE 'get'
    END AS kind,
    COALESCE(SPLIT_PART(target.arn, ':', 5), account_id) AS account_id,
    COALESCE(SPLIT_PART(target.arn, ':', 4), aws_region) AS aws_region,
    CASE WHEN target.kind = 'parameter' THEN TRIM(LEADING '/' FROM target.name) END AS parameter_name,
    principal,
    actor,
    principal_account,
    identity_type,
    invoked_by,
    source_ip
  FROM asked
  WHERE
    target.kind IN ('parameter', 'parameter_path')
  UNION ALL
  SELECT
    event_id,
    event_time,
    'decrypt' AS kind,
    context_account AS account_id,
    context_region AS aws_region,
    TRIM(LEADING '/' FROM context_name) AS parameter_name,
    principal,
    actor,
    principal_account,
    identity_type,
    invoked_by,
    source_ip
  FROM key_uses
  WHERE
    context = 'parameter'
    AND event_name = 'Decrypt'
    AND outcome = 'ok'
    AND NOT is_direct
), weighed AS (
  SELECT
    *,
    COUNT(CASE WHEN kind IN ('get', 'history') THEN 1 END) OVER near AS gets_near,
    COUNT(CASE WHEN kind = 'decrypt' THEN 1 END) OVER near AS decrypts_near,
    COUNT(CASE WHEN kind = 'path' THEN 1 END) OVER (
      PARTITION BY account_id, aws_region, principal
      ORDER BY event_time
      RANGE BETWEEN INTERVAL '5' SECOND PRECEDING AND INTERVAL '5' SECOND FOLLOWING
    ) AS paths_near
  FROM evidence
  WINDOW near AS (
    PARTITION BY account_id, aws_region, principal, parameter_name
    ORDER BY event_time
    RANGE BETWEEN INTERVAL '5' SECOND PRECEDING AND INTERVAL '5' SECOND FOLLOWING
  )
)
SELECT
  event_id,
  event_time,
  CASE WHEN kind = 'decrypt' AND paths_near > 0 THEN 'path' ELSE kind END AS via,
  account_id,
  aws_region,
  parameter_name,
  decrypts_near > 0 AS is_secure,
  principal,
  actor,
  principal_account,
  identity_type,
  invoked_by,
  source_ip
FROM weighed
WHERE
  NOT parameter_name IS NULL
  AND parameter_name NOT LIKE 'aws/%'
  AND (
    kind IN ('get', 'history') OR (
      kind = 'decrypt' AND gets_near = 0
    )
  );

-- queries/views/principals.sql
-- As it is, but for the spelling of functions and intervals.
CREATE OR REPLACE VIEW "principals" AS
SELECT
  s.principal,
  CASE
    WHEN NOT p.principal IS NULL
    THEN 'human'
    WHEN s.is_root
    THEN 'root'
    WHEN s.is_service OR s.principal LIKE 'arn:%:role/aws-service-role/%'
    THEN 'service'
    WHEN s.principal LIKE 'arn:%:role/%AWSReservedSSO_%'
    OR s.user_in_console
    OR s.is_signed_in
    THEN 'human'
    WHEN s.principal LIKE 'arn:%:role/%'
    THEN 'workload'
    ELSE 'unknown'
  END AS kind,
  CASE WHEN s.principal LIKE 'arn:%' THEN SPLIT_PART(s.principal, ':', 5) END AS account_id,
  s.first_seen,
  s.last_seen,
  s.actions
FROM traits AS s
LEFT JOIN policy_people AS p
  ON p.principal = s.principal;

-- queries/views/rotations.sql
-- max(named_struct(…)) is max_by() by the struct's first two parts, and its parts go by position.
-- to_char() is date_format().
CREATE OR REPLACE VIEW "rotations" AS
WITH steps AS (
  SELECT
    account_id,
    aws_region,
    secret_name,
    event_time,
    event_id,
    event_name,
    principal,
    error_message,
    COALESCE(secret_version_id, DATE_FORMAT(event_time, '%Y-%m-%dT%H:%i:%SZ')) AS token,
    CASE event_name
      WHEN 'RotationStarted'
      THEN 'start'
      WHEN 'TestRotationStarted'
      THEN 'start'
      WHEN 'RotationSucceeded'
      THEN 'succeeded'
      WHEN 'TestRotationSucceeded'
      THEN 'succeeded'
      WHEN 'RotationFailed'
      THEN 'failed'
      WHEN 'TestRotationFailed'
      THEN 'failed'
      WHEN 'RotationAbandoned'
      THEN 'abandoned'
      WHEN 'RotateSecret'
      THEN CASE WHEN rotate_immediately IS DISTINCT FROM FALSE THEN 'called' ELSE 'set' END
      ELSE 'work'
    END AS step
  FROM touches
  WHERE
    event_source = 'secretsmanager.amazonaws.com'
    AND (
      (
        event_type = 'AwsServiceEvent'
        AND (
          event_name LIKE 'Rotation%' OR event_name LIKE 'TestRotation%'
        )
      )
      OR (
        event_name IN ('RotateSecret', 'PutSecretValue', 'UpdateSecretVersionStage')
        AND outcome = 'ok'
      )
      OR (
        event_name = 'GetSecretValue'
        AND outcome = 'not_found'
        AND NOT secret_version_id IS NULL
      )
    )
), attempts AS (
  SELECT
    account_id,
    aws_region,
    secret_name,
    token,
    COALESCE(
      MIN(CASE WHEN step = 'start' THEN event_time END),
      MIN(CASE WHEN step = 'called' THEN event_time END)
    ) AS started_at,
    MAX_BY(
      CASE
        WHEN step IN ('succeeded', 'failed', 'abandoned')
        THEN ROW(event_time, step)
      END,
      CASE
        WHEN step IN ('succeeded', 'failed', 'abandoned')
        THEN CONCAT(DATE_FORMAT(event_time, '%Y-%m-%d %H:%i:%s'), COALESCE(step, ''))
      END
    ) AS ending,
    BOOL_OR(event_name LIKE 'Test%') AS is_test,
    MIN(CASE WHEN step = 'called' THEN principal END) AS started_by,
    ARRAY_SORT(
      ARRAY_AGG(DISTINCT principal) FILTER(WHERE
        step = 'work' AND NOT principal IS NULL)
    ) AS workers,
    MAX(CASE WHEN step = 'failed' THEN error_message END) AS error,
    ARRAY_SORT(ARRAY_AGG(DISTINCT event_id) FILTER(WHERE
      NOT step IN ('work', 'set'))) AS event_ids
  FROM steps
  GROUP BY
    account_id,
    aws_region,
    secret_name,
    token
  HAVING
    COUNT(CASE WHEN NOT step IN ('work', 'set') THEN 1 END) > 0
)
SELECT
  account_id,
  aws_region,
  secret_name,
  token,
  started_at,
  ending[1] AS ended_at,
  COALESCE(ending[2], 'open') AS state,
  is_test,
  NOT started_by IS NULL AS by_call,
  started_by,
  workers,
  error,
  event_ids
FROM attempts;

-- queries/views/secret_changes.sql
-- As it is, but for the spelling of functions and intervals.
CREATE OR REPLACE VIEW "secret_changes" AS
WITH roles AS (
  SELECT
    account_id,
    aws_region,
    secret_name,
    principal,
    BOOL_OR(role = 'admin') AS is_admin,
    BOOL_OR(role = 'rotator') AS is_rotator
  FROM policy_principals
  GROUP BY
    account_id,
    aws_region,
    secret_name,
    principal
)
SELECT
  t.event_id,
  t.event_time,
  t.event_name,
  t.event_type,
  t.account_id,
  t.aws_region,
  t.secret_name,
  COALESCE(t.secret_arn, a.secret_arn) AS secret_arn,
  COALESCE(
    SUBSTR(
      COALESCE(t.secret_arn, a.secret_arn),
      LENGTH(COALESCE(t.secret_arn, a.secret_arn)) - (
        6 - 1
      )
    ),
    ''
  ) AS suffix,
  t.principal,
  t.actor,
  t.identity_type,
  t.invoked_by,
  t.source_ip,
  t.secret_version_id,
  t.version_stage,
  t.outcome,
  t.error_code,
  t.replica_regions,
  t.deletion_date,
  t.force_delete,
  t.rotation_days,
  t.rotation_schedule,
  t.rotation_lambda,
  t.rotate_immediately,
  t.policy_statements,
  t.truncated,
  COALESCE(r.is_admin, FALSE) AS is_admin,
  COALESCE(r.is_rotator, FALSE) AS is_rotator,
  NOT p.entry IS NULL AS has_contract,
  p.owner,
  p.sensitivity,
  p.rotate_every_seconds
FROM touches AS t
LEFT JOIN secret_arns AS a
  ON a.account_id = t.account_id
  AND a.aws_region = t.aws_region
  AND a.secret_name = t.secret_name
  AND t.event_time >= a.valid_from
  AND t.event_time < a.valid_to
LEFT JOIN roles AS r
  ON r.account_id = t.account_id
  AND r.aws_region = t.aws_region
  AND r.secret_name = t.secret_name
  AND r.principal = t.principal
LEFT JOIN policy_secrets AS p
  ON p.account_id = t.account_id
  AND p.aws_region = t.aws_region
  AND p.secret_name = t.secret_name
WHERE
  t.event_source = 'secretsmanager.amazonaws.com'
  AND NOT t.event_name IN (
    'GetSecretValue',
    'BatchGetSecretValue',
    'DescribeSecret',
    'ListSecrets',
    'ListSecretVersionIds',
    'GetResourcePolicy',
    'GetRandomPassword',
    'ValidateResourcePolicy'
  );

-- queries/views/secret_days.sql
-- As it is, but for the spelling of functions and intervals.
CREATE OR REPLACE VIEW "secret_days" AS
SELECT
  account_id,
  secret_name,
  DATE_TRUNC('DAY', event_time) AS day
FROM touches
UNION
SELECT
  account_id,
  secret_name,
  day
FROM known_secret_days;

-- queries/views/secret_names.sql
-- As it is, but for the spelling of functions and intervals.
CREATE OR REPLACE VIEW "secret_names" AS
SELECT
  account_id,
  aws_region,
  secret_name
FROM touches
UNION
SELECT
  account_id,
  aws_region,
  secret_name
FROM inventory;

-- queries/views/secret_principals.sql
-- As it is, but for the spelling of functions and intervals.
CREATE OR REPLACE VIEW "secret_principals" AS
SELECT DISTINCT
  account_id,
  aws_region,
  secret_name,
  principal
FROM touches
WHERE
  NOT principal IS NULL;

-- queries/views/secret_tags.sql
-- max(named_struct(…)) is max_by() by the struct's first two parts, and its parts go by position.
-- column['part'] is column.part.
-- unnest() among the columns is a CROSS JOIN UNNEST; each element is wrapped in a row, so that a struct stays one column.
CREATE OR REPLACE VIEW "secret_tags" AS
WITH tagged AS (
  SELECT
    account_id,
    aws_region,
    secret_name,
    event_time,
    event_id,
    tag
  FROM touches
  CROSS JOIN UNNEST(TRANSFORM(tags, e -> ROW(e))) AS of_tag(tag)
  WHERE
    event_source = 'secretsmanager.amazonaws.com'
    AND outcome = 'ok'
    AND event_name IN ('CreateSecret', 'TagResource')
), told AS (
  SELECT
    account_id,
    aws_region,
    secret_name,
    event_time AS at,
    event_id,
    tag."key" AS key,
    tag.value AS value,
    FALSE AS is_listed
  FROM tagged
  UNION ALL
  SELECT
    t.account_id,
    t.aws_region,
    t.secret_name,
    i.as_of AS at,
    '' AS event_id,
    t.key,
    t.value,
    TRUE AS is_listed
  FROM inventory_tags AS t
  JOIN inventory AS i
    ON i.account_id = t.account_id
    AND i.aws_region = t.aws_region
    AND i.secret_name = t.secret_name
), latest AS (
  SELECT
    account_id,
    aws_region,
    secret_name,
    key,
    MAX_BY(
      ROW(at, event_id, value, is_listed),
      CONCAT(DATE_FORMAT(at, '%Y-%m-%d %H:%i:%s'), COALESCE(event_id, ''))
    ) AS last
  FROM told
  GROUP BY
    account_id,
    aws_region,
    secret_name,
    key
)
SELECT
  l.account_id,
  l.aws_region,
  l.secret_name,
  l.key,
  l.last[3] AS value,
  l.last[1] AS set_at
FROM latest AS l
LEFT JOIN inventory AS i
  ON i.account_id = l.account_id
  AND i.aws_region = l.aws_region
  AND i.secret_name = l.secret_name
WHERE
  l.last[4] OR i.as_of IS NULL OR l.last[1] > i.as_of;

-- queries/views/rotation_spans.sql
-- unnest() among the columns is a CROSS JOIN UNNEST; each element is wrapped in a row, so that a struct stays one column.
CREATE OR REPLACE VIEW "rotation_spans" AS
WITH shifts AS (
  SELECT
    account_id,
    aws_region,
    secret_name,
    started_at,
    ended_at,
    principal
  FROM rotations
  CROSS JOIN UNNEST(TRANSFORM(workers, e -> ROW(e))) AS of_principal(principal)
  WHERE
    NOT started_at IS NULL
  UNION ALL
  SELECT
    r.account_id,
    r.aws_region,
    r.secret_name,
    r.started_at,
    r.ended_at,
    p.principal
  FROM rotations AS r
  JOIN policy_principals AS p
    ON p.account_id = r.account_id
    AND p.aws_region = r.aws_region
    AND p.secret_name = r.secret_name
  WHERE
    p.role = 'rotator' AND NOT r.started_at IS NULL
), bounded AS (
  SELECT
    principal,
    CONCAT_WS(
      '|',
      CAST(account_id AS VARCHAR),
      CAST(aws_region AS VARCHAR),
      CAST(secret_name AS VARCHAR)
    ) AS secret,
    started_at - INTERVAL '1' MINUTE AS from_time,
    COALESCE(ended_at + INTERVAL '1' MINUTE, started_at + INTERVAL '6' HOUR) AS to_time
  FROM shifts
), reached AS (
  SELECT
    *,
    MAX(to_time) OVER (
      PARTITION BY principal
      ORDER BY from_time, to_time, secret
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS reached_to
  FROM bounded
), numbered AS (
  SELECT
    *,
    SUM(CASE WHEN from_time <= reached_to THEN 0 ELSE 1 END) OVER (
      PARTITION BY principal
      ORDER BY from_time, to_time, secret
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS stretch
  FROM reached
)
SELECT
  principal,
  MIN(from_time) AS from_time,
  MAX(to_time) AS to_time,
  ARRAY_SORT(ARRAY_AGG(DISTINCT secret)) AS secrets
FROM numbered
GROUP BY
  principal,
  stretch;

-- queries/views/reads.sql
-- As it is, but for the spelling of functions and intervals.
CREATE OR REPLACE VIEW "reads" AS
WITH evidence AS (
  SELECT
    event_id,
    event_time,
    account_id,
    aws_region,
    secret_name,
    secret_arn,
    principal,
    actor,
    principal_account,
    identity_type,
    invoked_by,
    from_console,
    source_ip,
    vpc_endpoint_id,
    secret_version_id,
    version_stage,
    outcome,
    CASE event_name
      WHEN 'GetSecretValue'
      THEN 'get'
      WHEN 'BatchGetSecretValue'
      THEN 'batch'
      ELSE 'decrypt'
    END AS kind
  FROM touches
  WHERE
    (
      event_source = 'secretsmanager.amazonaws.com'
      AND (
        event_name = 'GetSecretValue'
        OR (
          event_name = 'BatchGetSecretValue' AND outcome = 'ok'
        )
      )
    )
    OR (
      event_source = 'kms.amazonaws.com'
      AND event_name = 'Decrypt'
      AND outcome = 'ok'
      AND invoked_by = 'secretsmanager.amazonaws.com'
      AND (
        secret_version_id IS DISTINCT FROM 'RequestToValidateKeyAccess'
      )
    )
), weighed AS (
  SELECT
    *,
    COUNT(CASE WHEN kind = 'get' THEN 1 END) OVER near AS gets_near,
    COUNT(CASE WHEN kind = 'batch' THEN 1 END) OVER near AS batches_near,
    MAX(
      CASE
        WHEN kind = 'decrypt'
        THEN CONCAT_WS('|', CAST(event_id AS VARCHAR), CAST(secret_version_id AS VARCHAR))
      END
    ) OVER near AS decrypt_near,
    MAX(
      CASE
        WHEN kind = 'decrypt'
        THEN CONCAT_WS('|', CAST(event_id AS VARCHAR), CAST(secret_version_id AS VARCHAR))
      END
    ) OVER same_second AS decrypt_same_second
  FROM evidence
  WINDOW near AS (
    PARTITION BY account_id, aws_region, secret_name, principal
    ORDER BY event_time
    RANGE BETWEEN INTERVAL '5' SECOND PRECEDING AND INTERVAL '5' SECOND FOLLOWING
  ), same_second AS (
    PARTITION BY account_id, aws_region, secret_name, principal
    ORDER BY event_time
    RANGE BETWEEN CURRENT ROW AND CURRENT ROW
  )
), deliveries AS (
  SELECT
    w.*,
    CASE w.kind WHEN 'decrypt' THEN 'filter' ELSE w.kind END AS via,
    COALESCE(w.decrypt_same_second, w.decrypt_near) AS decrypt
  FROM weighed AS w
  LEFT JOIN filtered_batches AS f
    ON f.account_id = w.account_id
    AND f.aws_region = w.aws_region
    AND f.principal = w.principal
    AND f.second = w.event_time
  WHERE
    (
      w.kind = 'get' AND w.outcome = 'ok'
    )
    OR (
      w.kind = 'batch' AND w.gets_near = 0
    )
    OR (
      w.kind = 'decrypt'
      AND w.gets_near = 0
      AND w.batches_near = 0
      AND NOT f.second IS NULL
    )
)
SELECT
  d.event_id,
  d.event_time,
  d.via,
  d.account_id,
  d.aws_region,
  d.secret_name,
  COALESCE(d.secret_arn, a.secret_arn) AS secret_arn,
  COALESCE(d.secret_version_id, NULLIF(SPLIT_PART(d.decrypt, '|', 2), '')) AS secret_version_id,
  CASE WHEN d.kind = 'get' THEN d.secret_version_id END AS version_asked,
  d.version_stage,
  NULLIF(SPLIT_PART(d.decrypt, '|', 1), '') AS decrypt_event_id,
  d.principal,
  d.actor,
  d.principal_account,
  d.identity_type,
  d.invoked_by,
  d.from_console,
  d.source_ip,
  d.vpc_endpoint_id,
  CASE
    WHEN CONTAINS(
      s.secrets,
      CONCAT_WS(
        '|',
        CAST(d.account_id AS VARCHAR),
        CAST(d.aws_region AS VARCHAR),
        CAST(d.secret_name AS VARCHAR)
      )
    )
    THEN 'own'
    WHEN NOT s.principal IS NULL
    THEN 'other'
  END AS rotation
FROM deliveries AS d
LEFT JOIN secret_arns AS a
  ON a.account_id = d.account_id
  AND a.aws_region = d.aws_region
  AND a.secret_name = d.secret_name
  AND d.event_time >= a.valid_from
  AND d.event_time < a.valid_to
LEFT JOIN rotation_spans AS s
  ON s.principal = d.principal AND d.event_time BETWEEN s.from_time AND s.to_time;

-- queries/views/activity.sql
-- date_bin() is arithmetic on seconds since 1970.
CREATE OR REPLACE VIEW "activity" AS
WITH slots AS (
  SELECT
    CAST(FROM_UNIXTIME(FLOOR(TO_UNIXTIME(event_time) / 300) * 300) AS TIMESTAMP(3)) AS slot,
    account_id,
    aws_region,
    secret_name,
    principal,
    COUNT(CASE WHEN rotation IS NULL THEN 1 END) AS reads,
    COUNT(rotation) AS rotation_reads,
    MIN(actor) AS first_actor,
    MAX(actor) AS last_actor,
    MIN(event_id) AS event_id,
    MAX(secret_arn) AS secret_arn
  FROM reads
  GROUP BY
    CAST(FROM_UNIXTIME(FLOOR(TO_UNIXTIME(event_time) / 300) * 300) AS TIMESTAMP(3)),
    account_id,
    aws_region,
    secret_name,
    principal
)
SELECT
  DATE_TRUNC('HOUR', slot) AS hour,
  account_id,
  aws_region,
  secret_name,
  principal,
  SUM(reads) AS reads,
  SUM(rotation_reads) AS rotation_reads,
  CASE WHEN MIN(first_actor) = MAX(last_actor) THEN MIN(first_actor) END AS only_actor,
  ARRAY_SORT(ARRAY_AGG(DISTINCT event_id)) AS event_ids,
  MAX(secret_arn) AS secret_arn
FROM slots
GROUP BY
  DATE_TRUNC('HOUR', slot),
  account_id,
  aws_region,
  secret_name,
  principal;

-- queries/views/secrets.sql
-- max(named_struct(…)) is max_by() by the struct's first two parts, and its parts go by position.
-- unnest() among the columns is a CROSS JOIN UNNEST; each element is wrapped in a row, so that a struct stays one column.
CREATE OR REPLACE VIEW "secrets" AS
WITH facts AS (
  SELECT
    account_id,
    aws_region,
    secret_name,
    MIN(event_time) AS first_seen,
    MAX(event_time) AS last_seen,
    MAX_BY(
      CASE WHEN NOT kms_key_arn IS NULL THEN ROW(event_time, event_id, kms_key_arn) END,
      CASE
        WHEN NOT kms_key_arn IS NULL
        THEN CONCAT(DATE_FORMAT(event_time, '%Y-%m-%d %H:%i:%s'), COALESCE(event_id, ''))
      END
    ) AS key_use,
    MAX_BY(
      CASE
        WHEN event_name IN ('RotateSecret', 'CancelRotateSecret')
        AND outcome = 'ok'
        AND (
          event_name = 'CancelRotateSecret'
          OR NOT rotation_days IS NULL
          OR NOT rotation_schedule IS NULL
        )
        THEN ROW(event_time, event_id, event_name = 'RotateSecret', rotation_days, rotation_schedule)
      END,
      CASE
        WHEN event_name IN ('RotateSecret', 'CancelRotateSecret')
        AND outcome = 'ok'
        AND (
          event_name = 'CancelRotateSecret'
          OR NOT rotation_days IS NULL
          OR NOT rotation_schedule IS NULL
        )
        THEN CONCAT(DATE_FORMAT(event_time, '%Y-%m-%d %H:%i:%s'), COALESCE(event_id, ''))
      END
    ) AS setting,
    MAX_BY(
      CASE
        WHEN event_name = 'RotateSecret' AND outcome = 'ok' AND NOT rotation_lambda IS NULL
        THEN ROW(event_time, event_id, rotation_lambda)
      END,
      CASE
        WHEN event_name = 'RotateSecret' AND outcome = 'ok' AND NOT rotation_lambda IS NULL
        THEN CONCAT(DATE_FORMAT(event_time, '%Y-%m-%d %H:%i:%s'), COALESCE(event_id, ''))
      END
    ) AS function_set,
    MAX(CASE WHEN event_name = 'RotationSucceeded' THEN event_time END) AS last_rotated
  FROM touches
  GROUP BY
    account_id,
    aws_region,
    secret_name
  HAVING
    COUNT(CASE WHEN outcome = 'ok' THEN 1 END) > 0
), named AS (
  SELECT
    account_id,
    aws_region,
    secret_name
  FROM facts
  UNION
  SELECT
    account_id,
    aws_region,
    secret_name
  FROM inventory
), replicas AS (
  SELECT
    account_id,
    aws_region,
    secret_name,
    ARRAY_SORT(ARRAY_AGG(DISTINCT region)) AS regions
  FROM (
    SELECT
      account_id,
      aws_region,
      secret_name,
      region
    FROM touches
    CROSS JOIN UNNEST(TRANSFORM(replica_regions, e -> ROW(e))) AS of_region(region)
    WHERE
      outcome = 'ok' AND event_name IN ('CreateSecret', 'ReplicateSecretToRegions')
    UNION ALL
    SELECT
      account_id,
      primary_region AS aws_region,
      secret_name,
      aws_region AS region
    FROM inventory
    WHERE
      primary_region <> aws_region
  )
  GROUP BY
    account_id,
    aws_region,
    secret_name
), tagged AS (
  SELECT
    account_id,
    aws_region,
    secret_name,
    ARRAY_SORT(
      ARRAY_AGG(
        DISTINCT CONCAT(
          COALESCE(CAST(key AS VARCHAR), ''),
          COALESCE(CAST('=' AS VARCHAR), ''),
          COALESCE(CAST(value AS VARCHAR), '')
        )
      )
    ) AS tags
  FROM secret_tags
  GROUP BY
    account_id,
    aws_region,
    secret_name
), delivered AS (
  SELECT
    account_id,
    aws_region,
    secret_name,
    COUNT(*) AS reads,
    MAX_BY(
      ROW(event_time, event_id, principal),
      CONCAT(DATE_FORMAT(event_time, '%Y-%m-%d %H:%i:%s'), COALESCE(event_id, ''))
    ) AS last
  FROM reads
  WHERE
    rotation IS NULL
  GROUP BY
    account_id,
    aws_region,
    secret_name
), compared AS (
  SELECT
    n.account_id,
    n.aws_region,
    n.secret_name,
    f.first_seen,
    f.last_seen,
    f.last_rotated,
    f.key_use[3] AS key_used,
    f.setting[3] AS set_on,
    f.setting[4] AS set_days,
    f.setting[5] AS set_schedule,
    f.function_set[3] AS set_lambda,
    NOT i.secret_name IS NULL AS is_listed,
    i.as_of,
    i.kms_key,
    i.rotation_on,
    i.rotation_days,
    i.rotation_schedule,
    i.rotation_lambda,
    i.last_rotated_at,
    i.last_accessed_at,
    i.primary_region,
    i.owning_service,
    i.as_of IS NULL OR f.key_use[1] > i.as_of AS key_is_newer,
    i.as_of IS NULL OR f.setting[1] > i.as_of AS setting_is_newer,
    i.as_of IS NULL OR f.function_set[1] > i.as_of AS function_is_newer
  FROM named AS n
  LEFT JOIN facts AS f
    ON f.account_id = n.account_id
    AND f.aws_region = n.aws_region
    AND f.secret_name = n.secret_name
  LEFT JOIN inventory AS i
    ON i.account_id = n.account_id
    AND i.aws_region = n.aws_region
    AND i.secret_name = n.secret_name
), stated AS (
  SELECT
    account_id,
    aws_region,
    secret_name,
    first_seen,
    last_seen,
    is_listed,
    as_of,
    last_accessed_at,
    primary_region,
    owning_service,
    CASE WHEN key_is_newer OR kms_key IS NULL THEN key_used ELSE kms_key END AS kms_key_arn,
    CASE
      WHEN setting_is_newer
      THEN set_on
      WHEN rotation_on OR NOT set_on IS NULL
      THEN rotation_on
    END AS rotation_on,
    CASE WHEN setting_is_newer THEN set_days ELSE rotation_days END AS rotation_days,
    CASE WHEN setting_is_newer THEN set_schedule ELSE rotation_schedule END AS rotation_schedule,
    CASE WHEN function_is_newer THEN set_lambda ELSE rotation_lambda END AS rotation_lambda,
    CASE
      WHEN last_rotated IS NULL OR last_rotated_at > last_rotated
      THEN last_rotated_at
      ELSE last_rotated
    END AS last_rotated
  FROM compared
)
SELECT
  s.account_id,
  s.aws_region,
  s.secret_name,
  a.secret_arn,
  s.first_seen,
  s.last_seen,
  a.created_at,
  a.deleted_at,
  s.kms_key_arn,
  g.tags,
  r.regions AS replica_regions,
  s.primary_region,
  s.rotation_on,
  CASE WHEN s.rotation_on THEN s.rotation_days END AS rotation_days,
  CASE WHEN s.rotation_on THEN s.rotation_schedule END AS rotation_schedule,
  s.rotation_lambda,
  MAX(s.last_rotated) OVER (
    PARTITION BY s.account_id, s.secret_name, SUBSTR(a.secret_arn, LENGTH(a.secret_arn) - (
      6 - 1
    ))
  ) AS last_rotated,
  d.last[1] AS last_read,
  d.last[3] AS last_read_by,
  COALESCE(d.reads, 0) AS reads,
  s.last_accessed_at AS last_accessed,
  s.is_listed,
  s.owning_service,
  p.owner,
  p.sensitivity
FROM stated AS s
LEFT JOIN secret_arns AS a
  ON a.account_id = s.account_id
  AND a.aws_region = s.aws_region
  AND a.secret_name = s.secret_name
  AND a.valid_from <= COALESCE(s.last_seen, s.as_of)
  AND COALESCE(s.last_seen, s.as_of) < a.valid_to
LEFT JOIN replicas AS r
  ON r.account_id = s.account_id
  AND r.aws_region = s.aws_region
  AND r.secret_name = s.secret_name
LEFT JOIN tagged AS g
  ON g.account_id = s.account_id
  AND g.aws_region = s.aws_region
  AND g.secret_name = s.secret_name
LEFT JOIN delivered AS d
  ON d.account_id = s.account_id
  AND d.aws_region = s.aws_region
  AND d.secret_name = s.secret_name
LEFT JOIN policy_secrets AS p
  ON p.account_id = s.account_id
  AND p.aws_region = s.aws_region
  AND p.secret_name = s.secret_name;
