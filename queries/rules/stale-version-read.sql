-- id = "stale-version-read"
-- title = "An old version is still read after a rotation"
-- severity = "medium"
-- window = "1d"
-- history = "101d"
-- scope = "all"
-- attack = []
-- description = """\
--   A secret got a new current version (a rotation, a value set by hand, a label moved), and later than the grace a \
--   principal was given a version that had been current before: it names the version's id (medium), or it asks for \
--   AWSPREVIOUS (low). It works until the old value is revoked, and then it stops: these findings are the list to check \
--   before that. Or somebody wants the old value for a reason of their own. One finding for each principal and change, \
--   about the first day of such reads. Who asks for no version gets the current one: where the key's log shows another \
--   than the trail, the trail lacks a change of labels, and no reader is to blame. A rotation's own worker does not \
--   count; nor does a version that nobody ever saw as current, such as one that is being prepared. After a rollback the \
--   version rolled back to is the current one.\
--   """
-- runbook = [
--   "Do not revoke the old value yet: this reader would fail.",
--   "Ask the owner where the version is pinned: a configuration with a VersionId, a template that was resolved once.",
--   "Hunt stale-version-readers shows whether it has stopped since.",
-- ]
-- benign = [
--   "A client that falls back to AWSPREVIOUS while a database switches over.",
--   "Infrastructure as code that pins a version on purpose.",
-- ]
-- [parameters.grace]
-- per_secret = true
-- type = "duration"
-- default = "1h"
-- description = "How long after the change an old version may still be read: deployments and retries need a while."
-- [parameters.memory]
-- type = "duration"
-- default = "100d"
-- description = "How long ago the change may be: a quarter, with some days over."
-- [parameters.min_reads]
-- default = 1
-- unit = "reads within the first day"
-- description = "One read is enough: nobody gets an old version without asking for it."
WITH own AS ( -- a row: one secret (its replicas included) whose contract sets a grace of its own
  SELECT account_id, secret_name, max(value) AS grace_seconds
  FROM policy_parameters
  WHERE rule = 'stale-version-read' AND name = 'grace'
  GROUP BY account_id, secret_name
),
known_reads AS ( -- a row: a read of which version or label is known, and whether it asked for what may be old
  SELECT
    account_id, aws_region, secret_name, event_time, event_id, secret_version_id AS version,
    version_asked IS NOT NULL OR (version_stage IS NOT NULL AND version_stage <> 'AWSCURRENT') AS is_asked,
    version_stage AS stage, principal, actor, secret_arn
  FROM reads
  WHERE rotation IS NULL AND principal IS NOT NULL AND (identity_type IS DISTINCT FROM 'AWSService')
    AND (version_stage IS DISTINCT FROM 'AWSPENDING')
    AND (secret_version_id IS NOT NULL OR version_stage = 'AWSPREVIOUS')
),
changes AS ( -- a row: a change of a secret's current version
  SELECT account_id, aws_region, secret_name, event_time, event_id, secret_version_id AS version
  FROM touches
  WHERE event_source = 'secretsmanager.amazonaws.com' AND secret_version_id IS NOT NULL
    AND (
      event_name = 'RotationSucceeded'
      OR (event_name = 'UpdateSecretVersionStage' AND outcome = 'ok' AND version_stage = 'AWSCURRENT')
      OR (event_name = 'PutSecretValue' AND outcome = 'ok' AND (version_stage IS NULL OR version_stage = 'AWSCURRENT'))
    )
),
sights AS ( -- a row: one version of a secret, and when it first was read or became the current one
  SELECT account_id, secret_name, version, min(event_time) AS first_sight
  FROM (
    SELECT account_id, secret_name, version, event_time FROM known_reads
    UNION ALL
    SELECT account_id, secret_name, version, event_time FROM changes
  )
  GROUP BY account_id, secret_name, version
),
seen AS ( -- a row: a change, or a read that may be of an old version
  SELECT
    account_id, aws_region, secret_name, event_time, event_id, version, true AS is_change,
    CAST(NULL AS VARCHAR) AS stage, CAST(NULL AS VARCHAR) AS principal, CAST(NULL AS VARCHAR) AS actor,
    CAST(NULL AS VARCHAR) AS secret_arn
  FROM changes
  UNION ALL
  SELECT
    account_id, aws_region, secret_name, event_time, event_id, version, false AS is_change, stage, principal, actor, secret_arn
  FROM known_reads
  WHERE is_asked
),
forgiven AS ( -- a row: the same, and up to when a change must have been made for a read to know of it
  SELECT
    s.*,
    CASE
      WHEN s.is_change THEN s.event_time
      WHEN o.grace_seconds IS NULL THEN s.event_time - $grace
      ELSE arrow_cast(to_timestamp_seconds(to_unixtime(s.event_time) - o.grace_seconds), 'Timestamp(Microsecond, Some("UTC"))')
    END AS knows_until
  FROM seen s
  LEFT JOIN own o ON o.account_id = s.account_id AND o.secret_name = s.secret_name
),
placed AS ( -- a row: the same, with the change that was in force a grace ago, and the one in force
  SELECT
    *,
    max(CASE WHEN is_change THEN concat_ws('|', to_char(event_time, '%Y-%m-%dT%H:%M:%SZ'), version) END) OVER (
      PARTITION BY account_id, secret_name ORDER BY knows_until RANGE BETWEEN $memory PRECEDING AND CURRENT ROW
    ) AS settled,
    max(CASE WHEN is_change THEN concat_ws('|', to_char(event_time, '%Y-%m-%dT%H:%M:%SZ'), version) END) OVER (
      PARTITION BY account_id, secret_name ORDER BY event_time RANGE BETWEEN $memory PRECEDING AND CURRENT ROW
    ) AS latest
  FROM forgiven
),
stale AS ( -- a row: one read of an old version
  SELECT
    p.*,
    split_part(p.settled, '|', 1) AS changed_at,
    split_part(p.settled, '|', 2) AS current_version,
    min(p.event_time) OVER (
      PARTITION BY p.account_id, p.aws_region, p.secret_name, p.principal, split_part(p.settled, '|', 1)
    ) AS first_at
  FROM placed p
  LEFT JOIN sights s ON s.account_id = p.account_id AND s.secret_name = p.secret_name AND s.version = p.version
  WHERE NOT p.is_change AND p.settled IS NOT NULL
    AND (
      p.stage = 'AWSPREVIOUS'
      OR (
        p.version <> split_part(p.settled, '|', 2) AND p.version <> split_part(p.latest, '|', 2)
        AND to_char(s.first_sight, '%Y-%m-%dT%H:%M:%SZ') < split_part(p.settled, '|', 1)
      )
    )
),
readers AS ( -- a row: one principal's first day of stale reads after one change
  SELECT
    account_id, aws_region, secret_name, principal, changed_at, first_at,
    count(*) AS reads,
    max(event_time) AS last_at,
    bool_or(stage IS DISTINCT FROM 'AWSPREVIOUS') AS is_pinned,
    max(current_version) AS current_version,
    array_sort(array_agg(DISTINCT version) FILTER (WHERE version IS NOT NULL)) AS versions,
    max(secret_arn) AS secret_arn,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    array_slice(array_sort(array_agg(DISTINCT actor)), 1, 10) AS actors,
    array_slice(array_sort(array_agg(DISTINCT event_id)), 1, 50) AS event_ids
  FROM stale
  WHERE event_time < first_at + INTERVAL '24 hours'
  GROUP BY account_id, aws_region, secret_name, principal, changed_at, first_at
)
SELECT
  concat_ws('|', r.account_id, r.aws_region, r.secret_name, r.principal, r.changed_at) AS key,
  concat('Old version of ', r.secret_name, ' read by ', split_part(r.principal, '/', -1)) AS title,
  concat(
    r.principal, ' was given an old version of ', r.secret_name, ' ', r.reads, CASE r.reads WHEN 1 THEN ' time' ELSE ' times' END,
    ', first at ', to_char(r.first_at, '%Y-%m-%d %H:%M:%S'), ' UTC; the current one is ', r.current_version, ' since ', r.changed_at, '. ',
    CASE WHEN r.is_pinned THEN concat('It asked for ', array_to_string(r.versions, ', '), '.') ELSE 'It asked for AWSPREVIOUS.' END
  ) AS summary,
  r.account_id, r.aws_region, r.secret_arn, r.secret_name, r.principal, r.actor,
  r.first_at AS window_start,
  r.last_at + INTERVAL '1 second' AS window_end,
  concat(r.reads, CASE r.reads WHEN 1 THEN ' read' ELSE ' reads' END, ' of ', CASE WHEN r.is_pinned THEN array_to_string(r.versions, ', ') ELSE 'AWSPREVIOUS' END) AS observed,
  concat('reads of ', r.current_version) AS expected,
  r.event_ids AS evidence,
  named_struct(
    'changed_at', r.changed_at, 'current_version', r.current_version, 'read_versions', r.versions, 'pinned', r.is_pinned,
    'reads', r.reads, 'first_at', r.first_at, 'actors', r.actors, 'owner', p.owner, 'sensitivity', p.sensitivity
  ) AS detail,
  CASE WHEN NOT r.is_pinned OR p.sensitivity = 'low' THEN 'low' ELSE 'medium' END AS severity
FROM readers r
LEFT JOIN policy_secrets p
  ON p.account_id = r.account_id AND p.aws_region = r.aws_region AND p.secret_name = r.secret_name
WHERE r.reads >= $min_reads
