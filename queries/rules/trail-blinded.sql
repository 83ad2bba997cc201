-- id = "trail-blinded"
-- title = "The trail was stopped, deleted or narrowed"
-- severity = "critical"
-- window = "1s"
-- history = "400d"
-- scope = "landmarks"
-- attack = ["T1562.008"]
-- description = """\
--   A call that succeeded made CloudTrail record or deliver less than before. Rank 4, critical: logging stopped, trail or \
--   event data store deleted, reads of secrets no longer recorded. Rank 3, high: uses of keys, changes, parameters or \
--   service events no longer recorded, one region only, one account only, another bucket, selectors too large to be \
--   shown. Rank 2, medium: global services, log validation, the SNS announcement or the prefix. Rank 1, low: delivery to \
--   CloudWatch Logs or the key changed, or a bucket named that nothing here can be compared with. Rank 0: calls that \
--   widen or keep what is recorded, and attempts that failed. Selectors are not judged by their form: each is tried on \
--   examples of what Snowtrail must see, so that any condition that loses one is found.\
--   """
-- runbook = [
--   "Is it a change that somebody announced? If not, treat the principal as hostile: revoke its sessions first.",
--   "Turn it back: start logging, restore the selectors or settings (the event shows what was set).",
--   "Look at what the same principal did in the hour before and, in Event history, after: that is what was to be hidden.",
-- ]
-- benign = [
--   "A trail that only ever recorded data events, and whose selectors are set again.",
--   "A trail that was replaced by an organization trail.",
--   "Infrastructure as code that removes a test account's trail.",
-- ]
-- [parameters.min_rank]
-- default = 2
-- unit = "rank, 0 to 4"
-- description = "What is told from which rank on. Rank 1 is mostly housekeeping."
WITH calls AS ( -- a row: one call that decides what is recorded, or for how long
  SELECT
    account_id, aws_region, event_id, event_time, event_name, outcome, principal, actor, truncated, event_selectors,
    coalesce(first_target, 'unknown') AS trail_name,
    trail_s3_bucket AS s3_bucket,
    trail_s3_prefix AS s3_prefix,
    trail_sns_topic AS sns_topic,
    trail_kms_key AS kms_key,
    trail_log_group AS log_group,
    CAST(trail_is_multi_region AS VARCHAR) AS is_multi_region,
    CAST(trail_is_organization AS VARCHAR) AS is_organization,
    CAST(trail_include_global_events AS VARCHAR) AS include_global_events,
    CAST(trail_log_file_validation AS VARCHAR) AS log_file_validation
  FROM actions
  WHERE event_source = 'cloudtrail.amazonaws.com'
    AND event_name IN (
      'StopLogging', 'StartLogging', 'DeleteTrail', 'CreateTrail', 'UpdateTrail', 'PutEventSelectors',
      'DeleteEventDataStore', 'RestoreEventDataStore', 'UpdateEventDataStore', 'StopEventDataStoreIngestion',
      'StartEventDataStoreIngestion'
    )
),
plain AS ( -- a row: what a call does by its name alone
  SELECT
    event_id, account_id,
    CASE event_name
      WHEN 'StopLogging' THEN 'logging stopped'
      WHEN 'DeleteTrail' THEN 'trail deleted'
      WHEN 'DeleteEventDataStore' THEN 'event data store deleted'
      WHEN 'StopEventDataStoreIngestion' THEN 'event data store stopped'
      ELSE CASE WHEN event_name = 'PutEventSelectors' AND truncated AND coalesce(cardinality(event_selectors), 0) = 0
        THEN 'selectors too large to be shown' ELSE 'recording begun, widened or kept' END
    END AS form,
    CASE
      WHEN event_name IN ('StopLogging', 'DeleteTrail', 'DeleteEventDataStore', 'StopEventDataStoreIngestion') THEN 4
      WHEN event_name = 'PutEventSelectors' AND truncated AND coalesce(cardinality(event_selectors), 0) = 0 THEN 3
      ELSE 0
    END AS rank
  FROM calls
),
probes AS ( -- a row: an example of what must be recorded, and how bad it is if it is not
  SELECT
    column1 AS what, column2 AS event_source, column3 AS event_name, column4 AS read_only, column5 AS event_type,
    column6 AS rank
  FROM (VALUES
    ('reads of secrets', 'secretsmanager.amazonaws.com', 'GetSecretValue', 'true', 'AwsApiCall', 4),
    ('batch reads of secrets', 'secretsmanager.amazonaws.com', 'BatchGetSecretValue', 'true', 'AwsApiCall', 4),
    ('changes of secrets', 'secretsmanager.amazonaws.com', 'PutSecretValue', 'false', 'AwsApiCall', 3),
    ('deletions of secrets', 'secretsmanager.amazonaws.com', 'DeleteSecret', 'false', 'AwsApiCall', 3),
    ('rotation events', 'secretsmanager.amazonaws.com', 'RotationFailed', 'false', 'AwsServiceEvent', 3),
    ('uses of keys', 'kms.amazonaws.com', 'Decrypt', 'true', 'AwsApiCall', 3),
    ('changes of keys', 'kms.amazonaws.com', 'ScheduleKeyDeletion', 'false', 'AwsApiCall', 3),
    ('reads of parameters', 'ssm.amazonaws.com', 'GetParameter', 'true', 'AwsApiCall', 3),
    ('role assumption', 'sts.amazonaws.com', 'AssumeRole', 'true', 'AwsApiCall', 2),
    ('changes of the trail', 'cloudtrail.amazonaws.com', 'StopLogging', 'false', 'AwsApiCall', 3)
  )
),
positions AS ( -- a row: one selector of one call, by its position
  SELECT event_id, account_id, event_selectors, unnest(range(1, CAST(cardinality(event_selectors) AS BIGINT) + 1)) AS position
  FROM calls
  WHERE coalesce(cardinality(event_selectors), 0) > 0
),
selectors AS ( -- a row: the same, with what it says
  SELECT
    event_id, account_id, position,
    event_selectors[position]['form'] AS form,
    event_selectors[position]['read_write_type'] AS read_write_type,
    event_selectors[position]['include_management_events'] AS include_management_events,
    event_selectors[position]['excluded_sources'] AS excluded_sources,
    event_selectors[position]['fields'] AS fields
  FROM positions
),
conditions AS ( -- a row: one condition of one advanced selector
  SELECT event_id, account_id, position, unnest(fields) AS condition
  FROM selectors
  WHERE form = 'advanced'
),
operands AS ( -- a row: one operand of one condition
  SELECT
    event_id, account_id, position,
    condition['field'] AS field,
    condition['operator'] AS operator,
    unnest(condition['values']) AS operand
  FROM conditions
),
tried AS ( -- a row: one operand tried on one example
  SELECT
    o.event_id, o.account_id, o.position, o.field, o.operator, p.what,
    CASE
      WHEN o.operator IN ('equals', 'notEquals') THEN p.value = o.operand
      WHEN o.operator IN ('startsWith', 'notStartsWith') THEN starts_with(p.value, o.operand)
      WHEN o.operator IN ('endsWith', 'notEndsWith') THEN ends_with(p.value, o.operand)
    END AS hits
  FROM operands o
  JOIN (
    SELECT what, 'eventSource' AS field, event_source AS value FROM probes
    UNION ALL SELECT what, 'eventName', event_name FROM probes
    UNION ALL SELECT what, 'readOnly', read_only FROM probes
    UNION ALL SELECT what, 'eventType', event_type FROM probes
    UNION ALL SELECT what, 'eventCategory', 'Management' FROM probes
    -- Of other fields (who calls, from where) the example has no value: a condition on them loses somebody's calls.
    UNION ALL SELECT what, 'other', CAST(NULL AS VARCHAR) FROM probes
  ) p ON p.field = CASE WHEN o.field IN ('eventSource', 'eventName', 'readOnly', 'eventType', 'eventCategory') THEN o.field ELSE 'other' END
),
held AS ( -- a row: one condition on one example, and whether it lets it through
  SELECT
    event_id, account_id, position, what, field,
    CASE WHEN operator LIKE 'not%' THEN coalesce(bool_and(NOT hits), false) ELSE coalesce(bool_or(hits), false) END AS holds
  FROM tried
  GROUP BY event_id, account_id, position, what, field, operator
),
covered AS ( -- a row: one selector that records one example
  SELECT event_id, account_id, what
  FROM held
  GROUP BY event_id, account_id, position, what
  HAVING bool_and(holds) AND bool_or(field = 'eventCategory')
  UNION ALL
  SELECT s.event_id, s.account_id, p.what
  FROM selectors s
  CROSS JOIN probes p
  WHERE s.form = 'basic'
    AND coalesce(s.include_management_events, true)
    AND (coalesce(s.read_write_type, 'All') = 'All' OR s.read_write_type = CASE p.read_only WHEN 'true' THEN 'ReadOnly' ELSE 'WriteOnly' END)
    AND NOT coalesce(array_has(s.excluded_sources, p.event_source), false)
),
lost AS ( -- a row: one example that no selector of a call records
  SELECT DISTINCT s.event_id, s.account_id, p.what, p.rank
  FROM selectors s
  CROSS JOIN probes p
  LEFT ANTI JOIN covered c ON c.event_id = s.event_id AND c.account_id = s.account_id AND c.what = p.what
),
hidden AS ( -- a row: what a call hides, the examples of one rank together
  SELECT
    event_id, account_id,
    concat('no longer recorded: ', array_to_string(array_sort(array_agg(what)), ', ')) AS form,
    rank
  FROM lost
  GROUP BY event_id, account_id, rank
),
settings AS ( -- a row: one setting that a call gave to a trail
  SELECT event_id, account_id, trail_name, event_time, event_name, setting['name'] AS name, setting['value'] AS value
  FROM (
    SELECT
      event_id, account_id, trail_name, event_time, event_name,
      unnest(make_array(
        named_struct('name', 's3_bucket', 'value', s3_bucket),
        named_struct('name', 's3_prefix', 'value', s3_prefix),
        named_struct('name', 'sns_topic', 'value', sns_topic),
        named_struct('name', 'kms_key', 'value', kms_key),
        named_struct('name', 'log_group', 'value', log_group),
        named_struct('name', 'is_multi_region', 'value', is_multi_region),
        named_struct('name', 'is_organization', 'value', is_organization),
        named_struct('name', 'include_global_events', 'value', include_global_events),
        named_struct('name', 'log_file_validation', 'value', log_file_validation)
      )) AS setting
    FROM calls
    WHERE event_name IN ('CreateTrail', 'UpdateTrail') AND outcome = 'ok'
  )
  WHERE setting['value'] IS NOT NULL
),
changes AS ( -- a row: the same, with what the setting was before, as far as the lake knows
  SELECT
    *,
    lag(value) OVER (PARTITION BY account_id, trail_name, name ORDER BY event_time, event_id) AS before
  FROM settings
),
protected AS ( -- a row: a bucket that the policy expects the trail in, as a LIKE pattern
  SELECT replace(value, '*', '%') AS pattern
  FROM policy_trail
  WHERE kind = 'protect' AND value LIKE 'arn:%:s3:::%'
),
weakened AS ( -- a row: one setting that a call made worse
  SELECT
    c.event_id, c.account_id,
    CASE c.name
      WHEN 'is_multi_region' THEN 'one region only'
      WHEN 'is_organization' THEN 'one account only'
      WHEN 'include_global_events' THEN 'global services left out'
      WHEN 'log_file_validation' THEN 'log file validation off'
      WHEN 'sns_topic' THEN CASE c.value WHEN '' THEN 'announcement removed' ELSE 'announced to another topic' END
      WHEN 'log_group' THEN CASE c.value WHEN '' THEN 'CloudWatch Logs removed' ELSE 'another log group' END
      WHEN 's3_bucket' THEN CASE WHEN c.before IS NULL THEN 'a bucket named; the earlier one is unknown' ELSE 'delivered to another bucket' END
      WHEN 's3_prefix' THEN 'delivered under another prefix'
      WHEN 'kms_key' THEN 'encrypted with another key'
    END AS form,
    CASE
      WHEN c.name IN ('is_multi_region', 'is_organization') THEN 3
      WHEN c.name = 's3_bucket' AND c.before IS NOT NULL THEN 3
      WHEN c.name IN ('include_global_events', 'log_file_validation', 'sns_topic', 's3_prefix') THEN 2
      ELSE 1
    END AS rank
  FROM changes c
  LEFT ANTI JOIN protected p ON c.name = 's3_bucket' AND c.before IS NULL AND concat('arn:aws:s3:::', c.value) LIKE p.pattern
  WHERE c.event_name = 'UpdateTrail' AND (c.value IS DISTINCT FROM c.before)
    AND (
      (c.name IN ('is_multi_region', 'is_organization', 'include_global_events', 'log_file_validation') AND c.value = 'false')
      OR (c.name IN ('sns_topic', 'log_group') AND (c.value = '' OR c.before IS NOT NULL))
      OR (c.name IN ('s3_prefix', 'kms_key') AND c.before IS NOT NULL)
      OR c.name = 's3_bucket'
    )
),
forms AS ( -- a row: one thing that one call did
  SELECT event_id, account_id, form, rank FROM plain
  UNION ALL SELECT event_id, account_id, form, rank FROM hidden
  UNION ALL SELECT event_id, account_id, form, rank FROM weakened
),
judged AS ( -- a row: one call to one trail in one second, with the worst that it did; a failed attempt did nothing
  SELECT
    c.account_id, c.aws_region, c.trail_name, c.event_name, c.event_time,
    max(CASE WHEN c.outcome = 'ok' THEN f.rank ELSE 0 END) AS rank,
    max(CASE WHEN f.rank = 4 THEN f.form END) AS worst_4,
    max(CASE WHEN f.rank = 3 THEN f.form END) AS worst_3,
    max(CASE WHEN f.rank = 2 THEN f.form END) AS worst_2,
    array_sort(array_agg(DISTINCT f.form)) AS all_forms,
    array_sort(array_agg(DISTINCT f.form) FILTER (WHERE f.rank > 0)) AS bad_forms,
    bool_or(c.outcome = 'ok') AS succeeded,
    min(c.principal) AS principal,
    CASE WHEN min(c.actor) = max(c.actor) THEN min(c.actor) END AS actor,
    array_sort(array_agg(DISTINCT c.event_id)) AS event_ids
  FROM calls c
  JOIN forms f ON f.event_id = c.event_id AND f.account_id = c.account_id
  GROUP BY c.account_id, c.aws_region, c.trail_name, c.event_name, c.event_time
)
SELECT
  concat_ws('|', account_id, aws_region, trail_name, event_name, to_char(event_time, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(event_name, ' on ', trail_name, ': ', coalesce(worst_4, worst_3, worst_2, coalesce(bad_forms, all_forms)[1])) AS title,
  concat(
    coalesce(principal, 'somebody'), CASE WHEN succeeded THEN ' called ' ELSE ' tried to call ' END, event_name, ' on ', trail_name, ': ',
    array_to_string(coalesce(bad_forms, all_forms), '; '), '.'
  ) AS summary,
  account_id, aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  CAST(NULL AS VARCHAR) AS secret_name,
  principal, actor,
  event_time AS window_start,
  event_time + INTERVAL '1 second' AS window_end,
  array_to_string(coalesce(bad_forms, all_forms), '; ') AS observed,
  'nothing is recorded or delivered less than before' AS expected,
  event_ids AS evidence,
  named_struct('trail', trail_name, 'call', event_name, 'rank', rank, 'forms', coalesce(bad_forms, all_forms), 'succeeded', succeeded) AS detail,
  CASE rank WHEN 4 THEN 'critical' WHEN 3 THEN 'high' WHEN 2 THEN 'medium' WHEN 1 THEN 'low' ELSE 'info' END AS severity
FROM judged
WHERE rank >= $min_rank
