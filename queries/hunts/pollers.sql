-- purpose = "Who reads a secret like a clock, and how often would a cache spare the call?"
-- description = """
-- A steady rhythm is a loop without a cache: each read costs money, and hides a thief's among thousands.
-- typical_seconds is the median distance between two reads by the same actor, steady_percent how many distances lie
-- within a tenth of it."""
-- [parameters.least]
-- default = 20
-- unit = "reads"
-- description = "Readers with fewer distances are left out"
-- [parameters.steady]
-- default = 60
-- unit = "percent"
-- description = "Readers that are less steady are left out"
WITH stepped AS ( -- a row: one read, and how long after the reader's one before
  SELECT
    account_id, aws_region, secret_name, principal, actor,
    (
      CAST(event_time AS BIGINT) - lag(CAST(event_time AS BIGINT)) OVER (
        PARTITION BY account_id, aws_region, secret_name, principal, actor ORDER BY event_time, event_id
      )
    ) / 1000000 AS seconds
  FROM reads
  WHERE rotation IS NULL
),
ranked AS ( -- a row: one distance, and its place among the reader's
  SELECT
    *,
    row_number() OVER (PARTITION BY account_id, aws_region, secret_name, principal ORDER BY seconds) AS place,
    count(*) OVER (PARTITION BY account_id, aws_region, secret_name, principal) AS distances
  FROM stepped
  WHERE seconds IS NOT NULL
),
medians AS ( -- a row: one reader of one secret, and its median distance
  SELECT account_id, aws_region, secret_name, principal, max(seconds) AS typical_seconds
  FROM ranked
  WHERE place = (distances + 1) / 2
  GROUP BY account_id, aws_region, secret_name, principal
)
SELECT
  r.account_id, r.aws_region, r.secret_name, r.principal, count(*) AS distances, m.typical_seconds,
  100 * count(CASE WHEN abs(r.seconds - m.typical_seconds) * 10 <= m.typical_seconds THEN 1 END) / count(*) AS steady_percent
FROM ranked r
JOIN medians m
  ON m.account_id = r.account_id AND m.aws_region = r.aws_region AND m.secret_name = r.secret_name
  AND m.principal = r.principal
GROUP BY r.account_id, r.aws_region, r.secret_name, r.principal, m.typical_seconds
HAVING count(*) >= $least
  AND 100 * count(CASE WHEN abs(r.seconds - m.typical_seconds) * 10 <= m.typical_seconds THEN 1 END) / count(*) >= $steady
ORDER BY distances DESC, r.secret_name, r.principal, r.account_id, r.aws_region
