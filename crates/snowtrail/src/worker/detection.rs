//! Detection while streaming: new commits wake a tick, time wakes a sweep, and pages go out after either.
//!
//! A tick looks at what new events touch; a sweep looks at everything, at start and every few minutes, for what only time
//! brings about. Both are the engine that `detect` uses, and both end with the same findings. It never judges by an
//! earlier `now` than the stored findings were judged by: a clock that jumps back, or a second detector whose clock is
//! behind, must not withdraw what only time brought about.

use std::sync::Arc;

use jiff::Timestamp;
use snowtrail_lake::Lake;
use snowtrail_rules::reconcile::Range;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::detector::{Detection, Detector, Ticked};
use crate::pager::Pager;
use crate::policy_file::Bound;
use crate::telemetry;
use crate::worker::Parts;
use crate::worker::clock::Clock;
use crate::worker::health::Health;
use crate::worker::limits::Limits;
use crate::worker::pause::Pause;
use crate::worker::receiver::Until;

/// The newest commit of events that this process made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wake {
    /// Its version.
    pub events_version: u64,
    /// When it was made.
    pub at: Option<Instant>,
}

/// The detecting half of a worker.
pub struct Detect {
    lake: Lake,
    bound: Arc<Bound>,
    pager: Pager,
    clock: Arc<dyn Clock>,
    health: Arc<Health>,
    limits: Limits,
    woken: watch::Receiver<Wake>,
    until: Until,
    detector: Detector,
    /// Whether a tick left something to a sweep.
    owes_sweep: bool,
    judged_at: Option<Timestamp>,
    /// Whether findings may have been stored of which the pager has not heard.
    must_look_back: bool,
}

/// What makes a pass necessary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Events,
    Time,
    WaitingPages,
}

impl Detect {
    /// The detecting half of the worker with these parts.
    pub fn new(parts: &Parts, woken: watch::Receiver<Wake>, until: Until) -> Detect {
        Detect {
            lake: parts.lake.clone(),
            bound: Arc::clone(&parts.bound),
            pager: Pager::new(Arc::clone(&parts.bound), parts.target.clone(), Arc::clone(&parts.places)),
            clock: Arc::clone(&parts.clock),
            health: Arc::clone(&parts.health),
            limits: parts.limits.clone(),
            woken,
            until,
            detector: Detector::default(),
            owes_sweep: true,
            judged_at: None,
            must_look_back: true,
        }
    }

    /// Runs until `stop`, or, for a drained run, until one sweep after `ingested` ended well.
    ///
    /// # Errors
    /// When the last sweep of a drained run fails.
    pub async fn run(mut self, stop: CancellationToken, ingested: CancellationToken) -> anyhow::Result<()> {
        if self.until == Until::Drained {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = ingested.cancelled() => {}
            }
            self.judged_at = self.lake.judged_at().await?;
            return self.pass(Why::Time).await.map(drop);
        }
        let mut pause = Pause::new(self.limits.pause_max);
        let (mut why, mut sweep_at) = (Some(Why::Time), Instant::now());
        let mut pages_at: Option<Instant>;
        loop {
            let started = Instant::now();
            match self.pass_for(why).await {
                Ok(all_out) => {
                    pause = Pause::new(self.limits.pause_max);
                    self.health.detected(true);
                    if why == Some(Why::Time) {
                        // A sweep's cost follows the lake: it may take a twentieth of the time, no more.
                        sweep_at = Instant::now() + self.limits.sweep_every.max(started.elapsed() * 20);
                    }
                    pages_at = (!all_out).then(|| Instant::now() + self.limits.page_again);
                }
                Err(failure) => {
                    let length = pause.length();
                    telemetry::detection_failed(&failure, length);
                    self.health.detected(false);
                    // What a tick cannot do at all must not keep it from what a sweep can.
                    self.owes_sweep = true;
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => return Ok(()),
                        () = tokio::time::sleep(length) => continue,
                    }
                }
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = sleep_until(sweep_at) => why = Some(Why::Time),
                changed = self.woken.changed(), if !ingested.is_cancelled() => {
                    why = changed.is_ok().then_some(Why::Events);
                }
                () = sleep_until(pages_at.unwrap_or(sweep_at)), if pages_at.is_some() => why = Some(Why::WaitingPages),
                () = tokio::time::sleep(self.limits.look_every) => why = Some(Why::Events),
            }
        }
    }

    async fn pass_for(&mut self, why: Option<Why>) -> anyhow::Result<bool> {
        match why {
            Some(why) => self.pass(why).await,
            None => Ok(true),
        }
    }

    /// One pass; whether all pages are out.
    async fn pass(&mut self, why: Why) -> anyhow::Result<bool> {
        let woken_at = self.woken.borrow_and_update().at.filter(|_| why == Why::Events);
        if self.judged_at.is_none() {
            self.judged_at = self.lake.judged_at().await?;
        }
        let now = self.judged_at.map_or(self.clock.now(), |judged| judged.max(self.clock.now()));
        let started = Instant::now();
        let (how, detection) = match why {
            Why::WaitingPages => ("pages", None),
            Why::Events if !self.owes_sweep => self.tick(now).await?,
            Why::Events | Why::Time => ("sweep", Some(self.sweep(now).await?)),
        };
        self.judged_at = Some(now);
        if let Some(detection) = &detection {
            self.owes_sweep = detection.owed.is_some();
            telemetry::evaluated(started.elapsed(), how, detection.revisions.len(), detection.failures.len());
        } else if how == "nothing" {
            return Ok(true);
        }
        // Only a tick that went through to the pages may look at its own findings alone.
        let changed = detection.as_ref().filter(|_| how == "tick" && !self.must_look_back);
        self.must_look_back = true;
        let paged = self.pager.run(&mut self.lake, changed.map(|d| d.revisions.as_slice()), now).await?;
        self.must_look_back = false;
        telemetry::paged(&paged, woken_at.map(|at| at.elapsed()));
        self.health.paged(paged.failed == 0);
        Ok(paged.failed == 0)
    }

    /// Judges what new events touch, or everything where that cannot be told.
    async fn tick(&mut self, now: Timestamp) -> anyhow::Result<(&'static str, Option<Detection>)> {
        match self.detector.tick(&mut self.lake, &self.bound, now).await? {
            Ticked::Nothing => Ok(("nothing", None)),
            Ticked::Detected(detection) => Ok(("tick", Some(detection))),
            Ticked::Unable(why) => {
                tracing::debug!(why, "a tick is left to a sweep");
                Ok(("sweep", Some(self.sweep(now).await?)))
            }
        }
    }

    async fn sweep(&mut self, now: Timestamp) -> anyhow::Result<Detection> {
        self.detector.sweep(&mut self.lake, &self.bound, now, Range::default(), &mut |_| {}).await
    }
}
