//! When people work, guessed from when they act. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// Zones that are tried where none is named, one for each clock that many people keep. The first of equals wins.
const ZONES: [&str; 15] = [
    "UTC",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Helsinki",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Pacific/Auckland",
    "America/Sao_Paulo",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
];

/// Fewer person-hours than these give no hours: a handful of logins is no rhythm.
const PERSON_HOURS_MIN: usize = 20;
/// So do fewer days.
const DAYS_MIN: usize = 5;
/// From so many person-hours on the guess is believed.
const PERSON_HOURS_FIRM: usize = 40;
/// Longer days than these are nobody's: people on call, or in several time zones.
const STRETCH_MAX: usize = 12;
/// The middle of a working day, in minutes from midnight: where a zone puts people's hours tells whether it is theirs.
const NOON_MINUTES: i32 = 13 * 60;
/// What an hour on a weekend counts, as if it lay so many minutes from the middle.
const WEEKEND_MINUTES: i32 = 12 * 60;
/// A day of the week is a working day from this share of the busiest one on.
const WORKING_DAY_PERCENT: usize = 25;
/// Hours at either end of the day that hold less than this share of all are early birds and night work.
const TAIL_PERCENT: usize = 5;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Working hours as they look.
#[derive(Debug, Clone)]
pub struct Hours {
    /// The zone's name.
    pub zone: String,
    /// Whether nobody named it.
    pub is_guessed: bool,
    /// Working days, Monday first.
    pub days: [bool; 7],
    /// First working hour.
    pub from: usize,
    /// The hour after the last, 1 to 24.
    pub to: usize,
    /// Hours in which some person acted, counted for each person.
    pub person_hours: usize,
    /// Those within the working hours.
    pub within: usize,
    /// Days with any.
    pub dates: usize,
    /// Persons.
    pub people: usize,
    /// Why the hours are only to be looked at, if they are.
    pub doubt: Option<String>,
    timezone: TimeZone,
}

impl Hours {
    /// Days as the policy writes them: `mon-fri`, `mon,wed`.
    pub fn days_written(&self) -> String {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for day in (0..7).filter(|day| self.days[*day]) {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == day => *last = day,
                _ => runs.push((day, day)),
            }
        }
        let run = |(first, last): &(usize, usize)| {
            if first == last { DAYS[*first].to_owned() } else { format!("{}-{}", DAYS[*first], DAYS[*last]) }
        };
        runs.iter().map(run).collect::<Vec<_>>().join(",")
    }

    /// Whether a time lies in working hours, or within an hour of them.
    pub fn hold(&self, at: Timestamp) -> bool {
        let (_, day, hour) = local(&self.timezone, at);
        self.days[day] && hour + 1 >= self.from && hour < self.to + 1
    }
}

/// Hours from the quarter hours in which persons acted, or why there are none.
pub fn guess(slots: &[(String, Timestamp)], zone: Option<&str>) -> Result<Hours, String> {
    let database = TimeZoneDatabase::bundled();
    let zones: Vec<&str> = zone.map_or(ZONES.to_vec(), |zone| vec![zone]);
    let mut best: Option<(i32, Hours)> = None;
    for name in zones {
        let timezone = database.get(name).map_err(|_| format!("`{name}` is no time zone"))?;
        let acted: BTreeSet<(&str, Date, usize, usize)> = slots
            .iter()
            .map(|(person, at)| {
                let (date, day, hour) = local(&timezone, *at);
                (person.as_str(), date, day, hour)
            })
            .collect();
        let dates = acted.iter().map(|(_, date, ..)| date).collect::<BTreeSet<_>>().len();
        if acted.len() < PERSON_HOURS_MIN || dates < DAYS_MIN {
            let seen = acted.len();
            return Err(format!(
                "people acted in {seen} hours on {dates} days; at least {PERSON_HOURS_MIN} on {DAYS_MIN} make a rhythm"
            ));
        }
        let score = acted.iter().map(|(_, _, day, hour)| distance(*day, *hour)).sum::<i32>();
        if best.as_ref().is_none_or(|(least, _)| score < *least) {
            let people = acted.iter().map(|(person, ..)| person).collect::<BTreeSet<_>>().len();
            let hours = stretch(acted.iter().map(|(_, _, day, hour)| (*day, *hour)));
            let (is_guessed, doubt) = (zone.is_none(), doubt(&hours));
            let hours = Hours { zone: name.to_owned(), is_guessed, dates, people, doubt, timezone, ..hours };
            best = Some((score, hours));
        }
    }
    best.map(|(_, hours)| hours).ok_or_else(|| "no zone was tried".to_owned())
}

fn doubt(hours: &Hours) -> Option<String> {
    let (seen, length) = (hours.person_hours, hours.to - hours.from);
    if seen < PERSON_HOURS_FIRM {
        return Some(format!("{seen} hours are few"));
    }
    (length > STRETCH_MAX)
        .then(|| format!("they spread over {length} hours of the day: on call, or several time zones"))
}

fn local(timezone: &TimeZone, at: Timestamp) -> (Date, usize, usize) {
    let local = at.to_zoned_datetime(timezone.clone());
    let day = usize::try_from(local.weekday().to_monday_zero_offset()).unwrap_or_default();
    (local.date(), day, usize::try_from(local.hour()).unwrap_or_default())
}

/// How far an hour lies from the middle of a working day.
fn distance(day: usize, hour: usize) -> i32 {
    if day >= 5 {
        return WEEKEND_MINUTES;
    }
    let minute = i32::try_from(hour).unwrap_or_default() * 60 + 30;
    (minute - NOON_MINUTES).abs()
}

/// The days and hours that hold most of what was seen.
fn stretch(acted: impl Iterator<Item = (usize, usize)>) -> Hours {
    let mut seen = BTreeMap::<(usize, usize), usize>::new();
    acted.for_each(|at| *seen.entry(at).or_default() += 1);
    let of_day = |day: usize| seen.iter().filter(|((d, _), _)| *d == day).map(|(_, n)| n).sum::<usize>();
    let busiest = (0..7).map(of_day).max().unwrap_or_default();
    let days: [bool; 7] = std::array::from_fn(|day| of_day(day) * 100 >= busiest * WORKING_DAY_PERCENT);
    let on_days =
        |hour: usize| (0..7).filter(|d| days[*d]).filter_map(|d| seen.get(&(d, hour))).sum::<usize>();
    let total = (0..24).map(on_days).sum::<usize>();
    let upto = |hour: usize| (0..=hour).map(on_days).sum::<usize>();
    let from = (0..24).find(|hour| upto(*hour) * 100 > total * TAIL_PERCENT).unwrap_or_default();
    let to = (from..24).find(|hour| upto(*hour) * 100 >= total * (100 - TAIL_PERCENT)).unwrap_or(23) + 1;
    Hours {
        zone: String::new(),
        is_guessed: false,
        days,
        from,
        to,
        person_hours: seen.values().sum(),
        within: (from..to).map(on_days).sum(),
        dates: 0,
        people: 0,
        doubt: None,
        timezone: TimeZone::UTC,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A person who acts at these UTC hours on each of so many days from Monday 2 November 2026 on, weekends aside.
    fn worker(name: &str, hours: std::ops::Range<i64>, days: i64) -> Vec<(String, Timestamp)> {
        let monday: Timestamp = "2026-11-02T00:00:00Z".parse().unwrap();
        let working = (0..days).filter(|day| day % 7 < 5);
        let at = |day: i64, hour: i64| monday + jiff::SignedDuration::from_hours(24 * day + hour);
        working.flat_map(|day| hours.clone().map(move |hour| (name.to_owned(), at(day, hour)))).collect()
    }

    #[test]
    fn a_zone_is_found_by_where_the_middle_of_the_day_lies() {
        // 09:00 to 17:00 in Los Angeles is 17:00 to 01:00 UTC in winter.
        let hours = guess(&worker("frost", 17..25, 14), None).unwrap();
        assert_eq!((hours.zone.as_str(), hours.from, hours.to), ("America/Los_Angeles", 9, 17));
        assert_eq!(hours.days_written(), "mon-fri");
        assert!(hours.hold("2026-11-03T16:00:00Z".parse().unwrap()));
        assert!(!hours.hold("2026-11-03T10:00:00Z".parse().unwrap()));
        assert!(!hours.hold("2026-11-07T19:00:00Z".parse().unwrap()));
    }

    #[test]
    fn one_night_does_not_stretch_the_hours() {
        let mut slots = worker("frost", 8..16, 28);
        slots.push(("frost".to_owned(), "2026-11-04T02:00:00Z".parse().unwrap()));
        let hours = guess(&slots, Some("UTC")).unwrap();
        assert_eq!((hours.from, hours.to, hours.is_guessed), (8, 16, false));
    }

    #[test]
    fn a_few_logins_are_no_rhythm() {
        assert!(guess(&worker("frost", 8..10, 3), None).unwrap_err().contains("6 hours on 3 days"));
        assert!(guess(&[], Some("UTC")).is_err());
        assert!(guess(&[], Some("Middle-earth/Shire")).unwrap_err().contains("no time zone"));
    }

    #[test]
    fn long_days_and_few_hours_are_doubted() {
        let doubt = |hours, days| guess(&worker("frost", hours, days), Some("UTC")).unwrap().doubt;
        assert_eq!(doubt(8..16, 14), None);
        assert!(doubt(3..21, 14).unwrap().contains("18 hours of the day"));
        assert!(doubt(8..13, 7).unwrap().contains("25 hours are few"));
    }

    #[test]
    fn days_are_written_as_runs() {
        let mut hours = guess(&worker("frost", 8..16, 14), Some("UTC")).unwrap();
        hours.days = [true, false, true, true, false, false, true];
        assert_eq!(hours.days_written(), "mon,wed-thu,sun");
    }
}
