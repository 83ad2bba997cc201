-- id = "denied-then-allowed"
-- title = "Refused, and then given"
-- severity = "low"
-- window = "1d"
-- history = "36d"
-- scope = "principal"
-- attack = ["T1555.006", "T1098"]
-- description = """\
--   A principal was refused a secret's value and was given the same secret's value within hours: something about who may \
--   read changed in between. Told once for each refusal that a read follows, with the first read. Medium for a sensitive \
--   secret, and where secret and principal are old acquaintances of the trail that never met; low where one of them is \
--   new, as a service is whose permission was forgotten. Nothing where the contract names the principal, or where it had \
--   read the secret within memory and only lost its right for a while. If the change itself is in the trail, the story \
--   denied-then-granted says who made it.\
--   """
-- runbook = [
--   "What changed between the two: the secret's policy, the key's policy or grants, the role's policies?",
--   "Who changed it, and did the owner ask for it?",
--   "If nobody did: take the right back, and rotate the secret.",
-- ]
-- benign = [
--   "A new service whose permission was forgotten in the first deploy.",
--   "Somebody asked for access, and got it.",
-- ]
-- [parameters.within]
-- type = "duration"
-- default = "12h"
-- description = "How soon after the refusal the read follows. Longer, and the two have little to do with each other. At most a day."
-- [parameters.memory]
-- type = "duration"
-- default = "35d"
-- description = "Who has read the secret within this before the refusal had the right already."
-- [parameters.maturity]
-- type = "duration"
-- default = "14d"
-- description = "How long secret and principal must both have been around to be no new service: as in first-seen-reader."
WITH turned_away AS ( -- a row: who was ever refused what
  SELECT DISTINCT account_id, secret_name, principal
  FROM denied_reads
  WHERE principal IS NOT NULL AND secret_name IS NOT NULL AND (identity_type IS DISTINCT FROM 'AWSService')
),
tries AS ( -- a row: one attempt, refused or answered, of such a principal
  SELECT principal, actor, event_time, event_id, account_id, aws_region, secret_name, secret_arn, source_ip, 1 AS refused
  FROM denied_reads
  WHERE principal IS NOT NULL AND secret_name IS NOT NULL AND (identity_type IS DISTINCT FROM 'AWSService')
  UNION ALL
  SELECT r.principal, r.actor, r.event_time, r.event_id, r.account_id, r.aws_region, r.secret_name, r.secret_arn, r.source_ip, 0 AS refused
  FROM reads r
  LEFT SEMI JOIN turned_away f ON f.account_id = r.account_id AND f.secret_name = r.secret_name AND f.principal = r.principal
  WHERE r.rotation IS NULL AND (r.identity_type IS DISTINCT FROM 'AWSService')
),
placed AS ( -- a row: the same, with what went before
  SELECT
    *,
    max(CASE refused WHEN 1 THEN event_time END) OVER before AS refused_at,
    count(CASE refused WHEN 1 THEN 1 END) OVER before AS refusals,
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
given AS ( -- a row: the second in which the value was first given
  SELECT
    principal, account_id, secret_name, event_time,
    max(refused_at) AS refused_at,
    max(refusals) AS refusals,
    min(aws_region) AS aws_region,
    max(secret_arn) AS secret_arn,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    max(source_ip) AS source_ip,
    array_sort(array_distinct(array_concat(array_agg(event_id), array_agg(refused_event)))) AS event_ids
  FROM placed
  WHERE refused = 0 AND refused_at IS NOT NULL AND read_before IS NULL
  GROUP BY principal, account_id, secret_name, event_time
),
old_secrets AS ( -- a row: one of these whose secret had been there for long
  SELECT DISTINCT g.principal, g.account_id, g.secret_name, g.event_time
  FROM given g
  JOIN secret_days d ON d.account_id = g.account_id AND d.secret_name = g.secret_name
  WHERE d.day >= g.event_time - $memory AND d.day <= g.event_time - $maturity
),
old_principals AS ( -- a row: one of these whose principal had been there for long
  SELECT DISTINCT g.principal, g.event_time
  FROM given g
  JOIN actions a ON a.principal = g.principal
  WHERE a.event_time >= g.event_time - $memory AND a.event_time <= g.event_time - $maturity
),
aged AS ( -- a row: the same as given, and whether both are old
  SELECT g.*, o.secret_name IS NOT NULL AND p.principal IS NOT NULL AS both_old
  FROM given g
  LEFT JOIN old_secrets o
    ON o.principal = g.principal AND o.account_id = g.account_id AND o.secret_name = g.secret_name
    AND o.event_time = g.event_time
  LEFT JOIN old_principals p ON p.principal = g.principal AND p.event_time = g.event_time
)
SELECT
  concat_ws('|', g.account_id, g.aws_region, g.secret_name, g.principal, to_char(g.event_time, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(g.secret_name, ' refused, then given to ', split_part(g.principal, '/', -1)) AS title,
  concat(
    g.principal, ' was refused ', g.secret_name, ' ', g.refusals, CASE g.refusals WHEN 1 THEN ' time' ELSE ' times' END,
    ', last at ', to_char(g.refused_at, '%Y-%m-%d %H:%M:%S'), ' UTC, and was given its value at ',
    to_char(g.event_time, '%H:%M:%S'), ' UTC, for the first time within memory.',
    CASE WHEN g.both_old THEN ' Both have been around for long and had not met.' ELSE '' END
  ) AS summary,
  g.account_id, g.aws_region, g.secret_arn, g.secret_name, g.principal, g.actor,
  g.refused_at AS window_start,
  g.event_time + INTERVAL '1 second' AS window_end,
  concat('given ', (to_unixtime(g.event_time) - to_unixtime(g.refused_at)) / 60, ' minutes after ', g.refusals, CASE g.refusals WHEN 1 THEN ' refusal' ELSE ' refusals' END) AS observed,
  'who is refused stays refused, or is named in the contract' AS expected,
  g.event_ids AS evidence,
  named_struct(
    'refused_at', g.refused_at, 'given_at', g.event_time, 'refusals', g.refusals, 'source_ip', g.source_ip,
    'both_are_old', g.both_old, 'owner', s.owner, 'sensitivity', s.sensitivity
  ) AS detail,
  CASE
    WHEN s.sensitivity IN ('high', 'critical') THEN 'medium'
    WHEN g.both_old AND (s.sensitivity IS DISTINCT FROM 'low') THEN 'medium'
    ELSE 'low'
  END AS severity
FROM aged g
LEFT JOIN policy_secrets s
  ON s.account_id = g.account_id AND s.aws_region = g.aws_region AND s.secret_name = g.secret_name
LEFT ANTI JOIN (
  SELECT account_id, secret_name, principal FROM policy_principals WHERE role IN ('reader', 'break_glass', 'rotator')
) n ON n.account_id = g.account_id AND n.secret_name = g.secret_name AND n.principal = g.principal
