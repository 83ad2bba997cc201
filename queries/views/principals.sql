-- principals: one row for each principal that ever acted, and what kind it is.
--
-- kind: human (named by [[humans]], a role of IAM Identity Center, an Identity Center, SAML user, or an IAM user that
-- was seen with console credentials), root, service (an AWS service, or a service-linked role), workload (any other
-- role), unknown (an IAM user that was seen with keys only, a foreign account's principal without ARN). A role that
-- people switch to in the console stays a workload unless [[humans]] names it: its tasks are no people. account_id: the
-- account in its ARN, null where it has none. first_seen, last_seen: its first and its last action, UTC. actions: how
-- many.
SELECT
  s.principal,
  CASE
    WHEN p.principal IS NOT NULL THEN 'human'
    WHEN s.is_root THEN 'root'
    WHEN s.is_service OR s.principal LIKE 'arn:%:role/aws-service-role/%' THEN 'service'
    WHEN s.principal LIKE 'arn:%:role/%AWSReservedSSO_%' OR s.user_in_console OR s.is_signed_in THEN 'human'
    WHEN s.principal LIKE 'arn:%:role/%' THEN 'workload'
    ELSE 'unknown'
  END AS kind,
  CASE WHEN s.principal LIKE 'arn:%' THEN split_part(s.principal, ':', 5) END AS account_id,
  s.first_seen, s.last_seen, s.actions
FROM traits s
LEFT JOIN policy_people p ON p.principal = s.principal
