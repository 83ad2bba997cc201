-- id = "key-grant-to-stranger"
-- title = "A grant gives a stranger the use of a key"
-- severity = "high"
-- window = "1s"
-- history = "400d"
-- scope = "all"
-- attack = ["T1098"]
-- description = """\
--   CreateGrant lets somebody use a key without a trace in any policy. Rank 3, high: somebody in an account that \
--   the organization does not list may decrypt. Rank 2, medium: such an account, but to encrypt and look only, or \
--   where an AWS service made the grant on the caller's behalf, or where the policy file lists no accounts; or a \
--   principal of the key's own account that the lake has never seen act may decrypt. Rank 1, low: the same, while \
--   the lake is younger than maturity, or where the principal was created within it: a new service. Rank 2 but low: a known principal that has not \
--   used this key within memory may decrypt. Rank 0: its users, and attempts that failed. AWS services as grantees are no strangers.\
--   """
-- runbook = [
--   "Who is the grantee? If nobody knows: RevokeGrant with the grant id of the finding, on this key.",
--   "Look at what was decrypted with the key since (view key_uses), the foreign account's calls included.",
--   "Look at the caller: kms:CreateGrant is rarely needed by people; what else did it do that day?",
-- ]
-- benign = [
--   "A partner's account that was agreed on, or a new account of your own: list it under [organization] accounts.",
--   "A role that works once a year, and whose last work is older than the lake.",
-- ]
-- [parameters.maturity]
-- type = "duration"
-- default = "14d"
-- description = "How old the lake must be to call somebody unseen, and how young somebody may be to be called new."
-- [parameters.memory]
-- type = "duration"
-- default = "35d"
-- description = "Who has used the key within this is one of its users."
-- [parameters.min_rank]
-- default = 2
-- unit = "rank, 0 to 3"
-- description = "What is told from which rank on."
WITH calls AS ( -- a row: one call that makes a grant, or tries to
  SELECT
    event_id, event_time, outcome, principal, actor, invoked_by, account_id AS owner, aws_region AS called_in,
      kms_key_arn,
    first_target,
    grant_id, grantee, grant_operations AS operations, grant_constraints AS constraints
  FROM actions
  WHERE event_source = 'kms.amazonaws.com' AND event_name = 'CreateGrant'
),
grants AS ( -- a row: the same, with the key's and the grantee's parts
  SELECT
    event_id, event_time, outcome, principal, actor, invoked_by, grant_id, grantee, operations, constraints,
    coalesce(split_part(kms_key_arn, ':', 5), owner) AS account_id,
    coalesce(split_part(kms_key_arn, ':', 4), called_in) AS aws_region,
    coalesce(split_part(kms_key_arn, '/', -1), first_target, 'unknown') AS key_id,
    CASE WHEN grantee LIKE 'arn:%' THEN split_part(grantee, ':', 5) END AS grantee_account,
    -- The ARN of a session has no path; the name of its role stands before the session's.
    CASE
      WHEN grantee LIKE 'arn:%:assumed-role/%' THEN split_part(grantee, '/', 2)
      WHEN grantee LIKE 'arn:%' THEN split_part(grantee, '/', -1)
    END AS grantee_name
  FROM calls
  WHERE grantee IS NOT NULL
),
known AS ( -- a row: one grant whose grantee was seen at work before
  SELECT DISTINCT g.event_id, g.account_id
  FROM grants g
  JOIN traits t
    ON split_part(t.principal, ':', 5) = g.grantee_account AND split_part(t.principal, '/', -1) = g.grantee_name
    AND t.first_seen < g.event_time
),
users AS ( -- a row: one grant whose grantee had used the key before
  SELECT DISTINCT g.event_id, g.account_id
  FROM grants g
  JOIN key_uses u
    ON u.account_id = g.account_id AND u.aws_region = g.aws_region AND u.key_id = g.key_id
    AND split_part(u.principal, ':', 5) = g.grantee_account AND split_part(u.principal, '/', -1) = g.grantee_name
  WHERE u.event_time < g.event_time AND u.event_time >= g.event_time - $memory AND u.outcome = 'ok'
),
created AS ( -- a row: one role or user that was made, by account and name
  SELECT account_id, target['name'] AS name, event_time
  FROM (
    SELECT account_id, event_time, unnest(targets) AS target
    FROM actions
    WHERE event_source = 'iam.amazonaws.com' AND event_name IN ('CreateRole', 'CreateUser') AND outcome = 'ok'
  )
  WHERE target['kind'] IN ('role', 'user')
),
born AS ( -- a row: one grant whose grantee was made shortly before
  SELECT DISTINCT g.event_id, g.account_id
  FROM grants g
  JOIN created c
    ON c.account_id = g.grantee_account AND c.name = g.grantee_name
    AND c.event_time <= g.event_time AND c.event_time > g.event_time - $maturity
),
ours AS ( -- a row: one account of the organization
  SELECT value AS account
  FROM policy_trail
  WHERE kind = 'account'
),
placed AS ( -- a row: one grant and what speaks for and against it
  SELECT
    g.*,
    coalesce(regexp_like(g.grantee_account, '^[0-9]{12}$'), false) AND g.grantee_account <> g.account_id
      AND o.account IS NULL AS is_outside,
    d.accounts > 0 AS accounts_declared,
    array_has_any(
      g.operations,
      make_array('Decrypt', 'GenerateDataKey', 'GenerateDataKeyPair', 'ReEncryptFrom', 'CreateGrant', 'Sign',
        'DeriveSharedSecret')
    ) AS is_strong,
    array_has(g.operations, 'Decrypt') AS may_decrypt,
    k.event_id IS NOT NULL AS is_known,
    u.event_id IS NOT NULL AS is_user,
    n.event_id IS NOT NULL AS is_new,
    b.day > g.event_time - $maturity AS is_young
  FROM grants g
  CROSS JOIN beginning b
  CROSS JOIN (SELECT count(*) AS accounts FROM ours) d
  LEFT JOIN ours o ON o.account = g.grantee_account
  LEFT JOIN known k ON k.event_id = g.event_id AND k.account_id = g.account_id
  LEFT JOIN users u ON u.event_id = g.event_id AND u.account_id = g.account_id
  LEFT JOIN born n ON n.event_id = g.event_id AND n.account_id = g.account_id
),
ranked AS ( -- a row: the same, and how bad it is
  SELECT
    *,
    CASE
      WHEN outcome <> 'ok' THEN 0
      WHEN is_outside AND is_strong AND invoked_by IS NULL AND accounts_declared THEN 3
      WHEN is_outside THEN 2
      -- Of another account of ours the trail may not be here, so that "never seen" would say nothing.
      WHEN may_decrypt AND invoked_by IS NULL AND grantee_account = account_id AND NOT is_known
        AND grantee_name NOT LIKE '%:root' THEN CASE WHEN is_young OR is_new THEN 1 ELSE 2 END
      WHEN may_decrypt AND invoked_by IS NULL AND grantee_account = account_id AND NOT is_user AND NOT is_young AND NOT is_new
        AND grantee_name NOT LIKE '%:root' THEN 2
      ELSE 0
    END AS rank
  FROM placed
),
judged AS ( -- a row: one key, one grantee, one second
  SELECT
    account_id, aws_region, key_id, grantee, event_time,
    max(rank) AS rank,
    bool_or(outcome = 'ok') AS succeeded,
    bool_or(is_outside) AS is_outside,
    bool_or(is_known) AS is_known,
    bool_or(is_user) AS is_user,
    max(grant_id) AS grant_id,
    max(invoked_by) AS invoked_by,
    max(array_to_string(array_sort(operations), ', ')) AS operations,
    max(array_to_string(array_sort(constraints), ', ')) AS constraints,
    min(principal) AS principal,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    array_sort(array_agg(DISTINCT event_id)) AS event_ids
  FROM ranked
  GROUP BY account_id, aws_region, key_id, grantee, event_time
)
SELECT
  concat_ws('|', account_id, aws_region, key_id, grantee, to_char(event_time, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat('Grant on the key ', key_id, ' for ', CASE WHEN is_outside THEN 'another account: ' ELSE '' END,
    split_part(grantee, '/', -1)) AS title,
  concat(
    coalesce(principal, 'somebody'), CASE WHEN succeeded THEN ' granted ' ELSE ' tried to grant ' END, grantee,
      ' the use of the key ', key_id, ': ',
    operations, CASE WHEN constraints = '' THEN ', for any encryption context. '
      ELSE concat(', where the encryption context has ', constraints, '. ') END,
    CASE
      WHEN is_outside THEN 'The organization does not list that account.'
      WHEN is_user THEN 'The grantee had used the key before.'
      WHEN is_known THEN 'The grantee was seen at work before, but not with this key.'
      ELSE 'The lake has never seen the grantee act.'
    END
  ) AS summary,
  account_id, aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  CAST(NULL AS VARCHAR) AS secret_name,
  principal, actor,
  event_time AS window_start,
  event_time + INTERVAL '1 second' AS window_end,
  concat('1 grant to ', CASE WHEN is_outside THEN 'an account outside the organization' WHEN is_known
    THEN 'a known principal' ELSE 'a principal with 0 events' END) AS observed,
  '0 grants to strangers' AS expected,
  event_ids AS evidence,
  named_struct(
    'key_id', key_id, 'grantee', grantee, 'grant_id', grant_id, 'operations', operations, 'constraints', constraints,
    'made_by_service', invoked_by, 'rank', rank, 'succeeded', succeeded
  ) AS detail,
  CASE rank WHEN 3 THEN 'high' WHEN 2 THEN CASE WHEN is_known AND NOT is_outside THEN 'low' ELSE 'medium' END WHEN 1 THEN 'low' ELSE 'info' END AS severity
FROM judged
WHERE rank >= $min_rank
