-- id = "off-hours-read"
-- title = "A person read a secret at an hour that is not theirs"
-- severity = "medium"
-- window = "1d"
-- history = "37d"
-- scope = "principal"
-- attack = ["T1078.004", "T1555.006"]
-- description = """\
--   A person (a role of IAM Identity Center, a user in the console, or whom [[humans]] names) was given a secret's value \
--   outside the organization's working hours, on a weekend or on a holiday, and at an hour at which this person is not \
--   used to work. Whose hours of work before lie around this time of the day for a good part works in another time zone, or \
--   at night: told only at weekends, low. Somebody who is not known well enough is judged by those who share the role: \
--   low, if they work at this hour, as it is where a handful of hours are known and some of them lie around this one. While the lake is too young to know anybody all is low, and the finding says so. \
--   Services keep no hours and do not count, nor do calls that a service made on the person's behalf. One finding for \
--   each person's role, secret and day. High for sensitive secrets; low, as a report, where the contract grants \
--   break-glass. Without [organization] in the policy the hours are 08:00 to 18:00 UTC, which may not be yours.\
--   """
-- runbook = [
--   "Ask the person, by another channel than the account that read: was it you?",
--   "Look for the incident or change that explains it.",
--   "If nobody was at work: treat the person's credentials as stolen, revoke the sessions, rotate the secret.",
-- ]
-- benign = [
--   "On-call work: name the role in the contract's break_glass.",
--   "A new colleague in a time zone in which nobody with this role has worked yet, or a journey.",
-- ]
-- [parameters.margin]
-- type = "duration"
-- default = "1h"
-- description = "How far outside working hours is still forgiven: people come early and stay late."
-- [parameters.min_reads]
-- default = 1
-- unit = "reads in a day (UTC)"
-- description = "One read is enough: the value is out."
-- [parameters.memory]
-- type = "duration"
-- default = "35d"
-- description = "How far back a person's own hours are learned."
-- [parameters.min_days]
-- default = 5
-- unit = "days of work within memory"
-- description = "On how many earlier days somebody must have done anything before there is a rhythm."
-- [parameters.percent]
-- default = 50
-- unit = "percent of the hours of work"
-- description = "How much of it must lie around this time. Of a day of eight hours three quarters lie around its first and around its last hour, and nothing around the night."
-- [parameters.around]
-- default = 6
-- unit = "hours"
-- description = "How near in the time of the day is around this time: half of the clock."
-- [parameters.maturity]
-- type = "duration"
-- default = "14d"
-- description = "How old the lake must be before an unknown person's night is more than a report."
WITH by_people AS ( -- a row: one read by a person, with the quarter hours that decide
  SELECT
    r.account_id, r.aws_region, r.secret_name, r.principal, r.actor, r.event_id, r.event_time, r.secret_arn, r.source_ip,
    date_bin(INTERVAL '15 minutes', r.event_time) AS slot,
    date_bin(INTERVAL '15 minutes', r.event_time - $margin) AS slot_before,
    date_bin(INTERVAL '15 minutes', r.event_time + $margin) AS slot_after
  FROM reads r
  JOIN principals p ON p.principal = r.principal
  WHERE (p.kind IN ('human', 'root') OR r.from_console)
    AND (r.invoked_by IS NULL OR r.invoked_by = 'secretsmanager.amazonaws.com')
    AND r.rotation IS NULL
),
off_hours AS ( -- a row: the same, outside working hours and their margin
  SELECT b.*, l.local_date, l.local_hour, l.local_minute, l.local_dow, l.is_holiday
  FROM by_people b
  JOIN local_time l ON l.slot = b.slot
  LEFT JOIN local_time e ON e.slot = b.slot_before
  LEFT JOIN local_time n ON n.slot = b.slot_after
  WHERE NOT l.is_business AND NOT coalesce(e.is_business, false) AND NOT coalesce(n.is_business, false)
),
moments AS ( -- a row: one hour in which one person read so; two persons of one role are two
  SELECT DISTINCT principal, coalesce(actor, principal) AS person, date_trunc('hour', event_time) AS hour
  FROM off_hours
),
worked AS ( -- a row: one hour in which one person did anything
  SELECT
    a.principal, coalesce(a.actor, a.principal) AS person, date_trunc('hour', a.event_time) AS hour,
    date_trunc('day', a.event_time) AS day
  FROM actions a
  LEFT SEMI JOIN moments m ON m.principal = a.principal
  GROUP BY a.principal, coalesce(a.actor, a.principal), date_trunc('hour', a.event_time), date_trunc('day', a.event_time)
),
role_worked AS ( -- a row: one hour in which anybody with one role did anything
  SELECT principal, hour, day
  FROM worked
  GROUP BY principal, hour, day
),
own_hours AS ( -- a row: a moment, and what the same person did on earlier days
  SELECT
    m.principal, m.person, m.hour,
    count(DISTINCT w.day) AS days,
    count(w.hour) AS hours,
    count(CASE
      WHEN least((to_unixtime(m.hour) - to_unixtime(w.hour)) / 3600 % 24, 24 - (to_unixtime(m.hour) - to_unixtime(w.hour)) / 3600 % 24) <= $around
      THEN 1
    END) AS near_hours,
    count(DISTINCT CASE
      WHEN least((to_unixtime(m.hour) - to_unixtime(w.hour)) / 3600 % 168, 168 - (to_unixtime(m.hour) - to_unixtime(w.hour)) / 3600 % 168) <= $around
      THEN w.day
    END) AS same_weekdays,
    count(DISTINCT CASE WHEN l.is_business THEN w.day END) AS business_days
  FROM moments m
  LEFT JOIN worked w
    ON w.principal = m.principal AND w.person = m.person
    AND w.day < date_trunc('day', m.hour) AND w.day >= date_trunc('day', m.hour) - $memory
  LEFT JOIN local_time l ON l.slot = w.hour
  GROUP BY m.principal, m.person, m.hour
),
role_hours AS ( -- a row: a moment, and what those with the same role did on earlier days
  SELECT
    m.principal, m.person, m.hour,
    count(DISTINCT w.day) AS days,
    count(DISTINCT CASE
      WHEN least((to_unixtime(m.hour) - to_unixtime(w.hour)) / 3600 % 24, 24 - (to_unixtime(m.hour) - to_unixtime(w.hour)) / 3600 % 24) <= $around
      THEN w.day
    END) AS near_days
  FROM moments m
  LEFT JOIN role_worked w
    ON w.principal = m.principal
    AND w.day < date_trunc('day', m.hour) AND w.day >= date_trunc('day', m.hour) - $memory
  GROUP BY m.principal, m.person, m.hour
),
rhythms AS ( -- a row: a moment, and how it fits: 3 not at all, 2 nobody can tell yet, 1 nearly, 0 as always
  SELECT
    o.principal, o.person, o.hour, o.days, o.hours, o.near_hours,
    CASE
      -- A handful of hours is no rhythm, but two of them around this time are no night of somebody who sleeps then.
      WHEN o.hours < 4 * $min_days AND o.near_hours > 1 AND o.near_hours * 100 < o.hours * $percent
        AND l.local_dow < 6 AND NOT l.is_holiday THEN 1
      WHEN o.days >= $min_days AND o.near_hours * 100 < o.hours * $percent THEN 3
      WHEN o.days >= $min_days AND l.local_dow < 6 AND NOT l.is_holiday THEN 0
      WHEN o.days >= $min_days AND o.same_weekdays >= 2 AND NOT l.is_holiday THEN 0
      -- Far from headquarters the week begins and ends at other hours, and there are other holidays.
      WHEN o.days >= $min_days AND o.business_days * 2 < o.days THEN 1
      WHEN o.days >= $min_days THEN 3
      WHEN r.days >= $min_days AND r.near_days * 100 >= r.days * $percent AND l.local_dow < 6 AND NOT l.is_holiday THEN 1
      WHEN b.day > o.hour - $maturity THEN 2
      ELSE 3
    END AS strangeness
  FROM own_hours o
  CROSS JOIN beginning b
  JOIN role_hours r ON r.principal = o.principal AND r.person = o.person AND r.hour = o.hour
  JOIN local_time l ON l.slot = o.hour
),
unusual AS ( -- a row: a read off hours, and how strange the hour is for its reader
  SELECT o.*, r.strangeness, r.days AS known_days, r.hours AS known_hours, r.near_hours
  FROM off_hours o
  JOIN rhythms r
    ON r.principal = o.principal AND r.person = coalesce(o.actor, o.principal) AND r.hour = date_trunc('hour', o.event_time)
  WHERE r.strangeness > 0
),
days AS ( -- a row: one person's role, one secret, one day (UTC)
  SELECT
    account_id, aws_region, secret_name, principal,
    date_trunc('day', event_time) AS day,
    count(*) AS reads,
    min(event_time) AS first_at,
    min(concat(
      CAST(local_date AS VARCHAR), ' ', lpad(CAST(local_hour AS VARCHAR), 2, '0'), ':', lpad(CAST(local_minute AS VARCHAR), 2, '0')
    )) AS first_local,
    bool_or(is_holiday) AS on_holiday,
    bool_or(local_dow >= 6) AS on_weekend,
    max(strangeness) AS strangeness,
    max(known_days) AS known_days,
    max(known_hours) AS known_hours,
    max(near_hours) AS near_hours,
    max(secret_arn) AS secret_arn,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    array_slice(array_sort(array_agg(DISTINCT actor)), 1, 10) AS actors,
    array_slice(array_sort(array_agg(DISTINCT source_ip)), 1, 10) AS source_ips,
    array_slice(array_sort(array_agg(DISTINCT event_id)), 1, 50) AS event_ids
  FROM unusual
  GROUP BY account_id, aws_region, secret_name, principal, date_trunc('day', event_time)
),
break_glass AS ( -- a row: one principal that may read one secret in an emergency
  SELECT DISTINCT account_id, aws_region, secret_name, principal
  FROM policy_principals
  WHERE role = 'break_glass'
)
SELECT
  concat_ws('|', d.account_id, d.aws_region, d.secret_name, d.principal, to_char(d.day, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(d.secret_name, ' read off hours by ', coalesce(d.actor, split_part(d.principal, '/', -1))) AS title,
  concat(
    coalesce(d.actor || ', as ', ''), d.principal, ', read ', d.secret_name, ' ', d.reads,
    CASE d.reads WHEN 1 THEN ' time' ELSE ' times' END, ', first in the quarter hour of ', d.first_local, ' local time',
    CASE WHEN d.on_holiday THEN ', a holiday' WHEN d.on_weekend THEN ', a weekend' ELSE '' END, '.',
    CASE
      WHEN d.strangeness = 1 THEN ' The person, or those who share the role, do work at this time of the day.'
      WHEN d.strangeness = 2 THEN ' There is no rhythm to judge by yet: the lake is too young.'
      WHEN d.known_days = 0 THEN ' Nothing is known of this person before.'
      ELSE concat(' Of ', d.known_hours, ' earlier hours of work on ', d.known_days, ' days, ', d.near_hours, ' were around this time.')
    END,
    CASE WHEN b.principal IS NOT NULL THEN ' The contract grants it break-glass.' ELSE '' END
  ) AS summary,
  d.account_id, d.aws_region, d.secret_arn, d.secret_name, d.principal, d.actor,
  d.day AS window_start,
  d.day + INTERVAL '1 day' AS window_end,
  concat(d.reads, CASE d.reads WHEN 1 THEN ' read' ELSE ' reads' END, ' outside working hours') AS observed,
  concat(
    '0 reads outside working hours and the person''s own',
    CASE d.strangeness WHEN 2 THEN concat(' (no baseline yet: ', d.known_days, ' days seen)') ELSE concat(' (', d.known_days, ' days seen)') END
  ) AS expected,
  d.event_ids AS evidence,
  named_struct(
    'reads', d.reads, 'first_at', d.first_at, 'first_local_quarter', d.first_local, 'on_holiday', d.on_holiday,
    'on_weekend', d.on_weekend, 'days_known', d.known_days, 'hours_known', d.known_hours, 'hours_around_this_time', d.near_hours,
    'has_rhythm', d.strangeness <> 2, 'break_glass', b.principal IS NOT NULL, 'actors', d.actors, 'source_ips', d.source_ips,
    'owner', p.owner
  ) AS detail,
  CASE
    WHEN b.principal IS NOT NULL OR d.strangeness < 3 THEN 'low'
    WHEN p.sensitivity IN ('high', 'critical') THEN 'high'
    ELSE 'medium'
  END AS severity
FROM days d
LEFT JOIN break_glass b
  ON b.account_id = d.account_id AND b.aws_region = d.aws_region AND b.secret_name = d.secret_name
  AND b.principal = d.principal
LEFT JOIN policy_secrets p
  ON p.account_id = d.account_id AND p.aws_region = d.aws_region AND p.secret_name = d.secret_name
WHERE d.reads >= $min_reads
