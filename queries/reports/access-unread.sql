-- title = "Secrets that nobody read"
-- basis = "View secrets without a read in this time, deleted ones left out. Secrets that nobody touched at all are among them where the policy's inventory lists them."
-- empty = "Every secret that the trail knows was read in this time."
-- [columns]
-- secret = "text"
-- account = "beneath"
-- region = "beneath"
-- owner = "text"
-- first_seen = "time"
-- created_at = "time"
-- last_read = "time: before this time"
-- last_accessed = "time: the day of the last access, by the inventory"
-- last_read_by = "principal"
-- replicas = "text: another region may read the same secret"
WITH seen AS ( -- a row: one secret that was read in this time
  SELECT DISTINCT account_id, aws_region, secret_name
  FROM reads
  WHERE rotation IS NULL AND event_time >= $from AND event_time < $to
)
SELECT
  s.secret_name AS secret, s.account_id AS account, s.aws_region AS region, s.owner, s.first_seen, s.created_at,
  s.last_read, s.last_accessed, s.last_read_by, array_to_string(s.replica_regions, ', ') AS replicas
FROM secrets s
LEFT ANTI JOIN seen r ON r.account_id = s.account_id AND r.aws_region = s.aws_region AND r.secret_name = s.secret_name
WHERE (s.deleted_at IS NULL OR s.deleted_at > $to) AND coalesce(s.first_seen, s.created_at, $from) < $to
ORDER BY secret, account, region
