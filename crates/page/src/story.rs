//! Which findings are one story.
//!
//! Two findings belong together if their windows overlap or nearly touch and they share a principal or a secret
//! (a replica is the same secret: account and name, whatever the region). So does a storm: findings of one rule,
//! whatever they are about, once there are many; and so do findings that one page opened, when there is more to say
//! of them. Belonging is transitive. Who hears of a story is not decided here.

use crate::fold::Item;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// How far apart the windows of one story may lie. What comes later is a page of its own: an attack that goes on
/// should be heard of again.
pub const STORY_GAP: SignedDuration = SignedDuration::from_mins(15);

/// From how many findings of one rule on they are a storm, and one page.
pub const STORM_FINDINGS_MIN: usize = 5;

/// Groups of indexes into `items`; each index is in exactly one. Their order depends only on that of the items.
pub(crate) fn stories(items: &[Item<'_>]) -> Vec<Vec<usize>> {
    let mut sets = DisjointSets::new(items.len());
    join_neighbours(items, &mut sets, |item| item.finding.principal.as_deref());
    join_neighbours(items, &mut sets, |item| {
        Some((item.finding.account_id.as_deref(), item.finding.secret_name.as_deref()?))
    });
    join_storms(items, &mut sets);
    join_threads(items, &mut sets);
    let mut groups = BTreeMap::<usize, Vec<usize>>::new();
    for index in 0..items.len() {
        groups.entry(sets.root(index)).or_default().push(index);
    }
    groups.into_values().collect()
}

/// Joins items of one key whose windows overlap or nearly touch, in one sweep over each key's windows.
fn join_neighbours<'f, K: Eq + Hash>(
    items: &[Item<'f>],
    sets: &mut DisjointSets,
    key: impl Fn(&Item<'f>) -> Option<K>,
) {
    let mut by_key = HashMap::<K, Vec<usize>>::new();
    for (index, item) in items.iter().enumerate() {
        if let Some(key) = key(item) {
            by_key.entry(key).or_default().push(index);
        }
    }
    for mut indexes in by_key.into_values() {
        indexes.sort_by_key(|&index| items[index].finding.window_start);
        let mut reach: Option<(usize, Timestamp)> = None;
        for index in indexes {
            let finding = items[index].finding;
            let end = finding.window_end.saturating_add(STORY_GAP).unwrap_or(Timestamp::MAX);
            reach = Some(match reach {
                Some((before, reach)) if finding.window_start <= reach => {
                    sets.join(before, index);
                    (index, reach.max(end))
                }
                _ => (index, end),
            });
        }
    }
}

fn join_storms(items: &[Item<'_>], sets: &mut DisjointSets) {
    let mut by_rule = HashMap::<&str, Vec<usize>>::new();
    for (index, item) in items.iter().enumerate() {
        by_rule.entry(&item.finding.rule).or_default().push(index);
    }
    for storm in by_rule.values().filter(|indexes| indexes.len() >= STORM_FINDINGS_MIN) {
        storm.windows(2).for_each(|pair| sets.join(pair[0], pair[1]));
    }
}

fn join_threads(items: &[Item<'_>], sets: &mut DisjointSets) {
    let mut first = HashMap::<&str, usize>::new();
    for (index, item) in items.iter().enumerate() {
        if let Some(opening) = item.standing.opened_by.as_deref().filter(|_| item.standing.open) {
            sets.join(*first.entry(opening).or_insert(index), index);
        }
    }
}

/// Union-find. The root of a set is its smallest index, so that the result does not depend on the order of joins.
struct DisjointSets {
    parents: Vec<usize>,
}

impl DisjointSets {
    fn new(count: usize) -> DisjointSets {
        DisjointSets { parents: (0..count).collect() }
    }

    fn root(&mut self, mut index: usize) -> usize {
        while self.parents[index] != index {
            self.parents[index] = self.parents[self.parents[index]];
            index = self.parents[index];
        }
        index
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b)] = a.min(b);
    }
}
