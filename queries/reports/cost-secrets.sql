-- title = "By secret"
-- basis = "View secrets for the storage, each replica a secret of its own, from its creation (where the lake saw it) until it was marked for deletion; view touches for the calls. A batch counts for each of its secrets."
-- empty = "The trail knows no secret."
-- [columns]
-- secret = "text"
-- account = "beneath"
-- region = "beneath"
-- owner = "text"
-- days = "count: of storage in the range"
-- calls = "count: of Secrets Manager that name it"
-- kms_requests = "count"
-- usd_storage = "usd"
-- usd_calls = "usd: calls and KMS requests"
-- usd = "usd"
WITH marked AS ( -- a row: one secret and its last deletion and restore
  SELECT
    account_id, aws_region, secret_name,
    max(CASE WHEN event_name = 'DeleteSecret' THEN event_time END) AS deleted_at,
    max(CASE WHEN event_name = 'RestoreSecret' THEN event_time END) AS restored_at
  FROM touches
  WHERE outcome = 'ok' AND event_name IN ('DeleteSecret', 'RestoreSecret') AND event_time < $to
  GROUP BY account_id, aws_region, secret_name
),
called AS ( -- a row: one secret and the calls about it
  SELECT
    account_id, aws_region, secret_name,
    count(DISTINCT CASE WHEN event_source = 'secretsmanager.amazonaws.com' THEN event_id END) AS calls,
    count(DISTINCT CASE WHEN event_source = 'kms.amazonaws.com' THEN event_id END) AS kms_requests
  FROM touches
  WHERE event_type <> 'AwsServiceEvent' AND event_time >= $from AND event_time < $to
  GROUP BY account_id, aws_region, secret_name
),
held AS ( -- a row: one secret, how long it was kept, and its calls
  SELECT
    s.secret_name, s.account_id, s.aws_region, s.owner,
    greatest(
      to_unixtime(CASE WHEN m.deleted_at > coalesce(m.restored_at, $from) AND m.deleted_at < $to THEN m.deleted_at ELSE $to END)
        - to_unixtime(greatest(coalesce(s.created_at, $from), $from)),
      0
    ) AS seconds,
    coalesce(c.calls, 0) AS calls, coalesce(c.kms_requests, 0) AS kms_requests
  FROM secrets s
  LEFT JOIN marked m ON m.account_id = s.account_id AND m.aws_region = s.aws_region AND m.secret_name = s.secret_name
  LEFT JOIN called c ON c.account_id = s.account_id AND c.aws_region = s.aws_region AND c.secret_name = s.secret_name
)
SELECT
  secret_name AS secret, account_id AS account, aws_region AS region, owner, seconds / 86400 AS days, calls,
  kms_requests, seconds * $usd_a_secret_second AS usd_storage,
  calls * $usd_a_call + kms_requests * $usd_a_kms_request AS usd_calls,
  seconds * $usd_a_secret_second + calls * $usd_a_call + kms_requests * $usd_a_kms_request AS usd
FROM held
WHERE seconds > 0 OR calls > 0
ORDER BY usd DESC, secret, account, region
