-- purpose = "Who changed the policy of a family of secrets, and whom did it let in?"
-- description = """
-- One row for each statement that a call wrote; a call that removed the policy, or was refused, has one row without a
-- statement. principals with a star, or of another account, are worth a look, and so is a condition that is missing."""
-- [parameters.secret]
-- default = "%"
-- description = "The secret's name; % stands for anything"
WITH calls AS ( -- a row: one call about one secret's policy
  SELECT *
  FROM secret_changes
  WHERE event_name IN ('PutResourcePolicy', 'DeleteResourcePolicy') AND secret_name LIKE $secret
),
written AS ( -- a row: one statement of one call
  SELECT event_id, account_id, secret_name, unnest(policy_statements) AS statement
  FROM calls
)
SELECT
  c.event_time, c.event_name, c.outcome, c.account_id, c.aws_region, c.secret_name, c.principal, c.actor, c.source_ip,
  c.is_admin, w.statement['effect'] AS effect, w.statement['principals'] AS principals, w.statement['actions'] AS actions,
  w.statement['condition'] AS condition, c.event_id
FROM calls c
LEFT JOIN written w ON w.event_id = c.event_id AND w.account_id = c.account_id AND w.secret_name = c.secret_name
ORDER BY c.event_time, c.event_id, w.statement['sid']
