-- purpose = "Who created, wrote, rotated, moved, opened or deleted a family of secrets?"
-- description = """
-- The change log of a family, for an audit or after an outage. Reads are not in it. What a rotation function does
-- stands here too; is_rotator tells it, where the policy names the rotator."""
-- [parameters.secret]
-- default = "%"
-- description = "The secret's name; % stands for anything"
-- [parameters.with_refused]
-- default = true
-- description = "Whether calls that failed are listed too"
SELECT
  event_time, event_name, outcome, error_code, account_id, aws_region, secret_name, principal, actor, source_ip,
  secret_version_id, version_stage, deletion_date, is_admin, is_rotator, event_id
FROM secret_changes
WHERE secret_name LIKE $secret AND (outcome = 'ok' OR $with_refused)
ORDER BY event_time, event_id, secret_name
