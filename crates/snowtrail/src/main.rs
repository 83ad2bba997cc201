//! The binary: reads the command line, runs one command, prints its error once, exits with what the command says.

mod cli;
mod commands;
mod detector;
mod exit;
mod feed;
mod intake;
mod output;
mod pager;
mod policy_file;
mod progress;
mod workbench;

use clap::Parser;
use std::process::ExitCode;

/// Decoding makes some twenty small strings an event on one thread and frees them on another, which is what the
/// system's allocator is worst at: with it, ingest takes about a fifth more CPU (see the README, "How fast").
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(cli)),
        Err(error) => Err(anyhow::Error::new(error).context("failed to start the runtime")),
    };
    ended.unwrap_or_else(|error| output::error(&error)).into()
}
