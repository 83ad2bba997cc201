-- secret_spellings: one row for each secret ARN that occurs in any event, and the secret that it means.
--
-- Most ARNs mean themselves. The exception: a secret's name may end like an ARN's random suffix (`prod/api-secret`), so
-- that its partial ARN looks like the full ARN of a secret `prod/api`. A record cannot tell; the lake can: an ARN that
-- only callers ever typed, while AWS itself has named a secret that is called like the whole tail, is partial.
-- spelling: the ARN as it occurs. proven: AWS itself wrote it (answer, encryption context, service event).
-- is_partial: it lacks the suffix. account_id, aws_region, secret_name: those of the secret that it means. first_seen:
-- when it first occurred, UTC.
-- Left out: bare names and plainly partial ARNs; `touches` resolves those without help.
WITH split AS ( -- a row: one ARN in its parts; the suffix is a hyphen and six characters
  SELECT
    spelling, proven, first_seen,
    split_part(spelling, ':', 5) AS account_id,
    split_part(spelling, ':', 4) AS aws_region,
    split_part(spelling, ':', 7) AS tail,
    left(split_part(spelling, ':', 7), -7) AS name
  FROM sightings
),
proven_names AS ( -- a row: a name that AWS itself confirmed
  SELECT DISTINCT account_id, aws_region, name
  FROM split
  WHERE proven
)
SELECT
  s.spelling, s.account_id, s.aws_region,
  CASE WHEN NOT s.proven AND p.name IS NOT NULL THEN s.tail ELSE s.name END AS secret_name,
  NOT s.proven AND p.name IS NOT NULL AS is_partial,
  s.proven, s.first_seen
FROM split s
LEFT JOIN proven_names p ON p.account_id = s.account_id AND p.aws_region = s.aws_region AND p.name = s.tail
