-- title = "What a cache would save"
-- basis = "View reads: a reader that kept the value for its time to live would have read at most once in each stretch of that length; the rest is saved, at the least. The time to live is the contract's cache_ttl, else the default that the report names. Each session counts as a task with a cache of its own."
-- empty = "No reader reads more often than a cache would."
-- [columns]
-- secret = "text"
-- account = "beneath"
-- region = "beneath"
-- principal = "principal"
-- ttl = "length"
-- from = "text: whose word the time to live is"
-- reads = "count"
-- with_cache = "count: reads that would be left"
-- saved = "count"
-- usd_saved = "usd: calls, and the KMS request that each makes"
WITH bounded AS ( -- a row: one read and the stretch of its reader's cache that it falls into
  SELECT
    r.account_id, r.aws_region, r.secret_name, r.principal,
    coalesce(p.cache_ttl_seconds, $ttl_seconds) AS ttl,
    CASE WHEN p.cache_ttl_seconds IS NULL THEN 'default' ELSE 'contract' END AS source,
    concat_ws('|', coalesce(r.actor, ''), to_unixtime(r.event_time) / coalesce(p.cache_ttl_seconds, $ttl_seconds)) AS stretch
  FROM reads r
  LEFT JOIN policy_secrets p
    ON p.account_id = r.account_id AND p.aws_region = r.aws_region AND p.secret_name = r.secret_name
  WHERE r.rotation IS NULL AND r.event_time >= $from AND r.event_time < $to
),
counted AS ( -- a row: one reader of one secret
  SELECT
    account_id, aws_region, secret_name, principal, max(ttl) AS ttl, max(source) AS source, count(*) AS reads,
    count(DISTINCT stretch) AS with_cache
  FROM bounded
  GROUP BY account_id, aws_region, secret_name, principal
)
SELECT
  secret_name AS secret, account_id AS account, aws_region AS region, principal, ttl, source AS "from", reads, with_cache,
  reads - with_cache AS saved, (reads - with_cache) * ($usd_a_call + $usd_a_kms_request) AS usd_saved
FROM counted
WHERE reads > with_cache
ORDER BY saved DESC, secret, account, region, principal
