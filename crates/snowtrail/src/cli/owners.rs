//! Options of the commands for people who own rules: learn, backtest, explain, docs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::{ClusterOptions, Format, LakeOption, RuleOptions};

/// `snowtrail policy learn`.
#[derive(Debug, Args)]
pub struct Learn {
    #[command(flatten)]
    pub lake: LakeOption,
    /// A policy (TOML) and a folder of rules; what the policy declares already is not drafted again
    #[command(flatten)]
    pub rules: RuleOptions,
    /// Learn from events at or after this time; default: the first one
    #[arg(long, value_name = "TIME")]
    pub from: Option<Timestamp>,
    /// Learn from events before this time; default: the last one included
    #[arg(long, value_name = "TIME")]
    pub to: Option<Timestamp>,
    /// The organization's time zone, such as America/Los_Angeles; default: guessed from when people act
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// On how many days something must have been seen to be drafted
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u32).range(1..))]
    pub min_days: u32,
    /// Write the draft into this new file instead of printing it
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `snowtrail rules backtest`.
#[derive(Debug, Args)]
pub struct Backtest {
    #[command(flatten)]
    pub lake: LakeOption,
    #[command(flatten)]
    pub rules: RuleOptions,
    /// Only findings whose window starts at or after this time; default: 30 days before --to
    #[arg(long, value_name = "TIME")]
    pub from: Option<Timestamp>,
    /// Only findings whose window starts before this time, and judged as of then; default: the newest event
    #[arg(long, value_name = "TIME")]
    pub to: Option<Timestamp>,
    /// Compare with these rules: a folder with rules/ (and views/) in it is a whole set; one with `.sql` files directly
    /// in it stands over today's rules, same id instead of same id
    #[arg(long, value_name = "FOLDER")]
    pub against: Option<PathBuf>,
    #[command(flatten)]
    pub cluster: ClusterOptions,
    /// Compare with this policy
    #[arg(long, value_name = "FILE")]
    pub against_policy: Option<PathBuf>,
    /// How to print the days
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

/// `snowtrail rules explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The finding's key, as findings and pages show it
    pub key: String,
    #[command(flatten)]
    pub lake: LakeOption,
    #[command(flatten)]
    pub rules: RuleOptions,
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    pub format: Explained,
}

/// How `rules explain` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Explained {
    /// For people.
    Text,
    /// One JSON object on one line.
    Json,
}

/// `snowtrail rules docs`.
#[derive(Debug, Args)]
pub struct Docs {
    /// Folder to write the pages into
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Folder of rules instead of those that ship
    #[arg(long, value_name = "FOLDER", env = "SNOWTRAIL_RULES")]
    pub rules: Option<PathBuf>,
    /// Where the fixtures are; each page then says when its rule fires and when it stays quiet
    #[arg(long, value_name = "FOLDER")]
    pub fixtures: Option<PathBuf>,
}
