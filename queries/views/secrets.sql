-- secrets: one row for each secret: the inventory as the trail shows it, by account_id, aws_region, secret_name.
--
-- secret_arn: the ARN that the name means now. created_at, deleted_at: UTC, null where the lake holds no such call;
-- deleted_at may lie in the future (recovery window). kms_key_arn: the key of the last use. tags: key=value, sorted.
-- replica_regions: regions that a call replicated it to (removals are not subtracted). rotation_days,
-- rotation_schedule, rotation_lambda: as set last. rotation_on: whether it is on, false after CancelRotateSecret.
-- first_seen, last_seen: the first and the last time that anybody touched it, UTC. last_rotated: last
-- RotationSucceeded, the primary's for a replica. last_read: last ordinary read; last_read_by: by whom. reads: how
-- many. owner, sensitivity: what the policy declares.
-- Left out: secrets that nobody touched since the lake began, which the trail cannot show; names that no call ever
-- found.
WITH facts AS ( -- a row: one secret and what its touches add up to
  SELECT
    account_id, aws_region, secret_name,
    min(event_time) AS first_seen,
    max(event_time) AS last_seen,
    max(CASE WHEN kms_key_arn IS NOT NULL THEN named_struct('at', event_time, 'event_id', event_id, 'key', kms_key_arn) END) AS key_use,
    max(CASE
      WHEN event_name IN ('RotateSecret', 'CancelRotateSecret') AND outcome = 'ok'
        AND (event_name = 'CancelRotateSecret' OR rotation_days IS NOT NULL OR rotation_schedule IS NOT NULL)
      THEN named_struct(
        'at', event_time, 'event_id', event_id, 'is_on', event_name = 'RotateSecret',
        'days', rotation_days, 'schedule', rotation_schedule
      )
    END) AS setting,
    max(CASE
      WHEN event_name = 'RotateSecret' AND outcome = 'ok' AND rotation_lambda IS NOT NULL
      THEN named_struct('at', event_time, 'event_id', event_id, 'lambda_arn', rotation_lambda)
    END) AS function_set,
    max(CASE WHEN event_name = 'RotationSucceeded' THEN event_time END) AS last_rotated
  FROM touches
  GROUP BY account_id, aws_region, secret_name
  HAVING count(CASE WHEN outcome = 'ok' THEN 1 END) > 0
),
replicas AS ( -- a row: one secret and the regions that it was replicated to
  SELECT account_id, aws_region, secret_name, array_sort(array_agg(DISTINCT region)) AS regions
  FROM (
    SELECT account_id, aws_region, secret_name, unnest(replica_regions) AS region
    FROM touches
    WHERE outcome = 'ok' AND event_name IN ('CreateSecret', 'ReplicateSecretToRegions')
  )
  GROUP BY account_id, aws_region, secret_name
),
tagged AS ( -- a row: one secret and its tags
  SELECT account_id, aws_region, secret_name, array_sort(array_agg(DISTINCT concat(key, '=', value))) AS tags
  FROM secret_tags
  GROUP BY account_id, aws_region, secret_name
),
delivered AS ( -- a row: one secret and its ordinary reads
  SELECT
    account_id, aws_region, secret_name,
    count(*) AS reads,
    max(named_struct('at', event_time, 'event_id', event_id, 'by', principal)) AS last
  FROM reads
  WHERE rotation IS NULL
  GROUP BY account_id, aws_region, secret_name
)
SELECT
  f.account_id, f.aws_region, f.secret_name, a.secret_arn, f.first_seen, f.last_seen, a.created_at, a.deleted_at,
  f.key_use['key'] AS kms_key_arn, g.tags, r.regions AS replica_regions,
  f.setting['is_on'] AS rotation_on,
  CASE WHEN f.setting['is_on'] THEN f.setting['days'] END AS rotation_days,
  CASE WHEN f.setting['is_on'] THEN f.setting['schedule'] END AS rotation_schedule,
  f.function_set['lambda_arn'] AS rotation_lambda,
  max(f.last_rotated) OVER (PARTITION BY f.account_id, f.secret_name, right(a.secret_arn, 6)) AS last_rotated,
  d.last['at'] AS last_read, d.last['by'] AS last_read_by, coalesce(d.reads, 0) AS reads,
  p.owner, p.sensitivity
FROM facts f
LEFT JOIN secret_arns a
  ON a.account_id = f.account_id AND a.aws_region = f.aws_region AND a.secret_name = f.secret_name
  AND a.valid_from <= f.last_seen AND f.last_seen < a.valid_to
LEFT JOIN replicas r ON r.account_id = f.account_id AND r.aws_region = f.aws_region AND r.secret_name = f.secret_name
LEFT JOIN tagged g ON g.account_id = f.account_id AND g.aws_region = f.aws_region AND g.secret_name = f.secret_name
LEFT JOIN delivered d ON d.account_id = f.account_id AND d.aws_region = f.aws_region AND d.secret_name = f.secret_name
LEFT JOIN policy_secrets p ON p.account_id = f.account_id AND p.aws_region = f.aws_region AND p.secret_name = f.secret_name
