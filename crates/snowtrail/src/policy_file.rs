//! Rules, policy and inventory as the command line names them, loaded and checked against each other.

use std::path::Path;

use anyhow::Context;
use snowtrail_model::Policy;
use snowtrail_model::inventory::INVENTORY_BYTES_MAX;
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
    let mut policy = match &options.policy {
        Some(file) => policy(file, &rules)?,
        None => Policy::default(),
    };
    options.inventory.iter().try_for_each(|file| list(&mut policy, file))?;
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

/// Reads one policy file, and the inventory files that it names.
pub fn policy(file: &Path, rules: &RuleSet) -> anyhow::Result<Policy> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("failed to read policy `{name}`"))?;
    let mut policy = Policy::parse(&text, &name, &rules.declared()).map_err(|error| usage(&error))?;
    let beside = file.parent().unwrap_or(Path::new(""));
    for named in policy.organization.inventory.clone() {
        list(&mut policy, &beside.join(&named)).with_context(|| {
            format!("failed to load what policy `{name}` names under [organization] inventory")
        })?;
    }
    Ok(policy)
}

/// Adds an inventory file. Its size is looked at first: what is too large is not read.
fn list(policy: &mut Policy, file: &Path) -> anyhow::Result<()> {
    let name = file.display().to_string();
    let doing = || {
        format!(
            "failed to read inventory `{name}`; list it again with `aws secretsmanager list-secrets --output json`"
        )
    };
    let size = std::fs::metadata(file).with_context(doing)?.len();
    if size > INVENTORY_BYTES_MAX as u64 {
        let message = format!(
            "inventory `{name}` has {size} bytes, more than the {INVENTORY_BYTES_MAX} that are read; split it by account or region"
        );
        return Err(anyhow::Error::new(Usage(message)));
    }
    let text = std::fs::read_to_string(file).with_context(doing)?;
    policy.inventory.read(&text, &name).map_err(|error| usage(&error))
}

/// Whoever wrote the rule or the policy mends it.
fn usage(error: &dyn std::error::Error) -> anyhow::Error {
    anyhow::Error::new(Usage(with_causes(error)))
}
