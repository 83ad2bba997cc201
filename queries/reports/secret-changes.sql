-- title = "Changes"
-- basis = "View secret_changes: calls that may change the secret, and service events about it; what a rotation's worker writes is left out."
-- empty = "Nothing changed in this time."
-- [columns]
-- at = "time"
-- region = "code"
-- what = "code"
-- outcome = "verdict"
-- who = "principal"
-- session = "text"
-- detail = "text"
SELECT
  event_time AS at, aws_region AS region, event_name AS what, outcome, principal AS who, actor AS session,
  nullif(concat_ws(
    '; ',
    concat('every ', rotation_days, ' days'),
    rotation_schedule,
    concat('function ', rotation_lambda),
    concat('to ', array_to_string(replica_regions, ', ')),
    concat('deleted at ', to_char(deletion_date, '%Y-%m-%d')),
    CASE WHEN force_delete THEN 'without recovery' END,
    CASE WHEN cardinality(policy_statements) > 0 THEN concat(cardinality(policy_statements), ' statements') END,
    version_stage
  ), '') AS detail
FROM secret_changes
WHERE event_time >= $from AND event_time < $to AND secret_name = $secret
  AND ($account = '' OR account_id = $account) AND ($region = '' OR aws_region = $region)
  AND NOT (is_rotator AND event_name IN ('PutSecretValue', 'UpdateSecretVersionStage'))
ORDER BY event_time, aws_region, event_id
