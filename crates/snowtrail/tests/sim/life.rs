//! One life: a runtime, one worker or several in it, their edges, and how it ends.
//!
//! A life ends when every worker ended or died; a worker is stopped after a while or when the queue is empty. Whatever
//! the end, the whole runtime is dropped: nothing of a life reaches the next one but through the world.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use snowtrail::feed::{Objects, Queue};
use snowtrail::places::Places;
use snowtrail::policy_file::Bound;
use snowtrail::worker::receiver::Until;
use snowtrail::worker::{self, Clock, Health, Limits, Parts, Role};
use snowtrail_lake::{Access, Lake, Location};
use snowtrail_page::PublishTarget;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::gate::Gate;
use crate::invariants::{ENDS, PROGRESS};
use crate::objects::SimObjects;
use crate::places::SimPlaces;
use crate::planted;
use crate::queue::SimQueue;
use crate::rules;
use crate::store::SimStore;
use crate::world::{Hand, World};

/// What every life judges by.
pub static BOUND: LazyLock<Arc<Bound>> = LazyLock::new(|| Arc::new(rules::bound()));

/// From the stop signal to the end; then ECS kills. Source: ECS developer guide, `stopTimeout`: 30 s by default.
const STOP_MAX: Duration = Duration::from_secs(30);
/// No life is so long: something waits for ever.
const LIFE_MAX: Duration = Duration::from_secs(4 * 3_600);

/// What a life is to be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Which.
    pub number: u64,
    /// Its workers.
    pub roles: Vec<Role>,
    /// How long everybody was dead before it.
    pub pause_ms: u64,
    /// When its workers end.
    pub ends: Ends,
    /// Their bounds.
    pub limits: Limits,
}

/// When workers end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// When they are told, after so long.
    After(Duration),
    /// When they are told, which is when the queue is empty.
    WhenEmpty,
    /// By themselves.
    Drained,
}

/// Lives a life. Gives what the workers said at their end; nothing where one died.
pub fn live(world: &Arc<World>, plan: &Plan) -> Vec<Option<anyhow::Result<()>>> {
    // Workers draw the lengths of their pauses and their numbers as writers from the thread's own generator.
    fastrand::seed(world.dice.roll("pauses", plan.number));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let ended = runtime.block_on(in_runtime(world, plan));
    drop(runtime);
    ended
}

async fn in_runtime(world: &Arc<World>, plan: &Plan) -> Vec<Option<anyhow::Result<()>>> {
    world.begin_life(plan.pause_ms);
    world.state().note(&format!("life {} of {:?} {:?}", plan.number, plan.roles, plan.ends));
    let gate = Arc::new(Gate::new(world.dice));
    tokio::spawn(Arc::clone(&gate).run());
    let stop = CancellationToken::new();
    let workers: Vec<_> = (0..plan.roles.len())
        .map(|n| lives_or_dies(Hand::new(world, n, &gate), plan.clone(), stop.clone()))
        .collect();
    tokio::spawn(tell(Arc::clone(world), plan.ends, stop.clone()));
    let hands_down = stop.clone();
    let overdue = async move {
        hands_down.cancelled().await;
        sleep(STOP_MAX).await;
    };
    let all = join_all(workers);
    let ended = tokio::select! {
        biased;
        ended = timeout(LIFE_MAX, all) => ended.map_err(|_| (PROGRESS, format!("a life did not end within {LIFE_MAX:?}"))),
        () = overdue => Err((ENDS, format!("a worker had not ended {STOP_MAX:?} after it was told to"))),
    };
    world.end_life();
    ended.unwrap_or_else(|(guarantee, how)| {
        world.state().violated(guarantee, how);
        Vec::new()
    })
}

/// Tells the workers to stop.
async fn tell(world: Arc<World>, ends: Ends, stop: CancellationToken) {
    match ends {
        Ends::Drained => return,
        Ends::After(length) => sleep(length).await,
        Ends::WhenEmpty => {
            while !world.state().messages.is_empty() {
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
    world.state().note("stop");
    stop.cancel();
}

async fn lives_or_dies(hand: Hand, plan: Plan, stop: CancellationToken) -> Option<anyhow::Result<()>> {
    let working = tokio::spawn(work(hand.clone(), plan, stop));
    tokio::select! {
        biased;
        () = hand.died() => None,
        ended = working => Some(ended.unwrap_or_else(|panic| Err(anyhow::Error::new(panic)))),
    }
}

async fn work(hand: Hand, plan: Plan, stop: CancellationToken) -> anyhow::Result<()> {
    let location = Location::in_store("memory:///lake", Arc::new(SimStore::new(hand.clone())))?;
    let lake = tokio::select! {
        biased;
        () = stop.cancelled() => return Ok(()),
        lake = Lake::open_at(location, Access::Write) => lake?,
    };
    let (queue, objects, places) = edges(&hand, &plan);
    let parts = Parts {
        queue,
        objects,
        lake,
        bound: Arc::clone(&BOUND),
        target: PublishTarget::Topic("arn:aws:sns:us-west-2:111122223333:pages".to_owned()),
        places,
        role: plan.roles[hand.worker],
        limits: plan.limits,
        clock: Arc::new(SimClock { hand: hand.clone(), began: Instant::now() }),
        health: Arc::new(Health::default()),
    };
    let until = if plan.ends == Ends::Drained { Until::Drained } else { Until::Stopped };
    worker::run(parts, until, stop).await
}

type Edges = (Arc<dyn Queue>, Arc<dyn Objects>, Arc<dyn Places>);

/// The edges, with the bug in them if one is planted.
fn edges(hand: &Hand, plan: &Plan) -> Edges {
    let queue = Arc::new(SimQueue { hand: hand.clone() });
    let objects = Arc::new(SimObjects { hand: hand.clone() });
    let places = Arc::new(SimPlaces { hand: hand.clone() });
    match hand.world.planted {
        None => (queue, objects, places),
        Some(bug) => planted::around(bug, &hand.world, plan.limits.visibility, (queue, objects, places)),
    }
}

/// The wall clock of a worker: the world's time, and off by more or less for a while where the seed says so.
struct SimClock {
    hand: Hand,
    began: Instant,
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let (world, right) = (&self.hand.world, self.hand.world.now());
        if world.state().quiet || world.dice.permille("clocks are right", 0, 650) {
            return right;
        }
        let minute = self.began.elapsed().as_secs() / 40;
        let turn = minute * 8 + self.hand.worker as u64;
        let off = world.dice.one("off by seconds", turn, &[0, 0, 2, -2, 1_200, -1_200, 100_000, -100_000]);
        right + SignedDuration::from_secs(off)
    }
}
