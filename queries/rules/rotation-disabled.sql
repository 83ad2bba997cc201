-- id = "rotation-disabled"
-- title = "Rotation of a secret was turned off"
-- severity = "medium"
-- window = "1s"
-- history = "1d"
-- scope = "secret"
-- attack = ["T1098"]
-- description = """\
--   CancelRotateSecret: from now on the value stays as it is, and whoever knows it keeps knowing it. Rank 3, high: \
--   the contract calls the secret sensitive or says how often it must rotate. Rank 2, medium: any other. Rank 1, low: \
--   an insensitive secret, or rotation was turned on again, or the secret deleted, soon after. Rank 0: an attempt \
--   that failed. A version may be left half-way, with the label AWSPENDING on it. It is over (resolved_at) when \
--   rotation is turned on again or the secret is deleted.\
--   """
-- runbook = [
--   "Ask who turned it off, and for how long; a secret that was read after that deserves a look (hunt who-read-this-secret).",
--   "Look at the labels (list-secret-version-ids): does AWSPENDING stand on a version of its own? Was the database already changed?",
--   "Turn it on again with RotateSecret and the schedule that it had (view secrets: rotation_days, rotation_schedule).",
-- ]
-- benign = [
--   "A rotation function is being replaced.",
--   "A secret that moves to a managed rotation.",
-- ]
-- [parameters.min_rank]
-- default = 1
-- unit = "rank, 0 to 3"
-- description = "What is told from which rank on."
-- [parameters.restored_within]
-- type = "duration"
-- default = "1h"
-- description = "Turned on again, or deleted, within this: a change of settings or the end of a secret, told at rank 1."
WITH cancelled AS ( -- a row: one secret whose rotation was turned off, in one second
  SELECT
    account_id, aws_region, secret_name, suffix, event_time,
    bool_or(outcome = 'ok') AS succeeded,
    max(secret_arn) AS secret_arn,
    min(principal) AS principal,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    bool_or(is_admin) AS by_admin,
    max(owner) AS owner,
    max(sensitivity) AS sensitivity,
    max(rotate_every_seconds) AS rotate_every_seconds,
    array_sort(array_agg(DISTINCT event_id)) AS event_ids
  FROM secret_changes
  WHERE event_name = 'CancelRotateSecret'
  GROUP BY account_id, aws_region, secret_name, suffix, event_time
),
ends AS ( -- a row: one call that turns rotation on again, or makes it pointless
  SELECT account_id, aws_region, secret_name, event_time, event_name
  FROM secret_changes
  WHERE event_name IN ('RotateSecret', 'DeleteSecret') AND outcome = 'ok'
),
followed AS ( -- a row: the same, with the first such call after it
  SELECT
    c.account_id, c.aws_region, c.secret_name, c.event_time, c.succeeded, c.secret_arn, c.principal, c.actor,
    c.by_admin,
    c.owner, c.sensitivity, c.rotate_every_seconds, c.event_ids,
    min(e.event_time) AS resolved_at
  FROM cancelled c
  LEFT JOIN ends e
    ON e.account_id = c.account_id AND e.aws_region = c.aws_region AND e.secret_name = c.secret_name
    AND e.event_time >= c.event_time
  GROUP BY
    c.account_id, c.aws_region, c.secret_name, c.event_time, c.succeeded, c.secret_arn, c.principal, c.actor,
    c.by_admin,
    c.owner, c.sensitivity, c.rotate_every_seconds, c.event_ids
),
judged AS ( -- a row: the same, with its rank
  SELECT
    *,
    CASE
      WHEN NOT succeeded THEN 0
      WHEN sensitivity = 'low' OR resolved_at <= event_time + $restored_within THEN 1
      WHEN sensitivity IN ('high', 'critical') OR rotate_every_seconds IS NOT NULL THEN 3
      ELSE 2
    END AS rank
  FROM followed
)
SELECT
  concat_ws('|', account_id, aws_region, secret_name, to_char(event_time, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat('Rotation turned off: ', secret_name) AS title,
  concat(
    coalesce(principal, 'somebody'), CASE WHEN succeeded THEN ' turned' ELSE ' tried to turn' END,
      ' off the rotation of ',
    secret_name, '.',
    CASE WHEN rotate_every_seconds IS NOT NULL THEN concat(' The contract wants a new value every ',
      rotate_every_seconds / 86400, ' days.') ELSE '' END,
    CASE WHEN resolved_at <= event_time + $restored_within THEN concat(' It was over at ',
      to_char(resolved_at, '%H:%M:%S'), ' UTC.') ELSE '' END
  ) AS summary,
  account_id, aws_region, secret_arn, secret_name, principal, actor,
  event_time AS window_start,
  event_time + INTERVAL '1 second' AS window_end,
  CASE WHEN succeeded THEN '1 CancelRotateSecret' ELSE '1 failed attempt to cancel the rotation' END AS observed,
  '0: rotation stays on' AS expected,
  event_ids AS evidence,
  named_struct(
    'rank', rank, 'succeeded', succeeded, 'by_admin', by_admin, 'rotate_every_seconds', rotate_every_seconds,
    'resolved_at', to_char(resolved_at, '%Y-%m-%dT%H:%M:%SZ'), 'owner', owner, 'sensitivity', sensitivity
  ) AS detail,
  CASE rank WHEN 3 THEN 'high' WHEN 2 THEN 'medium' WHEN 1 THEN 'low' ELSE 'info' END AS severity
FROM judged
WHERE rank >= $min_rank
