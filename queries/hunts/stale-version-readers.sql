-- purpose = "Who still gets an old version of a secret after its rotation?"
-- description = """
-- Before the old value is revoked, and when a service fails after a rotation. Each row is a reader that was given a
-- version other than the one that the last rotation made, later than a cache may excuse. Does not see versions where
-- neither the call nor a Decrypt names one, nor rotations without events."""
-- [parameters.secret]
-- default = "%"
-- description = "The secret's name; % stands for anything"
-- [parameters.grace]
-- type = "duration"
-- default = "10m"
-- description = "How long after the rotation a read of the old version is no surprise"
WITH last_rotation AS ( -- a row: the latest rotation of a secret
  SELECT account_id, aws_region, secret_name, max(ended_at) AS rotated_at
  FROM rotations
  WHERE state = 'succeeded' AND NOT is_test
  GROUP BY account_id, aws_region, secret_name
),
current_version AS ( -- a row: the version that it made
  SELECT r.account_id, r.aws_region, r.secret_name, r.token AS version, l.rotated_at
  FROM rotations r
  JOIN last_rotation l
    ON l.account_id = r.account_id AND l.aws_region = r.aws_region AND l.secret_name = r.secret_name
    AND l.rotated_at = r.ended_at
  WHERE r.state = 'succeeded'
)
SELECT
  r.account_id, r.aws_region, r.secret_name, r.principal, r.secret_version_id AS stale_version, c.version AS current_version,
  c.rotated_at, count(*) AS reads, max(r.event_time) AS last_read,
  array_slice(array_sort(array_agg(DISTINCT r.actor)), 1, 5) AS actors
FROM reads r
JOIN current_version c
  ON c.account_id = r.account_id AND c.aws_region = r.aws_region AND c.secret_name = r.secret_name
WHERE r.secret_name LIKE $secret AND r.rotation IS NULL AND r.secret_version_id <> c.version AND r.event_time > c.rotated_at + $grace
GROUP BY
  r.account_id, r.aws_region, r.secret_name, r.principal, r.secret_version_id, c.version, c.rotated_at
ORDER BY last_read DESC, r.secret_name, r.principal
