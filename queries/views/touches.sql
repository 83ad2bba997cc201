-- touches: one row for each action and each secret that it names, whatever the caller typed: bare name, partial ARN,
-- ARN, or nothing but the name in an error message.
--
-- account_id, aws_region, secret_name: the secret's, from the ARN where one was typed (so a cross-account read stands
-- under the owner), else from the action. secret_arn: the full ARN that this very record shows, null for a bare name or
-- a partial ARN; join secret_arns for the ARN that the name meant then. Caller columns and outcome as in events.
-- Includes KMS calls (their encryption context names the secret) and failed calls. Times are UTC.
-- Left out: actions that name no secret (ListSecrets; a batch by filter; a refused call whose message names nothing).
WITH named AS ( -- a row: one target of one action
  SELECT
    event_id, event_time, event_source, event_name, event_type, account_id, aws_region,
    principal, actor, principal_account, identity_type, invoked_by, from_console, source_ip, vpc_endpoint_id,
    secret_version_id, version_stage, kms_key_arn, outcome, error_code, error_message, request_id,
    tags, replica_regions, deletion_date, rotation_days, rotation_schedule, rotation_lambda, rotate_immediately,
    force_delete, policy_statements, truncated,
    unnest(targets) AS target
  FROM actions
),
secret_named AS ( -- a row: one secret as one action names it
  SELECT
    *,
    target['arn'] AS named_arn,
    target['name'] AS named_name,
    CASE WHEN target['as_asked'] LIKE 'arn:%' THEN target['as_asked'] END AS asked_arn
  FROM named
  WHERE target['kind'] = 'secret'
)
SELECT
  n.event_id, n.event_time, n.event_source, n.event_name, n.event_type,
  coalesce(s.account_id, split_part(n.asked_arn, ':', 5), n.account_id) AS account_id,
  coalesce(s.aws_region, split_part(n.asked_arn, ':', 4), n.aws_region) AS aws_region,
  coalesce(s.secret_name, n.named_name) AS secret_name,
  CASE WHEN s.is_partial THEN NULL ELSE n.named_arn END AS secret_arn,
  n.principal, n.actor, n.principal_account, n.identity_type, n.invoked_by, n.from_console, n.source_ip,
  n.vpc_endpoint_id, n.secret_version_id, n.version_stage, n.kms_key_arn, n.outcome, n.error_code, n.error_message,
  n.request_id, n.tags, n.replica_regions, n.deletion_date, n.rotation_days, n.rotation_schedule, n.rotation_lambda,
  n.rotate_immediately, n.force_delete, n.policy_statements, n.truncated
FROM secret_named n
LEFT JOIN secret_spellings s ON s.spelling = n.named_arn
WHERE coalesce(s.secret_name, n.named_name) <> ''
