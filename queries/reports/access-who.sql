-- title = "Who reads what"
-- basis = "View reads against the contracts' roles. Reads by a rotation's worker while it rotates are left out."
-- empty = "No secret was read in this time."
-- [columns]
-- secret = "text"
-- account = "beneath"
-- region = "beneath"
-- owner = "text: by the contract"
-- sensitivity = "text: by the contract"
-- principal = "principal"
-- kind = "text: human, workload, service, root, unknown"
-- contract = "verdict: declared, break glass or rotator; undeclared where the contract names others; no contract where it names no readers"
-- reads = "count: deliveries"
-- days = "count: days with a read"
-- sessions = "count: different actors"
-- first_read = "time: in this time"
-- last_read = "time"
WITH roles AS ( -- a row: one principal that the contract of one secret names
  SELECT
    account_id, aws_region, secret_name, principal,
    bool_or(role = 'reader') AS is_reader, bool_or(role = 'break_glass') AS is_break_glass,
    bool_or(role = 'rotator') AS is_rotator
  FROM policy_principals
  GROUP BY account_id, aws_region, secret_name, principal
)
SELECT
  r.secret_name AS secret, r.account_id AS account, r.aws_region AS region, max(p.owner) AS owner,
  max(p.sensitivity) AS sensitivity, r.principal, max(k.kind) AS kind,
  CASE
    WHEN bool_or(o.is_reader) THEN 'declared'
    WHEN bool_or(o.is_break_glass) THEN 'break glass'
    WHEN bool_or(o.is_rotator) THEN 'rotator'
    WHEN bool_or(p.readers_declared) THEN 'undeclared'
    ELSE 'no contract'
  END AS contract,
  count(*) AS reads, count(DISTINCT date_trunc('day', r.event_time)) AS days, count(DISTINCT r.actor) AS sessions,
  min(r.event_time) AS first_read, max(r.event_time) AS last_read
FROM reads r
LEFT JOIN principals k ON k.principal = r.principal
LEFT JOIN policy_secrets p
  ON p.account_id = r.account_id AND p.aws_region = r.aws_region AND p.secret_name = r.secret_name
LEFT JOIN roles o
  ON o.account_id = r.account_id AND o.aws_region = r.aws_region AND o.secret_name = r.secret_name
  AND o.principal = r.principal
WHERE r.rotation IS NULL AND r.event_time >= $from AND r.event_time < $to
GROUP BY r.account_id, r.aws_region, r.secret_name, r.principal
ORDER BY secret, account, region, reads DESC, r.principal
