-- id = "trail-silent"
-- title = "Nothing is heard from an account and region that used to send"
-- severity = "high"
-- window = "1d"
-- history = "22d"
-- attack = ["T1562.008"]
-- description = """\
--   No event at all came from an account and region for longer than its own rhythm explains. The rhythm is the second \
--   longest silence of those days within memory (the longest may have been an outage), so that nights, weekends and \
--   regions that hardly send are told from a trail that went dark; never less than the heartbeat. The deadline is \
--   twice that. Nothing by then is the finding, and what happens after it erases nothing; an event that happened \
--   before it, however late it arrives, withdraws it. It is over (resolved_at) with the next event. Medium for those \
--   that never sent much. Account and region are those that the records were delivered to and made in.\
--   """
-- runbook = [
--   "One region, or all? All: look at the feed first (snowtrail doctor): queue, bucket notification, worker.",
--   "One: is the trail logging there (get-trail-status, latest delivery time), does its bucket policy still let it write?",
--   "Look at the last events before the silence (findings of trail-blinded and pipeline-attacked, hunt what-did-principal-touch).",
--   "Event history in the account itself keeps 90 days, whatever became of the trail.",
-- ]
-- benign = [
--   "An account or region that was given up.",
--   "A holiday in a region where only people work.",
--   "An outage of delivery: CloudTrail repeats for 30 days, and the finding is then withdrawn by itself.",
-- ]
-- [parameters.heartbeat]
-- type = "duration"
-- default = "1h"
-- description = "No silence shorter than this counts, where the policy's [trail] sets no heartbeat."
-- [parameters.tolerance]
-- default = 200
-- unit = "percent of the usual longest silence"
-- description = "How much longer than usual. At 200 a sender whose events are pure chance is suspected less than once a year."
-- [parameters.memory]
-- type = "duration"
-- default = "21d"
-- description = "The days before a silence that say what is usual: three weekends."
-- [parameters.warm_up]
-- type = "duration"
-- default = "14d"
-- description = "Since when it must have been heard: two weekends, so that the second longest silence is one too."
-- [parameters.min_minutes]
-- default = 100
-- unit = "minutes with events within memory"
-- description = "Who was heard less often than that has none either."
-- [parameters.delivery]
-- type = "duration"
-- default = "20m"
-- description = "How long after the deadline the word is given: CloudTrail takes some minutes to deliver."
WITH minutes AS ( -- a row: one minute in which an account and region was heard
  SELECT
    account_id, aws_region, date_trunc('minute', event_time) AS minute,
    min(event_time) AS first_at,
    max(event_time) AS last_at,
    max(event_id) AS event_id
  FROM events
  GROUP BY account_id, aws_region, date_trunc('minute', event_time)
),
gaps AS ( -- a row: one silence between two minutes, the last one still going on
  SELECT
    account_id, aws_region, event_id,
    date_trunc('day', last_at) AS day,
    last_at AS since,
    lead(first_at) OVER (PARTITION BY account_id, aws_region ORDER BY minute) AS ended_at
  FROM minutes
),
measured AS ( -- a row: the same, with its length
  SELECT *, to_unixtime(coalesce(ended_at, $now)) - to_unixtime(since) AS seconds
  FROM gaps
),
days AS ( -- a row: one day on which an account and region was heard, and its longest silence that came to an end
  SELECT account_id, aws_region, day, max(seconds) AS longest, count(*) AS minutes
  FROM measured
  WHERE ended_at IS NOT NULL
  GROUP BY account_id, aws_region, day
),
floors AS ( -- one row: the shortest silence that counts, in seconds
  SELECT coalesce(max(CAST(value AS BIGINT)), to_unixtime($now) - to_unixtime($now - $heartbeat)) AS heartbeat
  FROM policy_trail
  WHERE kind = 'heartbeat'
),
weighed AS ( -- a row: one silence that is longer, and what was usual in the days before
  SELECT
    m.account_id, m.aws_region, m.since, m.ended_at, m.seconds, m.event_id, f.heartbeat,
    array_sort(array_agg(d.longest), 'DESC', 'NULLS LAST')[2] AS usual,
    count(*) AS days,
    sum(d.minutes) AS minutes
  FROM measured m
  CROSS JOIN floors f
  JOIN days d
    ON d.account_id = m.account_id AND d.aws_region = m.aws_region AND d.day < m.day AND d.day >= m.day - $memory
  WHERE m.seconds > f.heartbeat
  GROUP BY m.account_id, m.aws_region, m.since, m.ended_at, m.seconds, m.event_id, f.heartbeat, m.day
  HAVING min(d.day) <= m.day - $warm_up
),
judged AS ( -- a row: the same, with how long it may last
  SELECT *, greatest(heartbeat, usual * $tolerance / 100) AS allowed
  FROM weighed
  WHERE minutes >= $min_minutes
),
silences AS ( -- a row: one silence beyond its deadline
  SELECT
    *,
    arrow_cast(to_timestamp_seconds(to_unixtime(since) + allowed), 'Timestamp(Microsecond, Some("UTC"))') AS deadline
  FROM judged
  WHERE seconds > allowed
)
SELECT
  concat_ws('|', account_id, aws_region, to_char(since, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat('Silence from ', account_id, ' in ', aws_region) AS title,
  concat(
    'Nothing was heard from account ', account_id, ' in ', aws_region, ' after ', to_char(since, '%Y-%m-%d %H:%M:%S'),
    ' UTC. It was heard on ', days, ' days before, and was hardly ever silent for more than ', usual / 60, ' minutes.',
    CASE WHEN ended_at IS NOT NULL THEN concat(' It was heard again at ', to_char(ended_at, '%Y-%m-%d %H:%M:%S'),
      ' UTC.') ELSE '' END
  ) AS summary,
  account_id, aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  CAST(NULL AS VARCHAR) AS secret_name,
  CAST(NULL AS VARCHAR) AS principal,
  CAST(NULL AS VARCHAR) AS actor,
  since AS window_start,
  deadline AS window_end,
  concat('no event for more than ', allowed / 60, ' minutes') AS observed,
  concat('one at least every ', usual / 60, ' minutes, by its own rhythm') AS expected,
  make_array(event_id) AS evidence,
  named_struct(
    'since', since, 'deadline', deadline, 'usual_seconds', usual, 'allowed_seconds', allowed, 'heartbeat_seconds',
    heartbeat,
    'days_heard', days, 'minutes_heard', minutes, 'resolved_at', to_char(ended_at, '%Y-%m-%dT%H:%M:%SZ')
  ) AS detail,
  CASE WHEN minutes >= 10 * $min_minutes THEN 'high' ELSE 'medium' END AS severity
FROM silences
WHERE ended_at IS NOT NULL OR deadline + $delivery <= $now
