-- purpose = "Which calls are refused, to whom, and how often?"
-- description = """
-- To find what is misconfigured, and who tries doors. A steady stream is a missing permission; a few on many things
-- within minutes is a look around. Runs over `events` alone, in any reader of the lake."""
-- [parameters.principal]
-- default = "%"
-- description = "The principal's ARN; % stands for anything"
SELECT
  principal, event_source, event_name, error_code, account_id, aws_region, count(*) AS refusals,
  count(DISTINCT actor) AS actors, count(DISTINCT source_ip) AS addresses,
  min(event_time) AS first_refusal, max(event_time) AS last_refusal
FROM events
WHERE outcome = 'denied' AND principal LIKE $principal
GROUP BY principal, event_source, event_name, error_code, account_id, aws_region
ORDER BY refusals DESC, principal, event_source, event_name, error_code, account_id, aws_region
