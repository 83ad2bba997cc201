-- id = "undeclared-region-read"
-- title = "A secret was read in a region that nobody declared"
-- severity = "medium"
-- window = "1d"
-- history = "36d"
-- scope = "principal"
-- attack = ["T1535", "T1555.006"]
-- description = """\
--   A secret's value was delivered in a region that nobody declared: none of those that [organization] lists \
--   (medium, high for a sensitive secret), or one of them that neither the contract's replica_regions nor history know: \
--   until now the same principal was given the secret elsewhere only (low, medium for a sensitive secret). A replica in \
--   a region where nobody looks is a copy for whoever made it; there are fewer alarms and often no trail there. Told for \
--   each principal and secret on the first day within memory. Without a list of regions only what history knows is judged.\
--   """
-- runbook = [
--   "How did the secret come to that region: ReplicateSecretToRegions, or created there? By whom?",
--   "If nobody planned it: remove the replica, rotate the secret, look for what else lives in that region.",
--   "If it was planned: add the region to [organization].",
-- ]
-- benign = [
--   "A replica that was made for this reader, or an exercise of a failover: add the region to the contract's replica_regions.",
--   "A region that was opened, and the policy is behind.",
--   "A provider's integration that works from its own region.",
-- ]
-- [parameters.memory]
-- type = "duration"
-- default = "35d"
-- description = "Who has read the secret there within this is told no second time."
-- [parameters.maturity]
-- type = "duration"
-- default = "14d"
-- description = "For how long a principal must have read a secret elsewhere before its first read in a region of the organization is news."
-- [parameters.min_reads]
-- default = 1
-- unit = "reads in a day (UTC)"
-- description = "One read is enough: the value is out."
WITH listed AS ( -- a row: how many regions the policy lists
  SELECT count(*) AS regions
  FROM policy_trail
  WHERE kind = 'region'
),
region_days AS ( -- a row: one day on which one principal was given one secret in one region
  SELECT
    account_id, secret_name, aws_region, coalesce(principal, 'unknown') AS principal, date_trunc('day', event_time) AS day,
    lag(date_trunc('day', event_time)) OVER (
      PARTITION BY account_id, secret_name, aws_region, coalesce(principal, 'unknown')
      ORDER BY date_trunc('day', event_time)
    ) AS previous_day
  FROM reads
  WHERE (identity_type IS DISTINCT FROM 'AWSService')
  GROUP BY account_id, secret_name, aws_region, coalesce(principal, 'unknown'), date_trunc('day', event_time)
),
openings AS ( -- a row: the first day within memory on which an old reader reads in a region that is new to it
  SELECT o.account_id, o.secret_name, o.aws_region, o.principal, o.day
  FROM region_days o
  JOIN region_days e
    ON e.account_id = o.account_id AND e.secret_name = o.secret_name AND e.principal = o.principal
    AND e.aws_region <> o.aws_region AND e.day <= o.day - $maturity AND e.day >= o.day - $memory
  WHERE o.previous_day IS NULL OR o.day > o.previous_day + $memory
  GROUP BY o.account_id, o.secret_name, o.aws_region, o.principal, o.day
),
days AS ( -- a row: one day of one principal's reads of one secret in an undeclared region
  SELECT
    r.account_id, r.aws_region, r.secret_name, coalesce(r.principal, 'unknown') AS principal,
    date_trunc('day', r.event_time) AS day,
    count(*) AS reads,
    min(r.event_time) AS first_at,
    max(l.regions) AS regions,
    bool_and(n.day IS NOT NULL AND (l.regions = 0 OR o.value IS NOT NULL)) AS is_ours,
    max(r.secret_arn) AS secret_arn,
    CASE WHEN min(r.actor) = max(r.actor) THEN min(r.actor) END AS actor,
    array_slice(array_sort(array_agg(DISTINCT r.source_ip)), 1, 10) AS source_ips,
    array_slice(array_sort(array_agg(DISTINCT r.event_id)), 1, 50) AS event_ids
  FROM reads r
  CROSS JOIN listed l
  LEFT JOIN (SELECT DISTINCT value FROM policy_trail WHERE kind = 'region') o ON o.value = r.aws_region
  LEFT JOIN openings n
    ON n.account_id = r.account_id AND n.secret_name = r.secret_name AND n.aws_region = r.aws_region
    AND n.principal = coalesce(r.principal, 'unknown') AND n.day = date_trunc('day', r.event_time)
  WHERE (r.identity_type IS DISTINCT FROM 'AWSService')
    AND ((l.regions > 0 AND o.value IS NULL) OR n.day IS NOT NULL)
  GROUP BY r.account_id, r.aws_region, r.secret_name, coalesce(r.principal, 'unknown'), date_trunc('day', r.event_time)
),
spaced AS ( -- a row: the same, with the day before on which it happened
  SELECT *, lag(day) OVER (PARTITION BY account_id, aws_region, secret_name, principal ORDER BY day) AS previous_day
  FROM days
)
SELECT
  concat_ws('|', d.account_id, d.aws_region, d.secret_name, d.principal, to_char(d.day, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(d.secret_name, ' read in ', d.aws_region) AS title,
  concat(
    d.principal, ' was given the value of ', d.secret_name, ' in ', d.aws_region, ', first at ',
    to_char(d.first_at, '%Y-%m-%d %H:%M:%S'), ' UTC. ',
    CASE
      WHEN d.is_ours THEN 'Until then it had read it in other regions only, and no contract names this one.'
      ELSE concat('The organization lists ', d.regions, CASE d.regions WHEN 1 THEN ' region' ELSE ' regions' END, ', and this is none of them.')
    END
  ) AS summary,
  d.account_id, d.aws_region, d.secret_arn, d.secret_name, d.principal, d.actor,
  d.day AS window_start,
  d.day + INTERVAL '1 day' AS window_end,
  concat(d.reads, CASE d.reads WHEN 1 THEN ' read' ELSE ' reads' END, ' in ', d.aws_region) AS observed,
  CASE
    WHEN d.is_ours THEN '0 reads outside the regions in which it read it within memory'
    ELSE concat('0 reads outside the ', d.regions, ' declared')
  END AS expected,
  d.event_ids AS evidence,
  named_struct(
    'reads', d.reads, 'first_at', d.first_at, 'source_ips', d.source_ips, 'owner', p.owner, 'sensitivity', p.sensitivity
  ) AS detail,
  CASE
    WHEN p.sensitivity IN ('high', 'critical') THEN CASE WHEN d.is_ours THEN 'medium' ELSE 'high' END
    WHEN d.is_ours THEN 'low'
    ELSE 'medium'
  END AS severity
FROM spaced d
LEFT JOIN policy_secrets p
  ON p.account_id = d.account_id AND p.aws_region = d.aws_region AND p.secret_name = d.secret_name
WHERE (d.previous_day IS NULL OR d.day > d.previous_day + $memory) AND d.reads >= $min_reads
  AND NOT coalesce(array_has(p.replica_regions, d.aws_region), false)
