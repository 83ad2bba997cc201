-- reads: one row for each delivery of one secret's value to one principal. The read ledger.
--
-- via: get (GetSecretValue), batch (a secret listed in a BatchGetSecretValue), filter (a secret that a
-- BatchGetSecretValue by filter returned, known by its Decrypt). A batch may or may not leave a GetSecretValue for each
-- of its secrets; where the same principal has one within five seconds, that one is the row and the batch's is not.
-- secret_version_id: the version asked for, else the one that the paired Decrypt (same principal, same secret, within
-- five seconds; access keys differ) names, else null. version_asked: the version that the call asked for by its id, null
-- where it asked for none. decrypt_event_id: that Decrypt, null where none was logged.
-- account_id, aws_region, secret_name: the secret's. secret_arn: what the name meant at that time, as far as the lake
-- knows. invoked_by: the service that read on the principal's behalf. Times are UTC.
-- rotation: own, a rotation's worker reads the secret that it rotates; other, it reads another secret meanwhile (the
-- master's); null, an ordinary read.
-- Left out: refused and failed reads (denied_reads), permission probes, direct Decrypts (decrypts), parameters.
WITH evidence AS ( -- a row: one touch that delivers a value, or tells of a delivery
  SELECT
    event_id, event_time, account_id, aws_region, secret_name, secret_arn, principal, actor, principal_account,
    identity_type, invoked_by, from_console, source_ip, vpc_endpoint_id, secret_version_id, version_stage, outcome,
    CASE event_name WHEN 'GetSecretValue' THEN 'get' WHEN 'BatchGetSecretValue' THEN 'batch' ELSE 'decrypt' END AS kind
  FROM touches
  WHERE (
      event_source = 'secretsmanager.amazonaws.com'
      AND (event_name = 'GetSecretValue' OR (event_name = 'BatchGetSecretValue' AND outcome = 'ok'))
    ) OR (
      event_source = 'kms.amazonaws.com' AND event_name = 'Decrypt' AND outcome = 'ok'
      AND invoked_by = 'secretsmanager.amazonaws.com'
      AND (secret_version_id IS DISTINCT FROM 'RequestToValidateKeyAccess')
    )
),
weighed AS ( -- a row: the same, and what else its principal shows about its secret within five seconds
  SELECT
    *,
    count(CASE WHEN kind = 'get' THEN 1 END) OVER near AS gets_near,
    count(CASE WHEN kind = 'batch' THEN 1 END) OVER near AS batches_near,
    max(CASE WHEN kind = 'decrypt' THEN concat_ws('|', event_id, secret_version_id) END) OVER near AS decrypt_near,
    max(CASE WHEN kind = 'decrypt' THEN concat_ws('|', event_id, secret_version_id) END) OVER same_second AS decrypt_same_second
  FROM evidence
  WINDOW near AS (
    PARTITION BY account_id, aws_region, secret_name, principal ORDER BY event_time
    RANGE BETWEEN INTERVAL '5 seconds' PRECEDING AND INTERVAL '5 seconds' FOLLOWING
  ),
  same_second AS (
    PARTITION BY account_id, aws_region, secret_name, principal ORDER BY event_time
    RANGE BETWEEN CURRENT ROW AND CURRENT ROW
  )
),
deliveries AS ( -- a row: one delivery
  SELECT
    w.*,
    CASE w.kind WHEN 'decrypt' THEN 'filter' ELSE w.kind END AS via,
    coalesce(w.decrypt_same_second, w.decrypt_near) AS decrypt
  FROM weighed w
  LEFT JOIN filtered_batches f
    ON f.account_id = w.account_id AND f.aws_region = w.aws_region AND f.principal = w.principal
    AND f.second = w.event_time
  WHERE (w.kind = 'get' AND w.outcome = 'ok')
     OR (w.kind = 'batch' AND w.gets_near = 0)
     OR (w.kind = 'decrypt' AND w.gets_near = 0 AND w.batches_near = 0 AND f.second IS NOT NULL)
)
SELECT
  d.event_id, d.event_time, d.via, d.account_id, d.aws_region, d.secret_name,
  coalesce(d.secret_arn, a.secret_arn) AS secret_arn,
  coalesce(d.secret_version_id, nullif(split_part(d.decrypt, '|', 2), '')) AS secret_version_id,
  CASE WHEN d.kind = 'get' THEN d.secret_version_id END AS version_asked, d.version_stage,
  nullif(split_part(d.decrypt, '|', 1), '') AS decrypt_event_id,
  d.principal, d.actor, d.principal_account, d.identity_type, d.invoked_by, d.from_console, d.source_ip,
  d.vpc_endpoint_id,
  CASE
    WHEN array_has(s.secrets, concat_ws('|', d.account_id, d.aws_region, d.secret_name)) THEN 'own'
    WHEN s.principal IS NOT NULL THEN 'other'
  END AS rotation
FROM deliveries d
LEFT JOIN secret_arns a
  ON a.account_id = d.account_id AND a.aws_region = d.aws_region AND a.secret_name = d.secret_name
  AND d.event_time >= a.valid_from AND d.event_time < a.valid_to
LEFT JOIN rotation_spans s
  ON s.principal = d.principal AND d.event_time BETWEEN s.from_time AND s.to_time
