-- secrets: one row for each secret: the inventory as the trail shows it, by account_id, aws_region, secret_name, and as
-- the policy's inventory files list it. Where the two differ the newer word stands.
--
-- secret_arn: the ARN that the name means now. created_at, deleted_at: UTC, null where neither tells; deleted_at may lie
-- in the future (recovery window). kms_key_arn: the key of the last use, or as listed (then perhaps an alias). tags:
-- key=value, sorted. replica_regions: regions that a call replicated it to (removals are not subtracted), or where replicas
-- are listed. primary_region: the primary's, as listed. rotation_days, rotation_schedule, rotation_lambda: as set last.
-- rotation_on: whether it is on, false after CancelRotateSecret. first_seen, last_seen: the first and the last time that
-- anybody touched it, UTC; null where nobody did. last_rotated: last rotation that succeeded, the primary's for a replica.
-- last_read: last ordinary read; last_read_by: by whom. reads: how many. last_accessed: the day of the last access as
-- listed, whoever it was. is_listed: whether the inventory lists it. owning_service: the service that manages it, as
-- listed. owner, sensitivity: what the policy declares.
-- Left out: secrets that nobody touched since the lake began and that no inventory lists; names that no call ever found.
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
named AS ( -- a row: one secret that was touched or listed
  SELECT account_id, aws_region, secret_name
  FROM facts
  UNION
  SELECT account_id, aws_region, secret_name
  FROM inventory
),
replicas AS ( -- a row: one secret and the regions that it was replicated to
  SELECT account_id, aws_region, secret_name, array_sort(array_agg(DISTINCT region)) AS regions
  FROM (
    SELECT account_id, aws_region, secret_name, unnest(replica_regions) AS region
    FROM touches
    WHERE outcome = 'ok' AND event_name IN ('CreateSecret', 'ReplicateSecretToRegions')
    UNION ALL
    SELECT account_id, primary_region AS aws_region, secret_name, aws_region AS region
    FROM inventory
    WHERE primary_region <> aws_region
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
),
compared AS ( -- a row: one secret, what was seen of it, what is listed, and whether the trail's word is the newer
  SELECT
    n.account_id, n.aws_region, n.secret_name, f.first_seen, f.last_seen, f.last_rotated,
    f.key_use['key'] AS key_used,
    f.setting['is_on'] AS set_on,
    f.setting['days'] AS set_days,
    f.setting['schedule'] AS set_schedule,
    f.function_set['lambda_arn'] AS set_lambda,
    i.secret_name IS NOT NULL AS is_listed,
    i.as_of, i.kms_key, i.rotation_on, i.rotation_days, i.rotation_schedule, i.rotation_lambda, i.last_rotated_at,
    i.last_accessed_at, i.primary_region, i.owning_service,
    i.as_of IS NULL OR f.key_use['at'] > i.as_of AS key_is_newer,
    i.as_of IS NULL OR f.setting['at'] > i.as_of AS setting_is_newer,
    i.as_of IS NULL OR f.function_set['at'] > i.as_of AS function_is_newer
  FROM named n
  LEFT JOIN facts f
    ON f.account_id = n.account_id AND f.aws_region = n.aws_region AND f.secret_name = n.secret_name
  LEFT JOIN inventory i
    ON i.account_id = n.account_id AND i.aws_region = n.aws_region AND i.secret_name = n.secret_name
),
stated AS ( -- a row: the same, with the word that stands
  SELECT
    account_id, aws_region, secret_name, first_seen, last_seen, is_listed, as_of, last_accessed_at, primary_region,
    owning_service,
    CASE WHEN key_is_newer OR kms_key IS NULL THEN key_used ELSE kms_key END AS kms_key_arn,
    CASE WHEN setting_is_newer THEN set_on WHEN rotation_on OR set_on IS NOT NULL THEN rotation_on END AS rotation_on,
    CASE WHEN setting_is_newer THEN set_days ELSE rotation_days END AS rotation_days,
    CASE WHEN setting_is_newer THEN set_schedule ELSE rotation_schedule END AS rotation_schedule,
    CASE WHEN function_is_newer THEN set_lambda ELSE rotation_lambda END AS rotation_lambda,
    CASE WHEN last_rotated IS NULL OR last_rotated_at > last_rotated THEN last_rotated_at ELSE last_rotated END AS last_rotated
  FROM compared
)
SELECT
  s.account_id, s.aws_region, s.secret_name, a.secret_arn, s.first_seen, s.last_seen, a.created_at, a.deleted_at,
  s.kms_key_arn, g.tags, r.regions AS replica_regions, s.primary_region, s.rotation_on,
  CASE WHEN s.rotation_on THEN s.rotation_days END AS rotation_days,
  CASE WHEN s.rotation_on THEN s.rotation_schedule END AS rotation_schedule,
  s.rotation_lambda,
  max(s.last_rotated) OVER (PARTITION BY s.account_id, s.secret_name, right(a.secret_arn, 6)) AS last_rotated,
  d.last['at'] AS last_read, d.last['by'] AS last_read_by, coalesce(d.reads, 0) AS reads,
  s.last_accessed_at AS last_accessed, s.is_listed, s.owning_service, p.owner, p.sensitivity
FROM stated s
LEFT JOIN secret_arns a
  ON a.account_id = s.account_id AND a.aws_region = s.aws_region AND a.secret_name = s.secret_name
  AND a.valid_from <= coalesce(s.last_seen, s.as_of) AND coalesce(s.last_seen, s.as_of) < a.valid_to
LEFT JOIN replicas r ON r.account_id = s.account_id AND r.aws_region = s.aws_region AND r.secret_name = s.secret_name
LEFT JOIN tagged g ON g.account_id = s.account_id AND g.aws_region = s.aws_region AND g.secret_name = s.secret_name
LEFT JOIN delivered d ON d.account_id = s.account_id AND d.aws_region = s.aws_region AND d.secret_name = s.secret_name
LEFT JOIN policy_secrets p ON p.account_id = s.account_id AND p.aws_region = s.aws_region AND p.secret_name = s.secret_name
