-- decrypts: one row for each KMS Decrypt whose encryption context names a secret.
--
-- Secrets Manager makes one for each value that it delivers, as the caller (same principal, another access key).
-- is_probe: it delivered nothing, Secrets Manager tried whether the caller may use the key. is_direct: no service made
-- the call, somebody decrypted a secret's ciphertext on their own. secret_version_id: the version that was decrypted.
-- Refused Decrypts are included (outcome). Times are UTC.
-- Left out: Decrypts of parameters, of the trail's own files, and all without a SecretARN.
SELECT
  event_id, event_time, account_id, aws_region, secret_name, secret_arn, secret_version_id, kms_key_arn,
  principal, actor, principal_account, identity_type, invoked_by, source_ip, outcome,
  (secret_version_id IS NOT DISTINCT FROM 'RequestToValidateKeyAccess') AS is_probe,
  invoked_by IS NULL AS is_direct
FROM touches
WHERE event_source = 'kms.amazonaws.com' AND event_name = 'Decrypt'
