//! The folder of a run in the lake: what the cluster's executors and the client hand to each other as files.
//!
//! `LAKE/cluster/RUN/`, one file a view and one a small table, gone when the run has ended. A run that was killed leaves
//! its folder behind, and so does one that may not delete; a later run that may removes it when it is a week old. No table
//! of the lake lies there, and no reader of the lake looks there.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

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
const LEFT_BEHIND_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// Where one run puts its files.
#[derive(Debug)]
pub struct Ground {
    place: Place,
    store: Arc<dyn ObjectStore>,
    folder: Path,
    /// The same in a lake that is a folder. What a killed executor has half written is no object for a store of files.
    on_disk: Option<PathBuf>,
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
        let on_disk = lake.location().path().map(|lake| lake.join(&run));
        Ok(Ground { place: Place::new(&format!("{url}{run}")), store, folder, on_disk })
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
        let old = SystemTime::now() - LEFT_BEHIND_AFTER;
        match &self.on_disk {
            Some(folder) => clear_folders(folder, old).await,
            None => self.clear_objects(old).await,
        }
    }

    async fn clear_objects(&self, old: SystemTime) -> anyhow::Result<()> {
        let runs: Path = self.folder.parts().take(self.folder.parts().count() - 1).collect();
        let listed = self.store.list(Some(&runs)).try_collect::<Vec<_>>().await;
        let listed = listed.with_context(|| format!("failed to list `{runs}`"))?;
        let is_done = |file: &object_store::ObjectMeta| {
            file.location.prefix_matches(&self.folder) || SystemTime::from(file.last_modified) < old
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

/// Removes the folder of a run, those beside it that have not changed since `old`, and what holds them if it is empty then.
async fn clear_folders(run: &std::path::Path, old: SystemTime) -> anyhow::Result<()> {
    let Some(runs) = run.parent() else { return Ok(()) };
    let mut entries = match tokio::fs::read_dir(runs).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("failed to list `{}`", runs.display())),
    };
    while let Some(entry) = entries.next_entry().await? {
        let path = entry.path();
        let is_old = async || entry.metadata().await.and_then(|m| m.modified()).is_ok_and(|at| at < old);
        if path != run && !is_old().await {
            continue;
        }
        match tokio::fs::remove_dir_all(&path).await {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("failed to remove `{}`", path.display()));
            }
        }
    }
    // Not empty: another run is at work.
    let _ = tokio::fs::remove_dir(runs).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn own_folder_and_old_ones_go_and_what_others_are_at_stays() {
        let lake = tempfile::tempdir().unwrap();
        let runs = lake.path().join(FOLDER);
        for run in ["own", "killed", "at-work"] {
            std::fs::create_dir_all(runs.join(run)).unwrap();
            std::fs::write(runs.join(run).join("reads-1.parquet#1"), "half").unwrap();
        }
        let week_ago = SystemTime::now() - LEFT_BEHIND_AFTER;
        let killed = std::fs::File::open(runs.join("killed")).unwrap();
        killed.set_modified(week_ago - Duration::from_secs(60)).unwrap();
        clear_folders(&runs.join("own"), week_ago).await.unwrap();
        let left: Vec<_> = std::fs::read_dir(&runs).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["at-work"]);
        clear_folders(&runs.join("at-work"), week_ago).await.unwrap();
        assert!(!runs.exists());
        clear_folders(&runs.join("own"), week_ago).await.unwrap();
    }
}
