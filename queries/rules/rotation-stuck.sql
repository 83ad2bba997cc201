-- id = "rotation-stuck"
-- title = "A rotation began and never ended"
-- severity = "high"
-- window = "4h"
-- history = "4h"
-- scope = "secret"
-- attack = []
-- description = """\
--   A rotation started, and until its deadline neither it nor any other rotation of the secret succeeded, failed or was \
--   abandoned, and nobody cancelled it. Two versions are in play meanwhile, and nobody says which one the database \
--   wants. What happens after the deadline does not take the finding back: it was stuck. The first ending after the \
--   deadline, whatever it is, makes it a thing of the past (resolved_at).\
--   """
-- runbook = [
--   "Look at the rotation function: was it called, did it time out, is its concurrency used up, is it in a network without a route to Secrets Manager?",
--   "Look at the labels (list-secret-version-ids): where are AWSCURRENT and AWSPENDING?",
--   "Mend the cause, then start the rotation again; it takes up the pending version.",
-- ]
-- benign = [
--   "The ending is in the trail but was not delivered yet: the finding is then withdrawn by itself.",
--   "A rotation that a person finishes by hand, step by step.",
-- ]
-- [parameters.stuck_after]
-- type = "duration"
-- default = "4h"
-- description = "How long a rotation may take. Four steps of at most 15 minutes each, with repeats, and the trail's own delay, fit in."
WITH started AS ( -- a row: one attempt whose deadline has passed
  SELECT account_id, aws_region, secret_name, token, started_at, workers, started_by, event_ids
  FROM rotations
  WHERE NOT is_test AND started_at IS NOT NULL AND started_at + $stuck_after <= $now
),
endings AS ( -- a row: one end of some rotation of a secret, or of its rotating at all
  SELECT account_id, aws_region, secret_name, event_time
  FROM touches
  WHERE event_source = 'secretsmanager.amazonaws.com'
    AND (
      event_name IN ('RotationSucceeded', 'RotationFailed', 'RotationAbandoned')
      OR (event_name IN ('CancelRotateSecret', 'DeleteSecret') AND outcome = 'ok')
    )
),
awaited AS ( -- a row: an attempt, with the number of endings within its deadline and the first one after it
  SELECT
    s.account_id, s.aws_region, s.secret_name, s.token, s.started_at, s.workers, s.started_by, s.event_ids,
    count(CASE WHEN e.event_time <= s.started_at + $stuck_after THEN 1 END) AS endings,
    min(CASE WHEN e.event_time > s.started_at + $stuck_after THEN e.event_time END) AS resolved_at
  FROM started s
  LEFT JOIN endings e
    ON e.account_id = s.account_id AND e.aws_region = s.aws_region AND e.secret_name = s.secret_name
    AND e.event_time >= s.started_at
  GROUP BY
    s.account_id, s.aws_region, s.secret_name, s.token, s.started_at, s.workers, s.started_by, s.event_ids
),
stuck AS ( -- a row: one stuck moment of one secret; two starts in one second are one
  SELECT
    account_id, aws_region, secret_name, started_at,
    min(token) AS token,
    min(started_by) AS started_by,
    min(resolved_at) AS resolved_at,
    array_sort(array_distinct(flatten(array_agg(event_ids)))) AS event_ids,
    nullif(array_to_string(array_sort(array_distinct(flatten(array_agg(workers)))), ', '), '') AS workers
  FROM awaited
  WHERE endings = 0
  GROUP BY account_id, aws_region, secret_name, started_at
)
SELECT
  concat_ws('|', s.account_id, s.aws_region, s.secret_name, to_char(s.started_at, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat('Rotation stuck: ', s.secret_name) AS title,
  concat(
    'The rotation of ', s.secret_name, ' that began at ', to_char(s.started_at, '%Y-%m-%d %H:%M:%S'),
    ' UTC had neither succeeded nor failed by its deadline.',
    coalesce(' ' || s.workers || ' was seen at work on it.', ' No rotation function was seen at work on it.')
  ) AS summary,
  s.account_id, s.aws_region, a.secret_arn, s.secret_name,
  s.started_by AS principal,
  CAST(NULL AS VARCHAR) AS actor,
  s.started_at AS window_start,
  s.started_at + $stuck_after AS window_end,
  concat('no end within ', (to_unixtime(s.started_at + $stuck_after) - to_unixtime(s.started_at)) / 60, ' minutes') AS observed,
  'RotationSucceeded or RotationFailed by then' AS expected,
  s.event_ids AS evidence,
  named_struct(
    'started_at', s.started_at, 'deadline', s.started_at + $stuck_after, 'version', s.token, 'workers', s.workers,
    'resolved_at', to_char(s.resolved_at, '%Y-%m-%dT%H:%M:%SZ'), 'owner', p.owner, 'sensitivity', p.sensitivity
  ) AS detail,
  CASE p.sensitivity WHEN 'low' THEN 'medium' ELSE 'high' END AS severity
FROM stuck s
LEFT JOIN secret_arns a
  ON a.account_id = s.account_id AND a.aws_region = s.aws_region AND a.secret_name = s.secret_name
  AND s.started_at >= a.valid_from AND s.started_at < a.valid_to
LEFT JOIN policy_secrets p
  ON p.account_id = s.account_id AND p.aws_region = s.aws_region AND p.secret_name = s.secret_name
