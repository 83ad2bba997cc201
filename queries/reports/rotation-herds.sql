-- title = "Herds"
-- basis = "View rotations: secrets of one path whose rotations began with pauses under five minutes. Three or more of one database make all its tasks reconnect at once."
-- empty = "No three secrets of one path were rotated together."
-- [columns]
-- first_at = "time"
-- family = "text: the path that stands for a database"
-- account = "code"
-- region = "code"
-- secrets = "count"
-- within = "length"
-- failed = "count"
-- names = "text"
WITH starts AS ( -- a row: one rotation of one secret that stands under a path
  SELECT
    account_id, aws_region, secret_name, started_at, state,
    left(
      secret_name, CAST(character_length(secret_name) - character_length(split_part(secret_name, '/', -1)) AS BIGINT)
    ) AS family
  FROM rotations
  WHERE NOT is_test AND started_at >= $from AND started_at < $to AND secret_name LIKE '%/%'
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
    sum(CASE WHEN started_at <= previous + INTERVAL '5 minutes' THEN 0 ELSE 1 END) OVER (
      PARTITION BY account_id, aws_region, family ORDER BY started_at, secret_name
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS herd
  FROM spaced
)
SELECT
  min(started_at) AS first_at, family, account_id AS account, aws_region AS region,
  count(DISTINCT secret_name) AS secrets, to_unixtime(max(started_at)) - to_unixtime(min(started_at)) AS within,
  count(DISTINCT CASE WHEN state = 'failed' THEN secret_name END) AS failed,
  array_to_string(array_sort(array_agg(DISTINCT secret_name)), ', ') AS names
FROM numbered
GROUP BY account_id, aws_region, family, herd
HAVING count(DISTINCT secret_name) >= 3
ORDER BY first_at, family, account, region
