//! The inventory as small tables: what AWS lists of the secrets, beside what the trail shows of them.
//!
//! - `inventory`: one row for each secret that was listed.
//! - `inventory_tags`: one row for each of their tags.
//!
//! Both come before the views, some of which stand on them, and are empty where no file was named. The views decide by
//! time which of two words stands. Size: proportional to the secrets that were listed, or that a tick has in sight.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::error::ArrowError;
use datafusion::prelude::SessionContext;
use jiff::Timestamp;
use snowtrail_model::Policy;
use snowtrail_model::inventory::ListedSecret;

use crate::error::{Result, RuleError};
use crate::small::{ACCOUNT, Described, REGION, SECRET};
use crate::views::Store;

/// What the tables and their columns mean.
pub(crate) const INVENTORY: Described = Described {
    name: "inventory",
    about: "One row for each secret that the policy's inventory files list (aws secretsmanager list-secrets)",
    columns: &[
        ACCOUNT,
        REGION,
        SECRET,
        ("secret_arn", "Full ARN"),
        (
            "as_of",
            "When this held, UTC: the last change of anything about the secret, else its creation, else 1970",
        ),
        ("created_at", "When it was created, UTC"),
        ("last_rotated_at", "When a rotation last succeeded, UTC; null if never"),
        ("last_accessed_at", "The day of the last access, by AWS's count, UTC"),
        ("deleted_at", "The date that AWS gives for its deletion, UTC; null where it is not marked for one"),
        ("kms_key", "The KMS key as AWS lists it: ARN, id or alias; null for the key that AWS manages"),
        ("rotation_on", "Whether rotation is on"),
        ("rotation_days", "Days between rotations; null where a schedule says it"),
        ("rotation_schedule", "Schedule of rotations: rate(…) or cron(…)"),
        ("rotation_lambda", "The function that rotates"),
        ("primary_region", "Region of the primary; null where there are no replicas"),
        ("owning_service", "The service that manages the secret"),
        ("current_version", "The version that bears AWSCURRENT"),
    ],
};

/// What the tags and their columns mean.
pub(crate) const INVENTORY_TAGS: Described = Described {
    name: "inventory_tags",
    about: "One row for each tag of each secret that the policy's inventory files list",
    columns: &[ACCOUNT, REGION, SECRET, ("key", "Key of the tag"), ("value", "Its value")],
};

/// Registers the tables, of all secrets that were listed or of those that are called so.
///
/// # Errors
/// When one of them exists.
pub(crate) async fn register(
    session: &SessionContext,
    policy: &Policy,
    names: Option<&HashSet<String>>,
    store: &Store,
) -> Result<()> {
    let failed = |source| RuleError::Sql { file: "the inventory's tables".to_owned(), doing: "make", source };
    let secrets: Vec<&ListedSecret> =
        policy.inventory.secrets().filter(|s| names.is_none_or(|names| names.contains(&s.name))).collect();
    for (described, batch) in [(INVENTORY, inventory(&secrets)), (INVENTORY_TAGS, tags(&secrets))] {
        let batch = batch.map_err(|e| failed(e.into()))?;
        store.register(session, described.name, batch).await.map_err(failed)?;
    }
    Ok(())
}

fn inventory(secrets: &[&ListedSecret]) -> std::result::Result<RecordBatch, ArrowError> {
    let text = |get: &dyn Fn(&ListedSecret) -> Option<String>| {
        Arc::new(secrets.iter().map(|s| get(s)).collect::<StringArray>()) as ArrayRef
    };
    let time = |get: &dyn Fn(&ListedSecret) -> Option<Timestamp>| {
        let micros = secrets.iter().map(|s| get(s).map(Timestamp::as_microsecond));
        Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC")) as ArrayRef
    };
    let columns: [ArrayRef; 17] = [
        text(&|s| Some(s.account_id.clone())),
        text(&|s| Some(s.aws_region.clone())),
        text(&|s| Some(s.name.clone())),
        text(&|s| Some(s.arn.clone())),
        time(&|s| Some(s.as_of)),
        time(&|s| s.created_at),
        time(&|s| s.last_rotated_at),
        time(&|s| s.last_accessed_at),
        time(&|s| s.deleted_at),
        text(&|s| s.kms_key.clone()),
        Arc::new(secrets.iter().map(|s| Some(s.rotation_enabled)).collect::<BooleanArray>()),
        Arc::new(secrets.iter().map(|s| s.rotation_days).collect::<Int64Array>()),
        text(&|s| s.rotation_schedule.clone()),
        text(&|s| s.rotation_lambda.clone()),
        text(&|s| s.primary_region.clone()),
        text(&|s| s.owning_service.clone()),
        text(&|s| s.current_version.clone()),
    ];
    table(&INVENTORY, columns)
}

fn tags(secrets: &[&ListedSecret]) -> std::result::Result<RecordBatch, ArrowError> {
    let tags: Vec<_> = secrets.iter().flat_map(|s| s.tags.iter().map(move |tag| (s, tag))).collect();
    let text = |get: &dyn Fn(&ListedSecret, &(String, String)) -> String| {
        Arc::new(tags.iter().map(|(s, tag)| Some(get(s, tag))).collect::<StringArray>()) as ArrayRef
    };
    let columns: [ArrayRef; 5] = [
        text(&|s, _| s.account_id.clone()),
        text(&|s, _| s.aws_region.clone()),
        text(&|s, _| s.name.clone()),
        text(&|_, (key, _)| key.clone()),
        text(&|_, (_, value)| value.clone()),
    ];
    table(&INVENTORY_TAGS, columns)
}

fn table<const N: usize>(
    described: &Described,
    columns: [ArrayRef; N],
) -> std::result::Result<RecordBatch, ArrowError> {
    let named = described.columns.iter().zip(columns);
    RecordBatch::try_from_iter_with_nullable(named.map(|((name, _), column)| (*name, column, true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_that_is_made_is_described() {
        assert_eq!(inventory(&[]).unwrap().num_columns(), INVENTORY.columns.len());
        assert_eq!(tags(&[]).unwrap().num_columns(), INVENTORY_TAGS.columns.len());
    }
}
