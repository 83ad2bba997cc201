-- rotations: one row for each attempt to rotate a secret.
--
-- token: what an attempt is known by, which is also the id of the version that it makes; service events carry it in
-- their request id. started_at: RotationStarted, or RotateSecret where that was lost; null if both were. ended_at and
-- state: the latest of RotationSucceeded (succeeded), RotationFailed (failed), RotationAbandoned (abandoned); state is
-- open where there is none (whether that is too long is for the rule rotation-stuck to say). Times are UTC. is_test: a
-- TestRotation, which only tries the rotation function. by_call: RotateSecret started it. started_by: its principal.
-- workers: principals that wrote the attempt's version, moved a label to it, or asked for it before it existed (the
-- rotation function's first, failing step): the rotation function's own roles. error: what RotationFailed said.
-- event_ids: its events but the work.
-- A service event without a token is an attempt of its own, its token its time.
-- Left out: managed rotations that log no rotation events.
WITH steps AS ( -- a row: one call or service event that belongs to an attempt
  SELECT
    account_id, aws_region, secret_name, event_time, event_id, event_name, principal, error_message,
    coalesce(secret_version_id, to_char(event_time, '%Y-%m-%dT%H:%M:%SZ')) AS token,
    CASE event_name
      WHEN 'RotationStarted' THEN 'start'
      WHEN 'TestRotationStarted' THEN 'start'
      WHEN 'RotationSucceeded' THEN 'succeeded'
      WHEN 'TestRotationSucceeded' THEN 'succeeded'
      WHEN 'RotationFailed' THEN 'failed'
      WHEN 'TestRotationFailed' THEN 'failed'
      WHEN 'RotationAbandoned' THEN 'abandoned'
      WHEN 'RotateSecret' THEN CASE WHEN rotate_immediately IS DISTINCT FROM false THEN 'called' ELSE 'set' END
      ELSE 'work'
    END AS step
  FROM touches
  WHERE event_source = 'secretsmanager.amazonaws.com'
    AND (
      (event_type = 'AwsServiceEvent' AND (event_name LIKE 'Rotation%' OR event_name LIKE 'TestRotation%'))
      OR (event_name IN ('RotateSecret', 'PutSecretValue', 'UpdateSecretVersionStage') AND outcome = 'ok')
      OR (event_name = 'GetSecretValue' AND outcome = 'not_found' AND secret_version_id IS NOT NULL)
    )
),
attempts AS ( -- a row: one attempt
  SELECT
    account_id, aws_region, secret_name, token,
    coalesce(
      min(CASE WHEN step = 'start' THEN event_time END), min(CASE WHEN step = 'called' THEN event_time END)
    ) AS started_at,
    max(CASE WHEN step IN ('succeeded', 'failed', 'abandoned') THEN named_struct('at', event_time, 'state', step) END) AS ending,
    bool_or(event_name LIKE 'Test%') AS is_test,
    min(CASE WHEN step = 'called' THEN principal END) AS started_by,
    array_sort(array_agg(DISTINCT principal) FILTER (WHERE step = 'work' AND principal IS NOT NULL)) AS workers,
    max(CASE WHEN step = 'failed' THEN error_message END) AS error,
    array_sort(array_agg(DISTINCT event_id) FILTER (WHERE step NOT IN ('work', 'set'))) AS event_ids
  FROM steps
  GROUP BY account_id, aws_region, secret_name, token
  HAVING count(CASE WHEN step NOT IN ('work', 'set') THEN 1 END) > 0
)
SELECT
  account_id, aws_region, secret_name, token, started_at,
  ending['at'] AS ended_at,
  coalesce(ending['state'], 'open') AS state,
  is_test, started_by IS NOT NULL AS by_call, started_by, workers, error, event_ids
FROM attempts
