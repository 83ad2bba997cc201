-- id = "rotation-lambda-swapped"
-- title = "Another function rotates a secret"
-- severity = "high"
-- window = "1s"
-- history = "400d"
-- scope = "secret"
-- attack = ["T1098", "T1555.006"]
-- description = """\
--   RotateSecret named another Lambda function than the one before. A rotation function is given the old value and \
--   makes the new one, so whoever owns it owns the secret. Rank 4, critical: a function of an account outside the \
--   organization. Rank 3, high: another function; or the first one that the lake sees, and it is outside. Rank 2, \
--   medium: another function, named by an admin of the contract, or for a secret of low sensitivity. Rank 1: another \
--   version or alias of the same function. Rank 0: the same again, a first function at home, or a failed attempt.\
--   """
-- runbook = [
--   "Whose function is it, who can change its code, and which role does it run under?",
--   "Not announced: set the old function again, then rotate: the value has been, or will be, in the new one's hands.",
--   "Look whether a rotation already ran since (view rotations).",
-- ]
-- benign = [
--   "A rotation function that was rebuilt under a new name: its admin says so.",
--   "A central rotation account that the organization began to use.",
-- ]
-- [parameters.min_rank]
-- default = 2
-- unit = "rank, 0 to 4"
-- description = "What is told from which rank on. Rank 1 is a deploy of the function that is named by its version."
WITH settings AS ( -- a row: one secret to which one second gave one function
  SELECT
    account_id, aws_region, secret_name, suffix, event_time, rotation_lambda,
    bool_or(outcome = 'ok') AS succeeded,
    max(secret_arn) AS secret_arn,
    min(principal) AS principal,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    bool_and(is_admin) AS by_admin,
    max(owner) AS owner,
    max(sensitivity) AS sensitivity,
    array_sort(array_agg(DISTINCT event_id)) AS event_ids
  FROM secret_changes
  WHERE event_name = 'RotateSecret' AND rotation_lambda IS NOT NULL
  GROUP BY account_id, aws_region, secret_name, suffix, event_time, rotation_lambda
),
compared AS ( -- a row: the same, with the function before; a failed attempt is nobody's before
  SELECT
    *,
    max(CASE WHEN succeeded THEN concat_ws('|', to_char(event_time, '%Y-%m-%dT%H:%M:%SZ'), rotation_lambda) END) OVER (
      PARTITION BY account_id, aws_region, secret_name, suffix ORDER BY event_time, rotation_lambda
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS last_setting
  FROM settings
),
parted AS ( -- a row: the same, in parts; a function's ARN has seven, and an eighth for its version or alias
  SELECT
    *,
    split_part(last_setting, '|', 2) AS before,
    array_to_string(array_slice(string_to_array(split_part(last_setting, '|', 2), ':'), 1, 7), ':') AS function_before,
    array_to_string(array_slice(string_to_array(rotation_lambda, ':'), 1, 7), ':') AS function,
    split_part(rotation_lambda, ':', 5) AS function_account
  FROM compared
),
organization AS ( -- a row: one account that the policy lists
  SELECT DISTINCT value AS account_id
  FROM policy_trail
  WHERE kind = 'account'
),
placed AS ( -- a row: the same, and whether the function came from outside the organization
  SELECT
    p.*,
    p.function_account <> p.account_id AND o.account_id IS NULL
      AND p.function_account <> split_part(coalesce(p.before, ''), ':', 5) AS is_foreign
  FROM parted p
  LEFT JOIN organization o ON o.account_id = p.function_account
),
judged AS ( -- a row: the same, with its rank
  SELECT
    *,
    CASE
      WHEN NOT succeeded OR rotation_lambda = before THEN 0
      WHEN is_foreign THEN CASE WHEN before IS NULL THEN 3 ELSE 4 END
      WHEN before IS NULL THEN 0
      WHEN function = function_before THEN 1
      WHEN by_admin OR sensitivity = 'low' THEN 2
      ELSE 3
    END AS rank
  FROM placed
)
SELECT
  concat_ws('|', account_id, aws_region, secret_name, rotation_lambda,
    to_char(event_time, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat('Another function rotates ', secret_name, ': ', split_part(rotation_lambda, ':', 7)) AS title,
  concat(
    coalesce(principal, 'somebody'), CASE WHEN succeeded THEN ' made ' ELSE ' tried to make ' END, rotation_lambda,
    ' rotate ', secret_name, coalesce(concat('; before it was ', before), '; which function it was before is unknown'),
    '.',
    CASE WHEN function_account <> account_id THEN concat(' The function is in account ', function_account,
      ', the secret in ', account_id, '.') ELSE '' END
  ) AS summary,
  account_id, aws_region, secret_arn, secret_name, principal, actor,
  event_time AS window_start,
  event_time + INTERVAL '1 second' AS window_end,
  rotation_lambda AS observed,
  coalesce(before, concat('a function of account ', account_id)) AS expected,
  event_ids AS evidence,
  named_struct(
    'rank', rank, 'function', rotation_lambda, 'before', before, 'succeeded', succeeded, 'by_admin', by_admin,
    'owner', owner, 'sensitivity', sensitivity
  ) AS detail,
  CASE rank WHEN 4 THEN 'critical' WHEN 3 THEN 'high' WHEN 2 THEN 'medium' WHEN 1 THEN 'low' ELSE 'info' END AS severity
FROM judged
WHERE rank >= $min_rank
