-- denied_reads: one row for each refused attempt to get a secret's value, and each secret that it names.
--
-- GetSecretValue and BatchGetSecretValue that access control refused, whether at the secret or at its key, and direct
-- Decrypts of a secret's ciphertext that were refused. The secret often stands in the error message alone; where not
-- even that names it, secret_name is null and account_id and aws_region are those of the call.
-- secret_arn: what the name meant at that time, as far as the lake knows. Times are UTC.
-- Left out: throttled, failed and not-found reads (a rotation's designed errors are among these); the refused Decrypt
-- that Secrets Manager makes for a read that is already here.
WITH nameless AS ( -- a row: one refused read that names no secret
  SELECT
    event_id, event_time, event_name, account_id, aws_region, principal, actor, principal_account, identity_type,
    invoked_by, from_console, source_ip, error_code
  FROM actions
  WHERE event_source = 'secretsmanager.amazonaws.com' AND outcome = 'denied'
    AND event_name IN ('GetSecretValue', 'BatchGetSecretValue')
    AND coalesce(cardinality(targets), 0) = 0
)
SELECT
  t.event_id, t.event_time, t.event_name, t.account_id, t.aws_region, t.secret_name,
  coalesce(t.secret_arn, a.secret_arn) AS secret_arn,
  t.principal, t.actor, t.principal_account, t.identity_type, t.invoked_by, t.from_console, t.source_ip, t.error_code
FROM touches t
LEFT JOIN secret_arns a
  ON a.account_id = t.account_id AND a.aws_region = t.aws_region AND a.secret_name = t.secret_name
  AND t.event_time >= a.valid_from AND t.event_time < a.valid_to
WHERE t.outcome = 'denied'
  AND (
    (t.event_source = 'secretsmanager.amazonaws.com' AND t.event_name IN ('GetSecretValue', 'BatchGetSecretValue'))
    OR (t.event_source = 'kms.amazonaws.com' AND t.event_name = 'Decrypt' AND t.invoked_by IS NULL)
  )
UNION ALL
SELECT
  event_id, event_time, event_name, account_id, aws_region, NULL AS secret_name, NULL AS secret_arn, principal, actor,
  principal_account, identity_type, invoked_by, from_console, source_ip, error_code
FROM nameless
