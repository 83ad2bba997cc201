-- id = "secret-read-breadth"
-- title = "One principal reads many different secrets"
-- severity = "high"
-- window = "1d"
-- history = "37d"
-- scope = "principal"
-- attack = ["T1555.006", "T1119"]
-- description = """\
--   One principal was given the values of unusually many different secrets: within minutes (fast, high) or within a day \
--   (slow, medium: somebody who keeps below every rate is found by the sum). Counted over all of its sessions, regions, \
--   batch calls and calls by filter; a secret and its replicas are one. Compared with what the same principal did \
--   before, if it did anything. Up to twice the floor it is low while the \
--   lake is too young to know habits; and where the lake has not seen the principal read before, and the contracts name it as a reader of all that it read. What a rotation's worker reads of the secrets that it rotates does not count.\
--   """
-- runbook = [
--   "Look at the list of secrets: do they belong to one service, or to everybody?",
--   "Check who assumed the role before the first read, and from where (hunt what-did-principal-touch).",
--   "If it is no deploy, backup or inventory that somebody can name: revoke its sessions and rotate every secret listed.",
-- ]
-- benign = [
--   "A new service that needs many secrets at its first start.",
--   "A backup, migration or audit tool that reads everything once.",
--   "An infrastructure-as-code run that refreshes all secrets it manages.",
-- ]
-- [parameters.fast_floor]
-- default = 10
-- unit = "different secrets"
-- description = "Up to this many within fast_window are normal: few services need more than ten secrets to start."
-- [parameters.fast_window]
-- type = "duration"
-- default = "10m"
-- description = "A script that loops over a list of secrets takes minutes, not hours."
-- [parameters.slow_floor]
-- default = 20
-- unit = "different secrets"
-- description = "Up to this many within slow_window are normal."
-- [parameters.slow_window]
-- type = "duration"
-- default = "24h"
-- description = "A day, so that a reader that pauses between secrets, or works through the night, still adds up. At most a day: older behaviour is what it is compared with."
-- [parameters.percent]
-- default = 200
-- unit = "percent of the principal's own"
-- description = "How far above what the same principal did before: services grow by a secret or two, not to the double."
-- [parameters.memory]
-- type = "duration"
-- default = "35d"
-- description = "How far back the principal's own behaviour is learned: longer than a month, so that a monthly job has a precedent."
-- [parameters.maturity]
-- type = "duration"
-- default = "14d"
-- description = "How old the lake must be before somewhat more than the floor is an alarm: in the first days each nightly job and each deploy is new."
WITH ordinary AS ( -- a row: one read that is no rotation of the secret read
  SELECT
    principal, actor, event_time, event_id, aws_region, rotation,
    account_id, secret_name, concat_ws('|', account_id, secret_name) AS family
  FROM reads
  WHERE (rotation IS DISTINCT FROM 'own') AND (identity_type IS DISTINCT FROM 'AWSService') AND principal IS NOT NULL
),
named AS ( -- a row: one secret, and one principal that its contract names as a reader
  SELECT DISTINCT account_id, secret_name, principal
  FROM policy_principals
  WHERE role = 'reader'
),
counted AS ( -- a row: the same, with the number of different secrets that its principal read up to it
  SELECT
    *,
    count(DISTINCT family) OVER (
      PARTITION BY principal ORDER BY event_time RANGE BETWEEN $fast_window PRECEDING AND CURRENT ROW
    ) AS fast,
    count(DISTINCT family) OVER (
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
  SELECT *, unnest(make_array(CASE WHEN in_fast = 1 THEN 'fast' END, CASE WHEN in_slow = 1 AND near_fast = 0 THEN 'slow' END)) AS pace
  FROM placed
  WHERE in_fast = 1 OR (in_slow = 1 AND near_fast = 0)
),
spaced AS ( -- a row: the same, with the time of the one before it
  SELECT
    *,
    lag(event_time) OVER (PARTITION BY principal, pace ORDER BY event_time, event_id, family) AS previous
  FROM members
  WHERE pace IS NOT NULL
),
numbered AS ( -- a row: the same, with the number of its harvest: a pause longer than the window begins a new one
  SELECT
    *,
    sum(CASE
      WHEN pace = 'fast' AND event_time <= previous + $fast_window THEN 0
      WHEN pace = 'slow' AND event_time <= previous + $slow_window THEN 0
      ELSE 1
    END) OVER (
      PARTITION BY principal, pace ORDER BY event_time, event_id, family ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS harvest
  FROM spaced
),
harvests AS ( -- a row: one harvest
  SELECT
    m.principal, m.pace, m.harvest,
    count(n.principal) = count(*) AS is_declared,
    min(event_time) AS first_at,
    max(event_time) AS last_at,
    max(CASE pace WHEN 'fast' THEN fast ELSE slow END) AS most,
    max(CASE pace WHEN 'fast' THEN fast_before ELSE slow_before END) AS before,
    count(*) AS reads,
    count(DISTINCT family) AS families,
    count(DISTINCT m.account_id) AS accounts,
    count(DISTINCT aws_region) AS regions,
    min(m.account_id) AS account_id,
    min(aws_region) AS aws_region,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    count(DISTINCT actor) AS actors,
    array_slice(array_sort(array_agg(DISTINCT m.secret_name)), 1, 50) AS secret_names,
    array_slice(array_sort(array_agg(DISTINCT event_id)), 1, 50) AS event_ids
  FROM numbered m
  LEFT JOIN named n ON n.account_id = m.account_id AND n.secret_name = m.secret_name AND n.principal = m.principal
  GROUP BY m.principal, m.pace, m.harvest
),
judged_harvests AS ( -- a row: the same, and whether somebody without history may be new to the lake only, or is expected
  SELECT h.*, (h.before IS NULL AND h.is_declared)
      OR (a.day > h.first_at - $maturity AND h.most <= 2 * CASE h.pace WHEN 'fast' THEN $fast_floor ELSE $slow_floor END)
      AS is_excused
  FROM harvests h
  CROSS JOIN beginning a
)
SELECT
  concat_ws('|', pace, principal, to_char(first_at, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(families, ' different secrets read by ', split_part(principal, '/', -1)) AS title,
  concat(
    principal, ' read ', families, ' different secrets in ', reads, ' reads',
    CASE WHEN actors > 1 THEN concat(' by ', actors, ' actors') ELSE '' END,
    CASE WHEN regions > 1 THEN concat(' in ', regions, ' regions') ELSE '' END,
    '; at most ', most, CASE pace WHEN 'fast' THEN ' within minutes' ELSE ' within a day' END,
    CASE
      WHEN before IS NULL AND is_declared THEN '. It has no history to compare with, and the contracts name it as a reader of them all.'
      WHEN before IS NULL THEN '. It has no history to compare with.'
      ELSE concat(', before at most ', before, '.')
    END
  ) AS summary,
  CASE WHEN accounts = 1 THEN account_id END AS account_id,
  CASE WHEN regions = 1 THEN aws_region END AS aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  CAST(NULL AS VARCHAR) AS secret_name,
  principal, actor,
  first_at AS window_start,
  last_at + INTERVAL '1 second' AS window_end,
  concat(most, ' different secrets ', CASE pace WHEN 'fast' THEN 'within minutes' ELSE 'within a day' END) AS observed,
  concat(
    'at most ', greatest(CASE pace WHEN 'fast' THEN $fast_floor ELSE $slow_floor END, coalesce(before, 0) * $percent / 100),
    CASE WHEN before IS NULL THEN ' (no baseline yet)' ELSE concat(' (', before, ' before)') END
  ) AS expected,
  event_ids AS evidence,
  named_struct(
    'pace', pace, 'secrets', families, 'secret_names', secret_names, 'reads', reads, 'actors', actors,
    'accounts', accounts, 'regions', regions, 'before', before, 'all_declared', is_declared
  ) AS detail,
  CASE WHEN is_excused THEN 'low' WHEN pace = 'fast' THEN 'high' ELSE 'medium' END AS severity
FROM judged_harvests
