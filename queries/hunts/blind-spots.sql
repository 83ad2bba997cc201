-- purpose = "From which accounts, regions and services do events no longer come?"
-- description = """
-- To notice a trail that was switched off, a region that was left out, a service that was excluded. silent_seconds
-- counts from the last event to the newest in the lake; compare it with longest_gap_seconds, the longest silence
-- before that: a silence that is longer than ever is a hole. Runs over `events` alone, in any reader of the lake."""
-- [parameters.silent]
-- default = 21600
-- unit = "seconds"
-- description = "Sources that were heard from later are left out"
WITH newest AS ( -- a row: when the lake's knowledge ends
  SELECT CAST(date_part('epoch', max(event_time)) AS BIGINT) AS at
  FROM events
),
heard AS ( -- a row: one event of one source
  SELECT account_id, aws_region, event_source, event_time, CAST(date_part('epoch', event_time) AS BIGINT) AS second
  FROM events
),
stepped AS ( -- a row: the same, and how long after the source's one before
  SELECT
    *, second - lag(second) OVER (PARTITION BY account_id, aws_region, event_source ORDER BY second) AS gap_seconds
  FROM heard
)
SELECT
  s.account_id, s.aws_region, s.event_source, count(*) AS events, min(s.event_time) AS first_event,
  max(s.event_time) AS last_event, max(s.gap_seconds) AS longest_gap_seconds, max(n.at) - max(s.second) AS silent_seconds
FROM stepped s
CROSS JOIN newest n
GROUP BY s.account_id, s.aws_region, s.event_source
HAVING max(n.at) - max(s.second) >= $silent
ORDER BY silent_seconds DESC, s.account_id, s.aws_region, s.event_source
