//! Options of `snowtrail report`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use snowtrail_model::policy::parse_duration;

use super::{LakeOption, RuleOptions};

/// `snowtrail report`.
#[derive(Debug, Args)]
pub struct Report {
    /// Which report
    #[arg(value_enum, value_name = "REPORT")]
    pub kind: ReportKind,
    #[command(flatten)]
    pub lake: LakeOption,
    #[command(flatten)]
    pub rules: RuleOptions,
    /// Events at or after this time; default: 90 days before --to, or the first event
    #[arg(long, value_name = "TIME")]
    pub from: Option<Timestamp>,
    /// Events before this time; default: --now
    #[arg(long, value_name = "TIME")]
    pub to: Option<Timestamp>,
    /// The time to judge ages by; default: the newest event
    #[arg(long, value_name = "TIME")]
    pub now: Option<Timestamp>,
    /// The secret, by name or ARN (report secret)
    #[arg(long, value_name = "NAME")]
    pub secret: Option<String>,
    /// Policy documents of roles: FOLDER/ROLE.json or FOLDER/ROLE/*.json (report least-privilege)
    #[arg(long, value_name = "FOLDER")]
    pub iam: Option<PathBuf>,
    /// Prices instead of those that ship, in the form of queries/reports/prices.toml (report cost)
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
    /// How long a cache would keep a value where no contract says it (report cost)
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = cache_ttl)]
    pub cache_ttl: SignedDuration,
    /// Write the report into this file, in the form of its ending: .html, .md, .csv, .json; `-` is stdout
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The form, whatever the file is called; default on stdout: markdown
    #[arg(long, value_enum)]
    pub format: Option<ReportForm>,
}

/// The reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportKind {
    /// Who reads what, for a manager to sign.
    Access,
    /// All about one secret.
    Secret,
    /// Whether rotations keep their promises.
    Rotation,
    /// What roles used against what they were granted, and policies to paste.
    LeastPrivilege,
    /// What the calls cost, and what a cache would save.
    Cost,
}

/// Forms of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportForm {
    /// One file for screens and paper.
    Html,
    /// For tickets and wikis.
    Markdown,
    /// Tables one after the other.
    Csv,
    /// Everything, typed.
    Json,
}

fn cache_ttl(text: &str) -> Result<SignedDuration, String> {
    let ttl = parse_duration(text)?;
    if ttl.as_secs() < 1 { Err("must be a second at the least".to_owned()) } else { Ok(ttl) }
}
