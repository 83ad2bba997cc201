-- id = "ledger-mismatch"
-- title = "The two logs of a read do not agree"
-- severity = "medium"
-- window = "1d"
-- history = "15d"
-- scope = "all"
-- attack = ["T1562.008"]
-- description = """\
--   A read of a secret opens two locks and leaves two records: GetSecretValue, and the KMS Decrypt that Secrets Manager \
--   makes for it. Here one of them is missing. Reads without Decrypts, many in a row where nearly all had theirs: KMS \
--   was taken out of the trail (all secrets of an account and region), or one secret is encrypted elsewhere now; a day on \
--   which a good part of one secret's reads had none, between others that had, is told as well, low. \
--   Decrypts without any call to Secrets Manager by the same principal: reads are filtered out of the trail. Single \
--   misses mean nothing (batches share data keys, and the first logs of a lake lack their other halves), so runs are \
--   judged, and only after a deadline, because logs come late. An account and region, or a secret, whose reads never had \
--   Decrypts is not judged.\
--   """
-- runbook = [
--   "Look at the trail's event selectors now, and at who changed them (rule trail-blinded).",
--   "One secret only: which key is it encrypted with, and since when (UpdateSecret)?",
--   "Compare with Event history, which no selector narrows.",
-- ]
-- benign = [
--   "A delivery of CloudTrail that is hours late: the finding is withdrawn when it comes.",
--   "A secret that was moved to a key of another account, on purpose.",
-- ]
-- [parameters.run]
-- default = 6
-- unit = "reads in a row without Decrypt, at different seconds"
-- description = "Where 98 of 100 have one, six misses in a row are no chance; where fewer have, three times as many are asked for. A batch shares its data keys, so that what is read in one second counts once."
-- [parameters.percent]
-- default = 90
-- unit = "percent of earlier reads"
-- description = "How many of the earlier reads must have had a Decrypt before its absence says something."
-- [parameters.day_percent]
-- default = 25
-- unit = "percent of a secret's reads in a day (UTC)"
-- description = "How many of one secret's reads must lack their Decrypt, and at least `run` of them, where the days before had nearly all."
-- [parameters.min_reads]
-- default = 30
-- unit = "earlier reads"
-- description = "How many must be known before it is clear what is usual."
-- [parameters.min_orphans]
-- default = 5
-- unit = "Decrypts in a day without a call"
-- description = "Fewer may be calls whose records were lost."
-- [parameters.memory]
-- type = "duration"
-- default = "14d"
-- description = "How far back is learned what is usual."
-- [parameters.deadline]
-- type = "duration"
-- default = "2h"
-- description = "How long the other record may take. CloudTrail takes minutes, seldom an hour."
WITH ledger AS ( -- a row: one read, once for its account and region, and once for its secret
  SELECT
    account_id, aws_region, secret_name, principal, actor, event_time, event_id, decrypt_event_id,
    unnest(make_array('*', secret_name)) AS part
  FROM reads
  WHERE via <> 'filter' AND event_time + $deadline <= $now AND (identity_type IS DISTINCT FROM 'AWSService')
),
runs AS ( -- a row: the same, with the last read that had its Decrypt, and what was usual
  SELECT
    *,
    max(CASE WHEN decrypt_event_id IS NOT NULL THEN event_time END) OVER (
      PARTITION BY account_id, aws_region, part ORDER BY event_time RANGE BETWEEN $memory PRECEDING AND CURRENT ROW
    ) AS last_pair,
    count(*) OVER earlier AS reads_before,
    count(decrypt_event_id) OVER earlier AS pairs_before
  FROM ledger
  WINDOW earlier AS (
    PARTITION BY account_id, aws_region, part ORDER BY event_time RANGE BETWEEN $memory PRECEDING AND INTERVAL '1 second' PRECEDING
  )
),
missing AS ( -- a row: one run of reads without Decrypts
  SELECT
    account_id, aws_region, part, last_pair,
    min(event_time) AS first_at,
    max(event_time) AS last_at,
    count(*) AS reads,
    min(reads_before) AS reads_before,
    max(pairs_before) AS pairs_before,
    count(DISTINCT secret_name) AS secrets,
    count(DISTINCT principal) AS principals,
    CASE WHEN min(principal) = max(principal) THEN min(principal) END AS principal,
    array_slice(array_sort(array_agg(DISTINCT secret_name)), 1, 20) AS names,
    array_slice(array_sort(array_agg(DISTINCT event_id)), 1, 50) AS event_ids
  FROM runs
  WHERE event_time > last_pair
  GROUP BY account_id, aws_region, part, last_pair
  HAVING min(reads_before) >= $min_reads AND max(pairs_before) * 100 >= min(reads_before) * $percent
    AND count(DISTINCT event_time) >= CASE WHEN max(pairs_before) * 100 >= min(reads_before) * 98 THEN $run ELSE $run * 3 END
),
dark AS ( -- a row: a run of an account and region, or of a secret while the region had its Decrypts
  SELECT m.*
  FROM missing m
  LEFT ANTI JOIN (SELECT account_id, aws_region, first_at, last_at FROM missing WHERE part = '*') w
    ON m.part <> '*' AND w.account_id = m.account_id AND w.aws_region = m.aws_region
    AND w.first_at <= m.last_at AND w.last_at >= m.first_at
),
thin AS ( -- a row: one day of one secret on which many reads had no Decrypt, between others that had
  SELECT
    account_id, aws_region, part, date_trunc('day', event_time) AS day,
    min(CASE WHEN decrypt_event_id IS NULL THEN event_time END) AS first_at,
    max(CASE WHEN decrypt_event_id IS NULL THEN event_time END) AS last_at,
    count(*) - count(decrypt_event_id) AS reads,
    min(reads_before) AS reads_before,
    min(pairs_before) AS pairs_before,
    count(DISTINCT CASE WHEN decrypt_event_id IS NULL THEN principal END) AS principals,
    CASE
      WHEN min(CASE WHEN decrypt_event_id IS NULL THEN principal END) = max(CASE WHEN decrypt_event_id IS NULL THEN principal END)
      THEN min(CASE WHEN decrypt_event_id IS NULL THEN principal END)
    END AS principal,
    array_slice(array_sort(array_agg(DISTINCT event_id) FILTER (WHERE decrypt_event_id IS NULL)), 1, 50) AS event_ids
  FROM runs
  WHERE part <> '*'
  GROUP BY account_id, aws_region, part, date_trunc('day', event_time)
  HAVING min(reads_before) >= $min_reads AND min(pairs_before) * 100 >= min(reads_before) * 98
    AND count(DISTINCT CASE WHEN decrypt_event_id IS NULL THEN event_time END) >= $run
    AND (count(*) - count(decrypt_event_id)) * 100 >= count(*) * $day_percent
),
thinned AS ( -- a row: the same, unless a run of the secret, or of its account and region, tells it
  SELECT t.*
  FROM thin t
  LEFT ANTI JOIN missing m
    ON m.account_id = t.account_id AND m.aws_region = t.aws_region AND m.part IN (t.part, '*')
    AND m.first_at <= t.last_at AND m.last_at >= t.first_at
),
calls AS ( -- a row: a Decrypt that Secrets Manager made for a principal, or any call of the principal to Secrets Manager
  SELECT
    account_id, aws_region, secret_name, principal, event_time, event_id, true AS is_decrypt
  FROM decrypts
  WHERE invoked_by = 'secretsmanager.amazonaws.com' AND outcome = 'ok' AND NOT is_probe AND principal IS NOT NULL
    AND (identity_type IS DISTINCT FROM 'AWSService') AND event_time + $deadline <= $now
  UNION ALL
  SELECT account_id, aws_region, CAST(NULL AS VARCHAR) AS secret_name, principal, event_time, event_id, false AS is_decrypt
  FROM actions
  WHERE event_source = 'secretsmanager.amazonaws.com' AND principal IS NOT NULL
),
accompanied AS ( -- a row: the same, with the principal's calls within a minute
  SELECT
    *,
    count(CASE WHEN NOT is_decrypt THEN 1 END) OVER (
      PARTITION BY principal ORDER BY event_time RANGE BETWEEN INTERVAL '1 minute' PRECEDING AND INTERVAL '1 minute' FOLLOWING
    ) AS calls_near
  FROM calls
),
orphans AS ( -- a row: one day of Decrypts without a call
  SELECT
    account_id, aws_region, date_trunc('day', event_time) AS day,
    min(event_time) AS first_at,
    max(event_time) AS last_at,
    count(*) AS reads,
    count(DISTINCT secret_name) AS secrets,
    count(DISTINCT principal) AS principals,
    CASE WHEN min(principal) = max(principal) THEN min(principal) END AS principal,
    array_slice(array_sort(array_agg(DISTINCT secret_name)), 1, 20) AS names,
    array_slice(array_sort(array_agg(DISTINCT event_id)), 1, 50) AS event_ids
  FROM accompanied
  WHERE is_decrypt AND calls_near = 0
  GROUP BY account_id, aws_region, date_trunc('day', event_time)
  HAVING count(*) >= $min_orphans
),
told AS ( -- a row: one disagreement
  SELECT
    'no-decrypt' AS form, account_id, aws_region, last_pair AS since, first_at, last_at, reads, secrets, principals, principal,
    names, event_ids, CASE WHEN part <> '*' THEN part END AS secret_name,
    concat(pairs_before, ' of ', reads_before, ' reads before had one') AS usual
  FROM dark
  UNION ALL
  SELECT
    'few-decrypts' AS form, account_id, aws_region, day AS since, first_at, last_at, reads, 1 AS secrets, principals, principal,
    make_array(part) AS names, event_ids, part AS secret_name,
    concat(pairs_before, ' of ', reads_before, ' reads before had one') AS usual
  FROM thinned
  UNION ALL
  SELECT
    'no-read' AS form, account_id, aws_region, day AS since, first_at, last_at, reads, secrets, principals, principal,
    names, event_ids, CASE WHEN secrets = 1 THEN names[1] END AS secret_name,
    'a call to Secrets Manager within a minute of each' AS usual
  FROM orphans
)
SELECT
  concat_ws('|', form, account_id, aws_region, CASE WHEN form <> 'no-read' THEN coalesce(secret_name, '*') END, to_char(since, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(reads, CASE form WHEN 'no-read' THEN ' Decrypts without read in ' ELSE ' reads without Decrypt in ' END, coalesce(secret_name, aws_region)) AS title,
  concat(
    'Between ', to_char(first_at, '%Y-%m-%d %H:%M:%S'), ' and ', to_char(last_at, '%H:%M:%S'), ' UTC ',
    CASE form
      WHEN 'no-read' THEN concat('Secrets Manager decrypted ', reads, ' values of ', secrets, ' secrets for ', principals, ' principals that made no call to it in the trail')
      ELSE concat(reads, ' reads of ', secrets, CASE secrets WHEN 1 THEN ' secret' ELSE ' secrets' END, ' by ', principals, CASE principals WHEN 1 THEN ' principal' ELSE ' principals' END, ' left no Decrypt in the trail')
    END,
    '; usual: ', usual, '.'
  ) AS summary,
  account_id, aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  secret_name, principal,
  CAST(NULL AS VARCHAR) AS actor,
  first_at AS window_start,
  last_at + INTERVAL '1 second' AS window_end,
  concat(reads, CASE form WHEN 'no-decrypt' THEN ' reads in a row without Decrypt' WHEN 'few-decrypts' THEN ' reads without Decrypt in a day' ELSE ' Decrypts without a call' END) AS observed,
  usual AS expected,
  event_ids AS evidence,
  named_struct('form', form, 'count', reads, 'secrets', secrets, 'secret_names', names, 'principals', principals) AS detail,
  CASE WHEN form <> 'no-read' AND secret_name IS NOT NULL THEN 'low' ELSE 'medium' END AS severity
FROM told
