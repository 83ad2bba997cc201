-- Everything that one principal did to secrets, in order: reads, writes, refusals, and the sessions behind them.
-- Use: when a credential may be stolen. Put the role's name into the WHERE clause. An actor that is new, or an address
-- that is not the service's, is where the theft begins. The full records are in `events`, by event_id.
SELECT
  event_time, event_name, outcome, account_id, aws_region, secret_name, actor, source_ip, vpc_endpoint_id, invoked_by,
  secret_version_id, error_message, event_id
FROM touches
WHERE principal LIKE '%:role/%TaskRole'
  AND event_source = 'secretsmanager.amazonaws.com'
ORDER BY event_time, event_id
