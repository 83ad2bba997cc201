-- title = "From a rotation to the last reader of an older version"
-- basis = "Rotations that succeeded, and reads of another version than theirs from their end to the next one's. Reads whose version no record names are not seen."
-- empty = "No rotation succeeded in this time."
-- [columns]
-- secret = "text"
-- region = "beneath"
-- rotated_at = "time"
-- version = "code: the new one"
-- stale_reads = "count: of older versions, until the next rotation"
-- last_stale_read = "time"
-- lag = "length: from the rotation to the last stale read"
-- last_reader = "principal: who that was"
-- readers = "count: principals that read an older version"
WITH done AS ( -- a row: one rotation that succeeded
  SELECT
    account_id, aws_region, secret_name, token, ended_at,
    lead(ended_at) OVER (PARTITION BY account_id, aws_region, secret_name ORDER BY ended_at, token) AS next_at
  FROM rotations
  WHERE state = 'succeeded' AND NOT is_test
    AND ($secret = '' OR secret_name = $secret) AND ($account = '' OR account_id = $account)
    AND ($region = '' OR aws_region = $region)
),
versions AS ( -- a row: one version and its first sight; what came after a rotation by hand is newer than it, not stale
  SELECT account_id, secret_name, secret_version_id AS version, min(event_time) AS first_sight
  FROM touches
  WHERE secret_version_id IS NOT NULL
  GROUP BY account_id, secret_name, secret_version_id
),
stale AS ( -- a row: one rotation and the reads of older versions after it
  SELECT
    d.account_id, d.aws_region, d.secret_name, d.token, count(*) AS reads, count(DISTINCT r.principal) AS readers,
    max(named_struct('at', r.event_time, 'event_id', r.event_id, 'by', r.principal)) AS last
  FROM done d
  JOIN reads r
    ON r.account_id = d.account_id AND r.aws_region = d.aws_region AND r.secret_name = d.secret_name
    AND r.event_time > d.ended_at AND (d.next_at IS NULL OR r.event_time < d.next_at)
  LEFT JOIN versions v
    ON v.account_id = r.account_id AND v.secret_name = r.secret_name AND v.version = r.secret_version_id
  WHERE r.rotation IS NULL AND r.event_time < $to
    AND ((r.secret_version_id <> d.token AND v.first_sight < d.ended_at) OR r.version_stage = 'AWSPREVIOUS')
  GROUP BY d.account_id, d.aws_region, d.secret_name, d.token
)
SELECT
  d.secret_name AS secret, d.aws_region AS region, d.ended_at AS rotated_at, d.token AS version,
  coalesce(s.reads, 0) AS stale_reads, s.last['at'] AS last_stale_read,
  to_unixtime(s.last['at']) - to_unixtime(d.ended_at) AS lag, s.last['by'] AS last_reader,
  coalesce(s.readers, 0) AS readers
FROM done d
LEFT JOIN stale s
  ON s.account_id = d.account_id AND s.aws_region = d.aws_region AND s.secret_name = d.secret_name
  AND s.token = d.token
WHERE d.ended_at >= $from AND d.ended_at < $to
ORDER BY lag DESC NULLS LAST, rotated_at, secret, region
