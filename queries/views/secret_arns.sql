-- secret_arns: one row for each full secret ARN that the lake has learned, from wherever: creates, Decrypt contexts,
-- answers, service events, ARNs that callers typed, the inventory.
--
-- A name that was deleted and created again has one row for each of its ARNs. valid_from, valid_to (UTC, half open):
-- when the name meant this ARN, from its first sight on until the next one's; the earliest ARN of a name also stands
-- for all time before. So a bare name resolves the same whatever order the records came in. secret_arn: the ARN.
-- first_seen: when it first occurred, UTC; where the inventory lists it, when it was created. created_at: when it was
-- created, UTC, null where neither the lake nor the inventory tells. deleted_at: when the deletion takes effect, UTC, null
-- again after RestoreSecret; where only the inventory tells of the deletion, the date that it gives.
-- Left out: partial ARNs, and names that were never seen with an ARN.
WITH named AS ( -- a row: one target of one call that begins or ends a secret's life
  SELECT event_time, event_name, deletion_date, unnest(targets) AS target
  FROM events
  WHERE event_source = 'secretsmanager.amazonaws.com' AND outcome = 'ok'
    AND event_name IN ('CreateSecret', 'DeleteSecret', 'RestoreSecret')
),
life AS ( -- a row: one ARN's beginning and end
  SELECT
    target['arn'] AS secret_arn,
    min(CASE WHEN event_name = 'CreateSecret' THEN event_time END) AS created_at,
    max(CASE WHEN event_name = 'DeleteSecret' THEN event_time END) AS delete_called_at,
    max(CASE WHEN event_name = 'DeleteSecret' THEN coalesce(deletion_date, event_time) END) AS deleted_at,
    max(CASE WHEN event_name = 'RestoreSecret' THEN event_time END) AS restored_at
  FROM named
  WHERE target['kind'] = 'secret' AND target['arn'] IS NOT NULL
  GROUP BY target['arn']
),
whole AS ( -- a row: one full ARN
  SELECT
    s.account_id, s.aws_region, s.secret_name, s.spelling AS secret_arn, s.first_seen,
    coalesce(l.created_at, i.created_at) AS created_at,
    CASE
      WHEN l.restored_at >= coalesce(l.delete_called_at, i.deleted_at) AND l.restored_at >= coalesce(i.as_of, l.restored_at)
        THEN NULL
      -- It was listed after the deletion, and not as deleted: it was restored out of sight.
      WHEN i.as_of > l.delete_called_at AND i.deleted_at IS NULL THEN NULL
      WHEN l.restored_at >= l.delete_called_at THEN i.deleted_at
      ELSE coalesce(l.deleted_at, i.deleted_at)
    END AS deleted_at
  FROM secret_spellings s
  LEFT JOIN life l ON l.secret_arn = s.spelling
  LEFT JOIN inventory i ON i.secret_arn = s.spelling
  WHERE NOT s.is_partial
)
SELECT
  account_id, aws_region, secret_name, secret_arn, first_seen, created_at, deleted_at,
  CASE
    WHEN row_number() OVER by_sight = 1 THEN arrow_cast(TIMESTAMP '1970-01-01T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')
    ELSE first_seen
  END AS valid_from,
  coalesce(
    lead(first_seen) OVER by_sight, arrow_cast(TIMESTAMP '2200-01-01T00:00:00Z', 'Timestamp(Microsecond, Some("UTC"))')
  ) AS valid_to
FROM whole
WINDOW by_sight AS (PARTITION BY account_id, aws_region, secret_name ORDER BY first_seen, secret_arn)
