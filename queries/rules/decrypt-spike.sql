-- id = "decrypt-spike"
-- title = "Decrypts with one key far above their own rhythm"
-- severity = "medium"
-- window = "1h"
-- history = "35d"
-- scope = "principal"
-- attack = ["T1555.006", "T1119"]
-- description = """\
--   One principal decrypted with one key much more often in an hour than in the same hour of earlier weeks (and \
--   the hour before and after it). Counted are the Decrypts that it made itself and those that Parameter Store \
--   made for it; those that Secrets Manager makes for reads of secrets are told by secret-read-spike. High when \
--   the hour is above three times the busiest hour that the pair ever had, medium when it is above the busiest, \
--   low when only the hour is unusual. A pair that is known for less than min_weeks has no rhythm yet: then a \
--   higher floor holds, the severity is low, and the finding says so.\
--   """
-- runbook = [
--   "Look at the encryption contexts of the events: one thing over and over is a loop, many things are a harvest.",
--   "Ask the owner for a backfill, a migration, a deploy or a cache that was turned off in that hour.",
--   "If nobody knows the calls: revoke the role's sessions, and treat what the key encrypts for it as read.",
-- ]
-- benign = [
--   "A backfill or migration that decrypts every row once.",
--   "A cache of data keys that was turned off.",
--   "A crash loop of a service that reads parameters at its start.",
-- ]
-- [parameters.floor]
-- default = 50
-- unit = "Decrypts in an hour"
-- description = "At or below this nothing fires. Applications decrypt more often than they read secrets."
-- [parameters.percent]
-- default = 300
-- unit = "percent of the usual"
-- description = "How far above the same hour of earlier weeks, as for reads of secrets."
-- [parameters.memory]
-- type = "duration"
-- default = "35d"
-- description = "How far back the rhythm is learned: five weeks, so that a monthly job has been seen once."
-- [parameters.min_weeks]
-- default = 2
-- unit = "weeks"
-- description = "How long a pair must be known before it has a rhythm."
-- [parameters.cold_floor]
-- default = 1000
-- unit = "Decrypts in an hour"
-- description = "The floor for a pair without a rhythm: a new service that encrypts its own data may begin eagerly."
WITH counted AS ( -- a row: one hour of one principal's Decrypts with one key
  SELECT
    account_id, aws_region, key_id, principal, date_trunc('hour', event_time) AS hour,
    count(*) AS decrypts,
    count(CASE WHEN is_direct THEN 1 END) AS direct,
    count(DISTINCT context_name) AS things,
    max(key_arn) AS key_arn,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    min(event_id) AS first_id,
    max(event_id) AS last_id
  FROM key_uses
  WHERE event_name = 'Decrypt' AND outcome = 'ok' AND key_arn IS NOT NULL AND principal IS NOT NULL
    AND (is_direct OR context = 'parameter') AND (identity_type IS DISTINCT FROM 'AWSService')
  GROUP BY account_id, aws_region, key_id, principal, date_trunc('hour', event_time)
),
hours AS ( -- a row: the same, and what came before
  SELECT
    *,
    min(hour) OVER (
      PARTITION BY account_id, aws_region, key_id, principal ORDER BY hour
      RANGE BETWEEN $memory PRECEDING AND CURRENT ROW
    ) AS known_since,
    max(decrypts) OVER (
      PARTITION BY account_id, aws_region, key_id, principal ORDER BY hour
      RANGE BETWEEN $memory PRECEDING AND INTERVAL '1 hour' PRECEDING
    ) AS busiest
  FROM counted
),
slots AS ( -- a row: an hour as it counts for the rhythm: for itself, the hour before and the hour after
  SELECT *, unnest(generate_series(hour - INTERVAL '1 hour', hour + INTERVAL '1 hour', INTERVAL '1 hour')) AS slot
  FROM hours
),
compared AS ( -- a row: the same, with the most Decrypts in the same hour of earlier weeks
  SELECT
    *,
    max(decrypts) OVER (
      PARTITION BY account_id, aws_region, key_id, principal, (to_unixtime(slot) / 3600) % 168 ORDER BY slot
      RANGE BETWEEN $memory PRECEDING AND INTERVAL '24 hours' PRECEDING
    ) AS usual
  FROM slots
),
judged AS ( -- a row: one hour with its verdict
  SELECT
    *,
    (to_unixtime(hour) - to_unixtime(known_since)) / 604800 AS weeks_known,
    (to_unixtime(hour) - to_unixtime(known_since)) / 604800 >= $min_weeks AS has_rhythm
  FROM compared
  WHERE slot = hour AND decrypts > least($floor, $cold_floor)
)
SELECT
  concat_ws('|', account_id, aws_region, key_id, principal, to_char(hour, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(decrypts, ' Decrypts with one key in an hour by ', split_part(principal, '/', -1)) AS title,
  concat(
    principal, ' decrypted ', decrypts, ' times with the key ', key_id, ' in one hour, ', direct, ' of them itself; ',
    CASE
      WHEN NOT has_rhythm THEN concat('it is known for ', weeks_known, ' weeks, so there is no rhythm to compare with')
      WHEN decrypts > coalesce(busiest, 0) THEN concat('the busiest hour before had ', coalesce(busiest, 0),
        ', the same hour of earlier weeks at most ', coalesce(usual, 0))
      ELSE concat('the same hour of earlier weeks had at most ', coalesce(usual, 0), ', though busier hours (',
        busiest, ') have been')
    END, '.'
  ) AS summary,
  account_id, aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  CAST(NULL AS VARCHAR) AS secret_name,
  principal, actor,
  hour AS window_start,
  hour + INTERVAL '1 hour' AS window_end,
  concat(decrypts, ' Decrypts in the hour') AS observed,
  CASE
    WHEN has_rhythm THEN concat('at most ', greatest($floor, coalesce(usual, 0) * $percent / 100), ' (',
      coalesce(usual, 0), ' in the same hour of the last ', weeks_known, ' weeks)')
    ELSE concat('no baseline yet: ', weeks_known, ' weeks seen; at most ', $cold_floor)
  END AS expected,
  array_sort(array_distinct(make_array(first_id, last_id))) AS evidence,
  named_struct(
    'key_id', key_id, 'key_arn', key_arn, 'decrypts', decrypts, 'direct', direct, 'named_things', things,
    'usual', usual, 'busiest_before', busiest, 'weeks_known', weeks_known
  ) AS detail,
  CASE
    WHEN NOT has_rhythm OR decrypts <= coalesce(busiest, 0) THEN 'low'
    WHEN decrypts * 100 > coalesce(busiest, 0) * $percent THEN 'high'
    ELSE 'medium'
  END AS severity
FROM judged
WHERE (has_rhythm AND decrypts > $floor AND decrypts * 100 > coalesce(usual, 0) * $percent)
   OR (NOT has_rhythm AND decrypts > $cold_floor AND decrypts * 100 > coalesce(busiest, 0) * $percent)
