-- shared_actions: one row for each cross-account action of which the resource owner's copy was delivered.
--
-- owner_account, owner_event_id: that copy's. caller_copies: how many copies name their caller. Few; a view of its own, so
-- that actions joins many events with few rows, and not the other way round.
SELECT
  shared_event_id,
  min(CASE WHEN identity_type = 'AWSAccount' THEN account_id END) AS owner_account,
  min(CASE WHEN identity_type = 'AWSAccount' THEN event_id END) AS owner_event_id,
  count(CASE WHEN identity_type <> 'AWSAccount' THEN 1 END) AS caller_copies
FROM watched
WHERE shared_event_id IS NOT NULL
  AND identity_type <> 'AWSService'
  AND event_type NOT IN ('AwsVpceEvent', 'AwsCloudTrailInsight', 'AwsAggregatedEvent')
GROUP BY shared_event_id
HAVING count(CASE WHEN identity_type = 'AWSAccount' THEN 1 END) > 0
