//! One commit that takes files out of a table and puts others in: compaction, and the end of old days.
//!
//! The engine's own check of conflicts does not serve here. Of two commits that move rows without changing data it lets
//! both remove the same files, and both add their rows: every row would be there twice. So the check is made here, and it
//! is the strictest one: a replacement is only ever committed on top of the very snapshot in which each file that it
//! removes was seen to be there. An append in between costs another try; another replacement of one of the files ends it.
//!
//! Appends need not look again for a replacement that only moves rows: the engine lets them pass.

use std::collections::HashSet;

use deltalake::DeltaTableError;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add};
use deltalake::protocol::DeltaOperation;

use crate::commit::{Claim, Terms, is_lost_race};
use crate::error::{LakeError, Result};
use crate::layout::DataFile;
use crate::open::Lake;
use crate::tables::Table;

/// How often a replacement is offered again because somebody appended meanwhile. A try costs a look at the log; each loss
/// means that somebody else made progress. After so many the replacement is given up, and what it wrote is left for
/// `vacuum`.
const ATTEMPTS_MAX: usize = 200;

/// Files out, files in.
pub(crate) struct Replacement {
    pub table: Table,
    /// What goes.
    pub removed: Vec<DataFile>,
    /// What comes in its place.
    pub added: Vec<Add>,
    /// Whether other rows are there afterwards; if not, whoever follows the log need not look.
    pub changes_data: bool,
    /// What the log says about it.
    pub operation: DeltaOperation,
}

/// How a replacement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// It is durable.
    Durable,
    /// Another one took one of the files away first. Nothing was changed.
    Overtaken,
}

impl Replacement {
    fn actions(&self) -> Vec<Action> {
        let removed = self.removed.iter().map(|file| {
            let mut remove = file.remove.clone();
            remove.data_change = self.changes_data;
            // Vacuum counts from here, so it is the time of the commit and not of the look at the file.
            remove.deletion_timestamp = Some(jiff::Timestamp::now().as_millisecond());
            Action::Remove(remove)
        });
        let added = self.added.iter().cloned().map(|mut add| {
            add.data_change = self.changes_data;
            Action::Add(add)
        });
        removed.chain(added).collect()
    }
}

impl Lake {
    /// Commits a replacement. Not cancel safe: dropped half-way, it is unknown whether it is durable; nothing is half done
    /// either way.
    pub(crate) async fn replace(&mut self, replacement: &Replacement) -> Result<Replaced> {
        let table = replacement.table;
        let what = format!("replace files of table `{}` of `{}`", table.folder(), self.uri());
        let failed = |source| LakeError::Table { what: what.clone(), source };
        let terms = Terms::once(&[Claim::Layout]);
        for _ in 0..ATTEMPTS_MAX {
            self.refresh(table).await?;
            if self.holds(table, &terms).await? {
                return Ok(Replaced::Durable);
            }
            if !self.all_there(replacement).map_err(failed)? {
                return Ok(Replaced::Overtaken);
            }
            match self.offer(replacement, &terms).await {
                Ok(()) => return Ok(Replaced::Durable),
                Err(error) if is_lost_race(&error) => {}
                Err(error) => {
                    self.refresh(table).await?;
                    let landed = self.holds(table, &terms).await?;
                    return if landed { Ok(Replaced::Durable) } else { Err(failed(error)) };
                }
            }
        }
        Err(LakeError::Contended { uri: self.uri().to_owned(), attempts: ATTEMPTS_MAX })
    }

    fn all_there(&self, replacement: &Replacement) -> std::result::Result<bool, DeltaTableError> {
        let mut missing: HashSet<&str> = replacement.removed.iter().map(|file| file.path.as_str()).collect();
        for file in self.delta(replacement.table).snapshot()?.log_data() {
            missing.remove(file.path().as_ref());
        }
        Ok(missing.is_empty())
    }

    /// One try, on top of the opened snapshot or not at all: with no retries the engine never goes past it.
    async fn offer(
        &mut self,
        replacement: &Replacement,
        terms: &Terms<'_>,
    ) -> std::result::Result<(), DeltaTableError> {
        let delta = self.delta(replacement.table);
        let properties = CommitProperties::default()
            .with_max_retries(0)
            .with_application_transactions(terms.transactions());
        let finalized = CommitBuilder::from(properties)
            .with_actions(replacement.actions())
            .build(Some(delta.snapshot()?.snapshot()), delta.log_store(), replacement.operation.clone())
            .await?;
        self.delta_mut(replacement.table).state = Some(finalized.snapshot());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use snowtrail_model::{Reject, RejectReason};
    use tempfile::{TempDir, tempdir};

    use super::*;
    use crate::open::Access;
    use crate::tables::RejectRow;

    fn reject(number: u64) -> RejectRow {
        RejectRow {
            reject: Reject {
                reason: RejectReason::MalformedJson,
                detail: format!("number {number}"),
                index: Some(number),
                offset: 0,
                event_id: None,
                excerpt: String::new(),
                bytes_total: 1,
            },
            source_uri: "file:///a.json".into(),
            source_sha256: String::new(),
            rejected_at: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    async fn lake_of(commits: u64) -> (TempDir, Lake) {
        let folder = tempdir().expect("a folder");
        let place = folder.path().join("lake");
        let mut lake = Lake::open(place.to_str().expect("UTF-8"), Access::Write).await.expect("a lake");
        for number in 0..commits {
            lake.append(&[&reject(number)], &[]).await.expect("a commit");
        }
        (folder, lake)
    }

    /// Every file of the table goes, and nothing comes: what is looked at is who wins.
    fn all_out(lake: &Lake) -> Replacement {
        let mut layouts = lake.layouts(Table::Rejects).expect("a layout");
        Replacement {
            table: Table::Rejects,
            removed: layouts.pop().expect("one part").files,
            added: Vec::new(),
            changes_data: false,
            operation: DeltaOperation::Optimize { predicate: None, target_size: 0 },
        }
    }

    fn files(lake: &Lake) -> usize {
        lake.layouts(Table::Rejects).expect("a layout").iter().map(|layout| layout.files.len()).sum()
    }

    #[tokio::test]
    async fn append_in_between_costs_another_try_and_stays() {
        let (_folder, mut lake) = lake_of(3).await;
        let mut other = lake.clone();
        let replacement = all_out(&lake);
        other.append(&[&reject(7)], &[]).await.expect("a commit");
        assert_eq!(lake.replace(&replacement).await.expect("a commit"), Replaced::Durable);
        assert_eq!(files(&lake), 1);
    }

    #[tokio::test]
    async fn append_on_an_old_snapshot_passes_a_replacement_that_changes_no_data() {
        let (_folder, mut lake) = lake_of(3).await;
        let mut other = lake.clone();
        lake.replace(&all_out(&lake)).await.expect("a commit");
        let appended = other.append(&[&reject(7)], &[Claim::any_writer()]).await.expect("a commit");
        assert!(matches!(appended, crate::commit::Appended::Durable(_)), "{appended:?}");
        assert_eq!(files(&other), 1);
    }

    #[tokio::test]
    async fn of_two_that_take_one_file_the_second_is_overtaken() {
        let (_folder, mut lake) = lake_of(3).await;
        let mut other = lake.clone();
        let (first, second) = (all_out(&lake), all_out(&other));
        assert_eq!(lake.replace(&first).await.expect("a commit"), Replaced::Durable);
        let version = lake.delta(Table::Rejects).version();
        assert_eq!(other.replace(&second).await.expect("an answer"), Replaced::Overtaken);
        assert_eq!(other.delta(Table::Rejects).version(), version, "it committed nothing");
    }

    /// Why the check is made here. Should this fail one day, the engine makes it too.
    #[tokio::test]
    async fn engine_lets_two_that_change_no_data_take_one_file() {
        let (_folder, lake) = lake_of(2).await;
        let replacement = all_out(&lake);
        let delta = lake.delta(Table::Rejects);
        for _ in 0..2 {
            CommitBuilder::from(CommitProperties::default())
                .with_actions(replacement.actions())
                .build(
                    Some(delta.snapshot().expect("a snapshot").snapshot()),
                    delta.log_store(),
                    replacement.operation.clone(),
                )
                .await
                .expect("the engine has no objection");
        }
    }
}
