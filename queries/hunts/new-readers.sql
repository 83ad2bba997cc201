-- purpose = "Who read a secret for the first time in the last days?"
-- description = """
-- For the weekly look. watched_since says how long the lake has known the secret before that read: where it is the
-- same day, first means little. Counts back from the newest event in the lake, not from the clock."""
-- [parameters.within]
-- type = "duration"
-- default = "7d"
-- description = "First reads that are older are left out"
WITH newest AS ( -- a row: when the lake's knowledge ends
  SELECT max(event_time) AS at
  FROM events
),
firsts AS ( -- a row: one reader of one secret
  SELECT
    account_id, aws_region, secret_name, principal, min(event_time) AS first_read, count(*) AS reads,
    array_slice(array_sort(array_agg(DISTINCT actor)), 1, 5) AS actors
  FROM reads
  WHERE rotation IS NULL
  GROUP BY account_id, aws_region, secret_name, principal
)
SELECT
  f.first_read, f.account_id, f.aws_region, f.secret_name, f.principal, p.kind, f.reads, f.actors,
  s.first_seen AS watched_since
FROM firsts f
CROSS JOIN newest n
LEFT JOIN principals p ON p.principal = f.principal
LEFT JOIN secrets s
  ON s.account_id = f.account_id AND s.aws_region = f.aws_region AND s.secret_name = f.secret_name
WHERE f.first_read > n.at - $within
ORDER BY f.first_read, f.secret_name, f.principal
