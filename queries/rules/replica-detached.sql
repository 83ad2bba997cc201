-- id = "replica-detached"
-- title = "A replica was promoted or removed"
-- severity = "medium"
-- window = "1s"
-- history = "1d"
-- scope = "secret"
-- attack = ["T1537", "T1531"]
-- description = """\
--   StopReplicationToReplica made a replica a secret of its own: a second copy of the value that follows no rotation, \
--   has its own policy, and stays when the first is deleted (rank 2, medium). RemoveRegionsFromReplication took \
--   replicas away: whoever reads them fails at the next failover (rank 1, low). One more for sensitive secrets. Rank \
--   0: attempts that failed.\
--   """
-- runbook = [
--   "Ask the owner: is it a failover, a move to another region, or nobody's plan?",
--   "Promoted: who reads the copy now, and who rotates it? Give it a contract, or delete it and replicate again.",
--   "Removed: look for readers in that region (view reads, by aws_region), and replicate again if there are any.",
-- ]
-- benign = [
--   "A drill or a real failover, in which the replica is promoted on purpose.",
--   "A region that is being left.",
-- ]
-- [parameters.min_rank]
-- default = 1
-- unit = "rank, 0 to 3"
-- description = "What is told from which rank on."
WITH judged AS ( -- a row: one secret and one kind of call in one second
  SELECT
    account_id, aws_region, secret_name, event_name, event_time,
    max(CASE WHEN outcome <> 'ok' THEN 0 ELSE
      CASE event_name WHEN 'StopReplicationToReplica' THEN 2 ELSE 1 END
      + CASE WHEN sensitivity IN ('high', 'critical') THEN 1 ELSE 0 END
    END) AS rank,
    bool_or(outcome = 'ok') AS succeeded,
    array_sort(array_distinct(flatten(array_agg(replica_regions)))) AS regions,
    max(secret_arn) AS secret_arn,
    min(principal) AS principal,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    max(owner) AS owner,
    max(sensitivity) AS sensitivity,
    array_sort(array_agg(DISTINCT event_id)) AS event_ids
  FROM secret_changes
  WHERE event_name IN ('StopReplicationToReplica', 'RemoveRegionsFromReplication')
  GROUP BY account_id, aws_region, secret_name, event_name, event_time
)
SELECT
  concat_ws('|', account_id, aws_region, secret_name, event_name, to_char(event_time, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(CASE event_name WHEN 'StopReplicationToReplica' THEN 'Replica promoted: ' ELSE 'Replica removed: ' END,
    secret_name) AS title,
  concat(
    coalesce(principal, 'somebody'), CASE WHEN succeeded THEN ' called ' ELSE ' tried to call ' END, event_name, ': ',
    CASE event_name
      WHEN 'StopReplicationToReplica' THEN concat('the replica of ', secret_name, ' in ', aws_region,
        ' becomes a secret of its own.')
      ELSE concat('the replicas of ', secret_name, ' in ',
        coalesce(nullif(array_to_string(regions, ', '), ''), 'unnamed regions'), ' go.')
    END
  ) AS summary,
  account_id, aws_region, secret_arn, secret_name, principal, actor,
  event_time AS window_start,
  event_time + INTERVAL '1 second' AS window_end,
  concat('1 ', event_name) AS observed,
  '0: replicas follow their primary' AS expected,
  event_ids AS evidence,
  named_struct('call', event_name, 'regions', regions, 'rank', rank, 'succeeded', succeeded, 'owner', owner,
    'sensitivity', sensitivity) AS detail,
  CASE rank WHEN 3 THEN 'high' WHEN 2 THEN 'medium' WHEN 1 THEN 'low' ELSE 'info' END AS severity
FROM judged
WHERE rank >= $min_rank
