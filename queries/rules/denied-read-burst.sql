-- id = "denied-read-burst"
-- title = "A burst of refused reads by one principal"
-- severity = "high"
-- window = "1d"
-- history = "1d"
-- scope = "principal"
-- attack = ["T1555.006", "T1580"]
-- description = """\
--   One principal was refused the values of secrets again and again within minutes, over all its sessions. Many \
--   different secrets: somebody tries what a stolen credential opens (high). Two: medium. One and the same: most likely \
--   a service without its permission, low, but its owner wants to know. What was asked for often stands in the error \
--   message alone. Missing versions, throttling and other failures are no refusals.\
--   """
-- runbook = [
--   "Look at the names that were tried, and whether any read succeeded afterwards (hunt denied-then-allowed).",
--   "One secret, many tasks: a deploy lost a permission; tell the owner.",
--   "Many secrets: treat the credential as stolen; revoke the sessions and find where they came from.",
-- ]
-- benign = [
--   "A deploy whose role lacks a permission, and whose tasks restart and retry.",
--   "A person who looks through secrets in the console with a narrow role.",
-- ]
-- [parameters.min_denied]
-- default = 5
-- unit = "refused reads"
-- description = "How many within the window. SDKs do not retry a refusal, so five are five decisions to try."
-- [parameters.burst_window]
-- type = "duration"
-- default = "10m"
-- description = "How close together. A pause of this length also ends a burst."
WITH calls AS ( -- a row: one refused call; a refused batch that names twenty secrets is one
  SELECT
    principal, event_time, event_id,
    min(actor) AS actor,
    min(account_id) AS account_id,
    min(aws_region) AS aws_region,
    min(source_ip) AS source_ip,
    array_agg(DISTINCT concat_ws('|', account_id, aws_region, secret_name)) FILTER (WHERE secret_name IS NOT NULL) AS secrets
  FROM denied_reads
  WHERE principal IS NOT NULL AND (identity_type IS DISTINCT FROM 'AWSService')
  GROUP BY principal, event_time, event_id
),
counted AS ( -- a row: the same, with the number of refusals up to it
  SELECT
    *,
    count(*) OVER (
      PARTITION BY principal ORDER BY event_time RANGE BETWEEN $burst_window PRECEDING AND CURRENT ROW
    ) AS refused
  FROM calls
),
placed AS ( -- a row: the same, with whether it is part of what became too many
  SELECT
    *,
    max(refused) OVER (
      PARTITION BY principal ORDER BY event_time RANGE BETWEEN CURRENT ROW AND $burst_window FOLLOWING
    ) AS becomes
  FROM counted
),
spaced AS ( -- a row: a refusal within a burst, with the time of the one before it
  SELECT *, lag(event_time) OVER (PARTITION BY principal ORDER BY event_time, event_id) AS previous
  FROM placed
  WHERE becomes >= $min_denied
),
numbered AS ( -- a row: the same, with the number of its burst
  SELECT
    *,
    sum(CASE WHEN event_time <= previous + $burst_window THEN 0 ELSE 1 END) OVER (
      PARTITION BY principal ORDER BY event_time, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS burst
  FROM spaced
),
tried AS ( -- a row: one secret tried in a refused call; null where the call named none
  SELECT *, unnest(coalesce(secrets, make_array(CAST(NULL AS VARCHAR)))) AS secret
  FROM numbered
),
bursts AS ( -- a row: one burst
  SELECT
    principal, burst,
    min(event_time) AS first_at,
    max(event_time) AS last_at,
    max(refused) AS most,
    count(DISTINCT event_id) AS refusals,
    count(DISTINCT secret) AS secrets,
    count(DISTINCT account_id) AS accounts,
    count(DISTINCT aws_region) AS regions,
    min(account_id) AS account_id,
    min(aws_region) AS aws_region,
    min(secret) AS only_secret,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    array_slice(array_sort(array_agg(DISTINCT secret) FILTER (WHERE secret IS NOT NULL)), 1, 50) AS names,
    array_slice(array_sort(array_agg(DISTINCT source_ip)), 1, 10) AS source_ips,
    array_slice(array_sort(array_agg(DISTINCT event_id)), 1, 50) AS event_ids
  FROM tried
  GROUP BY principal, burst
)
SELECT
  concat_ws('|', principal, to_char(first_at, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(refusals, ' refused reads by ', split_part(principal, '/', -1)) AS title,
  concat(
    principal, ' was refused ', refusals, ' times while it asked for ', secrets,
    CASE secrets WHEN 1 THEN ' secret' ELSE ' different secrets' END, ', ', most, ' of them within minutes.'
  ) AS summary,
  CASE WHEN accounts = 1 THEN account_id END AS account_id,
  CASE WHEN regions = 1 THEN aws_region END AS aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  CASE WHEN secrets = 1 THEN split_part(only_secret, '|', 3) END AS secret_name,
  principal, actor,
  first_at AS window_start,
  last_at + INTERVAL '1 second' AS window_end,
  concat(most, ' refused reads within minutes, of ', secrets, CASE secrets WHEN 1 THEN ' secret' ELSE ' secrets' END) AS observed,
  concat('fewer than ', $min_denied) AS expected,
  event_ids AS evidence,
  named_struct(
    'refusals', refusals, 'most_within_window', most, 'secrets', secrets, 'names', names, 'accounts', accounts,
    'regions', regions, 'source_ips', source_ips
  ) AS detail,
  CASE WHEN secrets >= 3 THEN 'high' WHEN secrets = 2 THEN 'medium' ELSE 'low' END AS severity
FROM bursts
