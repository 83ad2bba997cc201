//! What a worker proves before it starts: that it can receive, write its lake, and page, without sending anything.
//!
//! Whether reads arrive at all is seen only while it runs; see [`crate::worker::watched`].

use std::collections::BTreeSet;

use aws_sdk_sqs::types::QueueAttributeName;
use snowtrail_lake::Lake;
use snowtrail_model::Policy;
use snowtrail_page::PublishTarget;
use tracing::{info, warn};

use crate::aws::sqs::SqsQueue;
use crate::places::RealPlaces;

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
    let attributes = queue.attributes().await?;
    if !attributes.contains_key(&QueueAttributeName::RedrivePolicy) {
        warn!("the queue has no dead-letter queue: a message that cannot be read comes back for ever");
    }
    lake.location().prove_writable().await?;
    for arn in topics(target, policy) {
        places.topic(&arn)?.prove_publishable().await?;
    }
    info!("proved: the queue answers, the lake is writable, the topics take pages");
    Ok(())
}

/// Every topic that a page may go to.
fn topics(target: &PublishTarget, policy: &Policy) -> BTreeSet<String> {
    let PublishTarget::Topic(_) = target else { return BTreeSet::new() };
    let targets = policy.routes.iter().map(|route| &route.publish).chain([target]);
    targets.filter_map(|t| if let PublishTarget::Topic(arn) = t { Some(arn.clone()) } else { None }).collect()
}
