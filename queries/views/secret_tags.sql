-- secret_tags: one row for each secret and tag key, with the value that was set last: account_id, aws_region,
-- secret_name. key, value: the tag. set_at: when it was set last, UTC. From CreateSecret and TagResource, and from the
-- inventory, which knows all tags as of its time: then older ones that it does not list are gone. The policy's tag
-- selectors match these rows, so this view uses no table that is made of them.
-- Left out: UntagResource, whose record names keys but sets no tag: a tag that was removed since the inventory, or
-- where there is none, stays here with its last value.
WITH tagged AS ( -- a row: one tag set by one call
  SELECT account_id, aws_region, secret_name, event_time, event_id, unnest(tags) AS tag
  FROM touches
  WHERE event_source = 'secretsmanager.amazonaws.com' AND outcome = 'ok'
    AND event_name IN ('CreateSecret', 'TagResource')
),
told AS ( -- a row: one tag as somebody set it, or as it is listed
  SELECT
    account_id, aws_region, secret_name, event_time AS at, event_id, tag['key'] AS key, tag['value'] AS value,
    false AS is_listed
  FROM tagged
  UNION ALL
  SELECT t.account_id, t.aws_region, t.secret_name, i.as_of AS at, '' AS event_id, t.key, t.value, true AS is_listed
  FROM inventory_tags t
  JOIN inventory i
    ON i.account_id = t.account_id AND i.aws_region = t.aws_region AND i.secret_name = t.secret_name
),
latest AS ( -- a row: one tag as set last
  SELECT
    account_id, aws_region, secret_name, key,
    max(named_struct('at', at, 'event_id', event_id, 'value', value, 'is_listed', is_listed)) AS last
  FROM told
  GROUP BY account_id, aws_region, secret_name, key
)
SELECT l.account_id, l.aws_region, l.secret_name, l.key, l.last['value'] AS value, l.last['at'] AS set_at
FROM latest l
LEFT JOIN inventory i
  ON i.account_id = l.account_id AND i.aws_region = l.aws_region AND i.secret_name = l.secret_name
WHERE l.last['is_listed'] OR i.as_of IS NULL OR l.last['at'] > i.as_of
