-- title = "By caller"
-- basis = "View actions: calls of Secrets Manager by anybody, and calls of KMS about secrets (most of them made by Secrets Manager for the caller). Refused and throttled calls are counted: whether they are billed is not documented."
-- empty = "Nobody called."
-- [columns]
-- principal = "principal"
-- calls = "count: of Secrets Manager"
-- reads = "count: GetSecretValue and BatchGetSecretValue among them"
-- failed = "count: refused, throttled, not found among them"
-- kms_requests = "count: whose encryption context names a secret"
-- usd = "usd: for the range, free tier not taken off"
-- usd_a_month = "usd: for 30 days at this rate"
WITH called AS ( -- a row: one caller of Secrets Manager
  SELECT
    principal, count(*) AS calls,
    count(CASE WHEN event_name IN ('GetSecretValue', 'BatchGetSecretValue') THEN 1 END) AS reads,
    count(CASE WHEN outcome <> 'ok' THEN 1 END) AS failed
  FROM actions
  WHERE event_source = 'secretsmanager.amazonaws.com' AND event_type <> 'AwsServiceEvent' AND principal IS NOT NULL
    AND event_time >= $from AND event_time < $to
  GROUP BY principal
),
used AS ( -- a row: one caller of KMS about secrets
  SELECT principal, count(DISTINCT event_id) AS kms_requests
  FROM touches
  WHERE event_source = 'kms.amazonaws.com' AND principal IS NOT NULL AND event_time >= $from AND event_time < $to
  GROUP BY principal
),
both_kinds AS ( -- a row: one caller
  SELECT
    coalesce(c.principal, u.principal) AS principal, coalesce(c.calls, 0) AS calls, coalesce(c.reads, 0) AS reads,
    coalesce(c.failed, 0) AS failed, coalesce(u.kms_requests, 0) AS kms_requests
  FROM called c
  FULL JOIN used u ON u.principal = c.principal
)
SELECT
  principal, calls, reads, failed, kms_requests,
  calls * $usd_a_call + kms_requests * $usd_a_kms_request AS usd,
  (calls * $usd_a_call + kms_requests * $usd_a_kms_request) * 2592000.0 / (to_unixtime($to) - to_unixtime($from)) AS usd_a_month
FROM both_kinds
ORDER BY usd DESC, principal
