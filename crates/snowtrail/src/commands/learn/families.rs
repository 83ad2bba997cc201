//! Secrets of one name family with the same readers become one entry; entries are put in an order in which the first
//! that fits is the right one. Pure.

use std::collections::{BTreeMap, BTreeSet};

use snowtrail_model::policy::Glob;

use super::contract::Contract;

/// From this many secrets on a family is one entry.
const FAMILY_MIN: usize = 2;

/// Folds contracts of single secrets into those of families, in the order of the file. `all` are all secrets that the
/// entries may meet, by account and name: one that a family's pattern would cover without being of it gets an entry of
/// its own before the pattern, even an empty one.
pub fn fold(contracts: Vec<Contract>, all: &BTreeSet<(String, String)>) -> Vec<Contract> {
    let mut groups = BTreeMap::<_, Vec<Contract>>::new();
    for contract in contracts {
        let names = |list: &super::contract::Named| list.keys().cloned().collect::<Vec<_>>();
        let value = |stated: &Option<super::contract::Stated>| stated.as_ref().map(|s| s.value.clone());
        let alike = (
            names(&contract.readers),
            names(&contract.break_glass),
            names(&contract.rotators),
            value(&contract.rotate_every),
            value(&contract.owner),
        );
        let key = (contract.account.clone(), contract.prefix().to_owned(), alike);
        groups.entry(key).or_default().push(contract);
    }
    // Of several groups in one family only the largest may have the pattern; the first of equals.
    let mut largest = BTreeMap::<(String, String), (usize, usize)>::new();
    let groups: Vec<Vec<Contract>> = groups.into_values().collect();
    for (index, group) in groups.iter().enumerate().filter(|(_, group)| is_family(group)) {
        let first = &group[0];
        let best = largest.entry((first.account.clone(), first.prefix().to_owned())).or_insert((0, index));
        if group.len() > best.0 {
            *best = (group.len(), index);
        }
    }
    let patterned: BTreeSet<usize> = largest.into_values().map(|(_, index)| index).collect();
    let mut entries = Vec::new();
    for (index, group) in groups.into_iter().enumerate() {
        if patterned.contains(&index) { entries.extend(family(group)) } else { entries.extend(group) }
    }
    entries.extend(undeclared(&entries, all));
    entries.sort_by_cached_key(place);
    entries
}

/// Whether a group may be one entry: it has readers in common, and a name to itself.
fn is_family(group: &[Contract]) -> bool {
    let first = group.first();
    group.len() >= FAMILY_MIN && first.is_some_and(|one| !one.readers.is_empty() && !one.prefix().is_empty())
}

fn family(group: Vec<Contract>) -> Option<Contract> {
    let mut members = group.into_iter();
    let mut whole = members.next()?;
    members.for_each(|member| whole.take_in(&member));
    whole.matching = format!("{}*", whole.prefix());
    Some(whole)
}

/// Entries that declare nothing, for secrets that a pattern would wrongly speak for.
fn undeclared(entries: &[Contract], all: &BTreeSet<(String, String)>) -> Vec<Contract> {
    let exact: BTreeSet<(&str, &str)> =
        entries.iter().map(|entry| (entry.account.as_str(), entry.matching.as_str())).collect();
    let patterns: Vec<(&Contract, Glob)> = entries
        .iter()
        .filter_map(|e| Some((e, Glob::new(&e.matching).ok()?)))
        .filter(|(e, _)| is_pattern(e))
        .collect();
    let is_lost = |secret: &&(String, String)| {
        let covering =
            |(entry, glob): &&(&Contract, Glob)| entry.account == secret.0 && glob.matches(&secret.1);
        let is_member =
            |(entry, _): &(&Contract, Glob)| entry.account == secret.0 && entry.members.contains(&secret.1);
        !exact.contains(&(secret.0.as_str(), secret.1.as_str()))
            && !patterns.iter().any(is_member)
            && patterns.iter().any(|pattern| covering(&pattern))
    };
    all.iter().filter(is_lost).map(Contract::of).collect()
}

/// Whether an entry is a family's.
pub fn is_pattern(entry: &Contract) -> bool {
    entry.matching.ends_with('*')
}

/// Deeper families before those that contain them, a family's exceptions before its pattern, else by name.
fn place(entry: &Contract) -> (String, Vec<String>, bool, String) {
    let mut parts: Vec<String> = entry.prefix().split_terminator('/').map(str::to_owned).collect();
    parts.push(char::MAX.to_string());
    (entry.account.clone(), parts, is_pattern(entry), entry.matching.clone())
}

#[cfg(test)]
mod tests {
    use super::super::contract::Evidence;
    use super::super::history::Seen;
    use super::*;

    fn contract(name: &str, readers: &[&str]) -> Contract {
        let mut contract = Contract::of(&("111122223333".to_owned(), name.to_owned()));
        let evidence = Evidence::of("reads", Seen { times: 3, days: 2, ..Seen::default() });
        contract.readers = readers.iter().map(|reader| ((*reader).to_owned(), evidence.clone())).collect();
        contract
    }

    fn folded(contracts: &[(&str, &[&str])], others: &[&str]) -> Vec<String> {
        let contracts: Vec<Contract> =
            contracts.iter().map(|(name, readers)| contract(name, readers)).collect();
        let names =
            contracts.iter().map(|c| c.matching.clone()).chain(others.iter().map(|o| (*o).to_owned()));
        let all = names.map(|name| ("111122223333".to_owned(), name)).collect();
        let told = |entry: Contract| {
            format!("{}={}", entry.matching, entry.readers.keys().cloned().collect::<Vec<_>>().join("+"))
        };
        fold(contracts, &all).into_iter().map(told).collect()
    }

    #[test]
    fn secrets_with_the_same_readers_are_one_entry() {
        assert_eq!(
            folded(&[("prod/a/x", &["r"]), ("prod/a/y", &["r"]), ("prod/b/x", &["r"])], &[]),
            ["prod/a/*=r", "prod/b/x=r"]
        );
    }

    #[test]
    fn exceptions_come_before_the_pattern() {
        let entries = folded(&[("prod/a/x", &["r"]), ("prod/a/y", &["r"]), ("prod/a/z", &["r", "s"])], &[]);
        assert_eq!(entries, ["prod/a/z=r+s", "prod/a/*=r"]);
    }

    #[test]
    fn a_secret_that_nobody_may_speak_for_is_kept_out_of_the_pattern() {
        let entries =
            folded(&[("prod/a/x", &["r"]), ("prod/a/y", &["r"])], &["prod/a/thin", "prod/a/deep/er"]);
        assert_eq!(entries, ["prod/a/deep/er=", "prod/a/thin=", "prod/a/*=r"]);
    }

    #[test]
    fn deeper_families_come_first() {
        let secrets: [(&str, &[&str]); 4] =
            [("prod/x", &["r"]), ("prod/y", &["r"]), ("prod/a/x", &["s"]), ("prod/a/y", &["s"])];
        assert_eq!(folded(&secrets, &[]), ["prod/a/*=s", "prod/*=r"]);
    }

    #[test]
    fn names_without_a_slash_and_secrets_without_readers_stay_alone() {
        assert_eq!(folded(&[("x", &["r"]), ("y", &["r"])], &[]), ["x=r", "y=r"]);
        assert_eq!(folded(&[("a/x", &[]), ("a/y", &[])], &[]), ["a/x=", "a/y="]);
    }
}
