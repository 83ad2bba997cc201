//! Local hours: when an organization works, in its own time zone, with holidays and daylight saving.
//!
//! SQL cannot say this well, so the engine lays it out as a small table of quarter hours ([`Calendar::slots`]).
//! The zones come from the copy of the IANA database inside this program, not from the machine's: two machines
//! must not disagree about a finding because one was patched.

use super::error::Complaint;
use jiff::civil::{Date, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, ZonedDateTime};
use std::collections::BTreeSet;

/// Length of a slot, in seconds. All offsets in use are multiples of it, so no slot straddles a change of clock.
pub const SLOT_SECONDS: i64 = 15 * 60;

/// The days of a week.
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// When the organization works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// Its zone.
    pub timezone: TimeZone,
    /// Its working hours.
    pub business_hours: BusinessHours,
    /// Local dates without working hours.
    pub holidays: BTreeSet<Date>,
}

/// Working hours of a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusinessHours {
    /// Whether each day has working hours, Monday first.
    pub days: [bool; 7],
    /// When they start on those days.
    pub from: ClockTime,
    /// When they end, exclusive; may be 24:00.
    pub to: ClockTime,
}

/// A local time of day, in minutes from midnight; 24:00 is its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClockTime(u16);

/// A quarter of an hour and what it is locally.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// When it starts; a multiple of 15 minutes from the epoch.
    pub start_utc: Timestamp,
    /// The local date.
    pub local_date: Date,
    /// The local hour, 0 to 23.
    pub local_hour: i8,
    /// The local minute, 0 to 59.
    pub local_minute: i8,
    /// The local day of the week, 1 = Monday to 7 = Sunday.
    pub local_dow: i8,
    /// Within working hours, and no holiday.
    pub is_business: bool,
    /// A holiday.
    pub is_holiday: bool,
}

impl Default for Calendar {
    /// UTC, Monday to Friday, 08:00 to 18:00, no holidays.
    fn default() -> Calendar {
        let days = [true, true, true, true, true, false, false];
        let business_hours = BusinessHours { days, from: ClockTime(8 * 60), to: ClockTime(18 * 60) };
        Calendar { timezone: TimeZone::UTC, business_hours, holidays: BTreeSet::new() }
    }
}

impl Calendar {
    /// `at` on the organization's clock.
    pub fn local(&self, at: Timestamp) -> ZonedDateTime {
        at.to_zoned_datetime(self.timezone.clone())
    }

    /// The quarter hour that starts at `start`.
    pub fn slot(&self, start: Timestamp) -> Slot {
        let local = self.local(start);
        let minute = ClockTime::new(local.hour(), local.minute());
        let is_holiday = self.holidays.contains(&local.date());
        Slot {
            start_utc: start,
            local_date: local.date(),
            local_hour: local.hour(),
            local_minute: local.minute(),
            local_dow: local.weekday().to_monday_one_offset(),
            is_business: !is_holiday && self.business_hours.contain(local.weekday(), minute),
            is_holiday,
        }
    }

    /// Every quarter hour from the one that holds `from` up to, not including, those that start at or after `to`.
    pub fn slots(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = Slot> + '_ {
        let first = from.as_second().div_euclid(SLOT_SECONDS);
        let starts = (first..).map_while(move |slot| Timestamp::from_second(slot * SLOT_SECONDS).ok());
        starts.take_while(move |start| *start < to).map(|start| self.slot(start))
    }
}

impl BusinessHours {
    fn contain(&self, day: Weekday, time: ClockTime) -> bool {
        // `to_monday_zero_offset` is 0 to 6, so the index is always inside.
        let is_working_day = self.days.get(day.to_monday_zero_offset() as usize).copied().unwrap_or_default();
        is_working_day && self.from <= time && time < self.to
    }
}

impl ClockTime {
    fn new(hour: i8, minute: i8) -> ClockTime {
        ClockTime(u16::from(hour.unsigned_abs()) * 60 + u16::from(minute.unsigned_abs()))
    }

    /// Minutes from local midnight, 0 to 1440.
    pub fn minutes(self) -> u16 {
        self.0
    }

    pub(super) fn parse(text: &str) -> Result<ClockTime, Complaint> {
        let refused = || {
            let message = format!("`{}` is no time of day", text.escape_debug());
            Complaint::new(message).hint("write HH:MM from \"00:00\" to \"24:00\", such as \"08:30\"")
        };
        let two_digits = |part: &str| {
            (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()))
                .then_some(())
                .and_then(|()| part.parse::<u16>().ok())
        };
        let parts = text.split_once(':').and_then(|(hour, minute)| two_digits(hour).zip(two_digits(minute)));
        match parts {
            Some((hour, minute)) if hour < 24 && minute < 60 || (hour, minute) == (24, 0) => {
                Ok(ClockTime(hour * 60 + minute))
            }
            _ => Err(refused()),
        }
    }

    /// Like [`ClockTime::parse`], but only quarter hours, which is what slots can tell apart.
    pub(super) fn parse_quarter(text: &str) -> Result<ClockTime, Complaint> {
        let time = ClockTime::parse(text)?;
        if time.0.is_multiple_of(15) {
            return Ok(time);
        }
        Err(Complaint::new(format!("`{text}` is no quarter hour")).hint("use :00, :15, :30 or :45"))
    }
}

/// `mon-fri`, `sun-thu`, `mon,wed,sat`, or both mixed.
pub(super) fn parse_days(text: &str) -> Result<[bool; 7], Complaint> {
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (parse_day(first.trim())?, parse_day(last.trim())?);
        let length = (last + 7 - first) % 7;
        (first..=first + length).for_each(|day| days[day % 7] = true);
    }
    Ok(days)
}

fn parse_day(text: &str) -> Result<usize, Complaint> {
    let known = DAYS.iter().position(|(name, _)| *name == text);
    known.ok_or_else(|| {
        let message = format!("`{}` is no day", text.escape_debug());
        Complaint::new(message).hint("write days as \"mon-fri\", \"sun-thu\" or \"mon,wed,sat\"")
    })
}

pub(super) fn parse_timezone(name: &str) -> Result<TimeZone, Complaint> {
    let database = TimeZoneDatabase::bundled();
    database.get(name).map_err(|_| {
        let names = database.available().map(|known| known.as_str().to_owned()).collect::<Vec<_>>();
        let nearest = super::error::nearest(name, names.iter().map(String::as_str));
        let hint = nearest.map_or("use a name such as `America/Los_Angeles` or `UTC`".to_owned(), |known| {
            format!("did you mean `{known}`?")
        });
        Complaint::new(format!("`{}` is no time zone", name.escape_debug())).hint(hint)
    })
}

pub(super) fn parse_date(text: &str) -> Result<Date, Complaint> {
    let refused = || {
        let message = format!("`{}` is no date", text.escape_debug());
        Complaint::new(message).hint("write it as YYYY-MM-DD, such as \"2026-12-25\"")
    };
    if text.len() != "2026-12-25".len() {
        return Err(refused());
    }
    text.parse().map_err(|_| refused())
}

/// An instant in RFC 3339. An offset is demanded: an hour's difference in a window is found out too late.
pub(super) fn parse_instant(text: &str) -> Result<Timestamp, Complaint> {
    text.parse().map_err(|_| {
        let message = format!("`{}` is no point in time", text.escape_debug());
        Complaint::new(message).hint("write it with an offset, such as \"2026-11-20T02:00:00Z\"")
    })
}

/// When a date is over, in the organization's zone.
pub(super) fn end_of_day(date: Date, timezone: &TimeZone) -> Timestamp {
    let next_day = date.tomorrow().unwrap_or(date);
    let midnight = next_day.to_zoned_datetime(timezone.clone()).map(|midnight| midnight.timestamp());
    midnight.unwrap_or(Timestamp::MAX - SignedDuration::from_hours(24))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(zone: &str) -> Calendar {
        Calendar { timezone: parse_timezone(zone).unwrap(), ..Calendar::default() }
    }

    /// The local times of the slots between two instants, in order.
    fn local_times(calendar: &Calendar, from: &str, to: &str) -> Vec<String> {
        let slots = calendar.slots(from.parse().unwrap(), to.parse().unwrap());
        slots.map(|slot| format!("{:02}:{:02}", slot.local_hour, slot.local_minute)).collect()
    }

    #[test]
    fn in_spring_the_hour_after_two_does_not_exist() {
        let los_angeles = calendar("America/Los_Angeles");
        let times = local_times(&los_angeles, "2026-03-08T09:30:00Z", "2026-03-08T10:30:00Z");
        assert_eq!(times, ["01:30", "01:45", "03:00", "03:15"]);
    }

    #[test]
    fn in_autumn_the_hour_after_one_comes_twice() {
        let los_angeles = calendar("America/Los_Angeles");
        let times = local_times(&los_angeles, "2026-11-01T08:45:00Z", "2026-11-01T10:15:00Z");
        assert_eq!(times, ["01:45", "01:00", "01:15", "01:30", "01:45", "02:00"]);
    }

    #[test]
    fn business_hours_follow_the_clock_not_the_sun() {
        let los_angeles = calendar("America/Los_Angeles");
        // 08:00 is 16:00 UTC on the Friday before the change and 15:00 UTC on the Monday after it.
        let is_business = |text: &str| los_angeles.slot(text.parse().unwrap()).is_business;
        assert!(!is_business("2026-03-06T15:45:00Z") && is_business("2026-03-06T16:00:00Z"));
        assert!(!is_business("2026-03-09T14:45:00Z") && is_business("2026-03-09T15:00:00Z"));
        assert!(is_business("2026-03-10T00:45:00Z") && !is_business("2026-03-10T01:00:00Z"));
    }

    #[test]
    fn half_and_three_quarter_hour_zones_keep_their_minutes() {
        let times = local_times(&calendar("Asia/Kolkata"), "2026-11-20T02:30:00Z", "2026-11-20T03:00:00Z");
        assert_eq!(times, ["08:00", "08:15"]);
        assert!(calendar("Asia/Kolkata").slot("2026-11-20T02:30:00Z".parse().unwrap()).is_business);
        assert!(!calendar("Asia/Kolkata").slot("2026-11-20T02:15:00Z".parse().unwrap()).is_business);
        assert_eq!(
            local_times(&calendar("Asia/Kathmandu"), "2026-11-20T00:00:00Z", "2026-11-20T00:15:00Z"),
            ["05:45"]
        );
    }

    #[test]
    fn slots_start_on_the_quarter_that_holds_the_first_instant() {
        let (from, to) =
            ("2026-11-20T02:59:59.5Z".parse().unwrap(), "2026-11-20T03:00:00.000001Z".parse().unwrap());
        let starts =
            Calendar::default().slots(from, to).map(|slot| slot.start_utc.to_string()).collect::<Vec<_>>();
        assert_eq!(starts, ["2026-11-20T02:45:00Z", "2026-11-20T03:00:00Z"]);
        assert_eq!(Calendar::default().slots(to, from).count(), 0);
        assert_eq!(Calendar::default().slots(Timestamp::MAX, Timestamp::MAX).count(), 1);
        assert_eq!(Calendar::default().slots(Timestamp::MIN, Timestamp::MIN).count(), 0);
    }

    #[test]
    fn a_holiday_is_a_local_date() {
        let mut los_angeles = calendar("America/Los_Angeles");
        los_angeles.holidays.insert(parse_date("2026-12-25").unwrap());
        let slot = |text: &str| los_angeles.slot(text.parse().unwrap());
        assert!(slot("2026-12-25T20:00:00Z").is_holiday && !slot("2026-12-25T20:00:00Z").is_business);
        assert!(slot("2026-12-26T07:45:00Z").is_holiday);
        assert!(!slot("2026-12-26T08:00:00Z").is_holiday);
    }

    #[test]
    fn days_are_ranges_lists_and_ranges_over_the_weekend() {
        let days = |text: &str| {
            let set = parse_days(text).unwrap();
            DAYS.iter()
                .zip(set)
                .filter(|(_, on)| *on)
                .map(|((name, _), _)| *name)
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(days("mon-fri"), "mon tue wed thu fri");
        assert_eq!(days("sun-thu"), "mon tue wed thu sun");
        assert_eq!(days("mon,wed, sat"), "mon wed sat");
        assert_eq!(days("mon-tue,sat"), "mon tue sat");
        assert_eq!(days("sun"), "sun");
        assert!(["", "monday", "mon-", "mon fri", "1-5"].iter().all(|text| parse_days(text).is_err()));
    }

    #[test]
    fn the_day_of_the_week_counts_from_monday() {
        assert_eq!(Calendar::default().slot("2026-11-23T00:00:00Z".parse().unwrap()).local_dow, 1);
        assert_eq!(Calendar::default().slot("2026-11-22T00:00:00Z".parse().unwrap()).local_dow, 7);
    }

    #[test]
    fn a_day_ends_at_the_next_local_midnight() {
        let zone = parse_timezone("America/Los_Angeles").unwrap();
        let end = end_of_day(parse_date("2026-11-01").unwrap(), &zone);
        assert_eq!(end.to_string(), "2026-11-02T08:00:00Z");
        assert!(end_of_day(Date::MAX, &zone) > end);
    }

    #[test]
    fn a_zone_nearly_right_is_answered_with_the_right_one() {
        let hint = |name: &str| parse_timezone(name).unwrap_err().hint.unwrap();
        assert_eq!(hint("America/Los_Angles"), "did you mean `America/Los_Angeles`?");
        assert!(hint("Middle-earth/Shire").contains("`UTC`"));
    }
}
