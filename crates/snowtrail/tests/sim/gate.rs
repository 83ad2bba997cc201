//! One call to the outside at a time, in an order that the seed decides: what makes a run repeatable.
//!
//! The worker runs on one thread, but decoding and Delta's log replay run on others, and how long these take is the
//! machine's business. So a call waits at the gate until everything is at rest: the runtime's paused clock moves on only
//! when no task can run and no blocking thread is at work. Then one call is let through, chosen by the seed among those
//! that waited when the rest began, never by who came first. Calls from other threads (log replay) do not come here:
//! the runtime is not at rest while they run, so nothing can change under them.
//!
//! Every call takes a millisecond of virtual time for each call that is let through before it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep};

use crate::dice::Dice;

/// The gate of one runtime.
#[derive(Debug)]
pub struct Gate {
    dice: Dice,
    waiting: Mutex<Vec<Waiting>>,
    arrived: Notify,
}

#[derive(Debug)]
struct Waiting {
    /// Who calls and what for; two of one name are the same to everybody.
    name: String,
    since: Instant,
    dead: Arc<AtomicBool>,
    go: oneshot::Sender<()>,
}

impl Gate {
    /// A gate that chooses by these dice.
    pub fn new(dice: Dice) -> Gate {
        Gate { dice, waiting: Mutex::default(), arrived: Notify::new() }
    }

    /// Waits to be let through. Never returns to the dead.
    pub async fn pass(&self, name: String, dead: &Arc<AtomicBool>) {
        let (go, gone) = oneshot::channel();
        let waiting = Waiting { name, since: Instant::now(), dead: Arc::clone(dead), go };
        self.lock().push(waiting);
        self.arrived.notify_one();
        if gone.await.is_err() || dead.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }

    /// Lets calls through for ever.
    pub async fn run(self: Arc<Gate>) {
        let mut step = 0;
        loop {
            if self.lock().is_empty() {
                self.arrived.notified().await;
            }
            sleep(Duration::from_millis(1)).await;
            if let Some(chosen) = self.choose(step) {
                step += 1;
                let _ = chosen.go.send(());
            }
        }
    }

    /// One of those that waited before this instant: who came since may have been faster by chance.
    fn choose(&self, step: u64) -> Option<Waiting> {
        let now = Instant::now();
        let mut waiting = self.lock();
        waiting.retain(|w| !w.dead.load(Ordering::SeqCst) && !w.go.is_closed());
        let rested = waiting.iter().enumerate().filter(|(_, w)| w.since < now);
        let (at, _) = rested.min_by_key(|(at, w)| (self.dice.roll(&w.name, step), *at))?;
        Some(waiting.remove(at))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
