-- title = "Cadence"
-- basis = "The promise comes from the contract (rotate_every), else from the schedule that RotateSecret set in days, else from what is usual for the contract's type (api-token 14, database 30, shared-key 60, oauth 30 days). A value's age counts from the last rotation that succeeded, write by hand or creation, in the trail or as the inventory lists it; else from the lake's first sight of the secret."
-- empty = "The trail knows no secret."
-- [columns]
-- secret = "text"
-- account = "beneath"
-- region = "beneath"
-- owner = "text"
-- promise = "length: how old a value may grow"
-- from = "text: whose word that is"
-- value_from = "time: the last new value"
-- how = "text"
-- age = "length: as of the report"
-- due_at = "time"
-- cadence = "verdict: kept; late within two days; missed beyond; no promise"
-- missed = "count: deadlines that this value has missed"
WITH renewals AS ( -- a row: one new value of one secret
  SELECT account_id, aws_region, secret_name, event_time, event_id,
    CASE event_name WHEN 'RotationSucceeded' THEN 'rotated' WHEN 'CreateSecret' THEN 'created' ELSE 'written' END AS how
  FROM touches
  WHERE outcome = 'ok' AND event_time < $to
    AND (
      event_name IN ('RotationSucceeded', 'CreateSecret')
      OR (event_name = 'PutSecretValue' AND (version_stage IS NULL OR version_stage = 'AWSCURRENT'))
      OR (event_name = 'UpdateSecretVersionStage' AND version_stage = 'AWSCURRENT')
    )
),
latest AS ( -- a row: one secret and its last new value
  SELECT account_id, aws_region, secret_name,
    max(named_struct('at', event_time, 'is_rotation', how = 'rotated', 'event_id', event_id, 'how', how)) AS last
  FROM renewals
  GROUP BY account_id, aws_region, secret_name
),
promised AS ( -- a row: one secret, its promise and its value
  SELECT
    s.account_id, s.aws_region, s.secret_name, s.owner,
    coalesce(
      p.rotate_every_seconds, CAST(s.rotation_days AS BIGINT) * 86400,
      CASE p."type" WHEN 'api-token' THEN 14 WHEN 'database' THEN 30 WHEN 'shared-key' THEN 60 WHEN 'oauth' THEN 30 END * 86400
    ) AS promise,
    CASE
      WHEN p.rotate_every_seconds IS NOT NULL THEN 'contract'
      WHEN s.rotation_days IS NOT NULL THEN 'schedule'
      WHEN p."type" IS NOT NULL THEN 'type'
    END AS source,
    greatest(coalesce(l.last['at'], s.last_rotated, s.created_at, s.first_seen), coalesce(s.last_rotated, s.created_at, s.first_seen)) AS since,
    CASE
      WHEN l.last IS NULL AND s.last_rotated IS NULL AND s.created_at IS NULL THEN 'first seen'
      WHEN l.last IS NULL AND s.last_rotated IS NULL THEN 'created'
      WHEN l.last IS NULL AND s.is_listed THEN 'rotated'
      WHEN l.last IS NULL OR s.last_rotated > l.last['at'] THEN 'rotated with its primary'
      ELSE l.last['how']
    END AS how
  FROM secrets s
  LEFT JOIN latest l
    ON l.account_id = s.account_id AND l.aws_region = s.aws_region AND l.secret_name = s.secret_name
  LEFT JOIN policy_secrets p
    ON p.account_id = s.account_id AND p.aws_region = s.aws_region AND p.secret_name = s.secret_name
  WHERE s.deleted_at IS NULL AND coalesce(s.first_seen, s.created_at, $from) < $to
)
SELECT
  secret_name AS secret, account_id AS account, aws_region AS region, owner, promise, source AS "from",
  since AS value_from, how, to_unixtime($now) - to_unixtime(since) AS age,
  arrow_cast(to_timestamp_seconds(to_unixtime(since) + promise), 'Timestamp(Microsecond, Some("UTC"))') AS due_at,
  CASE
    WHEN promise IS NULL OR since IS NULL THEN 'no promise'
    WHEN to_unixtime($now) - to_unixtime(since) <= promise THEN 'kept'
    WHEN to_unixtime($now) - to_unixtime(since) <= promise + 2 * 86400 THEN 'late'
    ELSE 'missed'
  END AS cadence,
  coalesce((to_unixtime($now) - to_unixtime(since)) / promise, 0) AS missed
FROM promised
ORDER BY
  CASE WHEN promise IS NULL THEN 1 ELSE 0 END, to_unixtime(since) + promise, secret, account, region
