//! The axis of time: the drawing library has one for another library's calendar only.

use std::ops::Range;

use jiff::Timestamp;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;
/// The epoch was a Thursday; ticks of a week stand on Mondays.
const FIRST_MONDAY: i64 = 4 * DAY;
/// Distances of ticks. Beyond the last one they lie as close as it takes.
const STEPS: [i64; 10] =
    [HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 91 * DAY];

/// Seconds since the epoch, from and to.
#[derive(Debug, Clone)]
pub struct TimeAxis {
    from: i64,
    to: i64,
    step: i64,
}

impl TimeAxis {
    /// An axis with about so many ticks.
    pub fn new(from: Timestamp, to: Timestamp, ticks_max: i64) -> TimeAxis {
        let (from, to) = (from.as_second(), to.as_second().max(from.as_second().saturating_add(1)));
        let least = to.saturating_sub(from) / ticks_max.max(1);
        let step = STEPS.into_iter().find(|step| *step >= least).unwrap_or(least.max(1));
        TimeAxis { from, to, step }
    }
}

impl Ranged for TimeAxis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = i64;

    fn map(&self, value: &i64, limit: (i32, i32)) -> i32 {
        let part = (value - self.from) as f64 / (self.to - self.from) as f64;
        limit.0 + (f64::from(limit.1 - limit.0) * part.clamp(0.0, 1.0)).round() as i32
    }

    fn key_points<H: KeyPointHint>(&self, _: H) -> Vec<i64> {
        let first = (self.from - FIRST_MONDAY).div_euclid(self.step);
        let ticks = (first..).map(|at| at * self.step + FIRST_MONDAY).skip_while(|at| *at < self.from);
        ticks.take_while(|at| *at < self.to).collect()
    }

    fn range(&self) -> Range<i64> {
        self.from..self.to
    }
}

impl ValueFormatter<i64> for TimeAxis {
    fn format_ext(&self, value: &i64) -> String {
        let format = if self.step < DAY { "%H:%M" } else { "%-d %b" };
        let format = if self.step < DAY && value.rem_euclid(DAY) == 0 { "%-d %b" } else { format };
        Timestamp::from_second(*value).map(|at| at.strftime(format).to_string()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(from: &str, to: &str) -> Vec<String> {
        let axis = TimeAxis::new(from.parse().expect("a time"), to.parse().expect("a time"), 6);
        axis.key_points(6).iter().map(|at| axis.format_ext(at)).collect()
    }

    #[test]
    fn ticks_stand_on_mondays_on_days_and_on_hours() {
        assert_eq!(
            ticks("2026-10-12T07:00:00Z", "2026-11-11T08:00:00Z"),
            ["19 Oct", "26 Oct", "2 Nov", "9 Nov"]
        );
        assert_eq!(
            ticks("2026-11-04T20:00:00Z", "2026-11-05T08:00:00Z"),
            ["21:00", "5 Nov", "03:00", "06:00"]
        );
        assert!(ticks("2026-11-04T20:00:00Z", "2026-11-04T20:00:00Z").len() < 2);
    }
}
