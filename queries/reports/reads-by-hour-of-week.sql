-- title = "When it is read"
-- basis = "View reads, on the organization's clock (table local_time)."
-- [columns]
-- day = "count: 1 is Monday"
-- hour = "count: local"
-- reads = "count: deliveries, rotations' own left out"
SELECT l.local_dow AS day, l.local_hour AS hour, count(*) AS reads
FROM reads r
JOIN local_time l ON l.slot = date_bin(INTERVAL '15 minutes', r.event_time)
WHERE r.event_time >= $from AND r.event_time < $to AND r.rotation IS NULL
  AND ($secret = '' OR r.secret_name = $secret) AND ($account = '' OR r.account_id = $account)
  AND ($region = '' OR r.aws_region = $region)
GROUP BY l.local_dow, l.local_hour
ORDER BY day, hour
