-- id = "unexpected-reader"
-- title = "Read by a principal whom the contract does not name as a reader"
-- severity = "high"
-- window = "1d"
-- history = "2d"
-- scope = "principal"
-- attack = ["T1555.006"]
-- description = """\
--   The policy file says who may read this secret (readers, break_glass, rotators), and somebody else was given its \
--   value. Admins may manage a secret but not read it. A decoy has no readers at all: nobody has a reason to touch it. \
--   Severity follows the secret's sensitivity; a decoy is critical, and high where the value was refused: \
--   somebody who has no reason to ask did. Whoever is named for emergencies (break_glass) may \
--   read, and is reported at low severity each day that it does. A rotation's worker that reads the secret it is \
--   rotating does not fire, unless the policy names another rotator that was seen at work on the secret.\
--   """
-- runbook = [
--   "Is the principal one that the owner knows? Then the contract is behind: add it, with the owner's consent.",
--   "If not: revoke its sessions and rotate the secret now; the value is known to somebody it was not meant for.",
--   "Find how it got the permission: its policies, the secret's resource policy, the key's policy and grants.",
-- ]
-- benign = [
--   "A service was given a new role, and the contract still names the old one.",
--   "Somebody debugs with their own role instead of the break-glass role.",
-- ]
-- [parameters.min_reads]
-- default = 1
-- unit = "reads in a day (UTC)"
-- description = "One read is enough: the value is out."
-- [parameters.report_break_glass]
-- default = true
-- description = "Whether the reads of declared break-glass principals are reported, at low severity. The contract promises it to the owner."
WITH declared AS ( -- a row: one secret that has a contract; closed: it says who may read
  SELECT account_id, aws_region, secret_name, sensitivity, decoy, owner, readers_declared OR decoy AS is_closed
  FROM policy_secrets
  WHERE entry IS NOT NULL
),
allowed AS ( -- a row: one principal that may read one secret
  SELECT DISTINCT account_id, aws_region, secret_name, principal
  FROM policy_principals
  WHERE role IN ('reader', 'rotator') OR (role = 'break_glass' AND NOT $report_break_glass)
),
break_glass AS ( -- a row: one principal that may read one secret in an emergency
  SELECT DISTINCT account_id, aws_region, secret_name, principal
  FROM policy_principals
  WHERE role = 'break_glass'
),
known_rotators AS ( -- a row: one secret of which a rotator that the policy names was seen
  SELECT DISTINCT account_id, aws_region, secret_name
  FROM policy_principals
  WHERE role = 'rotator'
),
strange AS ( -- a row: one read by somebody whom the contract does not name
  SELECT
    r.account_id, r.aws_region, r.secret_name, coalesce(r.principal, 'unknown') AS principal, r.actor, r.event_id,
    r.event_time, r.secret_arn, r.source_ip, d.sensitivity, d.decoy, d.owner,
    b.principal IS NOT NULL AS is_break_glass
  FROM reads r
  JOIN declared d
    ON d.account_id = r.account_id AND d.aws_region = r.aws_region AND d.secret_name = r.secret_name
  LEFT JOIN known_rotators k
    ON k.account_id = r.account_id AND k.aws_region = r.aws_region AND k.secret_name = r.secret_name
  LEFT JOIN break_glass b
    ON b.account_id = r.account_id AND b.aws_region = r.aws_region AND b.secret_name = r.secret_name
    AND b.principal = r.principal
  LEFT ANTI JOIN allowed a
    ON a.account_id = r.account_id AND a.aws_region = r.aws_region AND a.secret_name = r.secret_name
    AND a.principal = r.principal
  WHERE ((r.rotation IS DISTINCT FROM 'own') OR k.secret_name IS NOT NULL)
    AND (r.principal IS DISTINCT FROM 'secretsmanager.amazonaws.com')
    AND (d.is_closed OR b.principal IS NOT NULL)
),
refused AS ( -- a row: one refused read of a decoy
  SELECT
    r.account_id, r.aws_region, r.secret_name, coalesce(r.principal, 'unknown') AS principal, r.actor, r.event_id,
    r.event_time, r.secret_arn, r.source_ip, d.sensitivity, d.decoy, d.owner, false AS is_break_glass
  FROM denied_reads r
  JOIN declared d
    ON d.account_id = r.account_id AND d.aws_region = r.aws_region AND d.secret_name = r.secret_name
  WHERE d.decoy AND (r.identity_type IS DISTINCT FROM 'AWSService')
),
asked AS ( -- a row: either
  SELECT *, true AS is_given FROM strange
  UNION ALL
  SELECT *, false AS is_given FROM refused
),
days AS ( -- a row: one secret, one strange principal, one day (UTC)
  SELECT
    account_id, aws_region, secret_name, principal,
    date_trunc('day', event_time) AS day,
    count(*) AS reads,
    min(event_time) AS first_at,
    max(event_time) AS last_at,
    max(secret_arn) AS secret_arn,
    max(sensitivity) AS sensitivity,
    bool_or(decoy) AS decoy,
    bool_or(is_given) AS is_given,
    bool_or(is_break_glass) AS is_break_glass,
    max(owner) AS owner,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    array_slice(array_sort(array_agg(DISTINCT source_ip)), 1, 10) AS source_ips,
    array_slice(array_sort(array_agg(DISTINCT event_id)), 1, 50) AS event_ids
  FROM asked
  GROUP BY account_id, aws_region, secret_name, principal, date_trunc('day', event_time)
)
SELECT
  concat_ws('|', account_id, aws_region, secret_name, principal, to_char(day, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(CASE WHEN decoy THEN 'Decoy ' WHEN is_break_glass THEN 'Break-glass: ' ELSE '' END, secret_name, CASE WHEN is_given THEN ' read by ' ELSE ' asked for by ' END, split_part(principal, '/', -1)) AS title,
  concat(
    principal, CASE WHEN is_given THEN ' was given the value of ' ELSE ' was refused the value of ' END, secret_name, ' ', reads, CASE reads WHEN 1 THEN ' time' ELSE ' times' END,
    ', first at ', to_char(first_at, '%Y-%m-%d %H:%M:%S'), ' UTC. ',
    CASE
      WHEN decoy THEN 'It is a decoy: nobody has a reason to read it.'
      WHEN is_break_glass THEN 'The contract grants it break-glass, and promises to report it.'
      ELSE 'The contract does not name it among those who may read.'
    END
  ) AS summary,
  account_id, aws_region, secret_arn, secret_name, principal, actor,
  day AS window_start,
  day + INTERVAL '1 day' AS window_end,
  concat(reads, CASE WHEN is_given THEN '' ELSE ' refused' END, CASE reads WHEN 1 THEN ' read' ELSE ' reads' END, CASE WHEN is_break_glass AND NOT decoy THEN ' in an emergency role' ELSE ' by a principal outside the contract' END) AS observed,
  '0 reads by anybody but readers and rotators' AS expected,
  event_ids AS evidence,
  named_struct(
    'reads', reads, 'first_at', first_at, 'last_at', last_at, 'sensitivity', sensitivity, 'decoy', decoy,
    'break_glass', is_break_glass, 'owner', owner, 'source_ips', source_ips
  ) AS detail,
  CASE WHEN decoy AND NOT is_given THEN 'high' WHEN decoy THEN 'critical' WHEN is_break_glass THEN 'low' ELSE coalesce(sensitivity, 'high') END AS severity
FROM days
WHERE reads >= $min_reads
