-- id = "secret-policy-widened"
-- title = "A secret's resource policy lets more in than before"
-- severity = "high"
-- window = "1s"
-- history = "400d"
-- scope = "secret"
-- attack = ["T1098", "T1537"]
-- description = """\
--   PutResourcePolicy allowed somebody, or dropped what held somebody back, that the policy before did not. Rank 4, \
--   critical: everybody, without a condition (an Allow for NotPrincipal is everybody too). Rank 3, high: an account \
--   outside the organization, or a condition that the same principal had before is gone. Rank 2, medium: everybody \
--   under a condition; another account, where the policy file lists no accounts; a Deny that is gone; a policy that \
--   AWS left out of the record because it was too large; a policy removed whole of which a Deny, or nothing, is \
--   known. Rank 1: the same for calls that only look, another condition, or a policy removed that only allowed. Rank \
--   0: nothing new, and failed attempts. One more for sensitive secrets at rank 2, one less for those of low \
--   sensitivity. What the policy said before is known only if the lake saw it being set.\
--   """
-- runbook = [
--   "Look at the policy now (get-resource-policy) and at who set it.",
--   "Not announced: put the old policy back; then look for reads by the new principal (hunt who-read-this-secret), and rotate the secret if there is one.",
--   "An outside principal also needs the key: look at the key's policy and grants of the same hour.",
-- ]
-- benign = [
--   "A partner's account that was agreed upon: list it in the organization's accounts if it is one of yours.",
--   "A policy that infrastructure as code sets for the first time since the lake began.",
-- ]
-- [parameters.min_rank]
-- default = 2
-- unit = "rank, 0 to 4"
-- description = "What is told from which rank on."
WITH calls AS ( -- a row: one call that sets or removes a policy
  SELECT
    event_id, event_time, event_name, account_id, aws_region, secret_name, suffix, secret_arn, principal, actor,
    outcome,
    owner, sensitivity, policy_statements,
    truncated AND coalesce(cardinality(policy_statements), 0) = 0 AS is_omitted
  FROM secret_changes
  WHERE event_name IN ('PutResourcePolicy', 'DeleteResourcePolicy')
),
policies AS ( -- a row: one policy that was set and can be seen, and the moment of the one before it
  SELECT
    event_id, event_time, account_id, aws_region, secret_name, suffix, policy_statements,
    lag(event_id) OVER (PARTITION BY account_id, aws_region, secret_name, suffix ORDER BY event_time,
      event_id) AS before_id
  FROM calls
  WHERE event_name = 'PutResourcePolicy' AND outcome = 'ok' AND NOT is_omitted
),
stated AS ( -- a row: one statement of one policy
  SELECT event_id, before_id, account_id, unnest(policy_statements) AS statement
  FROM policies
),
granted AS ( -- a row: one principal that one statement names; everybody but some is everybody
  SELECT
    event_id, before_id, account_id,
    statement['effect'] AS effect,
    coalesce(statement['condition'], '') AS condition,
    coalesce(cardinality(array_except(statement['actions'], make_array(
      'secretsmanager:DescribeSecret', 'secretsmanager:ListSecretVersionIds', 'secretsmanager:GetResourcePolicy'
    ))), 0) = 0 AND coalesce(cardinality(statement['actions']), 0) > 0 AS only_looks,
    array_to_string(array_sort(statement['actions']), ' ') AS actions,
    unnest(CASE
      WHEN coalesce(cardinality(statement['principals']), 0) > 0 THEN statement['principals']
      ELSE make_array('*')
    END) AS grantee
  FROM stated
),
organization AS ( -- a row: one account that the policy lists
  SELECT DISTINCT value AS account_id
  FROM policy_trail
  WHERE kind = 'account'
),
listed AS ( -- one row: whether it lists any
  SELECT count(*) > 0 AS any_listed
  FROM organization
),
placed AS ( -- a row: the same, with the grantee's account; services and identity providers have none
  SELECT
    *,
    CASE
      WHEN grantee LIKE 'arn:%' THEN split_part(grantee, ':', 5)
      WHEN grantee ~ '^[0-9]{12}$' THEN grantee
    END AS grantee_account
  FROM granted
),
compared AS ( -- a row: one Allow, with what the policy before said of the same grantee
  SELECT
    n.event_id, n.account_id, n.grantee, n.grantee_account, n.condition, n.only_looks,
    count(b.grantee) > 0 AS was_named,
    coalesce(bool_or(
      b.condition IN (n.condition, '')
      AND cardinality(array_except(string_to_array(n.actions, ' '), string_to_array(b.actions, ' '))) = 0
    ), false) AS was_so,
    coalesce(bool_or(b.condition = ''), false) AS was_unbound
  FROM placed n
  LEFT JOIN placed b ON b.event_id = n.before_id AND b.effect = 'Allow' AND b.grantee = n.grantee
  WHERE n.effect = 'Allow'
  GROUP BY n.event_id, n.account_id, n.grantee, n.grantee_account, n.condition, n.only_looks, n.actions
),
judged_grants AS ( -- a row: the same, with its form and rank
  SELECT
    c.event_id, c.account_id,
    CASE
      WHEN c.was_so THEN concat(c.grantee, ' as before, or narrower')
      WHEN c.grantee IN ('*', 'arn:aws:iam::*:root') AND c.condition = '' THEN 'everybody allowed, without a condition'
      WHEN c.was_named AND NOT c.was_unbound AND c.condition = '' THEN concat('condition lost for ', c.grantee)
      WHEN c.grantee IN ('*', 'arn:aws:iam::*:root') THEN 'everybody allowed under a condition'
      WHEN c.grantee_account <> c.account_id AND o.account_id IS NULL THEN concat(c.grantee, ' allowed')
      WHEN c.was_named AND NOT c.was_unbound THEN concat('another condition for ', c.grantee)
      ELSE concat(c.grantee, ' allowed')
    END AS form,
    CASE
      WHEN c.was_so THEN 0
      WHEN c.grantee IN ('*', 'arn:aws:iam::*:root') AND c.condition = '' THEN CASE WHEN c.only_looks THEN 1 ELSE 4 END
      WHEN c.was_named AND NOT c.was_unbound AND c.condition = '' THEN CASE WHEN c.only_looks THEN 1 ELSE 3 END
      WHEN c.grantee IN ('*', 'arn:aws:iam::*:root') THEN CASE WHEN c.only_looks THEN 1 ELSE 2 END
      WHEN c.grantee_account <> c.account_id AND o.account_id IS NULL THEN
        CASE WHEN c.only_looks THEN 1 WHEN l.any_listed THEN 3 ELSE 2 END
      WHEN c.was_named AND NOT c.was_unbound THEN 1
      ELSE 0
    END AS rank
  FROM compared c
  CROSS JOIN listed l
  LEFT JOIN organization o ON o.account_id = c.grantee_account
),
lost_denials AS ( -- a row: one Deny of the policy before that is in the new one no more
  SELECT n.event_id, n.account_id, 'a Deny is gone or changed' AS form, 2 AS rank
  FROM policies n
  JOIN placed b ON b.event_id = n.before_id AND b.effect = 'Deny'
  LEFT ANTI JOIN placed s
    ON s.event_id = n.event_id AND s.effect = 'Deny' AND s.grantee = b.grantee AND s.condition = b.condition
    AND s.actions = b.actions
),
denying AS ( -- a row: one policy, and whether it denies anything
  SELECT
    p.event_id, p.event_time, p.account_id, p.aws_region, p.secret_name, p.suffix,
    coalesce(bool_or(g.effect = 'Deny'), false) AS denies
  FROM policies p
  LEFT JOIN placed g ON g.event_id = p.event_id
  GROUP BY p.event_id, p.event_time, p.account_id, p.aws_region, p.secret_name, p.suffix
),
removed AS ( -- a row: one policy that was removed whole, judged by the last one that was seen
  SELECT
    c.event_id, c.account_id,
    CASE
      WHEN max(d.event_time) IS NULL THEN 'policy removed; what it said is unknown'
      WHEN max(named_struct('at', d.event_time, 'denies', d.denies))['denies'] THEN 'policy removed, a Deny with it'
      ELSE 'policy removed, which only allowed'
    END AS form,
    CASE WHEN coalesce(max(named_struct('at', d.event_time, 'denies', d.denies))['denies'], true) THEN 2
      ELSE 1 END AS rank
  FROM calls c
  LEFT JOIN denying d
    ON d.account_id = c.account_id AND d.aws_region = c.aws_region AND d.secret_name = c.secret_name
    AND d.suffix = c.suffix AND d.event_time <= c.event_time
  WHERE c.event_name = 'DeleteResourcePolicy'
  GROUP BY c.event_id, c.account_id
),
forms AS ( -- a row: one thing that one call did
  SELECT event_id, account_id, form, rank FROM judged_grants
  UNION ALL SELECT event_id, account_id, form, rank FROM lost_denials
  UNION ALL SELECT event_id, account_id, form, rank FROM removed
  UNION ALL SELECT event_id, account_id, 'a policy too large to be shown' AS form, 2 AS rank FROM calls WHERE is_omitted
),
judged AS ( -- a row: one call on one secret in one second, with the worst that it did; a failed attempt did nothing
  SELECT
    c.account_id, c.aws_region, c.secret_name, c.event_name, c.event_time,
    max(CASE
      WHEN c.outcome <> 'ok' THEN 0
      WHEN f.rank = 2 AND c.sensitivity IN ('high', 'critical') THEN 3
      WHEN f.rank > 0 AND c.sensitivity = 'low' THEN f.rank - 1
      ELSE coalesce(f.rank, 0)
    END) AS rank,
    max(f.rank) AS worst,
    bool_or(c.outcome = 'ok') AS succeeded,
    array_slice(array_sort(array_agg(DISTINCT f.form) FILTER (WHERE f.rank > 0)), 1, 20) AS bad_forms,
    array_slice(array_sort(array_agg(DISTINCT coalesce(f.form, 'unknown'))), 1, 20) AS all_forms,
    max(c.secret_arn) AS secret_arn,
    min(c.principal) AS principal,
    CASE WHEN min(c.actor) = max(c.actor) THEN min(c.actor) END AS actor,
    max(c.owner) AS owner,
    max(c.sensitivity) AS sensitivity,
    array_sort(array_agg(DISTINCT c.event_id)) AS event_ids
  FROM calls c
  LEFT JOIN forms f ON f.event_id = c.event_id AND f.account_id = c.account_id
  GROUP BY c.account_id, c.aws_region, c.secret_name, c.event_name, c.event_time
)
SELECT
  concat_ws('|', account_id, aws_region, secret_name, event_name, to_char(event_time, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat('Policy of ', secret_name, ': ', coalesce(bad_forms, all_forms)[1]) AS title,
  concat(
    coalesce(principal, 'somebody'), CASE WHEN succeeded THEN ' called ' ELSE ' tried to call ' END, event_name, ' on ',
    secret_name, ': ', array_to_string(coalesce(bad_forms, all_forms), '; '), '.'
  ) AS summary,
  account_id, aws_region, secret_arn, secret_name, principal, actor,
  event_time AS window_start,
  event_time + INTERVAL '1 second' AS window_end,
  concat(coalesce(cardinality(bad_forms), 0), ' widenings: ',
    array_to_string(coalesce(bad_forms, all_forms), '; ')) AS observed,
  '0: nobody may do more than before' AS expected,
  event_ids AS evidence,
  named_struct(
    'call', event_name, 'rank', rank, 'forms', coalesce(bad_forms, all_forms), 'succeeded', succeeded, 'owner', owner,
    'sensitivity', sensitivity
  ) AS detail,
  CASE WHEN rank >= 4 THEN 'critical' WHEN rank = 3 THEN 'high' WHEN rank = 2 THEN 'medium' WHEN rank = 1 THEN 'low'
    ELSE 'info' END AS severity
FROM judged
WHERE rank >= $min_rank
