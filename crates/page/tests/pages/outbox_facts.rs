//! Crashes between planning, sending and recording: one dedupe key is repeated at most, whatever arrives meanwhile.

use crate::sample::{NOW, at, lone, over, policy, reminding, spike, texts};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use snowtrail_model::{Finding, FindingState, Policy, Severity};
use snowtrail_page::{
    Fold, FoldInputs, Ledger, MessageFormat, Page, PageKind, PageRecord, PageState, PublishTarget,
    SecretTags, Traces, fold,
};
use std::collections::{BTreeMap, BTreeSet};

const TOPIC: &str = "arn:aws:sns:us-west-2:111122223333:checkout-oncall";

fn target(page: &Page) -> PublishTarget {
    page.route.clone().unwrap_or(PublishTarget::Stdout)
}

#[test]
fn a_planned_page_is_resumed_under_its_key_with_what_is_known_by_then() {
    let page = crate::sample::folded(&[spike()], &Ledger::default()).pages.remove(0);
    let planned = page.planned(&target(&page), at(NOW));
    let ledger = Ledger::new([planned.clone()]);
    assert_eq!(ledger.unsent(), [&planned]);
    let same = Page::from_record(&planned, &[spike()], &policy(), &ledger);
    assert_eq!(same, page);
    let later = [spike(), over(spike(), "2026-11-20T12:06:00Z"), lone("off-hours-read", 1)];
    let resumed = Page::from_record(&planned, &later, &policy(), &ledger);
    let sent = resumed.sent(&target(&resumed), at("2026-11-20T13:00:00Z"));
    assert_eq!((&sent.dedupe_key, &sent.finding_keys), (&planned.dedupe_key, &planned.finding_keys));
    assert_eq!(sent.resolved_keys, sent.finding_keys);
    // The page said that it is over, so no second one does.
    let ledger = Ledger::new([sent, planned]);
    assert_eq!(ledger.unsent(), Vec::<&PageRecord>::new());
    assert_eq!(crate::sample::folded(&later[1..2], &ledger).pages, []);
}

#[test]
fn a_finding_withdrawn_before_its_page_could_be_sent_says_so() {
    let page = crate::sample::folded(&[spike()], &Ledger::default()).pages.remove(0);
    let planned = page.planned(&target(&page), at(NOW));
    let ledger = Ledger::new([planned.clone()]);
    let gone = Finding { state: FindingState::Withdrawn, revision: 2, ..spike() };
    let resumed = Page::from_record(&planned, &[gone], &policy(), &ledger);
    insta::assert_snapshot!(texts(&Fold { pages: vec![resumed], recorded: vec![] }));
}

#[test]
fn a_page_whose_findings_are_lost_is_sent_all_the_same() {
    let page = crate::sample::folded(&[spike()], &Ledger::default()).pages.remove(0);
    let planned = page.planned(&target(&page), at(NOW));
    let resumed = Page::from_record(&planned, &[], &policy(), &Ledger::new([planned.clone()]));
    assert_eq!(resumed.sent(&target(&resumed), at(NOW)).finding_keys, planned.finding_keys);
    insta::assert_snapshot!(texts(&Fold { pages: vec![resumed], recorded: vec![] }));
    let empty = PageRecord { finding_keys: vec![], subject: "\n\u{7}".to_owned(), ..planned };
    let resumed = Page::from_record(&empty, &[], &policy(), &Ledger::default());
    assert_eq!((resumed.subject.as_str(), resumed.findings.len()), ("??", 1));
}

#[test]
fn a_resumed_page_goes_where_a_route_still_leads_and_else_where_the_command_says() {
    let page = crate::sample::folded(&[spike()], &Ledger::default()).pages.remove(0);
    let planned = page.planned(&target(&page), at(NOW));
    let route = |target: &str| {
        let record = PageRecord { target: target.to_owned(), ..planned.clone() };
        Page::from_record(&record, &[spike()], &policy(), &Ledger::default()).route
    };
    assert_eq!(route(TOPIC), Some(PublishTarget::Topic(TOPIC.to_owned())));
    assert_eq!(route("arn:aws:sns:us-west-2:111122223333:closed-down"), None);
    assert_eq!(route("stdout:"), None);
}

#[test]
fn rows_of_older_lakes_and_of_later_versions_are_what_people_know() {
    let page = crate::sample::folded(&[spike()], &Ledger::default()).pages.remove(0);
    let sent = PageRecord { kind: "shouted".to_owned(), ..page.sent(&PublishTarget::Stdout, at(NOW)) };
    let ledger = Ledger::new([sent]);
    assert_eq!(ledger.unsent(), Vec::<&PageRecord>::new());
    assert_eq!(crate::sample::folded(&[spike()], &ledger).pages, []);
}

#[test]
fn planning_times_rise_though_clocks_do_not() {
    let page = crate::sample::folded(&[spike()], &Ledger::default()).pages.remove(0);
    let mut ledger = Ledger::default();
    assert_eq!(ledger.planning_time(at(NOW)), at(NOW));
    ledger.record(&page.planned(&PublishTarget::Stdout, at(NOW)));
    assert_eq!(ledger.planning_time(at("2026-11-20T11:00:00Z")), at("2026-11-20T12:05:00.000001Z"));
}

#[test]
fn a_route_may_ask_for_another_form() {
    let text = format!(
        "[pages]\nformat = \"json\"\n[[routes]]\nmin_severity = \"high\"\npublish = \"{TOPIC}\"\nformat = \"chat\"\n"
    );
    let policy = Policy::parse(&text, "policy.toml", &[]).unwrap();
    let tags = SecretTags::new();
    let inputs = FoldInputs {
        policy: &policy,
        tags: &tags,
        now: at(NOW),
        already: &Ledger::default(),
        traces: &Traces::default(),
    };
    let formats = fold(&[spike(), lone("off-hours-read", 1)], &inputs).pages;
    let formats = formats.iter().map(|page| page.format).collect::<Vec<_>>();
    assert_eq!(formats, [MessageFormat::Chat, MessageFormat::Json]);
}

/// What happens in the world between two runs of the pager.
#[derive(Debug, Clone)]
enum Step {
    Changes {
        finding: usize,
        severity: usize,
        open: bool,
        over: bool,
    },
    /// Minutes; negative where a clock is put back.
    Passes(i64),
    /// A run that is killed after so many effects.
    Runs {
        effects: usize,
    },
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0usize..7, 0usize..5, prop::bool::weighted(0.8), prop::bool::weighted(0.3))
            .prop_map(|(finding, severity, open, over)| Step::Changes { finding, severity, open, over }),
        2 => (-60i64..900).prop_map(Step::Passes),
        4 => (0usize..9).prop_map(|effects| Step::Runs { effects }),
    ]
}

/// A lake, a pager that dies, and people who write down what they hear.
struct World {
    policy: Policy,
    now: Timestamp,
    findings: BTreeMap<String, Finding>,
    rows: Vec<PageRecord>,
    heard: Vec<PageRecord>,
    effects_left: usize,
}

/// The pager was killed.
struct Killed;

impl World {
    fn change(&mut self, n: usize, severity: usize, is_open: bool, is_over: bool) {
        // The first two are one story, the others stand alone.
        let base =
            if n < 2 { Finding { key: format!("spike:{n}"), ..spike() } } else { lone("off-hours-read", n) };
        let revision = self.findings.get(&base.key).map_or(1, |known| known.revision + 1);
        let state = if is_open { FindingState::Open } else { FindingState::Withdrawn };
        let finding =
            Finding { severity: Severity::ALL[severity], state, revision, found_at: self.now, ..base };
        let over_at = "2026-11-20T12:30:00Z";
        let finding = if is_over { Finding { revision, ..over(finding, over_at) } } else { finding };
        self.findings.insert(finding.key.clone(), finding);
    }

    /// Every effect may be the last.
    fn effect(&mut self) -> Result<(), Killed> {
        self.effects_left = self.effects_left.checked_sub(1).ok_or(Killed)?;
        Ok(())
    }

    fn run(&mut self) -> Result<(), Killed> {
        // The lake gives its rows in any order.
        let ledger = Ledger::new(self.rows.iter().rev().cloned());
        let findings = self.findings.values().cloned().collect::<Vec<_>>();
        for record in ledger.unsent() {
            self.send(&Page::from_record(record, &findings, &self.policy, &ledger))?;
        }
        let ledger = Ledger::new(self.rows.iter().cloned());
        assert_eq!(ledger.unsent(), Vec::<&PageRecord>::new());
        let (policy, tags) = (self.policy.clone(), SecretTags::new());
        let inputs = FoldInputs {
            policy: &policy,
            tags: &tags,
            now: self.now,
            already: &ledger,
            traces: &Traces::default(),
        };
        let pages = fold(&findings, &inputs).pages;
        self.effect()?;
        let at = ledger.planning_time(self.now);
        self.rows.extend(pages.iter().map(|page| page.planned(&target(page), at)));
        pages.iter().try_for_each(|page| self.send(page))
    }

    fn send(&mut self, page: &Page) -> Result<(), Killed> {
        let row = page.sent(&target(page), self.now);
        self.effect()?;
        self.heard.push(row.clone());
        self.effect()?;
        self.rows.push(row);
        Ok(())
    }

    fn planned(&self) -> impl Iterator<Item = &PageRecord> {
        self.rows.iter().filter(|row| row.state == PageState::Planned)
    }

    /// What must hold whenever the pager stopped.
    fn check(&self) -> Result<(), TestCaseError> {
        let planned = self.planned().map(|row| (&row.dedupe_key, row)).collect::<BTreeMap<_, _>>();
        prop_assert_eq!(planned.len(), self.planned().count(), "a key was planned twice");
        for heard in &self.heard {
            let Some(row) = planned.get(&heard.dedupe_key) else {
                return Err(TestCaseError::fail("a page was sent that was not planned"));
            };
            let told = |row: &PageRecord| {
                (row.kind.clone(), row.severity, row.subject.clone(), row.finding_keys.clone())
            };
            prop_assert_eq!(told(heard), told(row));
        }
        self.check_news()
    }

    /// Nobody is told what is planned already: severity rises within an opening, reminders count up, an end follows
    /// something that was not over.
    fn check_news(&self) -> Result<(), TestCaseError> {
        let mut known = BTreeMap::<&str, (Option<Severity>, u32)>::new();
        for row in self.planned() {
            for key in &row.finding_keys {
                let (severity, reminders) = known.entry(key).or_default();
                match row.page_kind() {
                    PageKind::Withdrawn => {
                        prop_assert!(severity.is_some());
                        (*severity, *reminders) = (None, 0);
                    }
                    PageKind::Reminder(number) => {
                        prop_assert!(severity.is_some() && number == *reminders + 1 && number <= 2);
                        *reminders = number;
                    }
                    PageKind::Resolved => prop_assert!(severity.is_some()),
                    kind => {
                        prop_assert!(kind != PageKind::Opened || severity.is_none());
                        prop_assert!(*severity < Some(row.severity), "{} at {}", key, row.severity);
                        *severity = Some(row.severity);
                    }
                }
            }
        }
        Ok(())
    }

    /// After a run to its end, everybody has heard of everything that is to be heard of.
    fn check_told(&self) -> Result<(), TestCaseError> {
        let told = self.heard.iter().flat_map(|row| &row.finding_keys).collect::<BTreeSet<_>>();
        for finding in self.findings.values() {
            let is_loud = finding.state == FindingState::Open && finding.severity > Severity::Info;
            prop_assert!(!is_loud || told.contains(&finding.key), "nobody heard of {}", finding.key);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(256))]

    #[test]
    fn a_crash_repeats_one_dedupe_key_at_most_whatever_arrives(steps in proptest::collection::vec(any_step(), 1..40)) {
        let mut world = World {
            policy: reminding(),
            now: at(NOW),
            findings: BTreeMap::new(),
            rows: Vec::new(),
            heard: Vec::new(),
            effects_left: 0,
        };
        for step in steps {
            match step {
                Step::Changes { finding, severity, open, over } => world.change(finding, severity, open, over),
                Step::Passes(minutes) => world.now += SignedDuration::from_mins(minutes),
                Step::Runs { effects } => {
                    let (heard, recorded) = (world.heard.len(), world.rows.len());
                    world.effects_left = effects;
                    let was_killed = world.run().is_err();
                    let sent = world.rows[recorded..].iter().filter(|row| row.state == PageState::Sent).count();
                    // Of what was sent, all but the last is recorded.
                    prop_assert!(world.heard.len() - heard - sent <= usize::from(was_killed));
                    world.check()?;
                }
            }
        }
        world.effects_left = usize::MAX;
        prop_assert!(world.run().is_ok());
        world.check()?;
        world.check_told()?;
        let sent = world.rows.iter().filter(|row| row.state == PageState::Sent).map(|row| &row.dedupe_key);
        prop_assert_eq!(sent.collect::<BTreeSet<_>>().len(), world.planned().count());
        // With nothing new there is nothing to say.
        let before = world.heard.len();
        prop_assert!(world.run().is_ok());
        prop_assert_eq!(world.heard.len(), before);
    }
}
