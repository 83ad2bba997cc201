//! `snowtrail lake …`: what is in a lake and what its columns mean. What changes a lake has files of its own.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use snowtrail_lake::column::COMMENT;
use snowtrail_lake::vacuum::KEPT_MIN;
use snowtrail_lake::{Access, Table};

use crate::cli::{Format, LakeCommand};
use crate::commands::{lake_files, lake_retain, lake_upgrade};
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
        LakeCommand::Schema { format } => schema(format)?,
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

fn schema(format: Format) -> anyhow::Result<()> {
    let mut rows: Vec<[String; 4]> = Vec::new();
    for table in Table::ALL {
        for field in table.schema().fields() {
            let comment = field.metadata().get(COMMENT).cloned().unwrap_or_default();
            rows.push([
                table.sql_name().to_owned(),
                field.name().clone(),
                field.data_type().to_string(),
                comment,
            ]);
        }
    }
    let column =
        |i: usize| Arc::new(rows.iter().map(|row| Some(row[i].as_str())).collect::<StringArray>()) as _;
    let batch = RecordBatch::try_from_iter([
        ("table", column(0)),
        ("column", column(1)),
        ("type", column(2)),
        ("meaning", column(3)),
    ])?;
    output::rows(&[batch], format)
}
