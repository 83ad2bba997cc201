-- secret_changes: one row for each call that may change a secret, or service event about one, and each secret that it
-- names; allowed or refused. The ground of the rules about a secret's life, its policy and its rotation settings.
--
-- secret_arn: what the name meant at that time, as far as the lake knows; suffix: its last six characters, empty where
-- the ARN is unknown: a name that was deleted and created again is another secret. is_admin, is_rotator: what the
-- contract says of the principal. has_contract: whether there is one. owner, sensitivity, rotate_every_seconds: the
-- contract's, null where nothing is declared. Other columns as in touches. Times are UTC.
-- Left out: calls that only look, whatever came of them.
WITH roles AS ( -- a row: one principal that the contract of one secret names
  SELECT
    account_id, aws_region, secret_name, principal,
    bool_or(role = 'admin') AS is_admin,
    bool_or(role = 'rotator') AS is_rotator
  FROM policy_principals
  GROUP BY account_id, aws_region, secret_name, principal
)
SELECT
  t.event_id, t.event_time, t.event_name, t.event_type, t.account_id, t.aws_region, t.secret_name,
  coalesce(t.secret_arn, a.secret_arn) AS secret_arn,
  coalesce(right(coalesce(t.secret_arn, a.secret_arn), 6), '') AS suffix,
  t.principal, t.actor, t.identity_type, t.invoked_by, t.source_ip, t.secret_version_id, t.version_stage, t.outcome,
  t.error_code, t.replica_regions, t.deletion_date, t.force_delete, t.rotation_days, t.rotation_schedule,
  t.rotation_lambda, t.rotate_immediately, t.policy_statements, t.truncated,
  coalesce(r.is_admin, false) AS is_admin,
  coalesce(r.is_rotator, false) AS is_rotator,
  p.entry IS NOT NULL AS has_contract,
  p.owner, p.sensitivity, p.rotate_every_seconds
FROM touches t
LEFT JOIN secret_arns a
  ON a.account_id = t.account_id AND a.aws_region = t.aws_region AND a.secret_name = t.secret_name
  AND t.event_time >= a.valid_from AND t.event_time < a.valid_to
LEFT JOIN roles r
  ON r.account_id = t.account_id AND r.aws_region = t.aws_region AND r.secret_name = t.secret_name
  AND r.principal = t.principal
LEFT JOIN policy_secrets p
  ON p.account_id = t.account_id AND p.aws_region = t.aws_region AND p.secret_name = t.secret_name
WHERE t.event_source = 'secretsmanager.amazonaws.com'
  AND t.event_name NOT IN (
    'GetSecretValue', 'BatchGetSecretValue', 'DescribeSecret', 'ListSecrets', 'ListSecretVersionIds',
    'GetResourcePolicy', 'GetRandomPassword', 'ValidateResourcePolicy'
  )
