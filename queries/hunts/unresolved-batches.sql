-- purpose = "Batches by filter of which nobody can say what they returned: no read, no Decrypt beside them"
-- description = """
-- When breadth is suspected and the numbers look small. The call's record names no secret; usually the Decrypts do.
-- Where they are missing, the trail leaves out KMS (see trail-blinded), the keys belong to another account, or the
-- filter matched nothing. Each such call can have returned up to twenty secrets."""
SELECT
  a.account_id, a.aws_region, a.principal, a.actor, a.source_ip, a.event_time, count(DISTINCT a.event_id) AS calls,
  array_slice(array_sort(array_agg(DISTINCT a.event_id)), 1, 20) AS event_ids
FROM actions a
LEFT ANTI JOIN reads r
  ON r.principal = a.principal AND r.account_id = a.account_id AND r.aws_region = a.aws_region
  AND r.event_time >= a.event_time - INTERVAL '2 seconds' AND r.event_time <= a.event_time + INTERVAL '5 seconds'
WHERE a.event_source = 'secretsmanager.amazonaws.com' AND a.event_name = 'BatchGetSecretValue'
  AND a.asked_by_filter AND a.outcome = 'ok'
GROUP BY a.account_id, a.aws_region, a.principal, a.actor, a.source_ip, a.event_time
ORDER BY a.event_time, a.principal
