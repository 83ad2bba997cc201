//! The policy as small tables beside the events.
//!
//! What SQL cannot say well (globs, local hours with holidays and daylight saving) is resolved here, for the secrets
//! and principals that the lake has seen, so that rules stay stock SQL. The tables:
//!
//! - `policy_secrets`: one row for each secret seen; what the policy declares about it, null where nothing. Lists are
//!   empty where the entry declares none. Quiet hours are minutes of the local day, from inclusive, to exclusive.
//! - `policy_principals`: who of those seen may do what with which secret.
//! - `policy_people`: principals that `[[humans]]` names.
//! - `local_time`: quarter hours from a day before the first event to a day after the last, in local terms.
//! - `policy_trail`: what `[trail]` and `[organization]` list, and the heartbeat in seconds.
//! - `policy_parameters`: parameters of rules that a contract sets for its own secrets.
//!
//! Size: proportional to secrets and principals seen and to the days covered, never to the number of events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Int32Array, Int64Array, ListBuilder, RecordBatch, StringArray,
    StringBuilder, TimestampMicrosecondArray,
};
use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use jiff::{SignedDuration, Timestamp};
use snowtrail_model::Policy;
use snowtrail_model::policy::{ClockTime, ParameterValue, QuietHours, Role, SecretEntry, Slot};

use crate::answers::{Row, rows};
use crate::engine::Setting;
use crate::error::{Result, RuleError};
use crate::knowledge::Knowledge;
use crate::listed::{INVENTORY, INVENTORY_TAGS};
use crate::views::Store;

/// What a small table is, for people.
pub struct Described {
    /// Its name.
    pub name: &'static str,
    /// What a row is.
    pub about: &'static str,
    /// Its columns, each with its meaning.
    pub columns: &'static [(&'static str, &'static str)],
}

pub(crate) const ACCOUNT: (&str, &str) = ("account_id", "Account of the secret");
pub(crate) const REGION: (&str, &str) = ("aws_region", "Region of the secret");
pub(crate) const SECRET: (&str, &str) = ("secret_name", "Name of the secret");

/// What the small tables and their columns mean.
pub const DESCRIBED: [Described; 8] = [
    INVENTORY,
    INVENTORY_TAGS,
    Described {
        name: "policy_secrets",
        about: "One row for each secret seen or listed, and what the policy declares about it; null where nothing",
        columns: &[
            ACCOUNT,
            REGION,
            SECRET,
            ("owner", "Who owns it"),
            ("sensitivity", "low, medium or high"),
            ("type", "database, api-token, shared-key, oauth, …"),
            ("rotate_every_seconds", "How often it must rotate, seconds"),
            ("cache_ttl_seconds", "How long its readers should cache it, seconds"),
            ("decoy", "Nobody should ever read it; false where nothing is declared"),
            ("readers_declared", "Whether the policy says who may read it; an empty list does: nobody"),
            ("rotators_declared", "Whether the policy names rotators"),
            ("admins_declared", "Whether the policy names admins"),
            ("replica_regions", "Regions where replicas may be; empty where none are declared"),
            ("vpc_endpoints", "Endpoints that it may be read through; empty where none are declared"),
            ("quiet_from_minute", "Start of its quiet hours, minute of the local day, inclusive"),
            ("quiet_to_minute", "End of its quiet hours, minute of the local day, exclusive"),
            ("entry", "Position of its contract in the policy file, from 0; null where it has none"),
        ],
    },
    Described {
        name: "policy_principals",
        about: "One row for each secret and principal seen, and each thing that the contract lets the one do with the other",
        columns: &[
            ACCOUNT,
            REGION,
            SECRET,
            ("role", "reader, rotator, admin or break_glass"),
            ("principal", "Who: stable identity"),
        ],
    },
    Described {
        name: "policy_parameters",
        about: "One row for each secret seen or listed, and each parameter of a rule that its contract sets for it",
        columns: &[
            ("rule", "Id of the rule"),
            ("name", "Name of the parameter"),
            ACCOUNT,
            REGION,
            SECRET,
            ("value", "Its value; durations in seconds"),
        ],
    },
    Described {
        name: "policy_people",
        about: "One row for each principal seen that [[humans]] names",
        columns: &[("principal", "Who: stable identity")],
    },
    Described {
        name: "policy_trail",
        about: "One row for each thing that [trail] and [organization] list",
        columns: &[
            ("kind", "protect, heartbeat, account or region"),
            ("value", "A glob over ARNs, seconds, an account id, a region"),
        ],
    },
    Described {
        name: "local_time",
        about: "One row for each quarter of an hour from a day before the first event to a day after the last, in the policy's time zone",
        columns: &[
            ("slot", "Start of the quarter hour, UTC; join on date_bin(INTERVAL '15 minutes', event_time)"),
            ("local_date", "Local day"),
            ("local_hour", "Local hour, 0 to 23"),
            ("local_minute", "Local minute: 0, 15, 30 or 45, where the zone's offset is whole quarters"),
            ("local_dow", "Local day of the week, 1 for Monday to 7 for Sunday"),
            ("is_business", "Whether it lies in the policy's business hours"),
            ("is_holiday", "Whether its day is one of the policy's holidays"),
        ],
    },
];

/// Views that must exist before the small tables can be made; they must not use them.
const GROUND_VIEWS: [&str; 2] = ["secret_names", "secret_principals"];

/// The view of tags, which is read where the policy selects by tags.
const TAGS_VIEW: &str = "secret_tags";

/// The views that the small tables of this policy are made from.
pub fn ground_views(policy: &Policy) -> impl Iterator<Item = &'static str> {
    GROUND_VIEWS.into_iter().chain(selects_by_tags(policy).then_some(TAGS_VIEW))
}

/// The names of the small tables that are made from the policy, see [`crate::listed`] for the others.
pub fn names() -> impl Iterator<Item = &'static str> {
    let listed = [INVENTORY.name, INVENTORY_TAGS.name];
    DESCRIBED.iter().map(|described| described.name).filter(move |name| !listed.contains(name))
}

/// The views that some of the small tables are made from.
pub(crate) fn grounds_of(tables: &[&str], policy: &Policy) -> Vec<&'static str> {
    let is_made = |table| tables.contains(&table);
    let by_secret = is_made("policy_secrets") || (is_made("policy_parameters") && sets_parameters(policy));
    let tagged = selects_by_tags(policy) && (by_secret || is_made("policy_principals"));
    let [secrets, pairs] = GROUND_VIEWS;
    let grounds = [
        (secrets, by_secret),
        (pairs, is_made("policy_principals") && !policy.secrets.is_empty()),
        (TAGS_VIEW, tagged),
    ];
    grounds.into_iter().filter(|(_, needed)| *needed).map(|(view, _)| view).collect()
}

/// Whether an entry of the policy selects secrets by their tags.
pub(crate) fn selects_by_tags(policy: &Policy) -> bool {
    policy.secrets.iter().any(|entry| !entry.tags.is_empty())
}

/// Whether a contract sets parameters of rules for its own secrets.
fn sets_parameters(policy: &Policy) -> bool {
    policy.secrets.iter().any(|entry| !entry.parameters.is_empty())
}

/// Registers those of the small tables that are wanted.
///
/// # Errors
/// When a ground view is missing or cannot be read.
pub(crate) async fn register(
    session: &SessionContext,
    policy: &Policy,
    setting: &Setting,
    wanted: &[&str],
    store: &Store,
) -> Result<()> {
    let failed = |source| RuleError::Sql { file: "the policy's tables".to_owned(), doing: "make", source };
    let grounds = Grounds::read(session, policy, wanted).await.map_err(failed)?;
    for name in names().filter(|name| wanted.contains(name)) {
        let batch = made(session, policy, setting, name, &grounds).await.map_err(failed)?;
        store.register(session, name, batch).await.map_err(failed)?;
    }
    Ok(())
}

/// What the small tables are made from, each view read once, and only those that [`grounds_of`] names.
struct Grounds {
    secrets: Vec<Row>,
    pairs: Vec<Row>,
    tags: Tags,
}

impl Grounds {
    async fn read(
        session: &SessionContext,
        policy: &Policy,
        wanted: &[&str],
    ) -> std::result::Result<Grounds, DataFusionError> {
        let [secrets, pairs] = GROUND_VIEWS;
        let needed = grounds_of(wanted, policy);
        let distinct = async |columns: &str, view: &str| match needed.contains(&view) {
            true => rows(session, &format!("SELECT DISTINCT {columns} FROM {view}")).await,
            false => Ok(Vec::new()),
        };
        Ok(Grounds {
            secrets: distinct("account_id, aws_region, secret_name", secrets).await?,
            pairs: distinct("account_id, aws_region, secret_name, principal", pairs).await?,
            tags: if needed.contains(&TAGS_VIEW) { tags(session).await? } else { Tags::new() },
        })
    }
}

/// One of the small tables. Nothing is read of which the policy says nothing.
async fn made(
    session: &SessionContext,
    policy: &Policy,
    setting: &Setting,
    name: &str,
    Grounds { secrets, pairs, tags }: &Grounds,
) -> std::result::Result<RecordBatch, DataFusionError> {
    Ok(match name {
        "policy_secrets" => policy_secrets(policy, secrets, tags)?,
        "policy_parameters" => policy_parameters(policy, secrets, tags)?,
        "policy_principals" => policy_principals(policy, pairs, tags, &setting.known)?,
        "policy_people" => {
            let principals = "SELECT DISTINCT principal FROM events WHERE principal IS NOT NULL";
            let nobody = policy.humans.is_empty();
            policy_people(policy, &if nobody { Vec::new() } else { rows(session, principals).await? })?
        }
        "policy_trail" => policy_trail(policy)?,
        _ => {
            let bounds = "SELECT CAST(CAST(min(event_time) AS BIGINT) AS TEXT), \
                CAST(CAST(max(event_time) AS BIGINT) AS TEXT) FROM events";
            local_time(policy, &rows(session, bounds).await?, setting.local_from)?
        }
    })
}

type SecretKey = (String, String, String);
type Tags = BTreeMap<SecretKey, Vec<(String, String)>>;

/// Tags as the view `secret_tags` has them.
async fn tags(session: &SessionContext) -> std::result::Result<Tags, DataFusionError> {
    let mut tags = Tags::new();
    let all = format!("SELECT account_id, aws_region, secret_name, key, value FROM {TAGS_VIEW}");
    for row in rows(session, &all).await? {
        let pair = (text(&row, 3).to_owned(), text(&row, 4).to_owned());
        tags.entry(secret_key(&row)).or_default().push(pair);
    }
    Ok(tags)
}

fn text(row: &Row, column: usize) -> &str {
    row.get(column).unwrap_or_default()
}

fn secret_key(row: &Row) -> SecretKey {
    (text(row, 0).to_owned(), text(row, 1).to_owned(), text(row, 2).to_owned())
}

fn entry<'p>(policy: &'p Policy, key: &SecretKey, tags: &Tags) -> Option<(usize, &'p SecretEntry)> {
    let tags = tags.get(key).map(Vec::as_slice).unwrap_or_default();
    policy.entry_for(&key.0, &key.1, &key.2, tags)
}

fn policy_secrets(
    policy: &Policy,
    secrets: &[Row],
    tags: &Tags,
) -> std::result::Result<RecordBatch, ArrowError> {
    let keys: Vec<SecretKey> = secrets.iter().map(secret_key).collect();
    let entries: Vec<_> = keys.iter().map(|k| entry(policy, k, tags)).collect();
    let of = |get: &dyn Fn(&SecretEntry) -> Option<String>| {
        texts(entries.iter().map(|e| e.and_then(|(_, e)| get(e))))
    };
    let seconds = |get: &dyn Fn(&SecretEntry) -> Option<SignedDuration>| {
        let values = entries.iter().map(|e| e.and_then(|(_, e)| get(e)).map(|d| d.as_secs()));
        Arc::new(values.collect::<Int64Array>()) as ArrayRef
    };
    let flags = |get: &dyn Fn(&SecretEntry) -> bool| {
        let values = entries.iter().map(|e| Some(e.is_some_and(|(_, e)| get(e))));
        Arc::new(values.collect::<BooleanArray>()) as ArrayRef
    };
    let lists = |get: &dyn Fn(&SecretEntry) -> &[String]| {
        let mut lists = ListBuilder::new(StringBuilder::new());
        for entry in &entries {
            lists.append_option(entry.map(|(_, e)| get(e).iter().map(Some).collect::<Vec<_>>()));
        }
        Arc::new(lists.finish()) as ArrayRef
    };
    let minutes = |get: &dyn Fn(&QuietHours) -> ClockTime| {
        let minute = |e: &SecretEntry| e.quiet_hours.as_ref().map(|hours| i32::from(get(hours).minutes()));
        Arc::new(entries.iter().map(|e| e.and_then(|(_, e)| minute(e))).collect::<Int32Array>()) as ArrayRef
    };
    let position = entries.iter().map(|e| e.and_then(|(i, _)| i64::try_from(i).ok())).collect::<Int64Array>();
    let mut columns = key_columns(secrets);
    columns.extend([
        ("owner", of(&|e| e.owner.clone())),
        ("sensitivity", of(&|e| e.sensitivity.map(|s| s.as_str().to_owned()))),
        ("type", of(&|e| e.kind.map(|k| k.as_str().to_owned()))),
        ("rotate_every_seconds", seconds(&|e| e.rotate_every)),
        ("cache_ttl_seconds", seconds(&|e| e.cache_ttl)),
        ("decoy", flags(&|e| e.decoy)),
        ("readers_declared", flags(&|e| e.readers.is_some())),
        ("rotators_declared", flags(&|e| !e.rotators.is_empty())),
        ("admins_declared", flags(&|e| !e.admins.is_empty())),
        ("replica_regions", lists(&|e| &e.replica_regions)),
        ("vpc_endpoints", lists(&|e| &e.vpc_endpoints)),
        ("quiet_from_minute", minutes(&|hours| hours.from)),
        ("quiet_to_minute", minutes(&|hours| hours.to)),
        ("entry", Arc::new(position) as ArrayRef),
    ]);
    batch(columns)
}

fn policy_principals(
    policy: &Policy,
    pairs: &[Row],
    tags: &Tags,
    known: &Knowledge,
) -> std::result::Result<RecordBatch, ArrowError> {
    let mut held: BTreeSet<[&str; 5]> = known.roles().collect();
    for pair in pairs {
        if let Some((_, entry)) = entry(policy, &secret_key(pair), tags) {
            let [account, region, secret, principal] = [0, 1, 2, 3].map(|column| text(pair, column));
            let roles = entry.roles_of(principal).into_iter().map(Role::as_str);
            held.extend(roles.map(|role| [account, region, secret, role, principal]));
        }
    }
    let column = |at: usize| texts(held.iter().map(|row| row.get(at).map(|text| (*text).to_owned())));
    let names = ["account_id", "aws_region", "secret_name", "role", "principal"];
    batch(names.into_iter().enumerate().map(|(at, name)| (name, column(at))).collect())
}

fn policy_parameters(
    policy: &Policy,
    secrets: &[Row],
    tags: &Tags,
) -> std::result::Result<RecordBatch, ArrowError> {
    let mut set: Vec<SetParameter<'_>> = Vec::new();
    for key in secrets.iter().map(secret_key) {
        let Some((_, entry)) = entry(policy, &key, tags) else { continue };
        let parameters =
            entry.parameters.iter().flat_map(|(rule, set)| set.iter().map(move |one| (rule, one)));
        set.extend(
            parameters.map(|(rule, (name, value))| {
                (rule.as_str(), name.as_str(), key.clone(), whole_number(value))
            }),
        );
    }
    let column = |get: &dyn Fn(&SetParameter<'_>) -> String| texts(set.iter().map(|one| Some(get(one))));
    batch(vec![
        ("rule", column(&|(rule, ..)| (*rule).to_owned())),
        ("name", column(&|(_, name, ..)| (*name).to_owned())),
        ("account_id", column(&|(.., key, _)| key.0.clone())),
        ("aws_region", column(&|(.., key, _)| key.1.clone())),
        ("secret_name", column(&|(.., key, _)| key.2.clone())),
        ("value", Arc::new(set.iter().map(|(.., value)| *value).collect::<Int64Array>()) as ArrayRef),
    ])
}

/// Rule, parameter, secret, value.
type SetParameter<'p> = (&'p str, &'p str, SecretKey, Option<i64>);

/// A value as the table holds it. Headers let no other kind be set for single secrets.
fn whole_number(value: &ParameterValue) -> Option<i64> {
    match value {
        ParameterValue::Int(number) => Some(*number),
        ParameterValue::Duration(duration) => Some(duration.as_secs()),
        ParameterValue::Float(_) | ParameterValue::Text(_) | ParameterValue::Bool(_) => None,
    }
}

fn policy_people(policy: &Policy, principals: &[Row]) -> std::result::Result<RecordBatch, ArrowError> {
    let people = principals.iter().filter(|row| policy.is_person(text(row, 0)));
    batch(vec![("principal", texts(people.map(|row| row.get(0).map(str::to_owned))))])
}

fn policy_trail(policy: &Policy) -> std::result::Result<RecordBatch, ArrowError> {
    let mut rows: Vec<(&str, String)> = Vec::new();
    rows.extend(policy.trail.protect.iter().map(|glob| ("protect", glob.as_str().to_owned())));
    rows.extend(policy.trail.heartbeat.map(|beat| ("heartbeat", beat.as_secs().to_string())));
    rows.extend(policy.organization.accounts.iter().map(|a| ("account", a.clone())));
    rows.extend(policy.organization.regions.iter().map(|r| ("region", r.clone())));
    batch(vec![
        ("kind", texts(rows.iter().map(|(kind, _)| Some((*kind).to_owned())))),
        ("value", texts(rows.iter().map(|(_, value)| Some(value.clone())))),
    ])
}

fn local_time(
    policy: &Policy,
    bounds: &[Row],
    needed_from: Option<Timestamp>,
) -> std::result::Result<RecordBatch, ArrowError> {
    let bound = |column: usize| {
        let micros = bounds.first().and_then(|row| text(row, column).parse::<i64>().ok());
        micros.and_then(|m| Timestamp::from_microsecond(m).ok())
    };
    let day = SignedDuration::from_hours(24);
    let slots: Vec<Slot> = match (bound(0), bound(1)) {
        (Some(first), Some(last)) => {
            let first = needed_from.map_or(first, |needed| needed.max(first));
            let from = first.saturating_sub(day).unwrap_or(first);
            policy.calendar.slots(from, last.saturating_add(day).unwrap_or(last)).collect()
        }
        _ => Vec::new(),
    };
    let ints = |get: fn(&Slot) -> i8| {
        Arc::new(slots.iter().map(|s| Some(i32::from(get(s)))).collect::<Int32Array>()) as ArrayRef
    };
    let flags = |get: fn(&Slot) -> bool| {
        Arc::new(slots.iter().map(|s| Some(get(s))).collect::<BooleanArray>()) as ArrayRef
    };
    let starts =
        slots.iter().map(|s| Some(s.start_utc.as_microsecond())).collect::<TimestampMicrosecondArray>();
    let epoch = jiff::civil::date(1970, 1, 1);
    let days = slots.iter().map(|s| Some(epoch.until(s.local_date).map_or(0, |span| span.get_days())));
    batch(vec![
        ("slot", Arc::new(starts.with_timezone("UTC")) as ArrayRef),
        ("local_date", Arc::new(days.collect::<Date32Array>()) as ArrayRef),
        ("local_hour", ints(|s| s.local_hour)),
        ("local_minute", ints(|s| s.local_minute)),
        ("local_dow", ints(|s| s.local_dow)),
        ("is_business", flags(|s| s.is_business)),
        ("is_holiday", flags(|s| s.is_holiday)),
    ])
}

fn key_columns(rows: &[Row]) -> Vec<(&'static str, ArrayRef)> {
    let column = |i: usize| texts(rows.iter().map(|row| row.get(i).map(str::to_owned)));
    vec![("account_id", column(0)), ("aws_region", column(1)), ("secret_name", column(2))]
}

fn texts(values: impl Iterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn batch(columns: Vec<(&'static str, ArrayRef)>) -> std::result::Result<RecordBatch, ArrowError> {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_small_table_and_column_is_described_in_its_order() {
        let policy = Policy::default();
        let bounds: [Row; 0] = [];
        let made = [
            policy_secrets(&policy, &[], &Tags::new()).unwrap(),
            policy_principals(&policy, &[], &Tags::new(), &Knowledge::default()).unwrap(),
            policy_parameters(&policy, &[], &Tags::new()).unwrap(),
            policy_people(&policy, &[]).unwrap(),
            policy_trail(&policy).unwrap(),
            local_time(&policy, &bounds, None).unwrap(),
        ];
        for (table, described) in made.iter().zip(DESCRIBED.into_iter().skip(2)) {
            let columns: Vec<&str> = table.schema_ref().fields().iter().map(|f| f.name().as_str()).collect();
            assert_eq!(
                columns,
                described.columns.iter().map(|(c, _)| *c).collect::<Vec<_>>(),
                "{}",
                described.name
            );
        }
    }
}
