//! The shipped rules pass their own checks and fixtures, as a rule author would run them.

use snowtrail::intake;
use snowtrail::policy_file::{self, Bound};
use snowtrail::workbench::{self, Horizon};
use snowtrail_lake::{Access, Lake};
use snowtrail_model::Policy;
use snowtrail_rules::{Making, RuleSet};

use crate::law::firing_fixtures;
use crate::makings::found_at;
use crate::snowtrail::{root, snowtrail, text};

#[test]
fn shipped_rules_keep_the_law() {
    snowtrail(&["rules", "check"]).expect_status(0);
}

#[test]
fn shipped_rules_pass_their_fixtures() {
    let said = snowtrail(&["rules", "test"]).expect_status(0);
    assert!(said.stdout.ends_with(" 0 failed\n"), "{}", said.stdout);
}

#[test]
fn every_folder_of_fixtures_belongs_to_a_rule() {
    for entry in root().join("testdata/rules").read_dir().expect("fixtures").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let rule = root().join("queries/rules").join(format!("{name}.sql"));
        assert!(!entry.path().is_dir() || name == "__pycache__" || rule.is_file(), "{name} tests no rule");
    }
}

#[test]
fn rule_without_fixtures_fails_its_test() {
    let empty = tempfile::tempdir().expect("a folder");
    let said = snowtrail(&[
        "rules",
        "test",
        "rotation-failed",
        "--fixtures",
        empty.path().to_str().expect("a path"),
    ]);
    let said = said.expect_status(1);
    assert!(said.stderr.contains("no fixture that fires"), "{}", said.stderr);
}

/// Rules see tables in memory where events are few and files where they are many, people always plans: the same views, made
/// in three ways. Each rule over a fixture of its own; all rules over one lake are in `makings.rs`.
#[tokio::test(flavor = "multi_thread")]
async fn views_as_tables_as_files_and_as_plans_give_the_same_findings() {
    let mut fixtures = firing_fixtures();
    fixtures.dedup_by(|a, b| a.rule == b.rule);
    for fixture in fixtures {
        let folder = tempfile::tempdir().expect("a folder");
        let mut lake = Lake::open(text(&folder.path().join("lake")), Access::Write).await.expect("a lake");
        intake::take_in(&mut lake, std::slice::from_ref(&fixture.log)).await.expect("it is taken in");
        let rules = RuleSet::shipped().expect("the rules that ship");
        let policy = fixture.policy.map(|file| policy_file::policy(&file, &rules).expect("a policy"));
        let rules = rules.only(|id| id == fixture.rule);
        let bound = Bound { rules, policy: policy.unwrap_or_else(Policy::default) };
        let now = fixture.now.parse().expect("a time");
        let mut found = Vec::new();
        for horizon in [Horizon::UpToNow, Horizon::Everything] {
            let engine = workbench::open(&lake, &bound, now, horizon).await.expect("a session");
            let evaluation = engine.evaluate(now, |_| {}).await;
            assert!(evaluation.failures.is_empty(), "{:?}", evaluation.failures);
            found.push(evaluation.findings);
        }
        assert_eq!(found[0], found[1], "{:?}", fixture.log);
        assert_eq!(found[0], found_at(&lake, &bound, Making::Files, now).await, "{:?}", fixture.log);
        assert!(found[0].iter().any(|f| f.rule == fixture.rule), "{:?} is silent", fixture.log);
    }
}
