-- id = "secret-deleted"
-- title = "A secret was deleted"
-- severity = "high"
-- window = "1s"
-- history = "400d"
-- scope = "secret"
-- attack = ["T1485", "T1531"]
-- description = """\
--   DeleteSecret. From that second on nobody can read the secret; without a recovery window nobody ever will. Rank 3, \
--   high: deleted without recovery. Rank 2, medium: deleted with a recovery window by somebody who neither created it \
--   nor is its admin; or without recovery by one of those. Rank 1, low: the ordinary end of a secret, with a recovery \
--   window by its creator or admin, of a short-lived one by whoever created it, or of one that an AWS service owns. \
--   One more for sensitive secrets and decoys, one less for those of low sensitivity. Rank 0: an attempt that failed. \
--   A restore makes it a thing of the past (resolved_at): it was deleted, and readers failed meanwhile.\
--   """
-- runbook = [
--   "Within the recovery window: restore first (RestoreSecret), ask then; nothing is lost by it.",
--   "Look who still used it (hunt who-read-this-secret): these services fail now, or at their next restart.",
--   "Deleted without recovery: the value must come from its other end; reset it at the database or at the provider.",
--   "Look at what else the principal deleted (hunt what-did-principal-touch).",
-- ]
-- benign = [
--   "A service that was retired.",
--   "A preview environment that is taken down.",
--   "A script that deletes by force whatever may be left, whether it exists or not: AWS says yes to both.",
-- ]
-- [parameters.min_rank]
-- default = 2
-- unit = "rank, 0 to 4"
-- description = "What is told from which rank on. Rank 1 is housekeeping."
-- [parameters.short_life]
-- type = "duration"
-- default = "7d"
-- description = "A secret that lived no longer than this was a passing one: whoever created it may clear it away."
WITH deletions AS ( -- a row: one secret that one second deleted
  SELECT
    account_id, aws_region, secret_name, suffix, event_time,
    bool_or(outcome = 'ok') AS succeeded,
    bool_or(coalesce(force_delete, false)) AS forced,
    max(deletion_date) AS gone_at,
    max(secret_arn) AS secret_arn,
    min(principal) AS principal,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    bool_and(is_admin) AS by_admin,
    max(owner) AS owner,
    max(sensitivity) AS sensitivity,
    array_sort(array_agg(DISTINCT event_id)) AS event_ids
  FROM secret_changes
  WHERE event_name = 'DeleteSecret'
  GROUP BY account_id, aws_region, secret_name, suffix, event_time
),
turns AS ( -- a row: one creation or restore
  SELECT account_id, aws_region, secret_name, suffix, event_time, event_name, principal
  FROM secret_changes
  WHERE event_name IN ('CreateSecret', 'RestoreSecret') AND outcome = 'ok'
),
placed AS ( -- a row: a deletion, with the creation before it and the restore after it
  SELECT
    d.account_id, d.aws_region, d.secret_name, d.event_time, d.succeeded, d.forced, d.gone_at, d.secret_arn,
    d.principal,
    d.actor, d.by_admin, d.owner, d.sensitivity, d.event_ids,
    max(CASE WHEN t.event_name = 'CreateSecret' AND t.event_time <= d.event_time THEN t.event_time END) AS created_at,
    coalesce(bool_or(t.event_name = 'CreateSecret' AND t.principal = d.principal), false) AS by_creator,
    min(CASE WHEN t.event_name = 'RestoreSecret' AND t.event_time >= d.event_time THEN t.event_time END) AS resolved_at
  FROM deletions d
  LEFT JOIN turns t
    ON t.account_id = d.account_id AND t.aws_region = d.aws_region AND t.secret_name = d.secret_name
      AND t.suffix = d.suffix
  GROUP BY
    d.account_id, d.aws_region, d.secret_name, d.event_time, d.succeeded, d.forced, d.gone_at, d.secret_arn,
    d.principal,
    d.actor, d.by_admin, d.owner, d.sensitivity, d.event_ids
),
weighed AS ( -- a row: the same, with its rank for a secret of middling sensitivity
  SELECT
    p.*, coalesce(s.decoy, false) AS decoy,
    CASE
      WHEN NOT p.succeeded THEN 0
      WHEN p.by_creator AND p.event_time <= p.created_at + $short_life THEN 1
      -- A service's own secret (`rds!cluster-…`): only the service can delete it, with what it is for.
      WHEN p.secret_name LIKE '%!%' THEN 1
      WHEN p.forced AND NOT p.by_creator AND NOT p.by_admin THEN 3
      WHEN p.forced OR (NOT p.by_creator AND NOT p.by_admin) THEN 2
      ELSE 1
    END AS base
  FROM placed p
  LEFT JOIN policy_secrets s
    ON s.account_id = p.account_id AND s.aws_region = p.aws_region AND s.secret_name = p.secret_name
),
judged AS ( -- a row: the same, with its rank
  SELECT
    *,
    CASE
      WHEN base = 0 THEN 0
      WHEN decoy OR sensitivity IN ('high', 'critical') THEN base + 1
      WHEN sensitivity = 'low' THEN base - 1
      ELSE base
    END AS rank
  FROM weighed
)
SELECT
  concat_ws('|', account_id, aws_region, secret_name, to_char(event_time, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat('Deleted', CASE WHEN forced THEN ' without recovery' ELSE '' END, ': ', secret_name) AS title,
  concat(
    coalesce(principal, 'somebody'), CASE WHEN succeeded THEN ' deleted ' ELSE ' tried to delete ' END, secret_name,
    CASE
      WHEN forced THEN ' without a recovery window.'
      WHEN gone_at IS NOT NULL THEN concat('; it can be restored until ', to_char(gone_at, '%Y-%m-%d %H:%M:%S'),
        ' UTC.')
      ELSE '.'
    END,
    CASE
      WHEN by_creator THEN ' The same principal created it.'
      WHEN by_admin THEN ' The contract names it as an admin.'
      ELSE ' It neither created the secret, as far as the lake knows, nor is it an admin.'
    END,
    CASE WHEN resolved_at IS NOT NULL THEN concat(' It was restored at ', to_char(resolved_at, '%Y-%m-%d %H:%M:%S'),
      ' UTC.') ELSE '' END
  ) AS summary,
  account_id, aws_region, secret_arn, secret_name, principal, actor,
  event_time AS window_start,
  event_time + INTERVAL '1 second' AS window_end,
  CASE WHEN succeeded THEN '1 deletion' ELSE '1 failed attempt to delete' END AS observed,
  CASE WHEN forced THEN '0 without a recovery window' ELSE '0 by anybody but creator and admins' END AS expected,
  event_ids AS evidence,
  named_struct(
    'rank', rank, 'succeeded', succeeded, 'forced', forced, 'gone_at', gone_at, 'created_at', created_at,
    'by_creator', by_creator, 'by_admin', by_admin, 'decoy', decoy,
    'resolved_at', to_char(resolved_at, '%Y-%m-%dT%H:%M:%SZ'), 'owner', owner, 'sensitivity', sensitivity
  ) AS detail,
  CASE WHEN rank >= 4 THEN 'critical' WHEN rank = 3 THEN 'high' WHEN rank = 2 THEN 'medium' WHEN rank = 1 THEN 'low'
    ELSE 'info' END AS severity
FROM judged
WHERE rank >= $min_rank
