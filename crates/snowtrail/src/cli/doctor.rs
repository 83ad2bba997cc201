//! Options of `snowtrail doctor` and `snowtrail canary`: the two that ask whether Snowtrail itself is well.

use clap::Args;
use jiff::SignedDuration;
use snowtrail_model::policy::parse_duration;

use super::{Format, RuleOptions};

/// What `snowtrail doctor --help` ends with.
pub const DOCTOR_EXAMPLES: &str = "Examples:
  snowtrail doctor --queue https://sqs.us-west-2.amazonaws.com/111122223333/snowtrail-feed \\
      --lake s3://snowy-lake/prod --publish arn:aws:sns:us-west-2:111122223333:secrets-oncall
  snowtrail doctor --lake ./lake --policy policy.toml
  snowtrail doctor --queue … --secret prod/blizzard-checkout/db --format json
Changes nothing but one small object in the lake. Each fault comes with why it matters and a
command that mends it. What it may not look at it says; deploy/operator-policy.json lets it look.
Exit: 0 nothing is broken, 3 something is (with --strict also: weak, or not to be seen).";

/// What `snowtrail canary --help` ends with.
pub const CANARY_EXAMPLES: &str = "Examples:
  snowtrail canary --secret prod/blizzard-checkout/db --lake s3://snowy-lake/prod
  snowtrail canary --secret snowtrail/canary --lake s3://snowy-lake/prod --within 2m   # events
A worker must be running. The read is of a version that no secret has: nothing can be read by it.
Exit: 0 the refusal is in the lake, 3 it is not, or the read was allowed.";

/// `snowtrail doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// URL of the worker's queue: who fills it, its policy, its age, its dead letters, the trail behind it
    #[arg(long, value_name = "URL", env = "SNOWTRAIL_QUEUE")]
    pub queue: Option<String>,
    /// The lake: that it opens and can be written, how old its newest row is, its small files
    #[arg(long, value_name = "URI", env = "SNOWTRAIL_LAKE")]
    pub lake: Option<String>,
    /// Where pages go: that they can, and that somebody listens
    #[arg(long, value_name = "TARGET", env = "SNOWTRAIL_PUBLISH")]
    pub publish: Option<String>,
    /// The trail's bucket; default: those that the queue's policy lets send
    #[arg(long, value_name = "BUCKET")]
    pub bucket: Vec<String>,
    /// A secret that must not be readable either; may be repeated
    #[arg(long, value_name = "NAME")]
    pub secret: Vec<String>,
    #[command(flatten)]
    pub rules: RuleOptions,
    /// How to print what was found
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    /// Exit with 3 also for what is weak or cannot be seen
    #[arg(long)]
    pub strict: bool,
}

/// `snowtrail canary`.
#[derive(Debug, Args)]
pub struct Canary {
    /// The secret that is asked for, by name or ARN; it need not exist
    #[arg(long, value_name = "NAME")]
    pub secret: String,
    /// The lake that the refusal must come out in: a folder, or s3://bucket/prefix
    #[arg(long, value_name = "URI", env = "SNOWTRAIL_LAKE")]
    pub lake: String,
    /// How long it may take. CloudTrail's files are some 5 minutes late, at times 10
    #[arg(long, value_name = "DURATION", default_value = "20m", value_parser = patience)]
    pub within: SignedDuration,
    /// How to print what came out
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

fn patience(text: &str) -> Result<SignedDuration, String> {
    let patience = parse_duration(text)?;
    if patience.as_secs() < 1 { Err("must be a second at the least".to_owned()) } else { Ok(patience) }
}
