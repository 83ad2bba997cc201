//! New events: which of them rules look at, what they touch, and what they leave to a whole evaluation.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::error::ArrowError;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use jiff::Timestamp;

use super::columns::{Named, filled, secrets, text, texts, times};
use super::{LATE_MAX, session};
use crate::binding::{Literals, bind};
use crate::error::{Result, RuleError};
use crate::knowledge::Knowledge;
use crate::memory;
use crate::set::RuleSet;

/// New events, told apart.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    /// Landmarks.
    pub(super) landmarks: Option<RecordBatch>,
    /// All others that rules look at.
    pub(super) others: Option<RecordBatch>,
    /// Those that lie after `now`: not to be seen yet.
    pub(super) later: Vec<RecordBatch>,
}

impl Fresh {
    /// Sorts new rows of `events`.
    ///
    /// # Errors
    /// When the view `watched` cannot be made over them.
    pub(super) async fn sort(rows: Vec<RecordBatch>, rules: &RuleSet, now: Timestamp) -> Result<Fresh> {
        let mut fresh = Fresh::default();
        let Some(first) = rows.first() else { return Ok(fresh) };
        let schema = first.schema();
        let all = concat_batches(&schema, &rows).map_err(wrong)?;
        let (seen, later) = split_at(&all, now).map_err(wrong)?;
        fresh.later.extend(later);
        let Some(seen) = seen else { return Ok(fresh) };
        let watched = watched(seen, rules, now).await.map_err(unreadable)?;
        let flag = watched.column_by_name("is_landmark").map(|c| c.as_boolean().clone());
        let Some(flag) = flag else {
            let message = "the view has no column `is_landmark`".to_owned();
            return Err(RuleError::Law { file: "watched".to_owned(), message });
        };
        let columns: Vec<usize> = (0..schema.fields().len()).collect();
        let plain = watched.project(&columns).map_err(wrong)?;
        let kept = |mask: &BooleanArray| -> Result<Option<RecordBatch>> {
            let kept = filter_record_batch(&plain, mask).map_err(wrong)?;
            Ok(Some(kept).filter(|batch| batch.num_rows() > 0))
        };
        fresh.landmarks = kept(&flag)?;
        fresh.others = kept(&arrow::compute::not(&flag).map_err(wrong)?)?;
        Ok(fresh)
    }

    /// Whether rules look at none of them.
    pub(super) fn is_empty(&self) -> bool {
        self.landmarks.is_none() && self.others.is_none()
    }

    /// What they say, as far as the reach of a tick is concerned.
    ///
    /// # Errors
    /// When a column is missing.
    pub(super) fn news(&self, now: Timestamp) -> Result<News> {
        let mut news = News::default();
        let late = now.as_microsecond() - i64::try_from(LATE_MAX.as_micros()).unwrap_or(i64::MAX);
        for (batch, are_landmarks) in
            self.landmarks.iter().map(|b| (b, true)).chain(self.others.iter().map(|b| (b, false)))
        {
            news.read(batch, are_landmarks, late).map_err(wrong)?;
        }
        Ok(news)
    }
}

/// What new events say.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Principals of the punctual ones; none stands for calls without a principal.
    pub(super) principals: BTreeSet<Option<String>>,
    /// Names that landmarks name.
    pub(super) landmark_names: HashSet<String>,
    /// Names that any of them names.
    pub(super) names: HashSet<String>,
    /// Actions of which there may be other copies.
    pub(super) shared: BTreeSet<String>,
    /// How many landmarks there are.
    pub(super) landmarks: usize,
    late: usize,
    corrects: bool,
    tags: bool,
    first: Option<i64>,
    arns: HashSet<(String, bool)>,
}

impl News {
    /// Why a whole evaluation is needed besides a tick, if it is.
    pub(super) fn owed(&self, known: &Knowledge, tags_select: bool) -> Option<String> {
        let is_earlier = |first| known.beginning().is_none_or(|day| first < day);
        let is_overturned = || self.arns.iter().any(|(arn, proven)| known.is_overturned_by(arn, *proven));
        if self.late > 0 {
            return Some(format!("{} new events are more than a day late", self.late));
        }
        let why = match () {
            () if self.corrects => "CloudTrail corrected an event",
            () if self.tags && tags_select => "tags changed, and the policy selects secrets by tags",
            () if self.first.is_some_and(is_earlier) => "the lake begins earlier than was known",
            () if is_overturned() => "an ARN means another secret than was thought",
            () => return None,
        };
        Some(why.to_owned())
    }

    fn read(
        &mut self,
        batch: &RecordBatch,
        are_landmarks: bool,
        late: i64,
    ) -> std::result::Result<(), ArrowError> {
        let (at, principals) = (times(batch, "event_time")?, texts(batch, "principal")?);
        let (shared, corrects) = (texts(batch, "shared_event_id")?, texts(batch, "corrects_event_id")?);
        let (tags, named) = (filled(batch, "tags")?, secrets(batch)?);
        self.landmarks += if are_landmarks { batch.num_rows() } else { 0 };
        for (row, named) in named.iter().enumerate() {
            let principal = text(&principals, row);
            if at.value(row) < late {
                self.late += 1;
            } else if principal.is_some() || !are_landmarks {
                self.principals.insert(principal.map(str::to_owned));
            }
            self.first = Some(self.first.map_or(at.value(row), |first| first.min(at.value(row))));
            self.shared.extend(text(&shared, row).map(str::to_owned));
            self.corrects |= text(&corrects, row).is_some();
            self.tags |= are_landmarks && tags.get(row) == Some(&true);
            self.note(named, are_landmarks);
        }
        Ok(())
    }

    fn note(&mut self, named: &[Named], are_landmarks: bool) {
        for secret in named {
            self.names.extend(secret.names());
            if are_landmarks {
                self.landmark_names.extend(secret.names());
            }
            self.arns.extend(secret.arn.clone().map(|arn| (arn, secret.proven)));
        }
    }
}

fn split_at(
    all: &RecordBatch,
    now: Timestamp,
) -> std::result::Result<(Option<RecordBatch>, Option<RecordBatch>), ArrowError> {
    let at = times(all, "event_time")?;
    let seen: BooleanArray = at.iter().map(|at| at.map(|at| at <= now.as_microsecond())).collect();
    let later = arrow::compute::not(&seen)?;
    let part = |mask| filter_record_batch(all, mask).map(|b| Some(b).filter(|b| b.num_rows() > 0));
    let later = part(&later)?.map(|batch| memory::compact(&batch)).transpose()?;
    Ok((part(&seen)?, later))
}

/// The rows that rules look at, as the view `watched` has them.
async fn watched(
    rows: RecordBatch,
    rules: &RuleSet,
    now: Timestamp,
) -> std::result::Result<RecordBatch, DataFusionError> {
    let session = session();
    let schema = rows.schema();
    session.register_table("events", Arc::new(MemTable::try_new(schema, vec![vec![rows]])?))?;
    let (file, view) = rules.views.get("watched").cloned().unwrap_or_default();
    let view = bind(&file, &view, &Literals::now(now)).map_err(|e| DataFusionError::External(Box::new(e)))?;
    let (schema, batches) = memory::rows(&session, &view).await?;
    Ok(concat_batches(&schema, &batches)?)
}

pub(super) fn wrong(source: ArrowError) -> RuleError {
    unreadable(DataFusionError::ArrowError(Box::new(source), None))
}

pub(super) fn unreadable(source: DataFusionError) -> RuleError {
    RuleError::Sql { file: "new events".to_owned(), doing: "read", source }
}
