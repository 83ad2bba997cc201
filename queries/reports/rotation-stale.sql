-- title = "Stale readers"
-- basis = "Readers of another version than the last succeeded rotation made, more than ten minutes after it. Reads whose version no record names are not seen."
-- empty = "After each secret's last rotation everybody reads the new version."
-- [columns]
-- secret = "text"
-- region = "beneath"
-- principal = "principal"
-- verdict = "verdict"
-- stale_reads = "count"
-- last_stale_read = "time"
-- sessions = "count: different actors"
-- current_version = "code"
-- rotated_at = "time"
WITH done AS ( -- a row: one rotation that succeeded, the last of its secret first
  SELECT
    account_id, aws_region, secret_name, token, ended_at,
    row_number() OVER (PARTITION BY account_id, aws_region, secret_name ORDER BY ended_at DESC, token) AS place
  FROM rotations
  WHERE state = 'succeeded' AND NOT is_test AND ended_at < $to
),
versions AS ( -- a row: one version and its first sight; what came after a rotation by hand is newer than it, not stale
  SELECT account_id, secret_name, secret_version_id AS version, min(event_time) AS first_sight
  FROM touches
  WHERE secret_version_id IS NOT NULL
  GROUP BY account_id, secret_name, secret_version_id
)
SELECT
  d.secret_name AS secret, d.aws_region AS region, r.principal, 'stale' AS verdict, count(*) AS stale_reads,
  max(r.event_time) AS last_stale_read, count(DISTINCT r.actor) AS sessions, d.token AS current_version,
  d.ended_at AS rotated_at
FROM done d
JOIN reads r
  ON r.account_id = d.account_id AND r.aws_region = d.aws_region AND r.secret_name = d.secret_name
  AND r.event_time > d.ended_at + INTERVAL '10 minutes' AND r.event_time < $to
LEFT JOIN versions v ON v.account_id = r.account_id AND v.secret_name = r.secret_name AND v.version = r.secret_version_id
WHERE d.place = 1 AND r.rotation IS NULL
  AND ((r.secret_version_id <> d.token AND v.first_sight < d.ended_at) OR r.version_stage = 'AWSPREVIOUS')
GROUP BY d.account_id, d.aws_region, d.secret_name, d.token, d.ended_at, r.principal
ORDER BY last_stale_read DESC, secret, region, r.principal
