-- id = "rotation-cancelled-then-read"
-- title = "A secret's rotation was switched off, and then it was read"
-- severity = "high"
-- window = "1d"
-- history = "36d"
-- scope = "all"
-- attack = ["T1098.001", "T1555.006"]
-- description = """\
--   A story: automatic rotation of a secret was cancelled, and within a day its value was given to whoever cancelled it, \
--   or to a principal that had not read it within memory. A stolen value that no longer rotates stays good. Critical \
--   for sensitive secrets. A principal that the contract names may read; it is told only if it cancelled the rotation \
--   itself. One finding for each cancelling and reader, with the first read.\
--   """
-- runbook = [
--   "Switch rotation on again and rotate now: that makes the value that was read worthless.",
--   "Ask whoever cancelled it why, by another channel than the account that did.",
--   "Look at what else the reader read that day (hunt what-did-principal-touch).",
-- ]
-- benign = [
--   "An admin who stops a rotation that breaks a service, and looks at the value to mend it.",
--   "A migration of a secret to another rotation function.",
-- ]
-- [parameters.within]
-- type = "duration"
-- default = "24h"
-- description = "How soon after the cancelling the read follows."
-- [parameters.memory]
-- type = "duration"
-- default = "35d"
-- description = "Who has read the secret within this before is known."
WITH cancelled AS ( -- a row: one rotation that was switched off
  SELECT account_id, secret_name, event_time, event_id, principal AS cancelled_by
  FROM touches
  WHERE event_source = 'secretsmanager.amazonaws.com' AND event_name = 'CancelRotateSecret' AND outcome = 'ok'
),
placed AS ( -- a row: one read, with its reader's one before it
  SELECT
    account_id, aws_region, secret_name, secret_arn, principal, actor, event_time, event_id, source_ip,
    lag(event_time) OVER (PARTITION BY account_id, secret_name, principal ORDER BY event_time, event_id) AS previous
  FROM reads
  WHERE principal IS NOT NULL AND rotation IS NULL AND (identity_type IS DISTINCT FROM 'AWSService')
),
named AS ( -- a row: one principal that the contract names
  SELECT DISTINCT account_id, secret_name, principal
  FROM policy_principals
  WHERE role IN ('reader', 'break_glass', 'rotator')
),
followed AS ( -- a row: one read after a cancelling, by its maker or by a stranger
  SELECT
    c.event_time AS cancelled_at, c.event_id AS cancel_event, c.cancelled_by, r.account_id, r.aws_region, r.secret_name,
    r.secret_arn, r.principal, r.actor, r.event_time, r.event_id, r.source_ip,
    min(r.event_time) OVER (PARTITION BY c.event_id, r.account_id, r.secret_name, r.principal) AS first_at
  FROM cancelled c
  JOIN placed r ON r.account_id = c.account_id AND r.secret_name = c.secret_name
  LEFT JOIN named n ON n.account_id = r.account_id AND n.secret_name = r.secret_name AND n.principal = r.principal
  WHERE r.event_time >= c.event_time AND r.event_time <= c.event_time + $within
    AND (
      r.principal = c.cancelled_by
      OR ((r.previous IS NULL OR r.event_time > r.previous + $memory) AND n.principal IS NULL)
    )
),
stories AS ( -- a row: one story, with the latest cancelling before its first read
  SELECT
    account_id, secret_name, principal, first_at,
    min(aws_region) AS aws_region,
    max(secret_arn) AS secret_arn,
    max(cancelled_at) AS cancelled_at,
    bool_or(principal = cancelled_by) AS by_itself,
    array_sort(array_agg(DISTINCT cancelled_by) FILTER (WHERE cancelled_by IS NOT NULL)) AS cancelled_by,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    max(source_ip) AS source_ip,
    array_sort(array_distinct(array_concat(array_agg(event_id), array_agg(cancel_event)))) AS event_ids
  FROM followed
  WHERE event_time = first_at
  GROUP BY account_id, secret_name, principal, first_at
)
SELECT
  concat_ws('|', s.account_id, s.aws_region, s.secret_name, s.principal, to_char(s.first_at, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(s.secret_name, ': rotation cancelled, then read by ', split_part(s.principal, '/', -1)) AS title,
  concat(
    coalesce(array_to_string(s.cancelled_by, ', '), 'somebody'), ' switched the rotation of ', s.secret_name, ' off at ',
    to_char(s.cancelled_at, '%Y-%m-%d %H:%M:%S'), ' UTC; ', s.principal, ' was given the value at ',
    to_char(s.first_at, '%Y-%m-%d %H:%M:%S'), ' UTC. ',
    CASE WHEN s.by_itself THEN 'Both are the same principal.' ELSE 'The reader had not read it within memory.' END
  ) AS summary,
  s.account_id, s.aws_region, s.secret_arn, s.secret_name, s.principal, s.actor,
  s.cancelled_at AS window_start,
  s.first_at + INTERVAL '1 second' AS window_end,
  concat('read ', (to_unixtime(s.first_at) - to_unixtime(s.cancelled_at)) / 60, ' minutes after its rotation was cancelled') AS observed,
  'rotation stays on, or nobody new reads' AS expected,
  s.event_ids AS evidence,
  named_struct(
    'members', make_array('rotation-disabled', 'first-seen-reader', 'unexpected-reader', 'off-hours-read'),
    'cancelled_at', s.cancelled_at, 'cancelled_by', s.cancelled_by, 'read_at', s.first_at, 'by_itself', s.by_itself,
    'source_ip', s.source_ip, 'owner', p.owner, 'sensitivity', p.sensitivity
  ) AS detail,
  CASE WHEN p.sensitivity IN ('high', 'critical') THEN 'critical' ELSE 'high' END AS severity
FROM stories s
LEFT JOIN policy_secrets p
  ON p.account_id = s.account_id AND p.aws_region = s.aws_region AND p.secret_name = s.secret_name
