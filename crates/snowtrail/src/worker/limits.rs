//! The worker's limits: every one says what happens beyond it. Checked against each other before the worker starts.

use std::time::Duration;

use anyhow::ensure;

/// The longest that a message may stay hidden in all, counted from its receive; SQS refuses more, and asking for what
/// is just left may be too much by the time it arrives. Source: SQS Developer Guide, "visibility timeout"; 12 hours.
pub const HIDDEN_TOTAL_MAX: Duration = Duration::from_secs(43_195);

/// The shortest time between two compactions; files must have lain for a while before they are moved.
pub const COMPACT_EVERY_MIN: Duration = Duration::from_secs(600);

/// What bounds a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Messages received and not yet settled. Beyond it nothing is received.
    pub messages_in_hand_max: usize,
    /// Receives under way at once.
    pub receivers: usize,
    /// How long a message is hidden at a time; extended while work on it goes on.
    pub visibility: Duration,
    /// Objects fetched at once; the next ones wait.
    pub fetches_max: usize,
    /// Bytes of bodies and objects held at once. Beyond it fetching waits; one larger object is let through alone.
    pub bytes_in_hand_max: u64,
    /// Sources decoded at once, each on a thread of its own; the next ones wait.
    pub decodes_max: usize,
    /// Pieces that may wait between readers and the committer, of at most 1,000 events each; beyond it readers wait.
    pub pieces_waiting_max: usize,
    /// Events of one commit; a fuller batch is closed.
    pub batch_events_max: usize,
    /// Bytes (as stored) of the sources of one commit; a fuller batch is closed.
    pub batch_bytes_max: u64,
    /// How long the first row of a batch waits for company.
    pub batch_age_max: Duration,
    /// How long an object that is throttled or cut is tried again while its message is in hand; then the message is
    /// given back.
    pub fetch_patience: Duration,
    /// No byte and no state change of a message for so long: its visibility is extended no more, and it comes back.
    pub stall_max: Duration,
    /// The longest pause between two tries of a receive or a commit.
    pub pause_max: Duration,
    /// From the stop signal: how long messages in hand are worked on before they are given back.
    pub finish_within: Duration,
    /// From the stop signal: when the process ends, whatever is left. What is left comes back to the queue.
    pub exit_within: Duration,
    /// How often every rule runs over everything, beside the ticks that new events cause: what only time brings about
    /// (an overdue rotation) is found by then.
    pub sweep_every: Duration,
    /// How often the lake is looked at for other workers' commits.
    pub look_every: Duration,
    /// How long pages that could not be sent wait before they are tried again.
    pub page_again: Duration,
    /// How often the lake is compacted, more or less; zero: never. A longer time leaves more small files to every query.
    pub compact_every: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            messages_in_hand_max: 1_000,
            receivers: 2,
            visibility: Duration::from_secs(120),
            fetches_max: 16,
            bytes_in_hand_max: 64 << 20,
            decodes_max: std::thread::available_parallelism().map_or(1, usize::from),
            pieces_waiting_max: 8,
            batch_events_max: 20_000,
            batch_bytes_max: 32 << 20,
            batch_age_max: Duration::from_millis(500),
            fetch_patience: Duration::from_secs(60),
            stall_max: Duration::from_secs(300),
            pause_max: Duration::from_secs(30),
            finish_within: Duration::from_secs(10),
            exit_within: Duration::from_secs(22),
            sweep_every: Duration::from_secs(300),
            look_every: Duration::from_secs(10),
            page_again: Duration::from_secs(15),
            compact_every: Duration::from_secs(86_400),
        }
    }
}

impl Limits {
    /// Whether the limits fit each other.
    ///
    /// # Errors
    /// Naming the two that do not.
    pub fn check(&self) -> anyhow::Result<()> {
        ensure!(self.messages_in_hand_max > 0, "at least one message must be in hand at a time");
        ensure!(self.receivers > 0 && self.fetches_max > 0, "at least one receive and one fetch must run");
        ensure!(
            self.decodes_max > 0 && self.pieces_waiting_max > 0,
            "at least one source must be decoded at a time"
        );
        ensure!(
            self.visibility >= Duration::from_secs(10) && self.visibility <= HIDDEN_TOTAL_MAX,
            "the visibility timeout must lie between 10 s and 12 h, and is {:?}",
            self.visibility
        );
        ensure!(
            self.batch_age_max * 4 <= self.visibility,
            "a batch may wait {:?}, but its messages are hidden for {:?} only; make the visibility at least four times \
             the batch's age",
            self.batch_age_max,
            self.visibility
        );
        ensure!(
            self.compact_every.is_zero() || self.compact_every >= COMPACT_EVERY_MIN,
            "compaction every {:?} would do little else than move rows; make it {:?} at least, or 0 for never",
            self.compact_every,
            COMPACT_EVERY_MIN
        );
        ensure!(
            self.finish_within < self.exit_within && self.exit_within < Duration::from_secs(25),
            "work must end ({:?}) before the process does ({:?}), and that before 25 s",
            self.finish_within,
            self.exit_within
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_fit_each_other() {
        Limits::default().check().expect("the defaults fit");
    }

    #[test]
    fn a_batch_that_outlives_its_messages_is_refused() {
        let limits = Limits { batch_age_max: Duration::from_secs(60), ..Limits::default() };
        let refused = limits.check().expect_err("60 s in 120 s is too long").to_string();
        assert!(refused.contains("four times"), "{refused}");
    }
}
