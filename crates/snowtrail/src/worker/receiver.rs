//! Receives messages while there is room for them, and starts reading each.
//!
//! The stop signal is raced only against waiting, never against work. A queue that fails is asked again ever more
//! slowly: never in a hot loop.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::feed::queue::ENTRIES_MAX;
use crate::feed::{Handle, Queue, Received};
use crate::telemetry;
use crate::worker::clock::Clock;
use crate::worker::hands::Hands;
use crate::worker::health::Health;
use crate::worker::limits::Limits;
use crate::worker::message::Reading;
use crate::worker::pause::Pause;
use crate::worker::reader::{Read, Reader};

/// Receives in a row that gave nothing before a queue counts as drained: SQS may answer one receive from servers that
/// have none of its messages. Source: SQS Developer Guide, "short and long polling".
const EMPTY_RECEIVES: u32 = 2;

/// When a worker ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When it is stopped.
    Stopped,
    /// When the queue is empty.
    Drained,
}

/// Receives messages.
pub struct Receiver {
    /// Where from.
    pub queue: Arc<dyn Queue>,
    /// Who reads them.
    pub reader: Arc<Reader>,
    /// What is in hand.
    pub hands: Arc<Hands>,
    /// Places for messages in hand.
    pub room: Arc<Semaphore>,
    /// The messages being read.
    pub reading: TaskTracker,
    /// Where progress is noted.
    pub health: Arc<Health>,
    /// Bounds.
    pub limits: Limits,
    /// For the age of messages.
    pub clock: Arc<dyn Clock>,
    /// Cancelled when nothing more is to be received.
    pub stop: CancellationToken,
    /// Cancelled when what is being read is to be given back.
    pub abandon: CancellationToken,
}

impl Receiver {
    /// Receives until stopped or drained.
    pub async fn run(self: Arc<Self>, until: Until) {
        let (mut pause, mut empty) = (Pause::new(self.limits.pause_max), 0);
        while let Some(room) = self.some_room().await {
            let received = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                received = self.queue.receive(room.len(), self.limits.visibility) => received,
            };
            match received {
                Ok(messages) => {
                    pause = Pause::new(self.limits.pause_max);
                    empty = if messages.is_empty() && self.hands.is_empty() { empty + 1 } else { 0 };
                    self.start(messages, room);
                    if until == Until::Drained && empty >= EMPTY_RECEIVES {
                        return;
                    }
                }
                Err(failure) => {
                    telemetry::queue_failed("receive", &failure);
                    drop(room);
                    if !self.wait(pause.length()).await {
                        return;
                    }
                }
            }
        }
    }

    /// Waits for a place, then takes as many more as one receive can fill; none when stopped.
    async fn some_room(&self) -> Option<Vec<OwnedSemaphorePermit>> {
        let first = tokio::select! {
            biased;
            () = self.stop.cancelled() => return None,
            place = Arc::clone(&self.room).acquire_owned() => place.ok()?,
        };
        let mut room = vec![first];
        while room.len() < ENTRIES_MAX
            && let Ok(place) = Arc::clone(&self.room).try_acquire_owned()
        {
            room.push(place);
        }
        Some(room)
    }

    async fn wait(&self, length: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(length) => true,
        }
    }

    fn start(&self, messages: Vec<Received>, room: Vec<OwnedSemaphorePermit>) {
        telemetry::received(messages.len(), messages.first().and_then(|m| m.sent_at), self.clock.now());
        for (received, place) in messages.into_iter().zip(room) {
            let hold = self.hands.take(received.handle.clone(), self.limits.visibility);
            let handle = received.handle.clone();
            let (reading, body) = Reading::start(received, hold, place);
            self.reading.spawn(read(
                Arc::clone(&self.reader),
                Arc::clone(&self.queue),
                self.abandon.clone(),
                handle,
                reading,
                body,
            ));
        }
        self.health.received(self.hands.len());
    }
}

/// Reads one message to its end, or gives it back.
async fn read(
    reader: Arc<Reader>,
    queue: Arc<dyn Queue>,
    abandon: CancellationToken,
    handle: Handle,
    reading: Reading,
    body: String,
) {
    let (message_id, receive_count) = (reading.message_id().to_owned(), reading.receive_count());
    let (handle, pause, why) = tokio::select! {
        biased;
        () = abandon.cancelled() => (handle, Duration::ZERO, "the worker stops".to_owned()),
        read = reader.read(reading, body) => match read {
            Read::HandedOver => return,
            Read::GiveBack { reading, pause, why } => (reading.release(), pause, why),
        },
    };
    telemetry::released(&message_id, receive_count, &why);
    for result in queue.change_visibility(&[handle], pause).await {
        if let Err(failure) = result {
            telemetry::queue_failed("give a message back", &failure);
        }
    }
}
