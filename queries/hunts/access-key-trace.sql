-- purpose = "What was touched with an access key, and from where?"
-- description = """
-- When a key was found where it must not be. Keys that begin with ASIA are temporary: all calls of one session carry
-- the same one, but not the Decrypts that Secrets Manager makes for it. Runs over `events` alone, in any reader of
-- the lake."""
-- [parameters.access_key]
-- default = "%"
-- description = "The access key id; % stands for anything"
WITH named AS ( -- a row: one target of one event
  SELECT access_key_id, principal, event_source, event_name, outcome, event_time, source_ip, unnest(targets) AS target
  FROM events
  WHERE access_key_id LIKE $access_key
),
from_one AS ( -- a row: the same calls from one address
  SELECT
    access_key_id, principal, event_source, event_name, outcome, target['kind'] AS target_kind,
    coalesce(target['name'], target['arn']) AS target_name, source_ip,
    count(*) AS calls, min(event_time) AS first_call, max(event_time) AS last_call
  FROM named
  GROUP BY
    access_key_id, principal, event_source, event_name, outcome, target['kind'], coalesce(target['name'], target['arn']),
    source_ip
)
SELECT
  access_key_id, principal, event_source, event_name, outcome, target_kind, target_name,
  CAST(sum(calls) AS BIGINT) AS calls, count(source_ip) AS addresses, min(first_call) AS first_call,
  max(last_call) AS last_call
FROM from_one
GROUP BY access_key_id, principal, event_source, event_name, outcome, target_kind, target_name
ORDER BY first_call, access_key_id, event_source, event_name, outcome, target_kind, target_name, principal
