-- watched: one row for each event that rules look at, as in events, and whether it is a landmark.
--
-- Left out: what the trail's own storage makes. Every log file that is written with a KMS key makes a GenerateDataKey,
-- every file that is read a Decrypt, so that reading the trail is logged in the trail that is read. They are known by an
-- encryption context that names a trail, an object, a queue or a topic, and no secret and no parameter.
-- is_landmark: one of the rare events that other events are judged by: whatever changes a secret or reports on its
-- rotation, a rotation function's first step (it asks for a version before it exists), the key's part in writing a
-- secret (it proves that there was a value, and under which key), whatever changes a trail or the life, policy, alias or
-- rotation of a key, and CloudTrail's corrections. Grants are none: services make one for each disk and each function
-- that starts.
SELECT
  *,
  coalesce(
    (
      event_source = 'secretsmanager.amazonaws.com'
      AND (
        event_name NOT IN (
          'GetSecretValue', 'BatchGetSecretValue', 'DescribeSecret', 'ListSecrets', 'ListSecretVersionIds',
          'GetResourcePolicy', 'GetRandomPassword', 'ValidateResourcePolicy'
        )
        OR (event_name = 'GetSecretValue' AND outcome = 'not_found' AND secret_version_id IS NOT NULL)
      )
    )
    OR (
      event_source = 'cloudtrail.amazonaws.com' AND event_name NOT LIKE 'Get%' AND event_name NOT LIKE 'List%'
      AND event_name NOT LIKE 'Describe%' AND event_name <> 'LookupEvents'
    )
    OR (
      event_source = 'kms.amazonaws.com'
      AND event_name IN (
        'CreateKey', 'ReplicateKey', 'DisableKey', 'EnableKey', 'ScheduleKeyDeletion', 'CancelKeyDeletion', 'DeleteKey',
        'ImportKeyMaterial', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial', 'PutKeyPolicy', 'CreateAlias',
        'UpdateAlias', 'DeleteAlias', 'DisableKeyRotation', 'EnableKeyRotation'
      )
    )
    OR (
      event_source = 'kms.amazonaws.com' AND event_name IN ('GenerateDataKey', 'Encrypt')
      AND (encryption_context[1]['key'] = 'SecretARN' OR encryption_context[2]['key'] = 'SecretARN')
    )
    OR corrects_event_id IS NOT NULL,
    false
  ) AS is_landmark
FROM events
WHERE NOT coalesce(
  event_source = 'kms.amazonaws.com'
  AND event_name IN ('Decrypt', 'GenerateDataKey', 'GenerateDataKeyWithoutPlaintext')
  AND (
    encryption_context[1]['key'] IN ('aws:cloudtrail:arn', 'aws:s3:arn', 'aws:sqs:arn', 'aws:sns:topicArn')
    OR encryption_context[2]['key'] IN ('aws:cloudtrail:arn', 'aws:s3:arn', 'aws:sqs:arn', 'aws:sns:topicArn')
  )
  AND coalesce(targets[1]['kind'], 'key') NOT IN ('secret', 'parameter'),
  false
)
