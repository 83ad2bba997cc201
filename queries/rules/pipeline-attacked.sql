-- id = "pipeline-attacked"
-- title = "A part of the pipeline was turned against it"
-- severity = "high"
-- window = "1h"
-- history = "1d"
-- scope = "principal"
-- attack = ["T1562.008", "T1070", "T1485"]
-- description = """\
--   Somebody changed or destroyed what carries the trail to Snowtrail: its bucket and the objects in it, the queue, \
--   the topics, the rules, the service that runs it and that service's role, and the key of the trail's files. \
--   These are what the policy lists under [trail] protect, and the bucket, topic and key that the lake saw a trail \
--   being given. Rank 4, critical: bucket, queue, topic or service gone, log files deleted, the key disabled. Rank \
--   3, high: what is on its way is lost or no longer delivered, the rule is disabled, the service is left without a \
--   task, the part is open to everybody, a shell in the worker, an account that leaves the organization. Rank 2, \
--   medium: a change whose effect the record does not show (lifecycle, notification, encryption, attributes, a rule \
--   that may have got another pattern, or may never have carried reads). Rank 2 but low: the service was changed, \
--   which every deploy does. Rank 1: changes that keep, narrow, or perhaps mend. Rank 0: calls that mend, and attempts \
--   that failed. One finding for each call; deleted objects are one for each hour.\
--   """
-- runbook = [
--   "Not announced: treat the principal as hostile, revoke its sessions first; it wants not to be seen.",
--   "Turn it back, then run the ingestion over the bucket: what is still there is taken in, nothing twice.",
--   "Look at what the same principal did in the hour before, and in Event history after.",
--   "Log files deleted: look for older versions of the objects, and verify the digests (snowtrail verify).",
-- ]
-- benign = [
--   "Infrastructure as code that changes the pipeline: plan it with [[windows]].",
--   "A lifecycle that was agreed upon.",
-- ]
-- [parameters.min_rank]
-- default = 2
-- unit = "rank, 0 to 4"
-- description = "What is told from which rank on. Rank 1 is mostly housekeeping."
WITH effects AS ( -- a row: one call, what it does to a part, and how bad that is
  SELECT column1 AS event_source, column2 AS event_name, column3 AS form, column4 AS rank
  FROM (VALUES
    ('s3.amazonaws.com', 'DeleteBucket', 'bucket deleted', 4),
    ('s3.amazonaws.com', 'DeleteBucketPolicy', 'bucket policy removed: the trail may no longer write', 3),
    ('s3.amazonaws.com', 'PutBucketPolicy', 'bucket policy set', 1),
    ('s3.amazonaws.com', 'PutBucketAcl', 'access list of the bucket changed', 2),
    ('s3.amazonaws.com', 'PutBucketLifecycle', 'objects given an end', 2),
    ('s3.amazonaws.com', 'PutBucketLifecycleConfiguration', 'objects given an end', 2),
    ('s3.amazonaws.com', 'PutBucketNotification', 'announcement of new files changed', 2),
    ('s3.amazonaws.com', 'PutBucketNotificationConfiguration', 'announcement of new files changed', 2),
    ('s3.amazonaws.com', 'PutBucketEncryption', 'files encrypted with another key', 2),
    ('s3.amazonaws.com', 'DeleteBucketEncryption', 'default encryption removed', 1),
    ('s3.amazonaws.com', 'PutBucketPublicAccessBlock', 'block of public access changed', 2),
    ('s3.amazonaws.com', 'PutPublicAccessBlock', 'block of public access changed', 2),
    ('s3.amazonaws.com', 'DeleteBucketPublicAccessBlock', 'block of public access removed', 3),
    ('s3.amazonaws.com', 'DeletePublicAccessBlock', 'block of public access removed', 3),
    ('s3.amazonaws.com', 'PutBucketVersioning', 'versioning changed', 2),
    ('s3.amazonaws.com', 'PutBucketReplication', 'copies sent elsewhere', 2),
    ('s3.amazonaws.com', 'DeleteBucketReplication', 'copies no longer made', 1),
    ('s3.amazonaws.com', 'PutBucketObjectLockConfiguration', 'object lock changed', 2),
    ('s3.amazonaws.com', 'PutObjectLockConfiguration', 'object lock changed', 2),
    ('s3.amazonaws.com', 'PutBucketOwnershipControls', 'ownership of objects changed', 2),
    ('s3.amazonaws.com', 'DeleteObject', 'objects deleted', 4),
    ('s3.amazonaws.com', 'DeleteObjects', 'objects deleted', 4),
    ('s3.amazonaws.com', 'DeleteObjectVersion', 'versions of objects deleted', 4),
    ('sqs.amazonaws.com', 'DeleteQueue', 'queue deleted', 4),
    ('sqs.amazonaws.com', 'PurgeQueue', 'queue emptied: what waited in it is not announced again', 3),
    ('sqs.amazonaws.com', 'SetQueueAttributes', 'attributes of the queue changed', 2),
    ('sqs.amazonaws.com', 'AddPermission', 'others let in', 2),
    ('sqs.amazonaws.com', 'RemovePermission', 'somebody shut out', 2),
    ('sqs.amazonaws.com', 'StartMessageMoveTask', 'messages moved elsewhere', 2),
    ('sqs.amazonaws.com', 'CancelMessageMoveTask', 'a move of messages stopped', 0),
    ('sns.amazonaws.com', 'DeleteTopic', 'topic deleted', 4),
    ('sns.amazonaws.com', 'Unsubscribe', 'subscription removed', 3),
    ('sns.amazonaws.com', 'SetTopicAttributes', 'attributes of the topic changed', 2),
    ('sns.amazonaws.com', 'SetSubscriptionAttributes', 'attributes of a subscription changed', 2),
    ('sns.amazonaws.com', 'AddPermission', 'others let in', 2),
    ('sns.amazonaws.com', 'RemovePermission', 'somebody shut out', 2),
    ('sns.amazonaws.com', 'PutDataProtectionPolicy', 'messages are masked or held back', 2),
    ('events.amazonaws.com', 'DisableRule', 'rule disabled', 3),
    ('events.amazonaws.com', 'EnableRule', 'rule enabled; the call does not say in which state', 1),
    ('events.amazonaws.com', 'DeleteRule', 'rule deleted', 3),
    ('events.amazonaws.com', 'RemoveTargets', 'targets taken from the rule', 3),
    ('events.amazonaws.com', 'PutRule', 'rule changed: perhaps its pattern', 2),
    ('events.amazonaws.com', 'PutTargets', 'targets of the rule changed', 2),
    ('ecs.amazonaws.com', 'DeleteService', 'service deleted', 4),
    ('ecs.amazonaws.com', 'DeleteCluster', 'cluster deleted', 4),
    ('ecs.amazonaws.com', 'StopTask', 'a task in its cluster stopped', 2),
    ('ecs.amazonaws.com', 'ExecuteCommand', 'a shell opened in its cluster', 3),
    ('ecs.amazonaws.com', 'UpdateService', 'service changed', 2),
    ('ecs.amazonaws.com', 'UpdateServicePrimaryTaskSet', 'service changed', 1),
    ('iam.amazonaws.com', 'DeleteRole', 'role deleted', 4),
    ('iam.amazonaws.com', 'DeleteRolePolicy', 'power taken from the role', 3),
    ('iam.amazonaws.com', 'DetachRolePolicy', 'power taken from the role', 3),
    ('iam.amazonaws.com', 'PutRolePermissionsBoundary', 'power of the role bounded', 3),
    ('iam.amazonaws.com', 'UpdateAssumeRolePolicy', 'who may take the role changed', 2),
    ('iam.amazonaws.com', 'PutRolePolicy', 'policy of the role changed', 2),
    ('iam.amazonaws.com', 'AttachRolePolicy', 'power given to the role', 1),
    ('kms.amazonaws.com', 'DisableKey', 'key disabled', 4),
    ('kms.amazonaws.com', 'ScheduleKeyDeletion', 'key to be deleted, useless from now on', 4),
    ('kms.amazonaws.com', 'DeleteImportedKeyMaterial', 'key material deleted', 4),
    ('kms.amazonaws.com', 'PutKeyPolicy', 'who may use the key changed', 2),
    ('organizations.amazonaws.com', 'LeaveOrganization', 'an account leaves the organization and its trail', 3),
    ('organizations.amazonaws.com', 'RemoveAccountFromOrganization', 'an account is put out of the organization', 3),
    ('organizations.amazonaws.com', 'DeleteOrganization', 'the organization is deleted, its trail with it', 4)
  )
),
calls AS ( -- a row: one such call
  SELECT
    a.event_id, a.event_time, a.event_source, a.event_name, a.account_id, a.aws_region, a.principal, a.actor, a.outcome,
    a.targets, a.policy_statements,
    CASE
      WHEN a.desired_count = 0 THEN 'service asked to run no task'
      WHEN a.rule_state = 'DISABLED' THEN 'rule disabled'
      -- EventBridge hands GetSecretValue only to rules in the state ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS.
      WHEN a.rule_state = 'ENABLED' THEN 'rule changed, perhaps its pattern; its state lets no reads of secrets through'
      ELSE e.form
    END AS form,
    CASE WHEN a.desired_count = 0 OR a.rule_state = 'DISABLED' THEN 3 ELSE e.rank END AS rank,
    CASE WHEN a.aws_region LIKE 'cn-%' THEN 'aws-cn' WHEN a.aws_region LIKE 'us-gov-%' THEN 'aws-us-gov'
      ELSE 'aws' END AS partition
  FROM actions a
  JOIN effects e ON e.event_source = a.event_source AND e.event_name = a.event_name
  WHERE (a.identity_type IS DISTINCT FROM 'AWSService')
),
named AS ( -- a row: one thing that one call names
  SELECT
    event_id, event_time, event_source, event_name, account_id, aws_region, partition, unnest(targets) AS target
  FROM calls
),
things AS ( -- a row: the same, with its ARN where that follows from the name
  SELECT
    event_id, event_time, event_source, event_name, account_id, aws_region,
    target['kind'] AS kind,
    target['name'] AS name,
    target['as_asked'] AS as_asked,
    coalesce(target['arn'], CASE target['kind']
      WHEN 'bucket' THEN concat('arn:', partition, ':s3:::', target['name'])
      WHEN 'queue' THEN concat('arn:', partition, ':sqs:', aws_region, ':', account_id, ':', target['name'])
      WHEN 'topic' THEN concat('arn:', partition, ':sns:', aws_region, ':', account_id, ':', target['name'])
      WHEN 'rule' THEN concat('arn:', partition, ':events:', aws_region, ':', account_id, ':rule/', target['name'])
      WHEN 'role' THEN concat('arn:', partition, ':iam::', account_id, ':role/', target['name'])
      WHEN 'key' THEN concat('arn:', partition, ':kms:', aws_region, ':', account_id, ':key/', target['name'])
    END) AS arn
  FROM named
),
trails AS ( -- a row: one setting of a trail that names a part
  SELECT event_time AS since, trail_s3_bucket AS bucket, trail_sns_topic AS topic, trail_kms_key AS kms_key
  FROM actions
  WHERE event_source = 'cloudtrail.amazonaws.com' AND event_name IN ('CreateTrail', 'UpdateTrail') AND outcome = 'ok'
),
parts AS ( -- a row: one part, as a LIKE pattern of its ARN; fed: a trail is delivered to it; since: null for always
  SELECT
    replace(replace(replace(value, '_', '\_'), '?', '_'), '*', '%') AS pattern, false AS fed,
    CAST(NULL AS TIMESTAMP) AS since
  FROM policy_trail
  WHERE kind = 'protect'
  UNION ALL
  SELECT concat('arn:%:s3:::', replace(bucket, '_', '\_')), true, since FROM trails WHERE bucket <> ''
  UNION ALL
  SELECT CASE WHEN topic LIKE 'arn:%' THEN replace(topic, '_', '\_')
    ELSE concat('arn:%:sns:%:', replace(topic, '_', '\_')) END, false, since
  FROM trails
  WHERE topic <> ''
  UNION ALL
  SELECT CASE WHEN kms_key LIKE 'arn:%' THEN kms_key ELSE concat('arn:%:kms:%:key/', kms_key) END, false, since
  FROM trails
  WHERE kms_key <> '' AND kms_key NOT LIKE '%alias/%'
),
struck AS ( -- a row: one thing of one call that is a part of the pipeline
  SELECT t.event_id, t.kind, coalesce(t.arn, t.name) AS part, bool_or(p.fed) AS fed
  FROM things t
  JOIN parts p
    ON t.arn LIKE p.pattern
    -- A rule's bus, a role's path and a service's cluster do not stand beside the name: the ARN's last part decides.
    OR (t.kind = 'rule' AND p.pattern LIKE concat('arn:%:events:', t.aws_region, ':', t.account_id, ':rule/%')
      AND t.name LIKE split_part(p.pattern, '/', -1))
    OR (t.kind = 'role' AND p.pattern LIKE concat('arn:%:iam::', t.account_id, ':role/%')
      AND t.name LIKE split_part(p.pattern, '/', -1))
    OR (
      t.kind = 'service' AND p.pattern LIKE concat('arn:%:ecs:', t.aws_region, ':', t.account_id, ':service/%')
      AND t.name LIKE split_part(
        p.pattern, '/', CASE WHEN t.event_name IN ('StopTask', 'ExecuteCommand', 'DeleteCluster') THEN 2 ELSE -1 END
      )
    )
  WHERE p.since IS NULL OR p.since <= t.event_time
  GROUP BY t.event_id, t.kind, coalesce(t.arn, t.name)
  UNION ALL
  SELECT event_id, 'organization', 'organization', false
  FROM calls
  WHERE event_source = 'organizations.amazonaws.com'
),
stated AS ( -- a row: one statement of a policy that one call sets
  SELECT event_id, unnest(policy_statements) AS statement
  FROM calls
),
stances AS ( -- a row: one such policy, and what it says
  SELECT
    event_id,
    bool_or(
      statement['effect'] = 'Allow' AND statement['condition'] IS NULL
      AND (array_has(statement['principals'], '*') OR coalesce(cardinality(statement['not_principals']), 0) > 0)
    ) AS is_open,
    bool_or(statement['effect'] = 'Deny') AS denies,
    bool_or(statement['effect'] = 'Allow'
      AND array_has(statement['principals'], 'cloudtrail.amazonaws.com')) AS lets_trail
  FROM stated
  GROUP BY event_id
),
objects AS ( -- a row: one call that names objects, and whether one of them is in the trail's folders
  SELECT event_id, bool_or(coalesce(arn, '') LIKE '%/AWSLogs/%' OR coalesce(as_asked, '') LIKE '%AWSLogs/%') AS are_logs
  FROM things
  WHERE event_source = 's3.amazonaws.com' AND kind = 'other'
  GROUP BY event_id
),
judged AS ( -- a row: one call and one part, with form and rank
  SELECT
    c.event_id, c.event_time, c.event_name, c.account_id, c.aws_region, s.part, s.kind,
    coalesce(c.principal, 'unknown') AS principal,
    c.actor, c.outcome,
    CASE
      WHEN p.is_open THEN concat(c.form, ', open to everybody')
      WHEN c.event_name = 'PutBucketPolicy' AND s.fed AND p.event_id IS NOT NULL
        AND NOT coalesce(p.lets_trail, false) THEN 'bucket policy set that does not let the trail write'
      WHEN p.denies THEN concat(c.form, ', with a Deny')
      ELSE c.form
    END AS form,
    CASE
      WHEN c.outcome <> 'ok' THEN 0
      WHEN p.is_open THEN 3
      WHEN c.event_name = 'PutBucketPolicy' AND s.fed AND p.event_id IS NOT NULL
        AND NOT coalesce(p.lets_trail, false) THEN 3
      WHEN c.event_name = 'PutBucketPolicy' AND p.denies THEN 2
      -- Snowtrail clears away its own lake's files all the time; a bulk deletion does not always say what it deletes.
      WHEN c.event_name LIKE 'DeleteObject%' AND NOT o.are_logs THEN 1
      WHEN c.event_name LIKE 'DeleteObject%' AND o.event_id IS NULL AND NOT s.fed THEN 2
      ELSE c.rank
    END AS rank,
    CASE WHEN c.event_name LIKE 'DeleteObject%' THEN date_trunc('hour', c.event_time) ELSE c.event_time END AS at,
    CASE WHEN c.event_name LIKE 'DeleteObject%' THEN INTERVAL '1 hour' ELSE INTERVAL '1 second' END AS lasts
  FROM calls c
  JOIN struck s ON s.event_id = c.event_id
  LEFT JOIN stances p ON p.event_id = c.event_id
  LEFT JOIN objects o ON o.event_id = c.event_id
  WHERE s.kind <> 'other'
),
told AS ( -- a row: one part, one kind of call, one principal, one second, or one hour of deleted objects
  SELECT
    account_id, aws_region, part, event_name, principal, at, lasts,
    max(rank) AS rank,
    bool_or(outcome = 'ok') AS succeeded,
    max(concat(rank, form)) AS worst,
    count(DISTINCT event_id) AS calls,
    CASE WHEN min(actor) = max(actor) THEN min(actor) END AS actor,
    array_sort(array_agg(DISTINCT form)) AS forms,
    array_slice(array_sort(array_agg(DISTINCT event_id)), 1, 50) AS event_ids
  FROM judged
  GROUP BY account_id, aws_region, part, event_name, principal, at, lasts
)
SELECT
  concat_ws('|', account_id, aws_region, part, event_name, principal, to_char(at, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(event_name, ' on ', split_part(part, ':', -1), ': ', substr(worst, 2)) AS title,
  concat(
    principal, CASE WHEN succeeded THEN ' called ' ELSE ' tried to call ' END, event_name, ' on ', part,
    CASE WHEN calls > 1 THEN concat(' ', calls, ' times') ELSE '' END, ': ', array_to_string(forms, '; '), '.'
  ) AS summary,
  account_id, aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  CAST(NULL AS VARCHAR) AS secret_name,
  principal, actor,
  at AS window_start,
  at + lasts AS window_end,
  concat(calls, CASE calls WHEN 1 THEN ' call: ' ELSE ' calls: ' END, array_to_string(forms, '; ')) AS observed,
  '0 calls that weaken a part of the pipeline' AS expected,
  event_ids AS evidence,
  named_struct('part', part, 'call', event_name, 'calls', calls, 'rank', rank, 'forms', forms, 'succeeded',
    succeeded) AS detail,
  CASE rank WHEN 4 THEN 'critical' WHEN 3 THEN 'high' WHEN 2 THEN CASE event_name WHEN 'UpdateService' THEN 'low' ELSE 'medium' END WHEN 1 THEN 'low' ELSE 'info' END AS severity
FROM told
WHERE rank >= $min_rank
