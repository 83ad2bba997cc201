//! Which events are stored already: the exact identities of the days at hand.
//!
//! An event's identity is its event id and account. The same record always carries the same `eventTime` and so falls
//! into the same day; a day's identities are read from the lake once, before the first event of that day is judged.
//! So memory is bounded by [`KNOWN_IDS_MAX`] plus the largest single day, not by the lake.
//!
//! Other writers add to days that are loaded here. What they added since the version that this memory stands for is
//! read from their commits before anything is judged; a day is read whole again only where the log cannot tell.
//!
//! Not seen here: a forged record that carries a stored identity under another day's time while that day is not
//! loaded. It would become a second row.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::changes::Added;
use crate::column::day_number;
use crate::error::{LakeError, Result};
use crate::open::{Lake, session};

/// Identities kept in memory, about 64 bytes each. Above it the days longest unused are forgotten and read again when
/// an event of theirs comes by.
pub const KNOWN_IDS_MAX: usize = 2_000_000;

/// What is known about an event before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Never seen.
    Fresh,
    /// Stored, same content.
    Duplicate,
    /// Stored, other content: a forgery or corruption.
    Conflict,
}

/// An event's id and account, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Identity {
    event: u128,
    account: u64,
}

/// What an event is judged and sorted by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) identity: Identity,
    /// The day of its time, as days since 1970-01-01 (UTC).
    pub(crate) day: i32,
    pub(crate) content_hash: i64,
    pub(crate) time: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct Stored {
    day: i32,
    content_hash: i64,
}

/// The identities of the days loaded so far.
#[derive(Debug, Default)]
pub struct Known {
    ids: HashMap<Identity, Stored>,
    /// Loaded days and when each was last used, as a counter.
    days: HashMap<i32, u64>,
    clock: u64,
    /// The version of `events` up to which the loaded days are complete.
    as_of: u64,
}

/// More rows than this of other writers are not read one by one: the days are read again.
const ADDED_ROWS_MAX: usize = 200_000;

/// What is read of a stored event, in this order.
const COLUMNS: [&str; 4] = [
    "arrow_cast(event_id, 'Utf8')",
    "arrow_cast(account_id, 'Utf8')",
    "content_hash",
    "CAST(floor(date_part('epoch', event_time) / 86400) AS BIGINT)",
];

impl Known {
    /// Judges an event, whose day must have been loaded, and remembers a fresh one as about to be stored.
    pub(crate) fn judge(&mut self, event: &Key) -> Verdict {
        let stored = Stored { day: event.day, content_hash: event.content_hash };
        match self.ids.entry(event.identity) {
            Entry::Vacant(place) => {
                place.insert(stored);
                Verdict::Fresh
            }
            Entry::Occupied(known) if known.get().content_hash == event.content_hash => Verdict::Duplicate,
            Entry::Occupied(_) => Verdict::Conflict,
        }
    }

    /// Takes back events that were judged fresh and about to be stored: the commit lost its race.
    pub(crate) fn take_back<'e>(&mut self, events: impl IntoIterator<Item = &'e Key>) {
        for event in events {
            self.ids.remove(&event.identity);
        }
    }

    /// Our own commit is this version. If it followed directly on what we know, nothing else was added in between.
    pub fn stored_as(&mut self, version: u64) {
        if version == self.as_of + 1 {
            self.as_of = version;
        }
    }

    /// Forgets days, so that they are read anew: the fate of our own commit is unknown.
    pub fn forget(&mut self, days: &[i32]) {
        self.ids.retain(|_, stored| !days.contains(&stored.day));
        self.days.retain(|day, _| !days.contains(day));
    }

    /// Reads the identities of days not loaded yet.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn load(&mut self, lake: &Lake, days: &[i32]) -> Result<()> {
        self.clock += 1;
        self.catch_up(lake).await?;
        let missing: Vec<i32> = days.iter().copied().filter(|d| !self.days.contains_key(d)).collect();
        if !missing.is_empty() {
            self.read(lake, &missing).await?;
        }
        for day in days {
            self.days.insert(*day, self.clock);
        }
        self.evict();
        Ok(())
    }

    /// Reads what other writers added to the loaded days.
    async fn catch_up(&mut self, lake: &Lake) -> Result<()> {
        let version = lake.events_version();
        if !self.days.is_empty() && version > self.as_of {
            let columns = COLUMNS.map(str::to_owned);
            match lake.events_added_since(self.as_of, &columns, ADDED_ROWS_MAX).await? {
                Added::Rows(batches) => batches.iter().for_each(|batch| self.insert(batch, true)),
                Added::Untold(_) => {
                    self.ids.clear();
                    self.days.clear();
                }
            }
        }
        self.as_of = version;
        Ok(())
    }

    /// Takes rows of [`COLUMNS`] in; `only_loaded` leaves out days that are not loaded.
    fn insert(&mut self, batch: &RecordBatch, only_loaded: bool) {
        let (events, accounts) = (batch.column(0).as_string::<i32>(), batch.column(1).as_string::<i32>());
        let (hashes, days) =
            (batch.column(2).as_primitive::<Int64Type>(), batch.column(3).as_primitive::<Int64Type>());
        for row in 0..batch.num_rows() {
            let day = i32::try_from(days.value(row)).unwrap_or_default();
            if only_loaded && !self.days.contains_key(&day) {
                continue;
            }
            let content_hash = if hashes.is_null(row) { 0 } else { hashes.value(row) };
            self.ids.insert(identity(events.value(row), accounts.value(row)), Stored { day, content_hash });
        }
    }

    async fn read(&mut self, lake: &Lake, days: &[i32]) -> Result<()> {
        let what = format!("read stored event ids from `{}`", lake.uri());
        let failed = |source| LakeError::Query { what: what.clone(), source };
        let context = session();
        lake.register(&context).await?;
        let frame = context.sql(&day_query(days)).await.map_err(failed)?;
        let mut stream = frame.execute_stream().await.map_err(failed)?;
        while let Some(batch) = futures::StreamExt::next(&mut stream).await {
            self.insert(&batch.map_err(failed)?, false);
        }
        Ok(())
    }

    fn evict(&mut self) {
        while self.ids.len() > KNOWN_IDS_MAX {
            let oldest =
                self.days.iter().filter(|(_, used)| **used < self.clock).min_by_key(|(_, used)| **used);
            let Some(day) = oldest.map(|(day, _)| *day) else { return };
            self.forget(&[day]);
        }
    }
}

/// The date of a day counted from 1970-01-01.
pub(crate) fn date_of(day: i32) -> jiff::civil::Date {
    jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(i64::from(day)))
}

/// The day of a date, counted from 1970-01-01.
pub(crate) fn day_of(date: jiff::civil::Date) -> i32 {
    date.to_zoned_datetime(jiff::tz::TimeZone::UTC).map_or(i32::MIN, |zoned| day_number(zoned.timestamp()))
}

fn day_query(days: &[i32]) -> String {
    let list: Vec<String> = days.iter().map(|d| format!("DATE '{}'", date_of(*d))).collect();
    format!("SELECT {} FROM events WHERE event_date IN ({})", COLUMNS.join(", "), list.join(", "))
}

/// Event ids are GUIDs and accounts twelve digits; anything else (a forged record's) is hashed, so that nobody can
/// make two identities collide.
pub(crate) fn identity(event_id: &str, account_id: &str) -> Identity {
    let event = guid(event_id).unwrap_or_else(|| hash(event_id));
    let digits = account_id.len() == 12 && account_id.bytes().all(|b| b.is_ascii_digit());
    let number = digits.then(|| account_id.parse().ok()).flatten();
    let account = number.unwrap_or_else(|| (hash(account_id) >> 64) as u64);
    Identity { event, account }
}

/// An identity in eight bytes, for looking through many: two may share a number, equal ones always do.
pub(crate) fn identity_number(event_id: &str, account_id: &str) -> u64 {
    let Identity { event, account } = identity(event_id, account_id);
    (event as u64) ^ ((event >> 64) as u64).rotate_left(32) ^ account
}

/// The value of a GUID in the form that CloudTrail writes, lower-case with hyphens in four places; only that form, so
/// that two spellings never share a value.
fn guid(text: &str) -> Option<u128> {
    let bytes: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut value = 0u128;
    for (at, byte) in bytes.iter().enumerate() {
        let digit = match byte {
            b'-' if matches!(at, 8 | 13 | 18 | 23) => continue,
            _ if matches!(at, 8 | 13 | 18 | 23) => return None,
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        value = (value << 4) | u128::from(digit);
    }
    Some(value)
}

fn hash(text: &str) -> u128 {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(16).fold(0u128, |value, byte| (value << 8) | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_spelling_of_a_guid_is_a_number() {
        let canonical = "00000000-0000-4000-8000-0000000000ff";
        assert_eq!(guid(canonical), Some(0x4000_8000_0000_0000_00ff));
        for other in
            [canonical.to_uppercase(), canonical.replace('-', ""), format!("{canonical} "), "+".repeat(36)]
        {
            assert_eq!(guid(&other), None, "{other}");
            assert_ne!(identity(&other, "1"), identity(canonical, "1"), "{other}");
        }
    }
}
