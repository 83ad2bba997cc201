-- id = "read-after-blinding"
-- title = "The trail was blinded, and a secret was read"
-- severity = "critical"
-- window = "1h"
-- history = "36d"
-- scope = "all"
-- attack = ["T1562.008", "T1555.006"]
-- description = """\
--   A story: CloudTrail was stopped, deleted or narrowed, and within minutes, before or after, a secret was given to \
--   whoever did it, to \
--   somebody at the same address, or to a principal that had not read it within memory and that no contract names. What \
--   was read in the dark is seen because another trail, Event history or a late log shows it; there may be more. One \
--   finding for each call and reader, with the first read.\
--   """
-- runbook = [
--   "Turn the trail on again first; then read Event history for the dark time, which no trail's settings hide.",
--   "Revoke the sessions of whoever blinded it and of whoever read.",
--   "Rotate every secret that either of them may read, not only those listed.",
-- ]
-- benign = [
--   "A run of infrastructure as code that replaces a trail and reads secrets in the same minutes.",
--   "An account that is being taken down.",
-- ]
-- [parameters.within]
-- type = "duration"
-- default = "15m"
-- description = "How far the read is from the call. Nobody blinds a trail for something planned for tomorrow, nor to hide what was read yesterday."
-- [parameters.memory]
-- type = "duration"
-- default = "35d"
-- description = "Who has read the secret within this before is known, and reads it for its own reasons."
-- [parameters.maturity]
-- type = "duration"
-- default = "14d"
-- description = "How old the lake must be before somebody who had not read the secret is a stranger; a shorter past proves less than memory, but who blinds a trail proves enough."
WITH calls AS ( -- a row: one call that may blind a trail
  SELECT
    event_id, event_time, event_name, principal, source_ip, coalesce(first_target, 'unknown') AS trail_name, event_selectors,
    truncated, trail_is_multi_region
  FROM actions
  WHERE event_source = 'cloudtrail.amazonaws.com' AND outcome = 'ok'
    AND event_name IN (
      'StopLogging', 'DeleteTrail', 'DeleteEventDataStore', 'StopEventDataStoreIngestion', 'PutEventSelectors', 'UpdateTrail'
    )
),
selectors AS ( -- a row: one selector of a call
  SELECT event_id, unnest(event_selectors) AS selector
  FROM calls
  WHERE event_name = 'PutEventSelectors' AND coalesce(cardinality(event_selectors), 0) > 0
),
conditions AS ( -- a row: one condition of an advanced selector
  SELECT event_id, unnest(selector['fields']) AS condition
  FROM selectors
  WHERE selector['form'] = 'advanced'
),
-- Which examples a selector loses is the rule trail-blinded's to say; here any condition beside the category, or a
-- basic selector that leaves something out, makes a call worth a story once a stranger's read follows.
narrowed AS ( -- a row: a call whose selectors leave something out
  SELECT DISTINCT event_id
  FROM selectors
  WHERE selector['form'] = 'basic'
    AND (
      (selector['include_management_events'] IS NOT DISTINCT FROM false)
      OR coalesce(selector['read_write_type'], 'All') <> 'All'
      OR coalesce(cardinality(selector['excluded_sources']), 0) > 0
    )
  UNION
  SELECT DISTINCT event_id
  FROM conditions
  WHERE condition['field'] <> 'eventCategory'
    OR (condition['field'] = 'eventCategory' AND NOT array_has(condition['values'], 'Management'))
),
blindings AS ( -- a row: one call that blinds
  SELECT c.event_id, c.event_time, c.event_name, c.principal, c.source_ip, c.trail_name
  FROM calls c
  LEFT JOIN narrowed n ON n.event_id = c.event_id
  WHERE c.event_name IN ('StopLogging', 'DeleteTrail', 'DeleteEventDataStore', 'StopEventDataStoreIngestion')
    OR n.event_id IS NOT NULL
    OR (c.event_name = 'PutEventSelectors' AND c.truncated AND coalesce(cardinality(c.event_selectors), 0) = 0)
    OR (c.event_name = 'UpdateTrail' AND c.trail_is_multi_region = false)
),
minutes AS ( -- a row: a minute that lies within the time around a call
  SELECT *, unnest(generate_series(date_trunc('minute', event_time - $within), date_trunc('minute', event_time + $within), INTERVAL '1 minute')) AS minute
  FROM blindings
),
placed AS ( -- a row: one read, with its reader's one before it
  SELECT
    account_id, aws_region, secret_name, principal, actor, event_time, event_id, source_ip,
    date_trunc('minute', event_time) AS minute,
    lag(event_time) OVER (PARTITION BY account_id, secret_name, principal ORDER BY event_time, event_id) AS previous
  FROM reads
  WHERE principal IS NOT NULL AND rotation IS NULL AND (identity_type IS DISTINCT FROM 'AWSService')
),
named AS ( -- a row: one principal that the contract names
  SELECT DISTINCT account_id, secret_name, principal
  FROM policy_principals
  WHERE role IN ('reader', 'break_glass', 'rotator')
),
followed AS ( -- a row: one read in the dark or just before it, by whoever made it dark or by a stranger
  SELECT
    m.event_time AS blinded_at, m.event_name AS call, m.trail_name, m.principal AS blinded_by, m.event_id AS call_event,
    r.account_id, r.aws_region, r.secret_name, r.principal, r.actor, r.event_time, r.event_id, r.source_ip,
    r.principal = m.principal AS is_same,
    coalesce(r.source_ip = m.source_ip, false) AS is_same_address
  FROM minutes m
  JOIN placed r ON r.minute = m.minute
  LEFT JOIN named n ON n.account_id = r.account_id AND n.secret_name = r.secret_name AND n.principal = r.principal
  WHERE r.event_time >= m.event_time - $within AND r.event_time <= m.event_time + $within
    AND (
      r.principal = m.principal OR r.source_ip = m.source_ip
      OR ((r.previous IS NULL OR r.event_time > r.previous + $memory) AND n.principal IS NULL)
    )
),
stories AS ( -- a row: one call and one reader
  SELECT
    blinded_at, call, trail_name, principal,
    min(event_time) AS first_at,
    max(event_time) AS last_at,
    count(DISTINCT event_id) AS reads,
    count(DISTINCT concat_ws('|', account_id, secret_name)) AS secrets,
    count(DISTINCT account_id) AS accounts,
    count(DISTINCT aws_region) AS regions,
    min(account_id) AS account_id,
    min(aws_region) AS aws_region,
    min(secret_name) AS only_secret,
    bool_or(is_same) AS is_same,
    bool_or(is_same_address) AS is_same_address,
    min(blinded_by) AS blinded_by,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    array_slice(array_sort(array_agg(DISTINCT secret_name)), 1, 50) AS secret_names,
    array_slice(array_sort(array_distinct(array_concat(array_agg(event_id), array_agg(call_event)))), 1, 50) AS event_ids
  FROM followed
  GROUP BY blinded_at, call, trail_name, principal
)
SELECT
  concat_ws('|', s.trail_name, s.call, to_char(s.blinded_at, '%Y-%m-%dT%H:%M:%SZ'), s.principal, to_char(s.first_at, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(s.call, CASE WHEN s.first_at < s.blinded_at THEN ', and before it ' ELSE ', and then ' END, split_part(s.principal, '/', -1), ' read ', CASE s.secrets WHEN 1 THEN s.only_secret ELSE concat(s.secrets, ' secrets') END) AS title,
  concat(
    coalesce(s.blinded_by, 'somebody'), ' called ', s.call, ' on ', s.trail_name, ' at ', to_char(s.blinded_at, '%Y-%m-%d %H:%M:%S'),
    ' UTC; ', s.principal, ' read ', s.secrets, CASE s.secrets WHEN 1 THEN ' secret' ELSE ' secrets' END, ' from ',
    to_char(s.first_at, '%H:%M:%S'), ' UTC on. ',
    CASE
      WHEN s.is_same THEN 'Both are the same principal.'
      WHEN s.is_same_address THEN 'Both came from the same address.'
      ELSE 'The reader had not read it within memory.'
    END
  ) AS summary,
  CASE WHEN s.accounts = 1 THEN s.account_id END AS account_id,
  CASE WHEN s.regions = 1 THEN s.aws_region END AS aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  CASE WHEN s.secrets = 1 THEN s.only_secret END AS secret_name,
  s.principal, s.actor,
  s.blinded_at AS window_start,
  greatest(s.last_at, s.blinded_at) + INTERVAL '1 second' AS window_end,
  concat(s.reads, CASE s.reads WHEN 1 THEN ' read' ELSE ' reads' END, ', the first ', abs(to_unixtime(s.first_at) - to_unixtime(s.blinded_at)), CASE WHEN s.first_at < s.blinded_at THEN ' seconds before ' ELSE ' seconds after ' END, s.call) AS observed,
  'a trail that nobody blinds, or no new reader while it is' AS expected,
  s.event_ids AS evidence,
  named_struct(
    'members', make_array('trail-blinded', 'first-seen-reader', 'unexpected-reader', 'secret-read-breadth'),
    'trail', s.trail_name, 'call', s.call, 'blinded_at', s.blinded_at, 'blinded_by', s.blinded_by, 'read_at', s.first_at,
    'reads', s.reads, 'secrets', s.secrets, 'secret_names', s.secret_names, 'same_principal', s.is_same,
    'same_address', s.is_same_address
  ) AS detail,
  CASE WHEN s.is_same OR s.is_same_address THEN 'critical' ELSE 'high' END AS severity
FROM stories s
CROSS JOIN beginning a
WHERE s.is_same OR s.is_same_address OR s.blinded_at >= a.day + $maturity
