//! From counts to contracts: what is seen often enough, by whom, and not in doubt. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use snowtrail_model::Policy;

use super::contract::{Contract, Evidence, Stated, date};
use super::families;
use super::history::{History, SecretFacts, SecretKey, Seen};
use super::hours::Hours;
use super::tags;

/// Reads that an endpoint must have carried before it is declared.
const ENDPOINT_READS_MIN: u64 = 10;
/// Successful rotations whose distances make a rhythm where no schedule was seen.
const ROTATIONS_MIN: usize = 3;

/// A draft of a policy.
#[derive(Debug, Default)]
pub struct Draft {
    /// Accounts with evidence.
    pub accounts: BTreeMap<String, Evidence>,
    /// Regions with evidence.
    pub regions: BTreeMap<String, Evidence>,
    /// Persons that the views do not know by themselves.
    pub humans: BTreeMap<String, Evidence>,
    /// Entries, in the order of the file.
    pub contracts: Vec<Contract>,
    /// Secrets in no entry, and why.
    pub without: Vec<String>,
    /// What is left out of `[organization]` and `[[humans]]`, and why.
    pub left_out: Vec<String>,
}

/// Judges. `hours` are the working hours, if any were found.
pub fn judge(history: &History, hours: Option<&Hours>, min_days: u64) -> Draft {
    let mut draft = Draft::default();
    organization(history, min_days, &mut draft);
    people(history, min_days, &mut draft);
    let judging = Judging { history, hours, min_days, accounts: &draft.accounts };
    let mut contracts = Vec::new();
    let mut all = BTreeSet::new();
    for (secret, regions) in &history.secrets {
        if history.declared.contains(secret) {
            continue;
        }
        if let Some(gone) = regions.iter().filter_map(|region| region.deleted_at).max() {
            draft.without.push(format!("{}: deleted, as of {}", secret.1, date(gone)));
            continue;
        }
        if !can_be_declared(secret) {
            draft.without.push(format!("{}: a pattern cannot name exactly this secret", secret.1));
            continue;
        }
        all.insert(secret.clone());
        let contract = judging.contract(secret);
        if contract.says_something() {
            contracts.push(contract);
        } else {
            let why = contract.left_out.join("; ");
            let why = if why.is_empty() { "nobody read or changed it".to_owned() } else { why };
            draft.without.push(format!("{} ({}): {why}", secret.1, secret.0));
        }
    }
    draft.contracts = families::fold(contracts, &all);
    draft
}

fn organization(history: &History, min_days: u64, draft: &mut Draft) {
    for (seen_at, kept, what) in [
        (&history.accounts, &mut draft.accounts, "account"),
        (&history.regions, &mut draft.regions, "region"),
    ] {
        for (name, seen) in seen_at {
            let evidence = Evidence::of("events", *seen);
            let is_shaped = accepts(&format!("[organization]\n{what}s = [{}]\n", quoted(name)));
            match seen.days >= min_days && is_shaped {
                true => drop(kept.insert(name.clone(), evidence)),
                false => draft.left_out.push(format!("{what} {name}: only {}", evidence.told(1))),
            }
        }
    }
}

fn people(history: &History, min_days: u64, draft: &mut Draft) {
    for (principal, facts) in history.principals.iter().filter(|(_, facts)| facts.looks_human()) {
        let mut evidence = Evidence::of("actions", facts.seen);
        evidence.remark =
            Some(format!("{} from the console, {} with a second factor", facts.console, facts.mfa));
        match facts.seen.days >= min_days && is_principal(principal) {
            true => drop(draft.humans.insert(principal.clone(), evidence)),
            false => draft.left_out.push(format!("person {principal}: only {}", evidence.told(1))),
        }
    }
}

/// What secrets are judged with.
struct Judging<'h> {
    history: &'h History,
    hours: Option<&'h Hours>,
    min_days: u64,
    accounts: &'h BTreeMap<String, Evidence>,
}

impl Judging<'_> {
    fn contract(&self, secret: &SecretKey) -> Contract {
        let mut contract = Contract::of(secret);
        self.rotators(secret, &mut contract);
        self.readers(secret, &mut contract);
        self.refused(secret, &mut contract);
        self.admins(secret, &mut contract);
        self.endpoints(secret, &mut contract);
        self.life(secret, &mut contract);
        tags::state(self.history.tags.get(secret).map(Vec::as_slice).unwrap_or_default(), &mut contract);
        contract
    }

    fn rotators(&self, secret: &SecretKey, contract: &mut Contract) {
        for ((_, worker), (seen, succeeded)) in of(&self.history.workers, secret) {
            let mut evidence = Evidence::of("rotations", *seen);
            if *succeeded > 0 && is_principal(worker) {
                evidence.remark = (*succeeded < seen.times).then(|| format!("{succeeded} of them succeeded"));
                contract.rotators.insert(worker.clone(), evidence);
            } else {
                let why = format!("rotator {worker}: none of its {} succeeded", evidence.told(1));
                contract.left_out.push(why);
            }
        }
    }

    fn readers(&self, secret: &SecretKey, contract: &mut Contract) {
        for ((_, principal), facts) in of(&self.history.reads, secret) {
            if contract.rotators.contains_key(principal) {
                continue;
            }
            let mut evidence = Evidence::of("reads", facts.seen);
            let doubted = format!("{} more within findings do not count", facts.doubted);
            evidence.remark = (facts.doubted > 0).then_some(doubted);
            match self.objection(secret, principal, &evidence) {
                Some(why) => contract.left_out.push(format!("reader {principal}: {why}")),
                None if self.history.is_person(principal) => {
                    let daily = "a person; to readers, if this is daily work";
                    let more = evidence.remark.take();
                    evidence.remark = Some(more.map_or(daily.to_owned(), |more| format!("{daily}; {more}")));
                    drop(contract.break_glass.insert(principal.clone(), evidence));
                }
                None => drop(contract.readers.insert(principal.clone(), evidence)),
            }
        }
    }

    /// Why a principal's reads make it no reader.
    fn objection(&self, secret: &SecretKey, principal: &str, evidence: &Evidence) -> Option<String> {
        if !is_principal(principal) {
            return Some(format!("no pattern can name it; {}", evidence.told(1)));
        }
        if evidence.times == 0 {
            return Some(format!(
                "suspicious, open findings ask about all of its reads on {}",
                date(evidence.first)
            ));
        }
        let account = self.history.principals.get(principal).and_then(|facts| facts.account.as_deref());
        if let Some(foreign) = account.filter(|account| !self.accounts.contains_key(*account)) {
            return Some(format!(
                "suspicious, of account {foreign}, whose trail is not here; {}",
                evidence.told(1)
            ));
        }
        if self.history.is_person(principal) {
            let (off, days) = self.off_hours(secret, principal);
            if off > 0 && days < self.min_days {
                return Some(format!(
                    "suspicious, a person off hours ({off} of the reads); {}",
                    evidence.told(1)
                ));
            }
            return (days < self.min_days).then(|| format!("too thin, a person; {}", evidence.told(1)));
        }
        let once = if evidence.times == 1 { "seen once" } else { "seen only on few days" };
        (evidence.days.0 < self.min_days).then(|| format!("too thin, {once}; {}", evidence.told(1)))
    }

    /// A person's reads outside working hours, and the days with reads within. Without hours all is within.
    fn off_hours(&self, secret: &SecretKey, principal: &str) -> (u64, u64) {
        let reads = self.history.person_reads.get(&(secret.clone(), principal.to_owned()));
        let (mut off, mut days) = (0, BTreeSet::new());
        for read in reads.into_iter().flatten() {
            if self.hours.is_none_or(|hours| hours.hold(read.slot)) {
                days.insert(date(read.slot));
            } else {
                off += read.reads;
            }
        }
        (off, days.len() as u64)
    }

    fn refused(&self, secret: &SecretKey, contract: &mut Contract) {
        for ((_, principal), seen) in of(&self.history.denied, secret) {
            if !contract.readers.contains_key(principal) && !contract.break_glass.contains_key(principal) {
                let told = Evidence::of("refusals", *seen).told(1);
                contract.left_out.push(format!("reader {principal}: denied, {told}"));
            }
        }
    }

    fn admins(&self, secret: &SecretKey, contract: &mut Contract) {
        for ((_, principal), (seen, calls)) in of(&self.history.writes, secret) {
            if contract.rotators.contains_key(principal) {
                continue;
            }
            let mut evidence = Evidence::of("changes", *seen);
            let days = self.history.principals.get(principal).map_or(0, |facts| facts.write_days);
            // One secret is rarely changed twice; whoever changes secrets on several days manages secrets.
            if days >= self.min_days && is_principal(principal) {
                evidence.remark = Some(format!("{calls}; changes secrets on {days} days"));
                contract.admins.insert(principal.clone(), evidence);
            } else {
                let told = evidence.told(1);
                contract.left_out.push(format!("admin {principal}: too thin, {told} ({calls})"));
            }
        }
    }

    fn endpoints(&self, secret: &SecretKey, contract: &mut Contract) {
        let mut endpoints = BTreeMap::<String, Seen>::new();
        let mut reads = 0;
        for ((_, principal), facts) in of(&self.history.reads, secret) {
            if !contract.readers.contains_key(principal) && !contract.break_glass.contains_key(principal) {
                continue;
            }
            reads += facts.seen.times;
            for (endpoint, seen) in &facts.endpoints {
                let known = endpoints.entry(endpoint.clone()).or_insert(Seen { times: 0, ..*seen });
                *known = Seen {
                    times: known.times + seen.times,
                    days: known.days.max(seen.days),
                    first: known.first.min(seen.first),
                    last: known.last.max(seen.last),
                };
            }
        }
        let through = endpoints.values().map(|seen| seen.times).sum::<u64>();
        if through == 0 {
            return;
        }
        let is_firm = |(id, seen): (&String, &Seen)| {
            let entry = format!("[[secrets]]\nmatch = \"a\"\nvpc_endpoints = [{}]\n", quoted(id));
            seen.times >= ENDPOINT_READS_MIN && seen.days >= self.min_days && accepts(&entry)
        };
        if through == reads && endpoints.iter().all(is_firm) {
            let evidence = endpoints.into_iter().map(|(id, seen)| (id, Evidence::of("reads", seen)));
            contract.vpc_endpoints = evidence.collect();
        } else {
            let ids = endpoints.keys().cloned().collect::<Vec<_>>().join(", ");
            let why =
                format!("vpc_endpoints: {through} of {reads} reads came through {ids}, too few or not all");
            contract.left_out.push(why);
        }
    }

    fn life(&self, secret: &SecretKey, contract: &mut Contract) {
        let regions = self.history.secrets.get(secret).map(Vec::as_slice).unwrap_or_default();
        for (region, why) in replicas(regions) {
            let entry = format!("[[secrets]]\nmatch = \"a\"\nreplica_regions = [{}]\n", quoted(&region));
            if accepts(&entry) {
                contract.replica_regions.push(Stated { value: region, why });
            }
        }
        contract.replica_regions.sort();
        let is_off = regions.iter().any(|place| place.rotation_on == Some(false));
        let set = regions.iter().find_map(|place| {
            let days =
                place.rotation_days.map(|days| (format!("{days}d"), format!("its schedule: {days} days")));
            days.or_else(|| {
                let schedule = place.rotation_schedule.as_deref()?;
                Some((rate(schedule)?, format!("its schedule: {schedule}")))
            })
        });
        let stated = set.or_else(|| self.rhythm(secret)).map(|(value, why)| Stated { value, why });
        match stated {
            Some(_) if is_off => contract.left_out.push("rotate_every: rotation was turned off".to_owned()),
            stated => contract.rotate_every = stated,
        }
    }

    /// The longest time between two successful rotations, in whole days, where there were enough of them.
    fn rhythm(&self, secret: &SecretKey) -> Option<(String, String)> {
        let mut at = self.history.rotated_at.get(secret).filter(|at| at.len() >= ROTATIONS_MIN)?.clone();
        at.sort();
        let longest = at.windows(2).map(|pair| pair[1].duration_since(pair[0])).max()?;
        let day = SignedDuration::from_hours(24).as_secs();
        let days = (longest.as_secs() + day - 1) / day;
        (days > 0)
            .then(|| (format!("{days}d"), format!("no schedule seen; the longest of {} gaps", at.len() - 1)))
    }
}

/// Regions of a secret's replicas: those that a call named, and those in which the same ARN shows up. Where no call
/// named any, the region with the most reads is taken for the primary's.
fn replicas(regions: &[SecretFacts]) -> BTreeMap<String, String> {
    let called = regions.iter().flat_map(|place| &place.replica_regions);
    let mut replicas: BTreeMap<String, String> =
        called.map(|region| (region.clone(), "a call replicated it there".to_owned())).collect();
    let primary = regions
        .iter()
        .filter(|place| !replicas.contains_key(&place.region))
        .max_by(|a, b| a.reads.cmp(&b.reads).then_with(|| b.region.cmp(&a.region)));
    let Some(primary) = primary.filter(|place| place.suffix.is_some()) else { return replicas };
    for place in
        regions.iter().filter(|place| place.region != primary.region && place.suffix == primary.suffix)
    {
        let why = format!("seen there under the same ARN; the primary seems to be in {}", primary.region);
        replicas.entry(place.region.clone()).or_insert(why);
    }
    replicas
}

fn of<'m, V>(
    map: &'m BTreeMap<(SecretKey, String), V>,
    secret: &SecretKey,
) -> impl Iterator<Item = (&'m (SecretKey, String), &'m V)> {
    map.range((secret.clone(), String::new())..).take_while({
        let secret = secret.clone();
        move |((of, _), _)| *of == secret
    })
}

/// `rate(30 days)` as a duration of the policy; none for cron expressions, whose rhythm only shows in what happens.
fn rate(schedule: &str) -> Option<String> {
    let (number, unit) = schedule.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let number: u32 = number.parse().ok().filter(|n| *n > 0)?;
    match unit {
        "day" | "days" => Some(format!("{number}d")),
        "hour" | "hours" => Some(format!("{number}h")),
        _ => None,
    }
}

/// Whether the policy can speak of exactly this secret.
fn can_be_declared((account, name): &SecretKey) -> bool {
    let entry = format!("[[secrets]]\nmatch = {}\naccounts = [{}]\n", quoted(name), quoted(account));
    !name.contains(['*', '?']) && accepts(&entry)
}

fn is_principal(principal: &str) -> bool {
    !principal.contains(['*', '?']) && accepts(&format!("[[humans]]\nprincipals = [{}]\n", quoted(principal)))
}

/// Whether the policy's own parser takes it: shapes are its business, and a draft that it refuses helps nobody.
fn accepts(policy: &str) -> bool {
    Policy::parse(policy, "draft", &[]).is_ok()
}

/// A text as TOML writes it: on one line, and with nothing in it that a terminal would obey or hide.
pub fn quoted(text: &str) -> String {
    let mut written = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => written.extend(['\\', c]),
            c if c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric() => written.push(c),
            c => written.push_str(&format!("\\U{:08X}", u32::from(c))),
        }
    }
    written.push('"');
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_texts_are_read_back_and_keep_to_their_line() {
        for text in ["", "prod/a", "a\"b\\c", "line\nbreak\u{1b}[2J\u{7f}", "Zoë\u{202e}\u{1f600}"] {
            let line = format!("value = {}", quoted(text));
            assert!(!line.chars().any(char::is_control), "{line:?}");
            let table: toml::Table = line.parse().unwrap();
            assert_eq!(table["value"].as_str(), Some(text));
        }
    }

    #[test]
    fn rates_are_durations_and_cron_is_none() {
        let rates = [
            "rate(30 days)",
            "rate(1 day)",
            "rate(12 hours)",
            "rate(0 days)",
            "cron(0 8 1 * ? *)",
            "rate(x)",
        ];
        let read = rates.map(|text| rate(text).unwrap_or_default());
        assert_eq!(read, ["30d", "1d", "12h", "", "", ""]);
    }
}
