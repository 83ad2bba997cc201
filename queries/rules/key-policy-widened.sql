-- id = "key-policy-widened"
-- title = "A key's policy lets in more than before"
-- severity = "high"
-- window = "1s"
-- history = "400d"
-- scope = "landmarks"
-- attack = ["T1098", "T1222"]
-- description = """\
--   PutKeyPolicy, or CreateKey with a policy, gave a key a policy that allows more than the one before, as far as \
--   the lake knows that. Rank 4, critical: everybody, without condition. Rank 3, high: another account that the \
--   organization does not list, without condition; or a policy too large to be shown. Rank 2, medium: another \
--   account under a condition, or to look and encrypt only, or where the policy file lists no accounts at all; \
--   everybody, to look and encrypt only; a condition lost; a Deny lost. Rank 1, low: everybody under a condition, \
--   which is AWS's own pattern (kms:CallerAccount). Rank 0: nothing widened, and attempts that failed. What a \
--   condition says is not weighed, only whether there is one. Who had the same before is no news, nor are AWS's \
--   services and the key's own account.\
--   """
-- runbook = [
--   "Is it a change that somebody announced? If not, set the earlier policy again: the call before holds it.",
--   "Too large to be shown: read it with GetKeyPolicy now.",
--   "Look for Decrypts and grants since then (view key_uses): the policy may only be the door.",
--   "Treat secrets that the key encrypts as readable by whoever was let in, if a secret's own policy lets them too.",
-- ]
-- benign = [
--   "A partner's or a new account: list it under [organization] accounts, if it is one of yours.",
--   "Infrastructure as code that moves a condition from one statement to another.",
-- ]
-- [parameters.min_rank]
-- default = 2
-- unit = "rank, 0 to 4"
-- description = "What is told from which rank on. Rank 1 is what AWS's own default policies look like."
WITH calls AS ( -- a row: one call that gives a key its policy
  SELECT
    account_id, aws_region, key_id, event_id, event_time, event_name, outcome, principal, actor, truncated,
      policy_statements,
    CAST(coalesce(cardinality(policy_statements), 0) AS BIGINT) AS statements
  FROM key_changes
  WHERE key_id IS NOT NULL
    AND (event_name = 'PutKeyPolicy' OR (event_name = 'CreateKey' AND cardinality(policy_statements) > 0))
),
chain AS ( -- a row: a call that succeeded, with the one before it
  SELECT
    event_id, account_id, aws_region, key_id,
    lag(event_id) OVER (PARTITION BY account_id, aws_region, key_id ORDER BY event_time, event_id) AS previous_id
  FROM calls
  WHERE outcome = 'ok'
),
positions AS ( -- a row: the place of one statement of a policy that was set
  SELECT *, unnest(generate_series(1, statements)) AS position
  FROM calls
  WHERE statements > 0 AND outcome = 'ok'
),
statements AS ( -- a row: one statement
  SELECT
    event_id, account_id, position,
    policy_statements[position]['effect'] AS effect,
    policy_statements[position]['sid'] AS sid,
    policy_statements[position]['condition'] IS NULL AS is_free,
    policy_statements[position]['principals'] AS principals,
    coalesce(cardinality(policy_statements[position]['not_principals']), 0) > 0 AS spares,
    coalesce(policy_statements[position]['actions'], make_array(CAST(NULL AS VARCHAR))) AS actions,
    coalesce(cardinality(policy_statements[position]['not_actions']), 0) > 0 AS excepts,
    concat_ws(
      '|', array_to_string(array_sort(policy_statements[position]['principals']), ' '),
      array_to_string(array_sort(policy_statements[position]['not_principals']), ' '),
      array_to_string(array_sort(policy_statements[position]['actions']), ' '),
      array_to_string(array_sort(policy_statements[position]['not_actions']), ' ')
    ) AS who_and_what
  FROM positions
),
acts AS ( -- a row: one action of one statement, and how much it gives: 0 to look and encrypt, 1 to use, 2 to rule
  SELECT
    event_id, account_id, position,
    CASE
      WHEN action LIKE 'kms:describe%' OR action LIKE 'kms:list%' OR action LIKE 'kms:get%' OR action LIKE 'kms:verify%'
        OR action = 'kms:encrypt' THEN 0
      WHEN action IN ('kms:decrypt', 'kms:sign', 'kms:generatemac', 'kms:derivesharedsecret')
        OR action LIKE 'kms:generatedatakey%' OR action LIKE 'kms:reencrypt%' THEN 1
      ELSE 2
    END AS level
  FROM (SELECT event_id, account_id, position, lower(unnest(actions)) AS action FROM statements WHERE effect = 'Allow')
  WHERE action IS NOT NULL
),
levels AS ( -- a row: one statement and the most that it gives
  SELECT event_id, account_id, position, max(level) AS most
  FROM acts
  GROUP BY event_id, account_id, position
),
granted AS ( -- a row: one principal that one statement lets in; a statement that spares some lets in everybody else
  SELECT
    s.event_id, s.account_id, s.is_free,
    CASE WHEN s.excepts THEN 2 ELSE coalesce(l.most, 0) END AS level,
    unnest(CASE WHEN s.spares THEN make_array('*') ELSE s.principals END) AS principal
  FROM statements s
  LEFT JOIN levels l ON l.event_id = s.event_id AND l.account_id = s.account_id AND l.position = s.position
  WHERE s.effect = 'Allow'
),
named AS ( -- a row: the same, with the account; * is everybody, null a service or somebody without an account
  SELECT
    *,
    CASE
      WHEN principal = '*' OR principal LIKE 'arn:%:iam::*:%' THEN '*'
      WHEN regexp_like(split_part(principal, ':', 5), '^[0-9]{12}$') THEN split_part(principal, ':', 5)
      WHEN regexp_like(principal, '^[0-9]{12}$') THEN principal
    END AS of_account
  FROM granted
),
ours AS ( -- a row: one account of the organization
  SELECT value AS account
  FROM policy_trail
  WHERE kind = 'account'
),
let_in AS ( -- a row: one outsider whom a call lets in, who was not in as far before
  SELECT n.event_id, n.account_id, n.principal, n.of_account, n.is_free, n.level
  FROM named n
  JOIN chain c ON c.event_id = n.event_id AND c.account_id = n.account_id
  LEFT ANTI JOIN ours o ON o.account = n.of_account
  LEFT ANTI JOIN named b
    ON b.event_id = c.previous_id AND b.account_id = n.account_id AND b.principal = n.principal AND b.level >= n.level
    AND (b.is_free OR NOT n.is_free)
  WHERE n.of_account <> n.account_id
),
kept AS ( -- a row: one statement of the policy before
  SELECT c.event_id, c.account_id, s.effect, s.sid, s.is_free, s.who_and_what
  FROM chain c
  JOIN statements s ON s.event_id = c.previous_id AND s.account_id = c.account_id
),
freed AS ( -- a row: one statement that lost its condition; it is known by its name, or by whom it lets do what
  SELECT s.event_id, s.account_id, coalesce(s.sid, 'a statement') AS what
  FROM statements s
  JOIN kept k ON k.event_id = s.event_id AND k.account_id = s.account_id AND k.who_and_what = s.who_and_what
  WHERE s.effect = 'Allow' AND k.effect = 'Allow' AND s.is_free AND NOT k.is_free
  UNION
  SELECT s.event_id, s.account_id, s.sid AS what
  FROM statements s
  JOIN kept k ON k.event_id = s.event_id AND k.account_id = s.account_id AND k.sid = s.sid
  WHERE s.effect = 'Allow' AND k.effect = 'Allow' AND s.is_free AND NOT k.is_free
),
undenied AS ( -- a row: one Deny that is there no more, neither by name nor by what it says
  SELECT k.event_id, k.account_id, coalesce(k.sid, 'a statement') AS what
  FROM kept k
  JOIN calls c ON c.event_id = k.event_id AND c.account_id = k.account_id AND c.statements > 0
  LEFT ANTI JOIN statements s
    ON s.event_id = k.event_id AND s.account_id = k.account_id AND s.effect = 'Deny' AND s.who_and_what = k.who_and_what
  LEFT ANTI JOIN statements n
    ON n.event_id = k.event_id AND n.account_id = k.account_id AND n.effect = 'Deny' AND n.sid = k.sid
  WHERE k.effect = 'Deny'
),
forms AS ( -- a row: one thing that one call did
  SELECT
    l.event_id, l.account_id,
    concat(
      CASE l.of_account WHEN '*' THEN 'everybody' ELSE l.principal END,
      CASE l.level WHEN 2 THEN ' may manage it' WHEN 1 THEN ' may decrypt with it' ELSE ' may look or encrypt' END,
      CASE WHEN l.is_free THEN '' ELSE ', under a condition' END
    ) AS form,
    CASE
      WHEN l.of_account = '*' AND l.is_free AND l.level > 0 THEN 4
      WHEN l.of_account = '*' AND l.is_free THEN 2
      WHEN l.of_account = '*' THEN 1
      WHEN l.level = 0 AND NOT l.is_free THEN 1
      WHEN l.level = 0 OR NOT l.is_free OR d.accounts = 0 THEN 2
      ELSE 3
    END AS rank
  FROM let_in l
  CROSS JOIN (SELECT count(*) AS accounts FROM ours) d
  UNION ALL
  SELECT event_id, account_id, concat('condition lost: ', what), 2 FROM freed
  UNION ALL
  SELECT event_id, account_id, concat('Deny lost: ', what), 2 FROM undenied
  UNION ALL
  SELECT
    event_id, account_id,
    CASE WHEN outcome <> 'ok' THEN 'refused' WHEN statements > 0 THEN 'nothing widened' WHEN truncated
      THEN 'policy too large to be shown' ELSE 'policy not shown' END,
    CASE WHEN outcome = 'ok' AND statements = 0 THEN 3 ELSE 0 END
  FROM calls
  WHERE event_name = 'PutKeyPolicy'
),
judged AS ( -- a row: one call on one key in one second, with all that it did
  SELECT
    c.account_id, c.aws_region, c.key_id, c.event_name, c.event_time,
    max(f.rank) AS rank,
    array_sort(array_agg(DISTINCT f.form) FILTER (WHERE f.rank > 0)) AS bad_forms,
    array_sort(array_agg(DISTINCT f.form)) AS all_forms,
    max(CASE WHEN f.rank >= 3 THEN f.form END) AS worst,
    bool_or(c.outcome = 'ok') AS succeeded,
    bool_or(h.previous_id IS NOT NULL) AS compared,
    min(c.principal) AS principal,
    CASE WHEN min(c.actor) = max(c.actor) THEN min(c.actor) END AS actor,
    array_sort(array_agg(DISTINCT c.event_id)) AS event_ids
  FROM calls c
  JOIN forms f ON f.event_id = c.event_id AND f.account_id = c.account_id
  LEFT JOIN chain h ON h.event_id = c.event_id AND h.account_id = c.account_id
  GROUP BY c.account_id, c.aws_region, c.key_id, c.event_name, c.event_time
)
SELECT
  concat_ws('|', account_id, aws_region, key_id, event_name, to_char(event_time, '%Y-%m-%dT%H:%M:%SZ')) AS key,
  concat(event_name, ' on ', key_id, ': ', coalesce(worst, coalesce(bad_forms, all_forms)[1])) AS title,
  concat(
    coalesce(principal, 'somebody'), CASE WHEN succeeded THEN ' called ' ELSE ' tried to call ' END, event_name,
      ' on the key ', key_id, ': ',
    array_to_string(coalesce(bad_forms, all_forms), '; '), '.',
    CASE WHEN compared THEN '' ELSE ' The policy before is not known.' END
  ) AS summary,
  account_id, aws_region,
  CAST(NULL AS VARCHAR) AS secret_arn,
  CAST(NULL AS VARCHAR) AS secret_name,
  principal, actor,
  event_time AS window_start,
  event_time + INTERVAL '1 second' AS window_end,
  concat(
    coalesce(cardinality(bad_forms), 0), CASE coalesce(cardinality(bad_forms), 0) WHEN 1 THEN ' opening: '
      ELSE ' openings: ' END,
    array_to_string(coalesce(bad_forms, all_forms), '; ')
  ) AS observed,
  '0 openings: nobody may do more with the key than before' AS expected,
  event_ids AS evidence,
  named_struct(
    'key_id', key_id, 'call', event_name, 'rank', rank, 'forms', coalesce(bad_forms, all_forms), 'succeeded', succeeded,
    'compared_with_the_policy_before', compared
  ) AS detail,
  CASE rank WHEN 4 THEN 'critical' WHEN 3 THEN 'high' WHEN 2 THEN 'medium' WHEN 1 THEN 'low' ELSE 'info' END AS severity
FROM judged
WHERE rank >= $min_rank
