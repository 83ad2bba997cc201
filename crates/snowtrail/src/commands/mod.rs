//! The commands, one file each. A command gathers its parts, runs them, prints, and says how to exit.

mod backtest;
mod canary;
mod detect;
mod doctor;
mod explain;
mod findings;
mod health;
mod ingest;
mod lake;
mod lake_files;
mod lake_retain;
mod lake_schema;
mod lake_upgrade;
mod learn;
mod policy;
mod replay;
mod report;
mod rules;
mod rules_docs;
mod rules_test;
pub mod sql;
mod verify;
mod worker;
mod worker_proof;

use crate::cli::{Cli, Command};
use crate::exit::Exit;

/// Runs one command.
pub async fn run(cli: Cli) -> anyhow::Result<Exit> {
    match cli.command {
        Command::Replay(options) => replay::run(options).await,
        Command::Ingest(options) => ingest::run(options).await,
        Command::Detect(options) => detect::run(options).await,
        Command::Sql(options) => sql::run(options).await,
        Command::Report(options) => report::run(*options).await,
        Command::Rules(command) => rules::run(command).await,
        Command::Policy(command) => policy::run(command).await,
        Command::Lake(command) => lake::run(command).await,
        Command::Worker(options) => worker::run(*options).await,
        Command::Verify(options) => verify::run(*options).await,
        Command::Doctor(options) => doctor::run(*options).await,
        Command::Canary(options) => canary::run(&options).await,
        Command::Health(options) => health::run(&options).await,
    }
}
