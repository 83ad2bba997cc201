-- title = "Versions"
-- basis = "Versions as writes, rotations and reads name them. A version that no record names is not here."
-- empty = "No record names a version."
-- [columns]
-- region = "code"
-- version = "code"
-- made_at = "time: written, or its rotation began; empty where that was before the lake"
-- made_by = "principal"
-- reads = "count: in this time, outside rotations"
-- readers = "count: different principals"
-- first_read = "time"
-- last_read = "time"
WITH made AS ( -- a row: one version and its writing
  SELECT
    account_id, aws_region, secret_name, secret_version_id AS version,
    min(event_time) AS made_at,
    min(named_struct('at', event_time, 'event_id', event_id, 'by', principal))['by'] AS made_by
  FROM touches
  WHERE secret_version_id IS NOT NULL AND outcome = 'ok' AND secret_name = $secret
    AND event_name IN ('CreateSecret', 'PutSecretValue', 'UpdateSecret', 'RotationStarted', 'RotateSecret')
  GROUP BY account_id, aws_region, secret_name, secret_version_id
),
seen AS ( -- a row: one version and its reads
  SELECT
    account_id, aws_region, secret_name, secret_version_id AS version, count(*) AS reads,
    count(DISTINCT principal) AS readers, min(event_time) AS first_read, max(event_time) AS last_read
  FROM reads
  WHERE event_time >= $from AND event_time < $to AND secret_name = $secret AND secret_version_id IS NOT NULL
    AND rotation IS NULL
  GROUP BY account_id, aws_region, secret_name, secret_version_id
)
SELECT
  coalesce(m.aws_region, s.aws_region) AS region, coalesce(m.version, s.version) AS version, m.made_at, m.made_by,
  coalesce(s.reads, 0) AS reads, coalesce(s.readers, 0) AS readers, s.first_read, s.last_read
FROM made m
FULL JOIN seen s
  ON s.account_id = m.account_id AND s.aws_region = m.aws_region AND s.secret_name = m.secret_name
  AND s.version = m.version
WHERE ($account = '' OR coalesce(m.account_id, s.account_id) = $account)
  AND ($region = '' OR coalesce(m.aws_region, s.aws_region) = $region)
ORDER BY coalesce(m.made_at, s.first_read), region, version
