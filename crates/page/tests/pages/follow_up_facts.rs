//! What people hear after the first page: reminders, ends, and that nothing is told twice.

use crate::sample::{NOW, at, lone, over, reminding, rendered, spike, texts};
use jiff::Timestamp;
use snowtrail_model::{Finding, FindingState, Policy, Severity};
use snowtrail_page::{
    Fold, FoldInputs, Ledger, MessageFormat, Page, PageKind, PublishTarget, SecretTags, Traces, WhyRecorded,
    fold,
};

/// People who are told things, and a clock.
struct Story {
    policy: Policy,
    ledger: Ledger,
    traces: Traces,
}

impl Story {
    fn new() -> Story {
        Story { policy: reminding(), ledger: Ledger::default(), traces: Traces::default() }
    }

    fn fold(&self, findings: &[Finding], now: Timestamp) -> Fold {
        let tags = SecretTags::new();
        fold(
            findings,
            &FoldInputs {
                policy: &self.policy,
                tags: &tags,
                now,
                already: &self.ledger,
                traces: &self.traces,
            },
        )
    }

    /// Folds, plans, sends.
    fn tick(&mut self, findings: &[Finding], now: &str) -> Vec<Page> {
        findings.iter().for_each(|finding| self.traces.note(finding));
        let pages = self.fold(findings, at(now)).pages;
        for page in &pages {
            self.ledger.record(&page.planned(&PublishTarget::Stdout, self.ledger.planning_time(at(now))));
            self.ledger.record(&page.sent(&PublishTarget::Stdout, at(now)));
        }
        pages
    }

    fn kinds(&mut self, findings: &[Finding], now: &str) -> Vec<PageKind> {
        self.tick(findings, now).iter().map(|page| page.kind).collect()
    }
}

const OPENED: &str = "2026-11-20T12:05:00Z";

#[test]
fn what_stays_open_is_reminded_of_a_bounded_number_of_times() {
    let mut story = Story::new();
    let findings = [spike()];
    assert_eq!(story.kinds(&findings, OPENED), [PageKind::Opened]);
    assert_eq!(story.kinds(&findings, "2026-11-20T16:04:59Z"), []);
    assert_eq!(story.kinds(&findings, "2026-11-20T16:05:00Z"), [PageKind::Reminder(1)]);
    assert_eq!(story.kinds(&findings, "2026-11-20T20:04:59Z"), []);
    // A tick that comes days late reminds once.
    assert_eq!(story.kinds(&findings, "2026-11-23T00:00:00Z"), [PageKind::Reminder(2)]);
    assert_eq!(story.kinds(&findings, "2026-11-29T00:00:00Z"), []);
}

#[test]
fn a_reminder_stands_in_the_thread_of_the_page_that_opened() {
    let mut story = Story::new();
    let opened = story.tick(&[spike()], OPENED).remove(0);
    let reminder = story.fold(&[spike()], at("2026-11-20T16:05:00Z"));
    assert_eq!(reminder.pages[0].thread, opened.dedupe_key);
    assert_eq!(opened.thread, opened.dedupe_key);
    assert!(reminder.pages[0].dedupe_key.starts_with("reminder-1-"));
    insta::assert_snapshot!(texts(&reminder));
}

#[test]
fn findings_that_opened_together_are_followed_up_together_and_a_member_keeps_the_thread() {
    let mut story = Story::new();
    let storm = (0..6).map(|n| Finding { severity: Severity::High, ..lone("off-hours-read", n) });
    let storm = storm.collect::<Vec<_>>();
    let opened = story.tick(&storm, OPENED).remove(0);
    // Three are over: fewer than a storm, about different secrets, and still one page.
    let ended = storm.iter().take(3).map(|finding| over(finding.clone(), "2026-11-20T13:00:00Z"));
    let resolved = story.tick(&ended.collect::<Vec<_>>(), "2026-11-20T13:05:00Z");
    assert_eq!(resolved.len(), 1);
    assert_eq!((resolved[0].findings.len(), &resolved[0].thread), (3, &opened.dedupe_key));
}

#[test]
fn mild_silenced_and_disabled_findings_are_not_reminded_of() {
    let later = "2026-11-21T00:00:00Z";
    let mut story = Story::new();
    let medium = [Finding { severity: Severity::Medium, ..spike() }];
    story.tick(&medium, OPENED);
    assert_eq!(story.kinds(&medium, later), []);
    let mut story = Story::new();
    let suppressible = Finding { rule: "first-seen-reader".to_owned(), ..spike() };
    story.tick(std::slice::from_ref(&suppressible), OPENED);
    let suppressed = Finding { secret_name: Some("stage/db".to_owned()), revision: 2, ..suppressible };
    assert_eq!(story.kinds(&[suppressed], later), []);
    let mut story = Story { policy: crate::sample::policy(), ..Story::new() };
    assert_eq!(story.kinds(&[spike()], OPENED), [PageKind::Opened]);
    assert_eq!(story.kinds(&[spike()], later), []);
}

#[test]
fn a_page_on_its_way_is_not_followed_by_a_reminder() {
    let mut story = Story::new();
    let page = story.fold(&[spike()], at(OPENED)).pages.remove(0);
    story.ledger.record(&page.planned(&PublishTarget::Stdout, at(OPENED)));
    assert_eq!(story.fold(&[spike()], at("2026-11-21T00:00:00Z")).pages, []);
    // It arrives late, and the time to remind counts from then.
    story.ledger.record(&page.sent(&PublishTarget::Stdout, at("2026-11-21T00:00:00Z")));
    assert_eq!(story.kinds(&[spike()], "2026-11-21T03:59:00Z"), []);
    assert_eq!(story.kinds(&[spike()], "2026-11-21T04:00:00Z"), [PageKind::Reminder(1)]);
}

#[test]
fn the_end_of_what_was_paged_is_told_once() {
    let mut story = Story::new();
    let opened = story.tick(&[spike()], OPENED).remove(0);
    let ended = [over(spike(), "2026-11-20T13:10:00Z")];
    let fold = story.fold(&ended, at("2026-11-20T13:15:00Z"));
    assert_eq!(fold.pages[0].thread, opened.dedupe_key);
    insta::assert_snapshot!(texts(&fold));
    assert_eq!(story.kinds(&ended, "2026-11-20T13:15:00Z"), [PageKind::Resolved]);
    assert_eq!(story.kinds(&ended, "2026-11-23T00:00:00Z"), []);
    // A late event takes the end back, and another brings it again: people know both.
    let again = Finding { revision: 3, ..spike() };
    assert_eq!(story.kinds(&[again], "2026-11-20T14:00:00Z"), []);
    assert_eq!(story.kinds(&[Finding { revision: 4, ..ended[0].clone() }], "2026-11-20T14:30:00Z"), []);
}

#[test]
fn an_end_taken_back_is_news_only_when_it_is_worse_and_ends_again_after_that() {
    let mut story = Story::new();
    let medium = |revision| Finding { severity: Severity::Medium, revision, ..spike() };
    story.tick(&[medium(1)], OPENED);
    let first_end = story.tick(&[over(medium(1), "2026-11-20T13:10:00Z")], "2026-11-20T13:15:00Z");
    let worse = Finding { revision: 3, ..spike() };
    let kinds = story.kinds(std::slice::from_ref(&worse), "2026-11-20T13:20:00Z");
    assert_eq!(kinds, [PageKind::Escalated]);
    let second_end = story.tick(&[over(worse, "2026-11-20T13:40:00Z")], "2026-11-20T13:45:00Z");
    assert_eq!(second_end[0].kind, PageKind::Resolved);
    assert_ne!(first_end[0].dedupe_key, second_end[0].dedupe_key);
}

#[test]
fn what_is_over_when_people_first_hear_of_it_is_one_page() {
    let mut story = Story::new();
    let ended = [over(spike(), "2026-11-20T12:01:00Z")];
    let fold = story.fold(&ended, at(OPENED));
    insta::assert_snapshot!(texts(&fold));
    assert_eq!(story.kinds(&ended, OPENED), [PageKind::Opened]);
    let more = Finding { observed: "121 reads".to_owned(), revision: 3, ..ended[0].clone() };
    assert_eq!(story.kinds(&[more], "2026-11-23T00:00:00Z"), []);
}

#[test]
fn what_got_worse_and_is_over_is_told_as_worse() {
    let mut story = Story::new();
    story.tick(&[Finding { severity: Severity::Medium, ..spike() }], OPENED);
    let ended = [over(spike(), "2026-11-20T13:10:00Z")];
    assert_eq!(story.kinds(&ended, "2026-11-20T13:15:00Z"), [PageKind::Escalated]);
    assert_eq!(story.kinds(&ended, "2026-11-20T14:00:00Z"), []);
}

#[test]
fn the_end_goes_to_whoever_heard_of_the_beginning_though_it_became_milder() {
    let mut story = Story::new();
    let opened = story.tick(&[spike()], OPENED).remove(0);
    let milder = Finding { severity: Severity::Low, ..over(spike(), "2026-11-20T13:10:00Z") };
    let resolved = story.tick(&[milder], "2026-11-20T13:15:00Z").remove(0);
    assert_eq!((resolved.kind, &resolved.route), (PageKind::Resolved, &opened.route));
}

#[test]
fn the_end_of_what_nobody_heard_of_is_no_page() {
    let story = Story::new();
    let info = Finding { severity: Severity::Info, ..over(spike(), "2026-11-20T12:01:00Z") };
    assert_eq!(story.fold(&[info], at(OPENED)).recorded[0].why, WhyRecorded::Info);
}

#[test]
fn a_withdrawal_ends_reminders_and_a_new_opening_counts_them_anew() {
    let mut story = Story::new();
    story.tick(&[spike()], OPENED);
    let first = story.tick(&[spike()], "2026-11-20T16:05:00Z");
    let gone = Finding { state: FindingState::Withdrawn, revision: 2, ..spike() };
    assert_eq!(story.kinds(std::slice::from_ref(&gone), "2026-11-20T16:10:00Z"), [PageKind::Withdrawn]);
    assert_eq!(story.kinds(&[gone], "2026-11-21T00:00:00Z"), []);
    let again = [Finding { revision: 3, ..spike() }];
    story.tick(&again, "2026-11-21T00:10:00Z");
    let second = story.tick(&again, "2026-11-21T04:10:00Z");
    assert_eq!((first[0].kind, second[0].kind), (PageKind::Reminder(1), PageKind::Reminder(1)));
    assert_ne!(first[0].dedupe_key, second[0].dedupe_key);
}

#[test]
fn every_kind_of_page_is_resumed_as_it_was_planned() {
    let gone = |revision| Finding { state: FindingState::Withdrawn, revision, ..spike() };
    let steps = [
        (Finding { severity: Severity::Medium, ..spike() }, OPENED, PageKind::Opened),
        (Finding { revision: 2, ..spike() }, "2026-11-20T12:10:00Z", PageKind::Escalated),
        (Finding { revision: 3, ..spike() }, "2026-11-20T16:10:00Z", PageKind::Reminder(1)),
        (
            over(Finding { revision: 3, ..spike() }, "2026-11-20T16:20:00Z"),
            "2026-11-20T16:25:00Z",
            PageKind::Resolved,
        ),
        (gone(5), "2026-11-20T16:30:00Z", PageKind::Withdrawn),
        (Finding { revision: 6, ..spike() }, "2026-11-20T16:35:00Z", PageKind::Opened),
        (gone(7), "2026-11-22T16:30:00Z", PageKind::Withdrawn),
        (Finding { revision: 8, ..spike() }, "2026-11-22T16:35:00Z", PageKind::Summary),
    ];
    let older = Finding { revision: 0, ..spike() };
    let mut story = Story::new();
    for (finding, now, kind) in steps {
        let page = story.fold(std::slice::from_ref(&finding), at(now)).pages.remove(0);
        let to = page.route.clone().unwrap_or(PublishTarget::Stdout);
        let planned = page.planned(&to, story.ledger.planning_time(at(now)));
        story.ledger.record(&planned);
        assert_eq!(page.kind, kind);
        assert_eq!(
            Page::from_record(&planned, &[older.clone(), finding], &story.policy, &story.ledger),
            page
        );
        story.ledger.record(&page.sent(&to, at(now)));
    }
}

#[test]
fn follow_ups_in_the_other_forms() {
    let mut story = Story::new();
    story.tick(&[spike()], OPENED);
    let resolved = story.fold(&[over(spike(), "2026-11-20T13:10:00Z")], at("2026-11-20T13:15:00Z"));
    let reminder = story.fold(&[spike()], at("2026-11-20T16:05:00Z"));
    let pretty = |page: &Page, format| {
        let value = serde_json::from_str::<serde_json::Value>(&rendered(page, format)).unwrap();
        serde_json::to_string_pretty(&value).unwrap()
    };
    insta::assert_snapshot!("resolved_ocsf", pretty(&resolved.pages[0], MessageFormat::Ocsf));
    insta::assert_snapshot!("resolved_chat", pretty(&resolved.pages[0], MessageFormat::Chat));
    insta::assert_snapshot!("reminder_chat", pretty(&reminder.pages[0], MessageFormat::Chat));
}

/// A story that a rule tells, of the spike and of a first read.
fn told() -> Finding {
    Finding {
        rule: "recon-then-breadth".to_owned(),
        key: "recon-then-breadth:x".to_owned(),
        title: "Looked around, then took 12 secrets".to_owned(),
        severity: Severity::Critical,
        detail: r#"{"members":["secret-read-spike","first-seen-reader"]}"#.to_owned(),
        ..spike()
    }
}

/// A later member of the same story.
fn first_read(severity: Severity) -> Finding {
    let key = "first-seen-reader:x".to_owned();
    Finding { rule: "first-seen-reader".to_owned(), key, severity, ..spike() }
}

#[test]
fn a_story_whose_member_was_paged_escalates_that_page() {
    let mut story = Story::new();
    let opened = story.tick(&[spike()], OPENED).remove(0);
    let pages = story.tick(&[told()], "2026-11-20T12:10:00Z");
    assert_eq!(pages.len(), 1);
    assert_eq!(pages[0].kind, PageKind::Escalated);
    assert_eq!(pages[0].thread, opened.thread);
    assert_eq!(story.kinds(&[told()], "2026-11-20T12:11:00Z"), []);
}

#[test]
fn a_story_of_which_nobody_heard_opens_and_leads_the_page_of_its_members() {
    let mut story = Story::new();
    let equal = Finding { severity: Severity::Critical, window_start: at("2026-11-20T10:00:00Z"), ..spike() };
    let pages = story.tick(&[equal, told()], OPENED);
    assert_eq!(pages.len(), 1);
    assert_eq!((pages[0].kind, pages[0].findings[0].rule.as_str()), (PageKind::Opened, "recon-then-breadth"));
}

#[test]
fn a_member_that_is_found_after_its_story_was_told_is_recorded() {
    let mut story = Story::new();
    story.tick(&[told()], OPENED);
    let fold = story.fold(&[first_read(Severity::High)], at("2026-11-20T12:10:00Z"));
    assert_eq!(fold.pages, []);
    let why = WhyRecorded::PartOfTold { story: told().key };
    assert_eq!(fold.recorded.iter().map(|r| &r.why).collect::<Vec<_>>(), [&why]);
    // Near misses: another rule; the same rule about somebody else; the story withdrawn.
    let other = Finding { rule: "direct-decrypt".to_owned(), ..first_read(Severity::High) };
    assert_eq!(story.fold(&[other], at(NOW)).pages.len(), 1);
    assert_eq!(story.fold(&[lone("first-seen-reader", 1)], at(NOW)).pages.len(), 1);
    story.tick(&[Finding { state: FindingState::Withdrawn, revision: 2, ..told() }], "2026-11-20T12:20:00Z");
    assert_eq!(story.fold(&[first_read(Severity::High)], at("2026-11-20T12:21:00Z")).pages.len(), 1);
}
