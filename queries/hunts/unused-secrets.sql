-- purpose = "Secrets that nobody has read for a long time, or ever, while the lake watched"
-- description = """
-- To delete what nobody needs: each is a risk, and costs money. Look at replicas (another region reads) and at yearly
-- jobs before you delete; DeleteSecret with a recovery window is the careful way. Counts back from the newest event
-- in the lake, not from the clock. Secrets that the trail never showed are among them where the inventory lists them,
-- unless AWS counts an access in that time."""
-- [parameters.silent]
-- type = "duration"
-- default = "90d"
-- description = "Secrets whose last read is older are listed"
WITH newest AS ( -- a row: when the lake's knowledge ends
  SELECT max(event_time) AS at
  FROM events
)
SELECT
  s.account_id, s.aws_region, s.secret_name, s.owner, s.first_seen, s.created_at, s.last_read, s.last_read_by,
  s.last_accessed, s.replica_regions, s.last_rotated
FROM secrets s
CROSS JOIN newest n
WHERE s.deleted_at IS NULL AND (s.last_read IS NULL OR s.last_read < n.at - $silent)
  AND (s.last_accessed IS NULL OR s.first_seen IS NOT NULL OR s.last_accessed < n.at - $silent)
ORDER BY s.last_read, s.account_id, s.aws_region, s.secret_name
