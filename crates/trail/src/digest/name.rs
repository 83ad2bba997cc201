//! What the names of digest files and log files say. A name is a claim: it groups and dates what is to be looked at.
//!
//! Source: AWS CloudTrail User Guide, "CloudTrail digest file structure", "CloudTrail log file examples".

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset as UtcOffset;

/// Ending of every file that CloudTrail delivers.
const ENDING: &str = ".json.gz";
/// What precedes [`ENDING`] in the name of a digest about late deliveries, which has a chain of its own.
const BACKFILL: &str = "_backfill";

/// `<account>_CloudTrail-Digest_<region>_<trail>_<home region>_<YYYYMMDDTHHMMSSZ>[_backfill].json.gz`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DigestName {
    /// Whose logs, twelve digits.
    pub account_id: String,
    /// The region whose logs.
    pub aws_region: String,
    /// The trail's name.
    pub trail: String,
    /// Whether it belongs to the chain of late deliveries.
    pub is_backfill: bool,
    /// When its hour ended, UTC, to the second.
    pub stamp: Timestamp,
}

/// `<account>_CloudTrail_<region>_<YYYYMMDDTHHMMZ>_<random>.json.gz`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogName {
    /// Whose log, twelve digits.
    pub account_id: String,
    /// The region whose log.
    pub aws_region: String,
    /// When it was delivered, UTC, to the minute.
    pub stamp: Timestamp,
}

impl DigestName {
    /// Reads the last part of a key or a path.
    pub fn of(path: &str) -> Option<DigestName> {
        let name = name(path)?;
        let (name, is_backfill) =
            name.strip_suffix(BACKFILL).map_or((name, false), |standard| (standard, true));
        let (account_id, rest) = account(name, "_CloudTrail-Digest_")?;
        // A trail's name may hold underscores, so it is what regions and time leave.
        let (aws_region, rest) = rest.split_once('_')?;
        let (rest, stamp) = rest.rsplit_once('_')?;
        let (trail, _home_region) = rest.rsplit_once('_')?;
        Some(DigestName {
            account_id: account_id.to_owned(),
            aws_region: aws_region.to_owned(),
            trail: trail.to_owned(),
            is_backfill,
            stamp: utc(stamp, "%Y%m%dT%H%M%SZ", 16)?,
        })
    }
}

impl LogName {
    /// Reads the last part of a key or a path.
    pub fn of(path: &str) -> Option<LogName> {
        let (account_id, rest) = account(name(path)?, "_CloudTrail_")?;
        let mut parts = rest.split('_');
        let (aws_region, stamp, _random) = (parts.next()?, parts.next()?, parts.next()?);
        Some(LogName {
            account_id: account_id.to_owned(),
            aws_region: aws_region.to_owned(),
            stamp: utc(stamp, "%Y%m%dT%H%MZ", 14)?,
        })
    }
}

fn name(path: &str) -> Option<&str> {
    path.rsplit('/').next()?.strip_suffix(ENDING)
}

fn account<'n>(name: &'n str, word: &str) -> Option<(&'n str, &'n str)> {
    let (account, rest) = name.split_once(word)?;
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    is_account.then_some((account, rest))
}

/// The length is checked because the parser takes numbers of fewer digits.
fn utc(text: &str, form: &str, length: usize) -> Option<Timestamp> {
    let time = (text.len() == length).then(|| DateTime::strptime(form, text).ok()).flatten()?;
    UtcOffset::UTC.to_timestamp(time).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_told_by_account_region_trail_chain_and_hour() {
        let told = |path: &str| {
            DigestName::of(path).map(|n| (n.aws_region, n.trail, n.is_backfill, n.stamp.to_string()))
        };
        let standard = "AWSLogs/1/x/111122223333_CloudTrail-Digest_us-east-1_my_odd-trail_us-west-2_20260816T230550Z.json.gz";
        let expected = |is_backfill| {
            let stamp = "2026-08-16T23:05:50Z".to_owned();
            Some(("us-east-1".to_owned(), "my_odd-trail".to_owned(), is_backfill, stamp))
        };
        assert_eq!(told(standard), expected(false));
        assert_eq!(told(&standard.replace("Z.json", "Z_backfill.json")), expected(true));
        for other in [
            "file_backfill_other.json.gz",
            "111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_20260816T2305Z.json.gz",
            "111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_20261316T230550Z.json.gz",
            "111122223333_CloudTrail-Digest_us-east-1_20260816T230550Z.json.gz",
            "1_CloudTrail-Digest_us-east-1_t_us-east-1_20260816T230550Z.json.gz",
        ] {
            assert_eq!(told(other), None, "{other}");
        }
    }

    #[test]
    fn logs_are_told_by_account_region_and_minute() {
        let name = LogName::of("a/111122223333_CloudTrail_us-west-2_20261102T0305Z_AbC.json.gz").unwrap();
        assert_eq!(
            (name.aws_region.as_str(), name.stamp.to_string().as_str()),
            ("us-west-2", "2026-11-02T03:05:00Z")
        );
        for other in [
            "a.json.gz",
            "111122223333_CloudTrail_us-west-2_yesterday_AbC.json.gz",
            "",
            "_CloudTrail_.json.gz",
        ] {
            assert_eq!(LogName::of(other), None, "{other}");
        }
    }
}
