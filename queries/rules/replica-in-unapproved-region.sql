-- id = "replica-in-unapproved-region"
-- title = "A secret was replicated to a region that nobody approved"
-- severity = "medium"
-- window = "1s"
-- history = "1d"
-- scope = "secret"
-- attack = ["T1537", "T1535"]
-- description = """\
--   A secret was given a replica (ReplicateSecretToRegions, CreateSecret) in a region outside those that its contract \
--   lists (replica_regions), or else the organization. A replica is the whole value, behind another key, in a region whose trail, endpoints \
--   and alarms may be nobody's concern. One finding for each region. High for sensitive secrets, low for insensitive \
--   ones. A region of the organization that the \
--   contract does not speak of (it lists no regions) is low: a copy that the owner may not know of. Without listed \
--   regions and without a contract every region is as good as any other, and nothing is found.\
--   """
-- runbook = [
--   "Ask the owner whether the region was meant; if so, add it to the policy.",
--   "If not: remove the replica (remove-regions-from-replication), look for reads in that region (view reads, by aws_region), and rotate.",
-- ]
-- benign = [
--   "A move into a new region that the policy does not list yet.",
-- ]
-- [parameters.min_rank]
-- default = 1
-- unit = "rank, 0 to 2"
-- description = "Rank 1: a replica in a region outside the policy. Rank 0: attempts to make one that failed."
WITH asked AS ( -- a row: one region that one call replicated one secret to
  SELECT
    event_id, event_time, event_name, account_id, aws_region, secret_name, secret_arn, principal, actor, outcome, owner,
    sensitivity, unnest(replica_regions) AS replica_region
  FROM secret_changes
  WHERE event_name IN ('CreateSecret', 'ReplicateSecretToRegions')
),
organization AS ( -- one row: the regions that the policy lists for all
  SELECT array_sort(array_agg(DISTINCT value)) AS regions
  FROM policy_trail
  WHERE kind = 'region'
),
contracts AS ( -- a row: one secret that has a contract, with the regions that it lists, null where it lists none
  SELECT
    account_id, aws_region, secret_name,
    CASE WHEN cardinality(replica_regions) > 0 THEN array_sort(replica_regions) END AS regions
  FROM policy_secrets
  WHERE entry IS NOT NULL
),
judged AS ( -- a row: one secret, one region, one second
  SELECT
    a.account_id, a.aws_region, a.secret_name, a.replica_region, a.event_time,
    max(CASE WHEN a.outcome <> 'ok' THEN 0 WHEN a.sensitivity IN ('high', 'critical') THEN 2 ELSE 1 END) AS rank,
    bool_or(a.outcome = 'ok') AS succeeded,
    max(a.secret_arn) AS secret_arn,
    min(a.principal) AS principal,
    CASE WHEN min(a.actor) = max(a.actor) THEN min(a.actor) END AS actor,
    max(a.owner) AS owner,
    max(a.sensitivity) AS sensitivity,
    bool_and(array_has(coalesce(c.regions, o.regions), a.replica_region)) AS is_ours,
    max(array_to_string(coalesce(c.regions, o.regions), ', ')) AS regions,
    array_sort(array_agg(DISTINCT a.event_id)) AS event_ids
  FROM asked a
  CROSS JOIN organization o
  LEFT JOIN contracts c
    ON c.account_id = a.account_id AND c.aws_region = a.aws_region AND c.secret_name = a.secret_name
  WHERE cardinality(coalesce(c.regions, o.regions)) > 0
    AND (NOT array_has(coalesce(c.regions, o.regions), a.replica_region) OR (c.account_id IS NOT NULL AND c.regions IS NULL))
  GROUP BY a.account_id, a.aws_region, a.secret_name, a.replica_region, a.event_time
)
SELECT
  concat_ws('|', account_id, aws_region, secret_name, replica_region, to_char(event_time, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(secret_name, ' replicated to ', replica_region) AS title,
  concat(
    coalesce(principal, 'somebody'), CASE WHEN succeeded THEN ' replicated ' ELSE ' tried to replicate ' END,
      secret_name,
    ' from ', aws_region, ' to ', replica_region,
    CASE WHEN is_ours THEN '. The organization is there, but the contract does not speak of replicas.' ELSE concat('. The policy lists ', regions, '.') END
  ) AS summary,
  account_id, aws_region, secret_arn, secret_name, principal, actor,
  event_time AS window_start,
  event_time + INTERVAL '1 second' AS window_end,
  concat('a replica in ', replica_region) AS observed,
  CASE WHEN is_ours THEN 'replicas that the contract lists' ELSE concat('replicas in ', regions, ' only') END AS expected,
  event_ids AS evidence,
  named_struct(
    'region', replica_region, 'approved', regions, 'rank', rank, 'succeeded', succeeded, 'owner', owner,
    'sensitivity', sensitivity
  ) AS detail,
  CASE WHEN rank = 0 THEN 'info' WHEN is_ours THEN 'low' WHEN rank = 2 THEN 'high' WHEN sensitivity = 'low' THEN 'low'
    ELSE 'medium' END AS severity
FROM judged
WHERE rank >= $min_rank
