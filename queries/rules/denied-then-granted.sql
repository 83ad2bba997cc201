-- id = "denied-then-granted"
-- title = "Refused, then a policy was changed, then given"
-- severity = "high"
-- window = "1d"
-- history = "72d"
-- scope = "all"
-- attack = ["T1098", "T1555.006"]
-- description = """\
--   A story: a principal was refused a secret; then the secret's policy, the principal's own policies or a grant of a key \
--   to it was changed; then it was given the secret that it had not read within memory. Critical where the principal \
--   made the change itself: it gave itself the right. High where whoever made it never changed rights within memory \
--   (medium while the lake is too young to know that), and where the contract declares other readers, as unexpected-reader \
--   has it: a story weighs no less than its members. Where nothing declares readers and changing rights is that one's \
--   daily work (a deploy pipeline, an admin), somebody may have asked and got it: medium for a sensitive secret, and where \
--   secret and reader are old acquaintances of the trail that never met, else low. Nothing where the contract names the \
--   reader. What the new policy says is not judged: the read shows that it was enough.\
--   """
-- runbook = [
--   "Who made the change, and did the secret's owner ask for it?",
--   "If the reader made it itself, or nobody knows it: take the right back, revoke both sessions, rotate the secret.",
--   "Look for what else was changed in the same session (hunt what-did-principal-touch).",
-- ]
-- benign = [
--   "A new service whose permission was forgotten and is added by the pipeline: low, if the pipeline is known.",
--   "A first change by a new pipeline.",
-- ]
-- [parameters.within]
-- type = "duration"
-- default = "24h"
-- description = "How soon after the refusal change and read follow."
-- [parameters.memory]
-- type = "duration"
-- default = "35d"
-- description = "Who has read the secret, or changed rights, within this is known for it."
-- [parameters.maturity]
-- type = "duration"
-- default = "14d"
-- description = "How old the lake must be before it is clear who changes rights as daily work, and how long secret and reader must have been around to be no new service."
WITH changes AS ( -- a row: one change of rights, with the secret or the principal that it is about
  SELECT
    event_id, event_time, event_name, principal AS changed_by, account_id, secret_name,
    CAST(NULL AS VARCHAR) AS grantee
  FROM touches
  WHERE event_source = 'secretsmanager.amazonaws.com' AND event_name IN ('PutResourcePolicy', 'DeleteResourcePolicy') AND outcome = 'ok'
  UNION ALL
  SELECT
    event_id, event_time, event_name, changed_by, account_id, CAST(NULL AS VARCHAR) AS secret_name,
    concat_ws('|', account_id, target['name']) AS grantee
  FROM (
    SELECT event_id, event_time, event_name, principal AS changed_by, account_id, unnest(targets) AS target
    FROM actions
    WHERE event_source = 'iam.amazonaws.com' AND outcome = 'ok'
      AND event_name IN (
        'PutRolePolicy', 'AttachRolePolicy', 'PutUserPolicy', 'AttachUserPolicy', 'AddUserToGroup',
        'PutRolePermissionsBoundary', 'DeleteRolePermissionsBoundary', 'DeleteUserPermissionsBoundary',
        'DeleteRolePolicy', 'DetachRolePolicy'
      )
  )
  WHERE target['kind'] IN ('role', 'user')
  UNION ALL
  SELECT
    event_id, event_time, event_name, principal AS changed_by, account_id, CAST(NULL AS VARCHAR) AS secret_name,
    concat_ws('|', split_part("grant"['grantee_principal'], ':', 5), split_part("grant"['grantee_principal'], '/', -1)) AS grantee
  FROM watched
  WHERE event_source = 'kms.amazonaws.com' AND event_name = 'CreateGrant' AND outcome = 'ok'
),
habits AS ( -- a row: one change, with its maker's earlier ones
  SELECT
    event_id, changed_by,
    count(*) OVER (
      PARTITION BY changed_by ORDER BY event_time RANGE BETWEEN $memory PRECEDING AND INTERVAL '24 hours' PRECEDING
    ) AS changes_before
  FROM changes
),
turned_away AS ( -- a row: who was ever refused what
  SELECT DISTINCT account_id, secret_name, principal
  FROM denied_reads
  WHERE principal IS NOT NULL AND secret_name IS NOT NULL AND (identity_type IS DISTINCT FROM 'AWSService')
),
tries AS ( -- a row: one attempt, refused or answered, of such a principal
  SELECT principal, actor, event_time, event_id, account_id, aws_region, secret_name, secret_arn, 1 AS refused
  FROM denied_reads
  WHERE principal IS NOT NULL AND secret_name IS NOT NULL AND (identity_type IS DISTINCT FROM 'AWSService')
  UNION ALL
  SELECT r.principal, r.actor, r.event_time, r.event_id, r.account_id, r.aws_region, r.secret_name, r.secret_arn, 0 AS refused
  FROM reads r
  LEFT SEMI JOIN turned_away f ON f.account_id = r.account_id AND f.secret_name = r.secret_name AND f.principal = r.principal
  WHERE r.rotation IS NULL AND (r.identity_type IS DISTINCT FROM 'AWSService')
),
placed AS ( -- a row: the same, with what went before
  SELECT
    *,
    min(CASE refused WHEN 1 THEN event_time END) OVER before AS refused_at,
    max(CASE refused WHEN 1 THEN event_id END) OVER before AS refused_event,
    max(CASE refused WHEN 0 THEN event_time END) OVER (
      PARTITION BY account_id, secret_name, principal ORDER BY event_time
      RANGE BETWEEN $memory PRECEDING AND INTERVAL '1 second' PRECEDING
    ) AS read_before
  FROM tries
  WINDOW before AS (
    PARTITION BY account_id, secret_name, principal ORDER BY event_time
    RANGE BETWEEN $within PRECEDING AND INTERVAL '1 second' PRECEDING
  )
),
given AS ( -- a row: the first read after a refusal
  SELECT
    *,
    concat_ws('|', split_part(principal, ':', 5), split_part(principal, '/', -1)) AS grantee
  FROM placed
  WHERE refused = 0 AND refused_at IS NOT NULL AND read_before IS NULL
),
granted AS ( -- a row: the same, with a change in between
  SELECT g.principal, g.actor, g.event_time, g.event_id, g.account_id, g.aws_region, g.secret_name, g.secret_arn, g.refused_at,
    g.refused_event, c.event_id AS change_event, c.event_name AS change, c.event_time AS changed_at, c.changed_by
  FROM given g
  JOIN changes c ON c.account_id = g.account_id AND c.secret_name = g.secret_name
  WHERE c.event_time >= g.refused_at AND c.event_time <= g.event_time
  UNION ALL
  SELECT g.principal, g.actor, g.event_time, g.event_id, g.account_id, g.aws_region, g.secret_name, g.secret_arn, g.refused_at,
    g.refused_event, c.event_id AS change_event, c.event_name AS change, c.event_time AS changed_at, c.changed_by
  FROM given g
  JOIN changes c ON c.grantee = g.grantee
  WHERE c.event_time >= g.refused_at AND c.event_time <= g.event_time
),
stories AS ( -- a row: one story
  SELECT
    g.principal, g.account_id, g.secret_name, g.event_time,
    min(g.aws_region) AS aws_region,
    max(g.secret_arn) AS secret_arn,
    min(g.refused_at) AS refused_at,
    min(g.changed_at) AS changed_at,
    min(h.changes_before) AS changes_before,
    bool_or(g.changed_by = g.principal) AS by_itself,
    array_sort(array_agg(DISTINCT g.changed_by) FILTER (WHERE g.changed_by IS NOT NULL)) AS changed_by,
    array_sort(array_agg(DISTINCT g.change)) AS changes,
    CASE WHEN min(g.actor) = max(g.actor) THEN min(g.actor) END AS actor,
    array_slice(array_sort(array_distinct(array_concat(
      array_agg(g.event_id), array_concat(array_agg(g.change_event), array_agg(g.refused_event))
    ))), 1, 50) AS event_ids
  FROM granted g
  JOIN habits h ON h.event_id = g.change_event AND (h.changed_by IS NOT DISTINCT FROM g.changed_by)
  GROUP BY g.principal, g.account_id, g.secret_name, g.event_time
),
old_secrets AS ( -- a row: one story whose secret had been there for long
  SELECT DISTINCT s.principal, s.account_id, s.secret_name, s.event_time
  FROM stories s
  JOIN secret_days d ON d.account_id = s.account_id AND d.secret_name = s.secret_name
  WHERE d.day >= s.event_time - $memory AND d.day <= s.event_time - $maturity
),
old_readers AS ( -- a row: one story whose reader had been there for long
  SELECT DISTINCT s.principal, s.event_time
  FROM stories s
  JOIN actions a ON a.principal = s.principal
  WHERE a.event_time >= s.event_time - $memory AND a.event_time <= s.event_time - $maturity
)
SELECT
  concat_ws('|', s.account_id, s.aws_region, s.secret_name, s.principal, to_char(s.event_time, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(split_part(s.principal, '/', -1), ' was refused ', s.secret_name, ' and got it after ', s.changes[1]) AS title,
  concat(
    s.principal, ' was refused ', s.secret_name, ' at ', to_char(s.refused_at, '%Y-%m-%d %H:%M:%S'), ' UTC; ',
    coalesce(array_to_string(s.changed_by, ', '), 'somebody'), ' called ', array_to_string(s.changes, ', '), ' at ',
    to_char(s.changed_at, '%H:%M:%S'), ' UTC; the value was given at ', to_char(s.event_time, '%H:%M:%S'), ' UTC. ',
    CASE
      WHEN s.by_itself THEN 'The reader changed its own right.'
      WHEN s.changes_before > 0 THEN 'Whoever made the change does so regularly.'
      ELSE 'Whoever made the change is not known for such changes.'
    END
  ) AS summary,
  s.account_id, s.aws_region, s.secret_arn, s.secret_name, s.principal, s.actor,
  s.refused_at AS window_start,
  s.event_time + INTERVAL '1 second' AS window_end,
  concat('refused, ', array_to_string(s.changes, ', '), ', given, within ', (to_unixtime(s.event_time) - to_unixtime(s.refused_at)) / 60, ' minutes') AS observed,
  'who is refused stays refused, or is named in the contract' AS expected,
  s.event_ids AS evidence,
  named_struct(
    'members', make_array('denied-then-allowed', 'denied-read-burst', 'first-seen-reader'), 'refused_at', s.refused_at,
    'changed_at', s.changed_at, 'given_at', s.event_time, 'changed_by', s.changed_by, 'changes', s.changes,
    'by_itself', s.by_itself, 'changes_before', s.changes_before,
    'both_are_old', o.secret_name IS NOT NULL AND r.principal IS NOT NULL, 'owner', p.owner, 'sensitivity', p.sensitivity
  ) AS detail,
  CASE
    WHEN s.by_itself THEN 'critical'
    WHEN p.readers_declared AND (p.sensitivity IS NULL OR p.sensitivity IN ('high', 'critical')) THEN 'high'
    WHEN s.changes_before > 0 THEN CASE
      WHEN p.sensitivity = 'low' THEN 'low'
      WHEN p.readers_declared OR p.sensitivity IN ('high', 'critical') THEN 'medium'
      WHEN o.secret_name IS NOT NULL AND r.principal IS NOT NULL THEN 'medium'
      ELSE 'low'
    END
    WHEN date_trunc('day', s.event_time) < a.day + $maturity THEN 'medium'
    ELSE 'high'
  END AS severity
FROM stories s
CROSS JOIN beginning a
LEFT JOIN old_secrets o
  ON o.principal = s.principal AND o.account_id = s.account_id AND o.secret_name = s.secret_name
  AND o.event_time = s.event_time
LEFT JOIN old_readers r ON r.principal = s.principal AND r.event_time = s.event_time
LEFT JOIN policy_secrets p
  ON p.account_id = s.account_id AND p.aws_region = s.aws_region AND p.secret_name = s.secret_name
LEFT ANTI JOIN (
  SELECT account_id, secret_name, principal FROM policy_principals WHERE role IN ('reader', 'break_glass', 'rotator')
) n ON n.account_id = s.account_id AND n.secret_name = s.secret_name AND n.principal = s.principal
