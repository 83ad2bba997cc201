-- id = "bulk-reencrypt"
-- title = "Ciphertexts moved to another key, in bulk or out of the organization"
-- severity = "high"
-- window = "1d"
-- history = "37d"
-- scope = "principal"
-- attack = ["T1486", "T1537"]
-- description = """\
--   ReEncrypt turns a ciphertext into one of another key without showing what is inside. Bulk: one principal did \
--   so more often within an hour than floor, and than it did before; this is how data is taken for ransom: the new \
--   key, or its deletion, decides who reads it (medium, high where secrets or parameters are named in the \
--   encryption context). Foreign: a key of another account that the organization does not list took part; one call \
--   is enough (critical; high where the policy file lists no accounts). Calls that AWS services make do not count, \
--   nor do those that failed.\
--   """
-- runbook = [
--   "Which keys? Look up their accounts and policies, and who made the new one (view key_changes).",
--   "Foreign: revoke the principal's sessions; what was moved can be read there for ever.",
--   "Bulk: does somebody migrate keys? If nobody says so, stop it, and keep the old key from being deleted.",
-- ]
-- benign = [
--   "A migration from one key to another, announced.",
--   "A partner's key that data is handed over with: list the account under [organization] accounts.",
-- ]
-- [parameters.floor]
-- default = 20
-- unit = "calls within pace"
-- description = "Up to this many are normal: ReEncrypt is a rare call, and a rotation of data keys makes a few."
-- [parameters.pace]
-- type = "duration"
-- default = "1h"
-- description = "How close together. A pause of this length also ends a move."
-- [parameters.percent]
-- default = 200
-- unit = "percent of the principal's own"
-- description = "How far above what the same principal did within pace before."
-- [parameters.memory]
-- type = "duration"
-- default = "35d"
-- description = "How far back the principal's own behaviour is learned: a monthly job has been seen once."
-- [parameters.min_foreign]
-- default = 1
-- unit = "calls of one move"
-- description = "How many calls with a foreign key are told. One is enough."
WITH calls AS ( -- a row: one ReEncrypt
  SELECT event_id, delivered_to, event_time, principal, actor, principal_account, account_id, aws_region, targets
  FROM actions
  WHERE event_source = 'kms.amazonaws.com' AND event_name = 'ReEncrypt' AND outcome = 'ok' AND invoked_by IS NULL
    AND principal IS NOT NULL AND (identity_type IS DISTINCT FROM 'AWSService')
),
named AS ( -- a row: one thing that a call names
  SELECT event_id, delivered_to, principal_account, unnest(targets) AS target
  FROM calls
),
ours AS ( -- a row: one account of the organization
  SELECT value AS account
  FROM policy_trail
  WHERE kind = 'account'
),
parts AS ( -- a row: the same, with the account of a key
  SELECT
    event_id, delivered_to, principal_account,
    CASE WHEN target['kind'] = 'key' THEN target['arn'] END AS key_arn,
    CASE WHEN target['kind'] = 'key' THEN split_part(target['arn'], ':', 5) END AS key_account,
    CASE WHEN target['kind'] IN ('secret', 'parameter') THEN target['name'] END AS about
  FROM named
),
things AS ( -- a row: one call, its keys, and what its encryption context is about
  SELECT
    n.event_id, n.delivered_to,
    array_agg(DISTINCT n.key_arn) FILTER (WHERE n.key_arn IS NOT NULL) AS key_arns,
    max(CASE WHEN o.account IS NULL AND n.key_account <> n.principal_account THEN n.key_account END) AS foreign_account,
    max(n.about) AS about
  FROM parts n
  LEFT JOIN ours o ON o.account = n.key_account
  GROUP BY n.event_id, n.delivered_to
),
counted AS ( -- a row: one call, and how many its principal made up to it
  SELECT
    c.event_id, c.event_time, c.principal, c.actor, c.account_id, c.aws_region, t.key_arns, t.foreign_account, t.about,
    CASE WHEN t.foreign_account IS NULL THEN 'bulk' ELSE 'foreign' END AS form,
    count(*) OVER (
      PARTITION BY c.principal ORDER BY c.event_time RANGE BETWEEN $pace PRECEDING AND CURRENT ROW
    ) AS moved
  FROM calls c
  JOIN things t ON t.event_id = c.event_id AND t.delivered_to = c.delivered_to
),
remembered AS ( -- a row: the same, with the most of its principal before; today is no precedent for today
  SELECT
    *,
    max(moved) OVER (
      PARTITION BY principal ORDER BY event_time RANGE BETWEEN $memory PRECEDING AND INTERVAL '24 hours' PRECEDING
    ) AS before
  FROM counted
),
placed AS ( -- a row: the same, with whether it is part of what became too many
  SELECT
    *,
    max(CASE WHEN moved > $floor AND moved * 100 > coalesce(before, 0) * $percent THEN 1 ELSE 0 END) OVER (
      PARTITION BY principal ORDER BY event_time RANGE BETWEEN CURRENT ROW AND $pace FOLLOWING
    ) AS in_bulk
  FROM remembered
),
spaced AS ( -- a row: a call to be told, with the time of the one before it
  SELECT *, lag(event_time) OVER (PARTITION BY principal, form ORDER BY event_time, event_id) AS previous
  FROM placed
  WHERE in_bulk = 1 OR form = 'foreign'
),
numbered AS ( -- a row: the same, with the number of its move
  SELECT
    *,
    sum(CASE WHEN event_time <= previous + $pace THEN 0 ELSE 1 END) OVER (
      PARTITION BY principal, form ORDER BY event_time, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS move
  FROM spaced
),
keyed AS ( -- a row: one key of one call to be told
  SELECT *, unnest(coalesce(key_arns, make_array('unknown'))) AS key_arn
  FROM numbered
),
moves AS ( -- a row: one move
  SELECT
    principal, form, move,
    min(event_time) AS first_at,
    max(event_time) AS last_at,
    count(DISTINCT event_id) AS calls,
    max(moved) AS most,
    max(before) AS before,
    max(foreign_account) AS foreign_account,
    count(about) AS about_values,
    count(DISTINCT account_id) AS accounts,
    count(DISTINCT aws_region) AS regions,
    min(account_id) AS account_id,
    min(aws_region) AS aws_region,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    array_slice(array_sort(array_agg(DISTINCT key_arn)), 1, 20) AS keys,
    array_slice(array_sort(array_agg(DISTINCT about) FILTER (WHERE about IS NOT NULL)), 1, 50) AS names,
    array_slice(array_sort(array_agg(DISTINCT event_id)), 1, 50) AS event_ids
  FROM keyed
  GROUP BY principal, form, move
)
SELECT
  concat_ws('|', form, principal, to_char(first_at, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(
    calls, CASE calls WHEN 1 THEN ' ciphertext' ELSE ' ciphertexts' END, ' moved to another key by ',
      split_part(principal, '/', -1),
    CASE WHEN form = 'foreign' THEN concat(', with a key of the account ', foreign_account) ELSE '' END
  ) AS title,
  concat(
    principal, ' re-encrypted ', calls, CASE calls WHEN 1 THEN ' ciphertext' ELSE ' ciphertexts' END, ' between ',
    to_char(first_at, '%Y-%m-%d %H:%M:%S'), ' and ', to_char(last_at, '%Y-%m-%d %H:%M:%S'), ' UTC. ',
    CASE
      WHEN form = 'foreign' THEN concat('A key of the account ', foreign_account,
        ', which the organization does not list, took part.')
      WHEN before IS NULL THEN 'It has no history to compare with.'
      ELSE concat('Before it made at most ', before, ' such calls within the pace.')
    END
  ) AS summary,
  CASE WHEN accounts = 1 THEN account_id END AS account_id,
  CASE WHEN regions = 1 THEN aws_region END AS aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  CAST(NULL AS VARCHAR) AS secret_name,
  principal, actor,
  first_at AS window_start,
  last_at + INTERVAL '1 second' AS window_end,
  CASE form
    WHEN 'foreign' THEN concat(calls, CASE calls WHEN 1 THEN ' call' ELSE ' calls' END,
      ' with a key of another account')
    ELSE concat(calls, ' calls, at most ', most, ' within the pace')
  END AS observed,
  CASE
    WHEN form = 'foreign' THEN '0 calls with keys outside the organization'
    ELSE concat('at most ', greatest($floor, coalesce(before, 0) * $percent / 100), CASE WHEN before IS NULL
      THEN ' (no baseline yet)' ELSE concat(' (', before, ' before)') END)
  END AS expected,
  event_ids AS evidence,
  named_struct(
    'form', form, 'calls', calls, 'keys', keys, 'foreign_account', foreign_account, 'names', names,
    'accounts', accounts, 'regions', regions, 'before', before
  ) AS detail,
  CASE
    WHEN form = 'foreign' AND d.declared > 0 THEN 'critical'
    WHEN form = 'foreign' OR about_values > 0 THEN 'high'
    ELSE 'medium'
  END AS severity
FROM moves
CROSS JOIN (SELECT count(*) AS declared FROM ours) d
WHERE form = 'bulk' OR calls >= $min_foreign
