-- id = "doomed-secret-access"
-- title = "A deleted secret is still asked for"
-- severity = "medium"
-- window = "1d"
-- history = "31d"
-- scope = "all"
-- attack = ["T1485"]
-- description = """\
--   A secret was deleted, or waits for its deletion, and a principal asked for its value again and again. Until the \
--   deletion takes effect the secret can be restored; afterwards whoever needs it stops working for good. Medium where \
--   the attempts go on for an hour or longer, high if the secret is sensitive as well; low where they stop soon, as when \
--   an environment is taken down. One finding for each principal and deletion, about the first day of attempts.\
--   """
-- runbook = [
--   "Was the deletion meant? If nobody knows it: restore the secret now (restore-secret), then ask who deleted it.",
--   "If it was: which service still asks? Tell its owner before the deletion date.",
--   "A principal that never read the secret while it lived: what does it look for?",
-- ]
-- benign = [
--   "A preview environment whose tasks outlive its secret by minutes.",
--   "A service that is being switched off.",
-- ]
-- [parameters.min_attempts]
-- default = 3
-- unit = "attempts within a day"
-- description = "One more read after the deletion is a straggler."
-- [parameters.straggling]
-- type = "duration"
-- default = "1d"
-- description = "How long after the deletion a single attempt is a straggler: a process that starts again, a cache that runs out. Who asks later did not hear of the deletion."
-- [parameters.memory]
-- type = "duration"
-- default = "30d"
-- description = "How long after the deletion attempts are told: the longest time for which AWS keeps a deleted secret."
WITH life AS ( -- a row: a deletion of a secret, or what brings its name back to life
  SELECT
    account_id, aws_region, secret_name, event_name, event_time,
    max(secret_arn) AS secret_arn,
    max(deletion_date) AS deletion_date,
    max(principal) AS deleted_by
  FROM touches
  WHERE event_source = 'secretsmanager.amazonaws.com' AND outcome = 'ok'
    AND event_name IN ('DeleteSecret', 'RestoreSecret', 'CreateSecret')
  GROUP BY account_id, aws_region, secret_name, event_name, event_time
),
deaths AS ( -- a row: a deletion, and what came next
  SELECT *, lead(event_time) OVER (PARTITION BY account_id, aws_region, secret_name ORDER BY event_time, event_name DESC) AS ends_at
  FROM life
),
attempts AS ( -- a row: one attempt at a secret that was deleted
  SELECT
    t.account_id, t.aws_region, t.secret_name, coalesce(t.principal, 'unknown') AS principal, t.actor, t.event_time, t.event_id,
    d.event_time AS deleted_at, d.deletion_date, d.deleted_by, d.secret_arn,
    min(t.event_time) OVER (PARTITION BY t.account_id, t.aws_region, t.secret_name, t.principal, d.event_time) AS first_at
  FROM touches t
  JOIN deaths d
    ON d.account_id = t.account_id AND d.aws_region = t.aws_region AND d.secret_name = t.secret_name
  WHERE d.event_name = 'DeleteSecret'
    AND t.event_source = 'secretsmanager.amazonaws.com' AND t.event_name IN ('GetSecretValue', 'BatchGetSecretValue')
    AND (t.error_code = 'InvalidRequestException' OR (t.outcome = 'not_found' AND t.secret_version_id IS NULL AND t.version_stage IS NULL))
    AND t.event_time >= d.event_time AND t.event_time <= d.event_time + $memory
    AND (d.ends_at IS NULL OR t.event_time < d.ends_at)
),
askers AS ( -- a row: one principal's first day of attempts after one deletion
  SELECT
    account_id, aws_region, secret_name, principal, deleted_at, first_at,
    count(DISTINCT event_id) AS attempts,
    max(event_time) AS last_at,
    max(deletion_date) AS deletion_date,
    max(deleted_by) AS deleted_by,
    max(secret_arn) AS secret_arn,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    count(DISTINCT actor) AS actors,
    array_slice(array_sort(array_agg(DISTINCT event_id)), 1, 50) AS event_ids
  FROM attempts
  WHERE event_time < first_at + INTERVAL '24 hours'
  GROUP BY account_id, aws_region, secret_name, principal, deleted_at, first_at
),
earlier AS ( -- a row: one principal that read the secret before its deletion
  SELECT a.account_id, a.aws_region, a.secret_name, a.principal, a.deleted_at, count(*) AS reads
  FROM askers a
  JOIN reads r
    ON r.account_id = a.account_id AND r.aws_region = a.aws_region AND r.secret_name = a.secret_name AND r.principal = a.principal
  WHERE r.event_time < a.deleted_at AND r.event_time >= a.deleted_at - $memory
  GROUP BY a.account_id, a.aws_region, a.secret_name, a.principal, a.deleted_at
)
SELECT
  concat_ws('|', a.account_id, a.aws_region, a.secret_name, a.principal, to_char(a.deleted_at, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat('Deleted secret ', a.secret_name, ' is still asked for') AS title,
  concat(
    a.principal, ' asked ', a.attempts, CASE a.attempts WHEN 1 THEN ' time' ELSE ' times' END, ' for ', a.secret_name, ', which ', coalesce(a.deleted_by, 'somebody'), ' deleted at ',
    to_char(a.deleted_at, '%Y-%m-%d %H:%M:%S'), ' UTC', coalesce(concat('; it is gone for good on ', to_char(a.deletion_date, '%Y-%m-%d')), ''), '. ',
    CASE WHEN e.reads > 0 THEN concat('It had read it ', e.reads, ' times before.') ELSE 'It had not read it before.' END
  ) AS summary,
  a.account_id, a.aws_region, a.secret_arn, a.secret_name, a.principal, a.actor,
  a.first_at AS window_start,
  a.last_at + INTERVAL '1 second' AS window_end,
  concat(a.attempts, CASE a.attempts WHEN 1 THEN ' attempt' ELSE ' attempts' END, ' within ', (to_unixtime(a.last_at) - to_unixtime(a.first_at)) / 60, ' minutes') AS observed,
  concat('fewer than ', $min_attempts, ', and none but at once after the deletion') AS expected,
  a.event_ids AS evidence,
  named_struct(
    'attempts', a.attempts, 'deleted_at', a.deleted_at, 'deleted_by', a.deleted_by, 'gone_at', a.deletion_date,
    'reads_before', coalesce(e.reads, 0), 'actors', a.actors, 'owner', p.owner, 'sensitivity', p.sensitivity
  ) AS detail,
  CASE
    WHEN a.attempts < $min_attempts OR a.last_at < a.first_at + INTERVAL '1 hour' OR p.sensitivity = 'low' THEN 'low'
    WHEN p.sensitivity IN ('high', 'critical') THEN 'high'
    ELSE 'medium'
  END AS severity
FROM askers a
LEFT JOIN earlier e
  ON e.account_id = a.account_id AND e.aws_region = a.aws_region AND e.secret_name = a.secret_name
  AND e.principal = a.principal AND e.deleted_at = a.deleted_at
LEFT JOIN policy_secrets p
  ON p.account_id = a.account_id AND p.aws_region = a.aws_region AND p.secret_name = a.secret_name
WHERE a.attempts >= $min_attempts OR a.last_at >= a.deleted_at + $straggling
