-- id = "direct-decrypt"
-- title = "The ciphertext of a secret or parameter was decrypted by hand"
-- severity = "high"
-- window = "1d"
-- history = "1d"
-- scope = "principal"
-- attack = ["T1555.006", "T1552"]
-- description = """\
--   A KMS call (Decrypt, ReEncrypt) whose encryption context names a secret or a parameter, that no AWS service \
--   made. Secrets Manager hands its ciphertext to nobody: whoever holds it got it in a way that should not exist, \
--   and reads the value past the secret's policy, its contract and its log. Parameter Store does hand out \
--   ciphertext (GetParameter without withDecryption); decrypting that by hand leaves no read in its log. Severity \
--   follows the secret's sensitivity, a decoy is critical; medium for parameters. Attempts that failed: medium for \
--   secrets, low for parameters. One finding for each thing, principal and day (UTC).\
--   """
-- runbook = [
--   "Ask whoever runs the principal how it got the ciphertext. There is no good answer for a secret: rotate it now.",
--   "For a parameter, look for GetParameter calls without decryption before (hunt what-did-principal-touch).",
--   "Find which statement or grant lets the principal use the key without kms:ViaService, and close it.",
-- ]
-- benign = [
--   "A program that fetches parameters as ciphertext and decrypts them itself, late.",
--   "An application that by mischance uses SecretARN or PARAMETER_ARN as a key of its own encryption context.",
-- ]
-- [parameters.min_calls]
-- default = 1
-- unit = "calls in a day (UTC)"
-- description = "One is enough: the value is out."
-- [parameters.include_failed]
-- default = true
-- description = "Whether a day of nothing but failed attempts is told. To try needs the ciphertext too."
WITH days AS ( -- a row: one secret or parameter, one principal, one day
  SELECT
    u.context, u.context_account AS account_id, u.context_region AS aws_region, u.context_name,
    coalesce(u.principal, 'unknown') AS principal,
    date_trunc('day', u.event_time) AS day,
    count(*) AS calls,
    count(CASE WHEN u.outcome = 'ok' THEN 1 END) AS succeeded,
    min(u.event_time) AS first_at,
    max(u.event_time) AS last_at,
    max(u.context_arn) AS arn,
    max(u.key_arn) AS key_arn,
    array_sort(array_agg(DISTINCT u.event_name)) AS call_names,
    CASE WHEN min(u.actor) = max(u.actor) THEN min(u.actor) END AS actor,
    array_slice(array_sort(array_agg(DISTINCT u.source_ip)), 1, 10) AS source_ips,
    array_slice(array_sort(array_agg(DISTINCT u.event_id)), 1, 50) AS event_ids
  FROM key_uses u
  WHERE u.context IS NOT NULL AND u.is_direct AND u.event_name IN ('Decrypt', 'ReEncrypt') AND u.outcome <> 'throttled'
  GROUP BY
    u.context, u.context_account, u.context_region, u.context_name, coalesce(u.principal, 'unknown'),
    date_trunc('day', u.event_time)
)
SELECT
  concat_ws('|', d.account_id, d.aws_region, d.context, d.context_name, d.principal,
    to_char(d.day, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat('Ciphertext of the ', d.context, ' ', d.context_name, ' decrypted by ',
    split_part(d.principal, '/', -1)) AS title,
  concat(
    d.principal, ' called ', array_to_string(d.call_names, ' and '), ' itself on the ciphertext of the ', d.context,
      ' ', d.context_name, ', ',
    d.calls, CASE d.calls WHEN 1 THEN ' time' ELSE ' times' END, ', of which ', d.succeeded, ' succeeded, first at ',
    to_char(d.first_at, '%Y-%m-%d %H:%M:%S'), ' UTC. ',
    CASE d.context
      WHEN 'secret' THEN 'Secrets Manager gives its ciphertext to nobody.'
      ELSE 'It leaves no read of the value in the log of Parameter Store.'
    END
  ) AS summary,
  d.account_id, d.aws_region,
  CASE WHEN d.context = 'secret' THEN d.arn END AS secret_arn,
  CASE WHEN d.context = 'secret' THEN d.context_name END AS secret_name,
  d.principal, d.actor,
  d.day AS window_start,
  d.day + INTERVAL '1 day' AS window_end,
  concat(d.calls, CASE d.calls WHEN 1 THEN ' call' ELSE ' calls' END, ' without a service, ', d.succeeded,
    ' of them successful') AS observed,
  '0: only the service that keeps the value decrypts it' AS expected,
  d.event_ids AS evidence,
  named_struct(
    'kind', d.context, 'name', d.context_name, 'arn', d.arn, 'key_arn', d.key_arn, 'calls', d.calls,
    'succeeded', d.succeeded, 'call_names', d.call_names, 'first_at', d.first_at, 'last_at', d.last_at,
    'sensitivity', p.sensitivity, 'owner', p.owner, 'source_ips', d.source_ips
  ) AS detail,
  CASE
    WHEN p.decoy THEN 'critical'
    WHEN d.context = 'parameter' AND d.succeeded = 0 THEN 'low'
    WHEN d.context = 'parameter' OR d.succeeded = 0 THEN 'medium'
    WHEN p.sensitivity = 'critical' THEN 'critical'
    ELSE 'high'
  END AS severity
FROM days d
LEFT JOIN policy_secrets p
  ON d.context = 'secret' AND p.account_id = d.account_id AND p.aws_region = d.aws_region
    AND p.secret_name = d.context_name
WHERE d.calls >= $min_calls AND (d.succeeded > 0 OR $include_failed)
