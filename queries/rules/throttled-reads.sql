-- id = "throttled-reads"
-- title = "Reads of secrets are throttled"
-- severity = "low"
-- window = "1h"
-- history = "1h"
-- scope = "principal"
-- attack = ["T1119"]
-- description = """\
--   Secrets Manager turned many of one principal's reads away because they came too fast. Its limits are thousands of \
--   reads a second in a region, so that no healthy service meets them: a program reads in a loop and is about to fail \
--   (low, a ticket; medium where so many are turned away that repeating does not help it), or somebody pulls whatever \
--   there is as fast as it comes (medium where the same principal was given more different secrets in that hour than a \
--   service needs). A throttled call names no secret.\
--   """
-- runbook = [
--   "One secret, many tasks: a missing cache or a crash loop; tell the owner before the service stops.",
--   "Many secrets: treat it as a harvest; see what was delivered (hunt what-did-principal-touch).",
--   "Throttling is counted for the account and region: other services may suffer with it.",
-- ]
-- benign = [
--   "A load test.",
--   "Batch calls, which have a much lower limit (100 a second), by a deploy tool.",
-- ]
-- [parameters.min_throttled]
-- default = 8
-- unit = "throttled reads in an hour"
-- description = "SDKs repeat a throttled call three times or so: fewer are one or two unlucky moments."
-- [parameters.failing]
-- default = 50
-- unit = "throttled reads in an hour"
-- description = "From this many on it is no unlucky moment of a few calls: a dozen of them failed for good, each after three tries or so."
-- [parameters.breadth]
-- default = 10
-- unit = "different secrets in the hour"
-- description = "More than this many delivered secrets beside the throttling look like a harvest; as in secret-read-breadth."
WITH turned_away AS ( -- a row: one hour of one principal's throttled reads
  SELECT
    principal, account_id, aws_region, date_trunc('hour', event_time) AS hour,
    count(*) AS throttled,
    min(event_time) AS first_at,
    max(event_time) AS last_at,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    count(DISTINCT actor) AS actors,
    array_slice(array_sort(array_agg(DISTINCT source_ip)), 1, 10) AS source_ips,
    array_slice(array_sort(array_agg(DISTINCT event_id)), 1, 50) AS event_ids
  FROM actions
  WHERE event_source = 'secretsmanager.amazonaws.com' AND outcome = 'throttled'
    AND event_name IN ('GetSecretValue', 'BatchGetSecretValue') AND principal IS NOT NULL
  GROUP BY principal, account_id, aws_region, date_trunc('hour', event_time)
),
delivered AS ( -- a row: what a principal was given in an hour in which it was turned away too
  SELECT
    r.principal, date_trunc('hour', r.event_time) AS hour,
    count(*) AS reads,
    count(DISTINCT concat_ws('|', r.account_id, r.secret_name)) AS secrets,
    array_slice(array_sort(array_agg(DISTINCT r.secret_name)), 1, 50) AS secret_names
  FROM reads r
  LEFT SEMI JOIN turned_away t ON t.principal = r.principal AND t.hour = date_trunc('hour', r.event_time)
  GROUP BY r.principal, date_trunc('hour', r.event_time)
)
SELECT
  concat_ws('|', t.account_id, t.aws_region, t.principal, to_char(t.hour, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(t.throttled, ' throttled reads by ', split_part(t.principal, '/', -1)) AS title,
  concat(
    t.throttled, ' reads by ', t.principal, ' were throttled between ', to_char(t.first_at, '%H:%M:%S'), ' and ',
    to_char(t.last_at, '%H:%M:%S'), ' UTC; ', coalesce(d.reads, 0), ' were answered in that hour, of ',
    coalesce(d.secrets, 0), ' different secrets.'
  ) AS summary,
  t.account_id, t.aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  CASE WHEN d.secrets = 1 THEN d.secret_names[1] END AS secret_name,
  t.principal, t.actor,
  t.hour AS window_start,
  t.hour + INTERVAL '1 hour' AS window_end,
  concat(t.throttled, ' throttled reads in the hour') AS observed,
  concat('fewer than ', $min_throttled) AS expected,
  t.event_ids AS evidence,
  named_struct(
    'throttled', t.throttled, 'answered', coalesce(d.reads, 0), 'secrets', coalesce(d.secrets, 0),
    'secret_names', d.secret_names, 'actors', t.actors, 'source_ips', t.source_ips
  ) AS detail,
  CASE WHEN d.secrets > $breadth OR t.throttled >= $failing THEN 'medium' ELSE 'low' END AS severity
FROM turned_away t
LEFT JOIN delivered d ON d.principal = t.principal AND d.hour = t.hour
WHERE t.throttled >= $min_throttled
