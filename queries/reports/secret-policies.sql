-- title = "Resource policy"
-- basis = "Statements of PutResourcePolicy calls that succeeded, over all of the lake's time."
-- empty = "No call set a resource policy while the lake watched."
-- [columns]
-- at = "time"
-- region = "code"
-- who = "principal"
-- effect = "text"
-- principals = "text"
-- actions = "text"
WITH named AS ( -- a row: one statement of one call
  SELECT event_time, event_id, aws_region, principal, unnest(policy_statements) AS statement
  FROM secret_changes
  WHERE secret_name = $secret AND event_name = 'PutResourcePolicy' AND outcome = 'ok' AND event_time < $to
    AND ($account = '' OR account_id = $account) AND ($region = '' OR aws_region = $region)
)
SELECT
  event_time AS at, aws_region AS region, principal AS who, statement['effect'] AS effect,
  array_to_string(statement['principals'], ', ') AS principals, array_to_string(statement['actions'], ', ') AS actions
FROM named
ORDER BY event_time, event_id, effect, principals
