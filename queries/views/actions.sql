-- actions: one row for each distinct action. The ground of every other view that counts.
--
-- Left out: what watched leaves out; events that a later record of CloudTrail corrects (addendum, corrects_event_id);
-- network-activity events (AwsVpceEvent), which repeat a management event; Insights and aggregated records, which are
-- no actions.
-- Of the copies that a cross-account action leaves (one shared_event_id) the caller's stands, because only it names the
-- principal; if it was never delivered, one of the owner's does.
-- account_id: the resource owner's account where a copy proves it, else the account that the record was delivered to.
-- delivered_to: always the account that the record was delivered to. rotation_days, rotation_schedule, rotation_lambda,
-- rotate_immediately: the rotation settings of RotateSecret. trail_…: the settings of CreateTrail and UpdateTrail.
-- grant_…, grantee: of a grant on a key that is made or taken back. desired_count: of UpdateService; rule_state: of
-- PutRule. first_target: the first target's name. Other columns as in events.
SELECT
  e.event_id, e.event_time, e.event_date, e.event_source, e.event_name, e.event_type, e.aws_region,
  coalesce(c.owner_account, e.account_id) AS account_id,
  e.account_id AS delivered_to,
  e.principal, e.principal_id, e.actor, e.principal_account, e.access_key_id, e.identity_type, e.source_identity,
  e.invoked_by, e.mfa, e.from_console, e.source_ip, e.source_service, e.user_agent, e.vpc_endpoint_id,
  e.targets, e.secret_version_id, e.version_stage, e.kms_key_arn, e.with_decryption,
  e.outcome, e.error_code, e.error_message, e.read_only, e.shared_event_id, e.request_id, e.truncated,
  e.encryption_context, e.tags, e.policy_statements, e."grant", e.event_selectors,
  e.replica_regions, e.asked_by_filter, e.force_delete, e.deletion_window_days, e.deletion_date,
  e.desired_count, e.rule_state,
  e.rotation['automatically_after_days'] AS rotation_days, e.rotation['schedule_expression'] AS rotation_schedule,
  e.rotation['lambda_arn'] AS rotation_lambda, e.rotation['rotate_immediately'] AS rotate_immediately,
  e.targets[1]['name'] AS first_target,
  e."grant"['grant_id'] AS grant_id, e."grant"['grantee_principal'] AS grantee,
  e."grant"['operations'] AS grant_operations, e."grant"['constraints'] AS grant_constraints,
  e."trail"['s3_bucket'] AS trail_s3_bucket, e."trail"['s3_prefix'] AS trail_s3_prefix,
  e."trail"['sns_topic'] AS trail_sns_topic, e."trail"['kms_key'] AS trail_kms_key,
  e."trail"['log_group'] AS trail_log_group, e."trail"['is_multi_region'] AS trail_is_multi_region,
  e."trail"['is_organization'] AS trail_is_organization,
  e."trail"['include_global_events'] AS trail_include_global_events,
  e."trail"['log_file_validation'] AS trail_log_file_validation
FROM watched e
LEFT ANTI JOIN corrected_events x ON x.event_id = e.event_id AND x.account_id = e.account_id
LEFT JOIN shared_actions c ON c.shared_event_id = e.shared_event_id
WHERE e.event_type NOT IN ('AwsVpceEvent', 'AwsCloudTrailInsight', 'AwsAggregatedEvent')
  AND (
    c.shared_event_id IS NULL
    OR (e.identity_type IS DISTINCT FROM 'AWSAccount')
    OR (c.caller_copies = 0 AND e.event_id = c.owner_event_id)
  )
