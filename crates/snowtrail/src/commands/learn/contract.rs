//! What is drafted: values, each with the evidence for it. Pure data.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::history::{SecretKey, Seen};

/// The evidence for one value, over one secret or several of a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// What is counted: `reads`, `calls`.
    pub unit: &'static str,
    /// How often, over all secrets.
    pub times: u64,
    /// On how many days, for the secret with the fewest and the one with the most.
    pub days: (u64, u64),
    /// When first, over all secrets.
    pub first: Timestamp,
    /// When last, over all secrets.
    pub last: Timestamp,
    /// How many secrets of the entry show it.
    pub secrets: usize,
    /// What else should be known.
    pub remark: Option<String>,
}

impl Evidence {
    /// Of one secret.
    pub fn of(unit: &'static str, seen: Seen) -> Evidence {
        let (days, first, last) = ((seen.days, seen.days), seen.first, seen.last);
        Evidence { unit, times: seen.times, days, first, last, secrets: 1, remark: None }
    }

    fn join(&mut self, other: &Evidence) {
        self.times += other.times;
        self.days = (self.days.0.min(other.days.0), self.days.1.max(other.days.1));
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.secrets += other.secrets;
        if self.remark != other.remark {
            self.remark = self.remark.take().or_else(|| other.remark.clone());
        }
    }

    /// `412 reads on 26 to 31 days, 2026-10-12 to 2026-11-11`, and of how many of the entry's secrets.
    pub fn told(&self, members: usize) -> String {
        let days = match self.days {
            (1, 1) => "1 day".to_owned(),
            (least, most) if least == most => format!("{most} days"),
            (least, most) => format!("{least} to {most} days"),
        };
        let unit = if self.times == 1 { self.unit.trim_end_matches('s') } else { self.unit };
        let dates = match (date(self.first), date(self.last)) {
            (first, last) if first == last => first,
            (first, last) => format!("{first} to {last}"),
        };
        let of =
            if members > 1 { format!(", of {} of {members} secrets", self.secrets) } else { String::new() };
        let remark = self.remark.as_ref().map_or(String::new(), |remark| format!("; {remark}"));
        format!("{} {unit} on {days}, {dates}{of}{remark}", self.times)
    }
}

/// `2026-11-03`.
pub fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// Values of a list with their evidence.
pub type Named = BTreeMap<String, Evidence>;

/// A single value and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stated {
    /// As the policy writes it.
    pub value: String,
    /// Why.
    pub why: String,
}

/// The contract of one secret, or of a family of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contract {
    /// The account.
    pub account: String,
    /// What `match` says: a name, or a name family and `*`.
    pub matching: String,
    /// The secrets that it was drafted from.
    pub members: Vec<String>,
    /// Who reads.
    pub readers: Named,
    /// People who read in working hours.
    pub break_glass: Named,
    /// Who rotates.
    pub rotators: Named,
    /// Who manages.
    pub admins: Named,
    /// From tags.
    pub owner: Option<Stated>,
    /// From tags.
    pub sensitivity: Option<Stated>,
    /// From tags.
    pub kind: Option<Stated>,
    /// From the schedule, or from what was done.
    pub rotate_every: Option<Stated>,
    /// Where it is replicated.
    pub replica_regions: Vec<Stated>,
    /// Through which endpoints all of its reads come.
    pub vpc_endpoints: Named,
    /// What is in no list, and why.
    pub left_out: Vec<String>,
}

impl Contract {
    /// Of one secret, empty.
    pub fn of(secret: &SecretKey) -> Contract {
        let (account, name) = secret.clone();
        Contract { account, matching: name.clone(), members: vec![name], ..Contract::default() }
    }

    /// Whether it declares anything.
    pub fn says_something(&self) -> bool {
        let lists = [&self.readers, &self.break_glass, &self.rotators, &self.admins];
        lists.iter().any(|list| !list.is_empty())
            || self.owner.is_some()
            || self.sensitivity.is_some()
            || self.kind.is_some()
            || self.rotate_every.is_some()
            || !self.replica_regions.is_empty()
    }

    /// The part of the name up to its last slash: what a family has in common. Empty where there is no slash.
    pub fn prefix(&self) -> &str {
        self.matching.rfind('/').map_or("", |slash| &self.matching[..=slash])
    }

    /// Takes another secret of the family in. What only some of them show is kept where it grants little, and else
    /// left out with a remark.
    pub fn take_in(&mut self, other: &Contract) {
        self.members.extend(other.members.iter().cloned());
        for (mine, theirs) in [
            (&mut self.readers, &other.readers),
            (&mut self.break_glass, &other.break_glass),
            (&mut self.rotators, &other.rotators),
            (&mut self.admins, &other.admins),
        ] {
            join(mine, theirs);
        }
        let name = other.members.first().cloned().unwrap_or_default();
        for (what, mine, theirs) in [
            ("type", &mut self.kind, &other.kind),
            ("sensitivity", &mut self.sensitivity, &other.sensitivity),
        ] {
            let value = |stated: &Option<Stated>| stated.as_ref().map(|stated| stated.value.clone());
            if value(mine) != value(theirs) {
                self.left_out.push(format!("{what}: not the same for all; {name} differs"));
                *mine = None;
            }
        }
        if self.vpc_endpoints.keys().eq(other.vpc_endpoints.keys()) {
            join(&mut self.vpc_endpoints, &other.vpc_endpoints);
        } else {
            self.left_out.push(format!("vpc_endpoints: not the same for all; {name} differs"));
            self.vpc_endpoints.clear();
        }
        for region in &other.replica_regions {
            if !self.replica_regions.iter().any(|known| known.value == region.value) {
                self.replica_regions.push(region.clone());
            }
        }
        self.replica_regions.sort();
        self.left_out.extend(other.left_out.iter().cloned());
    }
}

fn join(mine: &mut Named, theirs: &Named) {
    for (name, evidence) in theirs {
        match mine.get_mut(name) {
            Some(known) => known.join(evidence),
            None => {
                mine.insert(name.clone(), evidence.clone());
            }
        }
    }
}
