//! `snowtrail lake …`: what is in a lake; what its columns mean is in a file of its own.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use snowtrail_lake::Access;

use crate::cli::{Format, LakeCommand};
use crate::commands::{lake_schema, lake_upgrade};
use crate::exit::Exit;
use crate::location;
use crate::output;

/// Runs one of the lake commands.
pub async fn run(command: LakeCommand) -> anyhow::Result<Exit> {
    match command {
        LakeCommand::Stats { lake, format } => stats(&lake.lake, format).await?,
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
    let names = Arc::new(stats.iter().map(|s| Some(s.table.sql_name())).collect::<StringArray>()) as _;
    let batch = RecordBatch::try_from_iter([
        ("table", names),
        ("rows", longs(|s| s.rows)),
        ("files", longs(|s| s.files)),
        ("bytes", longs(|s| s.bytes)),
        ("version", longs(|s| s.version)),
        ("oldest", times(|s| s.oldest)),
        ("newest", times(|s| s.newest)),
    ])?;
    output::rows(&[batch], format)
}
