-- id = "rotation-herd"
-- title = "Many secrets of one family rotated at once"
-- severity = "low"
-- window = "1h"
-- history = "1d"
-- attack = []
-- description = """\
--   Rotations of many secrets that stand under one path (`prod/orders-db/…`) began within minutes of each other. They \
--   are likely to live on one database: each rotation changes a password there and then makes every task reconnect. \
--   Nothing is broken yet; schedules that were all set on one day stay together for ever. The trail does not say \
--   which database a secret is for, so the path stands for it. Tests of rotation do not count. One finding for each \
--   herd.\
--   """
-- runbook = [
--   "Look at the database's connections and at failed logins in these minutes.",
--   "Spread the schedules: give RotateSecret a window (duration) and different days.",
-- ]
-- benign = [
--   "All secrets were rotated on purpose, after a leak.",
--   "Secrets under one path that live on different databases.",
-- ]
-- [parameters.min_secrets]
-- default = 5
-- unit = "secrets"
-- description = "How many of one family. Four users of one database that rotate together are a habit."
-- [parameters.apart]
-- type = "duration"
-- default = "5m"
-- description = "A pause of this length between two starts ends a herd. A rotation takes seconds to minutes."
WITH starts AS ( -- a row: one rotation of one secret that stands under a path
  SELECT
    account_id, aws_region, secret_name, started_at, started_by, state, event_ids,
    left(
      secret_name, CAST(character_length(secret_name) - character_length(split_part(secret_name, '/', -1)) AS BIGINT)
    ) AS family
  FROM rotations
  WHERE NOT is_test AND started_at IS NOT NULL AND secret_name LIKE '%/%'
),
spaced AS ( -- a row: the same, with the start before it in its family
  SELECT
    *,
    lag(started_at) OVER (PARTITION BY account_id, aws_region, family ORDER BY started_at, secret_name) AS previous
  FROM starts
),
numbered AS ( -- a row: the same, with the number of its herd
  SELECT
    *,
    sum(CASE WHEN started_at <= previous + $apart THEN 0 ELSE 1 END) OVER (
      PARTITION BY account_id, aws_region, family ORDER BY started_at, secret_name
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS herd
  FROM spaced
),
herds AS ( -- a row: one herd
  SELECT
    account_id, aws_region, family, herd,
    min(started_at) AS first_at,
    max(started_at) AS last_at,
    count(DISTINCT secret_name) AS secrets,
    count(DISTINCT CASE WHEN state = 'failed' THEN secret_name END) AS failed,
    CASE WHEN count(started_by) = count(*) AND min(started_by) = max(started_by) THEN min(started_by) END AS started_by,
    array_slice(array_sort(array_agg(DISTINCT secret_name)), 1, 50) AS names,
    array_slice(array_sort(array_distinct(flatten(array_agg(event_ids)))), 1, 50) AS event_ids
  FROM numbered
  GROUP BY account_id, aws_region, family, herd
)
SELECT
  concat_ws('|', account_id, aws_region, family, to_char(first_at, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(secrets, ' secrets of ', family, ' rotated at once') AS title,
  concat(
    'Rotations of ', secrets, ' secrets under ', family, ' began between ', to_char(first_at, '%Y-%m-%d %H:%M:%S'),
    ' and ',
    to_char(last_at, '%H:%M:%S'), ' UTC; ', failed, ' of them failed.',
    coalesce(concat(' All were started by ', started_by, '.'), '')
  ) AS summary,
  account_id, aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  CAST(NULL AS VARCHAR) AS secret_name,
  started_by AS principal,
  CAST(NULL AS VARCHAR) AS actor,
  first_at AS window_start,
  last_at + INTERVAL '1 second' AS window_end,
  concat(secrets, ' secrets of one family within ', (to_unixtime(last_at) - to_unixtime(first_at)) / 60,
    ' minutes') AS observed,
  concat('fewer than ', $min_secrets) AS expected,
  event_ids AS evidence,
  named_struct('family', family, 'secrets', secrets, 'names', names, 'failed', failed) AS detail
FROM herds
WHERE secrets >= $min_secrets
