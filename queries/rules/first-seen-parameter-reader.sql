-- id = "first-seen-parameter-reader"
-- title = "First read of known parameters by this principal"
-- severity = "low"
-- window = "1d"
-- history = "35d"
-- scope = "all"
-- attack = ["T1552.007"]
-- description = """\
--   A principal was given the decrypted values of SecureString parameters that it had not read within memory, and \
--   that others have used for long: by name, by path or from the history. Medium where the principal has been \
--   around for long too and had not met them; low where it is new, or where the lake is younger than memory, \
--   because old habits then look new. Parameters that are new themselves do not fire: that is a deployment. One \
--   finding for each principal, account, region and day (UTC), which names the parameters.\
--   """
-- runbook = [
--   "Ask the owner of the parameters whether the principal should have them.",
--   "Look at what else the principal did that day (hunt what-did-principal-touch).",
--   "If nobody expected it: find which policy allows it, remove it, rotate what is behind the parameters.",
-- ]
-- benign = [
--   "A service begins to use a parameter that has been there for long.",
--   "A job that runs less often than memory remembers.",
-- ]
-- [parameters.memory]
-- type = "duration"
-- default = "35d"
-- description = "Who has read within this is known. Longer than a month, so that a monthly job is not new each time."
-- [parameters.maturity]
-- type = "duration"
-- default = "14d"
-- description = "How long a parameter, or the principal, must have been around to be called known."
-- [parameters.min_parameters]
-- default = 1
-- unit = "known parameters in a day (UTC)"
-- description = "One is enough to be worth a line."
WITH pair_days AS ( -- a row: one day on which a principal was given one SecureString
  SELECT
    account_id, aws_region, parameter_name, principal, date_trunc('day', event_time) AS day,
    min(event_time) AS first_at,
    count(*) AS reads,
    min(via) AS via,
    min(actor) AS first_actor,
    max(actor) AS last_actor,
    min(event_id) AS event_id
  FROM parameter_reads
  WHERE principal IS NOT NULL AND (identity_type IS DISTINCT FROM 'AWSService') AND is_secure
  GROUP BY account_id, aws_region, parameter_name, principal, date_trunc('day', event_time)
),
spaced AS ( -- a row: the same, with the day before on which it happened
  SELECT
    *, lag(day) OVER (PARTITION BY account_id, aws_region, parameter_name, principal ORDER BY day) AS previous_day
  FROM pair_days
),
uses AS ( -- a row: one day on which a parameter's key was used for it, by anybody: written, read, or decrypted by hand
  SELECT DISTINCT
    context_account AS account_id, context_region AS aws_region, ltrim(context_name, '/') AS parameter_name,
    date_trunc('day', event_time) AS day
  FROM key_uses
  WHERE context = 'parameter' AND outcome = 'ok'
),
first_days AS ( -- a row: a first day with a parameter that others have known for long
  SELECT
    f.account_id, f.aws_region, f.parameter_name, f.principal, f.day, f.first_at, f.reads, f.via, f.first_actor,
    f.last_actor, f.event_id
  FROM spaced f
  LEFT SEMI JOIN uses u
    ON u.account_id = f.account_id AND u.aws_region = f.aws_region AND u.parameter_name = f.parameter_name
    AND u.day >= f.day - $memory AND u.day <= f.day - $maturity
  WHERE f.previous_day IS NULL OR f.day > f.previous_day + $memory
),
days AS ( -- a row: one principal, one day, and the parameters that it met
  SELECT
    account_id, aws_region, principal, day,
    min(first_at) AS first_at,
    count(*) AS parameters,
    sum(reads) AS reads,
    CASE WHEN min(first_actor) = max(last_actor) THEN min(first_actor) END AS actor,
    array_sort(array_agg(DISTINCT via)) AS ways,
    min(parameter_name) AS first_name,
    array_slice(array_sort(array_agg(DISTINCT parameter_name)), 1, 50) AS parameter_names,
    array_slice(array_sort(array_agg(DISTINCT event_id)), 1, 50) AS event_ids
  FROM first_days
  GROUP BY account_id, aws_region, principal, day
),
acted AS ( -- a row: one day on which a principal did anything
  SELECT DISTINCT principal, date_trunc('day', event_time) AS day
  FROM actions
),
known AS ( -- a row: one principal and day, and on how many days the principal had been there
  SELECT d.account_id, d.aws_region, d.principal, d.day, count(a.day) AS known_days
  FROM days d
  JOIN acted a ON a.principal = d.principal AND a.day >= d.day - $memory AND a.day <= d.day - $maturity
  GROUP BY d.account_id, d.aws_region, d.principal, d.day
)
SELECT
  concat_ws('|', d.account_id, d.aws_region, d.principal, to_char(d.day, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat('First read of ', CASE d.parameters WHEN 1 THEN concat('the parameter ', d.first_name)
    ELSE concat(d.parameters, ' known parameters') END, ' by ', split_part(d.principal, '/', -1)) AS title,
  concat(
    d.principal, ' was given the values of ', d.parameters, CASE d.parameters WHEN 1 THEN ' parameter'
      ELSE ' parameters' END,
    ' for the first time (', array_to_string(d.ways, ', '), '), from ', to_char(d.first_at, '%Y-%m-%d %H:%M:%S'),
      ' UTC on. ',
    CASE WHEN k.known_days > 0 THEN 'Both sides have been around for long and had not met.'
      ELSE 'The parameters are old, the principal is new.' END,
    CASE WHEN b.day > d.day - $memory
      THEN ' The lake is younger than the memory that this rule wants: it may be an old habit.' ELSE '' END
  ) AS summary,
  d.account_id, d.aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  CAST(NULL AS VARCHAR) AS secret_name,
  d.principal, d.actor,
  d.day AS window_start,
  d.day + INTERVAL '1 day' AS window_end,
  concat(d.parameters, CASE d.parameters WHEN 1 THEN ' parameter' ELSE ' parameters' END,
    ' read for the first time, in ', d.reads, CASE d.reads WHEN 1 THEN ' read' ELSE ' reads' END) AS observed,
  '0: this principal had read none of them within memory' AS expected,
  d.event_ids AS evidence,
  named_struct(
    'parameters', d.parameters, 'parameter_names', d.parameter_names, 'reads', d.reads, 'ways', d.ways,
    'first_at', d.first_at, 'principal_is_mature', coalesce(k.known_days, 0) > 0, 'lake_began', b.day
  ) AS detail,
  CASE WHEN b.day > d.day - $memory OR k.known_days IS NULL THEN 'low' ELSE 'medium' END AS severity
FROM days d
CROSS JOIN beginning b
LEFT JOIN known k
  ON k.account_id = d.account_id AND k.aws_region = d.aws_region AND k.principal = d.principal AND k.day = d.day
WHERE d.parameters >= $min_parameters
