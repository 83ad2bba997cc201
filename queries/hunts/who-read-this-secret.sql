-- Who was given this secret's value, how often, from where, and in which versions?
-- Use: the first question about any leak. Put the secret's name into the WHERE clause; % stands for anything.
-- Read rotation as: own, the rotation function at work; other, it read another secret meanwhile; empty, ordinary.
SELECT
  account_id, aws_region, secret_name, principal, rotation,
  count(*) AS reads,
  min(event_time) AS first_read,
  max(event_time) AS last_read,
  array_slice(array_sort(array_agg(DISTINCT actor)), 1, 5) AS actors,
  array_slice(array_sort(array_agg(DISTINCT source_ip)), 1, 5) AS source_ips,
  array_sort(array_agg(DISTINCT secret_version_id)) AS versions
FROM reads
WHERE secret_name LIKE 'prod/%'
GROUP BY account_id, aws_region, secret_name, principal, rotation
ORDER BY account_id, aws_region, secret_name, reads DESC, principal
