-- key_changes: one row for each call or service event that changes what a KMS key is: its life, policy, alias,
-- rotation.
--
-- account_id, aws_region: the key's (of an alias that no longer names a key: the call's). key_id: the key's id, as far
-- as the record says; key_arn: its ARN, where the record proves it. alias: the alias that the call is about, with
-- `alias/`. Attempts that failed are included (outcome). deletion_date, deletion_window_days: of ScheduleKeyDeletion;
-- the former is null where replicas have to go first. Times are UTC. Left out: grants, tags, descriptions, custom key
-- stores, and the uses of keys (key_uses).
WITH named AS ( -- a row: one target of one call
  SELECT event_id, delivered_to, unnest(targets) AS target
  FROM actions
  WHERE event_source = 'kms.amazonaws.com'
    AND event_name IN (
      'CreateKey', 'ReplicateKey', 'DisableKey', 'EnableKey', 'ScheduleKeyDeletion', 'CancelKeyDeletion', 'DeleteKey',
      'ImportKeyMaterial', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial', 'PutKeyPolicy', 'CreateAlias',
      'UpdateAlias', 'DeleteAlias', 'DisableKeyRotation', 'EnableKeyRotation'
    )
),
gathered AS ( -- a row: one call, and what it names
  SELECT
    event_id, delivered_to,
    max(CASE WHEN target['kind'] = 'key' THEN target['arn'] END) AS key_arn,
    max(CASE WHEN target['kind'] = 'key' THEN target['name'] END) AS key_name,
    max(CASE WHEN target['kind'] = 'alias' THEN target['name'] END) AS alias
  FROM named
  GROUP BY event_id, delivered_to
)
SELECT
  a.event_id, a.event_time, a.event_name, a.event_type,
  coalesce(split_part(g.key_arn, ':', 5), a.account_id) AS account_id,
  coalesce(split_part(g.key_arn, ':', 4), a.aws_region) AS aws_region,
  coalesce(split_part(g.key_arn, '/', -1), g.key_name, g.alias) AS key_id,
  g.key_arn, g.alias,
  a.principal, a.actor, a.principal_account, a.identity_type, a.invoked_by, a.outcome, a.error_code, a.truncated,
  a.policy_statements, a.deletion_date, a.deletion_window_days
FROM gathered g
JOIN actions a ON a.event_id = g.event_id AND a.delivered_to = g.delivered_to
