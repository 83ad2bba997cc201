-- secret_days: one row for each secret (its replicas included) and each UTC day on which anybody touched it:
-- account_id, secret_name, day. Allowed or refused. day: the start of the UTC day.
-- known_secret_days: what is known of events that are not in sight, see the file knowledge.rs; empty where all are.
SELECT account_id, secret_name, date_trunc('day', event_time) AS day
FROM touches
UNION
SELECT account_id, secret_name, day
FROM known_secret_days
