-- id = "newcomer-role-read"
-- title = "A newcomer assumed a role, and the role read a secret for the first time"
-- severity = "high"
-- window = "1d"
-- history = "36d"
-- scope = "all"
-- attack = ["T1078.004", "T1548", "T1555.006"]
-- description = """\
--   A story: a principal that never assumed a role before did so (AssumeRole, by a person, a role or another account; \
--   services and federated sign-in do not count), and within hours the role was given the value of a secret that it had \
--   not read within memory. Two firsts, one after the other, are more than each alone. High where the newcomer is of \
--   another account or the secret is sensitive, else medium. The role must have been around before; nothing fires while \
--   the lake is young, or where the contract names the role. One finding for each newcomer, role and secret.\
--   """
-- runbook = [
--   "Who is the newcomer, and which statement of the role's trust policy lets it in? Since when?",
--   "Ask the role's owner; if nobody knows it: revoke the role's sessions, mend the trust policy, rotate the secret.",
-- ]
-- benign = [
--   "A new pipeline or a new colleague that works through an existing role.",
--   "A service that is moved to another way of getting its role.",
-- ]
-- [parameters.within]
-- type = "duration"
-- default = "2h"
-- description = "How soon after the role was assumed the read follows."
-- [parameters.memory]
-- type = "duration"
-- default = "35d"
-- description = "Who has assumed the role, and what the role has read, within this is no first."
-- [parameters.maturity]
-- type = "duration"
-- default = "14d"
-- description = "How old the lake and the role must be before a first says something."
WITH assumed AS ( -- a row: one role that was assumed by a principal
  SELECT event_id, event_time, principal AS newcomer, principal_account, unnest(targets) AS target
  FROM actions
  WHERE event_source = 'sts.amazonaws.com' AND event_name = 'AssumeRole' AND outcome = 'ok' AND principal IS NOT NULL
    AND identity_type NOT IN ('AWSService', 'AWSAccount')
),
entries AS ( -- a row: the same, with the time before at which this principal assumed this role
  SELECT
    event_id, event_time, newcomer, principal_account, target['arn'] AS role,
    lag(event_time) OVER (PARTITION BY newcomer, target['arn'] ORDER BY event_time, event_id) AS previous
  FROM assumed
  WHERE target['kind'] = 'role' AND target['arn'] IS NOT NULL
),
firsts AS ( -- a row: a first time, of a principal that is not the role itself
  SELECT *
  FROM entries
  WHERE (previous IS NULL OR event_time > previous + $memory) AND newcomer <> role
),
placed AS ( -- a row: one read, with the time before at which its principal read the secret
  SELECT
    account_id, aws_region, secret_name, secret_arn, principal, actor, event_time, event_id, source_ip,
    lag(event_time) OVER (PARTITION BY account_id, secret_name, principal ORDER BY event_time, event_id) AS previous
  FROM reads
  WHERE principal IS NOT NULL AND rotation IS NULL AND (identity_type IS DISTINCT FROM 'AWSService')
),
stories AS ( -- a row: one newcomer, one role, one secret
  SELECT
    f.newcomer, f.principal_account, f.event_time AS assumed_at, r.principal, r.account_id, r.secret_name,
    min(r.event_time) AS read_at,
    min(r.aws_region) AS aws_region,
    max(r.secret_arn) AS secret_arn,
    CASE WHEN min(r.actor) = max(r.actor) THEN min(r.actor) END AS actor,
    max(r.source_ip) AS source_ip,
    array_sort(array_distinct(array_concat(array_agg(r.event_id), array_agg(f.event_id)))) AS event_ids
  FROM firsts f
  JOIN placed r ON r.principal = f.role
  WHERE r.event_time >= f.event_time AND r.event_time <= f.event_time + $within
    AND (r.previous IS NULL OR r.event_time > r.previous + $memory)
  GROUP BY f.newcomer, f.principal_account, f.event_time, r.principal, r.account_id, r.secret_name
),
grown AS ( -- a row: the same, and on how many days the role had been there
  SELECT
    s.newcomer, s.principal_account, s.assumed_at, s.principal, s.account_id, s.secret_name, s.read_at, s.aws_region,
    s.secret_arn, s.actor, s.source_ip, s.event_ids, count(p.day) AS role_days
  FROM stories s
  JOIN (SELECT DISTINCT principal, date_trunc('day', event_time) AS day FROM actions) p ON p.principal = s.principal
  WHERE p.day >= date_trunc('day', s.assumed_at) - $memory AND p.day <= date_trunc('day', s.assumed_at) - $maturity
  GROUP BY
    s.newcomer, s.principal_account, s.assumed_at, s.principal, s.account_id, s.secret_name, s.read_at, s.aws_region,
    s.secret_arn, s.actor, s.source_ip, s.event_ids
)
SELECT
  concat_ws('|', g.account_id, g.aws_region, g.secret_name, g.principal, g.newcomer, to_char(g.read_at, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(split_part(g.newcomer, '/', -1), ' became ', split_part(g.principal, '/', -1), ' and read ', g.secret_name) AS title,
  concat(
    g.newcomer, ' assumed ', g.principal, ' for the first time within memory at ', to_char(g.assumed_at, '%Y-%m-%d %H:%M:%S'),
    ' UTC; the role was given the value of ', g.secret_name, ', which it had not read, at ',
    to_char(g.read_at, '%Y-%m-%d %H:%M:%S'), ' UTC.'
  ) AS summary,
  g.account_id, g.aws_region, g.secret_arn, g.secret_name, g.principal, g.actor,
  g.assumed_at AS window_start,
  g.read_at + INTERVAL '1 second' AS window_end,
  concat('first read ', (to_unixtime(g.read_at) - to_unixtime(g.assumed_at)) / 60, ' minutes after the first assumption') AS observed,
  'roles are assumed by those who always do, and read what they always read' AS expected,
  g.event_ids AS evidence,
  named_struct(
    'members', make_array('first-seen-reader', 'secret-read-breadth', 'cross-account-read'), 'newcomer', g.newcomer,
    'newcomer_account', g.principal_account, 'assumed_at', g.assumed_at, 'read_at', g.read_at, 'role_days', g.role_days,
    'source_ip', g.source_ip, 'owner', s.owner, 'sensitivity', s.sensitivity
  ) AS detail,
  CASE
    WHEN g.principal_account <> split_part(g.principal, ':', 5) OR s.sensitivity IN ('high', 'critical') THEN 'high'
    ELSE 'medium'
  END AS severity
FROM grown g
CROSS JOIN beginning a
LEFT JOIN policy_secrets s
  ON s.account_id = g.account_id AND s.aws_region = g.aws_region AND s.secret_name = g.secret_name
LEFT ANTI JOIN (
  SELECT account_id, secret_name, principal FROM policy_principals WHERE role IN ('reader', 'break_glass', 'rotator')
) n ON n.account_id = g.account_id AND n.secret_name = g.secret_name AND n.principal = g.principal
WHERE date_trunc('day', g.assumed_at) >= a.day + $maturity
