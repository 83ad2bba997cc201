//! What a tick has in sight: the events of the touched principals, bounded, and the landmarks that they hang together with.
//!
//! The bound is dealt out, so that many quiet principals are seen whole beside one that is busy: whoever would have a page
//! about the one wait for the history of the other makes noise first. Does not judge.

use std::collections::{BTreeMap, HashSet};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use jiff::Timestamp;

use super::columns::texts;
use super::fresh::{Fresh, wrong};
use super::question::Question;
use super::selection::{self, Selection};
use super::{EVENTS_IN_SIGHT_MAX, Watch, owe};
use crate::error::Result;
use crate::knowledge::Knowledge;
use crate::small;

/// Events in sight of a tick.
pub(super) struct InSight {
    pub(super) events: Vec<RecordBatch>,
    pub(super) known: Knowledge,
    /// The names that these events may mean.
    pub(super) names: HashSet<String>,
    /// Of the touched principals all events since then are there, except of busy ones.
    pub(super) since: Timestamp,
}

impl Watch {
    /// The events that the rules in question are judged over.
    pub(super) async fn in_sight(
        &self,
        fresh: &Fresh,
        mut names: HashSet<String>,
        selection: &Selection<'_>,
        question: &mut Question<'_>,
        owed: &mut Option<String>,
    ) -> Result<InSight> {
        let mut events = acted(selection, question, owed).await?;
        let fetched = question.since();
        events.extend(selection.copies_of(&events, fetched).await?);
        events.extend(fresh.others.clone());
        let mut events = selection::distinct(events).map_err(wrong)?;
        let named: HashSet<String> = question.touched().principals.iter().flatten().cloned().collect();
        names.extend(self.landmarks.secrets_of(&named).map_err(wrong)?);
        names.extend(self.known.rotated_by(&named));
        let read = selection::names_in(&events).map_err(wrong)?;
        if small::selects_by_tags(selection.policy()) {
            names.extend(read.iter().cloned());
        }
        let landmarks = self.landmarks.about(&names, &named).map_err(wrong)?;
        events.extend(landmarks.into_iter().chain(fresh.landmarks.clone()));
        names.extend(read);
        names.extend(selection::names_in(&events).map_err(wrong)?);
        Ok(InSight { events, known: self.known.about(&names, &named), names, since: fetched })
    }
}

/// The events of the touched principals. Where they are too many, the busy principals are seen only in part, and the
/// question no longer asks what that part cannot answer.
async fn acted(
    selection: &Selection<'_>,
    question: &mut Question<'_>,
    owed: &mut Option<String>,
) -> Result<Vec<RecordBatch>> {
    if let Some(rows) = selection.events_of(question).await? {
        return Ok(rows);
    }
    let sinces: Vec<Timestamp> = question.sinces().into_iter().collect();
    let counts = counted(selection.counts_of(&question.touched().principals, &sinces).await?)?;
    let busy = shares(&counts, &sinces, EVENTS_IN_SIGHT_MAX);
    owe(owed, || format!("{} principals have more events than a tick looks at", busy.len()));
    for (principal, since) in busy {
        question.sees_only(principal, since);
    }
    Ok(selection.events_of(question).await?.unwrap_or_else(|| {
        // More came than was counted: rather nothing than a part that is taken for all.
        question.sees_nothing();
        Vec::new()
    }))
}

/// How many events of each principal there are since each of some times, furthest back first.
type Counts = BTreeMap<Option<String>, Vec<usize>>;

/// Reads the rows of [`Selection::counts_of`].
fn counted(rows: Vec<RecordBatch>) -> Result<Counts> {
    let mut counts = Counts::new();
    for batch in rows {
        let principals = texts(&batch, "principal").map_err(wrong)?;
        for (row, principal) in principals.iter().enumerate() {
            let since =
                batch.columns()[1..].iter().map(|column| column.as_primitive::<Int64Type>().value(row));
            let since = since.map(|count| usize::try_from(count).unwrap_or(usize::MAX)).collect();
            counts.insert(principal.map(str::to_owned), since);
        }
    }
    Ok(counts)
}

/// The principals that are not seen whole, and from when on each is seen; none: not at all. Who has fewer events than an
/// equal share of `most` leaves the rest to the others.
fn shares(counts: &Counts, sinces: &[Timestamp], most: usize) -> Vec<(Option<String>, Option<Timestamp>)> {
    let mut quietest_first: Vec<_> = counts.iter().collect();
    quietest_first.sort_by_key(|(_, counts)| counts.first().copied().unwrap_or_default());
    let (mut left, mut busy) = (most, Vec::new());
    for (place, (principal, counts)) in quietest_first.iter().enumerate() {
        let share = left / (quietest_first.len() - place);
        let fits = counts.iter().position(|count| *count <= share);
        left -= fits.map_or(0, |fits| counts[fits]);
        if fits != Some(0) {
            busy.push(((*principal).clone(), fits.map(|fits| sinces[fits])));
        }
    }
    busy
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(seconds: &[i64]) -> Vec<Timestamp> {
        seconds.iter().map(|second| Timestamp::from_second(*second).expect("a time")).collect()
    }

    fn counts(of: &[(&str, &[usize])]) -> Counts {
        of.iter().map(|(name, counts)| (Some((*name).to_owned()), counts.to_vec())).collect()
    }

    #[test]
    fn quiet_principals_are_seen_whole_beside_a_busy_one() {
        let counts = counts(&[("a-busy", &[900, 60, 5]), ("quiet", &[30, 3, 0]), ("still", &[0, 0, 0])]);
        let sinces = times(&[0, 100, 200]);
        assert_eq!(shares(&counts, &sinces, 100), [(Some("a-busy".to_owned()), Some(sinces[1]))]);
    }

    #[test]
    fn principal_whose_last_hours_are_too_many_is_not_seen() {
        let counts = counts(&[("flood", &[900, 800, 700]), ("quiet", &[30, 3, 0])]);
        assert_eq!(shares(&counts, &times(&[0, 100, 200]), 100), [(Some("flood".to_owned()), None)]);
    }

    #[test]
    fn two_that_are_busy_share_what_the_quiet_leave() {
        let counts = counts(&[("one", &[90, 45]), ("other", &[91, 46]), ("quiet", &[9, 0])]);
        let sinces = times(&[0, 100]);
        let both = ["one", "other"].map(|name| (Some(name.to_owned()), Some(sinces[1])));
        assert_eq!(shares(&counts, &sinces, 100), both);
    }
}
