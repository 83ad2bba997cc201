-- title = "How we know"
-- basis = "Table verifications: the newest run of `snowtrail verify --lake` that looked at the end of this time, else the newest. By delivery, not by event."
-- empty = "No event in this time, and nothing was ever verified."
-- [columns]
-- account = "text"
-- region = "beneath"
-- trail = "text"
-- proof = "verdict: verified; in part: not to the end of this time; faults: something does not verify; not verified: no run proved anything"
-- verified_from = "time"
-- verified_through = "time: everything that was delivered until then is as CloudTrail signed it"
-- logs = "count: log files that digests vouch for"
-- in_lake = "count: of the region's proven log files, those that the lake took in"
-- faults = "count"
-- verified_at = "time: when the run was"
WITH seen AS ( -- a row: one account and region with events in this time
  SELECT DISTINCT account_id, aws_region
  FROM events
  WHERE event_time >= $from AND event_time < $to
),
runs AS ( -- a row: what one run proved of one chain, the run to believe first
  SELECT
    *,
    row_number() OVER (
      PARTITION BY account_id, aws_region, trail, chain
      ORDER BY (asked_to IS NULL OR asked_to >= $to) DESC, verified_at DESC, verified_through DESC NULLS LAST
    ) AS place
  FROM verifications
)
SELECT
  coalesce(s.account_id, r.account_id) AS account, coalesce(s.aws_region, r.aws_region) AS region,
  CASE WHEN r.chain = 'backfill' THEN concat(r.trail, ', late deliveries') ELSE r.trail END AS trail,
  CASE
    WHEN r.faults > 0 THEN 'faults'
    WHEN r.verified_through IS NULL THEN 'not verified'
    WHEN r.verified_through < $to AND r.chain = 'standard' THEN 'in part'
    ELSE 'verified'
  END AS proof,
  r.verified_from, r.verified_through, r.logs, r.in_lake, r.faults, r.verified_at
FROM seen s
FULL OUTER JOIN (SELECT * FROM runs WHERE place = 1) r
  ON r.account_id = s.account_id AND r.aws_region = s.aws_region
ORDER BY account, region, trail NULLS FIRST, verified_through
