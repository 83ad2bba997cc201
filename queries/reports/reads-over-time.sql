-- title = "Reads over time"
-- basis = "View reads: deliveries of a secret's value, rotations' own reads left out."
-- [columns]
-- at = "time: start of the bar"
-- reads = "count: deliveries"
SELECT date_bin($bin, event_time) AS at, count(*) AS reads
FROM reads
WHERE event_time >= $from AND event_time < $to AND rotation IS NULL
  AND ($secret = '' OR secret_name = $secret) AND ($account = '' OR account_id = $account)
  AND ($region = '' OR aws_region = $region)
GROUP BY date_bin($bin, event_time)
ORDER BY at
