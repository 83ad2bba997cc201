-- id = "rotation-failed"
-- title = "A rotation failed"
-- severity = "high"
-- window = "1s"
-- history = "1d"
-- scope = "secret"
-- attack = []
-- description = """\
--   Secrets Manager reports that a rotation failed (RotationFailed), or that it was abandoned because somebody wrote a \
--   new version in the middle of it (RotationAbandoned, medium). The old value stays in use; after a failure in the \
--   setSecret or finishSecret step the database may already want the new one, and the next restart of a service fails. \
--   Low where a rotation of the secret succeeded soon after; over (resolved_at) with the first success, soon or late. A \
--   rotation function's designed errors are no failures.\
--   """
-- runbook = [
--   "Read the step in the message, then the rotation function's log for that minute.",
--   "createSecret: permissions or the key. setSecret, testSecret: the database refused. finishSecret: labels.",
--   "If setSecret was reached: compare the database's password with AWSCURRENT and AWSPENDING before anything restarts.",
--   "Mend the cause, then start the rotation again; it takes up the pending version.",
-- ]
-- benign = [
--   "The database was down for maintenance.",
--   "A first attempt after a change of the rotation function, repeated at once.",
--   "Abandoned: an admin set a value by hand while a rotation ran.",
-- ]
-- [parameters.min_failures]
-- default = 1
-- unit = "failures of one secret within a day"
-- description = "One is enough: each failure leaves a secret older than it should be."
-- [parameters.recovery]
-- type = "duration"
-- default = "1h"
-- description = "A success within this makes the failure a note of low severity: Secrets Manager, or somebody, tried again."
-- [parameters.include_abandoned]
-- default = true
-- description = "Whether abandoned rotations are told too."
-- [parameters.include_tests]
-- default = false
-- description = "Whether failed tests are told: TestRotation runs when rotation is being configured, with somebody watching."
WITH failures AS ( -- a row: one report of a failure
  SELECT
    account_id, aws_region, secret_name, event_name, event_time,
    max(secret_arn) AS secret_arn,
    max(secret_version_id) AS token,
    max(error_message) AS error,
    array_sort(array_agg(DISTINCT event_id)) AS event_ids
  FROM touches
  WHERE event_source = 'secretsmanager.amazonaws.com' AND event_type = 'AwsServiceEvent'
    AND (
      event_name = 'RotationFailed'
      OR (event_name = 'RotationAbandoned' AND $include_abandoned)
      OR (event_name = 'TestRotationFailed' AND $include_tests)
    )
  GROUP BY account_id, aws_region, secret_name, event_name, event_time
),
counted AS ( -- a row: the same, with the number of failures of its secret within a day
  SELECT
    *,
    count(*) OVER (
      PARTITION BY account_id, aws_region, secret_name ORDER BY event_time
      RANGE BETWEEN INTERVAL '24 hours' PRECEDING AND CURRENT ROW
    ) AS failures_in_day
  FROM failures
),
successes AS ( -- a row: one success
  SELECT account_id, aws_region, secret_name, event_time
  FROM touches
  WHERE event_source = 'secretsmanager.amazonaws.com' AND event_name = 'RotationSucceeded'
),
followed AS ( -- a row: a failure, with the first success that followed it, and whether that was soon
  SELECT
    c.account_id, c.aws_region, c.secret_name, c.event_name, c.event_time, c.secret_arn, c.token, c.error, c.event_ids,
    c.failures_in_day,
    min(s.event_time) AS resolved_at,
    min(CASE WHEN s.event_time <= c.event_time + $recovery THEN s.event_time END) AS recovered_at
  FROM counted c
  LEFT JOIN successes s
    ON s.account_id = c.account_id AND s.aws_region = c.aws_region AND s.secret_name = c.secret_name
    AND s.event_time >= c.event_time
  WHERE c.failures_in_day >= $min_failures
  GROUP BY
    c.account_id, c.aws_region, c.secret_name, c.event_name, c.event_time, c.secret_arn, c.token, c.error, c.event_ids,
    c.failures_in_day
)
SELECT
  concat_ws('|', f.account_id, f.aws_region, f.secret_name, f.event_name, to_char(f.event_time, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(
    CASE f.event_name WHEN 'RotationAbandoned' THEN 'Rotation abandoned: ' WHEN 'TestRotationFailed' THEN 'Test of rotation failed: ' ELSE 'Rotation failed: ' END,
    f.secret_name
  ) AS title,
  concat(
    CASE f.event_name
      WHEN 'RotationAbandoned' THEN concat('The rotation of ', f.secret_name, ' was given up because a new version was written while it ran.')
      ELSE concat('The rotation of ', f.secret_name, ' failed', coalesce(': ' || f.error, ', and no reason was given'), '.')
    END,
    CASE WHEN f.failures_in_day > 1 THEN concat(' It is number ', f.failures_in_day, ' within a day.') ELSE '' END,
    CASE WHEN f.recovered_at IS NOT NULL THEN concat(' A rotation succeeded at ', to_char(f.recovered_at, '%H:%M:%S'), ' UTC.') ELSE '' END
  ) AS summary,
  f.account_id, f.aws_region, f.secret_arn, f.secret_name,
  CAST(NULL AS VARCHAR) AS principal,
  CAST(NULL AS VARCHAR) AS actor,
  f.event_time AS window_start,
  f.event_time + INTERVAL '1 second' AS window_end,
  concat(f.event_name, ', ', f.failures_in_day, ' within a day') AS observed,
  'RotationSucceeded' AS expected,
  f.event_ids AS evidence,
  named_struct(
    'event', f.event_name, 'step', regexp_match(f.error, 'during (\w+) step')[1], 'error', f.error, 'version', f.token,
    'recovered_at', f.recovered_at, 'resolved_at', to_char(f.resolved_at, '%Y-%m-%dT%H:%M:%SZ'), 'owner', p.owner, 'sensitivity', p.sensitivity
  ) AS detail,
  CASE
    WHEN f.recovered_at IS NOT NULL OR f.event_name = 'TestRotationFailed' THEN 'low'
    WHEN f.event_name = 'RotationAbandoned' OR p.sensitivity = 'low' THEN 'medium'
    ELSE 'high'
  END AS severity
FROM followed f
LEFT JOIN policy_secrets p
  ON p.account_id = f.account_id AND p.aws_region = f.aws_region AND p.secret_name = f.secret_name
