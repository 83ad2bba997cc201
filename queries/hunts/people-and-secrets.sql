-- purpose = "Which people were given secrets' values, and which ones?"
-- description = """
-- For the quarterly review of access. People should read production secrets through break-glass or not at all. The
-- actor is the person: single sign-on puts the e-mail address there."""
-- [parameters.secret]
-- default = "%"
-- description = "The secret's name; % stands for anything"
SELECT
  r.principal, r.actor, r.account_id, r.secret_name, count(*) AS reads, min(r.event_time) AS first_read, max(r.event_time) AS last_read,
  array_slice(array_sort(array_agg(DISTINCT r.source_ip)), 1, 5) AS source_ips
FROM reads r
JOIN principals p ON p.principal = r.principal
WHERE (p.kind IN ('human', 'root') OR r.from_console) AND r.secret_name LIKE $secret
GROUP BY r.principal, r.actor, r.account_id, r.secret_name
ORDER BY r.actor, last_read DESC, r.secret_name
