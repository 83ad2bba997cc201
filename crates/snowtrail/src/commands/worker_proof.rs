//! What a worker proves before it starts: that it can receive, write its lake, and page, without sending anything.
//!
//! `doctor` asks the same of the same edges, and much more. Whether reads arrive at all is seen only while it runs; see [`crate::worker::watched`].

use std::collections::BTreeSet;

use snowtrail_lake::Lake;
use snowtrail_model::Policy;
use snowtrail_page::PublishTarget;
use tracing::{info, warn};

use crate::aws::sqs::SqsQueue;
use crate::places::RealPlaces;

/// What is said of a queue without a redrive policy, here and by `doctor`.
pub const NO_DEAD_LETTERS: &str =
    "the queue has no dead-letter queue: a message that cannot be read comes back for ever";

/// Proves the edges.
///
/// # Errors
/// Naming the first that cannot be used, and what to do.
pub async fn prove(
    queue: &SqsQueue,
    lake: &Lake,
    places: &RealPlaces,
    target: &PublishTarget,
    policy: &Policy,
) -> anyhow::Result<()> {
    if queue.setup().await?.dead_letters.is_none() {
        warn!("{NO_DEAD_LETTERS}");
    }
    lake.location().prove_writable().await?;
    for arn in topics(target, policy) {
        places.topic(&arn)?.prove_publishable().await?;
    }
    info!("proved: the queue answers, the lake is writable, the topics take pages");
    Ok(())
}

/// Every topic that a page may go to.
pub fn topics(target: &PublishTarget, policy: &Policy) -> BTreeSet<String> {
    let PublishTarget::Topic(_) = target else { return BTreeSet::new() };
    let targets = policy.routes.iter().map(|route| &route.publish).chain([target]);
    targets.filter_map(|t| if let PublishTarget::Topic(arn) = t { Some(arn.clone()) } else { None }).collect()
}
