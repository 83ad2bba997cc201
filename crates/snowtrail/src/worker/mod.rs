//! The streaming worker: messages in, a durable lake, findings, pages out; for ever, or until the queue is empty.
//!
//! ```text
//! queue → receive → read (parts, objects, decode) → commit → settle → delete
//!            ↑ hidden for longer while in hand           ↓ wakes
//!            └───────── give back ─────────        tick or sweep → findings → outbox → pages
//! ```
//! Reading order: [`message`] (the states), [`hands`] (what is in hand), [`reader`], [`committer`], [`settle`],
//! [`detection`], [`upkeep`], [`health`], [`limits`]; `design.md` beside this file says what happens when each arrow breaks.
//! Knows no AWS: everything outside comes in through [`Parts`].

pub mod clock;
pub mod committer;
pub mod detection;
pub mod hands;
pub mod health;
pub mod limits;
pub mod message;
pub mod pause;
pub mod reader;
pub mod receiver;
pub mod recent;
pub mod settle;
pub mod upkeep;
pub mod watched;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use snowtrail_lake::{Ingest, Lake};
use snowtrail_page::PublishTarget;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::feed::{Objects, Queue};
use crate::places::Places;
use crate::policy_file::Bound;
use crate::telemetry;

pub use clock::{Clock, SystemClock};
pub use health::Health;
pub use limits::Limits;
pub use message::Deletable;

use committer::Committer;
use detection::{Detect, Wake};
use hands::Hands;
use reader::Reader;
use receiver::{Receiver, Until};
use recent::{LOOK_BACK, RECENT_SOURCES_MAX, Recent};
use upkeep::Upkeep;
use watched::Watched;

/// How often the queue is asked how much lies in it, for the metrics.
const DEPTH_EVERY: Duration = Duration::from_secs(30);

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Takes in and detects.
    Both,
    /// Takes in; some other worker detects.
    Ingest,
    /// Detects what others take in.
    Detect,
}

/// Everything that a worker stands on.
pub struct Parts {
    /// Where messages come from.
    pub queue: Arc<dyn Queue>,
    /// Where the objects are that they name.
    pub objects: Arc<dyn Objects>,
    /// The lake, opened.
    pub lake: Lake,
    /// Rules and policy.
    pub bound: Arc<Bound>,
    /// Where pages go that no route claims.
    pub target: PublishTarget,
    /// How to reach where pages go.
    pub places: Arc<dyn Places>,
    /// What it does.
    pub role: Role,
    /// Its bounds.
    pub limits: Limits,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Where progress is noted.
    pub health: Arc<Health>,
}

/// Runs until `stop` is cancelled, or, with [`Until::Drained`], until the queue is empty and everything is told. Not
/// cancel safe, but everything that it leaves half done comes back: that is what the whole design is for.
///
/// # Errors
/// When the lake cannot be asked what it knows, or the last detection of a drained run fails.
pub async fn run(parts: Parts, until: Until, stop: CancellationToken) -> anyhow::Result<()> {
    parts.limits.check()?;
    let exit_within = parts.limits.exit_within;
    let out_of_time = async {
        stop.cancelled().await;
        sleep(exit_within).await;
    };
    tokio::select! {
        ended = work(&parts, until, &stop) => ended,
        () = out_of_time => {
            tracing::warn!("out of time; what is left half done comes back or is resumed");
            Ok(())
        }
    }
}

/// Everything that is dropped half done is aborted with it.
async fn work(parts: &Parts, until: Until, stop: &CancellationToken) -> anyhow::Result<()> {
    let (wake, woken) = watch::channel(Wake::default());
    let ingested = CancellationToken::new();
    let recent = Arc::new(Recent::default());
    if parts.role != Role::Detect {
        // Before detection begins: the first sweep of a large lake takes all cores for minutes, and nothing is received
        // while it is not known what was taken in already.
        let since = parts.clock.now().saturating_sub(LOOK_BACK).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        recent.seed(&parts.lake.recent_sources(since, RECENT_SOURCES_MAX / 2).await?);
    }
    let detect = (parts.role != Role::Ingest).then(|| {
        let detect = Detect::new(parts, woken, until);
        AbortOnDropHandle::new(tokio::spawn(detect.run(stop.clone(), ingested.clone())))
    });
    // A drained run has no time for it, and the next worker has.
    let upkeep = Upkeep::new(parts).filter(|_| parts.role != Role::Ingest && until == Until::Stopped);
    let _upkeep = upkeep.map(|upkeep| AbortOnDropHandle::new(tokio::spawn(upkeep.run(stop.clone()))));
    if parts.role == Role::Detect {
        if until == Until::Stopped {
            stop.cancelled().await;
        }
    } else {
        ingest(parts, recent, until, stop, wake).await?;
    }
    ingested.cancel();
    match detect {
        // A stopped one ends with the pass that it is in.
        Some(detect) => detect.await.context("detection panicked")?,
        None => Ok(()),
    }
}

async fn ingest(
    parts: &Parts,
    recent: Arc<Recent>,
    until: Until,
    stop: &CancellationToken,
    wake: watch::Sender<Wake>,
) -> anyhow::Result<()> {
    let hands = Arc::new(Hands::default());
    let (pieces, committed) = mpsc::channel(parts.limits.pieces_waiting_max);
    let (deletable, deleted) = mpsc::channel(parts.limits.messages_in_hand_max);
    let abandon = CancellationToken::new();
    let committer = Committer {
        lake: parts.lake.clone(),
        ingest: Ingest::default(),
        recent: Arc::clone(&recent),
        deletable,
        wake,
        health: Arc::clone(&parts.health),
        watched: Watched::new(Arc::clone(&parts.health)),
        limits: parts.limits.clone(),
        clock: Arc::clone(&parts.clock),
    };
    let committing = AbortOnDropHandle::new(tokio::spawn(committer.run(committed)));
    let deleting =
        AbortOnDropHandle::new(tokio::spawn(settle::delete_all(Arc::clone(&parts.queue), deleted)));
    let _extending = AbortOnDropHandle::new(tokio::spawn(keep_hidden(
        Arc::clone(&hands),
        Arc::clone(&parts.queue),
        parts.limits.clone(),
    )));
    let _measuring = AbortOnDropHandle::new(tokio::spawn(measure_depth(Arc::clone(&parts.queue))));
    let reader = Reader::new(
        Arc::clone(&parts.objects),
        recent,
        pieces,
        parts.queue.name(),
        &parts.limits,
        Arc::clone(&parts.clock),
    );
    let receiver = Arc::new(Receiver {
        queue: Arc::clone(&parts.queue),
        reader: Arc::new(reader),
        hands,
        room: Arc::new(Semaphore::new(parts.limits.messages_in_hand_max)),
        reading: TaskTracker::new(),
        health: Arc::clone(&parts.health),
        limits: parts.limits.clone(),
        clock: Arc::clone(&parts.clock),
        stop: stop.clone(),
        abandon: abandon.clone(),
    });
    receive_until(&receiver, until, parts.limits.receivers).await;
    receiver.reading.close();
    if until == Until::Drained {
        receiver.reading.wait().await;
    } else if timeout(parts.limits.finish_within, receiver.reading.wait()).await.is_err() {
        abandon.cancel();
        receiver.reading.wait().await;
    }
    drop(receiver);
    committing.await.context("the committer panicked")?;
    deleting.await.context("deleting panicked")?;
    Ok(())
}

async fn receive_until(receiver: &Arc<Receiver>, until: Until, receivers: usize) {
    let tracker = TaskTracker::new();
    for _ in 0..receivers {
        tracker.spawn(Arc::clone(receiver).run(until));
    }
    tracker.close();
    tracker.wait().await;
}

/// Extends the visibility of what is in hand, three times in each timeout.
async fn keep_hidden(hands: Arc<Hands>, queue: Arc<dyn Queue>, limits: Limits) {
    loop {
        sleep(limits.visibility / 3).await;
        hands.extend(queue.as_ref(), &limits).await;
    }
}

async fn measure_depth(queue: Arc<dyn Queue>) {
    loop {
        match queue.depth().await {
            Ok(depth) => telemetry::depth(depth),
            Err(failure) => telemetry::queue_failed("measure the queue", &failure),
        }
        sleep(DEPTH_EVERY).await;
    }
}
