//! Sweeps that go on aside while ticks go on: no page waits for what takes the longer the larger the lake.
//!
//! Such a sweep speaks for everything but what ticks have judged, and other detectors have recorded, since it began. It
//! judges as any sweep does ([`super::judge`]); here is only what happens beside it.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Context;
use datafusion::common::runtime::SpawnedTask;
use jiff::{SignedDuration, Timestamp};
use snowtrail_lake::{Lake, Table};
use snowtrail_model::Finding;
use snowtrail_rules::memory::Beside;
use snowtrail_rules::reconcile::Range;
use snowtrail_rules::watch::Spoken;
use tokio::task::JoinError;

use super::{ATTEMPTS_MAX, Detection, Detector, Judged, Settled, judge};
use crate::policy_file::Bound;

/// How far apart the clocks of two detectors may be: what another recorded is told by the time that it wrote.
const CLOCKS_APART_MAX: SignedDuration = SignedDuration::from_mins(1);

/// A sweep that goes on aside; given up when dropped.
pub(super) struct Aside {
    task: SpawnedTask<anyhow::Result<Judged>>,
    /// What it ended with.
    judged: Option<Result<anyhow::Result<Judged>, JoinError>>,
    pub(super) since: Since,
}

/// What happened to the findings since a sweep began.
pub(super) struct Since {
    /// The version of their history that this detector last saw or made.
    version: Option<u64>,
    /// Whether all of it is ours.
    is_ours: bool,
    /// Keys that ticks revised.
    revised: HashSet<String>,
    /// What ticks spoke for.
    spoken: Vec<Spoken>,
}

impl Detector {
    /// Begins a sweep as of `now` that goes on aside, while this detector ticks. One at a time: while one goes on, nothing
    /// happens. [`Detector::swept`] tells when it is to be settled.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn begin_sweep(
        &mut self,
        lake: &mut Lake,
        bound: &Arc<Bound>,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        if self.aside.is_none() {
            let (now, since) = self.prepare(lake, now, true).await?;
            let (lake, bound) = (lake.clone(), Arc::clone(bound));
            // Without a watch there are no ticks to be disturbed, and nobody is paged before this one ends.
            let beside = if self.watching.is_some() { Beside::Stream } else { Beside::Nothing };
            let task = async move { judge(None, &lake, &bound, now, &mut |_| {}, Some(beside)).await };
            self.aside = Some(Aside { task: SpawnedTask::spawn(task), judged: None, since });
        }
        Ok(())
    }

    /// Whether a sweep goes on aside.
    pub fn is_sweeping(&self) -> bool {
        self.aside.is_some()
    }

    /// Waits until a sweep that goes on aside has judged everything; without one, for ever. Cancel safe.
    pub async fn swept(&mut self) {
        match &mut self.aside {
            Some(aside) if aside.judged.is_some() => {}
            Some(aside) => aside.judged = Some((&mut aside.task).await),
            None => std::future::pending().await,
        }
    }

    /// Records what the sweep found that went on aside, except what ticks have judged since it began, of newer events, and
    /// what another detector has recorded since then: where two tick for ever, neither's sweeps may wait for a quiet minute.
    /// None if others kept winning: then another sweep should begin.
    ///
    /// Not cancel safe, as [`run`].
    ///
    /// # Errors
    /// When the sweep failed, or the lake cannot be read or written. It is over then, too.
    pub async fn settle_sweep(
        &mut self,
        lake: &mut Lake,
        bound: &Bound,
    ) -> anyhow::Result<Option<Detection>> {
        self.swept().await;
        let Some(Aside { judged: Some(judged), since, .. }) = self.aside.take() else { return Ok(None) };
        let mut judged = judged.context("a sweep was stopped")??;
        for _ in 0..ATTEMPTS_MAX {
            lake.refresh(Table::Findings).await?;
            let began = judged.found_at.saturating_sub(CLOCKS_APART_MAX)?;
            let others = (!since.saw_all(lake)).then_some(began);
            match self.settle(lake, bound, judged, Range::default(), &since, others).await? {
                Settled::Recorded(detection) => return Ok(Some(detection)),
                Settled::LostRace(again) => judged = *again,
            }
        }
        Ok(None)
    }
}

impl Since {
    pub(super) fn at(version: Option<u64>) -> Since {
        Since { version, is_ours: true, revised: HashSet::new(), spoken: Vec::new() }
    }

    /// A tick recorded revisions, as this version of the history, and spoke for these findings.
    pub(super) fn heard(&mut self, version: u64, revisions: &[Finding], spoken: Spoken) {
        self.spoken.push(spoken);
        if !revisions.is_empty() {
            self.is_ours &= self.version.map_or(0, |before| before + 1) == version;
            self.version = Some(version);
            self.revised.extend(revisions.iter().map(|f| f.key.clone()));
        }
    }

    /// Whether the history, as it is opened, has nothing that this detector did not see or make.
    fn saw_all(&self, lake: &Lake) -> bool {
        self.is_ours && lake.delta(Table::Findings).version() == self.version
    }

    /// Whether a tick judged a finding, by newer events than the sweep saw.
    pub(super) fn has_judged(&self, finding: &Finding) -> bool {
        self.revised.contains(&finding.key) || self.spoken.iter().any(|spoken| spoken.holds(finding))
    }
}
