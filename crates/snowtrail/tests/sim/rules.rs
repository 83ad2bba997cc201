//! Three rules over `events` alone, small enough to be planned in milliseconds, and as different as findings can be: one
//! that only ever appears (and is judged by ticks), one that grows worse, one that a later event withdraws (and are
//! judged by sweeps).
//!
//! The views are the least that the engine and its ticks ask for. What the shipped rules find is tested elsewhere.

use snowtrail::policy_file::Bound;
use snowtrail_model::Policy;
use snowtrail_rules::{Header, Rule, RuleSet};

/// Two owners, one of whom has a topic of their own; reminders, so that time alone makes pages.
const POLICY: &str = r#"
[organization]
accounts = ["111122223333"]
timezone = "UTC"

[[secrets]]
match = "prod/blizzard-checkout/*"
owner = "blizzard-checkout"

[[routes]]
owner = "blizzard-checkout"
publish = "arn:aws:sns:us-west-2:111122223333:checkout-oncall"
"#;

const HEADER: &str = r#"
description = "For the simulation."
runbook = ["Look."]
window = "1h"
history = "1h"
"#;

/// Reads with the names that rules need.
const READS: &str = "SELECT event_id, account_id, aws_region, targets[1]['name'] AS secret_name, principal, \
    date_trunc('hour', event_time) AS hour FROM events WHERE targets[1]['name'] IS NOT NULL";

/// The columns of a finding over `g`, which has a row for each, with its own key, title and evidence.
const FINDING: &str = "SELECT key, title, title AS summary, account_id, aws_region, NULL AS secret_arn, secret_name, \
    principal, NULL AS actor, hour AS window_start, hour + INTERVAL '1 hour' AS window_end, \
    CAST(reads AS VARCHAR) AS observed, '0' AS expected, evidence, named_struct('reads', reads) AS detail";

/// Reads by anybody but the one reader: they only ever appear, and their evidence grows.
const STRANGER: &str = "g AS (SELECT concat_ws('|', secret_name, principal, CAST(hour AS VARCHAR)) AS key, \
    'A stranger reads' AS title, account_id, aws_region, secret_name, principal, hour, count(*) AS reads, \
    array_sort(array_agg(DISTINCT event_id)) AS evidence FROM r WHERE principal NOT LIKE '%Blizzard-Checkout%' \
    GROUP BY account_id, aws_region, secret_name, principal, hour)";

/// Many reads of one secret in an hour: worse the more there are.
const BURST: &str = "g AS (SELECT concat_ws('|', secret_name, CAST(hour AS VARCHAR)) AS key, 'Many reads' AS title, \
    account_id, aws_region, secret_name, NULL AS principal, hour, count(*) AS reads, \
    array_sort(array_agg(DISTINCT event_id)) AS evidence FROM r \
    GROUP BY account_id, aws_region, secret_name, hour HAVING count(*) >= 2)";

/// An hour in which only one principal reads a secret: withdrawn when another one's read arrives.
const LONELY: &str = "g AS (SELECT concat_ws('|', secret_name, CAST(hour AS VARCHAR)) AS key, 'A lonely reader' AS title, \
    account_id, aws_region, secret_name, NULL AS principal, hour, count(*) AS reads, \
    array_sort(array_agg(DISTINCT event_id)) AS evidence FROM r \
    GROUP BY account_id, aws_region, secret_name, hour HAVING count(DISTINCT principal) = 1)";

/// What the engine and its ticks ask for beside the rules. No rule here stands on what is known of events out of sight, so
/// what is known stays as it is.
const VIEWS: [(&str, &str); 6] = [
    ("watched", "SELECT *, corrects_event_id IS NOT NULL AS is_landmark FROM events"),
    ("beginning", "SELECT min(date_trunc('day', event_time)) AS day FROM watched"),
    ("sightings", "SELECT * FROM known_sightings"),
    ("traits", "SELECT * FROM known_traits"),
    ("secret_days", "SELECT account_id, secret_name, day FROM known_secret_days"),
    // Never made: it only names the columns of events that ticks read.
    ("columns", "SELECT event_date, identity_type, shared_event_id, corrects_event_id, tags FROM events"),
];

/// The rules and the policy.
pub fn bound() -> Bound {
    let mut rules = RuleSet::default();
    let of_secrets = |columns: &str| {
        format!("SELECT DISTINCT account_id, aws_region, secret_name{columns} FROM ({READS})")
    };
    let made = [("secret_names", of_secrets("")), ("secret_principals", of_secrets(", principal"))];
    let views = VIEWS.map(|(name, sql)| (name, sql.to_owned()));
    for (name, sql) in views.into_iter().chain(made) {
        rules.views.insert(name.to_owned(), (format!("{name}.sql"), sql));
    }
    let severity = ", CASE WHEN reads >= 4 THEN 'critical' ELSE 'medium' END AS severity";
    for (id, level, scope, group, extra) in [
        ("stranger", "high", "principal", STRANGER, ""),
        ("burst", "medium", "all", BURST, severity),
        ("lonely", "low", "all", LONELY, ""),
    ] {
        let header =
            format!("id = \"{id}\"\ntitle = \"{id}\"\nseverity = \"{level}\"\nscope = \"{scope}\"\n{HEADER}");
        let header = Header::parse(id, &header).expect("a header");
        let sql = format!("WITH r AS ({READS}), {group} {FINDING}{extra} FROM g");
        rules.rules.insert(id.to_owned(), Rule { header, sql, file: format!("{id}.sql") });
    }
    let policy = Policy::parse(POLICY, "policy.toml", &rules.declared()).expect("a policy");
    Bound { rules, policy }
}
