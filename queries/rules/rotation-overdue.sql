-- id = "rotation-overdue"
-- title = "A secret was not rotated in time"
-- severity = "medium"
-- window = "1d"
-- history = "400d"
-- attack = []
-- description = """\
--   A deadline for a new value passed. The deadline comes from the contract (rotate_every), else from the schedule \
--   that RotateSecret set (days or a rate; a cron expression is not read), else from what the contract calls the \
--   secret's type, by a table of what is usual: low then, because nobody promised it. It counts from the last new \
--   value: a rotation that succeeded, a value written by hand, the creation, a restore; where the lake saw none of \
--   these, from its last rotation or its creation as the inventory lists it, else from its first sight of the secret. Each \
--   missed deadline is one finding, and a late rotation does not take it back; it is over (resolved_at) with the next new \
--   value or the deletion. Of the deadlines missed before the lake began the last one is told. Replicas are rotated with their \
--   primary and count with it. Deleted secrets have no deadlines.\
--   """
-- runbook = [
--   "Look whether rotation is on at all (view secrets: rotation_on), and whether attempts failed or got stuck.",
--   "No rotation function: rotate by hand today, then give the secret one.",
--   "If the contract is wrong, change rotate_every with the owner's consent; if the usual is too short for this secret, declare rotate_every.",
-- ]
-- benign = [
--   "A secret that is rotated at its source, by a system that does not write a new version until later.",
--   "A secret that nobody uses any more: delete it.",
--   "A value that was written by hand before the trail began: the inventory lists rotations only.",
-- ]
-- [parameters.grace]
-- per_secret = true
-- type = "duration"
-- default = "2d"
-- description = "How late is not yet worth a word. Secrets Manager takes any moment of the due day, and a failed attempt is repeated."
-- [parameters.deadlines_max]
-- default = 12
-- unit = "missed deadlines in a row"
-- description = "How many findings one forgotten value may make. Whoever ignored twelve will not read the thirteenth."
-- [parameters.api_token_every]
-- type = "duration"
-- default = "14d"
-- description = "For secrets of type api-token. A token for somebody's public API works from anywhere: 7 to 14 days are usual."
-- [parameters.database_every]
-- type = "duration"
-- default = "30d"
-- description = "For secrets of type database."
-- [parameters.shared_key_every]
-- type = "duration"
-- default = "60d"
-- description = "For secrets of type shared-key. Two parties must change it together: 30 to 60 days are usual."
-- [parameters.oauth_every]
-- type = "duration"
-- default = "30d"
-- description = "For secrets of type oauth: the client of a machine."
WITH touched AS ( -- a row: one successful touch, with what it means for the age of the value
  SELECT
    t.account_id, t.aws_region, t.secret_name, t.event_time, t.event_id, t.secret_version_id,
    right(coalesce(t.secret_arn, a.secret_arn), 6) AS suffix,
    coalesce(t.secret_arn, a.secret_arn) AS secret_arn,
    CASE
      WHEN t.event_name = 'CreateSecret' THEN 'created'
      WHEN t.event_name = 'RotationSucceeded' THEN 'rotated'
      WHEN t.event_name = 'PutSecretValue' AND (t.version_stage IS NULL OR t.version_stage = 'AWSCURRENT') THEN 'written'
      WHEN t.event_name = 'UpdateSecretVersionStage' AND t.version_stage = 'AWSCURRENT' THEN 'written'
      WHEN t.event_name = 'UpdateSecret' AND t.secret_version_id IS NOT NULL THEN 'updated'
      WHEN t.event_name = 'RestoreSecret' THEN 'restored'
      WHEN t.event_name = 'DeleteSecret' THEN 'deleted'
      WHEN t.event_name = 'CancelRotateSecret' THEN 'cancelled'
      WHEN t.event_name = 'RotateSecret' AND (t.rotation_days IS NOT NULL OR t.rotation_schedule IS NOT NULL) THEN 'set'
      ELSE 'seen'
    END AS step,
    coalesce(
      CAST(t.rotation_days AS BIGINT) * 86400,
      CAST(regexp_match(t.rotation_schedule, '^rate\((\d+) days?\)$')[1] AS BIGINT) * 86400,
      CAST(regexp_match(t.rotation_schedule, '^rate\((\d+) hours?\)$')[1] AS BIGINT) * 3600
    ) AS scheduled_seconds,
    t.event_name IN ('CreateSecret', 'RotationSucceeded', 'RotateSecret', 'ReplicateSecretToRegions') AS is_at_home
  FROM touches t
  LEFT JOIN secret_arns a
    ON a.account_id = t.account_id AND a.aws_region = t.aws_region AND a.secret_name = t.secret_name
    AND t.event_time >= a.valid_from AND t.event_time < a.valid_to
  WHERE t.outcome = 'ok'
),
made AS ( -- a row: one version whose value was encrypted: an UpdateSecret that names it brought a new value
  SELECT DISTINCT account_id, aws_region, secret_name, secret_version_id
  FROM touches
  WHERE event_name = 'GenerateDataKey' AND outcome = 'ok'
),
first_seen AS ( -- a row: the first of many touches that change nothing
  SELECT account_id, aws_region, secret_name, suffix, secret_arn, is_at_home, min(named_struct('at', event_time, 'id', event_id)) AS first
  FROM touched
  WHERE step = 'seen'
  GROUP BY account_id, aws_region, secret_name, suffix, secret_arn, is_at_home
),
seen_steps AS ( -- a row: one touch that may have changed something, or the first of the others
  SELECT
    t.account_id, t.aws_region, t.secret_name, t.event_time, t.event_id, t.suffix, t.secret_arn,
    CASE WHEN t.step <> 'updated' THEN t.step WHEN m.secret_version_id IS NOT NULL THEN 'written' ELSE 'seen' END AS step,
    t.scheduled_seconds, t.is_at_home, false AS is_listed
  FROM touched t
  LEFT JOIN made m
    ON m.account_id = t.account_id AND m.aws_region = t.aws_region AND m.secret_name = t.secret_name
    AND m.secret_version_id = t.secret_version_id
  WHERE t.step <> 'seen'
  UNION ALL
  SELECT
    account_id, aws_region, secret_name, first['at'] AS event_time, first['id'] AS event_id, suffix, secret_arn, 'seen' AS step,
    CAST(NULL AS BIGINT) AS scheduled_seconds, is_at_home, false AS is_listed
  FROM first_seen
),
listed_steps AS ( -- a row: since when the value of one listed secret is what it is, or when it was deleted
  SELECT
    i.account_id, i.aws_region, i.secret_name, coalesce(i.last_rotated_at, i.created_at) AS event_time,
    CAST(NULL AS VARCHAR) AS event_id,
    right(i.secret_arn, 6) AS suffix, i.secret_arn,
    CASE WHEN i.last_rotated_at IS NULL THEN 'created' ELSE 'rotated' END AS step,
    CASE WHEN i.rotation_on THEN coalesce(
      i.rotation_days * 86400,
      CAST(regexp_match(i.rotation_schedule, '^rate\((\d+) days?\)$')[1] AS BIGINT) * 86400,
      CAST(regexp_match(i.rotation_schedule, '^rate\((\d+) hours?\)$')[1] AS BIGINT) * 3600
    ) END AS scheduled_seconds,
    true AS is_at_home,
    true AS is_listed
  FROM inventory i
  WHERE i.primary_region IS NULL OR i.primary_region = i.aws_region
  UNION ALL
  SELECT
    account_id, aws_region, secret_name, as_of AS event_time, CAST(NULL AS VARCHAR) AS event_id, right(secret_arn, 6) AS suffix,
    secret_arn, 'deleted' AS step, CAST(NULL AS BIGINT) AS scheduled_seconds, true AS is_at_home, true AS is_listed
  FROM inventory
  WHERE deleted_at IS NOT NULL AND (primary_region IS NULL OR primary_region = aws_region)
),
steps AS ( -- a row: one such step, from either; what both tell is the trail's
  SELECT account_id, aws_region, secret_name, event_time, event_id, suffix, secret_arn, step, scheduled_seconds, is_at_home, is_listed
  FROM seen_steps
  UNION ALL
  SELECT
    l.account_id, l.aws_region, l.secret_name, l.event_time, l.event_id, l.suffix, l.secret_arn, l.step, l.scheduled_seconds,
    l.is_at_home, l.is_listed
  FROM listed_steps l
  LEFT ANTI JOIN seen_steps s
    ON s.account_id = l.account_id AND s.secret_name = l.secret_name AND s.suffix = l.suffix AND s.step = l.step
    AND s.event_time >= l.event_time - INTERVAL '1 hour' AND s.event_time <= l.event_time + INTERVAL '1 hour'
  WHERE l.event_time <= $now
),
placed AS ( -- a row: the same, with the primary's region and the first sight of its family
  SELECT
    *,
    coalesce(
      min(CASE WHEN is_at_home THEN aws_region END) OVER (PARTITION BY account_id, secret_name, suffix),
      min(aws_region) OVER (PARTITION BY account_id, secret_name, suffix)
    ) AS home_region,
    max(scheduled_seconds) OVER (PARTITION BY account_id, secret_name, suffix) AS any_schedule,
    row_number() OVER (PARTITION BY account_id, secret_name, suffix ORDER BY event_time, event_id, aws_region) AS position
  FROM steps
),
contracts AS ( -- a row: one secret, what its contract says, and what is usual for its type; settings stop no such clock
  SELECT
    s.account_id, s.aws_region, s.secret_name, s.rotate_every_seconds, s.owner, s.sensitivity,
    coalesce(g.value, to_unixtime($now) - to_unixtime($now - $grace)) AS grace_seconds,
    CASE s."type"
      WHEN 'api-token' THEN to_unixtime($now) - to_unixtime($now - $api_token_every)
      WHEN 'database' THEN to_unixtime($now) - to_unixtime($now - $database_every)
      WHEN 'shared-key' THEN to_unixtime($now) - to_unixtime($now - $shared_key_every)
      WHEN 'oauth' THEN to_unixtime($now) - to_unixtime($now - $oauth_every)
    END AS usual_seconds
  FROM policy_secrets s
  LEFT JOIN policy_parameters g
    ON g.rule = 'rotation-overdue' AND g.name = 'grace'
    AND g.account_id = s.account_id AND g.aws_region = s.aws_region AND g.secret_name = s.secret_name
),
turns AS ( -- a row: one moment at which a clock of the family begins or stops
  SELECT
    p.account_id, p.home_region AS aws_region, p.secret_name, p.suffix, p.event_time, p.event_id, p.secret_arn, p.scheduled_seconds,
    p.is_listed,
    CASE WHEN p.step = 'seen' THEN 'first seen' ELSE p.step END AS step,
    c.rotate_every_seconds, c.usual_seconds, c.owner, c.sensitivity,
    coalesce(c.grace_seconds, to_unixtime($now) - to_unixtime($now - $grace)) AS grace_seconds
  FROM placed p
  LEFT JOIN contracts c
    ON c.account_id = p.account_id AND c.aws_region = p.home_region AND c.secret_name = p.secret_name
  WHERE (p.step <> 'seen' OR p.position = 1)
    AND (
      p.step NOT IN ('set', 'cancelled')
      OR (c.rotate_every_seconds IS NULL AND (c.usual_seconds IS NULL OR p.any_schedule IS NOT NULL))
    )
),
numbered AS ( -- a row: the same, with the number of the schedule that is in force, the next turn, and the next new value
  SELECT
    *,
    sum(CASE WHEN step IN ('set', 'cancelled') OR (is_listed AND scheduled_seconds IS NOT NULL) THEN 1 ELSE 0 END) OVER (
      PARTITION BY account_id, secret_name, suffix ORDER BY event_time, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS schedule,
    lead(event_time) OVER (PARTITION BY account_id, secret_name, suffix ORDER BY event_time, event_id) AS next_at,
    min(CASE WHEN step NOT IN ('first seen', 'set', 'cancelled') THEN event_time END) OVER (
      PARTITION BY account_id, secret_name, suffix ORDER BY event_time, event_id ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    ) AS renewed_at
  FROM turns
),
clocks AS ( -- a row: one stretch of time in which the value did not change, and the schedule in force
  SELECT
    *,
    max(CASE WHEN schedule > 0 THEN scheduled_seconds END) OVER (PARTITION BY account_id, secret_name, suffix, schedule) AS set_seconds
  FROM numbered
),
allowances AS ( -- a row: the same, and whose word that is
  SELECT
    *,
    coalesce(rotate_every_seconds, set_seconds, usual_seconds) AS allowed_seconds,
    CASE WHEN rotate_every_seconds IS NOT NULL THEN 'contract' WHEN set_seconds IS NOT NULL THEN 'schedule' ELSE 'type' END AS source
  FROM clocks
),
missed AS ( -- a row: the same, with the number of deadlines that it missed
  SELECT
    *,
    least(
      (to_unixtime($now) - grace_seconds - to_unixtime(event_time)) / allowed_seconds,
      (coalesce(to_unixtime(next_at) - 1, to_unixtime($now)) - grace_seconds - to_unixtime(event_time)) / allowed_seconds
    ) AS deadlines,
    -- Whoever lists a secret that was forgotten years ago wants to know that it is late, not how often it was.
    CASE WHEN is_listed THEN greatest((to_unixtime(b.day) - to_unixtime(event_time)) / allowed_seconds, 1) ELSE 1 END AS first_told
  FROM allowances
  CROSS JOIN beginning b
  WHERE allowed_seconds > 0 AND step <> 'deleted'
),
deadlines AS ( -- a row: one missed deadline
  SELECT *, unnest(range(first_told, least(deadlines, first_told + $deadlines_max - 1) + 1)) AS number
  FROM missed
  WHERE deadlines >= first_told
),
dated AS ( -- a row: the same, with its time
  SELECT
    *,
    arrow_cast(to_timestamp_seconds(to_unixtime(event_time) + number * allowed_seconds), 'Timestamp(Microsecond, Some("UTC"))') AS due_at
  FROM deadlines
),
told AS ( -- a row: one secret and one missed deadline
  SELECT
    account_id, aws_region, secret_name, due_at,
    max(event_time) AS since,
    max(step) AS step,
    max(number) AS number,
    max(allowed_seconds) AS allowed_seconds,
    min(source) AS source,
    max(grace_seconds) AS grace_seconds,
    bool_and(is_listed) AS is_listed,
    max(secret_arn) AS secret_arn,
    CASE WHEN count(renewed_at) = count(*) THEN max(renewed_at) END AS resolved_at,
    max(owner) AS owner,
    max(sensitivity) AS sensitivity,
    array_sort(coalesce(array_agg(DISTINCT event_id) FILTER (WHERE event_id IS NOT NULL), make_array())) AS event_ids
  FROM dated
  GROUP BY account_id, aws_region, secret_name, due_at
)
SELECT
  concat_ws('|', account_id, aws_region, secret_name, to_char(due_at, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat('Rotation overdue: ', secret_name) AS title,
  concat(
    'A new value of ', secret_name, ' was due at ', to_char(due_at, '%Y-%m-%d %H:%M:%S'), ' UTC (',
    CASE source WHEN 'type' THEN 'usual for its type' ELSE source END, ': every ',
    CASE WHEN allowed_seconds % 86400 = 0 THEN concat(allowed_seconds / 86400, ' days') ELSE concat(allowed_seconds / 3600, ' hours') END,
    '). The clock runs since ', to_char(since, '%Y-%m-%d %H:%M:%S'), ' UTC, when the ',
    CASE step
      WHEN 'created' THEN 'secret was created'
      WHEN 'rotated' THEN 'secret was rotated last'
      WHEN 'written' THEN 'value was written last'
      WHEN 'restored' THEN 'secret was restored'
      WHEN 'set' THEN 'schedule was set'
      ELSE 'lake first saw the secret'
    END, CASE WHEN is_listed THEN ', as the inventory lists it.' ELSE '.' END,
    CASE WHEN number > 1 THEN concat(' It is missed deadline number ', number, ' in a row.') ELSE '' END
  ) AS summary,
  account_id, aws_region, secret_arn, secret_name,
  CAST(NULL AS VARCHAR) AS principal,
  CAST(NULL AS VARCHAR) AS actor,
  due_at AS window_start,
  arrow_cast(to_timestamp_seconds(to_unixtime(due_at) + grace_seconds), 'Timestamp(Microsecond, Some("UTC"))') AS window_end,
  concat('no new value in ', (to_unixtime(due_at) + grace_seconds - to_unixtime(since)) / 86400, ' days') AS observed,
  concat('a new value every ', CASE WHEN allowed_seconds % 86400 = 0 THEN concat(allowed_seconds / 86400, ' days') ELSE concat(allowed_seconds / 3600, ' hours') END) AS expected,
  event_ids AS evidence,
  named_struct(
    'due_at', due_at, 'since', since, 'since_what', step, 'missed_in_a_row', number, 'allowed_seconds', allowed_seconds,
    'from', source, 'since_is_listed', is_listed,
    'resolved_at', to_char(resolved_at, '%Y-%m-%dT%H:%M:%SZ'), 'owner', owner
  ) AS detail,
  CASE
    WHEN source = 'type' OR sensitivity = 'low' THEN 'low'
    WHEN sensitivity IN ('high', 'critical') THEN 'high'
    ELSE 'medium'
  END AS severity
FROM told
