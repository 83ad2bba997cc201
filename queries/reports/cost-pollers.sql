-- title = "Pollers"
-- basis = "View reads: sessions with a dozen or more pauses between reads of one secret, of which four in five are within a tenth of the usual one. A machine asks on a timer; a cache or an event would do."
-- empty = "Nobody reads on a timer."
-- [columns]
-- secret = "text"
-- region = "beneath"
-- principal = "principal"
-- session = "text"
-- every = "length: the median pause"
-- steady = "share: pauses within a tenth of it"
-- reads = "count"
-- first_read = "time"
-- last_read = "time"
WITH paused AS ( -- a row: one read and the time since the session's last one of that secret
  SELECT
    account_id, aws_region, secret_name, principal, coalesce(actor, '') AS actor, event_time,
    to_unixtime(event_time) - to_unixtime(lag(event_time) OVER (
      PARTITION BY account_id, aws_region, secret_name, principal, coalesce(actor, '') ORDER BY event_time, event_id
    )) AS pause
  FROM reads
  WHERE rotation IS NULL AND event_time >= $from AND event_time < $to
),
usual AS ( -- a row: one session that read one secret often
  SELECT account_id, aws_region, secret_name, principal, actor, median(pause) AS every
  FROM paused
  WHERE pause IS NOT NULL
  GROUP BY account_id, aws_region, secret_name, principal, actor
  HAVING count(*) >= 12 AND median(pause) > 0
)
SELECT
  p.secret_name AS secret, p.aws_region AS region, p.principal, p.actor AS session,
  CAST(max(u.every) AS BIGINT) AS every,
  CAST(count(CASE WHEN abs(p.pause - u.every) * 10 <= u.every THEN 1 END) AS DOUBLE) / count(p.pause) AS steady,
  count(*) AS reads, min(p.event_time) AS first_read, max(p.event_time) AS last_read
FROM paused p
JOIN usual u
  ON u.account_id = p.account_id AND u.aws_region = p.aws_region AND u.secret_name = p.secret_name
  AND u.principal = p.principal AND u.actor = p.actor
GROUP BY p.account_id, p.aws_region, p.secret_name, p.principal, p.actor
HAVING count(CASE WHEN abs(p.pause - u.every) * 10 <= u.every THEN 1 END) * 5 >= count(p.pause) * 4
ORDER BY reads DESC, secret, region, p.principal, session
