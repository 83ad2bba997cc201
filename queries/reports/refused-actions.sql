-- title = "What was refused"
-- basis = "View actions: calls of Secrets Manager, and of KMS about secrets, that access control refused. They need no grant unless somebody missed them."
-- empty = "Nobody was refused anything."
-- [columns]
-- principal = "principal"
-- action = "code"
-- refused = "count"
-- secrets = "count: different names asked for, where the record names one"
-- first = "time"
-- last = "time"
SELECT
  principal, concat(split_part(event_source, '.', 1), ':', event_name) AS action, count(*) AS refused,
  count(DISTINCT first_target) AS secrets, min(event_time) AS first, max(event_time) AS last
FROM actions
WHERE outcome = 'denied' AND event_source IN ('secretsmanager.amazonaws.com', 'kms.amazonaws.com')
  AND principal IS NOT NULL AND event_time >= $from AND event_time < $to
GROUP BY principal, event_source, event_name
ORDER BY refused DESC, principal, action
