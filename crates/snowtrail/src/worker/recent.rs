//! Which sources were taken in lately, so that a message that comes again asks for nothing twice.
//!
//! A queue hands a message out again for at most 14 days, its longest retention; so long looks the worker back. What it
//! does not remember is not lost or doubled, only read once more: its events are recognized one by one. Also which
//! sources are being taken in right now, so that two messages about one object do its work once.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;
use sha2::{Digest, Sha256};
use snowtrail_lake::history::KnownSource;
use tokio::sync::Notify;

/// Sources remembered, about 40 bytes each under two names. Beyond it the older half is forgotten.
pub const RECENT_SOURCES_MAX: usize = 400_000;
/// How far back the lake is asked at start. Source: SQS quotas, message retention of at most 14 days.
pub const LOOK_BACK: SignedDuration = SignedDuration::from_hours(14 * 24);

type Name = u128;

/// What was taken in lately and what is being taken in.
#[derive(Debug, Default)]
pub struct Recent {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    young: HashSet<Name>,
    old: HashSet<Name>,
    under_way: HashMap<Name, Arc<Notify>>,
}

/// The right to take a source in; dropped when it is taken in, or given up.
#[derive(Debug)]
pub struct Turn {
    inner: Arc<Mutex<Inner>>,
    name: Name,
}

/// What is known of a source.
#[derive(Debug)]
pub enum Standing {
    /// It is in the lake.
    TakenIn,
    /// Ours to take in.
    Ours(Turn),
}

impl Recent {
    /// Remembers what the lake has.
    pub fn seed(&self, sources: &[KnownSource]) {
        for source in sources {
            self.remember(&source.uri, source.version.as_deref(), &source.sha256);
        }
    }

    /// Remembers a source that is durable.
    pub fn remember(&self, uri: &str, version: Option<&str>, sha256: &str) {
        let mut inner = lock(&self.inner);
        inner.insert(name(&["bytes", sha256]));
        if let Some(version) = version {
            inner.insert(name(&["place", uri, version]));
        }
    }

    /// Whether these bytes were taken in, wherever they were.
    pub fn has_bytes(&self, sha256: &str) -> bool {
        lock(&self.inner).has(name(&["bytes", sha256]))
    }

    /// Waits until nobody else takes this place in, then says whether it is taken in. Without a version the place alone
    /// says nothing about its bytes, and is only a turn to wait for. Cancel safe.
    pub async fn stand(&self, uri: &str, version: Option<&str>) -> Standing {
        let (turn, place) = (name(&["turn", uri]), version.map(|v| name(&["place", uri, v])));
        loop {
            let busy = {
                let mut inner = lock(&self.inner);
                if place.is_some_and(|place| inner.has(place)) {
                    return Standing::TakenIn;
                }
                match inner.under_way.get(&turn) {
                    Some(busy) => Arc::clone(busy),
                    None => {
                        inner.under_way.insert(turn, Arc::new(Notify::new()));
                        return Standing::Ours(Turn { inner: Arc::clone(&self.inner), name: turn });
                    }
                }
            };
            let freed = busy.notified();
            tokio::pin!(freed);
            // Registered before the second look, so that a turn given up in between is not missed.
            freed.as_mut().enable();
            let still_busy =
                lock(&self.inner).under_way.get(&turn).is_some_and(|now| Arc::ptr_eq(now, &busy));
            if still_busy {
                freed.await;
            }
        }
    }
}

impl Inner {
    fn has(&self, name: Name) -> bool {
        self.young.contains(&name) || self.old.contains(&name)
    }

    fn insert(&mut self, name: Name) {
        self.young.insert(name);
        if self.young.len() > RECENT_SOURCES_MAX {
            self.old = std::mem::take(&mut self.young);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(busy) = lock(&self.inner).under_way.remove(&self.name) {
            busy.notify_waiters();
        }
    }
}

/// Half of a SHA-256. Whoever may write objects chooses their names: a shorter hash could be made to collide with that
/// of a file taken in, and so hide another.
fn name(parts: &[&str]) -> Name {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(16).fold(0, |value, byte| (value << 8) | u128::from(*byte))
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[tokio::test]
    async fn a_source_is_known_by_its_bytes_wherever_and_by_its_place_only_with_its_version() {
        let recent = Recent::default();
        recent.remember("s3://b/k", Some("v1"), SHA);
        assert!(recent.has_bytes(SHA));
        assert!(matches!(recent.stand("s3://b/k", Some("v1")).await, Standing::TakenIn));
        assert!(matches!(recent.stand("s3://b/k", Some("v2")).await, Standing::Ours(_)));
        assert!(matches!(recent.stand("s3://b/k", None).await, Standing::Ours(_)));
    }

    #[tokio::test]
    async fn a_second_message_about_one_place_waits_for_the_first() {
        let recent = Arc::new(Recent::default());
        let Standing::Ours(turn) = recent.stand("s3://b/k", Some("v1")).await else {
            panic!("nobody has it")
        };
        let second = tokio::spawn({
            let recent = Arc::clone(&recent);
            async move { matches!(recent.stand("s3://b/k", Some("v1")).await, Standing::TakenIn) }
        });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        recent.remember("s3://b/k", Some("v1"), SHA);
        drop(turn);
        assert!(second.await.expect("it ends"));
    }

    #[tokio::test]
    async fn a_turn_that_is_given_up_is_the_next_ones() {
        let recent = Recent::default();
        let Standing::Ours(turn) = recent.stand("s3://b/k", None).await else { panic!("nobody has it") };
        let mut second = Box::pin(recent.stand("s3://b/k", None));
        assert!(futures::poll!(second.as_mut()).is_pending());
        drop(turn);
        assert!(matches!(second.await, Standing::Ours(_)));
    }

    #[test]
    fn memory_is_bounded() {
        let recent = Recent::default();
        for number in 0..RECENT_SOURCES_MAX + 10 {
            recent.remember("s3://b/k", None, &number.to_string());
        }
        let inner = lock(&recent.inner);
        assert!(inner.young.len() + inner.old.len() <= 2 * RECENT_SOURCES_MAX);
    }
}
