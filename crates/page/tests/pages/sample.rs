//! Findings, policies and rules to test with.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use snowtrail_model::policy::{PublishTarget, RuleParameters};
use snowtrail_model::{Finding, FindingState, Policy, Severity};
use snowtrail_page::{
    Fold, FoldInputs, Ledger, MESSAGE_BYTES_MAX, MessageFormat, Page, RenderInputs, RuleDocs, SecretTags,
    Traces, fold, render,
};
use std::collections::BTreeMap;

pub(crate) const NOW: &str = "2026-11-20T12:05:00Z";
pub(crate) const TASK_ROLE: &str = "arn:aws:iam::111122223333:role/Blizzard-Checkout-TaskRole";

pub(crate) const POLICY: &str = r#"
[organization]
timezone = "America/Los_Angeles"

[[secrets]]
match = "prod/blizzard-checkout/*"
owner = "blizzard-checkout"

[[secrets]]
tags = { Team = "sleigh" }
owner = "sleigh"

[[windows]]
principals = ["arn:aws:iam::*:role/ci-*"]
from = "2026-11-20T10:00:00Z"
to = "2026-11-20T12:00:00Z"
reason = "CHG-1042"

[[suppressions]]
rule = "first-seen-reader"
match = "stage/*"
until = "2026-12-31"
reason = "migration, TICKET-88"

[[routes]]
owner = "blizzard-checkout"
min_severity = "high"
publish = "arn:aws:sns:us-west-2:111122223333:checkout-oncall"
"#;

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn policy() -> Policy {
    let known = RuleParameters { id: "first-seen-reader".to_owned(), ..RuleParameters::default() };
    Policy::parse(POLICY, "policy.toml", &[known]).unwrap()
}

/// A read spike on the checkout database at 03:00 local time.
pub(crate) fn spike() -> Finding {
    Finding {
        rule: "secret-read-spike".to_owned(),
        severity: Severity::High,
        key: "secret-read-spike:111122223333|us-west-2|prod/blizzard-checkout/db|2026-11-20T11:00:00Z"
            .to_owned(),
        state: FindingState::Open,
        revision: 1,
        title: "120 reads of prod/blizzard-checkout/db in one hour".to_owned(),
        summary:
            "Blizzard-Checkout-TaskRole read prod/blizzard-checkout/db 120 times between 11:00 and 12:00."
                .to_owned(),
        account_id: Some("111122223333".to_owned()),
        aws_region: Some("us-west-2".to_owned()),
        secret_arn: None,
        secret_name: Some("prod/blizzard-checkout/db".to_owned()),
        principal: Some(TASK_ROLE.to_owned()),
        actor: Some("i-0abc1234def567890".to_owned()),
        window_start: at("2026-11-20T11:00:00Z"),
        window_end: at("2026-11-20T12:00:00Z"),
        observed: "120 reads".to_owned(),
        expected: "at most 20 in this hour of the week".to_owned(),
        evidence: (0..12).map(|n| format!("0f1e2d3c-0000-4000-8000-{n:012}")).collect(),
        detail: r#"{"reads":120,"baseline":6}"#.to_owned(),
        found_at: at(NOW),
    }
}

/// The `n`th finding of a rule, each about its own secret and principal.
pub(crate) fn lone(rule: &str, n: usize) -> Finding {
    Finding {
        rule: rule.to_owned(),
        severity: Severity::Medium,
        key: format!("{rule}:111122223333|us-west-2|other/{n}"),
        title: format!("{rule} on other/{n}"),
        secret_name: Some(format!("other/{n}")),
        principal: Some(format!("arn:aws:iam::111122223333:role/Other-{n}")),
        evidence: vec![format!("aaaaaaaa-0000-4000-8000-{n:012}")],
        ..spike()
    }
}

/// The sample's policy with reminders every four hours, two at most.
pub(crate) fn reminding() -> Policy {
    let known = RuleParameters { id: "first-seen-reader".to_owned(), ..RuleParameters::default() };
    let text = format!("{POLICY}\n[pages]\nremind_every = \"4h\"\nremind_max = 2\n");
    Policy::parse(&text, "policy.toml", &[known]).unwrap()
}

/// The finding, over at a time.
pub(crate) fn over(finding: Finding, time: &str) -> Finding {
    let revision = finding.revision + 1;
    Finding { detail: format!(r#"{{"reads":120,"resolved_at":"{time}"}}"#), revision, ..finding }
}

/// Folds at [`NOW`], under [`POLICY`].
pub(crate) fn folded(findings: &[Finding], already: &Ledger) -> Fold {
    let tags = SecretTags::from([(
        ("111122223333".to_owned(), "us-west-2".to_owned(), "tagged".to_owned()),
        vec![("Team".to_owned(), "sleigh".to_owned())],
    )]);
    fold(
        findings,
        &FoldInputs { policy: &policy(), tags: &tags, now: at(NOW), already, traces: &Traces::default() },
    )
}

/// The one page of a finding.
pub(crate) fn only_page(finding: Finding) -> Page {
    let mut pages = folded(&[finding], &Ledger::default()).pages;
    assert_eq!(pages.len(), 1);
    pages.remove(0)
}

/// The ledger after everything of `folds` was sent, the first first.
pub(crate) fn ledger<'f>(folds: impl IntoIterator<Item = &'f Fold>) -> Ledger {
    let mut ledger = Ledger::default();
    for (minute, fold) in folds.into_iter().enumerate() {
        let sent_at = at(NOW) + SignedDuration::from_mins(minute as i64);
        fold.pages.iter().for_each(|page| ledger.record(&page.sent(&PublishTarget::Stdout, sent_at)));
    }
    ledger
}

pub(crate) fn rules() -> BTreeMap<String, RuleDocs> {
    let spike = RuleDocs {
        id: "secret-read-spike".to_owned(),
        title: "Reads of one secret far above its own rhythm".to_owned(),
        description: "One secret was read far more often than in the same hour of earlier weeks.".to_owned(),
        runbook: vec![
            "Ask the owner whether a deploy or a restart loop explains the reads.".to_owned(),
            "If not, disable the session: https://runbooks.example/revoke-session".to_owned(),
        ],
        benign: vec!["A task that restarts in a loop and reads at each start.".to_owned()],
        attack: vec!["T1555.006".to_owned()],
    };
    BTreeMap::from([(spike.id.clone(), spike)])
}

/// A page in a form, with the sample's rules and policy.
pub(crate) fn rendered(page: &Page, format: MessageFormat) -> String {
    let (rules, policy) = (rules(), policy());
    render(page, &RenderInputs { rules: &rules, policy: &policy, lake: "./lake" }, format, MESSAGE_BYTES_MAX)
}

/// The pages as text, with lines between them.
pub(crate) fn texts(fold: &Fold) -> String {
    let one = |page: &Page| format!("Subject: {}\n\n{}", page.subject, rendered(page, MessageFormat::Text));
    fold.pages.iter().map(one).collect::<Vec<_>>().join("\n================\n\n")
}

/// Any text, rich in what a hostile caller would use.
pub(crate) fn any_text() -> impl Strategy<Value = String> {
    let hostile = prop_oneof![
        Just("\u{1b}[2J".to_owned()),
        Just("\u{202e}".to_owned()),
        Just("<!channel>".to_owned()),
        Just("'; DROP TABLE events; --".to_owned()),
        Just("$(reboot)`id`".to_owned()),
        Just("\r\n\u{0}".to_owned()),
        "\\PC{0,12}",
        proptest::collection::vec(any::<char>(), 0..12).prop_map(|chars| chars.into_iter().collect()),
        Just("x".repeat(5_000)),
    ];
    proptest::collection::vec(hostile, 0..4).prop_map(|parts| parts.concat())
}

/// Any finding, from few rules, principals and secrets, so that stories and storms happen.
pub(crate) fn any_finding() -> impl Strategy<Value = Finding> {
    let nouns = (0usize..4, 0usize..3, 0usize..3, 0usize..40);
    (nouns, 0usize..5, 0i64..72, 1i64..120, any::<bool>(), 1i64..4).prop_map(
        |(nouns, severity, hour, minutes, open, revision)| {
            let (rule, principal, secret, n) = nouns;
            let window_start = at("2026-11-18T00:00:00Z") + SignedDuration::from_hours(hour);
            let principals = [None, Some(TASK_ROLE), Some("arn:aws:iam::111122223333:role/ci-deploy")];
            let secrets = [None, Some("prod/blizzard-checkout/db"), Some("stage/db")];
            let rule = ["secret-read-spike", "first-seen-reader", "off-hours-read", "trail-blinded"][rule];
            Finding {
                rule: rule.to_owned(),
                key: format!("{rule}:{n}"),
                severity: Severity::ALL[severity],
                state: if open { FindingState::Open } else { FindingState::Withdrawn },
                revision,
                principal: principals[principal].map(str::to_owned),
                secret_name: secrets[secret].map(str::to_owned),
                window_start,
                window_end: window_start + SignedDuration::from_mins(minutes),
                // Two revisions with one number do not differ in a lake; here they differ at least in this.
                found_at: window_start
                    + SignedDuration::from_nanos(i128::from(hour * 1_000 + minutes) as i64),
                ..spike()
            }
        },
    )
}
