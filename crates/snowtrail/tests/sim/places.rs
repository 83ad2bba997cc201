//! The places that pages go to: they fail for now, fail lastingly for a while, answer late, or lose their reply.
//!
//! What is sent is judged at once: it must have been planned, durably, and must not be known as sent already where
//! nobody else sends.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use snowtrail::places::Places;
use snowtrail_page::{Message, Publish, PublishError, PublishFuture, PublishTarget};
use tokio::time::sleep;

use crate::faults::{Fault, Kind};
use crate::invariants::{ONE_KEY, PLANNED_FIRST};
use crate::world::{Hand, State};

/// Longer than the pager waits for an answer.
const LATE: Duration = Duration::from_secs(20);

/// What people got.
#[derive(Debug, Default)]
pub struct Heard {
    /// Dedupe keys in the order of arrival, repetitions included.
    pub keys: Vec<String>,
    /// When no place takes anything.
    pub closed_ms: Range<u64>,
    /// Whether two pagers may send at once, who may repeat each other.
    pub by_two: bool,
}

/// One worker's way to the places.
pub struct SimPlaces {
    /// The worker's.
    pub hand: Hand,
}

struct SimPlace {
    hand: Hand,
    to: String,
}

impl Places for SimPlaces {
    fn open(&self, target: &PublishTarget) -> anyhow::Result<Arc<dyn Publish>> {
        Ok(Arc::new(SimPlace { hand: self.hand.clone(), to: target.to_string() }))
    }
}

impl Publish for SimPlace {
    fn publish<'a>(&'a self, message: &'a Message) -> PublishFuture<'a> {
        Box::pin(self.send(message))
    }
}

impl SimPlace {
    async fn send(&self, message: &Message) -> Result<(), PublishError> {
        let topic = self.to.rsplit(':').next().unwrap_or_default();
        let verdict = self.hand.turn(Kind::Publish, &format!("{} to {topic}", message.dedupe_key)).await;
        let late = match verdict.fault {
            Fault::Before => return Err(passing(message)),
            Fault::Odd(number) if number % 3 == 0 => return Err(lasting(message)),
            Fault::Odd(_) => true,
            _ => false,
        };
        {
            let mut state = self.hand.world.state();
            if !state.quiet && state.heard.closed_ms.contains(&state.now_ms()) {
                return Err(lasting(message));
            }
            arrive(&mut state, &message.dedupe_key);
        }
        if late {
            sleep(LATE).await;
        }
        if self.hand.loses_reply(verdict).await { Err(passing(message)) } else { Ok(()) }
    }
}

fn arrive(state: &mut State, key: &str) {
    if !state.durable.planned.contains_key(key) {
        state.violated(PLANNED_FIRST, format!("page {key} was sent and is not planned in the lake"));
    }
    if state.durable.sent.contains(key) && !state.heard.by_two {
        state.violated(ONE_KEY, format!("page {key} is noted as sent, and was sent again"));
    }
    state.heard.keys.push(key.to_owned());
}

fn passing(message: &Message) -> PublishError {
    PublishError::Passing { dedupe_key: message.dedupe_key.clone(), source: "throttled".into() }
}

fn lasting(message: &Message) -> PublishError {
    PublishError::Lasting { dedupe_key: message.dedupe_key.clone(), source: "no such topic".into() }
}
