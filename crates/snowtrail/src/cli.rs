//! The command line: commands, options, and help with examples. Decides nothing else.

mod cluster;
mod doctor;
mod owners;
mod report;
mod verify;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use snowtrail_model::Severity;

pub use cluster::ClusterOptions;
pub use doctor::{Canary, Doctor};
pub use owners::{Backtest, Docs, Explain, Explained, Learn};
pub use report::{Report, ReportForm, ReportKind};
pub use verify::Verify;

/// Watches who touches an organization's secrets on AWS: CloudTrail in, findings and pages out.
#[derive(Debug, Parser)]
#[command(name = "snowtrail", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run log files through the whole pipeline and print the findings
    #[command(after_help = "Examples:
  snowtrail replay testdata/story --policy testdata/story/policy.toml
  snowtrail replay incident.json.gz --format json --fail-on high
  snowtrail replay AWSLogs --publish stdout:          # print pages beside the findings")]
    Replay(Replay),
    /// Take log files into a lake; again and again changes nothing
    #[command(after_help = "Examples:
  snowtrail ingest AWSLogs --lake ./lake
  snowtrail ingest one.json.gz two.ndjson --lake ./lake --strict
  snowtrail ingest s3://snowy-trail/AWSLogs/111122223333/CloudTrail --lake s3://snowy-lake/prod")]
    Ingest(Ingest),
    /// Run the rules over a lake, record the findings, page people
    #[command(after_help = "Examples:
  snowtrail detect --lake ./lake --policy policy.toml --publish stdout:
  snowtrail detect --lake ./lake --from 2026-11-01T00:00:00Z --to 2026-11-08T00:00:00Z
  snowtrail detect --lake s3://snowy-lake/prod --cluster df://scheduler.internal:50050")]
    Detect(Detect),
    /// Consume a queue for ever: take in, detect, page
    #[command(after_help = "Examples:
  snowtrail worker --queue https://sqs.us-west-2.amazonaws.com/111122223333/snowtrail-feed \\
      --lake s3://snowy-lake/prod --publish arn:aws:sns:us-west-2:111122223333:secrets-oncall
  snowtrail worker --queue … --lake ./lake --publish stdout: --once     # drain and stop
Credentials, region and endpoints: the standard AWS variables, profiles and roles. Logs: JSON on stderr, level by
SNOWTRAIL_LOG. Metrics: CloudWatch embedded metric format on stdout, once a minute.")]
    Worker(Box<Worker>),
    /// Ask a worker whether it makes progress: exit 0 or 3
    Health(HealthCheck),
    /// Ask a lake in SQL: one query, a file, a saved question, or a prompt
    #[command(after_help = "Examples:
  snowtrail sql 'SELECT principal, count(*) FROM reads GROUP BY 1 ORDER BY 2 DESC'
  snowtrail sql --list                                 # saved questions and their parameters
  snowtrail sql --hunt who-read-this-secret --param secret=prod/snowy-cart/db --format json
  snowtrail sql --hunt silent-readers --param silent=30d --out silent.parquet
  snowtrail sql \"SELECT json_get_str(request_parameters, 'secretId') FROM events\"
  snowtrail sql --lake ./lake                          # a prompt; \\? says what it can do")]
    Sql(Sql),
    /// List, show, check, test, backtest, explain and document the rules
    #[command(subcommand)]
    Rules(Rules),
    /// Check a policy file, or draft one from history
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Write a report: HTML for screens and paper, Markdown, CSV or JSON
    #[command(after_help = "Examples:
  snowtrail report access --lake ./lake --policy policy.toml --out access.html
  snowtrail report secret --secret prod/blizzard-checkout/db --out dossier.html
  snowtrail report rotation --from 2026-10-01T00:00:00Z --to 2026-11-01T00:00:00Z    # Markdown on stdout
  snowtrail report least-privilege --iam ./iam --out tightened.html
  snowtrail report cost --cache-ttl 1h --out cost.csv
Reads only. Run `snowtrail detect` first: reports show the findings that the lake holds.")]
    Report(Box<Report>),
    /// Prove log files by CloudTrail's signed digests, and a lake by both
    #[command(after_help = verify::EXAMPLES)]
    Verify(Box<Verify>),
    /// Look at everything that a worker stands between, and say what is wrong, why it matters, what mends it
    #[command(after_help = doctor::DOCTOR_EXAMPLES)]
    Doctor(Box<Doctor>),
    /// Prove the whole path: ask for a secret, be refused, and see the refusal come out in the lake
    #[command(after_help = doctor::CANARY_EXAMPLES)]
    Canary(Box<Canary>),
    /// Look after a lake
    #[command(subcommand)]
    Lake(LakeCommand),
}

/// Options of every command that opens a lake.
#[derive(Debug, Args)]
pub struct LakeOption {
    /// The lake: a folder, or s3://bucket/prefix
    #[arg(long, value_name = "URI", env = "SNOWTRAIL_LAKE", default_value = "./lake")]
    pub lake: String,
}

/// Options of every command that runs or reads rules.
#[derive(Debug, Args)]
pub struct RuleOptions {
    /// Policy file (TOML): contracts, people, hours, routes
    #[arg(long, value_name = "FILE", env = "SNOWTRAIL_POLICY")]
    pub policy: Option<PathBuf>,
    /// Output of `aws secretsmanager list-secrets`: secrets that the trail never showed; may be given several times
    #[arg(long, value_name = "FILE", env = "SNOWTRAIL_INVENTORY", value_delimiter = ',')]
    pub inventory: Vec<PathBuf>,
    /// Folder of rules instead of those that ship
    #[arg(long, value_name = "FOLDER", env = "SNOWTRAIL_RULES")]
    pub rules: Option<PathBuf>,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON object a line, every column present.
    Json,
    /// Comma-separated, with a header line.
    Csv,
}

/// Options of every command that prints findings.
#[derive(Debug, Args)]
pub struct FindingOptions {
    /// How to print the findings
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    /// Exit with 1 if there is a finding of this severity or above
    #[arg(long, value_name = "SEVERITY")]
    pub fail_on: Option<Severity>,
    /// Where pages go: `stdout:`, `file:PATH`, or the ARN of an SNS topic
    #[arg(long, value_name = "TARGET", env = "SNOWTRAIL_PUBLISH")]
    pub publish: Option<String>,
}

/// `snowtrail replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// Files or folders of CloudTrail logs
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub rules: RuleOptions,
    /// Keep the lake here instead of in a temporary folder
    #[arg(long, value_name = "URI")]
    pub lake: Option<String>,
    /// The time to judge by; default: the newest event
    #[arg(long, value_name = "TIME")]
    pub now: Option<Timestamp>,
    #[command(flatten)]
    pub findings: FindingOptions,
    /// Exit with 3 if anything was rejected
    #[arg(long)]
    pub strict: bool,
}

/// `snowtrail ingest`.
#[derive(Debug, Args)]
pub struct Ingest {
    /// Files or folders of CloudTrail logs, or s3://bucket/prefix
    #[arg(required = true, value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,
    #[command(flatten)]
    pub lake: LakeOption,
    /// Exit with 3 if anything was rejected
    #[arg(long)]
    pub strict: bool,
}

/// `snowtrail detect`.
#[derive(Debug, Args)]
pub struct Detect {
    #[command(flatten)]
    pub lake: LakeOption,
    #[command(flatten)]
    pub rules: RuleOptions,
    /// Only findings whose window ends at or after this time
    #[arg(long, value_name = "TIME")]
    pub from: Option<Timestamp>,
    /// Only findings whose window ends before this time
    #[arg(long, value_name = "TIME")]
    pub to: Option<Timestamp>,
    /// The time to judge by; default: the clock
    #[arg(long, value_name = "TIME")]
    pub now: Option<Timestamp>,
    #[command(flatten)]
    pub cluster: ClusterOptions,
    #[command(flatten)]
    pub findings: FindingOptions,
}

/// `snowtrail worker`.
#[derive(Debug, Args)]
pub struct Worker {
    /// URL of the SQS queue that CloudTrail's notifications or events arrive in
    #[arg(long, value_name = "URL", env = "SNOWTRAIL_QUEUE")]
    pub queue: String,
    #[command(flatten)]
    pub lake: LakeOption,
    #[command(flatten)]
    pub rules: RuleOptions,
    /// Where pages go that no route claims: `stdout:`, `file:PATH`, or the ARN of an SNS topic
    #[arg(long, value_name = "TARGET", env = "SNOWTRAIL_PUBLISH")]
    pub publish: String,
    /// Stop when the queue is empty and everything is told
    #[arg(long)]
    pub once: bool,
    /// Only half of the work: several workers may ingest, one that detects is enough
    #[arg(long, value_enum, env = "SNOWTRAIL_ONLY")]
    pub only: Option<Half>,
    /// Serve GET /health here, such as 0.0.0.0:8080
    #[arg(long, value_name = "ADDRESS", env = "SNOWTRAIL_HEALTH")]
    pub health: Option<std::net::SocketAddr>,
    /// How long the first event of a micro-batch waits for company, in milliseconds
    #[arg(long, value_name = "MS", env = "SNOWTRAIL_BATCH_AGE_MS", default_value = "500")]
    pub batch_age_ms: u64,
    /// Events of one micro-batch; a fuller one is committed at once
    #[arg(long, value_name = "N", env = "SNOWTRAIL_BATCH_EVENTS", default_value = "20000")]
    pub batch_events: usize,
    /// How long a message is hidden from others at a time, in seconds; extended while work on it goes on
    #[arg(long, value_name = "SECONDS", env = "SNOWTRAIL_VISIBILITY_SECONDS", default_value = "120")]
    pub visibility_seconds: u64,
    /// Objects fetched at once
    #[arg(long, value_name = "N", env = "SNOWTRAIL_FETCHES", default_value = "16")]
    pub fetches: usize,
    /// Messages in hand at once
    #[arg(long, value_name = "N", env = "SNOWTRAIL_MESSAGES", default_value = "1000")]
    pub messages: usize,
    /// How often every rule runs over the whole lake beside the ticks that new events cause, in seconds
    #[arg(long, value_name = "SECONDS", env = "SNOWTRAIL_SWEEP_SECONDS", default_value = "300")]
    pub sweep_seconds: u64,
    /// How often the half that detects compacts the lake, in seconds; 0: never. Closed days, and what has very many
    /// small files
    #[arg(long, value_name = "SECONDS", env = "SNOWTRAIL_COMPACT_SECONDS", default_value = "86400")]
    pub compact_every: u64,
    /// Do not prove at start that queue, topic and lake can be used
    #[arg(long)]
    pub skip_proof: bool,
}

/// Half of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Half {
    /// From the queue into the lake.
    Ingest,
    /// From the lake to the pages.
    Detect,
}

/// `snowtrail health`.
#[derive(Debug, Args)]
pub struct HealthCheck {
    /// The worker's --health address
    #[arg(value_name = "ADDRESS", env = "SNOWTRAIL_HEALTH", default_value = "127.0.0.1:8080")]
    pub address: std::net::SocketAddr,
}

/// `snowtrail sql`.
#[derive(Debug, Args)]
pub struct Sql {
    /// The query; without it, --file and --hunt there is a prompt
    #[arg(value_name = "QUERY", conflicts_with_all = ["file", "hunt", "param", "list"])]
    pub query: Option<String>,
    /// Read the query from a file, which may be a hunt of your own: its first line says `-- purpose = "…"`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["hunt", "list"])]
    pub file: Option<PathBuf>,
    /// Run a saved question
    #[arg(long, value_name = "NAME", conflicts_with = "list")]
    pub hunt: Option<String>,
    /// Set a parameter of the hunt; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = crate::commands::sql::parameter)]
    pub param: Vec<(String, String)>,
    /// List the saved questions: what each is for, its parameters and their defaults
    #[arg(long)]
    pub list: bool,
    /// Write the rows into a file; its ending says the format: .csv, .json (one object a line), .parquet
    #[arg(long, value_name = "FILE", conflicts_with_all = ["format", "list"])]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub lake: LakeOption,
    #[command(flatten)]
    pub rules: RuleOptions,
    /// How to print the rows
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    /// What `$now` in the views means; default: the clock
    #[arg(long, value_name = "TIME")]
    pub now: Option<Timestamp>,
    /// Where the prompt keeps what was typed; default: snowtrail/sql_history in the user's state folder
    #[arg(long, value_name = "FILE", env = "SNOWTRAIL_HISTORY")]
    pub history: Option<PathBuf>,
}

/// `snowtrail rules …`.
#[derive(Debug, Subcommand)]
pub enum Rules {
    /// One line for each rule
    List {
        #[command(flatten)]
        rules: RuleOptions,
        /// How to print them
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Everything about one rule: meaning, runbook, parameters as the policy sets them, SQL
    Show {
        /// The rule's id
        id: String,
        #[command(flatten)]
        rules: RuleOptions,
    },
    /// Check headers, SQL, columns and the law of rules
    #[command(after_help = "Examples:
  snowtrail rules check
  snowtrail rules check --rules my-rules --policy policy.toml")]
    Check {
        #[command(flatten)]
        rules: RuleOptions,
    },
    /// Replay every rule's fixtures and compare
    #[command(after_help = "Examples:
  snowtrail rules test
  snowtrail rules test secret-read-spike --rules my-rules --fixtures my-fixtures")]
    Test {
        /// Only these rules
        ids: Vec<String>,
        #[command(flatten)]
        rules: RuleOptions,
        /// Where the fixtures are: FOLDER/<rule id>/fires-*.json, quiet-*.json
        #[arg(long, value_name = "FOLDER", default_value = "testdata/rules")]
        fixtures: PathBuf,
    },
    /// Findings and pages a day over any range of a lake, and what a change of rules or policy gains and loses
    #[command(after_help = "Examples:
  snowtrail rules backtest --lake ./lake --from 2026-10-01T00:00:00Z --to 2026-11-01T00:00:00Z
  snowtrail rules backtest --lake ./lake --against my-rules        # a changed or a new rule
  snowtrail rules backtest --policy policy.toml --against-policy draft.toml --format json
Writes nothing. Rules judge as of --to. Pages are folded as a worker would have sent them, its
clock moving through the range hour by hour, to people who knew nothing before --from.")]
    Backtest(Box<Backtest>),
    /// Why a finding fired: its numbers, its baseline, its events, and who was told
    #[command(after_help = "Examples:
  snowtrail rules explain 'rotation-failed:111122223333|us-west-2|prod/snowy-cart/db|…' --lake ./lake
  snowtrail rules explain KEY --lake ./lake --policy policy.toml --format json
Keys: snowtrail sql \"SELECT key, title FROM findings\"")]
    Explain(Explain),
    /// Write one page of documentation (Markdown) for each rule, and an index
    #[command(after_help = "Examples:
  snowtrail rules docs --out docs/rules --fixtures testdata/rules
  snowtrail rules docs --out my-docs --rules my-rules")]
    Docs(Docs),
}

/// `snowtrail policy …`.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Say what is wrong with a policy file, all of it at once
    Check {
        /// The file
        file: PathBuf,
        /// Folder of rules instead of those that ship
        #[arg(long, value_name = "FOLDER", env = "SNOWTRAIL_RULES")]
        rules: Option<PathBuf>,
    },
    /// Draft a policy from what a lake has seen, with comments that say why
    #[command(after_help = "Examples:
  snowtrail policy learn --lake ./lake --out draft.toml
  snowtrail policy learn --lake ./lake --from 2026-10-01T00:00:00Z --timezone Europe/Berlin
  snowtrail policy learn --lake ./lake --policy policy.toml       # only what it does not declare
Run `snowtrail detect` first: what an open finding asks about is no precedent.
The draft is for people to read and cut.")]
    Learn(Box<Learn>),
}

/// `snowtrail lake …`.
#[derive(Debug, Subcommand)]
pub enum LakeCommand {
    /// Rows, files, bytes and the span of each table, and what compaction would win
    Stats {
        #[command(flatten)]
        lake: LakeOption,
        /// How to print them
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Make few sorted files of many small ones; safe beside workers
    #[command(after_help = "Examples:
  snowtrail lake compact --lake ./lake --dry-run       # what it would do
  snowtrail lake compact --lake s3://snowy-lake/prod
Changes no row, but drops what is stored twice, and makes that a finding. Old files stay for readers until
`snowtrail lake vacuum`. A worker does this by itself: see its --compact-every.")]
    Compact {
        #[command(flatten)]
        lake: LakeOption,
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
        /// How to print it
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Delete files that compaction and retention took out, and what killed writers left
    #[command(after_help = "Examples:
  snowtrail lake vacuum --lake ./lake --dry-run
  snowtrail lake vacuum --lake s3://snowy-lake/prod --older-than 14d
Whoever opened the lake before a file went out of use still reads it: a long query, a detector that resumes, a
writer that has not committed yet. Hence seven days at least.")]
    Vacuum {
        #[command(flatten)]
        lake: LakeOption,
        /// Only files that have been out of use for so long
        #[arg(long, value_name = "DURATION", default_value = "7d")]
        older_than: String,
        /// Allow less than 7d: when nobody else reads or writes the lake
        #[arg(long)]
        force_shorter: bool,
        /// Only say what would be deleted
        #[arg(long)]
        dry_run: bool,
        /// How to print it
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Drop the events of days older than so many, for good; findings stay
    #[command(after_help = "Examples:
  snowtrail lake retain --lake ./lake --days 450 --dry-run
  snowtrail lake retain --lake s3://snowy-lake/prod --days 450 --policy policy.toml
Refused where a rule looks back further. From then on older events are outside the scope of every ingest. Findings,
sources, rejects and pages stay. The space is free after `snowtrail lake vacuum`.")]
    Retain {
        #[command(flatten)]
        lake: LakeOption,
        #[command(flatten)]
        rules: RuleOptions,
        /// Days of events to keep before today (UTC)
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        days: u32,
        /// Only say what would be dropped
        #[arg(long)]
        dry_run: bool,
    },
    /// Bring an older lake to today's columns, and fill them from the sources
    Upgrade {
        #[command(flatten)]
        lake: LakeOption,
    },
    /// Every table and view, its columns, their types and what they mean
    #[command(after_help = "Examples:
  snowtrail lake schema --format markdown > docs/tables.md
  snowtrail lake schema --rules my-rules --format json   # with the views of a folder")]
    Schema {
        /// How to print them
        #[arg(long, value_enum, default_value = "table")]
        format: SchemaFormat,
        /// Folder of rules whose views stand beside those that ship
        #[arg(long, value_name = "FOLDER", env = "SNOWTRAIL_RULES")]
        rules: Option<PathBuf>,
    },
}

/// How the schema is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaFormat {
    /// For people.
    Table,
    /// One JSON object a line, every column present.
    Json,
    /// Comma-separated, with a header line.
    Csv,
    /// A page of documentation.
    Markdown,
}
