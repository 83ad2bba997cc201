-- purpose = "Reads from a network that the principal used on one day only, while it has others"
-- description = """
-- A stolen credential is used from where its owner never is. A network is the first three numbers of an IPv4 address,
-- the first four groups of an IPv6 one as written. Reads that a service made on the principal's behalf have no
-- address of its own and are left out. Principals with a single network are left out: everything of theirs would be a
-- row."""
-- [parameters.most_days]
-- default = 1
-- unit = "days"
-- description = "Networks that were used on more days are left out"
WITH placed AS ( -- a row: one read, and the network that it came from
  SELECT
    principal, actor, secret_name, event_time, source_ip,
    CASE
      WHEN source_ip LIKE '%:%' THEN concat_ws(':', split_part(source_ip, ':', 1), split_part(source_ip, ':', 2),
        split_part(source_ip, ':', 3), split_part(source_ip, ':', 4))
      ELSE concat_ws('.', split_part(source_ip, '.', 1), split_part(source_ip, '.', 2), split_part(source_ip, '.', 3))
    END AS network
  FROM reads
  WHERE source_ip IS NOT NULL AND invoked_by IS NULL
),
networks AS ( -- a row: one network of one principal
  SELECT
    principal, network, count(DISTINCT date_trunc('day', event_time)) AS days, count(*) AS reads,
    count(DISTINCT secret_name) AS secrets, min(event_time) AS first_read, max(event_time) AS last_read,
    array_slice(array_sort(array_agg(DISTINCT source_ip)), 1, 5) AS source_ips,
    array_slice(array_sort(array_agg(DISTINCT actor)), 1, 5) AS actors
  FROM placed
  GROUP BY principal, network
),
counted AS ( -- a row: the same, and how many networks the principal has
  SELECT *, count(*) OVER (PARTITION BY principal) AS networks
  FROM networks
)
SELECT principal, network, days, reads, secrets, first_read, last_read, source_ips, actors, networks AS networks_of_principal
FROM counted
WHERE networks > 1 AND days <= $most_days
ORDER BY first_read, principal, network
