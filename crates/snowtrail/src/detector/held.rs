//! The newest revision of every key, held between runs so that a tick need not read the history of findings. Does not judge.

use std::collections::BTreeMap;

use snowtrail_lake::{Lake, Table};
use snowtrail_model::Finding;

use super::Detector;

/// Findings (newest revisions) that are held between runs, about two kilobytes each. Of more the history is read anew by
/// each tick that has something to judge.
const FINDINGS_HELD_MAX: usize = 50_000;

/// The newest revision of every key, as of a version of the findings' history.
pub(super) struct Held {
    version: Option<u64>,
    pub(super) newest: BTreeMap<String, Finding>,
}

impl Detector {
    /// The newest revision of every key, read where what is held is of another version.
    pub(super) async fn newest(&mut self, lake: &Lake) -> anyhow::Result<&BTreeMap<String, Finding>> {
        let version = lake.delta(Table::Findings).version();
        let held = match self.held.take().filter(|held| held.version == version) {
            Some(held) => held,
            None => {
                let newest = lake.newest_findings().await?;
                Held { version, newest: newest.into_iter().map(|f| (f.key.clone(), f)).collect() }
            }
        };
        Ok(&self.held.insert(held).newest)
    }

    /// Holds what was appended as a version of the history; forgets all if somebody else's commit lies between.
    pub(super) fn hold(&mut self, version: u64, revisions: &[Finding]) {
        let next = |held: &Held| revisions.is_empty() || held.version.map(|v| v + 1) == Some(version);
        self.held = self.held.take().filter(next).map(|mut held| {
            held.version = Some(version);
            held.newest.extend(revisions.iter().map(|f| (f.key.clone(), f.clone())));
            held
        });
        self.held = self.held.take().filter(|held| held.newest.len() <= FINDINGS_HELD_MAX);
    }
}
