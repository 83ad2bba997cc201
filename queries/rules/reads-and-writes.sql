-- id = "reads-and-writes"
-- title = "One principal both reads and writes a secret"
-- severity = "info"
-- window = "1d"
-- history = "65d"
-- scope = "principal"
-- attack = []
-- description = """\
--   A principal wrote a secret's value and was given its value, within memory, and the contract names it neither as a \
--   rotator nor for emergencies. Who reads should not be able to replace what others read, and who administers has no \
--   need to know. A note for the owner, told on the day on which the second half is seen; it pages nobody.\
--   """
-- runbook = [
--   "Split the role: one that writes (or a rotation), one that reads.",
--   "If both are meant, name the principal in the contract's rotators.",
-- ]
-- benign = [
--   "Infrastructure as code that sets a value and refreshes its state.",
--   "A program that stores its own token.",
-- ]
-- [parameters.memory]
-- type = "duration"
-- default = "30d"
-- description = "How far apart the read and the write may lie."
WITH uses AS ( -- a row: one day on which a principal read or wrote a secret
  SELECT
    account_id, secret_name, principal, date_trunc('day', event_time) AS day,
    min(aws_region) AS aws_region,
    max(secret_arn) AS secret_arn,
    count(*) AS reads,
    0 AS writes,
    min(event_id) AS event_id
  FROM reads
  WHERE principal IS NOT NULL AND rotation IS NULL AND (identity_type IS DISTINCT FROM 'AWSService')
  GROUP BY account_id, secret_name, principal, date_trunc('day', event_time)
  UNION ALL
  SELECT
    account_id, secret_name, principal, date_trunc('day', event_time) AS day,
    min(aws_region) AS aws_region,
    max(secret_arn) AS secret_arn,
    0 AS reads,
    count(*) AS writes,
    min(event_id) AS event_id
  FROM touches
  WHERE event_source = 'secretsmanager.amazonaws.com' AND outcome = 'ok' AND principal IS NOT NULL
    AND (event_name = 'PutSecretValue' OR (event_name = 'UpdateSecret' AND secret_version_id IS NOT NULL))
  GROUP BY account_id, secret_name, principal, date_trunc('day', event_time)
),
placed AS ( -- a row: the same, with what the principal did within memory
  SELECT
    *,
    sum(reads) OVER upto AS reads_upto,
    sum(writes) OVER upto AS writes_upto,
    sum(reads) OVER earlier AS reads_earlier,
    sum(writes) OVER earlier AS writes_earlier
  FROM uses
  WINDOW
    upto AS (PARTITION BY account_id, secret_name, principal ORDER BY day RANGE BETWEEN $memory PRECEDING AND CURRENT ROW),
    earlier AS (PARTITION BY account_id, secret_name, principal ORDER BY day RANGE BETWEEN $memory PRECEDING AND INTERVAL '24 hours' PRECEDING)
),
days AS ( -- a row: the day on which a principal becomes both
  SELECT
    account_id, secret_name, principal, day,
    min(aws_region) AS aws_region,
    max(secret_arn) AS secret_arn,
    max(reads_upto) AS reads,
    max(writes_upto) AS writes,
    array_sort(array_agg(DISTINCT event_id)) AS event_ids
  FROM placed
  WHERE reads_upto > 0 AND writes_upto > 0 AND NOT (coalesce(reads_earlier, 0) > 0 AND coalesce(writes_earlier, 0) > 0)
  GROUP BY account_id, secret_name, principal, day
)
SELECT
  concat_ws('|', d.account_id, d.aws_region, d.secret_name, d.principal, to_char(d.day, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(split_part(d.principal, '/', -1), ' reads and writes ', d.secret_name) AS title,
  concat(d.principal, ' wrote the value of ', d.secret_name, ' (', d.writes, ') and read it (', d.reads, ') within memory.') AS summary,
  d.account_id, d.aws_region, d.secret_arn, d.secret_name, d.principal,
  CAST(NULL AS VARCHAR) AS actor,
  d.day AS window_start,
  d.day + INTERVAL '1 day' AS window_end,
  concat(d.reads, ' reads and ', d.writes, ' writes by one principal') AS observed,
  'who reads does not write' AS expected,
  d.event_ids AS evidence,
  named_struct('reads', d.reads, 'writes', d.writes, 'owner', p.owner, 'sensitivity', p.sensitivity) AS detail
FROM days d
LEFT JOIN policy_secrets p
  ON p.account_id = d.account_id AND p.aws_region = d.aws_region AND p.secret_name = d.secret_name
LEFT ANTI JOIN (
  SELECT account_id, secret_name, principal FROM policy_principals WHERE role IN ('rotator', 'break_glass')
) n ON n.account_id = d.account_id AND n.secret_name = d.secret_name AND n.principal = d.principal
