//! The wall clock as a parameter, so that a simulation can own it.

use jiff::Timestamp;

/// Tells the time of day. Durations are measured by the runtime's own clock, which does not jump.
pub trait Clock: Send + Sync {
    /// Now, UTC.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
