//! The seam to a queue of messages: receive, extend, release, delete, look at its depth.
//!
//! Modelled on SQS: at least once, unordered, each receive gives a new handle, what is not deleted comes back when its
//! visibility timeout lapses. Source: AWS SQS Developer Guide, "Amazon SQS visibility timeout" and the API reference.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::worker::Deletable;

/// Messages of one receive, and entries of one batch call. Source: SQS API reference, ReceiveMessage,
/// DeleteMessageBatch, ChangeMessageVisibilityBatch.
pub const ENTRIES_MAX: usize = 10;

/// What a receive gave a message: good for one delivery of it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Handle(pub String);

/// Handles are long and open the message to whoever has them: they stay out of logs.
impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle(…)")
    }
}

/// One delivery of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The message's own id: the same over all its deliveries.
    pub message_id: String,
    /// Of this delivery.
    pub handle: Handle,
    /// The body.
    pub body: String,
    /// How often it was delivered, this time included; from it the queue decides about the dead-letter queue.
    pub receive_count: u32,
    /// When it was sent, UTC, where the queue says so.
    pub sent_at: Option<Timestamp>,
}

/// How much lies in a queue; SQS calls its own figures approximate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Waiting to be received.
    pub visible: u64,
    /// Handed out and neither deleted nor back.
    pub in_flight: u64,
}

/// Why a call to the queue failed.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// It may pass: throttled, unreachable, an error of the service. Try again, more slowly each time.
    #[error("failed to {what} for now")]
    Passing {
        /// The verb and the queue.
        what: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The handle is no longer good: its time lapsed, or the message is gone. Nothing is lost: what is not deleted
    /// comes back.
    #[error("the message is no longer ours")]
    HandleLapsed,
    /// Somebody must act first: no such queue, no permission.
    #[error("failed to {what}")]
    Lasting {
        /// The verb and the queue.
        what: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// A queue. Implementations do not retry by themselves beyond what their client library does within a call: the worker
/// decides, for each verb anew.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Waits a while for messages and hides them for `visibility`. Giving none is normal. Dropping the future may leave
    /// messages hidden until their visibility lapses; nothing is lost.
    async fn receive(&self, messages_max: usize, visibility: Duration) -> Result<Vec<Received>, QueueError>;

    /// Deletes up to [`ENTRIES_MAX`] messages; one result each, in order. A message that could not be deleted comes back
    /// and will be recognized.
    async fn delete(&self, messages: &[Deletable]) -> Vec<Result<(), QueueError>>;

    /// Hides up to [`ENTRIES_MAX`] messages for this long from now; zero gives them back at once. One result each.
    async fn change_visibility(
        &self,
        handles: &[Handle],
        visibility: Duration,
    ) -> Vec<Result<(), QueueError>>;

    /// How much lies in it.
    async fn depth(&self) -> Result<Depth, QueueError>;

    /// A name for logs and for the address of what its messages carry.
    fn name(&self) -> &str;
}
