//! `snowtrail policy check`: what is wrong with a policy file.

use crate::cli::PolicyCommand;
use crate::exit::Exit;
use crate::{output, policy_file};

/// Checks the file against the rules at hand.
pub fn run(command: PolicyCommand) -> anyhow::Result<Exit> {
    let PolicyCommand::Check { file, rules } = command;
    let rules = policy_file::rules(rules.as_deref())?;
    let policy = policy_file::policy(&file, &rules)?;
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
