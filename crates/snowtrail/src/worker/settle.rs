//! Deletes what is durable, in batches.
//!
//! A deletion that fails is tried a few times and then left: the message comes back and is recognized. So nothing here
//! can lose a message, and nothing waits for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::feed::queue::ENTRIES_MAX;
use crate::feed::{Queue, QueueError};
use crate::telemetry;
use crate::worker::message::Deletable;
use crate::worker::pause::Pause;

/// Tries of one deletion.
const TRIES: usize = 3;
/// The longest pause between them.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// How long the first of some messages waits for others: a call of ten costs what a call of one costs.
const GATHER: Duration = Duration::from_millis(20);
/// Messages gathered at most, so that a busy time waits for calls and not for gathering.
const GATHERED_MAX: usize = 10 * ENTRIES_MAX;

/// Deletes what comes in until the sender is gone.
pub async fn delete_all(queue: Arc<dyn Queue>, mut deletable: mpsc::Receiver<Deletable>) {
    while let Some(first) = deletable.recv().await {
        sleep(GATHER).await;
        let others = std::iter::from_fn(|| deletable.try_recv().ok());
        let mut messages: Vec<Deletable> = std::iter::once(first).chain(others).take(GATHERED_MAX).collect();
        while !messages.is_empty() {
            let some = messages.drain(..messages.len().min(ENTRIES_MAX)).collect();
            delete(queue.as_ref(), some).await;
        }
    }
}

async fn delete(queue: &dyn Queue, mut messages: Vec<Deletable>) {
    let mut pause = Pause::new(PAUSE_MAX);
    for turn in 0..TRIES {
        if turn > 0 {
            pause.wait().await;
        }
        let results = queue.delete(&messages).await;
        let mut left = Vec::new();
        for (message, result) in messages.into_iter().zip(results) {
            match result {
                Ok(()) => telemetry::deleted(1),
                Err(QueueError::HandleLapsed) => {}
                Err(failure) => {
                    telemetry::queue_failed("delete a message", &failure);
                    left.push(message);
                }
            }
        }
        if left.is_empty() {
            return;
        }
        messages = left;
    }
}
