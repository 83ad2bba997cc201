-- id = "secret-key-swapped"
-- title = "A secret is encrypted with another key"
-- severity = "medium"
-- window = "1s"
-- history = "400d"
-- scope = "secret"
-- attack = ["T1486", "T1098"]
-- description = """\
--   A secret was encrypted with another KMS key than the last time (UpdateSecret with a key). Whoever owns the key \
--   decides who can read the secret from now on. Rank 4, critical: a key of an account outside the organization, \
--   which can lock everybody out. Rank 3, high: a key of another account of the organization, or of an outside \
--   account where the lake does not know the key before. Rank 2, medium: another key of the secret's own account, or \
--   the AWS managed key, which has no policy of its own. Rank 1, low: the same by an admin of the contract, or for a \
--   secret of low sensitivity. UpdateSecret does not show its key in a form that rules can read: the key is known by \
--   what KMS logged for it, for the new key's trial and for every version that was encrypted.\
--   """
-- runbook = [
--   "Whose key is it, who may use it, and is it enabled? (view secrets: kms_key_arn)",
--   "Not announced: set the old key again while the new one still decrypts (UpdateSecret with the old key), then rotate.",
--   "Look at whether readers fail since: they need kms:Decrypt on the new key.",
-- ]
-- benign = [
--   "A move from the AWS managed key to one's own, announced by an admin.",
--   "A key that is being replaced.",
-- ]
-- [parameters.min_rank]
-- default = 1
-- unit = "rank, 1 to 4"
-- description = "What is told from which rank on."
-- [parameters.near]
-- type = "duration"
-- default = "10s"
-- description = "How close to UpdateSecret the new key's trial must be, where the lake does not know the key before."
WITH uses AS ( -- a row: one key that encrypted one secret in one second
  SELECT
    t.account_id, t.aws_region, t.secret_name, coalesce(right(t.secret_arn, 6), '') AS suffix, t.event_time,
    t.kms_key_arn,
    bool_or(t.secret_version_id = 'RequestToValidateKeyAccess') AS is_trial,
    max(t.secret_arn) AS secret_arn,
    min(t.principal) AS principal,
    CASE WHEN min(t.actor) = max(t.actor) THEN min(t.actor) END AS actor,
    bool_or(coalesce(a.aliases, 0) > 0) AS is_aws_managed,
    array_sort(array_agg(DISTINCT t.event_id)) AS event_ids
  FROM touches t
  LEFT JOIN (
    SELECT event_id, count(*) AS aliases
    FROM (
      SELECT event_id, unnest(targets) AS target
      FROM actions
      WHERE event_source = 'kms.amazonaws.com' AND event_name IN ('GenerateDataKey', 'Encrypt')
    )
    WHERE target['kind'] = 'alias'
      AND (target['name'] = 'alias/aws/secretsmanager' OR target['as_asked'] = 'alias/aws/secretsmanager')
    GROUP BY event_id
  ) a ON a.event_id = t.event_id
  WHERE t.event_source = 'kms.amazonaws.com' AND t.event_name IN ('GenerateDataKey', 'Encrypt') AND t.outcome = 'ok'
    AND t.kms_key_arn IS NOT NULL
    -- Anybody may ask a key of their own to encrypt something in a secret's name: only Secrets Manager's word counts.
    AND t.invoked_by = 'secretsmanager.amazonaws.com'
  GROUP BY t.account_id, t.aws_region, t.secret_name, coalesce(right(t.secret_arn, 6), ''), t.event_time, t.kms_key_arn
),
compared AS ( -- a row: the same, with the key before
  SELECT
    *,
    lag(kms_key_arn) OVER (PARTITION BY account_id, aws_region, secret_name, suffix ORDER BY event_time,
      kms_key_arn) AS before
  FROM uses
),
updates AS ( -- a row: one UpdateSecret that succeeded, or the creation, which sets a key and swaps none
  SELECT account_id, aws_region, secret_name, event_time, event_name, event_id
  FROM secret_changes
  WHERE event_name IN ('UpdateSecret', 'CreateSecret') AND outcome = 'ok'
),
told AS ( -- a row: the same, where the key changed, with the call that changed it where it is there
  SELECT
    c.account_id, c.aws_region, c.secret_name, c.event_time, c.kms_key_arn, c.before, c.is_trial, c.secret_arn,
    c.principal,
    c.actor, c.is_aws_managed, c.event_ids,
    array_sort(array_agg(DISTINCT u.event_id) FILTER (WHERE u.event_name = 'UpdateSecret')) AS update_ids,
    coalesce(bool_or(u.event_name = 'CreateSecret'), false) AS is_creation
  FROM compared c
  LEFT JOIN updates u
    ON u.account_id = c.account_id AND u.aws_region = c.aws_region AND u.secret_name = c.secret_name
    AND u.event_time BETWEEN c.event_time - $near AND c.event_time + $near
  WHERE c.before IS DISTINCT FROM c.kms_key_arn
  GROUP BY
    c.account_id, c.aws_region, c.secret_name, c.event_time, c.kms_key_arn, c.before, c.is_trial, c.secret_arn,
    c.principal,
    c.actor, c.is_aws_managed, c.event_ids
),
organization AS ( -- a row: one account that the policy lists
  SELECT DISTINCT value AS account_id
  FROM policy_trail
  WHERE kind = 'account'
),
admins AS ( -- a row: one admin of one secret
  SELECT DISTINCT account_id, aws_region, secret_name, principal
  FROM policy_principals
  WHERE role = 'admin'
),
judged AS ( -- a row: the same, with its rank
  SELECT
    t.*, split_part(t.kms_key_arn, ':', 5) AS key_account, a.principal IS NOT NULL AS by_admin, p.owner, p.sensitivity,
    CASE
      WHEN split_part(t.kms_key_arn, ':', 5) IN (t.account_id, split_part(coalesce(t.before, ''), ':', 5)) THEN
        CASE WHEN a.principal IS NOT NULL OR p.sensitivity = 'low' THEN 1 ELSE 2 END
      WHEN o.account_id IS NOT NULL OR t.before IS NULL THEN 3
      ELSE 4
    END AS rank
  FROM told t
  LEFT JOIN organization o ON o.account_id = split_part(t.kms_key_arn, ':', 5)
  LEFT JOIN admins a
    ON a.account_id = t.account_id AND a.aws_region = t.aws_region AND a.secret_name = t.secret_name
    AND a.principal = t.principal
  LEFT JOIN policy_secrets p
    ON p.account_id = t.account_id AND p.aws_region = t.aws_region AND p.secret_name = t.secret_name
  WHERE t.before IS NOT NULL OR (t.is_trial AND t.update_ids IS NOT NULL AND NOT t.is_creation)
)
SELECT
  concat_ws('|', account_id, aws_region, secret_name, kms_key_arn, to_char(event_time, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(
    'Another key for ', secret_name,
    CASE
      WHEN is_aws_managed THEN ': the AWS managed one'
      WHEN key_account <> account_id THEN concat(': one of account ', key_account)
      ELSE ''
    END
  ) AS title,
  concat(
    coalesce(principal, 'somebody'), ' encrypted ', secret_name, ' with ', kms_key_arn,
    coalesce(concat('; before it was ', before), '; the key before is unknown'), '.',
    CASE WHEN is_aws_managed THEN ' It is the AWS managed key, which has no policy to hold anybody back.' ELSE '' END
  ) AS summary,
  account_id, aws_region, secret_arn, secret_name, principal, actor,
  event_time AS window_start,
  event_time + INTERVAL '1 second' AS window_end,
  kms_key_arn AS observed,
  coalesce(before, 'the key that the secret was created with') AS expected,
  array_sort(array_distinct(array_concat(event_ids, coalesce(update_ids, make_array(event_ids[1]))))) AS evidence,
  named_struct(
    'key', kms_key_arn, 'before', before, 'key_account', key_account, 'aws_managed', is_aws_managed, 'rank', rank,
    'by_admin', by_admin, 'owner', owner, 'sensitivity', sensitivity
  ) AS detail,
  CASE
    WHEN rank = 4 THEN 'critical'
    WHEN rank = 3 OR (rank = 2 AND sensitivity IN ('high', 'critical')) THEN 'high'
    WHEN rank = 2 THEN 'medium'
    ELSE 'low'
  END AS severity
FROM judged
WHERE rank >= $min_rank
