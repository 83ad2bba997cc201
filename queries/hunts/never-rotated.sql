-- purpose = "Secrets in use that were never rotated while the lake watched, the most read first"
-- description = """
-- To decide what gets a rotation next. rotation_on says whether a schedule was ever set; first_seen how long the lake
-- has been watching: a secret seen for a week says little."""
-- [parameters.least_reads]
-- default = 1
-- unit = "reads"
-- description = "Secrets that were read less often are left out"
SELECT
  account_id, aws_region, secret_name, owner, sensitivity, rotation_on, rotation_days, first_seen, created_at, last_read,
  reads
FROM secrets
WHERE last_rotated IS NULL AND deleted_at IS NULL AND reads >= $least_reads
ORDER BY reads DESC, account_id, aws_region, secret_name
