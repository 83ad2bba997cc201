-- id = "parameter-read-breadth"
-- title = "One principal reads many different SecureString parameters"
-- severity = "high"
-- window = "1d"
-- history = "37d"
-- scope = "principal"
-- attack = ["T1552.007", "T1119"]
-- description = """\
--   One principal was given the decrypted values of unusually many different SecureString parameters: within \
--   minutes (fast, high) or within a day (slow, medium). Counted over all of its sessions and regions, by name, by \
--   path and from the history alike: a path does not say what it gave out, the Decrypts that Parameter Store makes \
--   for it do. Compared with what the same principal did before, if it did anything. Who asks for \
--   the decrypted values of many different trees (the first parts of paths and names, by path and history) within a \
--   day is told at low severity even where nothing shows what they gave out. A service reads its own \
--   parameters at each start; who reads everybody's is a deployment tool or a thief.\
--   """
-- runbook = [
--   "Look at the names in the finding: do they belong to one service, or to everybody?",
--   "Is the principal a deployment tool, and was there a deployment? Then narrow its rights, or raise its floor.",
--   "If nobody can name the reason: revoke its sessions, and rotate what is behind every parameter listed.",
-- ]
-- benign = [
--   "Infrastructure as code that refreshes all parameters that it manages: declare the window, or let it get known.",
--   "A service whose whole configuration is encrypted, at its first start.",
-- ]
-- [parameters.fast_floor]
-- default = 20
-- unit = "different parameters"
-- description = "Up to this many within fast_window are normal: configuration comes in more pieces than secrets do."
-- [parameters.fast_window]
-- type = "duration"
-- default = "10m"
-- description = "A walk over a path takes minutes, not hours."
-- [parameters.slow_floor]
-- default = 40
-- unit = "different parameters"
-- description = "Up to this many within slow_window are normal."
-- [parameters.slow_window]
-- type = "duration"
-- default = "24h"
-- description = "A day, so that a reader that pauses still adds up. At most a day: the rest is what it is compared with."
-- [parameters.tree_floor]
-- default = 8
-- unit = "different trees in a day (UTC)"
-- description = "A service has one tree, and a few that it shares. Up to this many are normal."
-- [parameters.percent]
-- default = 200
-- unit = "percent of the principal's own"
-- description = "How far above what the same principal did before."
-- [parameters.memory]
-- type = "duration"
-- default = "35d"
-- description = "How far back the principal's own behaviour is learned: a monthly job has been seen once."
-- [parameters.proven_only]
-- default = true
-- description = "Whether a Decrypt must prove that a parameter is a SecureString. Off where the trail records no KMS."
WITH ordinary AS ( -- a row: one read
  SELECT
    principal, actor, event_time, event_id, via, account_id, aws_region, parameter_name,
    concat_ws('|', account_id, aws_region, parameter_name) AS parameter
  FROM parameter_reads
  WHERE principal IS NOT NULL AND (identity_type IS DISTINCT FROM 'AWSService') AND (is_secure OR NOT $proven_only)
),
counted AS ( -- a row: the same, with the number of different parameters that its principal read up to it
  SELECT
    *,
    count(DISTINCT parameter) OVER (
      PARTITION BY principal ORDER BY event_time RANGE BETWEEN $fast_window PRECEDING AND CURRENT ROW
    ) AS fast,
    count(DISTINCT parameter) OVER (
      PARTITION BY principal ORDER BY event_time RANGE BETWEEN $slow_window PRECEDING AND CURRENT ROW
    ) AS slow
  FROM ordinary
),
remembered AS ( -- a row: the same, with the most that its principal read so before; today is no precedent for today
  SELECT
    *,
    max(fast) OVER (
      PARTITION BY principal ORDER BY event_time RANGE BETWEEN $memory PRECEDING AND INTERVAL '24 hours' PRECEDING
    ) AS fast_before,
    max(slow) OVER (
      PARTITION BY principal ORDER BY event_time RANGE BETWEEN $memory PRECEDING AND INTERVAL '24 hours' PRECEDING
    ) AS slow_before
  FROM counted
),
judged AS ( -- a row: the same, with whether it is one too many
  SELECT
    *,
    CASE WHEN fast > $fast_floor AND fast * 100 > coalesce(fast_before, 0) * $percent THEN 1 ELSE 0 END AS is_fast,
    CASE WHEN slow > $slow_floor AND slow * 100 > coalesce(slow_before, 0) * $percent THEN 1 ELSE 0 END AS is_slow
  FROM remembered
),
placed AS ( -- a row: the same, with whether it is part of what became too many
  SELECT
    *,
    max(is_fast) OVER (
      PARTITION BY principal ORDER BY event_time RANGE BETWEEN CURRENT ROW AND $fast_window FOLLOWING
    ) AS in_fast,
    max(is_slow) OVER (
      PARTITION BY principal ORDER BY event_time RANGE BETWEEN CURRENT ROW AND $slow_window FOLLOWING
    ) AS in_slow,
    max(is_fast) OVER (
      PARTITION BY principal ORDER BY event_time RANGE BETWEEN $slow_window PRECEDING AND $slow_window FOLLOWING
    ) AS near_fast
  FROM judged
),
members AS ( -- a row: one read as part of a harvest; a slow one that holds a fast one is not told twice
  SELECT *, CASE WHEN in_fast = 1 THEN 'fast' ELSE 'slow' END AS pace
  FROM placed
  WHERE in_fast = 1 OR (in_slow = 1 AND near_fast = 0)
),
spaced AS ( -- a row: the same, with the time of the one before it
  SELECT
    *,
    lag(event_time) OVER (PARTITION BY principal, pace ORDER BY event_time, event_id, parameter) AS previous
  FROM members
),
numbered AS ( -- a row: the same, with the number of its harvest: a pause longer than the window begins a new one
  SELECT
    *,
    sum(CASE
      WHEN pace = 'fast' AND event_time <= previous + $fast_window THEN 0
      WHEN pace = 'slow' AND event_time <= previous + $slow_window THEN 0
      ELSE 1
    END) OVER (
      PARTITION BY principal, pace ORDER BY event_time, event_id, parameter ROWS BETWEEN UNBOUNDED PRECEDING
        AND CURRENT ROW
    ) AS harvest
  FROM spaced
),
harvests AS ( -- a row: one harvest
  SELECT
    principal, pace, harvest,
    min(event_time) AS first_at,
    max(event_time) AS last_at,
    max(CASE pace WHEN 'fast' THEN fast ELSE slow END) AS most,
    max(CASE pace WHEN 'fast' THEN fast_before ELSE slow_before END) AS before,
    count(*) AS reads,
    count(DISTINCT parameter) AS parameters,
    count(DISTINCT account_id) AS accounts,
    count(DISTINCT aws_region) AS regions,
    min(account_id) AS account_id,
    min(aws_region) AS aws_region,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    array_sort(array_agg(DISTINCT via)) AS ways,
    array_slice(array_sort(array_agg(DISTINCT parameter_name)), 1, 50) AS parameter_names,
    array_slice(array_sort(array_agg(DISTINCT event_id)), 1, 50) AS event_ids
  FROM numbered
  GROUP BY principal, pace, harvest
),
walked AS ( -- a row: one tree that one call walks or digs up, asking for decrypted values
  SELECT
    principal, actor, event_time, event_id, account_id, aws_region,
    split_part(ltrim(target['name'], '/'), '/', 1) AS tree
  FROM (
    SELECT principal, actor, event_time, event_id, account_id, aws_region, unnest(targets) AS target
    FROM actions
    WHERE event_source = 'ssm.amazonaws.com' AND outcome = 'ok' AND with_decryption AND principal IS NOT NULL
      AND event_name IN ('GetParametersByPath', 'GetParameterHistory')
      AND (identity_type IS DISTINCT FROM 'AWSService')
  )
  WHERE target['kind'] IN ('parameter', 'parameter_path') AND ltrim(target['name'], '/') <> ''
),
walks AS ( -- a row: one day of one principal's walks
  SELECT
    principal, date_trunc('day', event_time) AS day,
    min(event_time) AS first_at,
    max(event_time) AS last_at,
    count(DISTINCT event_id) AS calls,
    count(DISTINCT tree) AS trees,
    count(DISTINCT account_id) AS accounts,
    count(DISTINCT aws_region) AS regions,
    min(account_id) AS account_id,
    min(aws_region) AS aws_region,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    array_slice(array_sort(array_agg(DISTINCT tree)), 1, 50) AS tree_names,
    array_slice(array_sort(array_agg(DISTINCT event_id)), 1, 50) AS event_ids
  FROM walked
  GROUP BY principal, date_trunc('day', event_time)
),
compared_walks AS ( -- a row: the same, with the most trees of a day before
  SELECT
    *,
    max(trees) OVER (
      PARTITION BY principal ORDER BY day RANGE BETWEEN $memory PRECEDING AND INTERVAL '24 hours' PRECEDING
    ) AS before
  FROM walks
),
wide_walks AS ( -- a row: a day with too many, unless a harvest of the same day tells more
  SELECT w.*
  FROM compared_walks w
  LEFT ANTI JOIN harvests h ON h.principal = w.principal AND h.first_at <= w.last_at AND h.last_at >= w.first_at
  WHERE w.trees > $tree_floor AND w.trees * 100 > coalesce(w.before, 0) * $percent
)
SELECT
  concat_ws('|', pace, principal, to_char(first_at, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(parameters, ' different parameters read by ', split_part(principal, '/', -1)) AS title,
  concat(
    principal, ' was given the decrypted values of ', parameters, ' different parameters in ', reads, ' reads (',
    array_to_string(ways, ', '), ')', CASE WHEN regions > 1 THEN concat(' in ', regions, ' regions') ELSE '' END,
    '; at most ', most, CASE pace WHEN 'fast' THEN ' within minutes' ELSE ' within a day' END,
    CASE WHEN before IS NULL THEN '. It has no history to compare with.'
      ELSE concat(', before at most ', before, '.') END
  ) AS summary,
  CASE WHEN accounts = 1 THEN account_id END AS account_id,
  CASE WHEN regions = 1 THEN aws_region END AS aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  CAST(NULL AS VARCHAR) AS secret_name,
  principal, actor,
  first_at AS window_start,
  last_at + INTERVAL '1 second' AS window_end,
  concat(most, ' different parameters ', CASE pace WHEN 'fast' THEN 'within minutes'
    ELSE 'within a day' END) AS observed,
  concat(
    'at most ', greatest(CASE pace WHEN 'fast' THEN $fast_floor ELSE $slow_floor END,
      coalesce(before, 0) * $percent / 100),
    CASE WHEN before IS NULL THEN ' (no baseline yet)' ELSE concat(' (', before, ' before)') END
  ) AS expected,
  event_ids AS evidence,
  named_struct(
    'pace', pace, 'parameters', parameters, 'parameter_names', parameter_names, 'reads', reads, 'ways', ways,
    'accounts', accounts, 'regions', regions, 'before', before
  ) AS detail,
  CASE pace WHEN 'fast' THEN 'high' ELSE 'medium' END AS severity
FROM harvests
UNION ALL
SELECT
  concat_ws('|', 'trees', principal, to_char(day, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(trees, ' trees of parameters asked for by ', split_part(principal, '/', -1)) AS title,
  concat(
    principal, ' asked for the decrypted values of ', trees, ' different trees of parameters in ', calls,
    ' calls by path and history; the trail does not show what they gave out',
    CASE WHEN before IS NULL THEN '. It has no history to compare with.' ELSE concat(', before at most ', before, '.') END
  ) AS summary,
  CASE WHEN accounts = 1 THEN account_id END AS account_id,
  CASE WHEN regions = 1 THEN aws_region END AS aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  CAST(NULL AS VARCHAR) AS secret_name,
  principal, actor,
  day AS window_start,
  day + INTERVAL '1 day' AS window_end,
  concat(trees, ' different trees within a day') AS observed,
  concat(
    'at most ', greatest($tree_floor, coalesce(before, 0) * $percent / 100),
    CASE WHEN before IS NULL THEN ' (no baseline yet)' ELSE concat(' (', before, ' before)') END
  ) AS expected,
  event_ids AS evidence,
  named_struct(
    'pace', 'trees', 'parameters', trees, 'parameter_names', tree_names, 'reads', calls,
    'ways', make_array('history', 'path'), 'accounts', accounts, 'regions', regions, 'before', before
  ) AS detail,
  'low' AS severity
FROM wide_walks
