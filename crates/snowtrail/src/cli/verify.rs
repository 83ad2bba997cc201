//! Options of `snowtrail verify`.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::{Format, RuleOptions};

/// What `snowtrail verify --help` ends with.
pub const EXAMPLES: &str = "Examples:
  aws cloudtrail list-public-keys --region us-west-2 \\
      --start-time 2026-11-01 --end-time 2026-12-01 > keys.json
  snowtrail verify s3://snowy-trail --keys keys.json
  snowtrail verify s3://snowy-trail --keys keys.json --lake s3://snowy-lake/prod --publish stdout:
  snowtrail verify ./copy --keys keys.json --from 2026-11-01T00:00:00Z --to 2026-11-08T00:00:00Z
Keys belong to regions: one file for each region, and --keys once for each file.
Exit: 0 all verifies, 3 something does not. Times are of delivery, not of events.";

/// `snowtrail verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// A bucket, as s3://bucket/prefix, or a folder with a copy of it: digests and logs
    #[arg(value_name = "SOURCE")]
    pub source: String,
    /// CloudTrail's public keys, as `aws cloudtrail list-public-keys` prints them
    #[arg(long, required = true, value_name = "FILE")]
    pub keys: Vec<PathBuf>,
    /// Compare what this lake took in with what was signed, and record what does not verify as findings
    #[arg(long, value_name = "URI", env = "SNOWTRAIL_LAKE")]
    pub lake: Option<String>,
    #[command(flatten)]
    pub rules: RuleOptions,
    /// Digests from this time on, which they must reach; default: the first one
    #[arg(long, value_name = "TIME")]
    pub from: Option<Timestamp>,
    /// Digests until this time, which they must reach; default: the last one
    #[arg(long, value_name = "TIME")]
    pub to: Option<Timestamp>,
    /// The time to judge by; default: the clock
    #[arg(long, value_name = "TIME")]
    pub now: Option<Timestamp>,
    /// How to print what is proven and what is wrong
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    /// Where pages go: `stdout:`, `file:PATH`, or the ARN of an SNS topic; needs --lake
    #[arg(long, value_name = "TARGET", requires = "lake")]
    pub publish: Option<String>,
}
