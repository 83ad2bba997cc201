-- purpose = "How long do rotations take, and how many fail? Exact percentiles for each secret"
-- description = """
-- To set the deadline of rotation-stuck, and to see a rotation function that slows down. Percentiles are by nearest
-- rank over attempts that succeeded: p50 of one attempt is that attempt. Tests of a rotation function are left out,
-- and attempts whose start was not seen."""
-- [parameters.secret]
-- default = "%"
-- description = "The secret's name; % stands for anything"
WITH attempts AS ( -- a row: one attempt, and how long it took if it succeeded
  SELECT
    account_id, aws_region, secret_name, state, started_at,
    CASE WHEN state = 'succeeded' THEN (CAST(ended_at AS BIGINT) - CAST(started_at AS BIGINT)) / 1000000 END AS seconds
  FROM rotations
  WHERE NOT is_test AND secret_name LIKE $secret
),
ranked AS ( -- a row: the same, and its place among the secret's attempts that succeeded
  SELECT
    *,
    row_number() OVER (PARTITION BY account_id, aws_region, secret_name ORDER BY seconds NULLS LAST) AS place,
    count(seconds) OVER (PARTITION BY account_id, aws_region, secret_name) AS timed
  FROM attempts
)
SELECT
  account_id, aws_region, secret_name, count(*) AS attempts,
  count(CASE WHEN state = 'failed' THEN 1 END) AS failed,
  count(CASE WHEN state = 'abandoned' THEN 1 END) AS abandoned,
  count(CASE WHEN state = 'open' THEN 1 END) AS not_ended,
  min(CASE WHEN place = (timed * 50 + 99) / 100 THEN seconds END) AS p50_seconds,
  min(CASE WHEN place = (timed * 90 + 99) / 100 THEN seconds END) AS p90_seconds,
  max(seconds) AS longest_seconds, max(started_at) AS last_started
FROM ranked
GROUP BY account_id, aws_region, secret_name
ORDER BY attempts DESC, account_id, aws_region, secret_name
