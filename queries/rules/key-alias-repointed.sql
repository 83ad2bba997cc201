-- id = "key-alias-repointed"
-- title = "An alias names another key than before"
-- severity = "medium"
-- window = "1s"
-- history = "400d"
-- scope = "landmarks"
-- attack = ["T1565", "T1486"]
-- description = """\
--   UpdateAlias, or CreateAlias after DeleteAlias, made an alias name another key. Whoever encrypts by the alias \
--   uses the other key from then on, silently: what is written now can be read by whom that key's policy lets in, \
--   and goes with that key when it is deleted. Rank 2, medium: the earlier key is known and is another. Rank 1, \
--   low: an alias was moved and the lake does not know from where. Rank 0: it names the same key again, or the \
--   attempt failed.\
--   """
-- runbook = [
--   "Whose key is it now: who made it, when, and what does its policy allow (view key_changes)?",
--   "Not announced: point the alias back with UpdateAlias, to the earlier key that the finding names.",
--   "What was written in between is encrypted with the other key: write it again before that key goes.",
-- ]
-- benign = [
--   "A key that is replaced by hand once a year.",
--   "Infrastructure as code that makes a stack's key anew.",
-- ]
-- [parameters.min_rank]
-- default = 2
-- unit = "rank, 0 to 2"
-- description = "What is told from which rank on. Rank 1 is any move while the lake is young."
WITH moves AS ( -- a row: one call that says which key an alias names
  SELECT account_id, aws_region, alias, event_name, event_time, event_id, outcome, principal, actor, key_id
  FROM key_changes
  WHERE alias IS NOT NULL AND key_id IS NOT NULL AND key_id <> alias AND event_name IN ('CreateAlias', 'UpdateAlias')
),
chain AS ( -- a row: one that succeeded, with the key that its alias named before; a deleted alias keeps its memory
  SELECT *, lag(key_id) OVER (PARTITION BY account_id, aws_region, alias ORDER BY event_time, event_id) AS before
  FROM moves
  WHERE outcome = 'ok'
),
ranked AS ( -- a row: one move and how bad it is
  SELECT
    *,
    CASE WHEN key_id <> before THEN 2 WHEN before IS NULL AND event_name = 'UpdateAlias' THEN 1 ELSE 0 END AS rank
  FROM chain
  UNION ALL
  SELECT *, CAST(NULL AS VARCHAR) AS before, 0 AS rank
  FROM moves
  WHERE outcome <> 'ok'
),
judged AS ( -- a row: one alias in one second
  SELECT
    account_id, aws_region, alias, event_name, event_time,
    max(rank) AS rank,
    max(named_struct('rank', rank, 'event_id', event_id, 'before', before, 'after', key_id)) AS worst,
    bool_or(outcome = 'ok') AS succeeded,
    min(principal) AS principal,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    array_sort(array_agg(DISTINCT event_id)) AS event_ids
  FROM ranked
  WHERE event_name = 'UpdateAlias' OR before IS NOT NULL
  GROUP BY account_id, aws_region, alias, event_name, event_time
)
SELECT
  concat_ws('|', account_id, aws_region, alias, event_name, to_char(event_time, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(alias, ' now names the key ', worst['after']) AS title,
  concat(
    coalesce(principal, 'somebody'), CASE WHEN succeeded THEN ' made ' ELSE ' tried to make ' END, alias,
      ' name the key ', worst['after'], ' with ',
    event_name, '; ', CASE WHEN worst['before'] IS NULL THEN 'what it named before is not known.'
      ELSE concat('it named ', worst['before'], ' before.') END
  ) AS summary,
  account_id, aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  CAST(NULL AS VARCHAR) AS secret_name,
  principal, actor,
  event_time AS window_start,
  event_time + INTERVAL '1 second' AS window_end,
  concat('1 alias names ', worst['after']) AS observed,
  coalesce(concat('the key that it named: ', worst['before']),
    'no change (no baseline yet: the key before is unknown)') AS expected,
  event_ids AS evidence,
  named_struct('alias', alias, 'call', event_name, 'key_before', worst['before'], 'key_after', worst['after'], 'rank',
    rank, 'succeeded', succeeded) AS detail,
  CASE rank WHEN 2 THEN 'medium' WHEN 1 THEN 'low' ELSE 'info' END AS severity
FROM judged
WHERE rank >= $min_rank
