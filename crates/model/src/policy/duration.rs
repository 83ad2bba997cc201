//! Durations as people write them: `30d`, `90m`, `1h30m`.
//!
//! A day is 24 hours and a week seven of them; there are no months, whose length nobody can agree on.

use jiff::SignedDuration;

/// The longest duration, in days. More is refused: it is a typing error, and interval arithmetic stays far from
/// its limits.
pub const DURATION_DAYS_MAX: i64 = 3_660;

/// Seconds of each unit, longest first.
const UNITS: [(&str, i64); 5] = [("w", 7 * 86_400), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// Reads a duration: one or more of `<number><unit>` with the units `w`, `d`, `h`, `m`, `s`, each at most once
/// and the longer first. `0s` is a duration.
pub fn parse_duration(text: &str) -> Result<SignedDuration, String> {
    let refused = || {
        format!(
            "`{}` is no duration; write a number and s, m, h, d or w, such as \"30d\"",
            text.escape_debug()
        )
    };
    let mut rest = text;
    let mut units = UNITS.as_slice();
    let mut seconds = 0i64;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let unit = tail.get(..1).and_then(|letter| units.iter().position(|(name, _)| *name == letter));
        let (Ok(number), Some(unit)) = (number.parse::<i64>(), unit) else { return Err(refused()) };
        let part = number.checked_mul(units[unit].1);
        seconds = part.and_then(|part| seconds.checked_add(part)).unwrap_or(i64::MAX);
        units = &units[unit + 1..];
        rest = &tail[1..];
    }
    match seconds {
        _ if text.is_empty() => Err(refused()),
        _ if seconds > DURATION_DAYS_MAX * 86_400 => {
            Err(format!("`{text}` is longer than {DURATION_DAYS_MAX}d"))
        }
        _ => Ok(SignedDuration::from_secs(seconds)),
    }
}

/// Writes a duration so that [`parse_duration`] reads it back: the same length in the fewest units.
/// Fractions of a second are cut off; a negative duration is written as its length.
pub fn format_duration(duration: SignedDuration) -> String {
    let mut seconds = duration.abs().as_secs();
    let mut text = String::new();
    for (unit, unit_seconds) in &UNITS[1..] {
        if seconds >= *unit_seconds {
            text += &format!("{}{unit}", seconds / unit_seconds);
            seconds %= unit_seconds;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        let seconds = |text: &str| parse_duration(text).map(|duration| duration.as_secs());
        assert_eq!(seconds("30d"), Ok(30 * 86_400));
        assert_eq!(seconds("1h30m"), Ok(5_400));
        assert_eq!(seconds("2w"), Ok(14 * 86_400));
        assert_eq!(seconds("0s"), Ok(0));
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in [
            "",
            "30",
            "d",
            "30 d",
            "-5m",
            "1.5h",
            "5m1h",
            "5m5m",
            "1y",
            "３d",
            "99999999999999999999d",
            "5mé",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert!(parse_duration("3661d").unwrap_err().contains("longer"));
        assert!(parse_duration("9223372036854775807w").is_err());
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in 0i64..=DURATION_DAYS_MAX * 86_400) {
            let duration = SignedDuration::from_secs(seconds);
            proptest::prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }
}
