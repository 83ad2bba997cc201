-- id = "slow-harvest"
-- title = "One principal works its way through secrets that it never read"
-- severity = "medium"
-- window = "1d"
-- history = "50d"
-- scope = "principal"
-- attack = ["T1555.006", "T1119"]
-- description = """\
--   Within two weeks, on at least three days, one principal was given many established secrets that it had not read \
--   within memory, at least as many as it read before altogether. No rate is unusual, not even a day's: the sum is. \
--   Counted over sessions, regions, batches and filters; a secret and its replicas are one. Not counted: secrets that \
--   are new themselves, secrets whose contract names the principal, rotations. A principal that appeared when the lake \
--   was old already has no past to compare with: for it a higher floor holds. While the lake is younger than maturity \
--   nothing fires, because everything looks new. Told on the day on which the sum becomes too much.\
--   """
-- runbook = [
--   "Look at the list: do the secrets belong to one service, or to everybody?",
--   "Look at who was behind the reads each day: one actor, one address, one hour of the night?",
--   "If nobody can name the job: revoke the principal's sessions and rotate every secret listed.",
-- ]
-- benign = [
--   "A service that takes over others, secret by secret.",
--   "A new backup, inventory or audit job: name it in the contracts' readers.",
--   "A role that a team shares, in a month of moving things.",
-- ]
-- [parameters.floor]
-- default = 10
-- unit = "secrets new to the principal"
-- description = "Up to this many within spread are growth: services take on a secret or two a week."
-- [parameters.newcomer_floor]
-- default = 20
-- unit = "different secrets"
-- description = "The same for a principal that is new itself: all its secrets are new to it, and few services need twenty."
-- [parameters.spread]
-- type = "duration"
-- default = "14d"
-- description = "How long the sum is taken over. Who takes two weeks for ten secrets is hardly in a hurry to use them."
-- [parameters.min_days]
-- default = 3
-- unit = "days with a new secret"
-- description = "On fewer days it is no slow harvest: the rule secret-read-breadth tells what happens within a day."
-- [parameters.memory]
-- type = "duration"
-- default = "35d"
-- description = "What was read within this is not new. Longer than a month, so that a monthly job's secrets are old."
-- [parameters.maturity]
-- type = "duration"
-- default = "14d"
-- description = "How long a secret must have been around to count, and a principal to have a past."
WITH pair_days AS ( -- a row: one day on which a principal was given a secret (a secret and its replicas are one)
  SELECT
    principal, account_id, secret_name, date_trunc('day', event_time) AS day,
    concat_ws('|', account_id, secret_name) AS family,
    min(aws_region) AS aws_region,
    min(actor) AS first_actor,
    max(actor) AS last_actor,
    min(event_id) AS event_id
  FROM reads
  WHERE principal IS NOT NULL AND rotation IS NULL AND (identity_type IS DISTINCT FROM 'AWSService')
  GROUP BY principal, account_id, secret_name, date_trunc('day', event_time)
),
spaced AS ( -- a row: the same, with the day before on which it happened
  SELECT *, lag(day) OVER (PARTITION BY principal, family ORDER BY day) AS previous_day
  FROM pair_days
),
named AS ( -- a row: one principal that the contract names
  SELECT DISTINCT account_id, secret_name, principal
  FROM policy_principals
  WHERE role IN ('reader', 'break_glass', 'rotator')
),
mature AS ( -- a row: a first day of a pair whose secret had been there for long
  SELECT DISTINCT f.principal, f.family, f.day
  FROM spaced f
  JOIN secret_days s ON s.account_id = f.account_id AND s.secret_name = f.secret_name
  LEFT ANTI JOIN named n ON n.account_id = f.account_id AND n.secret_name = f.secret_name AND n.principal = f.principal
  WHERE (f.previous_day IS NULL OR f.day > f.previous_day + $memory)
    AND s.day >= f.day - $memory AND s.day <= f.day - $maturity
),
marked AS ( -- a row: a pair's day, with the secret where it is new to the principal
  SELECT p.*, m.family AS new_family, CASE WHEN m.family IS NOT NULL THEN p.day END AS new_day
  FROM spaced p
  LEFT JOIN mature m ON m.principal = p.principal AND m.family = p.family AND m.day = p.day
),
summed AS ( -- a row: the same, with the sum of what is new, and what the principal read before
  SELECT
    *,
    count(DISTINCT new_family) OVER lately AS new_families,
    count(DISTINCT new_day) OVER lately AS new_days,
    count(DISTINCT family) OVER (
      PARTITION BY principal ORDER BY day RANGE BETWEEN $memory PRECEDING AND $spread PRECEDING
    ) AS known_families
  FROM marked
  WINDOW lately AS (PARTITION BY principal ORDER BY day RANGE BETWEEN $spread PRECEDING AND CURRENT ROW)
),
judged AS ( -- a row: one day of one principal, with whether its sum is too much
  SELECT
    principal, day,
    max(new_families) AS new_families,
    max(new_days) AS new_days,
    max(known_families) AS known_families,
    max(CASE
      WHEN new_days >= $min_days AND new_families > CASE WHEN known_families > 0 THEN $floor ELSE $newcomer_floor END
        AND new_families >= known_families
      THEN 1 ELSE 0
    END) AS is_over
  FROM summed
  GROUP BY principal, day
),
crossed AS ( -- a row: the same, and whether it was too much on the principal's day before
  SELECT *, lag(is_over) OVER (PARTITION BY principal ORDER BY day) AS was_over
  FROM judged
),
told AS ( -- a row: the day on which it becomes too much, with what was new
  SELECT
    c.principal, c.day, c.new_families, c.new_days, c.known_families,
    min(m.day) AS first_day,
    count(DISTINCT m.account_id) AS accounts,
    count(DISTINCT m.aws_region) AS regions,
    min(m.account_id) AS account_id,
    min(m.aws_region) AS aws_region,
    CASE WHEN min(m.first_actor) = max(m.last_actor) THEN min(m.first_actor) END AS actor,
    array_slice(array_sort(array_agg(DISTINCT m.secret_name)), 1, 50) AS secret_names,
    array_slice(array_sort(array_agg(DISTINCT m.event_id)), 1, 50) AS event_ids
  FROM crossed c
  JOIN marked m ON m.principal = c.principal AND m.new_day >= c.day - $spread AND m.new_day <= c.day
  WHERE c.is_over = 1 AND coalesce(c.was_over, 0) = 0
  GROUP BY c.principal, c.day, c.new_families, c.new_days, c.known_families
)
SELECT
  concat_ws('|', principal, to_char(day, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(new_families, ' secrets, one after the other, by ', split_part(principal, '/', -1)) AS title,
  concat(
    principal, ' was given ', new_families, ' established secrets that it had not read before, on ', new_days,
    ' days since ', to_char(first_day, '%Y-%m-%d'), '. ',
    CASE known_families WHEN 0 THEN 'Before that it read none.' ELSE concat('Before that it read ', known_families, ' altogether.') END
  ) AS summary,
  CASE WHEN accounts = 1 THEN account_id END AS account_id,
  CASE WHEN regions = 1 THEN aws_region END AS aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  CAST(NULL AS VARCHAR) AS secret_name,
  principal, actor,
  day AS window_start,
  day + INTERVAL '1 day' AS window_end,
  concat(new_families, ' secrets new to it, on ', new_days, ' days') AS observed,
  concat('at most ', greatest(CASE WHEN known_families > 0 THEN $floor ELSE $newcomer_floor END, known_families - 1)) AS expected,
  event_ids AS evidence,
  named_struct(
    'secrets', new_families, 'days', new_days, 'first_day', first_day, 'known_before', known_families,
    'secret_names', secret_names, 'accounts', accounts, 'regions', regions
  ) AS detail
FROM told
