-- id = "key-rotation-disabled"
-- title = "Automatic rotation of a key was turned off"
-- severity = "medium"
-- window = "1s"
-- history = "1d"
-- scope = "landmarks"
-- attack = ["T1562"]
-- description = """\
--   DisableKeyRotation: the key's material stays what it is from now on. Whoever once got a copy of imported or \
--   escrowed material, or an auditor who counts, will notice; nothing fails. Rank 2, medium: turned off. Rank 1, \
--   low: turned on again within the grace, or the key was scheduled for deletion within it, which stops rotation \
--   anyway. Rank 0: the attempt failed.\
--   """
-- runbook = [
--   "Ask the owner of the key; if nobody knows why, EnableKeyRotation and look at what else the caller did.",
--   "If the key is to be rotated by hand from now on, put that into somebody's calendar.",
-- ]
-- benign = [
--   "A key that is being retired.",
--   "Infrastructure as code that lost the setting: mend the code, or it comes back.",
-- ]
-- [parameters.grace]
-- type = "duration"
-- default = "1h"
-- description = "Turned on again within this, it was a slip or a replacement of the setting."
-- [parameters.min_rank]
-- default = 2
-- unit = "rank, 0 to 2"
-- description = "What is told from which rank on."
WITH turned_off AS ( -- a row: one key in one second
  SELECT
    account_id, aws_region, key_id, event_time,
    bool_or(outcome = 'ok') AS succeeded,
    min(principal) AS principal,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    max(key_arn) AS key_arn,
    array_sort(array_agg(DISTINCT event_id)) AS event_ids
  FROM key_changes
  WHERE event_name = 'DisableKeyRotation' AND key_id IS NOT NULL
  GROUP BY account_id, aws_region, key_id, event_time
),
excused AS ( -- a row: the same, and when it was turned on again, or the key given up
  SELECT
    o.account_id, o.aws_region, o.key_id, o.event_time,
    min(CASE WHEN c.event_name = 'EnableKeyRotation' THEN c.event_time END) AS on_again_at,
    min(c.event_time) AS excused_at
  FROM turned_off o
  JOIN key_changes c
    ON c.account_id = o.account_id AND c.aws_region = o.aws_region AND c.key_id = o.key_id
      AND c.event_time >= o.event_time
  WHERE c.outcome = 'ok' AND c.event_name IN ('EnableKeyRotation', 'ScheduleKeyDeletion')
  GROUP BY o.account_id, o.aws_region, o.key_id, o.event_time
),
ranked AS ( -- a row: one key in one second, and how bad it is
  SELECT
    o.*, x.on_again_at,
    CASE WHEN NOT o.succeeded THEN 0 WHEN x.excused_at <= o.event_time + $grace THEN 1 ELSE 2 END AS rank
  FROM turned_off o
  LEFT JOIN excused x
    ON x.account_id = o.account_id AND x.aws_region = o.aws_region AND x.key_id = o.key_id
      AND x.event_time = o.event_time
)
SELECT
  concat_ws('|', account_id, aws_region, key_id, to_char(event_time, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat('Rotation of the key ', key_id, ' turned off') AS title,
  concat(
    coalesce(principal, 'somebody'), CASE WHEN succeeded THEN ' turned' ELSE ' tried to turn' END,
      ' the automatic rotation of the key ', key_id, ' off.',
    CASE WHEN on_again_at IS NULL THEN '' ELSE concat(' It is on again since ',
      to_char(on_again_at, '%Y-%m-%d %H:%M:%S'), ' UTC.') END
  ) AS summary,
  account_id, aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  CAST(NULL AS VARCHAR) AS secret_name,
  principal, actor,
  event_time AS window_start,
  event_time + INTERVAL '1 second' AS window_end,
  '1 key without automatic rotation' AS observed,
  '0: a key that rotates goes on rotating' AS expected,
  event_ids AS evidence,
  named_struct('key_id', key_id, 'key_arn', key_arn, 'rank', rank, 'succeeded', succeeded, 'resolved_at',
    on_again_at) AS detail,
  CASE rank WHEN 2 THEN 'medium' WHEN 1 THEN 'low' ELSE 'info' END AS severity
FROM ranked
WHERE rank >= $min_rank
