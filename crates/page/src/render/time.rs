//! Windows of time, for people: on the organization's clock first, then in UTC.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ZonedDateTime};

/// `Fri 2026-11-20 03:00 to 04:00 PST`. A window of a second or less is an instant; the end's date is only
/// written where it is another day.
pub(super) fn window(start: Timestamp, end: Timestamp, zone: &TimeZone) -> String {
    let (start, end) = (start.to_zoned_datetime(zone.clone()), end.to_zoned_datetime(zone.clone()));
    let from = start.strftime("%a %Y-%m-%d");
    if start.duration_until(&end) <= SignedDuration::from_secs(1) {
        return format!("{from} {} {}", clock(&start), start.strftime("%Z"));
    }
    let date =
        if start.date() == end.date() { String::new() } else { end.strftime("%a %Y-%m-%d ").to_string() };
    // Where the clock changes within the window, each end has its own abbreviation.
    let same_zone = start.offset() == end.offset();
    let from_zone = if same_zone { String::new() } else { start.strftime(" %Z").to_string() };
    format!("{from} {}{from_zone} to {date}{} {}", clock(&start), clock(&end), end.strftime("%Z"))
}

/// `Fri 2026-11-20 03:00 PST`.
pub(super) fn instant(at: Timestamp, zone: &TimeZone) -> String {
    window(at, at, zone)
}

fn clock(time: &ZonedDateTime) -> String {
    time.strftime(if time.second() == 0 { "%H:%M" } else { "%H:%M:%S" }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZoneDatabase;

    fn check(start: &str, end: &str, expected: &str) {
        let zone = TimeZoneDatabase::bundled().get("America/Los_Angeles").unwrap();
        assert_eq!(window(start.parse().unwrap(), end.parse().unwrap(), &zone), expected);
    }

    #[test]
    fn windows_are_as_short_as_they_can_be_told() {
        check("2026-11-20T11:00:00Z", "2026-11-20T12:00:00Z", "Fri 2026-11-20 03:00 to 04:00 PST");
        check("2026-11-20T11:05:07Z", "2026-11-20T11:05:08Z", "Fri 2026-11-20 03:05:07 PST");
        check(
            "2026-11-20T11:00:00Z",
            "2026-11-21T11:00:00Z",
            "Fri 2026-11-20 03:00 to Sat 2026-11-21 03:00 PST",
        );
    }

    #[test]
    fn a_window_over_a_change_of_clock_names_both() {
        check("2026-11-01T08:30:00Z", "2026-11-01T09:30:00Z", "Sun 2026-11-01 01:30 PDT to 01:30 PST");
    }
}
