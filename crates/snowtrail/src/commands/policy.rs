//! `snowtrail policy check`: what is wrong with a policy file. `policy learn` has its own folder.

use std::path::Path;

use crate::cli::PolicyCommand;
use crate::commands::learn;
use crate::exit::Exit;
use crate::{output, policy_file};

/// Runs one of the policy commands.
pub async fn run(command: PolicyCommand) -> anyhow::Result<Exit> {
    match command {
        PolicyCommand::Check { file, rules } => check(&file, rules.as_deref()),
        PolicyCommand::Learn(options) => learn::run(*options).await,
    }
}

/// Checks the file against the rules at hand.
fn check(file: &Path, rules: Option<&Path>) -> anyhow::Result<Exit> {
    let rules = policy_file::rules(rules)?;
    let policy = policy_file::policy(file, &rules)?;
    output::data(&format!(
        "{}: good: {} secrets entries, {} planned windows, {} suppressions, {} routes, {} rules set\n",
        file.display(),
        policy.secrets.len(),
        policy.windows.len(),
        policy.suppressions.len(),
        policy.routes.len(),
        policy.rules.len()
    ))?;
    Ok(Exit::Done)
}
