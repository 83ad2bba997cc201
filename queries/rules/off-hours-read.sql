-- id = "off-hours-read"
-- title = "A person read a secret outside working hours"
-- severity = "medium"
-- window = "1d"
-- history = "2d"
-- scope = "principal"
-- attack = ["T1078.004", "T1555.006"]
-- description = """\
--   A person (a role of IAM Identity Center, a user in the console, or whom [[humans]] names) was given a secret's value \
--   outside the organization's working hours, on a weekend or on a holiday, in its own time zone. Services keep no hours \
--   and do not count, nor do calls that a service made on the person's behalf. One finding for each person's role, \
--   secret and day. High for sensitive secrets; low, as a report, where the contract grants break-glass. Without \
--   [organization] in the policy the hours are 08:00 to 18:00 UTC, which may not be yours.\
--   """
-- runbook = [
--   "Ask the person, by another channel than the account that read: was it you?",
--   "Look for the incident or change that explains it.",
--   "If nobody was at work: treat the person's credentials as stolen, revoke the sessions, rotate the secret.",
-- ]
-- benign = [
--   "On-call work: name the role in the contract's break_glass.",
--   "A colleague in another time zone: the policy knows one zone for all.",
-- ]
-- [parameters.margin]
-- type = "duration"
-- default = "1h"
-- description = "How far outside working hours is still forgiven: people come early and stay late."
-- [parameters.min_reads]
-- default = 1
-- unit = "reads in a day (UTC)"
-- description = "One read is enough: the value is out."
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
    max(secret_arn) AS secret_arn,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    array_slice(array_sort(array_agg(DISTINCT actor)), 1, 10) AS actors,
    array_slice(array_sort(array_agg(DISTINCT source_ip)), 1, 10) AS source_ips,
    array_slice(array_sort(array_agg(DISTINCT event_id)), 1, 50) AS event_ids
  FROM off_hours
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
    CASE WHEN b.principal IS NOT NULL THEN ' The contract grants it break-glass.' ELSE '' END
  ) AS summary,
  d.account_id, d.aws_region, d.secret_arn, d.secret_name, d.principal, d.actor,
  d.day AS window_start,
  d.day + INTERVAL '1 day' AS window_end,
  concat(d.reads, CASE d.reads WHEN 1 THEN ' read' ELSE ' reads' END, ' outside working hours') AS observed,
  '0 reads by people outside working hours' AS expected,
  d.event_ids AS evidence,
  named_struct(
    'reads', d.reads, 'first_at', d.first_at, 'first_local_quarter', d.first_local, 'on_holiday', d.on_holiday,
    'on_weekend', d.on_weekend, 'break_glass', b.principal IS NOT NULL, 'actors', d.actors, 'source_ips', d.source_ips,
    'owner', p.owner
  ) AS detail,
  CASE
    WHEN b.principal IS NOT NULL THEN 'low'
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
