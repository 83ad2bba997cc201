-- title = "Who was refused"
-- basis = "View denied_reads: access control refused the read, at the secret or at its key."
-- empty = "Nobody was refused in this time."
-- [columns]
-- principal = "principal"
-- call = "code"
-- refused = "count"
-- first = "time"
-- last = "time"
SELECT
  principal, event_name AS call, count(*) AS refused, min(event_time) AS first, max(event_time) AS last
FROM denied_reads
WHERE event_time >= $from AND event_time < $to AND secret_name = $secret
  AND ($account = '' OR account_id = $account) AND ($region = '' OR aws_region = $region)
GROUP BY principal, event_name
ORDER BY refused DESC, principal, call
