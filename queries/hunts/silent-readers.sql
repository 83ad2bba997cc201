-- purpose = "Who can be cut? Principals that read a secret once and have not for a long time"
-- description = """
-- To take away permissions that nobody uses. Look for jobs that run by the quarter before you do. still_reads says
-- how many other principals have read the secret since. Counts back from the newest event in the lake, not from the
-- clock."""
-- [parameters.silent]
-- type = "duration"
-- default = "14d"
-- description = "Readers whose last read is younger are left out"
-- [parameters.secret]
-- default = "%"
-- description = "The secret's name; % stands for anything"
WITH newest AS ( -- a row: when the lake's knowledge ends
  SELECT max(event_time) AS at
  FROM events
),
readers AS ( -- a row: one reader of one secret
  SELECT
    account_id, aws_region, secret_name, principal, count(*) AS reads, min(event_time) AS first_read,
    max(event_time) AS last_read
  FROM reads
  WHERE rotation IS NULL AND secret_name LIKE $secret
  GROUP BY account_id, aws_region, secret_name, principal
),
active AS ( -- a row: one secret, and how many still read it
  SELECT r.account_id, r.aws_region, r.secret_name, count(*) AS readers
  FROM readers r
  CROSS JOIN newest n
  WHERE r.last_read > n.at - $silent
  GROUP BY r.account_id, r.aws_region, r.secret_name
)
SELECT
  r.account_id, r.aws_region, r.secret_name, r.principal, p.kind, r.reads, r.first_read, r.last_read,
  coalesce(a.readers, 0) AS still_reads
FROM readers r
CROSS JOIN newest n
LEFT JOIN active a
  ON a.account_id = r.account_id AND a.aws_region = r.aws_region AND a.secret_name = r.secret_name
LEFT JOIN principals p ON p.principal = r.principal
WHERE r.last_read <= n.at - $silent
ORDER BY r.last_read, r.secret_name, r.principal, r.account_id, r.aws_region
