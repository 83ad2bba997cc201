-- purpose = "In which hours of the week does a principal read? In the policy's local time"
-- description = """
-- To see whether a time is unusual before you ask anybody, and to write working hours into a contract. local_dow is 1
-- for Monday to 7 for Sunday. weeks says in how many weeks the hour had a read: one is an exception, all of them a
-- habit."""
-- [parameters.principal]
-- default = "%"
-- description = "The principal's ARN; % stands for anything"
-- [parameters.secret]
-- default = "%"
-- description = "The secret's name; % stands for anything"
SELECT
  r.principal, l.local_dow, l.local_hour, count(*) AS reads, count(DISTINCT l.local_date) AS weeks,
  count(DISTINCT r.secret_name) AS secrets, min(r.event_time) AS first_read, max(r.event_time) AS last_read
FROM reads r
JOIN local_time l ON l.slot = date_bin(INTERVAL '15 minutes', r.event_time)
WHERE r.principal LIKE $principal AND r.secret_name LIKE $secret AND r.rotation IS NULL
GROUP BY r.principal, l.local_dow, l.local_hour
ORDER BY r.principal, l.local_dow, l.local_hour
