-- title = "Findings"
-- basis = "Open findings in the lake whose window touches the range."
-- empty = "No open finding. `snowtrail detect` records them; a lake that it never ran over has none."
-- [columns]
-- at = "time"
-- severity = "verdict"
-- rule = "code"
-- title = "text"
-- principal = "principal"
-- observed = "text"
-- expected = "text"
SELECT window_start AS at, severity, rule, title, principal, observed, expected
FROM findings
WHERE window_start < $to AND window_end > $from
  AND ($secret = '' OR secret_name = $secret) AND ($account = '' OR account_id = $account)
  AND ($region = '' OR aws_region = $region)
ORDER BY window_start, rule, key
