-- title = "Rotations"
-- basis = "View rotations: one row for each attempt, tests included."
-- empty = "No rotation was attempted in this time."
-- [columns]
-- secret = "text"
-- region = "beneath"
-- started_at = "time"
-- took = "length"
-- state = "verdict: open where no end was logged"
-- step = "code: the step that failed, as the error names it"
-- started_by = "principal: empty where the schedule started it"
-- version = "code: the version that it made"
-- error = "text"
SELECT
  secret_name AS secret, aws_region AS region, coalesce(started_at, ended_at) AS started_at,
  to_unixtime(ended_at) - to_unixtime(started_at) AS took,
  CASE WHEN is_test THEN concat(state, ' (test)') ELSE state END AS state,
  regexp_match(error, 'during ([A-Za-z]+) step')[1] AS step, started_by, token AS version, error
FROM rotations
WHERE coalesce(started_at, ended_at) >= $from AND coalesce(started_at, ended_at) < $to
  AND ($secret = '' OR secret_name = $secret) AND ($account = '' OR account_id = $account)
  AND ($region = '' OR aws_region = $region)
ORDER BY started_at, secret_name, aws_region, token
