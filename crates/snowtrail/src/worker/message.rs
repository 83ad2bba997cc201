//! A message's states, as types. Each is made from the one before, and deletion asks for a durable commit.
//!
//! ```text
//! received → Reading → AwaitingCommit ──settle(&Committed)──→ Deletable → deleted
//!               └────────────┴── release ──→ back to the queue, now or after a pause
//! ```
//! Dropping a message in any state gives it back too, when its visibility lapses: forgetting one loses nothing.

use std::sync::Arc;

use snowtrail_lake::Committed;
use tokio::sync::OwnedSemaphorePermit;

use crate::feed::{Handle, Received};
use crate::worker::hands::Hold;

/// A message whose content is being read.
#[derive(Debug)]
pub struct Reading(Held);

/// A message whose rows are all handed over, and not durable yet.
#[derive(Debug)]
pub struct AwaitingCommit(Held);

/// A message that may be deleted. Only [`AwaitingCommit::settle`] makes one.
#[derive(Debug)]
pub struct Deletable(Held);

#[derive(Debug)]
struct Held {
    message_id: String,
    handle: Handle,
    receive_count: u32,
    hold: Arc<Hold>,
    /// Its place among the messages in hand.
    _room: OwnedSemaphorePermit,
}

impl Reading {
    /// Takes a received message in hand; gives its body, which nothing else needs.
    pub fn start(received: Received, hold: Arc<Hold>, room: OwnedSemaphorePermit) -> (Reading, String) {
        let Received { message_id, handle, body, receive_count, .. } = received;
        (Reading(Held { message_id, handle, receive_count, hold, _room: room }), body)
    }

    /// The message's own id.
    pub fn message_id(&self) -> &str {
        &self.0.message_id
    }

    /// How often it was delivered by now.
    pub fn receive_count(&self) -> u32 {
        self.0.receive_count
    }

    /// For saying that work on it goes on.
    pub fn hold(&self) -> &Hold {
        &self.0.hold
    }

    /// Everything in it was handed to the committer, in order before this.
    pub fn all_handed_over(self) -> AwaitingCommit {
        self.0.hold.awaits_commit();
        AwaitingCommit(self.0)
    }

    /// Its handle, to be given back to the queue; the message is no longer in hand.
    pub fn release(self) -> Handle {
        self.0.handle
    }
}

impl AwaitingCommit {
    /// What it asked for is durable: it may be deleted. The proof must be of the commit that closed the batch in which
    /// the message was handed over; the committer takes pieces in order, so every earlier piece is durable too.
    pub fn settle(self, _proof: &Committed) -> Deletable {
        Deletable(self.0)
    }

    /// Its handle, to be given back to the queue.
    pub fn release(self) -> Handle {
        self.0.handle
    }
}

impl Deletable {
    /// What the queue deletes by.
    pub fn handle(&self) -> &Handle {
        &self.0.handle
    }

    /// The message's own id.
    pub fn message_id(&self) -> &str {
        &self.0.message_id
    }
}
