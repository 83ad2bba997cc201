-- purpose = "Everything that a principal did on one day (UTC), whatever the service, as a time line"
-- description = """
-- The whole story of a session: what was listed before what was read, and what was changed after it. Without a day it
-- is the newest one in the lake. An action with several targets is one row; its targets are listed."""
-- [parameters.principal]
-- default = "%"
-- description = "The principal's ARN; % stands for anything"
-- [parameters.day]
-- default = ""
-- description = "The day, such as 2026-11-07; empty means the newest in the lake"
WITH chosen AS ( -- a row: the day
  SELECT CAST(CASE WHEN $day = '' THEN to_char(max(event_time), '%Y-%m-%d') ELSE $day END AS DATE) AS day
  FROM events
),
named AS ( -- a row: one target of one action
  SELECT event_id, delivered_to, unnest(targets) AS target
  FROM actions
  WHERE principal LIKE $principal
),
listed AS ( -- a row: one action and the names of its targets
  SELECT
    event_id, delivered_to,
    array_sort(array_agg(DISTINCT coalesce(target['name'], target['arn'], target['as_asked']))) AS targets
  FROM named
  GROUP BY event_id, delivered_to
)
SELECT
  a.event_time, a.event_source, a.event_name, a.outcome, a.account_id, a.aws_region, l.targets, a.actor, a.source_ip,
  a.invoked_by, a.principal, a.event_id
FROM actions a
JOIN chosen c ON c.day = a.event_date
LEFT JOIN listed l ON l.event_id = a.event_id AND l.delivered_to = a.delivered_to
WHERE a.principal LIKE $principal
ORDER BY a.event_time, a.event_id
