//! Where long work goes on: sweeps and compaction take what events and pages leave over.
//!
//! On two cores, or half of one, a sweep of a large lake would make every tick beside it twice as slow, for minutes. On Linux
//! a thread may be less urgent than its process: work aside has a thread of its own that is. Decides nothing about what
//! goes aside.

use anyhow::Context;
use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};
use tokio::runtime::{Builder, Handle, Runtime};

/// Out of a hundred: nine steps below the usual, see nice(2). The scheduler gives such a thread about an eighth of what
/// another one gets that wants the same core; less would let a long backlog starve sweeps.
const URGENCY: u8 = 25;

/// A runtime whose threads are less urgent. Dropped, it gives up what goes on in it.
pub struct Aside {
    runtime: Option<Runtime>,
}

impl Aside {
    /// Starts it.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start() -> anyhow::Result<Aside> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("aside")
            .on_thread_start(be_less_urgent)
            .enable_all()
            .build()
            .context("failed to start a thread for work that goes on aside")?;
        Ok(Aside { runtime: Some(runtime) })
    }

    /// Where to spawn.
    pub fn handle(&self) -> Handle {
        self.runtime.as_ref().map_or_else(Handle::current, |runtime| runtime.handle().clone())
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // It may be dropped where nobody may block.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Of this thread alone. Where the system refuses, the work is as urgent as the rest: slower pages, and nothing worse.
fn be_less_urgent() {
    let urgency = ThreadPriorityValue::try_from(URGENCY).map(ThreadPriority::Crossplatform);
    let set = urgency
        .map_err(|why| why.to_owned())
        .and_then(|urgency| set_current_thread_priority(urgency).map_err(|error| error.to_string()));
    if let Err(why) = set {
        tracing::debug!(why, "work aside is as urgent as all else");
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    /// The nice value of this thread, field 19 of proc(5).
    fn niceness() -> i32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("told of every thread");
        let fields = stat.rsplit(')').next().expect("fields after the name");
        fields.split_whitespace().nth(16).expect("19 fields").parse().expect("a number")
    }

    #[tokio::test]
    async fn work_aside_is_less_urgent_and_its_neighbours_are_not() {
        let aside = Aside::start().expect("a thread");
        let before = niceness();
        let theirs = aside.handle().spawn(async { niceness() }).await.expect("it ran");
        assert!(theirs > before || before >= 9, "{theirs} beside {before}");
        assert_eq!(niceness(), before);
    }
}
