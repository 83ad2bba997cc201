-- purpose = "Decrypts of a secret's ciphertext that no AWS service made"
-- description = """
-- A standing look-out. Secrets Manager decrypts on the caller's behalf; nobody has the ciphertext unless it was taken
-- from Secrets Manager's own storage, or the caller only tries whether the key answers to the context. There is no
-- benign reason but an experiment. Refused ones count: somebody tried."""
SELECT event_time, outcome, principal, actor, source_ip, account_id, aws_region, secret_name, secret_version_id, kms_key_arn, event_id
FROM decrypts
WHERE is_direct
ORDER BY event_time, event_id
