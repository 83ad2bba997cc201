//! `snowtrail lake retain`: events older than so many days go, if no rule needs them.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use snowtrail_lake::Access;
use snowtrail_lake::retain::Dropped;
use snowtrail_rules::kept::furthest;

use crate::cli::RuleOptions;
use crate::exit::Exit;
use crate::location;
use crate::output::{self, Usage};
use crate::policy_file::{self, Bound};

/// Drops the days before the last `days` ones.
pub async fn run(uri: &str, rules: &RuleOptions, days: u32, rehearsal: bool) -> anyhow::Result<Exit> {
    refuse_too_few(&policy_file::load(rules)?, days)?;
    let from = first_kept(Timestamp::now(), days)?;
    let mut lake = location::open(uri, Access::Read).await?;
    if rehearsal {
        let dropped = lake.days_before(from)?;
        output::note(&format!("lake `{uri}`: events from {from} on would stay; {} would go", said(dropped)));
        return Ok(Exit::Done);
    }
    let dropped = lake.keep_from(from).await?;
    let kept = lake.kept_from().unwrap_or(from);
    output::note(&format!("lake `{uri}` keeps events from {kept} on; {} gone", said(dropped)));
    if kept > from {
        output::note(&format!("it kept nothing before {kept} already, and that does not come back"));
    }
    Ok(Exit::Done)
}

fn said(dropped: Dropped) -> String {
    let Dropped { days, files, bytes } = dropped;
    format!("{days} days of events in {files} files of {bytes} bytes")
}

/// The first day that is kept: so many days before today's.
fn first_kept(now: Timestamp, days: u32) -> anyhow::Result<Date> {
    let today = now.to_zoned_datetime(TimeZone::UTC).date();
    let from = today.checked_sub(i64::from(days).days());
    from.map_err(|_| anyhow::Error::new(Usage(format!("{days} days before today there was no calendar"))))
}

fn refuse_too_few(bound: &Bound, days: u32) -> anyhow::Result<()> {
    let Some(needs) = furthest(&bound.rules, &bound.policy) else { return Ok(()) };
    let least = days_of(needs.reach);
    if i64::from(days) >= least {
        return Ok(());
    }
    Err(anyhow::Error::new(Usage(format!(
        "rule `{}` looks back {least} days, so at least {least} days of events must be kept, not {days}; keep more, or \
         disable the rule in the policy (`[rules.\"{}\"] enabled = false`) and say --policy",
        needs.rule, needs.rule
    ))))
}

/// Whole days that hold a duration.
fn days_of(reach: SignedDuration) -> i64 {
    reach.as_secs().saturating_add(86_399) / 86_400
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_kept_day_is_so_many_days_before_todays() {
        let now = "2026-03-01T00:00:00Z".parse().expect("a time");
        assert_eq!(first_kept(now, 1).expect("a day").to_string(), "2026-02-28");
        assert_eq!(first_kept(now, 400).expect("a day").to_string(), "2025-01-25");
    }

    #[test]
    fn part_of_a_day_needs_the_whole_day() {
        assert_eq!(days_of(SignedDuration::from_hours(24)), 1);
        assert_eq!(days_of(SignedDuration::from_secs(86_401)), 2);
    }
}
