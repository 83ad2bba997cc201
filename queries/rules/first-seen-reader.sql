-- id = "first-seen-reader"
-- title = "First read of this secret by this principal"
-- severity = "low"
-- window = "1d"
-- history = "35d"
-- scope = "principal"
-- attack = ["T1555.006"]
-- description = """\
--   A principal was given the value of a secret that it had not read within memory. Low by itself; medium when both are \
--   old acquaintances of the trail that never met, or when the secret is sensitive. A new service, whose role and \
--   secret appeared together, does not fire; nor does the first read in another region of a secret that is read at \
--   home. A contract that declares readers decides instead of this rule (unexpected-reader), and who it names in any \
--   role but admin is no stranger. A principal that reads widely (people who help everywhere, an inventory) meets new \
--   secrets as a matter of course: low, unless the secret is sensitive; slow-harvest tells if it becomes too much. While \
--   the lake is younger than memory old habits look new: then all is low but a sensitive secret that meets an old \
--   acquaintance who does not read widely.\
--   """
-- runbook = [
--   "Ask the owner whether the principal should have the secret; if so, put it into the contract's readers.",
--   "Look at what else the principal did that day (hunt what-did-principal-touch).",
--   "If nobody expected it: find which policy allows it, remove it, rotate the secret.",
-- ]
-- benign = [
--   "A service begins to use a secret that has been there for long.",
--   "A job that runs less often than memory remembers.",
--   "A person who helps out with another team's service.",
-- ]
-- [parameters.memory]
-- per_secret = true
-- type = "duration"
-- default = "35d"
-- description = "Who has read within this is known. Longer than a month, so that a monthly job is not new each time; a contract sets more for what is read once a quarter."
-- [parameters.maturity]
-- type = "duration"
-- default = "14d"
-- description = "How long the secret or the principal must have been around: what is new on both sides is a new service."
-- [parameters.wide_reader]
-- default = 12
-- unit = "different secrets within memory before"
-- description = "From how many on a principal reads widely. Few services need as many."
WITH own AS ( -- a row: one secret (its replicas included) whose contract sets a memory of its own
  SELECT account_id, secret_name, max(value) AS memory_seconds
  FROM policy_parameters
  WHERE rule = 'first-seen-reader' AND name = 'memory'
  GROUP BY account_id, secret_name
),
pair_days AS ( -- a row: one day on which a principal was given a secret (a secret and its replicas are one)
  SELECT
    account_id, secret_name, principal, date_trunc('day', event_time) AS day,
    min(event_time) AS first_at,
    min(concat_ws('|', to_char(event_time, '%Y-%m-%dT%H:%M:%SZ'), aws_region)) AS first_where,
    count(CASE WHEN rotation IS NULL AND (identity_type IS DISTINCT FROM 'AWSService') THEN 1 END) AS ordinary_reads,
    max(secret_arn) AS secret_arn,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    array_slice(array_sort(array_agg(DISTINCT event_id)), 1, 20) AS event_ids
  FROM reads
  WHERE principal IS NOT NULL
  GROUP BY account_id, secret_name, principal, date_trunc('day', event_time)
),
spaced AS ( -- a row: the same, with the day before on which it happened, and how many secrets its principal knew
  SELECT
    *,
    lag(day) OVER (PARTITION BY account_id, secret_name, principal ORDER BY day) AS previous_day,
    count(DISTINCT concat_ws('|', account_id, secret_name)) OVER (
      PARTITION BY principal ORDER BY day RANGE BETWEEN $memory PRECEDING AND INTERVAL '24 hours' PRECEDING
    ) AS known_secrets
  FROM pair_days
),
remembered AS ( -- a row: the same, and since when days count for it
  SELECT
    s.*, split_part(s.first_where, '|', 2) AS aws_region,
    CASE
      WHEN o.memory_seconds IS NULL THEN s.day - $memory
      ELSE arrow_cast(to_timestamp_seconds(to_unixtime(s.day) - o.memory_seconds), 'Timestamp(Microsecond, Some("UTC"))')
    END AS known_from
  FROM spaced s
  LEFT JOIN own o ON o.account_id = s.account_id AND o.secret_name = s.secret_name
),
first_days AS ( -- a row: a first day
  SELECT *
  FROM remembered
  WHERE ordinary_reads > 0 AND (previous_day IS NULL OR previous_day < known_from)
),
principal_days AS ( -- a row: a day on which the principal did anything
  SELECT DISTINCT principal, date_trunc('day', event_time) AS day
  FROM actions
),
with_secret AS ( -- a row: a first day, and on how many days the secret had been there
  SELECT
    f.account_id, f.aws_region, f.secret_name, f.principal, f.day, f.first_at, f.ordinary_reads, f.secret_arn, f.actor,
    f.event_ids, f.known_secrets, f.known_from, count(s.day) AS secret_days
  FROM first_days f
  LEFT JOIN secret_days s
    ON s.account_id = f.account_id AND s.secret_name = f.secret_name
    AND s.day >= f.known_from AND s.day <= f.day - $maturity
  GROUP BY
    f.account_id, f.aws_region, f.secret_name, f.principal, f.day, f.first_at, f.ordinary_reads, f.secret_arn, f.actor,
    f.event_ids, f.known_secrets, f.known_from
),
with_both AS ( -- a row: the same, and on how many days the principal had been there
  SELECT
    w.account_id, w.aws_region, w.secret_name, w.principal, w.day, w.first_at, w.ordinary_reads, w.secret_arn, w.actor,
    w.event_ids, w.known_secrets, w.known_from, w.secret_days, count(p.day) AS principal_days
  FROM with_secret w
  LEFT JOIN principal_days p
    ON p.principal = w.principal AND p.day >= w.known_from AND p.day <= w.day - $maturity
  GROUP BY
    w.account_id, w.aws_region, w.secret_name, w.principal, w.day, w.first_at, w.ordinary_reads, w.secret_arn, w.actor,
    w.event_ids, w.known_secrets, w.known_from, w.secret_days
),
named AS ( -- a row: one principal that the contract names
  SELECT DISTINCT account_id, secret_name, principal
  FROM policy_principals
  WHERE role IN ('reader', 'break_glass', 'rotator')
)
SELECT
  concat_ws('|', b.account_id, b.aws_region, b.secret_name, b.principal, to_char(b.day, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat('First read of ', b.secret_name, ' by ', split_part(b.principal, '/', -1)) AS title,
  concat(
    b.principal, ' was given the value of ', b.secret_name, ' for the first time, at ',
    to_char(b.first_at, '%Y-%m-%d %H:%M:%S'), ' UTC. ',
    CASE
      WHEN b.secret_days > 0 AND b.principal_days > 0 THEN 'Both have been around for long and had not met.'
      WHEN b.secret_days > 0 THEN 'The secret is old, the principal is new.'
      ELSE 'The principal is old, the secret is new.'
    END,
    CASE WHEN a.day > b.known_from THEN ' The lake is younger than the memory that this rule wants: it may be an old habit.' ELSE '' END
  ) AS summary,
  b.account_id, b.aws_region, b.secret_arn, b.secret_name, b.principal, b.actor,
  b.day AS window_start,
  b.day + INTERVAL '1 day' AS window_end,
  concat(b.ordinary_reads, CASE b.ordinary_reads WHEN 1 THEN ' read' ELSE ' reads' END, ' on the first day') AS observed,
  '0 reads: this principal had not read this secret within memory' AS expected,
  b.event_ids AS evidence,
  named_struct(
    'first_at', b.first_at, 'reads', b.ordinary_reads, 'secret_is_mature', b.secret_days > 0,
    'principal_is_mature', b.principal_days > 0, 'secrets_known', b.known_secrets, 'lake_began', a.day, 'sensitivity', s.sensitivity, 'owner', s.owner
  ) AS detail,
  CASE
    WHEN a.day > b.known_from AND NOT (
      coalesce(s.sensitivity IN ('high', 'critical'), false)
      AND b.secret_days > 0 AND b.principal_days > 0 AND b.known_secrets < $wide_reader
    ) THEN 'low'
    WHEN s.sensitivity IN ('high', 'critical') THEN 'medium'
    WHEN b.secret_days > 0 AND b.principal_days > 0 AND b.known_secrets < $wide_reader AND (s.sensitivity IS DISTINCT FROM 'low') THEN 'medium'
    ELSE 'low'
  END AS severity
FROM with_both b
CROSS JOIN beginning a
LEFT JOIN policy_secrets s
  ON s.account_id = b.account_id AND s.aws_region = b.aws_region AND s.secret_name = b.secret_name
LEFT ANTI JOIN named n
  ON n.account_id = b.account_id AND n.secret_name = b.secret_name AND n.principal = b.principal
WHERE (b.secret_days > 0 OR b.principal_days > 0)
  AND NOT coalesce(s.readers_declared, false) AND NOT coalesce(s.decoy, false)
