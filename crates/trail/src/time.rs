//! The times that stand in CloudTrail records: RFC 3339 in UTC, and the zone-less dates of Java's formatter.
//!
//! Sources: CloudTrail User Guide, "CloudTrail record contents" (`eventTime`); captures for the dates inside
//! `responseElements`, which differ by the service's age: `Jul 10, 2023, 12:07:59 PM`, `Jul 10, 2023 1:57:16 PM`,
//! `Apr 12, 2021 18:58:30 PM` (a 24-hour clock with a meaningless PM).

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `YYYY-MM-DDTHH:MM:SSZ`, the only form in real trails, anything else that RFC 3339 allows, or what SQL engines make of
/// it when they export trails: `YYYY-MM-DD HH:MM:SS.fff` without a zone. The field is UTC by definition.
pub(crate) fn event_time(text: &str) -> Option<Timestamp> {
    plain_utc(text).or_else(|| text.parse().ok()).or_else(|| sql_utc(text))
}

fn sql_utc(text: &str) -> Option<Timestamp> {
    let is_sql = text.as_bytes().get(10) == Some(&b' ') && text.as_bytes().get(13) == Some(&b':');
    let time: DateTime = is_sql.then(|| text.parse().ok()).flatten()?;
    Offset::UTC.to_timestamp(time).ok()
}

/// The common form without the general parser, which takes ten times as long.
fn plain_utc(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    if bytes.len() != 20 || !rest.starts_with('T') || !rest.ends_with('Z') {
        return None;
    }
    let number = |from: usize, to: usize| digits(text.get(from..to)?);
    let is_marked =
        date.get(4..5)? == "-" && date.get(7..8)? == "-" && rest.get(3..4)? == ":" && rest.get(6..7)? == ":";
    let date = Date::new(number(0, 4)?, number(5, 7)? as i8, number(8, 10)? as i8).ok()?;
    let time = Time::new(number(11, 13)? as i8, number(14, 16)? as i8, number(17, 19)? as i8, 0).ok()?;
    is_marked.then(|| Offset::UTC.to_timestamp(date.to_datetime(time)).ok()).flatten()
}

fn digits(text: &str) -> Option<i16> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A date inside request or response: RFC 3339, Java's English medium format (read as UTC), or epoch seconds.
pub(crate) fn loose_date(text: &str) -> Option<Timestamp> {
    event_time(text).or_else(|| java_date(text)).or_else(|| {
        let seconds: f64 = text.parse().ok()?;
        (seconds.abs() < 1e11).then(|| Timestamp::from_second(seconds as i64).ok()).flatten()
    })
}

fn java_date(text: &str) -> Option<Timestamp> {
    // Newer JDKs put a narrow no-break space before AM and PM.
    let mut words = text.split([' ', ',', '\u{202f}', '\u{a0}']).filter(|word| !word.is_empty());
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| month.starts_with(name))? as i8 + 1;
    let day = digits(words.next()?)? as i8;
    let year = digits(words.next()?)?;
    let mut clock = words.next()?.split(':').map(digits);
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let hour = match (words.next(), hour) {
        (Some("PM"), 1..=11) => hour + 12,
        (Some("AM"), 12) => 0,
        _ => hour,
    };
    let date = Date::new(year, month, day).ok()?;
    let time = Time::new(hour as i8, minute as i8, second as i8, 0).ok()?;
    Offset::UTC.to_timestamp(date.to_datetime(time)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_times_are_rfc_3339() {
        for (text, expected) in [
            ("2026-11-20T02:00:05Z", Some("2026-11-20T02:00:05Z")),
            ("2026-11-20T02:00:05.25Z", Some("2026-11-20T02:00:05.25Z")),
            ("2026-11-20T04:00:05+02:00", Some("2026-11-20T02:00:05Z")),
            ("2026-02-30T02:00:05Z", None),
            ("2026-11-20 02:00:05", Some("2026-11-20T02:00:05Z")),
            ("2026-11-20 02:00:05.000000000", Some("2026-11-20T02:00:05Z")),
            ("2026-11-20 yesterday", None),
            ("2026-11-20", None),
            ("+026-11-20T02:00:05Z", None),
            ("", None),
        ] {
            assert_eq!(event_time(text), expected.map(|time| time.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn java_style_dates_are_read_as_utc() {
        for (text, expected) in [
            ("Jul 10, 2023, 12:07:59 PM", "2023-07-10T12:07:59Z"),
            ("Jul 10, 2023 1:57:16 PM", "2023-07-10T13:57:16Z"),
            ("Apr 12, 2021 18:58:30 PM", "2021-04-12T18:58:30Z"),
            ("Nov 2, 2021, 11:25:25\u{202f}AM", "2021-11-02T11:25:25Z"),
            ("Aug 2, 2024, 12:00:00 AM", "2024-08-02T00:00:00Z"),
            ("1690000000", "2023-07-22T04:26:40Z"),
        ] {
            assert_eq!(loose_date(text), Some(expected.parse().unwrap()), "{text}");
        }
        assert_eq!(loose_date("soon"), None);
    }
}
