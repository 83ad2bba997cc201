-- purpose = "Who touched a secret of another account, and with what success?"
-- description = """
-- Before an account is closed or a trust is cut, and to find trust that nobody remembers. A touch whose caller's
-- account is not in the record (a service's own) is left out."""
-- [parameters.secret]
-- default = "%"
-- description = "The secret's name; % stands for anything"
SELECT
  account_id, aws_region, secret_name, principal_account, principal, event_source, event_name, outcome,
  count(*) AS touches, min(event_time) AS first_touch, max(event_time) AS last_touch,
  array_slice(array_sort(array_agg(DISTINCT actor)), 1, 5) AS actors
FROM touches
WHERE principal_account <> account_id AND secret_name LIKE $secret
GROUP BY account_id, aws_region, secret_name, principal_account, principal, event_source, event_name, outcome
ORDER BY last_touch DESC, secret_name, principal, event_name, outcome, account_id, aws_region
