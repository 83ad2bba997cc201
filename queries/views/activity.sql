-- activity: one row for each hour (UTC), secret and principal with at least one read: the cheap ground for baselines.
-- hour: start of the hour. reads: deliveries outside rotations. rotation_reads: deliveries to a rotation's worker while
-- it rotates, of the secret itself or of another. actors: distinct actors among both; more tasks, more reads.
-- Left out: hours without a read, refused reads, writes.
SELECT
  date_trunc('hour', event_time) AS hour, account_id, aws_region, secret_name, principal,
  count(CASE WHEN rotation IS NULL THEN 1 END) AS reads,
  count(rotation) AS rotation_reads,
  count(DISTINCT actor) AS actors
FROM reads
GROUP BY date_trunc('hour', event_time), account_id, aws_region, secret_name, principal
