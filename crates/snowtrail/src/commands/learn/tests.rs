//! From counts to a text that the policy's parser takes, without a lake.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use snowtrail_model::Policy;

use super::history::{History, PersonRead, PrincipalFacts, ReadFacts, SecretFacts, SecretKey, Seen, Span};
use super::{hours, judge, write};

const ACCOUNT: &str = "111122223333";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn seen(times: u64, days: u64) -> Seen {
    Seen { times, days, first: at("2026-10-12T00:00:00Z"), last: at("2026-11-11T00:00:00Z") }
}

fn role(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

fn secret(name: &str) -> SecretKey {
    (ACCOUNT.to_owned(), name.to_owned())
}

/// Two services' secrets, each read by its role, and a person's role.
fn history() -> History {
    let mut history = History { events: 100, findings: 1, ..History::default() };
    history.accounts.insert(ACCOUNT.to_owned(), seen(100, 30));
    history.regions.insert("us-west-2".to_owned(), seen(100, 30));
    history.regions.insert("us-east-1".to_owned(), seen(1, 1));
    for name in ["prod/a/x", "prod/a/y"] {
        read(
            &mut history,
            name,
            &role("A"),
            "workload",
            ReadFacts { seen: seen(50, 30), ..ReadFacts::default() },
        );
    }
    history
}

fn read(history: &mut History, name: &str, principal: &str, kind: &str, facts: ReadFacts) {
    history.secrets.insert(secret(name), vec![SecretFacts::default()]);
    let principal_facts = PrincipalFacts {
        kind: kind.to_owned(),
        account: principal.split(':').nth(4).map(str::to_owned),
        seen: facts.seen,
        ..PrincipalFacts::default()
    };
    history.principals.insert(principal.to_owned(), principal_facts);
    history.reads.insert((secret(name), principal.to_owned()), facts);
}

fn drafted(history: &History) -> (String, Policy) {
    let hours = hours::guess(&history.people_slots, Some("UTC"));
    let draft = judge::judge(history, hours.as_ref().ok(), 2);
    let span = Span { from: at("2026-10-12T00:00:00Z"), to: at("2026-11-11T00:00:00Z") };
    let text = write::text(&write::Written {
        draft: &draft,
        history,
        hours: &hours,
        span,
        min_days: 2,
        has_organization: false,
    });
    let policy = Policy::parse(&text, "draft", &[]).unwrap_or_else(|error| panic!("{error}\n{text}"));
    (text, policy)
}

fn readers(policy: &Policy, name: &str) -> Option<Vec<String>> {
    let (_, entry) = policy.entry_for(ACCOUNT, "us-west-2", name, &[])?;
    Some(entry.readers.as_ref()?.iter().map(|glob| glob.as_str().to_owned()).collect())
}

#[test]
fn a_family_with_the_same_readers_is_one_entry_with_its_counts() {
    let (text, policy) = drafted(&history());
    assert_eq!(policy.secrets.len(), 1, "{text}");
    assert_eq!(readers(&policy, "prod/a/new").unwrap(), [role("A")]);
    assert!(text.contains("100 reads on 30 days, 2026-10-12 to 2026-11-11, of 2 of 2 secrets"), "{text}");
    assert_eq!(policy.organization.regions, ["us-west-2"]);
    assert!(text.contains("# left out: region us-east-1: only 1 event on 1 day"), "{text}");
}

#[test]
fn what_is_thin_doubted_denied_or_foreign_is_left_out_with_the_reason() {
    let mut history = history();
    let once = ReadFacts { seen: seen(1, 1), ..ReadFacts::default() };
    read(&mut history, "prod/a/x", &role("Once"), "workload", once);
    let doubted = ReadFacts { seen: seen(0, 0), doubted: 9, ..ReadFacts::default() };
    read(&mut history, "prod/a/x", &role("Thief"), "workload", doubted);
    let foreign = "arn:aws:iam::999988887777:role/Foreign";
    read(
        &mut history,
        "prod/a/x",
        foreign,
        "workload",
        ReadFacts { seen: seen(9, 9), ..ReadFacts::default() },
    );
    history.denied.insert((secret("prod/a/x"), role("Denied")), seen(17, 1));
    let (text, policy) = drafted(&history);
    assert_eq!(readers(&policy, "prod/a/x").unwrap(), [role("A")]);
    for why in
        ["seen once; 1 read on 1 day", "open findings ask about all", "whose trail is not here", "denied, 17"]
    {
        assert!(text.contains(why), "no `{why}` in\n{text}");
    }
}

#[test]
fn people_break_glass_by_day_and_are_suspicious_by_night() {
    let mut history = history();
    let person =
        "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Dev_0123456789abcdef";
    let monday = at("2026-11-02T09:00:00Z");
    let hour = |n: i64| monday + SignedDuration::from_hours(n);
    let working = |day: i64| (0..8).map(move |n| (person.to_owned(), hour(24 * day + n)));
    history.people_slots = (0..5).flat_map(working).collect();
    for (name, hours) in [("prod/a/x", [0, 24]), ("prod/a/y", [14, 38])] {
        read(&mut history, name, person, "human", ReadFacts { seen: seen(2, 2), ..ReadFacts::default() });
        let reads = hours.map(|n| PersonRead { slot: hour(n), reads: 1 });
        history.person_reads.insert((secret(name), person.to_owned()), reads.to_vec());
    }
    let (text, policy) = drafted(&history);
    let entry = |name: &str| policy.entry_for(ACCOUNT, "us-west-2", name, &[]).unwrap().1.break_glass.len();
    assert_eq!((entry("prod/a/x"), entry("prod/a/y")), (1, 0), "{text}");
    assert!(text.contains("suspicious, a person off hours (2 of the reads)"), "{text}");
    assert!(
        text.contains(r#"business_hours = { days = "mon-fri", from = "09:00", to = "17:00" }"#),
        "{text}"
    );
}

#[test]
fn a_name_cannot_write_a_line_of_the_policy() {
    let mut history = history();
    let evil = "arn:aws:iam::111122223333:role/x\"\n[[secrets]]\nmatch = \"*\"\nreaders = [\"*\"]\n#";
    read(&mut history, "prod/a/x", evil, "workload", ReadFacts { seen: seen(9, 9), ..ReadFacts::default() });
    history.denied.insert((secret("prod/a/y"), "\n[trail]\nheartbeat = \"1000d\"".to_owned()), seen(2, 2));
    let hostile = vec![("Owner".to_owned(), "me\"\nreaders = []\n\u{1b}[2J".to_owned())];
    history.tags = BTreeMap::from([(secret("prod/a/x"), hostile)]);
    let (text, policy) = drafted(&history);
    assert!(policy.trail.heartbeat.is_none() && readers(&policy, "other").is_none(), "{text}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    assert!(text.lines().all(|line| line != "readers = []"), "{text}");
}

#[test]
fn rotations_and_replicas_are_drafted() {
    let mut history = history();
    let places = history.secrets.get_mut(&secret("prod/a/x")).unwrap();
    places[0].replica_regions = vec!["us-east-1".to_owned()];
    places[0].rotation_on = Some(true);
    places[0].rotation_schedule = Some("rate(30 days)".to_owned());
    history.workers.insert((secret("prod/a/x"), role("Rotator")), (seen(2, 2), 1));
    history.workers.insert((secret("prod/a/y"), role("Failing")), (seen(2, 2), 0));
    let (text, policy) = drafted(&history);
    let (_, entry) = policy.entry_for(ACCOUNT, "us-west-2", "prod/a/x", &[]).unwrap();
    assert_eq!(entry.rotators.len(), 1, "{text}");
    assert_eq!(entry.rotate_every, Some(SignedDuration::from_hours(30 * 24)));
    assert_eq!(entry.replica_regions, ["us-east-1"]);
    assert!(text.contains("1 of them succeeded") && text.contains("none of its 2 rotations"), "{text}");
}
