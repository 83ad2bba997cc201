//! `snowtrail lake …`: what is in a lake. What its columns mean, and what changes a lake, has files of its own.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use snowtrail_lake::Access;
use snowtrail_lake::vacuum::KEPT_MIN;

use crate::cli::{Format, LakeCommand};
use crate::commands::{lake_files, lake_retain, lake_schema, lake_upgrade};
use crate::exit::Exit;
use crate::location;
use crate::output;

/// Runs one of the lake commands.
pub async fn run(command: LakeCommand) -> anyhow::Result<Exit> {
    match command {
        LakeCommand::Stats { lake, format } => stats(&lake.lake, format).await?,
        LakeCommand::Compact { lake, dry_run, format } => {
            return lake_files::compact(&lake.lake, dry_run, format).await;
        }
        LakeCommand::Vacuum { lake, older_than, force_shorter, dry_run, format } => {
            let shortest = if force_shorter { Duration::ZERO } else { KEPT_MIN };
            return lake_files::vacuum(&lake.lake, &older_than, shortest, dry_run, format).await;
        }
        LakeCommand::Retain { lake, rules, days, dry_run } => {
            return lake_retain::run(&lake.lake, &rules, days, dry_run).await;
        }
        LakeCommand::Upgrade { lake } => return lake_upgrade::run(&lake.lake).await,
        LakeCommand::Schema { format, rules } => lake_schema::run(format, rules.as_deref()).await?,
    }
    Ok(Exit::Done)
}

async fn stats(uri: &str, format: Format) -> anyhow::Result<()> {
    let lake = location::open(uri, Access::Read).await?;
    let stats = lake.stats().await?;
    let longs = |get: fn(&snowtrail_lake::stats::TableStats) -> i64| {
        Arc::new(stats.iter().map(get).collect::<Int64Array>()) as _
    };
    let times = |get: fn(&snowtrail_lake::stats::TableStats) -> Option<jiff::Timestamp>| {
        Arc::new(stats.iter().map(|s| get(s).map(|t| t.to_string())).collect::<StringArray>()) as _
    };
    let per_row = stats.iter().map(|s| (s.rows > 0).then(|| s.bytes / s.rows));
    let per_row = Arc::new(per_row.collect::<Int64Array>()) as _;
    let names = Arc::new(stats.iter().map(|s| Some(s.table.sql_name())).collect::<StringArray>()) as _;
    let batch = RecordBatch::try_from_iter([
        ("table", names),
        ("rows", longs(|s| s.rows)),
        ("files", longs(|s| s.files)),
        ("bytes", longs(|s| s.bytes)),
        ("bytes_per_row", per_row),
        ("small_files", longs(|s| s.small_files)),
        ("parts_to_compact", longs(|s| s.parts_to_compact)),
        ("files_after", longs(|s| s.files_after)),
        ("version", longs(|s| s.version)),
        ("oldest", times(|s| s.oldest)),
        ("newest", times(|s| s.newest)),
    ])?;
    output::rows(&[batch], format)
}
