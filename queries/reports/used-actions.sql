-- title = "What each role used"
-- basis = "View touches and actions: calls that succeeded, as the IAM actions that they need. Doubt: the contract does not allow the reader, or, where it names no readers, an open finding asks about it; such lines are not in the policies below."
-- empty = "No role used anything."
-- [columns]
-- principal = "principal"
-- action = "code: of IAM"
-- resource = "code"
-- uses = "count"
-- first = "time"
-- last = "time"
-- endpoints = "code: VPC endpoints; empty unless every use came through one"
-- via = "code: the service that called KMS"
-- secret_arn = "code: of the encryption context"
-- doubt = "text"
WITH named AS ( -- a row: one call of Secrets Manager about one secret
  SELECT
    t.principal, t.event_time, t.event_id, t.account_id, t.aws_region, t.secret_name, t.vpc_endpoint_id, t.event_name,
    coalesce(t.secret_arn, a.secret_arn) AS secret_arn
  FROM touches t
  LEFT JOIN secret_arns a
    ON a.account_id = t.account_id AND a.aws_region = t.aws_region AND a.secret_name = t.secret_name
    AND t.event_time >= a.valid_from AND t.event_time < a.valid_to
  WHERE t.event_source = 'secretsmanager.amazonaws.com' AND t.event_type <> 'AwsServiceEvent' AND t.outcome = 'ok'
    AND t.invoked_by IS NULL AND t.event_time >= $from AND t.event_time < $to
),
needed AS ( -- a row: one action that one call needed
  SELECT
    principal, event_time, event_id, account_id, aws_region, secret_name, vpc_endpoint_id,
    concat('secretsmanager:', CASE event_name WHEN 'BatchGetSecretValue' THEN 'GetSecretValue' ELSE event_name END) AS action,
    coalesce(secret_arn, concat('arn:aws:secretsmanager:', aws_region, ':', account_id, ':secret:', secret_name, '-??????')) AS resource,
    CAST(NULL AS VARCHAR) AS via, CAST(NULL AS VARCHAR) AS secret_arn
  FROM named
  UNION ALL
  SELECT
    principal, event_time, event_id, account_id, aws_region, CAST(NULL AS VARCHAR), vpc_endpoint_id,
    concat('secretsmanager:', event_name), '*', CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR)
  FROM actions
  WHERE event_source = 'secretsmanager.amazonaws.com' AND event_type <> 'AwsServiceEvent' AND outcome = 'ok'
    AND event_name IN ('BatchGetSecretValue', 'ListSecrets', 'GetRandomPassword') AND invoked_by IS NULL
    AND event_time >= $from AND event_time < $to
  UNION ALL
  SELECT
    principal, event_time, event_id, context_account, context_region, context_name, CAST(NULL AS VARCHAR),
    concat('kms:', event_name), key_arn, CASE WHEN is_direct THEN CAST(NULL AS VARCHAR) ELSE invoked_by END, context_arn
  FROM key_uses
  WHERE context = 'secret' AND outcome = 'ok' AND key_arn IS NOT NULL AND event_time >= $from AND event_time < $to
),
roles AS ( -- a row: one principal that the contract of one secret names
  SELECT DISTINCT account_id, aws_region, secret_name, principal
  FROM policy_principals
),
asked AS ( -- a row: one principal and secret that open findings ask about
  SELECT account_id, secret_name, principal, min(rule) AS rule
  FROM findings
  WHERE principal IS NOT NULL AND secret_name IS NOT NULL
  GROUP BY account_id, secret_name, principal
)
SELECT
  n.principal, n.action, n.resource, count(DISTINCT n.event_id) AS uses, min(n.event_time) AS first,
  max(n.event_time) AS last,
  CASE WHEN count(n.vpc_endpoint_id) = count(*) THEN array_to_string(array_sort(array_agg(DISTINCT n.vpc_endpoint_id)), ', ') END AS endpoints,
  n.via, n.secret_arn,
  CASE
    WHEN bool_or(p.readers_declared AND o.principal IS NULL AND n.action IN ('secretsmanager:GetSecretValue', 'kms:Decrypt')) THEN 'undeclared by the contract'
    WHEN bool_or(o.principal IS NULL AND f.rule IS NOT NULL) THEN concat('finding: ', min(f.rule))
  END AS doubt
FROM needed n
LEFT JOIN policy_secrets p
  ON p.account_id = n.account_id AND p.aws_region = n.aws_region AND p.secret_name = n.secret_name
LEFT JOIN roles o
  ON o.account_id = n.account_id AND o.aws_region = n.aws_region AND o.secret_name = n.secret_name
  AND o.principal = n.principal
LEFT JOIN asked f ON f.account_id = n.account_id AND f.secret_name = n.secret_name AND f.principal = n.principal
WHERE n.principal LIKE 'arn:%:role/%' AND n.principal NOT LIKE 'arn:%:role/aws-service-role/%'
GROUP BY n.principal, n.action, n.resource, n.via, n.secret_arn
ORDER BY n.principal, n.action, n.resource, n.via, n.secret_arn
