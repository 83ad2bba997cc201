-- filtered_batches: one row for each second in which a principal's batch by filter may have been answered.
--
-- second: its start, UTC. Such a batch names no secret: the decrypts of these seconds tell which were delivered, see
-- reads.
SELECT DISTINCT
  account_id, aws_region, principal,
  unnest(generate_series(event_time - INTERVAL '2 seconds', event_time + INTERVAL '5 seconds', INTERVAL '1 second')) AS second
FROM actions
WHERE event_source = 'secretsmanager.amazonaws.com' AND event_name = 'BatchGetSecretValue'
  AND asked_by_filter AND outcome = 'ok'
