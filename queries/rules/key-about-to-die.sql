-- id = "key-about-to-die"
-- title = "A key was disabled, or its deletion was begun"
-- severity = "high"
-- window = "1s"
-- history = "30d"
-- scope = "all"
-- attack = ["T1485", "T1486"]
-- description = """\
--   A KMS key was disabled (DisableKey), scheduled for deletion (ScheduleKeyDeletion), lost its imported material \
--   (DeleteImportedKeyMaterial, DeleteExpiredKeyMaterial), or is gone (DeleteKey). Every secret and parameter that \
--   it encrypts stops to be readable: at once, also where only a deletion was scheduled, and for ever when the \
--   countdown ends. The finding lists what used the key in the time before: critical where a sensitive secret did, \
--   high where any use was, low where none was seen (medium while the lake is younger than that). Where somebody took \
--   it back within the grace it was a slip: low, but medium where a sensitive secret could not be read meanwhile. Over \
--   (resolved_at) when it is usable again, soon or late.\
--   """
-- runbook = [
--   "Was it announced? If not: EnableKey or CancelKeyDeletion (then EnableKey) first, questions later.",
--   "Look at the list of secrets and principals in the finding: those are what fails now.",
--   "deletion_date says until when it can be taken back; after that nothing decrypts what this key encrypted.",
--   "Imported material: import the same material again, from where it is kept.",
--   "If nobody knows why: revoke the caller's sessions; what else did it do (hunt what-did-principal-touch)?",
-- ]
-- benign = [
--   "A key that was replaced: everything that it encrypted was encrypted again before.",
--   "Infrastructure as code that takes a test stack down.",
--   "A drill that disables a key to see who complains.",
-- ]
-- [parameters.memory]
-- type = "duration"
-- default = "30d"
-- description = "How far back the key's uses are listed: a monthly job is nearly always among them."
-- [parameters.grace]
-- type = "duration"
-- default = "1h"
-- description = "Taken back within this, it was a slip of the hand: low severity, medium for a sensitive secret."
-- [parameters.min_uses]
-- default = 0
-- unit = "uses of the key within memory"
-- description = "What is told from how many uses on. None is enough: what a key encrypted may be read once a year."
WITH deaths AS ( -- a row: what ends one key's life, by one name, in one second
  SELECT
    account_id, aws_region, key_id, event_name, event_time,
    max(key_arn) AS key_arn,
    min(principal) AS principal,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    max(deletion_date) AS deletion_date,
    max(deletion_window_days) AS window_days,
    array_sort(array_agg(DISTINCT event_id)) AS event_ids
  FROM key_changes
  WHERE outcome = 'ok' AND key_id IS NOT NULL
    AND event_name IN (
      'DisableKey', 'ScheduleKeyDeletion', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial', 'DeleteKey'
    )
  GROUP BY account_id, aws_region, key_id, event_name, event_time
),
revivals AS ( -- a row: what makes one key usable again; after a cancelled deletion a key stays disabled
  SELECT account_id, aws_region, key_id, event_name, event_time
  FROM key_changes
  WHERE outcome = 'ok' AND event_name IN ('EnableKey', 'ImportKeyMaterial')
),
revived AS ( -- a row: one death that was taken back, and when
  SELECT d.account_id, d.aws_region, d.key_id, d.event_name, d.event_time, min(r.event_time) AS revived_at
  FROM deaths d
  JOIN revivals r
    ON r.account_id = d.account_id AND r.aws_region = d.aws_region AND r.key_id = d.key_id
    AND r.event_time >= d.event_time
    AND r.event_name = CASE WHEN d.event_name IN ('DisableKey', 'ScheduleKeyDeletion') THEN 'EnableKey'
      ELSE 'ImportKeyMaterial' END
  WHERE d.event_name <> 'DeleteKey'
  GROUP BY d.account_id, d.aws_region, d.key_id, d.event_name, d.event_time
),
used AS ( -- a row: one use of a key within memory before one of its deaths
  SELECT
    d.account_id, d.aws_region, d.key_id, d.event_name, d.event_time,
    u.event_id, u.principal, u.context, u.context_account, u.context_region, u.context_name,
    p.sensitivity
  FROM deaths d
  JOIN key_uses u
    ON u.key_arn = d.key_arn AND u.event_time <= d.event_time AND u.event_time > d.event_time - $memory
  LEFT JOIN policy_secrets p
    ON u.context = 'secret' AND p.account_id = u.context_account AND p.aws_region = u.context_region
    AND p.secret_name = u.context_name
  WHERE u.outcome = 'ok'
),
radius AS ( -- a row: one death and what it hits
  SELECT
    account_id, aws_region, key_id, event_name, event_time,
    count(*) AS uses,
    count(DISTINCT CASE WHEN context = 'secret' THEN concat_ws('|', context_account, context_region, context_name) END)
      AS secrets,
    count(DISTINCT CASE WHEN context = 'parameter' THEN concat_ws('|', context_account, context_region,
      context_name) END)
      AS parameters,
    count(DISTINCT principal) AS principals,
    bool_or(sensitivity IN ('high', 'critical')) AS hits_sensitive,
    array_slice(array_sort(array_agg(DISTINCT context_name) FILTER (WHERE context = 'secret')), 1, 50) AS secret_names,
    array_slice(array_sort(array_agg(DISTINCT context_name) FILTER (WHERE context = 'parameter')), 1, 50)
      AS parameter_names,
    array_slice(array_sort(array_agg(DISTINCT principal) FILTER (WHERE principal IS NOT NULL)), 1, 50)
      AS principal_names
  FROM used
  GROUP BY account_id, aws_region, key_id, event_name, event_time
),
judged AS ( -- a row: one death with all that is known of it
  SELECT
    d.*, v.revived_at,
    coalesce(r.uses, 0) AS uses, coalesce(r.secrets, 0) AS secrets, coalesce(r.parameters, 0) AS parameters,
    coalesce(r.principals, 0) AS principals, coalesce(r.hits_sensitive, false) AS hits_sensitive,
    r.secret_names, r.parameter_names, r.principal_names,
    coalesce(v.revived_at <= d.event_time + $grace, false) AS is_slip,
    b.day > d.event_time - $memory AS is_young,
    CASE d.event_name
      WHEN 'DisableKey' THEN 'was disabled'
      WHEN 'ScheduleKeyDeletion' THEN 'was scheduled for deletion'
      WHEN 'DeleteImportedKeyMaterial' THEN 'lost its imported material'
      WHEN 'DeleteExpiredKeyMaterial' THEN 'lost its imported material, which expired'
      ELSE 'was deleted for good'
    END AS what
  FROM deaths d
  CROSS JOIN beginning b
  LEFT JOIN radius r
    ON r.account_id = d.account_id AND r.aws_region = d.aws_region AND r.key_id = d.key_id
    AND r.event_name = d.event_name AND r.event_time = d.event_time
  LEFT JOIN revived v
    ON v.account_id = d.account_id AND v.aws_region = d.aws_region AND v.key_id = d.key_id
    AND v.event_name = d.event_name AND v.event_time = d.event_time
)
SELECT
  concat_ws('|', account_id, aws_region, key_id, event_name, to_char(event_time, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat('Key ', key_id, ' ', what, ': ', secrets, CASE secrets WHEN 1 THEN ' secret' ELSE ' secrets' END,
    ' used it') AS title,
  concat(
    'The key ', key_id, ' ', what,
    CASE WHEN event_name IN ('DeleteExpiredKeyMaterial', 'DeleteKey') THEN '. '
      ELSE concat(' by ', coalesce(principal, 'somebody'), '. ') END,
    CASE
      WHEN event_name <> 'ScheduleKeyDeletion' THEN ''
      WHEN deletion_date IS NULL THEN 'It is deleted when its replicas are gone. '
      ELSE concat('Until ', to_char(deletion_date, '%Y-%m-%d %H:%M'), ' UTC, ', coalesce(window_days, 30),
        ' days, it can be taken back. ')
    END,
    'Before that, ', principals, CASE principals WHEN 1 THEN ' principal' ELSE ' principals' END, ' used it ', uses,
    CASE uses WHEN 1 THEN ' time' ELSE ' times' END, ', for ', secrets, CASE secrets WHEN 1 THEN ' secret'
      ELSE ' secrets' END,
    ' and ', parameters, CASE parameters WHEN 1 THEN ' parameter.' ELSE ' parameters.' END,
    CASE WHEN is_young THEN ' The lake is younger than the memory that this rule wants: there may be more.' ELSE '' END,
    CASE WHEN revived_at IS NOT NULL THEN concat(' It is usable again since ',
      to_char(revived_at, '%Y-%m-%d %H:%M:%S'), ' UTC.') ELSE '' END
  ) AS summary,
  account_id, aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  CASE WHEN secrets = 1 THEN secret_names[1] END AS secret_name,
  principal, actor,
  event_time AS window_start,
  event_time + INTERVAL '1 second' AS window_end,
  concat(
    what, '; ', uses, CASE uses WHEN 1 THEN ' use' ELSE ' uses' END, ' by ', principals, CASE principals WHEN 1
      THEN ' principal' ELSE ' principals' END,
    ', ', secrets, CASE secrets WHEN 1 THEN ' secret' ELSE ' secrets' END, ', ', parameters, CASE parameters WHEN 1
      THEN ' parameter' ELSE ' parameters' END
  ) AS observed,
  '0 uses: a key is taken away when nothing needs it any more' AS expected,
  event_ids AS evidence,
  named_struct(
    'key_id', key_id, 'key_arn', key_arn, 'call', event_name, 'deletion_date', deletion_date, 'window_days',
      window_days,
    'uses', uses, 'secrets', secrets, 'secret_names', secret_names, 'parameters', parameters,
    'parameter_names', parameter_names, 'principals', principals, 'principal_names', principal_names,
    'resolved_at', revived_at
  ) AS detail,
  CASE
    WHEN is_slip THEN CASE WHEN hits_sensitive THEN 'medium' ELSE 'low' END
    WHEN hits_sensitive THEN 'critical'
    WHEN uses > 0 THEN 'high'
    WHEN is_young THEN 'medium'
    ELSE 'low'
  END AS severity
FROM judged
WHERE uses >= $min_uses
