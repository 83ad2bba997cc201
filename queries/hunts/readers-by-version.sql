-- purpose = "Which versions of a secret were given to whom, and since when is there a newer one?"
-- description = """
-- After a rotation, before the old value is revoked: a reader whose last row is an old version still holds it.
-- made_at is when the rotation that made the version ended, empty for versions that no rotation in the lake made.
-- Reads whose version is unknown (no Decrypt in the trail) stand under an empty version."""
-- [parameters.secret]
-- default = "%"
-- description = "The secret's name; % stands for anything"
WITH made AS ( -- a row: a version that a rotation made
  SELECT account_id, aws_region, secret_name, token AS version, max(ended_at) AS made_at
  FROM rotations
  WHERE state = 'succeeded' AND NOT is_test
  GROUP BY account_id, aws_region, secret_name, token
)
SELECT
  r.account_id, r.aws_region, r.secret_name, r.secret_version_id AS version, m.made_at, r.principal,
  count(*) AS reads, count(DISTINCT r.actor) AS actors, min(r.event_time) AS first_read, max(r.event_time) AS last_read
FROM reads r
LEFT JOIN made m
  ON m.account_id = r.account_id AND m.aws_region = r.aws_region AND m.secret_name = r.secret_name
  AND m.version = r.secret_version_id
WHERE r.secret_name LIKE $secret
GROUP BY r.account_id, r.aws_region, r.secret_name, r.secret_version_id, m.made_at, r.principal
ORDER BY r.secret_name, r.account_id, r.aws_region, last_read DESC, r.principal, version
