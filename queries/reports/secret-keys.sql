-- title = "Key"
-- basis = "View key_uses: calls that put a key to use for this secret."
-- empty = "No use of a key was logged."
-- [columns]
-- key = "code"
-- principal = "principal"
-- call = "code"
-- how = "text: by a service on the principal's behalf, or direct: the caller decrypted the ciphertext itself"
-- uses = "count: allowed ones"
-- refused = "count"
-- first = "time"
-- last = "time"
SELECT
  key_arn AS key, principal, event_name AS call, CASE WHEN is_direct THEN 'direct' ELSE invoked_by END AS how,
  count(CASE WHEN outcome = 'ok' THEN 1 END) AS uses, count(CASE WHEN outcome <> 'ok' THEN 1 END) AS refused,
  min(event_time) AS first, max(event_time) AS last
FROM key_uses
WHERE context = 'secret' AND context_name = $secret AND event_time >= $from AND event_time < $to
  AND ($account = '' OR context_account = $account) AND ($region = '' OR context_region = $region)
GROUP BY key_arn, principal, event_name, CASE WHEN is_direct THEN 'direct' ELSE invoked_by END
ORDER BY uses DESC, principal, call, key
