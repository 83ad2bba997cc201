//! Rules and policy as the command line names them, loaded and checked against each other.

use std::path::Path;

use anyhow::Context;
use snowtrail_model::Policy;
use snowtrail_rules::RuleSet;

use crate::cli::RuleOptions;
use crate::output::{Usage, with_causes};

/// The rules at hand and the policy over them.
pub struct Bound {
    /// The rules.
    pub rules: RuleSet,
    /// The policy; the default one where no file was named.
    pub policy: Policy,
}

/// Loads what the options name.
pub(crate) fn load(options: &RuleOptions) -> anyhow::Result<Bound> {
    let rules = rules(options.rules.as_deref())?;
    let policy = match &options.policy {
        Some(file) => policy(file, &rules)?,
        None => Policy::default(),
    };
    Ok(Bound { rules, policy })
}

/// The shipped rules, or those of a folder.
pub fn rules(folder: Option<&Path>) -> anyhow::Result<RuleSet> {
    let loaded = match folder {
        Some(folder) => RuleSet::from_folder(folder),
        None => RuleSet::shipped(),
    };
    loaded.map_err(|error| usage(&error))
}

/// Reads one policy file.
pub fn policy(file: &Path, rules: &RuleSet) -> anyhow::Result<Policy> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("failed to read policy `{name}`"))?;
    Policy::parse(&text, &name, &rules.declared()).map_err(|error| usage(&error))
}

/// Whoever wrote the rule or the policy mends it.
fn usage(error: &dyn std::error::Error) -> anyhow::Error {
    anyhow::Error::new(Usage(with_causes(error)))
}
