-- id = "break-glass-misuse"
-- title = "Emergency access used beyond its terms"
-- severity = "medium"
-- window = "1d"
-- history = "31d"
-- scope = "principal"
-- attack = ["T1078.004", "T1555.006"]
-- description = """\
--   Who is named for emergencies (break_glass) may read, and each day of it is reported at low severity \
--   (unexpected-reader). An emergency is about one service, needs a value once or twice, and is rare. Beyond that it \
--   alarms: many secrets in a day (high from twice as many on), many reads in a day (that is a program with a person's \
--   exceptional rights), or days of use that have become a habit. Told on the day on which the habit begins. Reads \
--   within planned work ([[windows]]) are recorded and not paged.\
--   """
-- runbook = [
--   "Which incident was it? Ask the person, by another channel than the account that read.",
--   "No incident: revoke the role's sessions and rotate what was read.",
--   "A habit: what do people need so often? Give the service, or a role of its own, that right, with the owner's consent.",
-- ]
-- benign = [
--   "A large outage: many services at once, over days. Declare a window.",
--   "A drill: declare a window.",
-- ]
-- [parameters.max_secrets]
-- default = 5
-- unit = "different secrets in a day (UTC)"
-- description = "A service has a handful; who opens more is not mending one service."
-- [parameters.max_reads]
-- default = 10
-- unit = "reads in a day (UTC)"
-- description = "People read a value once, and again because they lost it. A loop reads it more often."
-- [parameters.max_days]
-- default = 8
-- unit = "days of use within habit"
-- description = "Two days a week are no emergency any more."
-- [parameters.habit]
-- type = "duration"
-- default = "30d"
-- description = "How long days of use are counted over."
WITH emergencies AS ( -- a row: one read by somebody whom the contract names for emergencies and for nothing else
  SELECT
    r.principal, r.actor, r.event_id, r.event_time, r.account_id, r.aws_region, r.secret_name, r.source_ip,
    concat_ws('|', r.account_id, r.secret_name) AS family, p.sensitivity
  FROM reads r
  JOIN (SELECT DISTINCT account_id, aws_region, secret_name, principal FROM policy_principals WHERE role = 'break_glass') b
    ON b.account_id = r.account_id AND b.aws_region = r.aws_region AND b.secret_name = r.secret_name
    AND b.principal = r.principal
  LEFT JOIN policy_secrets p
    ON p.account_id = r.account_id AND p.aws_region = r.aws_region AND p.secret_name = r.secret_name
  LEFT ANTI JOIN (SELECT account_id, aws_region, secret_name, principal FROM policy_principals WHERE role IN ('reader', 'rotator')) o
    ON o.account_id = r.account_id AND o.aws_region = r.aws_region AND o.secret_name = r.secret_name
    AND o.principal = r.principal
),
days AS ( -- a row: one day of one principal
  SELECT
    principal, date_trunc('day', event_time) AS day,
    count(*) AS reads,
    count(DISTINCT family) AS secrets,
    count(DISTINCT account_id) AS accounts,
    count(DISTINCT aws_region) AS regions,
    min(account_id) AS account_id,
    min(aws_region) AS aws_region,
    min(secret_name) AS only_secret,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    array_slice(array_sort(array_agg(DISTINCT actor)), 1, 10) AS actors,
    array_slice(array_sort(array_agg(DISTINCT source_ip)), 1, 10) AS source_ips,
    array_slice(array_sort(array_agg(DISTINCT secret_name)), 1, 50) AS secret_names,
    array_slice(array_sort(array_agg(DISTINCT event_id)), 1, 50) AS event_ids
  FROM emergencies
  GROUP BY principal, date_trunc('day', event_time)
),
counted AS ( -- a row: the same, with the days of use up to it
  SELECT *, count(*) OVER (PARTITION BY principal ORDER BY day RANGE BETWEEN $habit PRECEDING AND CURRENT ROW) AS used_days
  FROM days
),
judged AS ( -- a row: the same, with what is beyond the terms; a habit is told when it begins
  SELECT
    *,
    secrets > $max_secrets AS is_broad,
    reads > $max_reads AS is_loop,
    used_days > $max_days AND coalesce(lag(used_days) OVER (PARTITION BY principal ORDER BY day), 0) <= $max_days AS is_habit
  FROM counted
)
SELECT
  concat_ws('|', principal, to_char(day, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat('Emergency access beyond its terms: ', split_part(principal, '/', -1)) AS title,
  concat(
    principal, ' used its emergency access for ', reads, CASE reads WHEN 1 THEN ' read' ELSE ' reads' END, ' of ', secrets,
    CASE secrets WHEN 1 THEN ' secret' ELSE ' different secrets' END, ' that day, its ', used_days, '. day of use lately. ',
    concat_ws(' ',
      CASE WHEN is_broad THEN 'So many secrets are not one service.' END,
      CASE WHEN is_loop THEN 'So many reads are a program.' END,
      CASE WHEN is_habit THEN 'So many days are a habit.' END
    )
  ) AS summary,
  CASE WHEN accounts = 1 THEN account_id END AS account_id,
  CASE WHEN regions = 1 THEN aws_region END AS aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  CASE WHEN secrets = 1 THEN only_secret END AS secret_name,
  principal, actor,
  day AS window_start,
  day + INTERVAL '1 day' AS window_end,
  concat(reads, ' reads of ', secrets, ' secrets, day ', used_days, ' of use') AS observed,
  concat('at most ', $max_reads, ' reads of ', $max_secrets, ' secrets in a day, on ', $max_days, ' days') AS expected,
  event_ids AS evidence,
  named_struct(
    'reads', reads, 'secrets', secrets, 'days_of_use', used_days, 'many_secrets', is_broad, 'many_reads', is_loop,
    'habit', is_habit, 'secret_names', secret_names, 'actors', actors, 'source_ips', source_ips
  ) AS detail,
  CASE WHEN secrets > 2 * $max_secrets THEN 'high' ELSE 'medium' END AS severity
FROM judged
WHERE is_broad OR is_loop OR is_habit
