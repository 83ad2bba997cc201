-- traits: one row for each principal that ever acted, with what all its actions add up to. The view principals says
-- what kind that is.
--
-- user_in_console: an IAM user that was seen with the console's credentials. is_root: it was seen as root.
-- is_signed_in: it was seen signed in through Identity Center or SAML. is_service: all its actions were a service's.
-- first_seen, last_seen: its first and its last action, UTC. actions: how many.
--
-- known_traits: what is known of events that are not in sight, see the file knowledge.rs; empty where all are.
-- Where some are, an action may be counted in both, so that only the flags are exact; rules use no more.
WITH acted AS ( -- a row: one action
  SELECT
    principal,
    coalesce(from_console AND identity_type = 'IAMUser', false) AS user_in_console,
    coalesce(identity_type = 'Root', false) AS is_root,
    coalesce(identity_type IN ('IdentityCenterUser', 'SAMLUser'), false) AS is_signed_in,
    identity_type IS NULL OR identity_type = 'AWSService' AS is_service,
    event_time AS first_seen,
    event_time AS last_seen,
    1 AS actions
  FROM actions
  WHERE principal IS NOT NULL
  UNION ALL
  SELECT principal, user_in_console, is_root, is_signed_in, is_service, first_seen, last_seen, actions
  FROM known_traits
)
SELECT
  principal,
  bool_or(user_in_console) AS user_in_console,
  bool_or(is_root) AS is_root,
  bool_or(is_signed_in) AS is_signed_in,
  bool_and(is_service) AS is_service,
  min(first_seen) AS first_seen,
  max(last_seen) AS last_seen,
  sum(actions) AS actions
FROM acted
GROUP BY principal
