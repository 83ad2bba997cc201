//! The folder of a run in the lake: what the cluster's executors and the client hand to each other as files.
//!
//! `LAKE/cluster/RUN/`, one file a view and one a small table, gone when the run has ended. A run that was killed leaves
//! its folder behind; a later run removes it when it is a day old. No table of the lake lies there, and no reader of the
//! lake looks there.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures::TryStreamExt;
use jiff::Timestamp;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use snowtrail_lake::Lake;
use snowtrail_rules::Place;

/// Folder of the runs inside a lake.
const FOLDER: &str = "cluster";

/// How old a file must be to belong to a run that was killed. Longer than any run lasts: a run writes its views first, and
/// reads them to its end.
const LEFT_BEHIND_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Where one run puts its files.
#[derive(Debug)]
pub struct Ground {
    place: Place,
    store: Arc<dyn ObjectStore>,
    folder: Path,
}

impl Ground {
    /// A new folder, by name only: nothing is written.
    ///
    /// # Errors
    /// When the lake's address makes no path.
    pub fn new(lake: &Lake) -> anyhow::Result<Ground> {
        let url = lake.location().url();
        let started = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let run = format!("{FOLDER}/{started}-{:016x}", fastrand::u64(..));
        let store: Arc<dyn ObjectStore> = match lake.location().store() {
            Some(store) => Arc::clone(store),
            None => Arc::new(LocalFileSystem::new().with_automatic_cleanup(true)),
        };
        let folder = Path::from_url_path(format!("{}{run}", url.path()))
            .context("the lake's address makes no path")?;
        Ok(Ground { place: Place::new(&format!("{url}{run}")), store, folder })
    }

    /// Its address, for the engine.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Removes the run's files, and those that runs left behind which were killed.
    ///
    /// # Errors
    /// When they cannot be listed or removed.
    pub async fn clear(&self) -> anyhow::Result<()> {
        let runs: Path = self.folder.parts().take(self.folder.parts().count() - 1).collect();
        let old = std::time::SystemTime::now() - LEFT_BEHIND_AFTER;
        let listed = self.store.list(Some(&runs)).try_collect::<Vec<_>>().await;
        let listed = listed.with_context(|| format!("failed to list `{runs}`"))?;
        let is_done = |file: &object_store::ObjectMeta| {
            file.location.prefix_matches(&self.folder)
                || std::time::SystemTime::from(file.last_modified) < old
        };
        for file in listed.into_iter().filter(is_done) {
            match self.store.delete(&file.location).await {
                // Another run removes what was left behind, too.
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("failed to remove `{}`", file.location));
                }
            }
        }
        Ok(())
    }
}
