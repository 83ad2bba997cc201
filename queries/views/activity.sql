-- activity: one row for each hour (UTC), secret and principal with at least one read: the cheap ground for baselines.
--
-- hour: start of the hour. reads: deliveries outside rotations. rotation_reads: deliveries to a rotation's worker while
-- it rotates, of the secret itself or of another. only_actor: the actor, null if there were several: many tasks and one
-- thief look different here. event_ids: examples, at most one for each five minutes. secret_arn: as in reads.
-- Left out: hours without a read, refused reads, writes.
WITH slots AS ( -- a row: five minutes of one principal's reads of one secret
  SELECT
    date_bin(INTERVAL '5 minutes', event_time) AS slot, account_id, aws_region, secret_name, principal,
    count(CASE WHEN rotation IS NULL THEN 1 END) AS reads,
    count(rotation) AS rotation_reads,
    min(actor) AS first_actor,
    max(actor) AS last_actor,
    min(event_id) AS event_id,
    max(secret_arn) AS secret_arn
  FROM reads
  GROUP BY date_bin(INTERVAL '5 minutes', event_time), account_id, aws_region, secret_name, principal
)
SELECT
  date_trunc('hour', slot) AS hour, account_id, aws_region, secret_name, principal,
  sum(reads) AS reads,
  sum(rotation_reads) AS rotation_reads,
  CASE WHEN min(first_actor) = max(last_actor) THEN min(first_actor) END AS only_actor,
  array_sort(array_agg(DISTINCT event_id)) AS event_ids,
  max(secret_arn) AS secret_arn
FROM slots
GROUP BY date_trunc('hour', slot), account_id, aws_region, secret_name, principal
