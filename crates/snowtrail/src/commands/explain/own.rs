//! What the contract of a finding's secret sets for the finding's rule alone. Reads only.
//!
//! Which contract a secret has may hang on its tags, which the lake knows: so the table `policy_secrets` is asked. Where no
//! contract sets anything for the rule nobody is asked.

use std::collections::BTreeMap;

use jiff::Timestamp;
use snowtrail_lake::Lake;
use snowtrail_model::policy::ParameterValue;
use snowtrail_rules::Rule;
use snowtrail_rules::answers::{literal, rows};

use super::gathered::Revision;
use crate::policy_file::Bound;
use crate::workbench;

/// Parameters of one rule as one contract sets them.
#[derive(Debug)]
pub struct Own<'b> {
    /// Position of the contract among the policy's, from 1.
    pub entry: usize,
    /// Values by name.
    pub set: &'b BTreeMap<String, ParameterValue>,
}

/// What the contract of a finding's secret sets for its rule; none where it sets nothing.
///
/// # Errors
/// When the lake cannot be read.
pub async fn of<'b>(
    lake: &Lake,
    bound: &'b Bound,
    rule: &Rule,
    newest: &Revision,
) -> anyhow::Result<Option<Own<'b>>> {
    let contracts = &bound.policy.secrets;
    if !contracts.iter().any(|contract| contract.parameters.contains_key(&rule.header.id)) {
        return Ok(None);
    }
    let [account, region, secret] =
        ["account_id", "aws_region", "secret_name"].map(|column| literal(newest.text(column)));
    let asked = format!(
        "SELECT CAST(entry AS TEXT) FROM policy_secrets \
         WHERE account_id = {account} AND aws_region = {region} AND secret_name = {secret} AND entry IS NOT NULL"
    );
    let engine = workbench::open_to_ask(lake, bound, Timestamp::now(), &asked).await?;
    let found = rows(engine.session(), &asked).await?;
    let entry = found.first().and_then(|row| row.text(0).parse::<usize>().ok());
    Ok(entry.and_then(|entry| {
        let set = contracts.get(entry)?.parameters.get(&rule.header.id)?;
        Some(Own { entry: entry + 1, set })
    }))
}
