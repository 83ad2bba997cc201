-- id = "read-outside-endpoint"
-- title = "A secret was read from outside its declared VPC endpoints"
-- severity = "high"
-- window = "1d"
-- history = "1d"
-- scope = "principal"
-- attack = ["T1078.004", "T1552.005", "T1555.006"]
-- description = """\
--   The contract says through which VPC endpoints the secret is read, and a principal was given its value through none of \
--   them. Told once a day for each secret and principal. High for sensitive secrets, else medium. Only calls that the \
--   principal made itself count: on a call that a service made for it the endpoint is AWS's own and proves nothing. Who is \
--   declared for emergencies may come from anywhere, and so may a rotation's worker while it rotates.\
--   """
-- runbook = [
--   "Whose address is it (whois, your own NAT gateways, the office)? Which actor, which user agent?",
--   "If the address is not yours: revoke the role's sessions, rotate the secret, look for the machine that lost the credentials.",
--   "If it is yours: route the workload through the endpoint, and let the secret's resource policy ask for aws:sourceVpce.",
-- ]
-- benign = [
--   "An endpoint that was added or replaced, and is not in the contract yet.",
--   "A workload in a network that has no endpoint, which the contract forgot.",
-- ]
-- [parameters.min_reads]
-- default = 1
-- unit = "reads a day"
-- description = "Fewer are no news."
WITH declared AS ( -- a row: one secret whose contract names endpoints
  SELECT account_id, aws_region, secret_name, vpc_endpoints, sensitivity, owner
  FROM policy_secrets
  WHERE cardinality(vpc_endpoints) > 0
),
outside AS ( -- a row: one read through none of them
  SELECT r.*, date_trunc('day', r.event_time) AS day, d.vpc_endpoints, d.sensitivity, d.owner
  FROM reads r
  JOIN declared d
    ON d.account_id = r.account_id AND d.aws_region = r.aws_region AND d.secret_name = r.secret_name
  LEFT ANTI JOIN policy_principals p
    ON p.account_id = r.account_id AND p.aws_region = r.aws_region AND p.secret_name = r.secret_name
    AND p.principal = r.principal AND p.role = 'break_glass'
  WHERE r.invoked_by IS NULL AND r.rotation IS NULL AND r.principal IS NOT NULL
    AND (r.identity_type IS DISTINCT FROM 'AWSService')
    AND NOT coalesce(array_has(d.vpc_endpoints, r.vpc_endpoint_id), false)
),
days AS ( -- a row: one day of one principal and one secret
  SELECT
    account_id, aws_region, secret_name, principal, day,
    count(*) AS reads,
    max(secret_arn) AS secret_arn,
    max(owner) AS owner,
    max(sensitivity) AS sensitivity,
    max(array_to_string(array_sort(vpc_endpoints), ', ')) AS endpoints,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    array_to_string(
      array_slice(array_sort(array_agg(DISTINCT coalesce(vpc_endpoint_id, source_ip, 'an unknown address'))), 1, 5), ', '
    ) AS places,
    array_slice(array_sort(array_agg(DISTINCT event_id)), 1, 50) AS event_ids
  FROM outside
  GROUP BY account_id, aws_region, secret_name, principal, day
)
SELECT
  concat_ws('|', account_id, aws_region, secret_name, principal, to_char(day, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(secret_name, ' read from outside its network by ', split_part(principal, '/', -1)) AS title,
  concat(
    principal, ' was given the value of ', secret_name, ' in ', reads, CASE reads WHEN 1 THEN ' read' ELSE ' reads' END,
    ' from ', places, ', through none of the endpoints that the contract declares (', endpoints, ').'
  ) AS summary,
  account_id, aws_region, secret_arn, secret_name, principal, actor,
  day AS window_start,
  day + INTERVAL '1 day' AS window_end,
  concat(reads, CASE reads WHEN 1 THEN ' read' ELSE ' reads' END, ' from ', places) AS observed,
  concat('0: reads come through ', endpoints) AS expected,
  event_ids AS evidence,
  named_struct('reads', reads, 'places', places, 'declared', endpoints, 'owner', owner, 'sensitivity', sensitivity) AS detail,
  CASE WHEN sensitivity IN ('high', 'critical') THEN 'high' ELSE 'medium' END AS severity
FROM days
WHERE reads >= $min_reads
