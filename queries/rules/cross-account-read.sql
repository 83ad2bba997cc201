-- id = "cross-account-read"
-- title = "A secret was read from another account"
-- severity = "medium"
-- window = "1d"
-- history = "36d"
-- scope = "principal"
-- attack = ["T1555.006", "T1537"]
-- description = """\
--   A principal of another account was given a secret's value, and no contract names it. High where [organization] lists \
--   the accounts and the reader's is none of them: the value has left the organization. Medium where nothing is listed, \
--   low within the organization. Told on the first day within memory; within the organization not while the lake is \
--   young, because old habits look new. Where a contract declares readers, unexpected-reader tells instead.\
--   """
-- runbook = [
--   "Whose account is it? A partner's, a vendor's, one of your own that [organization] does not list?",
--   "Which statement of the secret's policy, and of its key's, lets it in? Who set it, and when?",
--   "If nobody can say: remove the statement, rotate the secret.",
-- ]
-- benign = [
--   "An account of the organization that its list lacks: add it.",
--   "A vendor who is meant to read it: name the role in the contract's readers.",
-- ]
-- [parameters.memory]
-- type = "duration"
-- default = "35d"
-- description = "Who has read the secret within this is told no second time."
-- [parameters.maturity]
-- type = "duration"
-- default = "14d"
-- description = "How old the lake must be before a new pair within the organization is news."
WITH days AS ( -- a row: one day on which a foreign principal was given a secret (a secret and its replicas are one)
  SELECT
    account_id, secret_name, principal_account, coalesce(principal, 'unknown') AS principal,
    date_trunc('day', event_time) AS day,
    count(*) AS reads,
    min(event_time) AS first_at,
    min(aws_region) AS aws_region,
    max(secret_arn) AS secret_arn,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    array_slice(array_sort(array_agg(DISTINCT source_ip)), 1, 10) AS source_ips,
    array_slice(array_sort(array_agg(DISTINCT event_id)), 1, 50) AS event_ids
  FROM reads
  WHERE principal_account <> account_id AND (identity_type IS DISTINCT FROM 'AWSService')
  GROUP BY account_id, secret_name, principal_account, coalesce(principal, 'unknown'), date_trunc('day', event_time)
),
spaced AS ( -- a row: the same, with the day before on which it happened
  SELECT *, lag(day) OVER (PARTITION BY account_id, secret_name, principal_account, principal ORDER BY day) AS previous_day
  FROM days
),
known AS ( -- a row: how many accounts the policy lists
  SELECT count(*) AS accounts
  FROM policy_trail
  WHERE kind = 'account'
),
judged AS ( -- a row: a first day, with whether the reader's account is one of the organization's
  SELECT s.*, o.value IS NOT NULL AS is_own, k.accounts > 0 AS is_listed
  FROM spaced s
  CROSS JOIN known k
  LEFT JOIN (SELECT DISTINCT value FROM policy_trail WHERE kind = 'account') o ON o.value = s.principal_account
  WHERE s.previous_day IS NULL OR s.day > s.previous_day + $memory
)
SELECT
  concat_ws('|', j.account_id, j.aws_region, j.secret_name, j.principal_account, j.principal, to_char(j.day, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(j.secret_name, ' read from account ', j.principal_account) AS title,
  concat(
    j.principal, ' of account ', j.principal_account, ' was given the value of ', j.secret_name, ' of account ', j.account_id,
    ', first at ', to_char(j.first_at, '%Y-%m-%d %H:%M:%S'), ' UTC. ',
    CASE
      WHEN j.is_own THEN 'Both accounts belong to the organization, but no contract names the reader.'
      WHEN j.is_listed THEN 'The account does not belong to the organization.'
      ELSE 'The policy lists no accounts, so that nobody can tell whether it belongs to the organization.'
    END
  ) AS summary,
  j.account_id, j.aws_region, j.secret_arn, j.secret_name, j.principal, j.actor,
  j.day AS window_start,
  j.day + INTERVAL '1 day' AS window_end,
  concat(j.reads, CASE j.reads WHEN 1 THEN ' read' ELSE ' reads' END, ' from account ', j.principal_account) AS observed,
  concat('reads from account ', j.account_id, ', or by principals that the contract names') AS expected,
  j.event_ids AS evidence,
  named_struct(
    'reader_account', j.principal_account, 'own_account', j.is_own, 'accounts_listed', j.is_listed, 'reads', j.reads,
    'source_ips', j.source_ips, 'owner', p.owner, 'sensitivity', p.sensitivity
  ) AS detail,
  CASE WHEN j.is_own THEN 'low' WHEN j.is_listed THEN 'high' ELSE 'medium' END AS severity
FROM judged j
CROSS JOIN beginning a
LEFT JOIN policy_secrets p
  ON p.account_id = j.account_id AND p.aws_region = j.aws_region AND p.secret_name = j.secret_name
LEFT ANTI JOIN (
  SELECT account_id, secret_name, principal FROM policy_principals WHERE role IN ('reader', 'break_glass', 'rotator')
) n ON n.account_id = j.account_id AND n.secret_name = j.secret_name AND n.principal = j.principal
WHERE NOT coalesce(p.readers_declared, false) AND NOT coalesce(p.decoy, false)
  AND (NOT j.is_own OR j.day >= a.day + $maturity)
