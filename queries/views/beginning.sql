-- beginning: one row, the UTC day of the lake's first event; null in an empty lake. day: the start of that day.
-- known_beginning: what is known of events that are not in sight, see the file knowledge.rs; empty where all are.
SELECT min(day) AS day
FROM (
  SELECT date_trunc('day', event_time) AS day
  FROM events
  UNION ALL
  SELECT day
  FROM known_beginning
)
