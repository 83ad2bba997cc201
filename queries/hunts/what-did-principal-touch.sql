-- purpose = "Everything that one principal did to secrets, in order: reads, writes, refusals, and the sessions"
-- description = """
-- When a credential may be stolen. An actor that is new, or an address that is not the service's, is where the theft
-- begins. The full records are in `events`, by event_id."""
-- [parameters.principal]
-- default = "%:role/%TaskRole"
-- description = "The principal's ARN; % stands for anything"
SELECT
  event_time, event_name, outcome, account_id, aws_region, secret_name, actor, source_ip, vpc_endpoint_id, invoked_by,
  secret_version_id, error_message, event_id
FROM touches
WHERE principal LIKE $principal
  AND event_source = 'secretsmanager.amazonaws.com'
ORDER BY event_time, event_id
