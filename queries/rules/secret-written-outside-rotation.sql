-- id = "secret-written-outside-rotation"
-- title = "A secret's value or label was changed by a stranger, outside a rotation"
-- severity = "medium"
-- window = "1d"
-- history = "400d"
-- scope = "secret"
-- attack = ["T1098", "T1565.001"]
-- description = """\
--   Somebody wrote a version of a secret or moved a label (PutSecretValue, UpdateSecret with a value, \
--   UpdateSecretVersionStage), it was no step of a rotation, and the contract names the principal neither as a \
--   rotator nor as an admin. Whoever can write a secret decides what its readers connect to, or locks them out. \
--   Severity follows sensitivity. Where nobody whom the contract names as rotator or admin was ever seen on the \
--   secret, habit decides: who created it, wrote it or rotated it before is no stranger, and a stranger counts only \
--   for secrets that are rotated; low then, medium for sensitive ones. Who created a secret may fill it at once. \
--   AWS's own services do not count.\
--   """
-- runbook = [
--   "Ask the owner. A person who mends something by hand should be an admin in the contract.",
--   "If not: compare the labels (list-secret-version-ids) and move AWSCURRENT back to the version before.",
--   "Look at where readers connected since: a planted value can point them to somebody else's server.",
-- ]
-- benign = [
--   "A deploy that writes the value itself, under a role that the contract does not name yet.",
--   "A person who repairs a rotation that failed half-way.",
-- ]
-- [parameters.min_writes]
-- default = 1
-- unit = "writes in a day (UTC)"
-- description = "One is enough: the readers take whatever is there."
-- [parameters.setting_up]
-- type = "duration"
-- default = "1h"
-- description = "How long after its creation the creator may still fill a secret: tools create first and write then."
-- [parameters.memory]
-- type = "duration"
-- default = "14d"
-- description = "How old the lake must be before habit says who is a stranger: to a young one everybody is."
WITH data_keys AS ( -- a row: one version of a secret that was encrypted, so that a value was written
  SELECT DISTINCT account_id, aws_region, secret_name, secret_version_id
  FROM touches
  WHERE event_source = 'kms.amazonaws.com' AND event_name = 'GenerateDataKey' AND outcome = 'ok'
    AND secret_version_id IS NOT NULL AND invoked_by = 'secretsmanager.amazonaws.com'
),
attempts AS ( -- a row: one version that a rotation made
  SELECT DISTINCT account_id, aws_region, secret_name, token
  FROM rotations
),
writes AS ( -- a row: one write or move of a label, and whether it was a rotation's
  SELECT
    c.event_id, c.event_time, c.event_name, c.account_id, c.aws_region, c.secret_name, c.secret_arn,
    coalesce(c.principal, 'unknown') AS principal,
    c.actor, c.source_ip, c.secret_version_id, c.version_stage, c.is_admin, c.is_rotator, c.owner, c.sensitivity,
    a.token IS NOT NULL AS in_rotation,
    c.identity_type = 'AWSService' OR c.identity_type IS NULL
      OR c.principal LIKE 'arn:%:role/aws-service-role/%' AS by_aws
  FROM secret_changes c
  LEFT JOIN data_keys k
    ON k.account_id = c.account_id AND k.aws_region = c.aws_region AND k.secret_name = c.secret_name
    AND k.secret_version_id = c.secret_version_id
  LEFT JOIN attempts a
    ON a.account_id = c.account_id AND a.aws_region = c.aws_region AND a.secret_name = c.secret_name
    AND a.token = c.secret_version_id
  WHERE c.outcome = 'ok'
    AND (
      c.event_name IN ('CreateSecret', 'PutSecretValue', 'UpdateSecretVersionStage')
      OR (c.event_name = 'UpdateSecret' AND k.secret_version_id IS NOT NULL)
    )
),
habits AS ( -- a row: one principal's first write of one secret of its own accord, its creation included
  SELECT
    account_id, secret_name, principal,
    min(event_time) AS first_at,
    min(CASE WHEN event_name = 'CreateSecret' THEN event_time END) AS created_at
  FROM writes
  GROUP BY account_id, secret_name, principal
),
rotated AS ( -- a row: one secret that is rotated, and since when the lake knows it
  SELECT account_id, secret_name, min(event_time) AS first_at
  FROM secret_changes
  WHERE event_name IN ('RotateSecret', 'RotationStarted', 'RotationSucceeded', 'RotationFailed')
    AND outcome IN ('ok', 'error')
  GROUP BY account_id, secret_name
),
named AS ( -- a row: one secret that somebody changed whom the contract names as rotator or admin
  SELECT DISTINCT account_id, secret_name
  FROM secret_changes
  WHERE is_rotator OR is_admin
),
strange AS ( -- a row: one write by a stranger
  SELECT w.*, n.secret_name IS NOT NULL AS by_contract
  FROM writes w
  CROSS JOIN beginning b
  JOIN habits h ON h.account_id = w.account_id AND h.secret_name = w.secret_name AND h.principal = w.principal
  LEFT JOIN named n ON n.account_id = w.account_id AND n.secret_name = w.secret_name
  LEFT JOIN rotated r
    ON r.account_id = w.account_id AND r.secret_name = w.secret_name AND r.first_at < w.event_time
  WHERE w.event_name <> 'CreateSecret'
    AND NOT w.in_rotation AND NOT coalesce(w.by_aws, false)
    AND NOT w.is_admin AND NOT w.is_rotator
    AND NOT coalesce(w.event_time <= h.created_at + $setting_up, false)
    AND (
      n.secret_name IS NOT NULL
      OR (
        r.secret_name IS NOT NULL AND h.created_at IS NULL AND b.day <= w.event_time - $memory
        AND date_trunc('day', h.first_at) = date_trunc('day', w.event_time)
      )
    )
),
days AS ( -- a row: one secret, one stranger, one day (UTC)
  SELECT
    account_id, aws_region, secret_name, principal,
    date_trunc('day', event_time) AS day,
    count(DISTINCT event_id) AS writes,
    min(event_time) AS first_at,
    max(event_time) AS last_at,
    bool_or(by_contract) AS by_contract,
    max(secret_arn) AS secret_arn,
    max(sensitivity) AS sensitivity,
    max(owner) AS owner,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    array_sort(array_agg(DISTINCT event_name)) AS calls,
    array_sort(array_agg(DISTINCT version_stage) FILTER (WHERE version_stage IS NOT NULL)) AS labels,
    array_slice(array_sort(array_agg(DISTINCT source_ip)), 1, 10) AS source_ips,
    array_slice(array_sort(array_agg(DISTINCT event_id)), 1, 50) AS event_ids
  FROM strange
  GROUP BY account_id, aws_region, secret_name, principal, date_trunc('day', event_time)
)
SELECT
  concat_ws('|', account_id, aws_region, secret_name, principal, to_char(day, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(secret_name, ' written by ', split_part(principal, '/', -1), ' outside a rotation') AS title,
  concat(
    principal, ' changed ', secret_name, ' ', writes, CASE writes WHEN 1 THEN ' time' ELSE ' times' END, ' (',
    array_to_string(calls, ', '), '), first at ', to_char(first_at, '%Y-%m-%d %H:%M:%S'),
      ' UTC, and no rotation was it. ',
    CASE
      WHEN by_contract THEN 'The contract names it neither as a rotator nor as an admin.'
      ELSE 'It never wrote, created or rotated this secret before.'
    END
  ) AS summary,
  account_id, aws_region, secret_arn, secret_name, principal, actor,
  day AS window_start,
  day + INTERVAL '1 day' AS window_end,
  concat(writes, CASE writes WHEN 1 THEN ' write' ELSE ' writes' END, ' outside a rotation') AS observed,
  CASE WHEN by_contract THEN '0 writes by anybody but rotators and admins'
    ELSE '0 writes by anybody who never wrote it' END AS expected,
  event_ids AS evidence,
  named_struct(
    'writes', writes, 'calls', calls, 'labels', labels, 'first_at', first_at, 'last_at', last_at, 'by_contract',
    by_contract,
    'source_ips', source_ips, 'sensitivity', sensitivity, 'owner', owner
  ) AS detail,
  CASE
    WHEN by_contract THEN CASE WHEN sensitivity IN ('high', 'critical') THEN 'high' WHEN sensitivity = 'low' THEN 'low'
      ELSE 'medium' END
    ELSE CASE WHEN sensitivity IN ('high', 'critical') THEN 'medium' ELSE 'low' END
  END AS severity
FROM days
WHERE writes >= $min_writes
