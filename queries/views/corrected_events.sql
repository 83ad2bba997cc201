-- corrected_events: one row for each event that no longer counts, because a later record of CloudTrail corrects it.
--
-- Nearly always empty; a view of its own so that this is known before the joins of actions are planned.
SELECT DISTINCT corrects_event_id AS event_id, account_id
FROM watched
WHERE corrects_event_id IS NOT NULL
