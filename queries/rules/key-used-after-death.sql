-- id = "key-used-after-death"
-- title = "Somebody needs a key that is disabled, being deleted, or without material"
-- severity = "high"
-- window = "1d"
-- history = "1d"
-- scope = "principal"
-- attack = ["T1485", "T1486"]
-- description = """\
--   Calls fail because their KMS key is disabled, waits for its deletion, or has lost its material. Who is named \
--   here depends on the key: its next start, its next read of the secret, fails. High where the call was about a \
--   secret or a parameter, critical where the contract says that the secret is; medium for anything else, which \
--   may be a caller's own data. One finding for each key, principal and day (UTC). Refusals by access control are \
--   no such failures, nor are the probes by which Secrets Manager tries a key.\
--   """
-- runbook = [
--   "Enable the key, or cancel its deletion and enable it, unless somebody can say why not: the caller is down.",
--   "See key-about-to-die for who took the key away, and what else used it.",
--   "If the key is to go: move the secret to another key (UpdateSecret) while the old one still decrypts.",
-- ]
-- benign = [
--   "A drill that disables a key to see who complains: this is who.",
--   "A tool that walks over all keys and tries each of them.",
-- ]
-- [parameters.min_failures]
-- default = 1
-- unit = "failed calls in a day (UTC)"
-- description = "One is enough: the state of a key is no matter of luck."
WITH failures AS ( -- a row: one key, one principal, one day, and the calls that found the key dead
  SELECT
    u.account_id, u.aws_region, u.key_id, coalesce(u.principal, 'unknown') AS principal,
    date_trunc('day', u.event_time) AS day,
    max(u.key_arn) AS key_arn,
    count(*) AS failures,
    min(u.event_time) AS first_at,
    max(u.event_time) AS last_at,
    max(u.error_code) AS error_code,
    max(u.error_message) AS error_message,
    CASE WHEN min(u.actor) = max(u.actor) THEN min(u.actor) END AS actor,
    count(DISTINCT CASE WHEN u.context = 'secret' THEN u.context_name END) AS secrets,
    count(u.context) AS about_contents,
    min(CASE WHEN u.context = 'secret' THEN u.context_name END) AS secret_name,
    min(CASE WHEN u.context = 'secret' THEN u.context_arn END) AS secret_arn,
    bool_or(p.sensitivity = 'critical') AS is_critical,
    array_slice(array_sort(array_agg(DISTINCT u.context_name) FILTER (WHERE u.context IS NOT NULL)), 1, 50) AS names,
    array_slice(array_sort(array_agg(DISTINCT u.event_id)), 1, 50) AS event_ids
  FROM key_uses u
  LEFT JOIN policy_secrets p
    ON u.context = 'secret' AND p.account_id = u.context_account AND p.aws_region = u.context_region
    AND p.secret_name = u.context_name
  WHERE u.is_dead AND u.key_arn IS NOT NULL
  GROUP BY u.account_id, u.aws_region, u.key_id, coalesce(u.principal, 'unknown'), date_trunc('day', u.event_time)
),
killed AS ( -- a row: what was done to the key last before the failure, as far as the lake knows
  SELECT
    f.account_id, f.aws_region, f.key_id, f.principal, f.day,
    max(named_struct('at', c.event_time, 'event_id', c.event_id, 'call', c.event_name, 'by', c.principal)) AS last
  FROM failures f
  JOIN key_changes c
    ON c.account_id = f.account_id AND c.aws_region = f.aws_region AND c.key_id = f.key_id
      AND c.event_time <= f.first_at
  WHERE c.outcome = 'ok'
    AND c.event_name IN ('DisableKey', 'ScheduleKeyDeletion', 'DeleteImportedKeyMaterial', 'DeleteExpiredKeyMaterial')
  GROUP BY f.account_id, f.aws_region, f.key_id, f.principal, f.day
)
SELECT
  concat_ws('|', f.account_id, f.aws_region, f.key_id, f.principal, to_char(f.day, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(split_part(f.principal, '/', -1), ' needs the dead key ', f.key_id) AS title,
  concat(
    f.principal, ' failed ', f.failures, CASE f.failures WHEN 1 THEN ' time' ELSE ' times' END, ' from ',
    to_char(f.first_at, '%Y-%m-%d %H:%M:%S'), ' UTC on, because the key cannot be used (', f.error_code, '). ',
    CASE
      WHEN k.last IS NULL THEN 'Who took it away is not in the lake.'
      ELSE concat(k.last['call'], ' by ', coalesce(k.last['by'], 'somebody'), ' at ',
        to_char(k.last['at'], '%Y-%m-%d %H:%M:%S'), ' UTC came before.')
    END
  ) AS summary,
  f.account_id, f.aws_region,
  CASE WHEN f.secrets = 1 THEN f.secret_arn END AS secret_arn,
  CASE WHEN f.secrets = 1 THEN f.secret_name END AS secret_name,
  f.principal, f.actor,
  f.day AS window_start,
  f.day + INTERVAL '1 day' AS window_end,
  concat(f.failures, CASE f.failures WHEN 1 THEN ' failed use' ELSE ' failed uses' END,
    ' of a key that cannot be used') AS observed,
  '0: whoever uses a key is moved to another before it goes' AS expected,
  f.event_ids AS evidence,
  named_struct(
    'key_id', f.key_id, 'key_arn', f.key_arn, 'failures', f.failures, 'first_at', f.first_at, 'last_at', f.last_at,
    'error', coalesce(f.error_message, f.error_code), 'names', f.names, 'taken_away_by', k.last['by'],
    'taken_away_at', k.last['at'], 'taken_away_with', k.last['call']
  ) AS detail,
  CASE WHEN f.is_critical THEN 'critical' WHEN f.about_contents > 0 THEN 'high' ELSE 'medium' END AS severity
FROM failures f
LEFT JOIN killed k
  ON k.account_id = f.account_id AND k.aws_region = f.aws_region AND k.key_id = f.key_id AND k.principal = f.principal
  AND k.day = f.day
WHERE f.failures >= $min_failures
