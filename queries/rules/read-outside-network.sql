-- id = "read-outside-network"
-- title = "A workload read from outside its network"
-- severity = "medium"
-- window = "3d"
-- history = "36d"
-- scope = "principal"
-- attack = ["T1078.004", "T1552.005", "T1555.006"]
-- description = """\
--   A principal that is no person and whose reads all came from private networks (through VPC endpoints, or from private \
--   addresses) read from a public address, or through an endpoint that it never used. Credentials that leave their \
--   machine look like this. Medium; high where it goes on reading from inside within two days, because a service that \
--   moved does not; low for another endpoint. Only calls that the principal made itself count: on calls that \
--   a service made for it the endpoint is AWS's own. Told once for each place, on the day on which it is new.\
--   """
-- runbook = [
--   "Whose address is it (whois, your own NAT gateways, the office)? Which actor, which user agent?",
--   "If the address is not yours: revoke the role's sessions, rotate what was read there, look for the machine that lost the credentials.",
--   "If it is yours: the workload moved; nothing to do.",
-- ]
-- benign = [
--   "The VPC endpoint was removed, or replaced by another: then all of the role's reads move.",
--   "A new cluster or region that runs the same role.",
--   "Somebody debugs with the service's role from a laptop, which is worth knowing.",
-- ]
-- [parameters.memory]
-- type = "duration"
-- default = "35d"
-- description = "Where a principal read from within this is its network."
-- [parameters.min_days]
-- default = 7
-- unit = "days with reads"
-- description = "On how many days a principal must have read before it has a network."
WITH direct AS ( -- a row: one read that its principal made itself, with the place that it was made from
  SELECT
    r.principal, r.actor, r.event_time, r.event_id, r.account_id, r.aws_region, r.secret_name, r.source_ip,
    date_trunc('day', r.event_time) AS day,
    CASE
      WHEN r.vpc_endpoint_id IS NOT NULL THEN r.vpc_endpoint_id
      WHEN r.source_ip LIKE '10.%' OR r.source_ip LIKE '192.168.%' OR r.source_ip LIKE '100.64.%'
        OR r.source_ip LIKE 'fc%:%' OR r.source_ip LIKE 'fd%:%'
        OR (r.source_ip LIKE '172.%.%' AND length(split_part(r.source_ip, '.', 2)) = 2
          AND split_part(r.source_ip, '.', 2) BETWEEN '16' AND '31')
        THEN 'private'
      ELSE 'public'
    END AS place
  FROM reads r
  JOIN principals p ON p.principal = r.principal
  WHERE p.kind IN ('workload', 'unknown') AND r.invoked_by IS NULL AND NOT r.from_console AND r.source_ip IS NOT NULL
    AND r.rotation IS NULL
),
days AS ( -- a row: one day of one principal at one place
  SELECT principal, place, day, min(event_time) AS first_at, max(event_time) AS last_at
  FROM direct
  GROUP BY principal, place, day
),
compared AS ( -- a row: the same, with where its principal was on earlier days
  SELECT
    *,
    count(DISTINCT day) OVER earlier AS days_before,
    max(CASE place WHEN 'public' THEN 1 ELSE 0 END) OVER earlier AS was_public,
    max(CASE WHEN place NOT IN ('public', 'private') THEN 1 ELSE 0 END) OVER earlier AS had_endpoint,
    max(CASE WHEN place <> 'public' THEN last_at END) OVER (
      PARTITION BY principal ORDER BY day RANGE BETWEEN CURRENT ROW AND INTERVAL '48 hours' FOLLOWING
    ) AS inside_until,
    count(*) OVER (
      PARTITION BY principal, place ORDER BY day RANGE BETWEEN $memory PRECEDING AND INTERVAL '24 hours' PRECEDING
    ) AS days_at_place
  FROM days
  WINDOW earlier AS (PARTITION BY principal ORDER BY day RANGE BETWEEN $memory PRECEDING AND INTERVAL '24 hours' PRECEDING)
),
outside AS ( -- a row: a day at a place where its principal had not been
  SELECT principal, place, day, first_at, inside_until, days_before
  FROM compared
  WHERE days_before >= $min_days AND days_at_place = 0
    AND ((place = 'public' AND was_public = 0) OR (place NOT IN ('public', 'private') AND had_endpoint = 1))
),
told AS ( -- a row: the same, with what was read: gathered for these few days only
  SELECT
    o.principal, o.place, o.day, o.first_at, o.inside_until, o.days_before,
    count(*) AS reads,
    count(DISTINCT concat_ws('|', d.account_id, d.secret_name)) AS secrets,
    count(DISTINCT d.account_id) AS accounts,
    count(DISTINCT d.aws_region) AS regions,
    min(d.account_id) AS account_id,
    min(d.aws_region) AS aws_region,
    min(d.secret_name) AS only_secret,
    CASE WHEN min(d.actor) = max(d.actor) THEN min(d.actor) END AS actor,
    array_slice(array_sort(array_agg(DISTINCT d.source_ip)), 1, 10) AS source_ips,
    array_slice(array_sort(array_agg(DISTINCT d.secret_name)), 1, 50) AS secret_names,
    array_slice(array_sort(array_agg(DISTINCT d.event_id)), 1, 50) AS event_ids
  FROM outside o
  JOIN direct d ON d.principal = o.principal AND d.place = o.place AND d.day = o.day
  GROUP BY o.principal, o.place, o.day, o.first_at, o.inside_until, o.days_before
)
SELECT
  concat_ws('|', principal, place, to_char(day, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(split_part(principal, '/', -1), ' read from ', CASE place WHEN 'public' THEN concat('outside: ', source_ips[1]) ELSE place END) AS title,
  concat(
    principal, ' read ', secrets, CASE secrets WHEN 1 THEN ' secret' ELSE ' secrets' END, ' in ', reads,
    CASE reads WHEN 1 THEN ' read' ELSE ' reads' END, ' from ',
    CASE place WHEN 'public' THEN concat('public addresses (', array_to_string(source_ips, ', '), ')') ELSE concat('the endpoint ', place) END,
    '; on ', days_before, ' days before it read ', CASE place WHEN 'public' THEN 'from private networks only' ELSE 'through other endpoints only' END, '. ',
    CASE
      WHEN place <> 'public' THEN ''
      WHEN inside_until >= first_at THEN 'It went on reading from inside as well, so that it has not moved.'
      ELSE 'It was not seen inside since: it may have moved.'
    END
  ) AS summary,
  CASE WHEN accounts = 1 THEN account_id END AS account_id,
  CASE WHEN regions = 1 THEN aws_region END AS aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  CASE WHEN secrets = 1 THEN only_secret END AS secret_name,
  principal, actor,
  day AS window_start,
  day + INTERVAL '1 day' AS window_end,
  concat(reads, CASE reads WHEN 1 THEN ' read' ELSE ' reads' END, ' from ', CASE place WHEN 'public' THEN array_to_string(source_ips, ', ') ELSE place END) AS observed,
  concat('0: none on ', days_before, ' days of reads before') AS expected,
  event_ids AS evidence,
  named_struct(
    'place', place, 'reads', reads, 'first_at', first_at, 'still_inside_until', inside_until, 'days_before', days_before,
    'source_ips', source_ips, 'secrets', secrets, 'secret_names', secret_names
  ) AS detail,
  CASE WHEN place <> 'public' THEN 'low' WHEN inside_until >= first_at THEN 'high' ELSE 'medium' END AS severity
FROM told
