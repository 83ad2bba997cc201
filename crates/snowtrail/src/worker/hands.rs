//! The messages in hand, and until when each is hidden from others.
//!
//! Visibility is extended from the receive to the deletion, as long as work goes on, and never past SQS's 12 hours. A
//! message on which nothing moves is left to come back; so is one whose handle has lapsed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::feed::queue::ENTRIES_MAX;
use crate::feed::{Handle, Queue, QueueError};
use crate::telemetry;
use crate::worker::limits::{HIDDEN_TOTAL_MAX, Limits};

/// The messages in hand.
#[derive(Debug, Default)]
pub struct Hands {
    entries: Arc<Mutex<HashMap<u64, Entry>>>,
    next: std::sync::atomic::AtomicU64,
}

#[derive(Debug)]
struct Entry {
    handle: Handle,
    received_at: Instant,
    hidden_until: Instant,
    progress_at: Instant,
    awaits_commit: bool,
}

/// One message in hand; dropping it takes it out.
#[derive(Debug)]
pub struct Hold {
    entries: Arc<Mutex<HashMap<u64, Entry>>>,
    number: u64,
}

impl Hands {
    /// Takes note of a message that was just received.
    pub fn take(&self, handle: Handle, visibility: Duration) -> Arc<Hold> {
        let number = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let now = Instant::now();
        let entry = Entry {
            handle,
            received_at: now,
            hidden_until: now + visibility,
            progress_at: now,
            awaits_commit: false,
        };
        lock(&self.entries).insert(number, entry);
        Arc::new(Hold { entries: Arc::clone(&self.entries), number })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        lock(&self.entries).len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Extends what would lapse before two more calls, which should come every third of the visibility timeout.
    pub async fn extend(&self, queue: &dyn Queue, limits: &Limits) {
        let due = self.due(limits);
        for part in due.chunks(ENTRIES_MAX) {
            let (numbers, handles): (Vec<u64>, Vec<Handle>) = part.iter().cloned().unzip();
            let asked_at = Instant::now();
            let results = queue.change_visibility(&handles, limits.visibility).await;
            for (number, result) in numbers.into_iter().zip(results) {
                self.extended(number, asked_at + limits.visibility, &result);
            }
        }
    }

    fn due(&self, limits: &Limits) -> Vec<(u64, Handle)> {
        let now = Instant::now();
        let entries = lock(&self.entries);
        let due = entries.iter().filter(|(_, entry)| {
            let moves = entry.awaits_commit || now < entry.progress_at + limits.stall_max;
            let lapses_soon = entry.hidden_until < now + limits.visibility * 2 / 3;
            let is_ours = now < entry.hidden_until;
            let is_allowed = now + limits.visibility < entry.received_at + HIDDEN_TOTAL_MAX;
            moves && lapses_soon && is_ours && is_allowed
        });
        let mut due: Vec<_> = due.map(|(number, entry)| (*number, entry.handle.clone())).collect();
        // Oldest first: of many, those that lapse soonest go with the first call.
        due.sort_unstable_by_key(|(number, _)| *number);
        due
    }

    fn extended(&self, number: u64, hidden_until: Instant, result: &Result<(), QueueError>) {
        let mut entries = lock(&self.entries);
        match result {
            Ok(()) => {
                telemetry::visibility_extended();
                if let Some(entry) = entries.get_mut(&number) {
                    entry.hidden_until = hidden_until;
                }
            }
            // It is somebody else's now. The work goes on: what we store, the other one will recognize.
            Err(QueueError::HandleLapsed) => {
                telemetry::visibility_lapsed();
                if let Some(entry) = entries.get_mut(&number) {
                    entry.hidden_until = Instant::now();
                }
            }
            Err(error) => telemetry::queue_failed("extend visibility", error),
        }
    }
}

impl Hold {
    /// Work on the message goes on.
    pub fn progress(&self) {
        if let Some(entry) = lock(&self.entries).get_mut(&self.number) {
            entry.progress_at = Instant::now();
        }
    }

    /// All that is left is a commit, whose own patience decides.
    pub(super) fn awaits_commit(&self) {
        if let Some(entry) = lock(&self.entries).get_mut(&self.number) {
            entry.awaits_commit = true;
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        lock(&self.entries).remove(&self.number);
    }
}

/// A panic elsewhere leaves the map whole: each change of it is one step.
fn lock(entries: &Mutex<HashMap<u64, Entry>>) -> MutexGuard<'_, HashMap<u64, Entry>> {
    entries.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::feed::{Depth, Received};
    use crate::worker::Deletable;

    /// Counts extensions; refuses them once told to.
    #[derive(Default)]
    struct Counting {
        extensions: AtomicUsize,
        lapsed: bool,
    }

    #[async_trait]
    impl Queue for Counting {
        async fn receive(&self, _: usize, _: Duration) -> Result<Vec<Received>, QueueError> {
            Ok(Vec::new())
        }

        async fn delete(&self, _: &[Deletable]) -> Vec<Result<(), QueueError>> {
            Vec::new()
        }

        async fn change_visibility(&self, handles: &[Handle], _: Duration) -> Vec<Result<(), QueueError>> {
            self.extensions.fetch_add(handles.len(), Ordering::Relaxed);
            let result = || if self.lapsed { Err(QueueError::HandleLapsed) } else { Ok(()) };
            handles.iter().map(|_| result()).collect()
        }

        async fn depth(&self) -> Result<Depth, QueueError> {
            Ok(Depth::default())
        }

        fn name(&self) -> &str {
            "counting"
        }
    }

    /// Extends as the worker does, for so long; gives how often.
    async fn extend_for(hands: &Hands, queue: &Counting, limits: &Limits, long: Duration) -> usize {
        let until = Instant::now() + long;
        while Instant::now() < until {
            tokio::time::advance(limits.visibility / 3).await;
            hands.extend(queue, limits).await;
        }
        queue.extensions.load(Ordering::Relaxed)
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_is_extended_while_it_is_in_hand_and_never_past_twelve_hours() {
        let (hands, queue) = (Hands::default(), Counting::default());
        let limits = Limits { visibility: Duration::from_secs(600), ..Limits::default() };
        let hold = hands.take(Handle("h".to_owned()), limits.visibility);
        hold.awaits_commit();
        let day = Duration::from_secs(24 * 3600);
        let extensions = extend_for(&hands, &queue, &limits, day).await;
        let most = HIDDEN_TOTAL_MAX.as_secs() / (limits.visibility.as_secs() / 3);
        assert!(extensions > 40 && extensions as u64 <= most, "{extensions}");
        drop(hold);
        assert!(hands.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_on_which_nothing_moves_is_left_to_come_back() {
        let (hands, queue, limits) = (Hands::default(), Counting::default(), Limits::default());
        let _hold = hands.take(Handle("h".to_owned()), limits.visibility);
        let first = extend_for(&hands, &queue, &limits, limits.stall_max).await;
        let later = extend_for(&hands, &queue, &limits, limits.stall_max * 4).await;
        assert!(first > 0 && later <= first + 1, "{first}, {later}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lapsed_handle_is_extended_no_more() {
        let queue = Counting { lapsed: true, ..Counting::default() };
        let (hands, limits) = (Hands::default(), Limits::default());
        let hold = hands.take(Handle("h".to_owned()), limits.visibility);
        hold.awaits_commit();
        assert_eq!(extend_for(&hands, &queue, &limits, limits.visibility * 20).await, 1);
    }
}
