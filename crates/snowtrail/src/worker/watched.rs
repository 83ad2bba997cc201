//! Whether reads arrive at all. A feed that delivers only writes looks healthy and watches nobody.

use snowtrail_lake::Events;
use std::sync::Arc;

use crate::telemetry;
use crate::worker::health::Health;

/// Events without one read among them after which somebody is told. Even a small organization reads secrets more often
/// than it changes them.
const EVENTS_WITHOUT_READS_MAX: u64 = 500;

/// Calls that only arrive where read-only management events do.
const READS: [&str; 4] = ["GetSecretValue", "BatchGetSecretValue", "Decrypt", "GetParameter"];

/// Counts events since the last read.
#[derive(Debug)]
pub struct Watched {
    without_reads: u64,
    told_at: u64,
    health: Arc<Health>,
}

impl Watched {
    /// Tells `health` too.
    pub fn new(health: Arc<Health>) -> Watched {
        Watched { without_reads: 0, told_at: 0, health }
    }

    /// Looks at the events of a batch.
    pub fn see(&mut self, events: &Events) {
        if events.names().any(|name| READS.contains(&name)) {
            (self.without_reads, self.told_at) = (0, 0);
            self.health.reads_arrive(true);
            return;
        }
        self.without_reads += events.len() as u64;
        let is_news = self.without_reads >= EVENTS_WITHOUT_READS_MAX.max(self.told_at * 2);
        if is_news {
            self.told_at = self.without_reads;
            self.health.reads_arrive(false);
            telemetry::feed_without_reads(self.without_reads);
        }
    }
}
