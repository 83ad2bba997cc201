//! A sweep that goes on aside, and principals that are busier than a tick can look at: what waits for them and what does not.
//!
//! Whole evaluations are the oracle, as in [`crate::ticks`], whose stage and deal these tests use.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use snowtrail::detector::{Detector, Ticked};
use snowtrail::policy_file::Bound;
use snowtrail_rules::reconcile::Range;
use snowtrail_rules::watch::EVENTS_IN_SIGHT_MAX;

use crate::ticks::{Chance, POLICY, Stage, bound, dealt, fixture, seed};

/// Begins a sweep before every third batch, and settles it two batches later: what ticks found meanwhile stays, and what
/// the sweep found stands beside it.
#[tokio::test(flavor = "multi_thread")]
async fn sweep_that_goes_on_aside_changes_nothing_that_ticks_found() {
    let mut stage = Stage::new(bound(Some(POLICY))).await;
    let (mut settled, mut differences) = (0, Vec::new());
    for (number, batch) in dealt(&mut Chance(seed())).iter().enumerate() {
        if number % 3 == 1 {
            let (lake, now) = (&mut stage.lake, stage.now);
            stage.detector.begin_sweep(lake, &stage.bound, now).await.expect("a sweep begins");
        }
        stage.feed(batch).await;
        let owed = match stage.tick().await {
            Ticked::Detected(detection) => detection.owed.is_some(),
            Ticked::Unable(_) => true,
            Ticked::Nothing => false,
        };
        if number % 3 == 0 && stage.detector.is_sweeping() {
            let settling = stage.detector.settle_sweep(&mut stage.lake, &stage.bound).await.expect("it ends");
            settled += usize::from(settling.is_some());
            // By what the sweep learned.
            stage.tick().await;
        }
        if number == 0 || owed {
            stage.sweep().await;
        }
        let found = stage.differences(false).await;
        differences.extend(found.into_iter().map(|line| format!("batch {number}: {line}")));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(settled > 1, "only {settled} sweeps were settled");
}

#[tokio::test(flavor = "multi_thread")]
async fn sweep_leaves_alone_what_another_detector_recorded_and_tells_the_rest() {
    let mut stage = Stage::new(bound(Some(POLICY))).await;
    stage.feed(&fixture("rotation-failed/fires-in-set-secret.json")).await;
    stage.feed(&fixture("unexpected-reader/fires-stranger.json")).await;
    stage.detector.begin_sweep(&mut stage.lake, &stage.bound, stage.now).await.expect("a sweep begins");
    stage.detector.swept().await;
    let mut other = Bound { rules: stage.bound.rules.clone(), policy: stage.bound.policy.clone() };
    other.rules = other.rules.only(|id| id == "rotation-failed");
    let mut lake = stage.lake.clone();
    let recorded =
        Detector::default().sweep(&mut lake, &other, stage.now, Range::default(), &mut |_| {}).await;
    assert_eq!(recorded.expect("a sweep").revisions.len(), 1);
    let settled = stage.detector.settle_sweep(&mut stage.lake, &stage.bound).await.expect("it ends");
    let revisions = settled.expect("nobody kept winning").revisions;
    assert!(!revisions.is_empty(), "it told nothing of its own");
    assert!(revisions.iter().all(|f| f.rule != "rotation-failed" && f.revision == 1), "{revisions:?}");
    assert!(stage.sweep().await.revisions.is_empty(), "together they have recorded everything");
}

/// Reads by the declared reader of a secret, more than a tick looks at.
fn flood(from: Timestamp) -> Vec<Value> {
    let read = fixture("unexpected-reader/fires-stranger.json");
    let mut read = read.into_iter().find(|r| r["eventName"] == "GetSecretValue").expect("a read");
    let role = "arn:aws:iam::111122223333:role/Blizzard-Checkout-TaskRole";
    read["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] = json!(role);
    read["userIdentity"]["arn"] =
        json!("arn:aws:sts::111122223333:assumed-role/Blizzard-Checkout-TaskRole/task");
    (0..=EVENTS_IN_SIGHT_MAX)
        .map(|number| {
            let at = from + SignedDuration::from_millis(100 * i64::try_from(number).expect("a small number"));
            read["eventTime"] = json!(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
            read["eventID"] = json!(format!("{number:08x}-1111-4222-8333-444455556666"));
            read.clone()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn stranger_is_found_by_a_tick_though_another_principal_is_too_busy_for_it() {
    let stranger = fixture("unexpected-reader/fires-stranger.json");
    let at: Timestamp = stranger[0]["eventTime"].as_str().expect("a time").parse().expect("a time");
    let flood = flood(at - SignedDuration::from_hours(1));
    let (first, rest) = flood.split_at(10);
    let mut stage = Stage::new(bound(Some(POLICY))).await;
    stage.feed(first).await;
    stage.sweep().await;
    stage.feed(&[rest, &stranger].concat()).await;
    let Ticked::Detected(detection) = stage.tick().await else { panic!("a stranger wakes a tick") };
    assert!(detection.revisions.iter().any(|f| f.rule == "unexpected-reader"), "{:?}", detection.revisions);
    assert!(detection.owed.is_some_and(|why| why.contains("more events than a tick looks at")));
    stage.sweep().await;
    assert_eq!(stage.differences(true).await, Vec::<String>::new());
}
