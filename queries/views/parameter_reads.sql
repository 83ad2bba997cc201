-- parameter_reads: one row for each delivery of one parameter's decrypted value to one principal.
--
-- via: get (GetParameter, GetParameters), history (GetParameterHistory), path (a parameter that GetParametersByPath
-- gave out, known by its Decrypt, since the call names none), decrypt (a Decrypt that Parameter Store made for the
-- principal while no call is to be seen that asked for it). The calls count where they asked for decryption and
-- succeeded. is_secure: a Decrypt of the parameter by the same principal lies within five seconds: the parameter is a
-- SecureString; where it is false, it is a plain one, or the trail does not record KMS. account_id, aws_region,
-- parameter_name: of the parameter; the name without its leading slash, which its ARN does not tell apart. Times are
-- UTC. Left out: reads without decryption, direct Decrypts (key_uses), AWS's public parameters and references to
-- secrets (`/aws/…`; a reference's read of the secret stands in reads).
WITH asked AS ( -- a row: one target of one call that asks for decrypted values
  SELECT
    event_id, event_time, event_name, account_id, aws_region, principal, actor, principal_account, identity_type,
    invoked_by, source_ip, unnest(targets) AS target
  FROM actions
  WHERE event_source = 'ssm.amazonaws.com' AND outcome = 'ok' AND with_decryption
    AND event_name IN ('GetParameter', 'GetParameters', 'GetParameterHistory', 'GetParametersByPath')
),
evidence AS ( -- a row: one delivery, or what tells of deliveries
  SELECT
    event_id, event_time,
    CASE event_name WHEN 'GetParametersByPath' THEN 'path' WHEN 'GetParameterHistory' THEN 'history'
      ELSE 'get' END AS kind,
    coalesce(split_part(target['arn'], ':', 5), account_id) AS account_id,
    coalesce(split_part(target['arn'], ':', 4), aws_region) AS aws_region,
    CASE WHEN target['kind'] = 'parameter' THEN ltrim(target['name'], '/') END AS parameter_name,
    principal, actor, principal_account, identity_type, invoked_by, source_ip
  FROM asked
  WHERE target['kind'] IN ('parameter', 'parameter_path')
  UNION ALL
  SELECT
    event_id, event_time, 'decrypt' AS kind, context_account AS account_id, context_region AS aws_region,
    ltrim(context_name, '/') AS parameter_name, principal, actor, principal_account, identity_type, invoked_by,
      source_ip
  FROM key_uses
  WHERE context = 'parameter' AND event_name = 'Decrypt' AND outcome = 'ok' AND NOT is_direct
),
weighed AS ( -- a row: the same, and what else its principal shows within five seconds
  SELECT
    *,
    count(CASE WHEN kind IN ('get', 'history') THEN 1 END) OVER near AS gets_near,
    count(CASE WHEN kind = 'decrypt' THEN 1 END) OVER near AS decrypts_near,
    count(CASE WHEN kind = 'path' THEN 1 END) OVER (
      PARTITION BY account_id, aws_region, principal ORDER BY event_time
      RANGE BETWEEN INTERVAL '5 seconds' PRECEDING AND INTERVAL '5 seconds' FOLLOWING
    ) AS paths_near
  FROM evidence
  WINDOW near AS (
    PARTITION BY account_id, aws_region, principal, parameter_name ORDER BY event_time
    RANGE BETWEEN INTERVAL '5 seconds' PRECEDING AND INTERVAL '5 seconds' FOLLOWING
  )
)
SELECT
  event_id, event_time,
  CASE WHEN kind = 'decrypt' AND paths_near > 0 THEN 'path' ELSE kind END AS via,
  account_id, aws_region, parameter_name, decrypts_near > 0 AS is_secure,
  principal, actor, principal_account, identity_type, invoked_by, source_ip
FROM weighed
WHERE parameter_name IS NOT NULL AND parameter_name NOT LIKE 'aws/%'
  AND (kind IN ('get', 'history') OR (kind = 'decrypt' AND gets_near = 0))
