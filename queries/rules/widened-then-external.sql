-- id = "widened-then-external"
-- title = "A secret's policy let strangers in, and one came"
-- severity = "critical"
-- window = "1d"
-- history = "36d"
-- scope = "all"
-- attack = ["T1098", "T1537", "T1555.006"]
-- description = """\
--   A story: the resource policy of a secret was set to allow everybody, another account, or something too large to be \
--   shown in the record, and then a principal of another account that had not read the secret within memory was given \
--   its value. Critical where that account is none of the organization's, high where the policy lists no accounts, low \
--   within the organization. Nothing where the contract names the reader. One finding for each change and reader, with \
--   the read that completes it.\
--   """
-- runbook = [
--   "Take the statement out of the secret's policy (delete-resource-policy), and out of its key's.",
--   "Rotate the secret: the value is in the other account now.",
--   "Who set the policy? Look at everything else that session did.",
-- ]
-- benign = [
--   "A vendor or partner who was let in on purpose: name the role in the contract's readers.",
--   "An account of the organization that its list lacks.",
-- ]
-- [parameters.within]
-- type = "duration"
-- default = "7d"
-- description = "How long after the change a stranger's first read belongs to it. Who opens a door often comes days later."
-- [parameters.memory]
-- type = "duration"
-- default = "35d"
-- description = "Who has read the secret within this before is no stranger."
WITH statements AS ( -- a row: one statement of a policy that was set
  SELECT event_id, event_time, principal, account_id, unnest(policy_statements) AS statement
  FROM actions
  WHERE event_source = 'secretsmanager.amazonaws.com' AND event_name = 'PutResourcePolicy' AND outcome = 'ok'
),
allowed AS ( -- a row: one principal that a statement lets in
  SELECT event_id, event_time, principal, account_id, unnest(statement['principals']) AS who
  FROM statements
  WHERE statement['effect'] = 'Allow'
),
opened AS ( -- a row: a change that lets others in, and whom
  SELECT
    event_id,
    array_slice(array_sort(array_agg(DISTINCT who)), 1, 20) AS whom,
    bool_or(who = '*') AS is_public
  FROM allowed
  WHERE who = '*' OR (who LIKE 'arn:%:%' AND split_part(who, ':', 5) <> '' AND split_part(who, ':', 5) <> account_id)
    OR (length(who) = 12 AND who BETWEEN '000000000000' AND '999999999999' AND who <> account_id)
  GROUP BY event_id
  UNION ALL
  SELECT event_id, make_array('a policy too large to be shown') AS whom, false AS is_public
  FROM actions
  WHERE event_source = 'secretsmanager.amazonaws.com' AND event_name = 'PutResourcePolicy' AND outcome = 'ok'
    AND truncated AND coalesce(cardinality(policy_statements), 0) = 0
),
changes AS ( -- a row: one such change of one secret
  SELECT t.event_id, t.event_time, t.account_id, t.secret_name, t.principal AS changed_by, o.whom, o.is_public
  FROM touches t
  JOIN opened o ON o.event_id = t.event_id
  WHERE t.event_name = 'PutResourcePolicy'
),
foreign_reads AS ( -- a row: one read from another account, with the reader's one before it
  SELECT
    account_id, aws_region, secret_name, secret_arn, principal_account, coalesce(principal, 'unknown') AS principal, actor,
    event_time, event_id, source_ip,
    lag(event_time) OVER (
      PARTITION BY account_id, secret_name, principal_account, coalesce(principal, 'unknown') ORDER BY event_time, event_id
    ) AS previous
  FROM reads
  WHERE principal_account <> account_id AND (identity_type IS DISTINCT FROM 'AWSService')
),
stories AS ( -- a row: one reader's first read after a change, with the latest change before it
  SELECT
    r.account_id, r.aws_region, r.secret_name, r.principal_account, r.principal, r.event_time,
    max(r.secret_arn) AS secret_arn,
    max(r.source_ip) AS source_ip,
    CASE WHEN min(r.actor) = max(r.actor) THEN min(r.actor) END AS actor,
    max(c.event_time) AS changed_at,
    array_sort(array_agg(DISTINCT c.changed_by) FILTER (WHERE c.changed_by IS NOT NULL)) AS changed_by,
    array_sort(array_distinct(flatten(array_agg(c.whom)))) AS whom,
    bool_or(c.is_public) AS is_public,
    array_sort(array_distinct(array_concat(array_agg(r.event_id), array_agg(c.event_id)))) AS event_ids
  FROM foreign_reads r
  JOIN changes c ON c.account_id = r.account_id AND c.secret_name = r.secret_name
  WHERE c.event_time <= r.event_time AND r.event_time <= c.event_time + $within
    AND (r.previous IS NULL OR r.event_time > r.previous + $memory)
  GROUP BY r.account_id, r.aws_region, r.secret_name, r.principal_account, r.principal, r.event_time
),
listed AS ( -- a row: how many accounts the policy lists
  SELECT count(*) AS accounts
  FROM policy_trail
  WHERE kind = 'account'
)
SELECT
  concat_ws('|', s.account_id, s.aws_region, s.secret_name, s.principal_account, s.principal, to_char(s.event_time, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(s.secret_name, ' opened and read from account ', s.principal_account) AS title,
  concat(
    coalesce(array_to_string(s.changed_by, ', '), 'somebody'), ' set a policy on ', s.secret_name, ' at ',
    to_char(s.changed_at, '%Y-%m-%d %H:%M:%S'), ' UTC that lets in ', array_to_string(s.whom, ', '), '; ', s.principal, ' of account ',
    s.principal_account, ' was given the value at ', to_char(s.event_time, '%Y-%m-%d %H:%M:%S'), ' UTC.'
  ) AS summary,
  s.account_id, s.aws_region, s.secret_arn, s.secret_name, s.principal, s.actor,
  s.changed_at AS window_start,
  s.event_time + INTERVAL '1 second' AS window_end,
  concat('first read from account ', s.principal_account, ' ', (to_unixtime(s.event_time) - to_unixtime(s.changed_at)) / 60, ' minutes after the change') AS observed,
  concat('no reader outside account ', s.account_id) AS expected,
  s.event_ids AS evidence,
  named_struct(
    'members', make_array('cross-account-read', 'secret-policy-widened', 'first-seen-reader', 'unexpected-reader'),
    'changed_at', s.changed_at, 'changed_by', s.changed_by, 'lets_in', s.whom, 'public', s.is_public,
    'reader_account', s.principal_account, 'own_account', o.value IS NOT NULL, 'source_ip', s.source_ip,
    'owner', p.owner, 'sensitivity', p.sensitivity
  ) AS detail,
  CASE WHEN o.value IS NOT NULL THEN 'low' WHEN l.accounts > 0 OR s.is_public THEN 'critical' ELSE 'high' END AS severity
FROM stories s
CROSS JOIN listed l
LEFT JOIN (SELECT DISTINCT value FROM policy_trail WHERE kind = 'account') o ON o.value = s.principal_account
LEFT JOIN policy_secrets p
  ON p.account_id = s.account_id AND p.aws_region = s.aws_region AND p.secret_name = s.secret_name
LEFT ANTI JOIN (
  SELECT account_id, secret_name, principal FROM policy_principals WHERE role IN ('reader', 'break_glass', 'rotator')
) n ON n.account_id = s.account_id AND n.secret_name = s.secret_name AND n.principal = s.principal
