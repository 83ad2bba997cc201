-- rotation_spans: one row for each unbroken stretch of time in which a principal was rotating secrets.
--
-- principal: a worker of the attempts (see rotations), or a rotator that the policy names for the secret.
-- from_time, to_time (UTC, both inclusive): from a minute before the first attempt's start to a minute after the last
-- one's end; an attempt without an end counts for six hours, after which its worker is no longer believed to be at work.
-- secrets: the secrets that were rotated in it, each as `account|region|name`.
-- Left out: attempts whose start is unknown.
WITH shifts AS ( -- a row: one principal at work on one attempt
  SELECT account_id, aws_region, secret_name, started_at, ended_at, unnest(workers) AS principal
  FROM rotations
  WHERE started_at IS NOT NULL
  UNION ALL
  SELECT r.account_id, r.aws_region, r.secret_name, r.started_at, r.ended_at, p.principal
  FROM rotations r
  JOIN policy_principals p
    ON p.account_id = r.account_id AND p.aws_region = r.aws_region AND p.secret_name = r.secret_name
  WHERE p.role = 'rotator' AND r.started_at IS NOT NULL
),
bounded AS ( -- a row: the same, with both ends
  SELECT
    principal, concat_ws('|', account_id, aws_region, secret_name) AS secret,
    started_at - INTERVAL '1 minute' AS from_time,
    coalesce(ended_at + INTERVAL '1 minute', started_at + INTERVAL '6 hours') AS to_time
  FROM shifts
),
reached AS ( -- a row: the same, and how far the earlier ones reach
  SELECT
    *,
    max(to_time) OVER (
      PARTITION BY principal ORDER BY from_time, to_time, secret ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS reached_to
  FROM bounded
),
numbered AS ( -- a row: the same, with the number of the stretch that it belongs to
  SELECT
    *,
    sum(CASE WHEN from_time <= reached_to THEN 0 ELSE 1 END) OVER (
      PARTITION BY principal ORDER BY from_time, to_time, secret ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS stretch
  FROM reached
)
SELECT
  principal, min(from_time) AS from_time, max(to_time) AS to_time, array_sort(array_agg(DISTINCT secret)) AS secrets
FROM numbered
GROUP BY principal, stretch
