//! Bugs that are planted in the edges, to see that the simulation notices them: the test of the test.
//!
//! Each does through a seam what a careless worker, lake or pager would do: swallow a commit and say that it is done, send
//! what was not planned, delete what was not stored. Together with each stands the guarantee that it breaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::{PutMode, PutOptions};
use snowtrail::feed::{Depth, FetchedObject, Handle, ObjectError, Objects, Queue, QueueError, Received};
use snowtrail::places::Places;
use snowtrail::worker::Deletable;
use snowtrail_page::{Message, Publish, PublishFuture, PublishTarget};
use snowtrail_trail::message::ObjectRef;

use crate::durable::Durable;
use crate::invariants::{BOOKS, DURABLE, LAW, NOTHING_LOST, ONCE, PLANNED_FIRST, TOLD};
use crate::world::World;

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// Messages are deleted when they are received.
    AcknowledgesAtReceive,
    /// The commit of sources is swallowed.
    ForgetsSources,
    /// The commit of events is swallowed.
    ForgetsEvents,
    /// The commit of rejects is swallowed.
    ForgetsRejects,
    /// The commit of findings is swallowed.
    ForgetsFindings,
    /// Pages are sent without having been planned.
    SendsBeforePlanning,
    /// A commit replaces what somebody else committed.
    IgnoresTheCondition,
    /// Commits of events claim nothing.
    DropsClaims,
    /// An object that was cut is said to be whole.
    TakesCutObjects,
    /// Giving a message back deletes it.
    GivingBackDeletes,
    /// Where one message of a batch cannot be deleted, those in hand are all deleted.
    DeletesNeighbours,
    /// Each try to send a page has a key of its own.
    DrawsDedupeKeys,
    /// A page that could not be sent is said to be sent.
    CallsFailuresSent,
}

impl Planted {
    /// All of them, each with the guarantees of which the simulation must see one broken.
    pub const ALL: [(Planted, &'static [&'static str]); 13] = [
        (Planted::AcknowledgesAtReceive, &[DURABLE]),
        (Planted::ForgetsSources, &[DURABLE]),
        (Planted::ForgetsEvents, &[DURABLE]),
        (Planted::ForgetsRejects, &[BOOKS]),
        (Planted::ForgetsFindings, &[LAW, TOLD, PLANNED_FIRST]),
        (Planted::SendsBeforePlanning, &[PLANNED_FIRST]),
        (Planted::IgnoresTheCondition, &[ONCE, BOOKS, LAW, TOLD, NOTHING_LOST]),
        (Planted::DropsClaims, &[ONCE, BOOKS]),
        (Planted::TakesCutObjects, &[DURABLE, ONCE]),
        (Planted::GivingBackDeletes, &[DURABLE]),
        (Planted::DeletesNeighbours, &[DURABLE]),
        (Planted::DrawsDedupeKeys, &[PLANNED_FIRST]),
        (Planted::CallsFailuresSent, &[TOLD]),
    ];
}

impl Planted {
    /// Whether it does harm only where several workers write one table.
    pub fn needs_rivals(self) -> bool {
        matches!(self, Planted::IgnoresTheCondition | Planted::DropsClaims)
    }
}

/// A log entry as the bug would have it written.
pub fn commit(
    bug: Planted,
    table: &str,
    entry: &Bytes,
    options: &mut PutOptions,
    durable: &Durable,
) -> Bytes {
    let text = String::from_utf8_lossy(entry);
    let makes_the_table = text.contains("\"metaData\"");
    let swallowed = match bug {
        Planted::ForgetsSources => table == "sources",
        Planted::ForgetsEvents => table == "events",
        Planted::ForgetsRejects => table == "rejects",
        Planted::ForgetsFindings => table == "findings",
        _ => false,
    };
    let keeps = |line: &&str| match bug {
        Planted::SendsBeforePlanning => !durable.is_plan(line),
        Planted::DropsClaims => table != "events" || !line.starts_with("{\"txn\""),
        _ => !swallowed || !line.starts_with("{\"add\""),
    };
    if bug == Planted::IgnoresTheCondition && !makes_the_table {
        options.mode = PutMode::Overwrite;
    }
    Bytes::from(text.lines().filter(keeps).collect::<Vec<_>>().join("\n"))
}

type Edges = (Arc<dyn Queue>, Arc<dyn Objects>, Arc<dyn Places>);

/// The edges with the bug around them.
pub fn around(bug: Planted, world: &Arc<World>, visibility: Duration, edges: Edges) -> Edges {
    let (queue, objects, places) = edges;
    let world = Arc::clone(world);
    (
        Arc::new(BadQueue { inner: queue, bug, world: Arc::clone(&world), visibility }),
        Arc::new(BadObjects { inner: objects, bug, world }),
        Arc::new(BadPlaces { inner: places, bug }),
    )
}

struct BadQueue {
    inner: Arc<dyn Queue>,
    bug: Planted,
    world: Arc<World>,
    visibility: Duration,
}

impl BadQueue {
    fn delete_now<'h>(&self, handles: impl Iterator<Item = &'h Handle>) {
        let mut state = self.world.state();
        for handle in handles {
            state.deletes(handle);
            state.messages.delete(handle);
        }
    }
}

#[async_trait]
impl Queue for BadQueue {
    async fn receive(&self, messages_max: usize, visibility: Duration) -> Result<Vec<Received>, QueueError> {
        let received = self.inner.receive(messages_max, visibility).await?;
        if self.bug == Planted::AcknowledgesAtReceive {
            self.delete_now(received.iter().map(|message| &message.handle));
        }
        Ok(received)
    }

    async fn delete(&self, messages: &[Deletable]) -> Vec<Result<(), QueueError>> {
        let results = self.inner.delete(messages).await;
        if self.bug == Planted::DeletesNeighbours && results.iter().any(Result::is_err) {
            let in_hand = self.world.state().messages.in_hand();
            self.delete_now(in_hand.iter());
        }
        results
    }

    async fn change_visibility(
        &self,
        handles: &[Handle],
        visibility: Duration,
    ) -> Vec<Result<(), QueueError>> {
        let gives_back = visibility != self.visibility;
        if self.bug == Planted::GivingBackDeletes && gives_back {
            self.delete_now(handles.iter());
        }
        self.inner.change_visibility(handles, visibility).await
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        self.inner.depth().await
    }

    fn name(&self) -> &str {
        self.inner.name()
    }
}

struct BadObjects {
    inner: Arc<dyn Objects>,
    bug: Planted,
    world: Arc<World>,
}

#[async_trait]
impl Objects for BadObjects {
    async fn get(&self, object: &ObjectRef) -> Result<FetchedObject, ObjectError> {
        let got = self.inner.get(object).await;
        let was_cut = matches!(got, Err(ObjectError::Passing { .. }));
        let stored = self.world.state().stored.get(&object.uri()).cloned();
        match stored {
            Some(stored) if was_cut && self.bug == Planted::TakesCutObjects => {
                let bytes = stored.bytes.slice(..stored.bytes.len() / 2);
                Ok(FetchedObject { bytes, version: Some(stored.version), metadata: Default::default() })
            }
            _ => got,
        }
    }
}

struct BadPlaces {
    inner: Arc<dyn Places>,
    bug: Planted,
}

impl Places for BadPlaces {
    fn open(&self, target: &PublishTarget) -> anyhow::Result<Arc<dyn Publish>> {
        let tries = AtomicU64::new(0);
        Ok(Arc::new(BadPlace { inner: self.inner.open(target)?, bug: self.bug, tries }))
    }
}

struct BadPlace {
    inner: Arc<dyn Publish>,
    bug: Planted,
    tries: AtomicU64,
}

impl Publish for BadPlace {
    fn publish<'a>(&'a self, message: &'a Message) -> PublishFuture<'a> {
        Box::pin(async move {
            let mut message = message.clone();
            if self.bug == Planted::DrawsDedupeKeys {
                let number = self.tries.fetch_add(1, Ordering::Relaxed);
                message.dedupe_key = format!("{}-{number}", message.dedupe_key);
            }
            let sent = self.inner.publish(&message).await;
            if self.bug == Planted::CallsFailuresSent { Ok(()) } else { sent }
        })
    }
}
