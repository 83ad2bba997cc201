//! The parts of the binary, as a library so that its tests can run the worker on other edges than AWS's.
//!
//! Reading order: `cli` and `commands` (what is asked for), [`feed`] (where bytes come from) and [`aws`] (the edges),
//! [`decoding`] and [`intake`] (from bytes to a durable lake), [`workbench`] and [`detector`] (rules over it), [`cluster`] (on other machines), [`places`]
//! and [`pager`] (people are told), [`worker`] (all of it, for ever), [`telemetry`] (what it says about itself).
//!
//! Not an interface for other programs: nothing here is stable.

pub mod aws;
mod catalog;
mod cli;
pub mod cluster;
mod commands;
pub mod decoding;
mod destination;
pub mod detector;
mod exit;
pub mod feed;
pub mod intake;
mod json_functions;
mod location;
mod output;
pub mod pager;
pub mod places;
pub mod policy_file;
mod progress;
pub mod telemetry;
pub mod workbench;
pub mod worker;

use std::process::ExitCode;

use clap::Parser;

/// Reads the command line, runs one command, prints its error once, and says how to exit.
pub fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(cli)),
        Err(error) => Err(anyhow::Error::new(error).context("failed to start the runtime")),
    };
    ended.unwrap_or_else(|error| output::error(&error)).into()
}
