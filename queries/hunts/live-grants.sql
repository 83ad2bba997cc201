-- purpose = "Grants on KMS keys that were made and not taken back, as far as the lake shows"
-- description = """
-- A grant outlives the policy that allowed it, and no list of policies shows it. Services make them by the thousand
-- for disks and functions; by default those are left out. A grant that was retired with its token alone, or before
-- the lake began, is still listed: `aws kms list-grants` says what holds."""
-- [parameters.with_services]
-- default = false
-- description = "Whether grants that an AWS service made or holds are listed too"
WITH ended AS ( -- a row: a grant that was taken back or given up
  SELECT "grant"['grant_id'] AS grant_id, min(event_time) AS ended_at
  FROM events
  WHERE event_source = 'kms.amazonaws.com' AND event_name IN ('RevokeGrant', 'RetireGrant') AND outcome = 'ok'
    AND "grant"['grant_id'] IS NOT NULL
  GROUP BY "grant"['grant_id']
),
made AS ( -- a row: one grant; the copies of one action are one
  SELECT
    "grant"['grant_id'] AS grant_id, "grant"['grantee_principal'] AS grantee, min(event_time) AS made_at,
    max(kms_key_arn) AS kms_key_arn, max(principal) AS made_by, max(invoked_by) AS invoked_by,
    max("grant"['retiring_principal']) AS retiring_principal,
    max("grant"['operations']) AS operations, max("grant"['constraints']) AS constraints, max(event_id) AS event_id
  FROM events
  WHERE event_source = 'kms.amazonaws.com' AND event_name = 'CreateGrant' AND outcome = 'ok'
    AND "grant"['grant_id'] IS NOT NULL
  GROUP BY "grant"['grant_id'], "grant"['grantee_principal']
)
SELECT
  m.made_at, m.kms_key_arn, m.grantee, m.operations, m.constraints, m.made_by, m.invoked_by, m.retiring_principal,
  m.grant_id, m.event_id
FROM made m
LEFT JOIN ended e ON e.grant_id = m.grant_id
WHERE e.grant_id IS NULL AND ($with_services OR (m.invoked_by IS NULL AND m.grantee NOT LIKE '%.amazonaws.com'))
ORDER BY m.made_at, m.grant_id, m.grantee
