-- sightings: one row for each ARN of a secret that occurs in any event or in the inventory, with what its occurrences
-- add up to.
--
-- spelling: the ARN as it occurs. proven: AWS itself wrote it (answer, encryption context, service event, inventory).
-- first_seen: when it first occurred, UTC; where the inventory lists it, when it was created. secret_spellings says what each of them means.
-- known_sightings: what is known of events that are not in sight, see the file knowledge.rs; empty where all are.
WITH named AS ( -- a row: one target of one event
  SELECT event_time, unnest(targets) AS target
  FROM events
),
seen AS ( -- a row: one occurrence
  SELECT
    target['arn'] AS spelling,
    target['as_asked'] IS NULL OR target['as_asked'] <> target['arn'] AS proven,
    event_time AS first_seen
  FROM named
  WHERE target['kind'] = 'secret' AND target['arn'] IS NOT NULL
  UNION ALL
  SELECT secret_arn AS spelling, true AS proven, coalesce(created_at, as_of) AS first_seen
  FROM inventory
  UNION ALL
  SELECT spelling, proven, first_seen
  FROM known_sightings
)
SELECT spelling, bool_or(proven) AS proven, min(first_seen) AS first_seen
FROM seen
GROUP BY spelling
