//! The world that outlives every worker: its time, its queue, objects, lake and places, and the history of what was
//! asked of it and what it answered.
//!
//! A worker reaches the world through a [`Hand`]. A crash is the hand's death: from that instant nothing that the
//! worker still does has an effect, and the life's driver drops its runtime.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

use jiff::{SignedDuration, Timestamp};
use object_store::memory::InMemory;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::dice::Dice;
use crate::durable::Durable;
use crate::faults::{Fault, Faults, Kind};
use crate::gate::Gate;
use crate::invariants::Asked;
use crate::objects::Stored;
use crate::places::Heard;
use crate::planted::Planted;
use crate::queue::Messages;

/// When every world begins.
pub const BEGINNING: &str = "2026-03-04T09:00:00Z";

/// Crashes of one seed: enough to die in every place, few enough that work gets done.
const CRASHES_MAX: u32 = 8;

/// Everything that survives a crash.
pub struct World {
    /// Chance.
    pub dice: Dice,
    /// What fails.
    pub faults: Faults,
    /// The lake's bytes.
    pub memory: Arc<InMemory>,
    /// The bug that is planted in the edges, to see whether it is noticed.
    pub planted: Option<Planted>,
    state: Mutex<State>,
}

/// What changes in the world.
#[derive(Debug, Default)]
pub struct State {
    /// The queue.
    pub messages: Messages,
    /// The log objects.
    pub stored: BTreeMap<String, Stored>,
    /// What people got.
    pub heard: Heard,
    /// What the lake's logs hold.
    pub durable: Durable,
    /// Calls and what became of them.
    pub history: Vec<String>,
    /// The first violation that was seen while it happened.
    pub violation: Option<Violation>,
    /// What each message asks for, by its id.
    pub asked: BTreeMap<String, Asked>,
    /// Whether nothing fails any more.
    pub quiet: bool,
    ordinals: BTreeMap<Kind, u64>,
    /// Calls that were let through.
    turns: u64,
    /// Reads beside the runtime's thread that failed since the last turn: a set, for their order is the machine's.
    beside: BTreeSet<String>,
    crashes: u32,
    /// Milliseconds from the beginning to the start of this life.
    life_began_ms: u64,
    /// The runtime's instant then.
    life_began: Option<Instant>,
}

/// A guarantee that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which: a name of [`crate::invariants`].
    pub guarantee: &'static str,
    /// How.
    pub how: String,
}

impl World {
    /// A world of a seed in which nothing has happened.
    pub fn new(seed: u64, planted: Option<Planted>) -> World {
        let dice = Dice::new(seed);
        let memory = Arc::new(InMemory::new());
        World { dice, faults: Faults::new(dice), memory, planted, state: Mutex::default() }
    }

    /// What changes.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a life's clock, this long after the last one ended. Call it inside the life's runtime.
    pub fn begin_life(&self, pause_ms: u64) {
        let mut state = self.state();
        state.life_began_ms += pause_ms;
        state.life_began = Some(Instant::now());
    }

    /// Stops the clock until the next life.
    pub fn end_life(&self) {
        let mut state = self.state();
        state.life_began_ms = state.now_ms();
        state.life_began = None;
    }

    /// Now, as the world counts it.
    pub fn now(&self) -> Timestamp {
        at(self.state().now_ms())
    }
}

/// A time of the world.
pub fn at(ms: u64) -> Timestamp {
    let beginning: Timestamp = BEGINNING.parse().expect("a time");
    beginning + SignedDuration::from_millis(ms.cast_signed())
}

impl State {
    /// Milliseconds since the beginning. Ask on the runtime's own thread: others have no paused clock.
    pub fn now_ms(&self) -> u64 {
        let lived = self.life_began.map_or(0, |began| began.elapsed().as_millis());
        self.life_began_ms + u64::try_from(lived).expect("a short life")
    }

    /// Notes what happened.
    pub fn note(&mut self, what: &str) {
        let (seconds, millis) = (self.now_ms() / 1_000, self.now_ms() % 1_000);
        self.history.push(format!("{seconds:>5}.{millis:03} {what}"));
    }

    /// Notes that a guarantee was broken; the first one counts.
    pub fn violated(&mut self, guarantee: &'static str, how: String) {
        self.note(&format!("VIOLATED {guarantee}: {how}"));
        self.violation.get_or_insert(Violation { guarantee, how });
    }
}

/// A worker's hold on the world.
#[derive(Clone)]
pub struct Hand {
    /// The world.
    pub world: Arc<World>,
    /// Which of the workers of a life.
    pub worker: usize,
    gate: Arc<Gate>,
    dead: Arc<AtomicBool>,
    died: Arc<Notify>,
    thread: ThreadId,
}

/// What the world decided about a call that was let through.
#[derive(Debug, Clone, Copy)]
pub struct Verdict {
    /// What happens to it: none of the crashes before, none that is slow.
    pub fault: Fault,
    /// How many of its kind came before.
    pub ordinal: u64,
}

impl Hand {
    /// A new worker's, made on the runtime's thread.
    pub fn new(world: &Arc<World>, worker: usize, gate: &Arc<Gate>) -> Hand {
        Hand {
            world: Arc::clone(world),
            worker,
            gate: Arc::clone(gate),
            dead: Arc::default(),
            died: Arc::default(),
            thread: std::thread::current().id(),
        }
    }

    /// Waits until the worker dies.
    pub async fn died(&self) {
        while !self.is_dead() {
            self.died.notified().await;
        }
    }

    /// Whether it is dead.
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// Kills the worker.
    pub fn kill(&self) {
        self.dead.store(true, Ordering::SeqCst);
        self.died.notify_one();
    }

    /// Whether this is a thread beside the runtime's, where nothing may wait and no clock is paused.
    pub fn is_beside(&self) -> bool {
        std::thread::current().id() != self.thread
    }

    /// Waits for the call's turn and hears what happens to it.
    pub async fn turn(&self, kind: Kind, what: &str) -> Verdict {
        let name = format!("w{} {} {what}", self.worker, kind.as_str());
        self.pass(&name).await;
        let (ordinal, mut fault) = self.decide(kind, &name);
        if let Fault::Slow(length) = fault {
            sleep(length).await;
            self.pass(&name).await;
            self.world.state().note(&format!("{name}: at last"));
            fault = Fault::None;
        }
        if fault == Fault::CrashBefore {
            self.crash().await;
        }
        Verdict { fault, ordinal }
    }

    /// After the effect: whether the reply is lost.
    pub async fn loses_reply(&self, verdict: Verdict) -> bool {
        if verdict.fault == Fault::CrashAfter {
            self.crash().await;
        }
        verdict.fault == Fault::After
    }

    async fn pass(&self, name: &str) {
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
        self.gate.pass(name.to_owned(), &self.dead).await;
    }

    /// Whether a read beside the runtime's thread fails. Between two turns all reads of one place have one fate, since
    /// which of them comes first is not ours to say.
    pub fn fails_beside(&self, kind: Kind, place: &str) -> bool {
        let mut state = self.world.state();
        let fails = self.is_dead() || (!state.quiet && self.world.faults.beside(kind, place, state.turns));
        if fails {
            state.beside.insert(format!("w{} {} {place} fails, beside", self.worker, kind.as_str()));
        }
        fails
    }

    fn decide(&self, kind: Kind, name: &str) -> (u64, Fault) {
        let mut state = self.world.state();
        for line in std::mem::take(&mut state.beside) {
            state.note(&line);
        }
        state.turns += 1;
        let next = state.ordinals.entry(kind).or_default();
        let ordinal = *next;
        *next += 1;
        let mut fault = if state.quiet { Fault::None } else { self.world.faults.of(kind, ordinal) };
        if matches!(fault, Fault::CrashBefore | Fault::CrashAfter) {
            state.crashes += 1;
            if state.crashes > CRASHES_MAX {
                fault = Fault::None;
            }
        }
        match fault {
            Fault::None => state.note(name),
            fault => state.note(&format!("{name}: {fault:?}")),
        }
        (ordinal, fault)
    }

    /// Dies here.
    pub async fn crash(&self) -> Infallible {
        self.kill();
        std::future::pending().await
    }
}
