//! `snowtrail worker`: sets up the edges, proves them, runs until a signal or until the queue is empty.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use snowtrail_lake::Access;
use snowtrail_page::PublishTarget;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::aws::Aws;
use crate::aws::s3::S3Objects;
use crate::aws::sqs::SqsQueue;
use crate::cli::{Half, Worker};
use crate::commands::worker_proof;
use crate::exit::Exit;
use crate::output::Usage;
use crate::places::RealPlaces;
use crate::worker::receiver::Until;
use crate::worker::{self, Health, Limits, Parts, Role, SystemClock, health};
use crate::{location, policy_file, telemetry};

/// How long a receive waits for messages; a run that drains does not wait so long to learn that there are none.
const RECEIVE_WAIT: Duration = Duration::from_secs(20);
const RECEIVE_WAIT_ONCE: Duration = Duration::from_secs(2);

/// Runs a worker.
pub async fn run(options: Worker) -> anyhow::Result<Exit> {
    let limits = limits(&options);
    limits.check().map_err(|error| anyhow::Error::new(Usage(error.to_string())))?;
    let bound = Arc::new(policy_file::load(&options.rules)?);
    let target = PublishTarget::parse(&options.publish).map_err(|text| anyhow::Error::new(Usage(text)))?;
    let until = if options.once { Until::Drained } else { Until::Stopped };
    telemetry::start(&options.lake.lake)?;
    let stop = stop_signal()?;
    let aws = Aws::load().await;
    let wait = if options.once { RECEIVE_WAIT_ONCE } else { RECEIVE_WAIT };
    let queue = SqsQueue::new(&aws, &options.queue, wait);
    let lake = location::open(&options.lake.lake, Access::Write).await?;
    let places = RealPlaces::new(Some(aws.clone()));
    if !options.skip_proof {
        worker_proof::prove(&queue, &lake, &places, &target, &bound.policy).await?;
    }
    let health = Arc::new(Health::default());
    if let Some(address) = options.health {
        let bound = health::serve(address, Arc::clone(&health)).await?;
        tracing::info!(address = %bound, "health endpoint");
    }
    tracing::info!(queue = %options.queue, lake = %options.lake.lake, publish = %target, "the worker starts");
    let parts = Parts {
        queue: Arc::new(queue),
        objects: Arc::new(S3Objects::new(&aws)),
        lake,
        bound,
        target,
        places: Arc::new(places),
        role: match options.only {
            None => Role::Both,
            Some(Half::Ingest) => Role::Ingest,
            Some(Half::Detect) => Role::Detect,
        },
        limits,
        clock: Arc::new(SystemClock),
        health,
    };
    let ended = worker::run(parts, until, stop).await;
    telemetry::flush_now();
    tracing::info!("the worker ends");
    ended.map(|()| Exit::Done)
}

fn limits(options: &Worker) -> Limits {
    Limits {
        batch_age_max: Duration::from_millis(options.batch_age_ms),
        batch_events_max: options.batch_events.max(1),
        visibility: Duration::from_secs(options.visibility_seconds),
        fetches_max: options.fetches,
        messages_in_hand_max: options.messages,
        sweep_every: Duration::from_secs(options.sweep_seconds),
        compact_every: Duration::from_secs(options.compact_every),
        ..Limits::default()
    }
}

/// Cancelled by SIGTERM and by SIGINT.
fn stop_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut signals = signal(kind).context("failed to listen for signals")?;
        let stop = stop.clone();
        tokio::spawn(async move {
            signals.recv().await;
            tracing::info!("asked to stop");
            stop.cancel();
        });
    }
    Ok(stop)
}
