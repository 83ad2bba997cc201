-- id = "cache-ignored"
-- title = "A secret is read far more often than its cache would need"
-- severity = "low"
-- window = "1d"
-- history = "1d"
-- scope = "principal"
-- attack = []
-- description = """\
--   The contract says how long readers keep the value (cache_ttl). One actor (a task, a function) of one principal read \
--   the secret several times as often as that allows, in several hours of a day. It costs money, hits the limits first \
--   when load rises, and makes every other finding about the secret harder to see. A ticket, not a page. A burst in one \
--   hour is not told here (secret-read-spike), nor many tasks that each read in time.\
--   """
-- runbook = [
--   "Ask the owner whether the release that began that day lost its cache, or reads per request.",
--   "Put AWS's caching client or the agent in front, or correct cache_ttl.",
-- ]
-- benign = [
--   "A function that is started anew for each request: cache in the extension, or raise the number.",
--   "Sessions that all bear one name: the tasks then count as one actor.",
-- ]
-- [parameters.percent]
-- per_secret = true
-- default = 300
-- unit = "percent of what the cache would need"
-- description = "Restarts and several processes in a task read more than once per cache_ttl; three times is more than that."
-- [parameters.floor]
-- per_secret = true
-- default = 2
-- unit = "reads by one actor in an hour"
-- description = "Up to this many nothing fires, however long the cache_ttl: a task that starts again now and then is no loop."
-- [parameters.min_hours]
-- default = 3
-- unit = "hours in a day (UTC)"
-- description = "In how many hours it must happen: a habit, not a restart."
WITH own AS ( -- a row: one secret whose contract sets parameters of its own
  SELECT
    account_id, aws_region, secret_name,
    max(CASE WHEN name = 'floor' THEN value END) AS floor,
    max(CASE WHEN name = 'percent' THEN value END) AS percent
  FROM policy_parameters
  WHERE rule = 'cache-ignored'
  GROUP BY account_id, aws_region, secret_name
),
promised AS ( -- a row: one secret whose contract says how long it is kept, and what a reader may ask in an hour
  SELECT
    p.account_id, p.aws_region, p.secret_name, p.cache_ttl_seconds, p.owner,
    greatest(coalesce(o.floor, $floor), 3600 * coalesce(o.percent, $percent) / (100 * p.cache_ttl_seconds)) AS allowed
  FROM policy_secrets p
  LEFT JOIN own o
    ON o.account_id = p.account_id AND o.aws_region = p.aws_region AND o.secret_name = p.secret_name
  WHERE p.cache_ttl_seconds > 0
),
hours AS ( -- a row: one hour of one actor's reads of one secret
  SELECT
    account_id, aws_region, secret_name, principal, coalesce(actor, 'unknown') AS actor, date_trunc('hour', event_time) AS hour,
    count(*) AS reads,
    max(secret_arn) AS secret_arn,
    min(event_id) AS event_id
  FROM reads
  WHERE principal IS NOT NULL AND rotation IS NULL AND (identity_type IS DISTINCT FROM 'AWSService')
  GROUP BY account_id, aws_region, secret_name, principal, coalesce(actor, 'unknown'), date_trunc('hour', event_time)
),
hot AS ( -- a row: an hour that is too hot for the contract
  SELECT h.*, p.cache_ttl_seconds, p.owner, p.allowed
  FROM hours h
  JOIN promised p
    ON p.account_id = h.account_id AND p.aws_region = h.aws_region AND p.secret_name = h.secret_name
  WHERE h.reads > p.allowed
),
days AS ( -- a row: one secret, one principal, one day (UTC)
  SELECT
    account_id, aws_region, secret_name, principal, date_trunc('day', hour) AS day,
    count(DISTINCT hour) AS hours,
    sum(reads) AS reads,
    max(reads) AS most,
    max(allowed) AS allowed,
    max(cache_ttl_seconds) AS cache_ttl_seconds,
    max(owner) AS owner,
    max(secret_arn) AS secret_arn,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    count(DISTINCT actor) AS actors,
    array_slice(array_sort(array_agg(DISTINCT event_id)), 1, 50) AS event_ids
  FROM hot
  GROUP BY account_id, aws_region, secret_name, principal, date_trunc('day', hour)
)
SELECT
  concat_ws('|', account_id, aws_region, secret_name, principal, to_char(day, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(secret_name, ' is not cached by ', split_part(principal, '/', -1)) AS title,
  concat(
    principal, ' read ', secret_name, ' up to ', most, ' times an hour by one actor, in ', hours, ' hours of the day; a cache of ',
    cache_ttl_seconds, ' seconds needs ', 3600 / cache_ttl_seconds, '.'
  ) AS summary,
  account_id, aws_region, secret_arn, secret_name, principal, actor,
  day AS window_start,
  day + INTERVAL '1 day' AS window_end,
  concat(most, ' reads by one actor in an hour, in ', hours, ' hours') AS observed,
  concat('at most ', allowed) AS expected,
  event_ids AS evidence,
  named_struct(
    'most_in_hour', most, 'hours', hours, 'reads', reads, 'actors', actors, 'cache_ttl_seconds', cache_ttl_seconds,
    'owner', owner
  ) AS detail
FROM days
WHERE hours >= $min_hours
