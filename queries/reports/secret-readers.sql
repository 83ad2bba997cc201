-- title = "Who reads it"
-- basis = "View reads against the contract's roles."
-- empty = "Nobody read it in this time."
-- [columns]
-- region = "code"
-- principal = "principal"
-- kind = "text"
-- contract = "verdict: declared, break glass or rotator by the contract; undeclared where it names others; no contract where it names no readers"
-- reads = "count: deliveries outside rotations"
-- in_rotations = "count: deliveries to a rotation's worker"
-- sessions = "count: different actors"
-- addresses = "count: different source addresses"
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
  r.aws_region AS region, r.principal, max(k.kind) AS kind,
  CASE
    WHEN bool_or(o.is_reader) THEN 'declared'
    WHEN bool_or(o.is_break_glass) THEN 'break glass'
    WHEN bool_or(o.is_rotator) THEN 'rotator'
    WHEN bool_or(p.readers_declared) THEN 'undeclared'
    ELSE 'no contract'
  END AS contract,
  count(CASE WHEN r.rotation IS NULL THEN 1 END) AS reads,
  count(r.rotation) AS in_rotations,
  count(DISTINCT r.actor) AS sessions,
  count(DISTINCT r.source_ip) AS addresses,
  min(r.event_time) AS first_read,
  max(r.event_time) AS last_read
FROM reads r
LEFT JOIN principals k ON k.principal = r.principal
LEFT JOIN policy_secrets p
  ON p.account_id = r.account_id AND p.aws_region = r.aws_region AND p.secret_name = r.secret_name
LEFT JOIN roles o
  ON o.account_id = r.account_id AND o.aws_region = r.aws_region AND o.secret_name = r.secret_name
  AND o.principal = r.principal
WHERE r.event_time >= $from AND r.event_time < $to AND r.secret_name = $secret
  AND ($account = '' OR r.account_id = $account) AND ($region = '' OR r.aws_region = $region)
GROUP BY r.aws_region, r.principal
ORDER BY reads DESC, in_rotations DESC, r.principal, r.aws_region
