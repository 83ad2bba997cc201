-- id = "rotation-outside-quiet-hours"
-- title = "A rotation began outside the secret's quiet hours"
-- severity = "info"
-- window = "15m"
-- history = "1d"
-- scope = "all"
-- attack = []
-- description = """\
--   The contract declares quiet hours, local hours in which nobody should read, and a rotation of the secret began at \
--   another time. A rotation is best done while nobody reads: until the last reader has fetched the new value, some use the \
--   old one. Info: recorded and reported, paged to nobody.\
--   """
-- runbook = [
--   "Give the rotation a schedule with a window inside the quiet hours (rotate-secret, ScheduleExpression and Duration).",
--   "If somebody started it by hand: ask why then.",
-- ]
-- benign = [
--   "A rotation that was started by hand after a leak must not wait.",
--   "A schedule in UTC that daylight saving moved.",
-- ]
-- [parameters.grace_minutes]
-- default = 15
-- unit = "minutes, 0 to 720"
-- description = "How far from the quiet hours a start still counts as inside: the trail's schedule is not to the minute."
WITH started AS ( -- a row: one start of one rotation, with its local minute of the day
  SELECT
    r.account_id, r.aws_region, r.secret_name, r.started_at,
    min(r.started_by) AS started_by,
    min(l.local_hour * 60 + l.local_minute) AS minute,
    array_sort(array_distinct(flatten(array_agg(r.event_ids)))) AS event_ids
  FROM rotations r
  JOIN local_time l ON l.slot = date_bin(INTERVAL '15 minutes', r.started_at)
  WHERE NOT r.is_test AND r.started_at IS NOT NULL
  GROUP BY r.account_id, r.aws_region, r.secret_name, r.started_at
),
placed AS ( -- a row: the same where quiet hours are declared, with the minutes from their start, round the clock
  SELECT
    s.*, p.owner, p.sensitivity, p.quiet_from_minute, p.quiet_to_minute,
    (s.minute - p.quiet_from_minute + 1440 + $grace_minutes) % 1440 AS since_from,
    (p.quiet_to_minute - p.quiet_from_minute + 1440) % 1440 AS quiet_minutes
  FROM started s
  JOIN policy_secrets p
    ON p.account_id = s.account_id AND p.aws_region = s.aws_region AND p.secret_name = s.secret_name
  WHERE p.quiet_from_minute IS NOT NULL
),
told AS ( -- a row: the same, with the hours as text
  SELECT
    *,
    concat(
      lpad(CAST(quiet_from_minute / 60 AS VARCHAR), 2, '0'), ':', lpad(CAST(quiet_from_minute % 60 AS VARCHAR), 2, '0'), ' to ',
      lpad(CAST(quiet_to_minute / 60 AS VARCHAR), 2, '0'), ':', lpad(CAST(quiet_to_minute % 60 AS VARCHAR), 2, '0')
    ) AS quiet,
    concat(lpad(CAST(minute / 60 AS VARCHAR), 2, '0'), ':', lpad(CAST(minute % 60 AS VARCHAR), 2, '0')) AS began
  FROM placed
  WHERE quiet_minutes > 0 AND since_from >= quiet_minutes + 2 * $grace_minutes
)
SELECT
  concat_ws('|', t.account_id, t.aws_region, t.secret_name, to_char(t.started_at, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat('Rotation outside quiet hours: ', t.secret_name) AS title,
  concat('The rotation of ', t.secret_name, ' began in the quarter hour of ', t.began, ' local time; its quiet hours are ', t.quiet, '.') AS summary,
  t.account_id, t.aws_region, a.secret_arn, t.secret_name,
  t.started_by AS principal,
  CAST(NULL AS VARCHAR) AS actor,
  t.started_at AS window_start,
  t.started_at + INTERVAL '15 minutes' AS window_end,
  concat('began in the quarter hour of ', t.began) AS observed,
  concat('within ', t.quiet, ', give or take ', $grace_minutes, ' minutes') AS expected,
  t.event_ids AS evidence,
  named_struct('started_at', t.started_at, 'quiet_hours', t.quiet, 'owner', t.owner, 'sensitivity', t.sensitivity) AS detail
FROM told t
LEFT JOIN secret_arns a
  ON a.account_id = t.account_id AND a.aws_region = t.aws_region AND a.secret_name = t.secret_name
  AND t.started_at >= a.valid_from AND t.started_at < a.valid_to
