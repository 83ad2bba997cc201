-- title = "What it is"
-- basis = "View secrets: as the trail shows it, over all of the lake's time, and as the policy's inventory lists it."
-- [columns]
-- account = "code"
-- region = "code"
-- arn = "code"
-- created_at = "time: empty where nothing tells"
-- deleted_at = "time"
-- key = "code: the KMS key of the last use"
-- replicas = "text: regions that a call replicated it to"
-- rotation = "text: as set last"
-- rotation_function = "principal"
-- last_rotated = "time"
-- last_read = "time"
-- tags = "text"
SELECT
  account_id AS account, aws_region AS region, secret_arn AS arn, created_at, deleted_at, kms_key_arn AS key,
  array_to_string(replica_regions, ', ') AS replicas,
  CASE
    WHEN rotation_on AND rotation_days IS NOT NULL THEN concat('every ', rotation_days, ' days')
    WHEN rotation_on THEN coalesce(rotation_schedule, 'on')
    WHEN NOT rotation_on THEN 'switched off'
  END AS rotation,
  rotation_lambda AS rotation_function, last_rotated, last_read, array_to_string(tags, ', ') AS tags
FROM secrets
WHERE secret_name = $secret AND ($account = '' OR account_id = $account) AND ($region = '' OR aws_region = $region)
ORDER BY account_id, aws_region
