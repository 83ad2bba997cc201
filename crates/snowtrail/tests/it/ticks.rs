//! Ticks give what sweeps give (guarantee 4): after each tick that owes nothing, the open findings and their severities
//! are those of a whole evaluation as of the same `now`; after a sweep they always are.
//!
//! The generator deals all firing fixtures of all rules into one lake: their past first, then their last two days in
//! small batches, each record in its time, some late by hours, some twice. Whole evaluations are the oracle. The seed is
//! fixed, so that a failure repeats; `SNOWTRAIL_TICKS_SEED` draws another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use snowtrail::detector::{Detection, Detector, Ticked};
use snowtrail::intake;
use snowtrail::policy_file::Bound;
use snowtrail::workbench::{self, Horizon};
use snowtrail_lake::{Access, Lake};
use snowtrail_model::{Finding, FindingState, Policy};
use snowtrail_rules::reconcile::Range;
use snowtrail_rules::{RuleSet, Scope};
use tempfile::{TempDir, tempdir};

use crate::law::{firing_fixtures, records};
use crate::snowtrail::{root, text};

/// Batches that the last days are dealt into.
const BATCHES: usize = 14;
/// Where the last days begin.
const PRESENT: &str = "2026-11-03T00:00:00Z";
/// A policy under which the fixtures' contracts, hours and decoys all hold.
pub(crate) const POLICY: &str = r#"
[organization]
accounts = ["111122223333", "222233334444"]
regions = ["us-west-2", "us-east-1"]
timezone = "America/Los_Angeles"
business_hours = { days = "mon-fri", from = "08:00", to = "18:00" }

[[humans]]
principals = ["arn:aws:iam::*:role/Snowy-OnCall"]

[[secrets]]
match = "prod/legacy-payroll/*"
decoy = true

[[secrets]]
match = "prod/blizzard-checkout/*"
sensitivity = "critical"
readers = ["arn:aws:iam::111122223333:role/Blizzard-Checkout-TaskRole"]
break_glass = ["arn:aws:iam::*:role/Snowy-OnCall"]
rotators = ["arn:aws:iam::111122223333:role/Snowy-Rotation-Role"]
vpc_endpoints = ["vpce-0a1b2c3d4e5f60718"]
cache_ttl = "5m"
"#;

/// Rules of which the deal gives a tick nothing to revise: two are found by time alone (how a tick revises what is stuck has
/// a test of its own below), the others stand on a past or on a contract that the other fixtures spoil.
/// `snowtrail rules test` tries each in its scope by itself.
const NOT_DEALT: [&str; 4] = ["cache-ignored", "key-rotation-disabled", "rotation-stuck", "slow-harvest"];

/// SplitMix64: enough chance for a deal, and the same on every machine.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).expect("it is below the bound")
    }
}

/// All firing fixtures' records, the past and then the batches.
pub(crate) fn dealt(chance: &mut Chance) -> Vec<Vec<Value>> {
    let mut present: Vec<Value> = Vec::new();
    let mut batches = vec![Vec::new(); BATCHES + 1];
    for (number, fixture) in firing_fixtures().iter().enumerate() {
        for mut record in records(&fixture.log) {
            // Fixtures share event ids where they share a story; here each is an event of its own.
            let id = record["eventID"].as_str().expect("an id").to_owned();
            record["eventID"] = json!(format!("{number:08x}{}", &id[8..]));
            let at = record["eventTime"].as_str().expect("a time");
            if at < PRESENT { batches[0].push(record) } else { present.push(record) }
        }
    }
    present.sort_by_key(|record| record["eventTime"].as_str().expect("a time").to_owned());
    let share = present.len().div_ceil(BATCHES);
    for (at, record) in present.into_iter().enumerate() {
        let due = 1 + at / share;
        let late = if chance.below(8) == 0 { chance.below(4) } else { 0 };
        if chance.below(6) == 0 {
            batches[(due + chance.below(3)).min(BATCHES)].push(record.clone());
        }
        batches[(due + late).min(BATCHES)].push(record);
    }
    batches
}

/// A lake that is fed and judged.
pub(crate) struct Stage {
    folder: TempDir,
    pub(crate) lake: Lake,
    pub(crate) bound: Arc<Bound>,
    pub(crate) detector: Detector,
    pub(crate) now: Timestamp,
    fed: usize,
}

impl Stage {
    pub(crate) async fn new(bound: Bound) -> Stage {
        let folder = tempdir().expect("a folder");
        let lake = Lake::open(text(&folder.path().join("lake")), Access::Write).await.expect("a lake");
        let detector = Detector::default();
        Stage { folder, lake, bound: Arc::new(bound), detector, now: Timestamp::UNIX_EPOCH, fed: 0 }
    }

    pub(crate) async fn feed(&mut self, batch: &[Value]) {
        self.fed += 1;
        let log = self.folder.path().join(format!("{}.json", self.fed));
        std::fs::write(&log, json!({ "Records": batch }).to_string()).expect("a log");
        intake::take_in(&mut self.lake, &[log]).await.expect("it is taken in");
        let newest = batch.iter().filter_map(|r| r["eventTime"].as_str()?.parse::<Timestamp>().ok()).max();
        // The clock is a little ahead of the trail.
        self.now = newest.map_or(self.now, |at| self.now.max(at + SignedDuration::from_mins(5)));
    }

    pub(crate) async fn sweep(&mut self) -> Detection {
        let (lake, bound) = (&mut self.lake, &self.bound);
        self.detector.sweep(lake, bound, self.now, Range::default(), &mut |_| {}).await.expect("a sweep")
    }

    pub(crate) async fn tick(&mut self) -> Ticked {
        self.detector.tick(&mut self.lake, &self.bound, self.now).await.expect("a tick")
    }

    /// What a whole evaluation finds, and what is stored as open: `severity key` of the rules that ticks judge. A
    /// rotation that is stuck is found by time alone, so that a tick need not have seen it.
    pub(crate) async fn differences(&self, swept: bool) -> Vec<String> {
        let engine =
            workbench::open(&self.lake, &self.bound, self.now, Horizon::UpToNow).await.expect("a session");
        let whole = engine.evaluate(self.now, |_| {}).await.findings;
        let stored = self.lake.newest_findings().await.expect("findings");
        let stored: Vec<Finding> = stored.into_iter().filter(|f| f.state == FindingState::Open).collect();
        let judged = |f: &&Finding| swept || self.scope(&f.rule) != Scope::All;
        let plain = |f: &Finding| format!("{} {} {:?}", f.severity, f.key, f.resolved_at());
        let whole: BTreeSet<String> = whole.iter().filter(judged).map(plain).collect();
        let stored: BTreeSet<String> = stored.iter().filter(judged).map(plain).collect();
        let by_time_alone = |line: &&String| !swept && line.contains(" rotation-stuck:");
        let missing = whole.difference(&stored).filter(|line| !by_time_alone(line));
        let excess = stored.difference(&whole);
        missing.map(|f| format!("missing {f}")).chain(excess.map(|f| format!("in excess {f}"))).collect()
    }

    fn scope(&self, rule: &str) -> Scope {
        self.bound.rules.rules.get(rule).map(|rule| rule.header.scope).unwrap_or_default()
    }
}

/// What a play came to.
#[derive(Debug, Default)]
struct Play {
    /// Ticks that judged something and owed nothing.
    ticks: usize,
    /// Ticks that owed a sweep, and why.
    owed: Vec<String>,
    /// Revisions by ticks, by rule.
    revisions: BTreeMap<String, usize>,
    /// Where ticks and whole evaluations differ.
    differences: Vec<String>,
}

async fn play(bound: Bound, seed: u64) -> Play {
    let mut play = Play::default();
    let mut stage = Stage::new(bound).await;
    for (number, batch) in dealt(&mut Chance(seed)).iter().enumerate() {
        stage.feed(batch).await;
        if number == 0 {
            stage.sweep().await;
            continue;
        }
        let owed = match stage.tick().await {
            Ticked::Nothing => None,
            Ticked::Unable(why) => Some(why),
            Ticked::Detected(detection) => {
                assert!(detection.failures.is_empty(), "{:?}", detection.failures);
                for revision in detection.revisions {
                    *play.revisions.entry(revision.rule).or_default() += 1;
                }
                detection.owed
            }
        };
        let swept = owed.is_some();
        match owed {
            None => play.ticks += 1,
            Some(why) => {
                play.owed.push(why);
                stage.sweep().await;
            }
        }
        let differences = stage.differences(swept).await;
        play.differences.extend(differences.into_iter().map(|line| format!("batch {number}: {line}")));
    }
    stage.sweep().await;
    play.differences.extend(stage.differences(true).await);
    play
}

pub(crate) fn seed() -> u64 {
    let drawn = std::env::var("SNOWTRAIL_TICKS_SEED").ok().and_then(|seed| seed.parse().ok());
    drawn.unwrap_or(20_261_103)
}

pub(crate) fn bound(policy: Option<&str>) -> Bound {
    let rules = RuleSet::shipped().expect("the rules that ship");
    let policy = policy.map(|text| Policy::parse(text, "policy", &rules.declared()).expect("a policy"));
    Bound { rules, policy: policy.unwrap_or_default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn ticks_give_what_sweeps_give() {
    let mut revised = BTreeSet::new();
    for policy in [None, Some(POLICY)] {
        let play = play(bound(policy), seed()).await;
        assert!(play.differences.is_empty(), "{}\n{:?}", play.differences.join("\n"), play.owed);
        assert!(play.ticks * 2 > BATCHES, "too few ticks stood alone: {:?}", play.owed);
        revised.extend(play.revisions.into_keys());
    }
    let rules = bound(None).rules.rules;
    let judged = rules.values().filter(|rule| rule.header.scope != Scope::All);
    let unseen: Vec<&str> =
        judged.map(|rule| rule.header.id.as_str()).filter(|id| !revised.contains(*id)).collect();
    assert_eq!(unseen, NOT_DEALT, "rules of which no tick ever revised a finding");
}

#[tokio::test(flavor = "multi_thread")]
async fn late_end_of_a_stuck_rotation_is_told_by_a_tick() {
    let mut records = fixture("rotation-stuck/fires-though-it-ended-in-the-end.json");
    records.sort_by_key(|record| record["eventTime"].as_str().expect("a time").to_owned());
    let end = records.pop().expect("an end");
    let mut stage = Stage::new(bound(None)).await;
    stage.feed(&records).await;
    stage.now = "2026-11-03T14:30:00Z".parse().expect("a time");
    let found = stage.sweep().await.revisions;
    assert!(found.iter().any(|f| f.rule == "rotation-stuck" && f.resolved_at().is_none()), "{found:?}");
    stage.feed(&[end]).await;
    let Ticked::Detected(detection) = stage.tick().await else { panic!("the end wakes a tick") };
    let stuck = detection.revisions.iter().find(|f| f.rule == "rotation-stuck");
    assert!(stuck.is_some_and(|f| f.resolved_at().is_some()), "{:?}", detection.revisions);
    assert!(stage.sweep().await.revisions.is_empty(), "a sweep has nothing to add");
}

/// The records of a rule's fixture.
pub(crate) fn fixture(path: &str) -> Vec<Value> {
    records(&root().join("testdata/rules").join(path))
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_scope_does_not_pass_for_a_right_one() {
    let mut planted = bound(Some(POLICY));
    let rule = planted.rules.rules.get_mut("unexpected-reader").expect("the rule ships");
    rule.header.scope = Scope::Secret;
    let play = play(planted, seed()).await;
    assert!(
        play.differences.iter().any(|line| line.contains("unexpected-reader")),
        "a rule about reads was judged by landmarks, and nobody noticed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn second_sweep_and_idle_tick_append_nothing() {
    let mut stage = Stage::new(bound(None)).await;
    stage.feed(&fixture("rotation-failed/fires-in-set-secret.json")).await;
    assert_eq!(stage.sweep().await.revisions.len(), 1);
    assert!(stage.sweep().await.revisions.is_empty());
    assert!(matches!(stage.tick().await, Ticked::Nothing));
}

/// Reading an encrypted trail makes a Decrypt, which is delivered in the trail: a worker must not wake itself for ever.
#[tokio::test(flavor = "multi_thread")]
async fn pipelines_own_reads_are_stored_and_wake_nobody() {
    let reads = fixture("unexpected-reader/fires-stranger.json");
    let mut decrypt = reads.into_iter().find(|r| r["eventName"] == "Decrypt").expect("a Decrypt");
    let mut stage = Stage::new(bound(None)).await;
    stage.feed(&[decrypt.clone()]).await;
    stage.sweep().await;
    for (number, context) in [
        json!({ "aws:cloudtrail:arn": "arn:aws:cloudtrail:us-west-2:111122223333:trail/org", "aws:s3:arn": "arn:aws:s3:::snowy-trail/AWSLogs/x" }),
        json!({ "aws:s3:arn": "arn:aws:s3:::snowy-trail/AWSLogs/x" }),
        json!({ "aws:sqs:arn": "arn:aws:sqs:us-west-2:111122223333:snowtrail-feed" }),
    ]
    .into_iter()
    .enumerate()
    {
        decrypt["eventID"] = json!(format!("0000000{number}-1111-4222-8333-444455556666"));
        decrypt["requestParameters"]["encryptionContext"] = context.clone();
        stage.feed(&[decrypt.clone()]).await;
        assert!(matches!(stage.tick().await, Ticked::Nothing), "{context}");
    }
    let stored = stage.lake.stats().await.expect("statistics");
    assert!(stored.iter().any(|table| table.rows == 4), "{stored:?}");
    // One that names a secret, whatever else it names, is no read of the trail.
    decrypt["eventID"] = json!("00000009-1111-4222-8333-444455556666");
    decrypt["requestParameters"]["encryptionContext"] = json!({
        "aws:s3:arn": "arn:aws:s3:::snowy-trail/x",
        "SecretARN": "arn:aws:secretsmanager:us-west-2:111122223333:secret:prod/db-a1B2c3",
    });
    stage.feed(&[decrypt]).await;
    assert!(matches!(stage.tick().await, Ticked::Detected(_)));
}
