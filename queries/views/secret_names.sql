-- secret_names: one row for each secret that was ever named or that the inventory lists: account_id, aws_region, secret_name.
-- The engine matches the policy's globs against these rows, so this view uses no table that is made of them.
-- Includes names that were only asked for and refused or not found: a policy may speak about them too.
SELECT account_id, aws_region, secret_name
FROM touches
UNION
SELECT account_id, aws_region, secret_name
FROM inventory
