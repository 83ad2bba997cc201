-- purpose = "Who was refused a secret and was given it soon after?"
-- description = """
-- After denied-read-burst, and as a look-out for permissions that somebody gave themselves. Between the two times
-- look for iam and PutResourcePolicy calls in `events`: somebody changed a policy. A deploy that mends a missing
-- permission looks the same, with a task's role and one secret."""
-- [parameters.within]
-- type = "duration"
-- default = "24h"
-- description = "How long after the refusal a read still counts"
SELECT
  d.account_id, d.aws_region, d.secret_name, d.principal,
  max(d.event_time) AS last_refused,
  min(r.event_time) AS first_given,
  count(DISTINCT d.event_id) AS refusals,
  count(DISTINCT r.event_id) AS reads
FROM denied_reads d
JOIN reads r
  ON r.account_id = d.account_id AND r.aws_region = d.aws_region AND r.secret_name = d.secret_name
  AND r.principal = d.principal
  AND r.event_time > d.event_time AND r.event_time <= d.event_time + $within
GROUP BY d.account_id, d.aws_region, d.secret_name, d.principal
ORDER BY first_given, d.secret_name, d.principal
