-- secret_tags: one row for each secret and tag key, with the value that was set last: account_id, aws_region,
-- secret_name. key, value: the tag. set_at: when it was set last, UTC. From CreateSecret and TagResource; the policy's
-- tag selectors match these rows, so this view uses no policy table.
-- Left out: UntagResource, whose record names keys but sets no tag: a removed tag stays here with its last value.
WITH tagged AS ( -- a row: one tag set by one call
  SELECT account_id, aws_region, secret_name, event_time, event_id, unnest(tags) AS tag
  FROM touches
  WHERE event_source = 'secretsmanager.amazonaws.com' AND outcome = 'ok'
    AND event_name IN ('CreateSecret', 'TagResource')
),
latest AS ( -- a row: one tag as set last
  SELECT
    account_id, aws_region, secret_name, tag['key'] AS key,
    max(named_struct('at', event_time, 'event_id', event_id, 'value', tag['value'])) AS last
  FROM tagged
  GROUP BY account_id, aws_region, secret_name, tag['key']
)
SELECT account_id, aws_region, secret_name, key, last['value'] AS value, last['at'] AS set_at
FROM latest
