-- id = "secret-read-spike"
-- title = "Reads of one secret far above its own rhythm"
-- severity = "high"
-- window = "1h"
-- history = "35d"
-- scope = "principal"
-- attack = ["T1555.006"]
-- description = """\
--   One principal read one secret much more often in an hour than it did in the same hour of earlier weeks (and in the \
--   hour before and after it, so that a job that slips by minutes, or a change of clocks, is no news). High when the \
--   hour is also above the busiest hour that the pair ever had; otherwise only the hour is unusual. A pair that is known \
--   for less than min_weeks has no rhythm yet: then a higher floor holds, and the finding says so. Where each of many \
--   sessions read once or twice, and none came from an address of its own making (each has another address, or all \
--   addresses were used before), a service grows or starts again: low.\
--   """
-- runbook = [
--   "Look at the actor and the source addresses of the events: one session or many tasks?",
--   "Ask the owner for a deploy, a scale-out or a crash loop in that hour.",
--   "If nobody knows the reads: revoke the role's sessions, rotate the secret, then look for the same actor elsewhere.",
-- ]
-- benign = [
--   "A crash loop: each start reads the secret again; the reads come from many tasks.",
--   "A cache that was switched off, or a new release that reads per request.",
--   "A load test or a scale-out beyond anything seen before.",
-- ]
-- [parameters.floor]
-- per_secret = true
-- default = 20
-- unit = "reads in an hour"
-- description = "At or below this nothing fires, whatever the rhythm: a restart of a few tasks is not worth a page."
-- [parameters.percent]
-- per_secret = true
-- default = 300
-- unit = "percent of the usual"
-- description = "How far above the same hour of earlier weeks. A deploy doubles the reads of an hour; three times is more than that."
-- [parameters.memory]
-- type = "duration"
-- default = "35d"
-- description = "How far back the rhythm is learned: five weeks, so that a monthly job has been seen once."
-- [parameters.min_weeks]
-- default = 2
-- unit = "weeks"
-- description = "How long a pair must be known before it has a rhythm; with one week a single odd hour would be the rule."
-- [parameters.reads_per_session]
-- default = 2
-- unit = "reads by each session on average"
-- description = "Up to this many a spike over many sessions is a scale-out: a task reads a secret when it starts, and once more if its first start fails."
-- [parameters.cold_floor]
-- per_secret = true
-- default = 100
-- unit = "reads in an hour"
-- description = "The floor for a pair without a rhythm: a new service may read eagerly, but hardly every half minute."
WITH own AS ( -- a row: one secret whose contract sets parameters of its own
  SELECT
    account_id, aws_region, secret_name,
    max(CASE WHEN name = 'floor' THEN value END) AS floor,
    max(CASE WHEN name = 'percent' THEN value END) AS percent,
    max(CASE WHEN name = 'cold_floor' THEN value END) AS cold_floor
  FROM policy_parameters
  WHERE rule = 'secret-read-spike'
  GROUP BY account_id, aws_region, secret_name
),
hours AS ( -- a row: one hour of one principal's ordinary reads of one secret, and what came before
  SELECT
    *,
    min(hour) OVER (
      PARTITION BY account_id, aws_region, secret_name, principal ORDER BY hour
      RANGE BETWEEN $memory PRECEDING AND CURRENT ROW
    ) AS known_since,
    max(reads) OVER (
      PARTITION BY account_id, aws_region, secret_name, principal ORDER BY hour
      RANGE BETWEEN $memory PRECEDING AND INTERVAL '1 hour' PRECEDING
    ) AS busiest
  FROM activity
  WHERE reads > 0
),
slots AS ( -- a row: an hour as it counts for the rhythm: for itself, the hour before and the hour after
  SELECT *, unnest(generate_series(hour - INTERVAL '1 hour', hour + INTERVAL '1 hour', INTERVAL '1 hour')) AS slot
  FROM hours
),
placed AS ( -- a row: the same, with its hour of the week, 0 to 167
  SELECT *, (to_unixtime(slot) / 3600) % 168 AS hour_of_week
  FROM slots
),
compared AS ( -- a row: the same, with the most reads in the same hour of earlier weeks
  SELECT
    *,
    max(reads) OVER (
      PARTITION BY account_id, aws_region, secret_name, principal, hour_of_week ORDER BY slot
      RANGE BETWEEN $memory PRECEDING AND INTERVAL '24 hours' PRECEDING
    ) AS usual
  FROM placed
),
bounded AS ( -- a row: the same, for the hour itself, with the bounds that hold for its secret
  SELECT
    c.*, coalesce(o.floor, $floor) AS floor, coalesce(o.percent, $percent) AS percent,
    coalesce(o.cold_floor, $cold_floor) AS cold_floor
  FROM compared c
  LEFT JOIN own o
    ON o.account_id = c.account_id AND o.aws_region = c.aws_region AND o.secret_name = c.secret_name
  WHERE c.slot = c.hour
),
judged AS ( -- a row: one hour with its verdict
  SELECT
    c.*,
    (to_unixtime(c.hour) - to_unixtime(c.known_since)) / 604800 AS weeks_known,
    (to_unixtime(c.hour) - to_unixtime(c.known_since)) / 604800 >= $min_weeks AS has_rhythm,
    c.reads > coalesce(c.busiest, 0) AS is_busiest
  FROM bounded c
  WHERE c.reads > least(c.floor, c.cold_floor)
),
told AS ( -- a row: one hour that is too much
  SELECT *
  FROM judged
  WHERE (has_rhythm AND reads > floor AND reads * 100 > coalesce(usual, 0) * percent)
     OR (NOT has_rhythm AND reads > cold_floor AND reads * 100 > coalesce(busiest, 0) * percent)
),
visits AS ( -- a row: what one session read from one address in such an hour
  SELECT
    t.account_id, t.aws_region, t.secret_name, t.principal, t.hour, coalesce(r.actor, '') AS actor,
    coalesce(r.source_ip, '') AS source_ip
  FROM told t
  JOIN reads r
    ON r.account_id = t.account_id AND r.aws_region = t.aws_region AND r.secret_name = t.secret_name
    AND r.principal = t.principal AND date_trunc('hour', r.event_time) = t.hour
  WHERE r.rotation IS NULL
  GROUP BY
    t.account_id, t.aws_region, t.secret_name, t.principal, t.hour, coalesce(r.actor, ''), coalesce(r.source_ip, '')
),
old_addresses AS ( -- a row: an address from which a principal had read before, on an earlier day
  SELECT DISTINCT v.principal, v.hour, v.source_ip
  FROM (SELECT DISTINCT principal, hour, source_ip FROM visits) v
  JOIN reads r ON r.principal = v.principal AND r.source_ip = v.source_ip
  WHERE r.event_time < date_trunc('day', v.hour) AND r.event_time >= v.hour - $memory
),
sessions AS ( -- a row: such an hour, and how many sessions and addresses it had
  SELECT
    v.account_id, v.aws_region, v.secret_name, v.principal, v.hour,
    count(DISTINCT v.actor) AS sessions,
    count(DISTINCT v.source_ip) AS addresses,
    count(DISTINCT CASE WHEN o.source_ip IS NULL THEN v.source_ip END) AS new_addresses
  FROM visits v
  LEFT JOIN old_addresses o ON o.principal = v.principal AND o.hour = v.hour AND o.source_ip = v.source_ip
  GROUP BY v.account_id, v.aws_region, v.secret_name, v.principal, v.hour
),
weighed AS ( -- a row: such an hour, and whether many sessions explain it
  SELECT
    t.*, s.sessions, s.addresses,
    coalesce(
      s.sessions > t.floor / $reads_per_session AND t.reads <= s.sessions * $reads_per_session
      AND (s.new_addresses = 0 OR s.addresses * 2 >= s.sessions), false
    ) AS is_scale_out
  FROM told t
  LEFT JOIN sessions s
    ON s.account_id = t.account_id AND s.aws_region = t.aws_region AND s.secret_name = t.secret_name
    AND s.principal = t.principal AND s.hour = t.hour
)
SELECT
  concat_ws('|', j.account_id, j.aws_region, j.secret_name, j.principal, to_char(j.hour, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(j.reads, ' reads of ', j.secret_name, ' in an hour') AS title,
  concat(
    j.principal, ' read ', j.secret_name, ' ', j.reads, ' times in one hour; ',
    CASE
      WHEN NOT j.has_rhythm THEN concat('it is known for ', j.weeks_known, ' weeks, so there is no rhythm to compare with')
      WHEN j.is_busiest THEN concat('the busiest hour before had ', coalesce(j.busiest, 0), ', the same hour of earlier weeks at most ', coalesce(j.usual, 0))
      ELSE concat('the same hour of earlier weeks had at most ', coalesce(j.usual, 0), ', though busier hours (', j.busiest, ') have been')
    END,
    CASE WHEN j.is_scale_out THEN concat('; ', j.sessions, ' sessions from ', j.addresses, ' addresses read once or twice each, as tasks do that start') ELSE '' END
  ) AS summary,
  j.account_id, j.aws_region, j.secret_arn, j.secret_name, j.principal, j.only_actor AS actor,
  j.hour AS window_start,
  j.hour + INTERVAL '1 hour' AS window_end,
  concat(j.reads, ' reads in the hour') AS observed,
  CASE
    WHEN j.has_rhythm THEN concat('at most ', greatest(j.floor, coalesce(j.usual, 0) * j.percent / 100), ' (', coalesce(j.usual, 0), ' in the same hour of the last ', j.weeks_known, ' weeks)')
    ELSE concat('no baseline yet: ', j.weeks_known, ' weeks seen; at most ', j.cold_floor)
  END AS expected,
  j.event_ids AS evidence,
  named_struct(
    'reads', j.reads, 'usual', j.usual, 'busiest_before', j.busiest, 'weeks_known', j.weeks_known,
    'rotation_reads', j.rotation_reads, 'sessions', j.sessions, 'addresses', j.addresses, 'scale_out', j.is_scale_out,
    'owner', p.owner
  ) AS detail,
  CASE
    WHEN NOT j.has_rhythm OR j.is_scale_out THEN 'low'
    WHEN NOT j.is_busiest AND p.sensitivity IN ('high', 'critical') THEN 'medium'
    WHEN NOT j.is_busiest THEN 'low'
    WHEN p.sensitivity = 'low' THEN 'medium'
    ELSE 'high'
  END AS severity
FROM weighed j
LEFT JOIN policy_secrets p
  ON p.account_id = j.account_id AND p.aws_region = j.aws_region AND p.secret_name = j.secret_name
