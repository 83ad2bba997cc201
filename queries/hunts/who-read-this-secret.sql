-- purpose = "Who was given this secret's value, how often, from where, and in which versions?"
-- description = """
-- The first question about any leak. Read rotation as: own, the rotation function at work; other, it read another
-- secret meanwhile; empty, ordinary."""
-- [parameters.secret]
-- default = "prod/%"
-- description = "The secret's name; % stands for anything"
SELECT
  account_id, aws_region, secret_name, principal, rotation,
  count(*) AS reads,
  min(event_time) AS first_read,
  max(event_time) AS last_read,
  array_slice(array_sort(array_agg(DISTINCT actor)), 1, 5) AS actors,
  array_slice(array_sort(array_agg(DISTINCT source_ip)), 1, 5) AS source_ips,
  array_sort(array_agg(DISTINCT secret_version_id)) AS versions
FROM reads
WHERE secret_name LIKE $secret
GROUP BY account_id, aws_region, secret_name, principal, rotation
ORDER BY account_id, aws_region, secret_name, reads DESC, principal
