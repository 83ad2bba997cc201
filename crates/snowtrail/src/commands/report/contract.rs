//! The contract of a secret as a table: what the policy declares, in the policy's own words.

use snowtrail_model::Policy;
use snowtrail_model::policy::{ClockTime, Glob, SecretEntry, format_duration};
use snowtrail_report::{Column, Kind, Table, Value};

use super::place::Place;

/// What the policy declares about each place of a secret.
pub fn table(policy: &Policy, places: &[Place]) -> Table {
    let mut rows = Vec::new();
    for place in places {
        let entry = policy.entry_for(&place.account, &place.region, &place.name, &place.tags);
        if let Some((position, entry)) = entry {
            let told = told(position, entry);
            rows.extend(
                told.into_iter().map(|(key, value)| {
                    vec![Value::text(&place.region), Value::text(key), Value::text(value)]
                }),
            );
        }
    }
    let column = |name: &str, kind| Column { name: name.to_owned(), kind, about: String::new() };
    Table {
        name: "contract".to_owned(),
        title: String::new(),
        basis:
            "The first entry of the policy that selects the secret; keys that it leaves out are not declared."
                .to_owned(),
        empty: "The policy declares nothing about this secret: anybody may read it as far as the rules know."
            .to_owned(),
        columns: vec![
            column("region", Kind::Code),
            column("key", Kind::Code),
            column("declared", Kind::Text),
        ],
        rows,
    }
}

fn told(position: usize, entry: &SecretEntry) -> Vec<(&'static str, String)> {
    let globs = |globs: &[Glob]| globs.iter().map(Glob::as_str).collect::<Vec<_>>().join(", ");
    let readers = entry.readers.as_ref().map(|readers| match readers.as_slice() {
        [] => "nobody".to_owned(),
        readers => globs(readers),
    });
    let words = [
        ("entry", Some(format!("number {} in the file", position + 1))),
        ("match", entry.name.as_ref().map(|name| name.as_str().to_owned())),
        ("owner", entry.owner.clone()),
        ("sensitivity", entry.sensitivity.map(|word| word.to_string())),
        ("type", entry.kind.map(|word| word.to_string())),
        ("readers", readers),
        ("break_glass", Some(globs(&entry.break_glass))),
        ("rotators", Some(globs(&entry.rotators))),
        ("admins", Some(globs(&entry.admins))),
        ("rotate_every", entry.rotate_every.map(format_duration)),
        ("cache_ttl", entry.cache_ttl.map(format_duration)),
        ("replica_regions", Some(entry.replica_regions.join(", "))),
        ("vpc_endpoints", Some(entry.vpc_endpoints.join(", "))),
        (
            "quiet_hours",
            entry.quiet_hours.map(|hours| format!("{} to {}", clock(hours.from), clock(hours.to))),
        ),
        ("decoy", entry.decoy.then(|| "nobody has a reason to touch it".to_owned())),
    ];
    let told = words.into_iter().filter_map(|(key, value)| Some((key, value?)));
    told.filter(|(_, value)| !value.is_empty()).collect()
}

fn clock(time: ClockTime) -> String {
    format!("{:02}:{:02}", time.minutes() / 60, time.minutes() % 60)
}
