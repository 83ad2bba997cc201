//! `snowtrail lake compact` and `lake vacuum`: few files of many, and none that nobody needs.
//!
//! Both go on where a table or a day cannot be had, and say so; nothing here decides how it is done.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use jiff::Timestamp;
use snowtrail_lake::compact::Compacted;
use snowtrail_lake::layout::Layout;
use snowtrail_lake::{Access, Lake, Table};
use snowtrail_model::policy::parse_duration;

use crate::cli::Format;
use crate::exit::Exit;
use crate::output::{self, Usage};
use crate::{location, progress};

/// Compacts every part of the lake that wants it, and prints a row for each.
pub async fn compact(uri: &str, rehearsal: bool, format: Format) -> anyhow::Result<Exit> {
    let mut lake = location::open(uri, Access::Read).await?;
    let mut wanting: Vec<Layout> = Vec::new();
    for table in Table::ALL {
        wanting.extend(lake.layouts(table)?.into_iter().filter(Layout::wants_compaction));
    }
    let done =
        if rehearsal { wanting.iter().map(foreseen).collect() } else { all(&mut lake, &wanting).await? };
    output::rows(&[compacted_rows(&done)?], format)?;
    for beaten in done.iter().filter(|compacted| compacted.overtaken) {
        output::note(&format!("{}: another compaction was faster; left to it", beaten.part));
    }
    let surplus: u64 = done.iter().map(|compacted| compacted.surplus).sum();
    if surplus > 0 {
        output::note(&format!(
            "{surplus} rows were of events that are stored already; they are gone, and findings of the rule \
             `duplicate-in-lake` say so"
        ));
    }
    if done.is_empty() {
        output::note(&format!("lake `{uri}` is compact already; nothing to do"));
    }
    Ok(Exit::Done)
}

async fn all(lake: &mut Lake, wanting: &[Layout]) -> anyhow::Result<Vec<Compacted>> {
    let bar = progress::bar(wanting.len() as u64, "parts");
    let mut done = Vec::new();
    for layout in wanting {
        done.push(lake.compact(layout.part, Timestamp::MAX).await?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(done)
}

fn foreseen(layout: &Layout) -> Compacted {
    Compacted {
        part: layout.part,
        files_before: layout.files.len(),
        files_after: layout.files_after(),
        bytes_before: layout.bytes(),
        bytes_after: layout.bytes(),
        surplus: 0,
        overtaken: false,
    }
}

fn compacted_rows(done: &[Compacted]) -> anyhow::Result<RecordBatch> {
    let longs = |get: fn(&Compacted) -> u64| {
        let values = done.iter().map(|compacted| i64::try_from(get(compacted)).unwrap_or(i64::MAX));
        Arc::new(values.collect::<Int64Array>()) as ArrayRef
    };
    let tables = done.iter().map(|compacted| Some(compacted.part.table.sql_name()));
    let days = done.iter().map(|compacted| compacted.part.day.map(|day| day.to_string()));
    Ok(RecordBatch::try_from_iter([
        ("table", Arc::new(tables.collect::<StringArray>()) as ArrayRef),
        ("day", Arc::new(days.collect::<StringArray>())),
        ("files_before", longs(|c| c.files_before as u64)),
        ("files_after", longs(|c| c.files_after as u64)),
        ("bytes_before", longs(|c| c.bytes_before)),
        ("bytes_after", longs(|c| c.bytes_after)),
        ("rows_dropped", longs(|c| c.surplus)),
        ("overtaken", Arc::new(done.iter().map(|c| Some(c.overtaken)).collect::<BooleanArray>())),
    ])?)
}

/// Deletes what has been out of use for longer than a time, which must not be shorter than `shortest`.
pub async fn vacuum(
    uri: &str,
    older_than: &str,
    shortest: Duration,
    rehearsal: bool,
    format: Format,
) -> anyhow::Result<Exit> {
    let usage = |text: String| anyhow::Error::new(Usage(text));
    let asked = parse_duration(older_than).map_err(|text| usage(format!("--older-than: {text}")))?;
    let asked = Duration::try_from(asked).map_err(|_| usage("--older-than lies before now".to_owned()))?;
    if asked < shortest {
        return Err(usage(format!(
            "--older-than {older_than} is less than 7d: readers that opened the lake before, detectors that resume and writers \
             that have not committed would lose files; if there are none, say --force-shorter"
        )));
    }
    let mut lake = location::open(uri, Access::Read).await?;
    let mut done = Vec::new();
    for table in Table::ALL {
        done.push(lake.vacuum(table, asked, rehearsal).await?);
    }
    let tables = done.iter().map(|vacuumed| Some(vacuumed.table.sql_name())).collect::<StringArray>();
    let files = done.iter().map(|vacuumed| i64::try_from(vacuumed.files).unwrap_or(i64::MAX));
    let batch = RecordBatch::try_from_iter([
        ("table", Arc::new(tables) as ArrayRef),
        ("files", Arc::new(files.collect::<Int64Array>())),
    ])?;
    output::rows(&[batch], format)?;
    let verb = if rehearsal { "would be deleted" } else { "are deleted" };
    let files: usize = done.iter().map(|vacuumed| vacuumed.files).sum();
    output::note(&format!("{files} files of `{uri}` {verb}"));
    Ok(Exit::Done)
}
