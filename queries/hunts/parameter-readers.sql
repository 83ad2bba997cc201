-- purpose = "Who was given the decrypted values of parameters?"
-- description = """
-- The same question as for secrets, for Parameter Store. The name is without its leading slash. is_secure is false
-- for plain parameters, and where the trail does not record KMS."""
-- [parameters.parameter]
-- default = "%"
-- description = "The parameter's name without its leading slash; % stands for anything"
SELECT
  account_id, aws_region, parameter_name, principal, bool_or(is_secure) AS is_secure, count(*) AS reads,
  array_sort(array_agg(DISTINCT via)) AS via, min(event_time) AS first_read, max(event_time) AS last_read,
  array_slice(array_sort(array_agg(DISTINCT actor)), 1, 5) AS actors
FROM parameter_reads
WHERE parameter_name LIKE $parameter
GROUP BY account_id, aws_region, parameter_name, principal
ORDER BY account_id, aws_region, parameter_name, reads DESC, principal
