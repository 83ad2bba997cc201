-- secret_principals: one row for each secret and each principal that ever touched it, allowed or refused.
-- The engine matches the policy's globs against these rows, so this view uses no policy table.
-- principal is null-free: touches without a principal (none known) are left out.
SELECT DISTINCT account_id, aws_region, secret_name, principal
FROM touches
WHERE principal IS NOT NULL
