-- key_uses: one row for each call that puts a KMS key to use: Decrypt, Encrypt, GenerateDataKey and kin, ReEncrypt,
-- Sign, Verify, GenerateMac, VerifyMac, DeriveSharedSecret. Allowed or not (outcome).
--
-- account_id, aws_region: the key's, where the record names one. key_arn: the key; of a call that found it dead the
-- error message alone may name it. key_id: the key's id. context: what the encryption context is about: secret,
-- parameter, null for anything else. context_account, context_region, context_name, context_arn: the secret's or the
-- parameter's. is_direct: no service made the call. is_dead: the key could not be used, because it is disabled, waits
-- for its deletion, or lost its material. Times are UTC. Left out: the trail's own noise (see watched), and the probes by which Secrets Manager
-- tries whether a caller may use a key: they use nothing.
WITH used AS ( -- a row: one call
  SELECT
    *,
    coalesce(
      kms_key_arn, CASE WHEN error_message LIKE 'arn:%:kms:%:key/%' THEN split_part(error_message, ' ', 1) END
    ) AS key_arn,
    CASE WHEN targets[1]['kind'] IN ('secret', 'parameter') THEN targets[1]['kind'] END AS context
  FROM actions
  WHERE event_source = 'kms.amazonaws.com'
    AND event_name IN (
      'Decrypt', 'Encrypt', 'GenerateDataKey', 'GenerateDataKeyWithoutPlaintext', 'GenerateDataKeyPair',
      'GenerateDataKeyPairWithoutPlaintext', 'ReEncrypt', 'Sign', 'Verify', 'GenerateMac', 'VerifyMac',
      'DeriveSharedSecret'
    )
    AND (secret_version_id IS DISTINCT FROM 'RequestToValidateKeyAccess')
)
SELECT
  event_id, event_time, event_name,
  coalesce(split_part(key_arn, ':', 5), account_id) AS account_id,
  coalesce(split_part(key_arn, ':', 4), aws_region) AS aws_region,
  key_arn, split_part(key_arn, '/', -1) AS key_id,
  principal, actor, principal_account, identity_type, invoked_by, source_ip, outcome, error_code, error_message,
  context,
  CASE WHEN context IS NOT NULL THEN coalesce(split_part(targets[1]['arn'], ':', 5), account_id) END AS context_account,
  CASE WHEN context IS NOT NULL THEN coalesce(split_part(targets[1]['arn'], ':', 4), aws_region) END AS context_region,
  CASE WHEN context IS NOT NULL THEN targets[1]['name'] END AS context_name,
  CASE WHEN context IS NOT NULL THEN targets[1]['arn'] END AS context_arn,
  invoked_by IS NULL AND (identity_type IS DISTINCT FROM 'AWSService') AS is_direct,
  -- The service's name for the state ends in Exception or not, with KMS before it or not.
  outcome = 'error' AND (error_code LIKE 'KMSInvalidState%' OR error_code LIKE 'InvalidState%'
    OR error_code LIKE 'Disabled%')
    AS is_dead
FROM used
