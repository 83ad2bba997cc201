-- id = "recon-then-breadth"
-- title = "Secrets were listed, and then many were read"
-- severity = "high"
-- window = "2d"
-- history = "37d"
-- scope = "principal"
-- attack = ["T1580", "T1526", "T1555.006"]
-- description = """\
--   A story: one principal listed the secrets (ListSecrets), or described many, and within the hour was given the values \
--   of more different secrets than it ever was after such a look around. Services know the names of their secrets and \
--   list nothing; people look around and open one. Because the look around says what the reads are for, fewer reads are \
--   enough than for secret-read-breadth. High, critical from the number on at which breadth alone alarms. Told with the \
--   read that completes it; what follows within a day belongs to the same story. Low while the lake is younger than \
--   warm_up: the first night of a backup looks the same.\
--   """
-- runbook = [
--   "Look at who is behind the principal: the actor, the address, who assumed the role just before.",
--   "Look at the list of what was read: whoever lists first takes what the name promises.",
--   "If it is no tool that somebody can name: revoke its sessions and rotate every secret listed.",
-- ]
-- benign = [
--   "The first run of infrastructure as code, a backup or an inventory under a new role.",
--   "Somebody who cleans up, secret by secret, in the console.",
-- ]
-- [parameters.min_secrets]
-- default = 5
-- unit = "different secrets"
-- description = "How many reads complete the story. People who look for one value open two or three."
-- [parameters.critical_secrets]
-- default = 11
-- unit = "different secrets"
-- description = "From how many on it is critical: as many as secret-read-breadth alarms for without a look around."
-- [parameters.min_described]
-- default = 10
-- unit = "different secrets described"
-- description = "How many descriptions within the time are a look around like a listing."
-- [parameters.within]
-- type = "duration"
-- default = "1h"
-- description = "How long after the look around the reads belong to it."
-- [parameters.percent]
-- default = 200
-- unit = "percent of the principal's own"
-- description = "How far above what the same principal did so before; as in secret-read-breadth."
-- [parameters.memory]
-- type = "duration"
-- default = "35d"
-- description = "How far back the principal's own behaviour is learned: longer than a month."
-- [parameters.warm_up]
-- type = "duration"
-- default = "7d"
-- description = "How old the lake must be: tools that read everything do so nightly or weekly, and have then been seen once."
WITH looks AS ( -- a row: one listing, or one description
  SELECT principal, event_time, event_id, actor, CAST(NULL AS VARCHAR) AS described
  FROM actions
  WHERE event_source = 'secretsmanager.amazonaws.com' AND event_name = 'ListSecrets' AND outcome = 'ok' AND principal IS NOT NULL
  UNION ALL
  SELECT principal, event_time, event_id, actor, concat_ws('|', account_id, secret_name) AS described
  FROM touches
  WHERE event_source = 'secretsmanager.amazonaws.com' AND event_name = 'DescribeSecret' AND principal IS NOT NULL
),
swept AS ( -- a row: the same, with how many different secrets were described up to it
  SELECT
    *,
    count(DISTINCT described) OVER (PARTITION BY principal ORDER BY event_time RANGE BETWEEN $within PRECEDING AND CURRENT ROW) AS sweep
  FROM looks
),
steps AS ( -- a row: a look around, or a read
  SELECT
    principal, event_time, event_id, actor, CAST(NULL AS VARCHAR) AS family, CAST(NULL AS VARCHAR) AS account_id,
    CAST(NULL AS VARCHAR) AS aws_region, CAST(NULL AS VARCHAR) AS secret_name
  FROM swept
  WHERE described IS NULL OR sweep >= $min_described
  UNION ALL
  SELECT
    principal, event_time, event_id, actor, concat_ws('|', account_id, secret_name) AS family, account_id, aws_region, secret_name
  FROM reads
  WHERE principal IS NOT NULL AND rotation IS NULL AND (identity_type IS DISTINCT FROM 'AWSService')
),
followed AS ( -- a row: the same, with the first and last look around before it
  SELECT
    *,
    min(CASE WHEN family IS NULL THEN event_time END) OVER before AS look_at,
    max(CASE WHEN family IS NULL THEN event_id END) OVER before AS look_event
  FROM steps
  WINDOW before AS (PARTITION BY principal ORDER BY event_time RANGE BETWEEN $within PRECEDING AND CURRENT ROW)
),
counted AS ( -- a row: one read after a look around, with the different secrets read so up to it
  SELECT
    *,
    count(DISTINCT family) OVER (PARTITION BY principal ORDER BY event_time RANGE BETWEEN $within PRECEDING AND CURRENT ROW) AS secrets
  FROM followed
  WHERE family IS NOT NULL AND look_at IS NOT NULL
),
compared AS ( -- a row: the same, with the most before today and the most of the day that follows
  SELECT
    *,
    max(secrets) OVER (
      PARTITION BY principal ORDER BY event_time RANGE BETWEEN $memory PRECEDING AND INTERVAL '24 hours' PRECEDING
    ) AS before,
    max(secrets) OVER (
      PARTITION BY principal ORDER BY event_time RANGE BETWEEN CURRENT ROW AND INTERVAL '24 hours' FOLLOWING
    ) AS most
  FROM counted
),
complete AS ( -- a row: a read at which the story is complete, with the time of the one before it
  SELECT *, lag(event_time) OVER (PARTITION BY principal ORDER BY event_time, event_id, family) AS previous
  FROM compared
  WHERE secrets >= $min_secrets AND secrets * 100 > coalesce(before, 0) * $percent
),
told AS ( -- a row: the read that completes a story
  SELECT principal, event_time, look_at, most, before, look_event, min(actor) AS actor
  FROM complete
  WHERE previous IS NULL OR event_time > previous + INTERVAL '24 hours'
  GROUP BY principal, event_time, look_at, most, before, look_event
),
whole AS ( -- a row: one story, with what was read from the look around to its completion
  SELECT
    t.principal, t.event_time, t.look_at, t.most, t.before, t.actor,
    count(DISTINCT c.account_id) AS accounts,
    count(DISTINCT c.aws_region) AS regions,
    min(c.account_id) AS account_id,
    min(c.aws_region) AS aws_region,
    array_slice(array_sort(array_agg(DISTINCT c.secret_name)), 1, 50) AS secret_names,
    array_slice(array_sort(array_distinct(array_append(array_agg(c.event_id), max(t.look_event)))), 1, 50) AS event_ids
  FROM told t
  JOIN counted c ON c.principal = t.principal AND c.event_time >= t.look_at AND c.event_time <= t.event_time
  GROUP BY t.principal, t.event_time, t.look_at, t.most, t.before, t.actor
)
SELECT
  concat_ws('|', principal, to_char(event_time, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(split_part(principal, '/', -1), ' looked around and read ', most, ' secrets') AS title,
  concat(
    principal, ' listed or described secrets at ', to_char(look_at, '%Y-%m-%d %H:%M:%S'), ' UTC and had read ',
    cardinality(secret_names), ' of them by ', to_char(event_time, '%H:%M:%S'), ' UTC, at most ', most, ' within the time. ',
    CASE WHEN before IS NULL THEN 'It never did so before.' ELSE concat('Before it read at most ', before, ' after a look around.') END,
    CASE WHEN event_time < a.day + $warm_up THEN ' The lake is too young to know whether it does so often.' ELSE '' END
  ) AS summary,
  CASE WHEN accounts = 1 THEN account_id END AS account_id,
  CASE WHEN regions = 1 THEN aws_region END AS aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  CAST(NULL AS VARCHAR) AS secret_name,
  principal, actor,
  look_at AS window_start,
  event_time + INTERVAL '1 second' AS window_end,
  concat(most, ' different secrets after a look around') AS observed,
  concat('fewer than ', greatest($min_secrets, coalesce(before, 0) * $percent / 100 + 1)) AS expected,
  event_ids AS evidence,
  named_struct(
    'members', make_array('secret-read-breadth', 'first-seen-reader', 'unexpected-reader', 'throttled-reads'),
    'looked_at', look_at, 'completed_at', event_time, 'secrets', most, 'before', before, 'secret_names', secret_names
  ) AS detail,
  CASE WHEN event_time < a.day + $warm_up THEN 'low' WHEN most >= $critical_secrets THEN 'critical' ELSE 'high' END AS severity
FROM whole
CROSS JOIN beginning a
