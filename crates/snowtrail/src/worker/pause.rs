//! Pauses between tries: longer each time, never the same for two workers, bounded.

use std::time::Duration;

use tokio::time::sleep;

/// The first pause.
const FIRST: Duration = Duration::from_millis(200);

/// A row of pauses.
#[derive(Debug, Clone)]
pub struct Pause {
    next: Duration,
    max: Duration,
}

impl Pause {
    /// Starts short and doubles up to `max`.
    pub fn new(max: Duration) -> Pause {
        Pause { next: FIRST.min(max), max }
    }

    /// The next pause: between half and all of the current length, so that workers that failed together do not come
    /// again together.
    pub fn length(&mut self) -> Duration {
        let length = self.next.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.next = (self.next * 2).min(self.max);
        length
    }

    /// Waits for the next pause. Cancel safe.
    pub async fn wait(&mut self) {
        let length = self.length();
        sleep(length).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound_and_not_beyond() {
        let mut pause = Pause::new(Duration::from_secs(2));
        let lengths: Vec<Duration> = (0..10).map(|_| pause.length()).collect();
        assert!(lengths[0] <= FIRST && lengths[0] >= FIRST / 2);
        assert!(lengths.iter().all(|length| *length <= Duration::from_secs(2)));
        assert!(lengths[9] >= Duration::from_secs(1));
    }
}
