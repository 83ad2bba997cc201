-- purpose = "Secrets by the number of principals that were given their values"
-- description = """
-- To find what is shared too widely: each reader is a place where the value can leak, and must be told of a rotation.
-- people counts human readers; outsiders those of another account. A rotation's own reads do not count."""
-- [parameters.least]
-- default = 1
-- unit = "principals"
-- description = "Secrets with fewer readers are left out"
SELECT
  r.account_id, r.aws_region, r.secret_name,
  count(DISTINCT r.principal) AS readers,
  count(DISTINCT CASE WHEN p.kind IN ('human', 'root') THEN r.principal END) AS people,
  count(DISTINCT CASE WHEN r.principal_account <> r.account_id THEN r.principal END) AS outsiders,
  count(*) AS reads, max(r.event_time) AS last_read
FROM reads r
LEFT JOIN principals p ON p.principal = r.principal
WHERE r.rotation IS NULL
GROUP BY r.account_id, r.aws_region, r.secret_name
HAVING count(DISTINCT r.principal) >= $least
ORDER BY readers DESC, reads DESC, r.account_id, r.aws_region, r.secret_name
