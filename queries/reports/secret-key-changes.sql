-- title = "Changes of the key"
-- basis = "View key_changes, of the keys that were used for this secret, over all of the lake's time."
-- empty = "Nobody changed the key while the lake watched."
-- [columns]
-- at = "time"
-- key = "code"
-- what = "code"
-- outcome = "verdict"
-- who = "principal"
SELECT c.event_time AS at, c.key_id AS key, c.event_name AS what, c.outcome, c.principal AS who
FROM key_changes c
JOIN (
  SELECT DISTINCT key_id
  FROM key_uses
  WHERE context = 'secret' AND context_name = $secret AND key_id IS NOT NULL
    AND ($account = '' OR context_account = $account) AND ($region = '' OR context_region = $region)
) u ON u.key_id = c.key_id
WHERE c.event_time < $to
ORDER BY c.event_time, c.event_id
