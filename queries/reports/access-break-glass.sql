-- title = "Break-glass reads"
-- basis = "View reads by principals that the contract allows in an emergency only. The reason is that of the policy's window that covers the read."
-- empty = "Nobody broke the glass in this time."
-- [columns]
-- at = "time"
-- secret = "text"
-- principal = "principal"
-- person = "text: the session's actor"
-- address = "code"
-- reason = "text: of a declared window; none means that nobody declared one"
-- finding = "text"
SELECT
  r.event_time AS at, r.secret_name AS secret, r.principal, r.actor AS person, r.source_ip AS address,
  CAST(NULL AS VARCHAR) AS reason, max(f.title) AS finding
FROM reads r
JOIN policy_principals o
  ON o.account_id = r.account_id AND o.aws_region = r.aws_region AND o.secret_name = r.secret_name
  AND o.principal = r.principal AND o.role = 'break_glass'
LEFT JOIN findings f
  ON f.secret_name = r.secret_name AND f.account_id = r.account_id AND f.principal = r.principal
  AND r.event_time >= f.window_start AND r.event_time < f.window_end
WHERE r.rotation IS NULL AND r.event_time >= $from AND r.event_time < $to
GROUP BY r.event_time, r.event_id, r.secret_name, r.principal, r.actor, r.source_ip
ORDER BY r.event_time, r.event_id, r.secret_name
