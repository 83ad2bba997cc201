//! What becomes a page, and what is only recorded.

use crate::sample::{TASK_ROLE, any_finding, at, folded, ledger, lone, spike, texts};
use proptest::prelude::*;
use snowtrail_model::policy::PublishTarget;
use snowtrail_model::{Finding, FindingState, Severity};
use snowtrail_page::{Ledger, PageKind, PageRecord, WhyRecorded};
use std::collections::BTreeSet;

fn why(finding: Finding) -> Vec<WhyRecorded> {
    let fold = folded(&[finding], &Ledger::default());
    assert!(fold.pages.is_empty());
    fold.recorded.into_iter().map(|recorded| recorded.why).collect()
}

fn sizes(findings: &[Finding]) -> Vec<usize> {
    folded(findings, &Ledger::default()).pages.iter().map(|page| page.findings.len()).collect()
}

#[test]
fn findings_of_one_principal_at_one_time_are_one_story() {
    let breadth = Finding {
        rule: "secret-read-breadth".to_owned(),
        secret_name: None,
        ..lone("secret-read-breadth", 1)
    };
    let breadth = Finding { principal: Some(TASK_ROLE.to_owned()), severity: Severity::Critical, ..breadth };
    let (checkout, rest) = (spike(), breadth);
    let fold = folded(&[checkout, rest], &Ledger::default());
    // One story, two audiences: the secret's owner hears of the owner's secret, the default place of the rest.
    assert_eq!(fold.pages.len(), 2);
    let spike_on_unowned = Finding { secret_name: Some("x".to_owned()), ..spike() };
    let breadth = Finding { principal: Some(TASK_ROLE.to_owned()), ..lone("secret-read-breadth", 1) };
    assert_eq!(sizes(&[spike_on_unowned, breadth]), [2]);
}

#[test]
fn a_secret_and_its_replica_are_one_story() {
    let replica = Finding { aws_region: Some("us-east-1".to_owned()), ..lone("off-hours-read", 1) };
    assert_eq!(sizes(&[lone("unexpected-reader", 1), replica]), [2]);
}

#[test]
fn what_is_far_apart_in_time_or_shares_nothing_is_two_stories() {
    let start = at("2026-11-20T08:00:00Z");
    let earlier =
        Finding { window_start: start, window_end: at("2026-11-20T09:00:00Z"), ..lone("off-hours-read", 1) };
    assert_eq!(sizes(&[lone("unexpected-reader", 1), earlier]), [1, 1]);
    assert_eq!(sizes(&[lone("unexpected-reader", 1), lone("off-hours-read", 2)]), [1, 1]);
}

#[test]
fn a_storm_of_one_rule_is_one_page_from_five_on() {
    let storm = |count: usize| (0..count).map(|n| lone("first-seen-reader", n)).collect::<Vec<_>>();
    assert_eq!(sizes(&storm(4)), [1, 1, 1, 1]);
    assert_eq!(sizes(&storm(5)), [5]);
    insta::assert_snapshot!(texts(&folded(&storm(8), &Ledger::default())));
}

#[test]
fn planned_suppressed_and_informative_findings_are_recorded_not_paged() {
    let ci = Some("arn:aws:iam::222233334444:role/ci-deploy".to_owned());
    let planned = WhyRecorded::Planned { reason: "CHG-1042".to_owned() };
    assert_eq!(why(Finding { principal: ci.clone(), ..spike() }), [planned]);
    let suppressed = WhyRecorded::Suppressed { reason: "migration, TICKET-88".to_owned() };
    assert_eq!(
        why(Finding { secret_name: Some("stage/db".to_owned()), ..lone("first-seen-reader", 1) }),
        [suppressed]
    );
    assert_eq!(why(Finding { severity: Severity::Info, ..spike() }), [WhyRecorded::Info]);
    let half_planned = Finding { principal: ci, window_end: at("2026-11-20T12:00:01Z"), ..spike() };
    assert_eq!(sizes(&[half_planned]), [1]);
}

#[test]
fn routes_send_a_page_to_the_owner_and_tags_give_owners_too() {
    let page = |finding: Finding| folded(&[finding], &Ledger::default()).pages.remove(0);
    let topic = PublishTarget::Topic("arn:aws:sns:us-west-2:111122223333:checkout-oncall".to_owned());
    assert_eq!(
        (page(spike()).route, page(spike()).owner.as_deref()),
        (Some(topic), Some("blizzard-checkout"))
    );
    assert_eq!(page(Finding { severity: Severity::Medium, ..spike() }).route, None);
    assert_eq!(
        page(Finding { secret_name: Some("tagged".to_owned()), ..spike() }).owner.as_deref(),
        Some("sleigh")
    );
}

#[test]
fn a_second_run_sends_nothing_again() {
    let findings = [spike(), lone("off-hours-read", 1)];
    let first = folded(&findings, &Ledger::default());
    let second = folded(&findings, &ledger([&first]));
    assert_eq!(second.pages, []);
    assert!(second.recorded.iter().all(|recorded| recorded.why == WhyRecorded::AlreadyPaged));
    assert_eq!(second.recorded.len(), 2);
}

#[test]
fn a_crash_before_the_ledger_repeats_the_page_under_the_same_key() {
    let keys = || folded(&[spike()], &Ledger::default()).pages.remove(0).dedupe_key;
    assert_eq!(keys(), keys());
    assert!(keys().starts_with("opened-") && keys().len() <= 128);
}

#[test]
fn the_ledger_reads_its_rows_in_any_order() {
    let first = folded(&[spike()], &Ledger::default());
    let gone = Finding { state: FindingState::Withdrawn, revision: 2, ..spike() };
    let second = folded(&[gone], &ledger([&first]));
    let row = |fold: &snowtrail_page::Fold, time: &str| fold.pages[0].sent(&PublishTarget::Stdout, at(time));
    let rows = [row(&second, "2026-11-20T13:00:00Z"), row(&first, "2026-11-20T12:00:00Z")];
    let ledger = Ledger::new(rows.iter().cloned().chain(rows.iter().cloned()));
    assert!(rows.iter().all(|row: &PageRecord| ledger.contains(&row.dedupe_key)));
    // Withdrawn last, so it opens anew.
    let again = Finding { revision: 3, ..spike() };
    assert_eq!(folded(&[again], &ledger).pages[0].kind, PageKind::Opened);
}

#[test]
fn a_finding_is_escalated_withdrawn_and_opened_again_each_under_its_own_key() {
    let medium = folded(&[Finding { severity: Severity::Medium, ..spike() }], &Ledger::default());
    let high = folded(&[Finding { revision: 2, ..spike() }], &ledger([&medium]));
    let gone = Finding { state: FindingState::Withdrawn, revision: 3, ..spike() };
    let gone = folded(&[gone], &ledger([&medium, &high]));
    let again = folded(&[Finding { revision: 4, ..spike() }], &ledger([&medium, &high, &gone]));
    let folds = [&medium, &high, &gone, &again];
    let kinds = folds.map(|fold| fold.pages[0].kind);
    assert_eq!(kinds, [PageKind::Opened, PageKind::Escalated, PageKind::Withdrawn, PageKind::Opened]);
    assert_eq!(
        folds.map(|fold| fold.pages[0].dedupe_key.clone()).into_iter().collect::<BTreeSet<_>>().len(),
        4
    );
    let calmer = Finding { severity: Severity::Low, revision: 5, ..spike() };
    assert_eq!(folded(&[calmer], &ledger(folds)).pages, []);
    insta::assert_snapshot!(texts(&high) + "\n================\n\n" + &texts(&gone));
}

#[test]
fn a_withdrawal_of_what_nobody_heard_of_is_no_page() {
    assert_eq!(why(Finding { state: FindingState::Withdrawn, ..spike() }), [WhyRecorded::WithdrawnUnheard]);
}

#[test]
fn findings_more_than_a_day_old_are_summed_up_in_one_page() {
    let old = |n: usize| Finding {
        window_start: at("2026-11-01T08:00:00Z"),
        window_end: at("2026-11-01T09:00:00Z"),
        severity: if n == 3 { Severity::Critical } else { Severity::Low },
        ..lone(["off-hours-read", "first-seen-reader", "unexpected-reader"][n % 3], n)
    };
    let findings = (0..30).map(old).chain([lone("trail-blinded", 99)]).collect::<Vec<_>>();
    let fold = folded(&findings, &Ledger::default());
    assert_eq!(
        fold.pages.iter().map(|page| page.kind).collect::<Vec<_>>(),
        [PageKind::Summary, PageKind::Opened]
    );
    assert_eq!(fold.pages[0].findings.len(), 30);
    insta::assert_snapshot!(texts(&fold));
    assert_eq!(folded(&findings, &ledger([&fold])).pages, []);
}

#[test]
fn exactly_a_day_is_still_news() {
    let ends = |text: &str| Finding {
        window_start: at("2026-11-19T11:00:00Z"),
        window_end: at(text),
        ..lone("x", 1)
    };
    let kind = |finding: Finding| folded(&[finding], &Ledger::default()).pages[0].kind;
    assert_eq!(kind(ends("2026-11-19T12:05:00Z")), PageKind::Opened);
    assert_eq!(kind(ends("2026-11-19T12:04:59Z")), PageKind::Summary);
}

proptest! {
    #[test]
    fn the_fold_does_not_depend_on_the_order_of_findings(
        (findings, shuffled) in proptest::collection::vec(any_finding(), 0..60)
            .prop_flat_map(|findings| (Just(findings.clone()), Just(findings).prop_shuffle()))
    ) {
        let first = folded(&findings[..findings.len() / 2], &Ledger::default());
        let already = ledger([&first]);
        prop_assert_eq!(folded(&findings, &already), folded(&shuffled, &already));
    }

    #[test]
    fn every_finding_is_in_exactly_one_page_or_recorded_with_a_reason(
        findings in proptest::collection::vec(any_finding(), 0..60)
    ) {
        let fold = folded(&findings, &Ledger::default());
        let paged = fold.pages.iter().flat_map(|page| &page.findings).map(|finding| finding.key.clone());
        let mut told = paged.chain(fold.recorded.iter().map(|recorded| recorded.finding_key.clone())).collect::<Vec<_>>();
        told.sort();
        let keys = findings.iter().map(|finding| finding.key.clone()).collect::<BTreeSet<_>>();
        prop_assert_eq!(told, keys.into_iter().collect::<Vec<_>>());
        prop_assert!(fold.pages.iter().all(|page| page.severity > Severity::Info && !page.findings.is_empty()));
        prop_assert!(fold.pages.is_sorted_by(|a, b| a.severity >= b.severity));
    }

    #[test]
    fn nothing_is_sent_twice(findings in proptest::collection::vec(any_finding(), 0..60), cut in 0usize..60) {
        let first = folded(&findings[..cut.min(findings.len())], &Ledger::default());
        let second = folded(&findings, &ledger([&first]));
        let third = folded(&findings, &ledger([&first, &second]));
        prop_assert_eq!(third.pages, vec![]);
        let keys = [&first, &second].into_iter().flat_map(|fold| &fold.pages).map(|page| &page.dedupe_key);
        let keys = keys.collect::<Vec<_>>();
        prop_assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
    }
}
