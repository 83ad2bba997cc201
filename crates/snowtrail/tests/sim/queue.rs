//! The queue: SQS as its documentation has it, at least once, unordered, with a dead-letter queue.
//!
//! Each receive gives a new handle; only the newest one deletes, an older one is refused or deletes nothing and says it
//! did; a message that is received too often goes to the dead-letter queue at the next receive. A reply may be lost, a
//! message handed out twice, an entry of a batch fail alone, an extension be forgotten.
//! Source: SQS Developer Guide, "Amazon SQS visibility timeout", "dead-letter queues"; API reference, DeleteMessage.

use std::time::Duration;

use async_trait::async_trait;
use snowtrail::feed::{Depth, Handle, Queue, QueueError, Received};
use snowtrail::worker::Deletable;
use tokio::time::{Instant, sleep};

use crate::dice::Dice;
use crate::faults::{Fault, Kind};
use crate::world::{Hand, State, Verdict, at};

/// How long a receive waits for messages.
const WAIT: Duration = Duration::from_secs(5);

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is in the queue, hidden or not.
    Waiting,
    /// It was deleted.
    Deleted,
    /// It is in the dead-letter queue.
    Dead,
}

/// One message.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// Its body.
    pub body: String,
    /// What became of it.
    pub fate: Fate,
    /// How often it was delivered.
    pub receives: u32,
    sent_ms: u64,
    visible_ms: u64,
    /// Number of the newest delivery.
    delivery: u64,
}

/// The queue and its dead letters.
#[derive(Debug, Default)]
pub struct Messages {
    /// All messages that were ever sent.
    pub all: Vec<Message>,
    /// Deliveries after which a message goes to the dead-letter queue.
    pub receives_max: u32,
    deliveries: u64,
}

impl Messages {
    /// Sends a message, to arrive at a time.
    pub fn send(&mut self, id: &str, body: String, arrives_ms: u64) {
        self.all.push(Message {
            id: id.to_owned(),
            body,
            fate: Fate::Waiting,
            receives: 0,
            sent_ms: arrives_ms,
            visible_ms: arrives_ms,
            delivery: 0,
        });
    }

    /// Whether nothing is left in it, hidden or not.
    pub fn is_empty(&self) -> bool {
        self.all.iter().all(|m| m.fate != Fate::Waiting)
    }

    /// Gives dead letters back to the queue, as an operator does who mended what was wrong.
    pub fn redrive(&mut self, wanted: impl Fn(&Message) -> bool) {
        for message in self.all.iter_mut().filter(|m| m.fate == Fate::Dead && wanted(m)) {
            (message.fate, message.receives) = (Fate::Waiting, 0);
        }
    }

    /// When the next message becomes visible.
    pub fn next_visible_ms(&self) -> Option<u64> {
        self.all.iter().filter(|m| m.fate == Fate::Waiting).map(|m| m.visible_ms).min()
    }

    fn receive(&mut self, now: u64, most: usize, hidden_ms: u64, dice: Dice, number: u64) -> Vec<Received> {
        let receives_max = self.receives_max;
        let mut visible: Vec<&mut Message> =
            self.all.iter_mut().filter(|m| m.fate == Fate::Waiting && m.visible_ms <= now).collect();
        visible.sort_by_key(|m| dice.roll(&m.id, number));
        let most = 1 + dice.below("messages of a receive", number, most as u64);
        let mut received = Vec::new();
        for message in visible {
            if message.receives >= receives_max {
                message.fate = Fate::Dead;
            } else if (received.len() as u64) < most {
                self.deliveries += 1;
                message.receives += 1;
                message.delivery = self.deliveries;
                message.visible_ms = now + hidden_ms;
                received.push(message.delivered());
            }
        }
        received
    }

    /// The message of a handle, if it is the newest one.
    fn of(&mut self, handle: &Handle) -> Option<&mut Message> {
        let (id, delivery) = handle.0.split_once('/')?;
        let message = self.all.iter_mut().find(|m| m.id == id)?;
        (message.fate == Fate::Waiting && message.delivery.to_string() == delivery).then_some(message)
    }

    /// Deletes by a handle; false when it is not the newest one.
    pub fn delete(&mut self, handle: &Handle) -> bool {
        let Some(message) = self.of(handle) else { return false };
        message.fate = Fate::Deleted;
        true
    }

    /// Handles of what was received and is hidden or may be.
    pub fn in_hand(&self) -> Vec<Handle> {
        let received = self.all.iter().filter(|m| m.fate == Fate::Waiting && m.receives > 0);
        received.map(|m| m.delivered().handle).collect()
    }

    fn hide(&mut self, handle: &Handle, now: u64, hidden_ms: u64) -> bool {
        let Some(message) = self.of(handle).filter(|m| m.visible_ms > now) else { return false };
        message.visible_ms = now + hidden_ms;
        true
    }

    fn show_again(&mut self, handle: &Handle) {
        if let Some(message) = self.of(handle) {
            message.visible_ms = 0;
        }
    }
}

impl Message {
    fn delivered(&self) -> Received {
        Received {
            message_id: self.id.clone(),
            handle: Handle(format!("{}/{}", self.id, self.delivery)),
            body: self.body.clone(),
            receive_count: self.receives,
            sent_at: Some(at(self.sent_ms)),
        }
    }
}

/// One worker's way to the queue.
pub struct SimQueue {
    /// The worker's.
    pub hand: Hand,
}

#[async_trait]
impl Queue for SimQueue {
    async fn receive(&self, messages_max: usize, visibility: Duration) -> Result<Vec<Received>, QueueError> {
        let until = Instant::now() + WAIT;
        loop {
            let verdict = self.hand.turn(Kind::Receive, "").await;
            let received = self.received(verdict, messages_max, visibility)?;
            if self.hand.loses_reply(verdict).await {
                return Err(passing("receive"));
            }
            if !received.is_empty() || Instant::now() >= until {
                return Ok(received);
            }
            sleep(self.nap().min(until - Instant::now())).await;
        }
    }

    async fn delete(&self, messages: &[Deletable]) -> Vec<Result<(), QueueError>> {
        let handles: Vec<Handle> = messages.iter().map(|m| m.handle().clone()).collect();
        let verdict = self.hand.turn(Kind::Delete, &named(&handles)).await;
        let results = self.each(verdict, &handles, |state, handle| {
            state.deletes(handle);
            state.messages.delete(handle)
        });
        if self.hand.loses_reply(verdict).await {
            return handles.iter().map(|_| Err(passing("delete"))).collect();
        }
        results
    }

    async fn change_visibility(
        &self,
        handles: &[Handle],
        visibility: Duration,
    ) -> Vec<Result<(), QueueError>> {
        let what = format!("{} {}s", named(handles), visibility.as_secs());
        let verdict = self.hand.turn(Kind::Hide, &what).await;
        let hidden_ms = millis(visibility);
        let forgets = matches!(verdict.fault, Fault::Odd(number) if number % 2 == 0);
        let results = self.each(verdict, handles, |state, handle| {
            let now = state.now_ms();
            forgets || state.messages.hide(handle, now, hidden_ms)
        });
        if self.hand.loses_reply(verdict).await {
            return handles.iter().map(|_| Err(passing("hide"))).collect();
        }
        results
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        let verdict = self.hand.turn(Kind::Depth, "").await;
        if self.hand.loses_reply(verdict).await || matches!(verdict.fault, Fault::Before | Fault::Odd(_)) {
            return Err(passing("ask how much there is"));
        }
        Ok(Depth::default())
    }

    fn name(&self) -> &str {
        "feed"
    }
}

impl SimQueue {
    fn received(
        &self,
        verdict: Verdict,
        most: usize,
        visibility: Duration,
    ) -> Result<Vec<Received>, QueueError> {
        let twice = match verdict.fault {
            Fault::Before => return Err(passing("receive")),
            Fault::Odd(number) if number % 3 == 0 => {
                return Err(QueueError::Lasting {
                    what: "receive".to_owned(),
                    source: "no permission".into(),
                });
            }
            Fault::Odd(_) => true,
            _ => false,
        };
        let (mut state, dice) = (self.hand.world.state(), self.hand.world.dice);
        let now = state.now_ms();
        let received = state.messages.receive(now, most, millis(visibility), dice, verdict.ordinal);
        for message in &received {
            if twice {
                state.messages.show_again(&message.handle);
            }
            let twice = if twice { ", and stays visible" } else { "" };
            state.note(&format!("w{} gets {}{twice}", self.hand.worker, message.handle.0));
        }
        Ok(received)
    }

    /// Until something becomes visible, and not much shorter than a while.
    fn nap(&self) -> Duration {
        let state = self.hand.world.state();
        let next = state.messages.next_visible_ms().unwrap_or(u64::MAX);
        Duration::from_millis(next.saturating_sub(state.now_ms()).clamp(200, millis(WAIT)))
    }

    /// An effect on each of a batch, of which some may fail alone, before or after it.
    fn each(
        &self,
        verdict: Verdict,
        handles: &[Handle],
        effect: impl Fn(&mut State, &Handle) -> bool,
    ) -> Vec<Result<(), QueueError>> {
        let (mut state, dice) = (self.hand.world.state(), self.hand.world.dice);
        let fails_alone = |handle: &Handle, when: &str| {
            matches!(verdict.fault, Fault::Odd(_))
                && dice.permille(when, dice.roll(&handle.0, verdict.ordinal), 300)
        };
        let one = |handle: &Handle| {
            if verdict.fault == Fault::Before || fails_alone(handle, "before") {
                return Err(passing("do it"));
            }
            let is_ours = effect(&mut state, handle);
            if fails_alone(handle, "after") {
                return Err(passing("do it"));
            }
            // What is no longer ours is refused, or said to be done.
            let refused = !is_ours && dice.permille("refused", dice.roll(&handle.0, 0), 500);
            if refused { Err(QueueError::HandleLapsed) } else { Ok(()) }
        };
        handles.iter().map(one).collect()
    }
}

fn named(handles: &[Handle]) -> String {
    let mut ids: Vec<&str> = handles.iter().map(|h| h.0.as_str()).collect();
    ids.sort_unstable();
    ids.join(" ")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("a short time")
}

fn passing(what: &str) -> QueueError {
    QueueError::Passing { what: what.to_owned(), source: "throttled".into() }
}
