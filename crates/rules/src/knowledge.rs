//! What is known of events that are not in sight.
//!
//! A whole evaluation has all events in sight and needs none of this. An evaluation of a few events (see
//! [`crate::watch`]) judges them by what all the others add up to: which spelling means which secret, on which days a
//! secret was touched, what kind of caller a principal is, who holds which role in the policy, when the lake began. Each
//! of these is a set, a least, a greatest, or a logical or: adding an event twice, or in another order, changes nothing,
//! so that what is known is a function of the events and not of the way they came. The views `sightings`,
//! `secret_days`, `traits` and `beginning` and the small table `policy_principals` add it to what is in sight.
//!
//! It only grows between two whole evaluations, each of which gathers it anew. Its size follows secrets, principals and
//! days, never the number of events. Does not know how events are read.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use crate::{memory, views::Store};

type Result<T> = std::result::Result<T, DataFusionError>;

/// What a column of a relation is. Inside, texts are text and everything else is a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Flag,
    /// Microseconds since 1970, UTC.
    Time,
}

/// Which of two values for one key stands. A flag's "or" is the greatest, its "and" the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Least,
    Greatest,
}

/// One kind of fact: a table `known_…`, and the query that gathers it where more events are in sight.
struct Relation {
    table: &'static str,
    /// Gives the keys as text and the values as BIGINT, in this order.
    query: &'static str,
    keys: &'static [(&'static str, Kind)],
    values: &'static [(&'static str, Kind, Stands)],
}

/// How the names of these tables begin. People's sessions have them too, empty: there all events are in sight.
pub const TABLE_PREFIX: &str = "known_";

const RELATIONS: [Relation; 6] = [SIGHTINGS, SECRET_DAYS, TRAITS, BEGINNING, ROLES, ROTATORS];

/// By the two names that an ARN may mean: without its last seven characters, and whole.
const SIGHTINGS: Relation = Relation {
    table: "known_sightings",
    query: "SELECT left(split_part(spelling, ':', 7), -7), split_part(spelling, ':', 7), spelling, \
            CAST(proven AS BIGINT), CAST(first_seen AS BIGINT) FROM sightings",
    keys: &[("name", Kind::Text), ("tail", Kind::Text), ("spelling", Kind::Text)],
    values: &[("proven", Kind::Flag, Stands::Greatest), ("first_seen", Kind::Time, Stands::Least)],
};

const SECRET_DAYS: Relation = Relation {
    table: "known_secret_days",
    query: "SELECT secret_name, account_id, CAST(CAST(day AS BIGINT) AS VARCHAR) FROM secret_days",
    keys: &[("secret_name", Kind::Text), ("account_id", Kind::Text), ("day", Kind::Time)],
    values: &[],
};

const TRAITS: Relation = Relation {
    table: "known_traits",
    query: "SELECT principal, CAST(user_in_console AS BIGINT), CAST(is_root AS BIGINT), \
            CAST(is_signed_in AS BIGINT), CAST(is_service AS BIGINT), CAST(first_seen AS BIGINT), \
            CAST(last_seen AS BIGINT), CAST(actions AS BIGINT) FROM traits",
    keys: &[("principal", Kind::Text)],
    values: &[
        ("user_in_console", Kind::Flag, Stands::Greatest),
        ("is_root", Kind::Flag, Stands::Greatest),
        ("is_signed_in", Kind::Flag, Stands::Greatest),
        ("is_service", Kind::Flag, Stands::Least),
        ("first_seen", Kind::Time, Stands::Least),
        ("last_seen", Kind::Time, Stands::Greatest),
        ("actions", Kind::Number, Stands::Greatest),
    ],
};

const BEGINNING: Relation = Relation {
    table: "known_beginning",
    query: "SELECT 'lake', CAST(day AS BIGINT) FROM beginning",
    keys: &[("what", Kind::Text)],
    values: &[("day", Kind::Time, Stands::Least)],
};

const ROLES: Relation = Relation {
    table: "known_roles",
    query: "SELECT secret_name, account_id, aws_region, role, principal FROM policy_principals",
    keys: &[
        ("secret_name", Kind::Text),
        ("account_id", Kind::Text),
        ("aws_region", Kind::Text),
        ("role", Kind::Text),
        ("principal", Kind::Text),
    ],
    values: &[],
};

/// The roles of rotators once more, by principal.
const ROTATORS: Relation = Relation {
    table: "known_rotators",
    query: "SELECT principal, secret_name, account_id, aws_region FROM policy_principals WHERE role = 'rotator'",
    keys: &[
        ("principal", Kind::Text),
        ("secret_name", Kind::Text),
        ("account_id", Kind::Text),
        ("aws_region", Kind::Text),
    ],
    values: &[],
};

/// The views that gathering reads; an engine that is to be gathered from must make them.
pub(crate) const GATHERED_VIEWS: [&str; 4] = ["sightings", "secret_days", "traits", "beginning"];

type Facts = BTreeMap<Vec<String>, Vec<i64>>;

/// Facts about secrets, principals and the lake.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Knowledge {
    facts: BTreeMap<&'static str, Facts>,
}

impl Knowledge {
    /// Adds what the views of a session show.
    ///
    /// # Errors
    /// When a view cannot be read.
    pub async fn gather(&mut self, session: &SessionContext) -> Result<()> {
        for relation in &RELATIONS {
            let facts = self.facts.entry(relation.table).or_default();
            for batch in memory::rows(session, relation.query).await?.1 {
                add(relation, facts, &batch)?;
            }
        }
        Ok(())
    }

    /// What bears on secrets that are called so and on these principals: a copy that is small where they are few.
    pub fn about(&self, names: &HashSet<String>, principals: &HashSet<String>) -> Knowledge {
        let mut about = Knowledge::default();
        let secrets = with_rivals(self.of(&SIGHTINGS), names);
        for name in &secrets {
            about.take(self, &SIGHTINGS, name, |_| true);
            // An ARN whose tail is this name stands under the name that it would mean if it were whole.
            about.take(self, &SIGHTINGS, &short(name), |key| key.get(1) == Some(name));
        }
        for name in names {
            about.take(self, &SECRET_DAYS, name, |_| true);
            about.take(self, &ROLES, name, |_| true);
        }
        for principal in principals {
            about.take(self, &TRAITS, principal, |_| true);
            for rotator in under(self.of(&ROTATORS), principal).map(|(key, _)| key) {
                if let Some(secret) = rotator.get(1) {
                    about.take(self, &ROLES, secret, |_| true);
                }
            }
        }
        about.take(self, &BEGINNING, "lake", |_| true);
        about
    }

    /// Names of secrets that the policy lets one of these principals rotate.
    pub fn rotated_by(&self, principals: &HashSet<String>) -> HashSet<String> {
        let held = principals.iter().flat_map(|principal| under(self.of(&ROTATORS), principal));
        held.filter_map(|(key, _)| key.get(1).cloned()).collect()
    }

    /// Principals that the policy names as rotators of a secret that is called so.
    pub fn rotators_of(&self, names: &HashSet<String>) -> HashSet<String> {
        let held = names.iter().flat_map(|name| under(self.of(&ROLES), name));
        let rotators = held.filter(|(key, _)| key.get(3).is_some_and(|role| role == "rotator"));
        rotators.filter_map(|(key, _)| key.get(4).cloned()).collect()
    }

    /// Whether other facts hold a rotator, by the policy, that these do not: all rotations of its secret are then its own,
    /// also those that ended long ago.
    pub fn lacks_rotator_of(&self, other: &Knowledge) -> bool {
        other.of(&ROTATORS).keys().any(|key| !self.of(&ROTATORS).contains_key(key))
    }

    /// The UTC day of the lake's first event, as microseconds since 1970.
    pub fn beginning(&self) -> Option<i64> {
        self.of(&BEGINNING).values().next().and_then(|values| values.first().copied())
    }

    /// Whether a sight of an ARN changes what ARNs seen before mean. It does if AWS itself wrote it, and had not yet, and
    /// either it was taken for another secret's partial ARN, or another's full ARN must now be taken for its partial one.
    pub fn is_overturned_by(&self, arn: &str, proven: bool) -> bool {
        let tail = arn.splitn(7, ':').nth(6).unwrap_or_default();
        let known =
            under(self.of(&SIGHTINGS), &short(tail)).find(|(key, _)| key.last().is_some_and(|s| s == arn));
        let was_proven = known.is_some_and(|(_, values)| values.first() == Some(&1));
        if !proven || was_proven {
            return false;
        }
        let name = short(tail);
        let rivals = under(self.of(&SIGHTINGS), &short(&name)).any(|(key, _)| key.get(1) == Some(&name));
        rivals || (known.is_some() && under(self.of(&SIGHTINGS), tail).next().is_some())
    }

    /// Drops the days on which secrets were touched before a time (microseconds since 1970): no rule looks so far back.
    pub fn forget_days_before(&mut self, time: i64) {
        let days = self.facts.entry(SECRET_DAYS.table).or_default();
        days.retain(|key, _| {
            key.last().and_then(|day| day.parse::<i64>().ok()).is_none_or(|day| day >= time)
        });
    }

    /// Adds other facts to these.
    pub fn add(&mut self, other: &Knowledge) {
        for relation in &RELATIONS {
            let facts = self.facts.entry(relation.table).or_default();
            for (key, values) in other.of(relation) {
                keep(relation, facts, key.clone(), values.clone());
            }
        }
    }

    /// Registers the tables `known_…`.
    ///
    /// # Errors
    /// When one of them exists.
    pub(crate) async fn register(&self, session: &SessionContext, store: &Store) -> Result<()> {
        for relation in &RELATIONS {
            let batch = table(relation, self.of(relation))?;
            store.register(session, relation.table, batch).await?;
        }
        Ok(())
    }

    /// Rows of `policy_principals` that are known: account, region, secret, role, principal.
    pub(crate) fn roles(&self) -> impl Iterator<Item = [&str; 5]> {
        self.of(&ROLES).keys().filter_map(|key| match key.as_slice() {
            [secret, account, region, role, principal] => {
                Some([account.as_str(), region, secret, role, principal])
            }
            _ => None,
        })
    }

    fn of(&self, relation: &Relation) -> &Facts {
        static NONE: Facts = Facts::new();
        self.facts.get(relation.table).unwrap_or(&NONE)
    }

    fn take(
        &mut self,
        from: &Knowledge,
        relation: &Relation,
        first: &str,
        which: impl Fn(&[String]) -> bool,
    ) {
        let facts = self.facts.entry(relation.table).or_default();
        let taken = under(from.of(relation), first).filter(|(key, _)| which(key));
        facts.extend(taken.map(|(key, values)| (key.clone(), values.clone())));
    }
}

/// A name without a hyphen and six characters at its end; whatever is that short loses all.
fn short(name: &str) -> String {
    let characters = name.chars().count();
    name.chars().take(characters.saturating_sub(7)).collect()
}

/// The names, and those of the secrets whose existence decides what an ARN of theirs means.
fn with_rivals(sightings: &Facts, names: &HashSet<String>) -> HashSet<String> {
    let mut all = names.clone();
    for name in names {
        all.extend(under(sightings, name).filter_map(|(key, _)| key.get(1).cloned()));
    }
    all
}

/// The facts whose key begins with a text.
fn under<'f>(
    facts: &'f Facts,
    first: &str,
) -> impl Iterator<Item = (&'f Vec<String>, &'f Vec<i64>)> + use<'f> {
    let first = first.to_owned();
    facts.range(vec![first.clone()]..).take_while(move |(key, _)| key.first() == Some(&first))
}

fn add(relation: &Relation, facts: &mut Facts, batch: &RecordBatch) -> Result<()> {
    let (keys, values) = batch.columns().split_at(relation.keys.len());
    let as_type = |to: DataType| move |column: &ArrayRef| cast(column, &to);
    let keys = keys.iter().map(as_type(DataType::Utf8)).collect::<std::result::Result<Vec<_>, _>>()?;
    let values = values.iter().map(as_type(DataType::Int64)).collect::<std::result::Result<Vec<_>, _>>()?;
    for row in 0..batch.num_rows() {
        if keys.iter().chain(&values).all(|column| !column.is_null(row)) {
            let key = keys.iter().map(|k| k.as_string::<i32>().value(row).to_owned()).collect();
            keep(
                relation,
                facts,
                key,
                values.iter().map(|v| v.as_primitive::<Int64Type>().value(row)).collect(),
            );
        }
    }
    Ok(())
}

fn keep(relation: &Relation, facts: &mut Facts, key: Vec<String>, values: Vec<i64>) {
    let known = facts.entry(key).or_insert_with(|| values.clone());
    for ((known, value), (_, _, stands)) in known.iter_mut().zip(values).zip(relation.values) {
        *known = match stands {
            Stands::Least => value.min(*known),
            Stands::Greatest => value.max(*known),
        };
    }
}

fn table(relation: &Relation, facts: &Facts) -> Result<RecordBatch> {
    let mut columns: Vec<(&str, ArrayRef, bool)> = Vec::new();
    for (at, (name, kind)) in relation.keys.iter().enumerate() {
        let texts: StringArray = facts.keys().map(|key| key.get(at)).collect();
        columns.push((name, typed(Arc::new(texts), *kind)?, true));
    }
    for (at, (name, kind, _)) in relation.values.iter().enumerate() {
        let numbers: Int64Array = facts.values().map(|values| values.get(at).copied()).collect();
        columns.push((name, typed(Arc::new(numbers), *kind)?, true));
    }
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}

fn typed(column: ArrayRef, kind: Kind) -> Result<ArrayRef> {
    Ok(match kind {
        Kind::Text => column,
        Kind::Number => cast(&column, &DataType::Int64)?,
        Kind::Flag => cast(&column, &DataType::Boolean)?,
        Kind::Time => {
            let micros = cast(&column, &DataType::Int64)?;
            cast(&micros, &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "arn:aws:secretsmanager:r:1:secret:prod/api-secret-a1B2c3";
    const PARTIAL: &str = "arn:aws:secretsmanager:r:1:secret:prod/api-secret";

    fn sighted(arn: &str, proven: bool, first_seen: i64) -> Knowledge {
        let tail = arn.splitn(7, ':').nth(6).unwrap().to_owned();
        let key = vec![short(&tail), tail, arn.to_owned()];
        let facts = Facts::from([(key, vec![i64::from(proven), first_seen])]);
        Knowledge { facts: BTreeMap::from([(SIGHTINGS.table, facts)]) }
    }

    fn names(names: &[&str]) -> HashSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn order_and_repetition_change_nothing() {
        let parts = [sighted(NAME, false, 7), sighted(NAME, true, 9), sighted(PARTIAL, false, 3)];
        let mut forth = Knowledge::default();
        parts.iter().for_each(|part| forth.add(part));
        let mut back = forth.clone();
        parts.iter().rev().for_each(|part| back.add(part));
        assert_eq!(forth, back);
        assert_eq!(forth.of(&SIGHTINGS).values().collect::<Vec<_>>(), [&vec![0, 3], &vec![1, 7]]);
    }

    #[test]
    fn what_bears_on_a_secret_comes_with_the_rivals_of_its_spelling() {
        let mut known = sighted(NAME, true, 1);
        known.add(&sighted(PARTIAL, false, 2));
        known.add(&sighted("arn:aws:secretsmanager:r:1:secret:stage/db-a1B2c3", true, 3));
        for name in ["prod/api-secret", "prod/api"] {
            let about = known.about(&names(&[name]), &HashSet::new());
            assert_eq!(about.of(&SIGHTINGS).len(), 2, "{name}");
        }
    }

    #[test]
    fn first_proof_that_a_longer_name_exists_overturns_what_a_spelling_meant() {
        let known = sighted(PARTIAL, false, 1);
        assert!(known.is_overturned_by(NAME, true));
        assert!(!known.is_overturned_by(NAME, false));
        assert!(!known.is_overturned_by(PARTIAL, false));
        let mut settled = known.clone();
        settled.add(&sighted(NAME, true, 2));
        assert!(!settled.is_overturned_by(NAME, true));
        assert!(settled.is_overturned_by(PARTIAL, true), "it was thought to be partial");
        assert!(!Knowledge::default().is_overturned_by(NAME, true), "a new secret overturns nothing");
    }
}
