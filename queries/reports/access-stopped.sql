-- title = "Readers that stopped"
-- basis = "View reads: principals that read a secret on at least three days, and then not for a week and for twice their longest pause."
-- empty = "No regular reader stopped."
-- [columns]
-- secret = "text"
-- account = "beneath"
-- region = "beneath"
-- principal = "principal"
-- days = "count: days with a read"
-- reads = "count"
-- last_read = "time"
-- longest_pause = "length: between two reads before that"
-- silent_for = "length: until the end of this time"
WITH paused AS ( -- a row: one read and the time since the reader's last one
  SELECT
    account_id, aws_region, secret_name, principal, event_time,
    to_unixtime(event_time) - to_unixtime(lag(event_time) OVER (
      PARTITION BY account_id, aws_region, secret_name, principal ORDER BY event_time, event_id
    )) AS pause
  FROM reads
  WHERE rotation IS NULL AND event_time < $to
),
readers AS ( -- a row: one reader of one secret
  SELECT
    account_id, aws_region, secret_name, principal, count(*) AS reads,
    count(DISTINCT date_trunc('day', event_time)) AS days, max(event_time) AS last_read, max(pause) AS longest_pause
  FROM paused
  GROUP BY account_id, aws_region, secret_name, principal
)
SELECT
  secret_name AS secret, account_id AS account, aws_region AS region, principal, days, reads, last_read, longest_pause,
  to_unixtime($to) - to_unixtime(last_read) AS silent_for
FROM readers
WHERE days >= 3 AND to_unixtime($to) - to_unixtime(last_read) > greatest(7 * 86400, 2 * longest_pause)
ORDER BY last_read, secret, account, region, principal
