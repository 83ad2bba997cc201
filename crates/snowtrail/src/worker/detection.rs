//! Detection while streaming: new commits wake a tick, time wakes a sweep, and pages go out after either.
//!
//! A tick looks at what new events touch; a sweep looks at everything, at start and every few minutes, for what only time
//! brings about. A sweep goes on aside, because it takes the longer the larger the lake: ticks and pages do not wait for it.
//! Both are the engine that `detect` uses, and both end with the same findings. It never judges by an earlier `now` than the
//! stored findings were judged by: a clock that jumps back, or a second detector whose clock is behind, must not withdraw
//! what only time brought about.

use std::sync::Arc;
use std::time::Duration;

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
    sweeps: Schedule,
    judged_at: Option<Timestamp>,
    /// Whether the last pages went out.
    all_out: bool,
    /// Whether findings may have been stored of which the pager has not heard.
    must_look_back: bool,
}

/// What makes a pass necessary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Events,
    Time,
    Swept,
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
            owes_sweep: false,
            sweeps: Schedule::new(parts.limits.sweep_every),
            judged_at: None,
            all_out: true,
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
            return self.drain().await;
        }
        let mut pause = Pause::new(self.limits.pause_max);
        let mut why = Some(Why::Time);
        let mut pages_at: Option<Instant>;
        loop {
            let passed = match why {
                Some(why) => self.pass(why).await,
                None => Ok(()),
            };
            match passed {
                Ok(()) => {
                    pause = Pause::new(self.limits.pause_max);
                    self.health.detected(true);
                    pages_at = (!self.all_out).then(|| Instant::now() + self.limits.page_again);
                }
                Err(failure) => {
                    let length = pause.length();
                    telemetry::detection_failed(&failure, length);
                    self.health.detected(false);
                    // What a tick cannot do at all must not keep it from what a sweep can.
                    why = Some(Why::Time);
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => return Ok(()),
                        () = tokio::time::sleep(length) => continue,
                    }
                }
            }
            if why == Some(Why::Swept) {
                // What came while it went on is judged by what it learned.
                why = Some(Why::Events);
                continue;
            }
            let (sweep_at, sweeping) = (self.sweeps.due(self.owes_sweep), self.detector.is_sweeping());
            let pages = pages_at.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = self.detector.swept() => why = Some(Why::Swept),
                () = sleep_until(sweep_at), if !sweeping => why = Some(Why::Time),
                changed = self.woken.changed(), if !ingested.is_cancelled() => {
                    why = changed.is_ok().then_some(Why::Events);
                }
                () = sleep_until(pages), if pages_at.is_some() => why = Some(Why::WaitingPages),
                () = tokio::time::sleep(self.limits.look_every) => why = Some(Why::Events),
            }
        }
    }

    /// One sweep and its pages.
    async fn drain(&mut self) -> anyhow::Result<()> {
        let now = self.now().await?;
        let started = Instant::now();
        let (lake, detector) = (&mut self.lake, &mut self.detector);
        let detection = detector.sweep(lake, &self.bound, now, Range::default(), &mut |_| {}).await?;
        told(started.elapsed(), "sweep", &detection);
        self.page(None, now, None).await
    }

    /// The time to judge by.
    async fn now(&mut self) -> anyhow::Result<Timestamp> {
        if self.judged_at.is_none() {
            self.judged_at = self.lake.judged_at().await?;
        }
        let now = self.judged_at.map_or(self.clock.now(), |judged| judged.max(self.clock.now()));
        self.judged_at = Some(now);
        Ok(now)
    }

    /// One pass.
    async fn pass(&mut self, why: Why) -> anyhow::Result<()> {
        let woken_at = self.woken.borrow_and_update().at.filter(|_| why == Why::Events);
        let now = self.now().await?;
        let started = Instant::now();
        let detection = match why {
            Why::WaitingPages => None,
            Why::Events => self.tick(now).await?,
            Why::Time => self.begin_sweep(now).await?,
            Why::Swept => self.settle_sweep().await?,
        };
        if let Some(detection) = &detection {
            let (took, how) = match why {
                Why::Swept => (self.sweeps.last, "sweep"),
                _ => (started.elapsed(), "tick"),
            };
            told(took, how, detection);
        } else if why != Why::WaitingPages && !self.must_look_back {
            return Ok(());
        }
        // Only a tick that went through to the pages may look at its own findings alone.
        let changed = detection.as_ref().filter(|_| why == Why::Events && !self.must_look_back);
        self.must_look_back = true;
        self.page(changed, now, woken_at).await?;
        self.must_look_back = false;
        Ok(())
    }

    /// Publishes what is to be told of what changed, or of everything that is stored.
    async fn page(
        &mut self,
        changed: Option<&Detection>,
        now: Timestamp,
        woken_at: Option<Instant>,
    ) -> anyhow::Result<()> {
        let revisions = changed.map(|detection| detection.revisions.as_slice());
        let paged = self.pager.run(&mut self.lake, revisions, now).await?;
        telemetry::paged(&paged, woken_at.map(|at| at.elapsed()));
        self.all_out = paged.failed == 0;
        self.health.paged(self.all_out);
        Ok(())
    }

    /// Judges what new events touch; what cannot be told of them is left to a sweep.
    async fn tick(&mut self, now: Timestamp) -> anyhow::Result<Option<Detection>> {
        match self.detector.tick(&mut self.lake, &self.bound, now).await? {
            Ticked::Nothing => Ok(None),
            Ticked::Detected(detection) => {
                self.owes_sweep |= detection.owed.is_some();
                Ok(Some(detection))
            }
            Ticked::Unable(why) => {
                tracing::debug!(why, "a tick is left to a sweep");
                // One that goes on aside will do.
                self.owes_sweep |= !self.detector.is_sweeping();
                Ok(None)
            }
        }
    }

    async fn begin_sweep(&mut self, now: Timestamp) -> anyhow::Result<Option<Detection>> {
        if !self.detector.is_sweeping() {
            self.detector.begin_sweep(&mut self.lake, &self.bound, now).await?;
            self.sweeps.begins();
            self.owes_sweep = false;
        }
        Ok(None)
    }

    async fn settle_sweep(&mut self) -> anyhow::Result<Option<Detection>> {
        let settled = self.detector.settle_sweep(&mut self.lake, &self.bound).await;
        self.sweeps.ends();
        let detection = settled?;
        if let Some(why) = self.detector.cannot_tick() {
            telemetry::cannot_tick(&why);
        }
        if detection.is_none() {
            tracing::debug!("other detectors kept recording while a sweep was to be settled; it begins anew");
            self.owes_sweep = true;
        }
        Ok(detection)
    }
}

/// The longest pause that a large lake wins. An idle worker is known to live by its sweeps: the alarm `rules` of `deploy/`
/// goes off after 15 minutes without one.
const PAUSE_MAX: Duration = Duration::from_secs(600);

/// When sweeps begin. A sweep's cost follows the lake: it may take a twentieth of the time, and a sixth where ticks owe one,
/// of one core.
#[derive(Debug)]
struct Schedule {
    every: Duration,
    began: Instant,
    ended: Instant,
    /// How long the last one took.
    last: Duration,
}

impl Schedule {
    fn new(every: Duration) -> Schedule {
        let now = Instant::now();
        Schedule { every, began: now, ended: now, last: Duration::ZERO }
    }

    fn begins(&mut self) {
        self.began = Instant::now();
    }

    fn ends(&mut self) {
        (self.ended, self.last) = (Instant::now(), self.began.elapsed());
    }

    fn due(&self, owed: bool) -> Instant {
        let pause = if owed {
            (self.last * 5).min(PAUSE_MAX)
        } else {
            self.every.max((self.last * 20).min(PAUSE_MAX))
        };
        self.ended + pause
    }
}

fn told(took: Duration, how: &'static str, detection: &Detection) {
    telemetry::evaluated(took, how, detection.revisions.len(), detection.failures.len());
}
