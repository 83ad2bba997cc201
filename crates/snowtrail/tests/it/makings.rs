//! However the views of an evaluation are made, its findings are the same (guarantee 4).
//!
//! Plans are the plain path: what the engine makes of the SQL, with nothing between. Tables in memory plan in short, and
//! files pass every view through Parquet once; lakes take one or the other by their size. Judged over the firing fixtures
//! that need no policy, all in one lake, and over the story with its policy, which is too long for plans.

use jiff::Timestamp;
use snowtrail::policy_file::Bound;
use snowtrail::{intake, workbench};
use snowtrail_lake::{Access, Lake};
use snowtrail_model::{Finding, Policy};
use snowtrail_rules::{Engine, Making, RuleSet, Setting};
use std::path::PathBuf;
use tempfile::{TempDir, tempdir};

use crate::law::firing_fixtures;
use crate::snowtrail::{root, text};

fn bound(policy: Option<&str>) -> Bound {
    let rules = RuleSet::shipped().expect("the rules that ship");
    let policy = policy.map(|text| Policy::parse(text, "policy", &rules.declared()).expect("a policy"));
    Bound { rules, policy: policy.unwrap_or_default() }
}

async fn lake_of(logs: &[PathBuf]) -> (TempDir, Lake) {
    let folder = tempdir().expect("a folder");
    let mut lake = Lake::open(text(&folder.path().join("lake")), Access::Write).await.expect("a lake");
    intake::take_in(&mut lake, logs).await.expect("they are taken in");
    (folder, lake)
}

/// What the rules find over views that are made so.
async fn found(lake: &Lake, bound: &Bound, making: Making) -> Vec<Finding> {
    let now = workbench::newest_event(lake).await.expect("events");
    found_at(lake, bound, making, now).await
}

/// The same, judged at some other time.
pub async fn found_at(lake: &Lake, bound: &Bound, making: Making, now: Timestamp) -> Vec<Finding> {
    let session = workbench::reading(lake).await.expect("a session");
    workbench::show_findings(&session).await.expect("findings");
    let setting = Setting { making, ..Setting::default() };
    let engine = Engine::new(session, &bound.rules, &bound.policy, now, &setting).await.expect("an engine");
    let evaluation = engine.evaluate(now, |_| {}).await;
    assert_eq!(evaluation.failures.iter().map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new());
    evaluation.findings
}

#[tokio::test(flavor = "multi_thread")]
async fn views_as_plans_as_tables_and_as_files_give_the_same_findings() {
    let fixtures = firing_fixtures().into_iter().filter(|fixture| fixture.policy.is_none());
    let logs: Vec<PathBuf> = fixtures.map(|fixture| fixture.log).step_by(5).collect();
    let (_folder, lake) = lake_of(&logs).await;
    let bound = bound(None);
    let plain = found(&lake, &bound, Making::Plans).await;
    assert!(plain.len() > logs.len() / 2, "{} findings of {} fixtures", plain.len(), logs.len());
    for making in [Making::Tables, Making::Files] {
        assert_eq!(found(&lake, &bound, making).await, plain, "{making:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_told_from_files_is_the_story_told_from_memory() {
    let story = root().join("testdata/story");
    let (_folder, lake) = lake_of(std::slice::from_ref(&story)).await;
    let policy = std::fs::read_to_string(story.join("policy.toml")).expect("a policy");
    let bound = bound(Some(&policy));
    let from_memory = found(&lake, &bound, Making::Tables).await;
    assert!(from_memory.len() > 10);
    assert_eq!(found(&lake, &bound, Making::Files).await, from_memory);
}
