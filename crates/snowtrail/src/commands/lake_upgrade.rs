//! `snowtrail lake upgrade`: new columns are added and filled from the sources, a day at a time.
//!
//! A source is read again only if its bytes are still the ones that were taken in. What cannot be filled is said.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use snowtrail_lake::upgrade::DaySource;
use snowtrail_lake::{EventRow, Lake, SCHEMA_VERSION};
use snowtrail_trail::{Decoder, Scope};
use url::Url;

use crate::decoding::{self, Ending, Input};
use crate::exit::Exit;
use crate::feed::LogFile;
use crate::location;
use crate::output;
use crate::progress;

/// Upgrades the lake.
pub async fn run(uri: &str) -> anyhow::Result<Exit> {
    let mut lake = Lake::open_for_upgrade(location::locate(uri).await?).await?;
    let from = lake.schema_version()?;
    if from == SCHEMA_VERSION {
        output::note(&format!("lake `{uri}` has schema {SCHEMA_VERSION} already; nothing to do"));
        return Ok(Exit::Done);
    }
    for (table, columns) in lake.add_missing_columns().await? {
        output::note(&format!("added to `{table}`: {}", columns.join(", ")));
    }
    let days = lake.event_days().await?;
    let bar = progress::bar(days.len() as u64, "days");
    let (mut refilled, mut kept) = (0, 0);
    for day in days {
        let mut decoded = Vec::new();
        for source in lake.day_sources(day).await? {
            decoded.extend(read_again(&source));
        }
        let done = lake.refill_day(day, decoded).await?;
        refilled += done.refilled;
        kept += done.kept;
        bar.inc(1);
    }
    bar.finish_and_clear();
    lake.mark_upgraded().await?;
    output::note(&format!(
        "lake `{uri}`: schema {from} to {SCHEMA_VERSION}: {refilled} events filled from their sources"
    ));
    if kept > 0 {
        output::note(&format!(
            "{kept} events keep null in the new columns: their sources are gone or changed (named above)"
        ));
    }
    Ok(Exit::Done)
}

/// The events of a source, if its bytes are still the same; otherwise none, and a line that says why.
fn read_again(source: &DaySource) -> Vec<EventRow> {
    match decode(source) {
        Ok(rows) => rows,
        Err(why) => {
            output::note(&format!("cannot fill from `{}`: {why}", source.uri));
            Vec::new()
        }
    }
}

fn decode(source: &DaySource) -> anyhow::Result<Vec<EventRow>> {
    let path = Url::parse(&source.uri).ok().and_then(|url| url.to_file_path().ok());
    let path = path.unwrap_or_else(|| PathBuf::from(&source.uri));
    let file = LogFile { path, uri: Arc::from(source.uri.as_str()) };
    let input = Input {
        uri: Arc::clone(&file.uri),
        version: None,
        has_cloudtrail_name: file.has_cloudtrail_name(),
        taken_in_at: Timestamp::now(),
        bytes: file.open()?,
    };
    let scope = Scope::shipped();
    let (ending, rows) = decoding::decode_rows(&mut Decoder::new(&scope), input)?;
    let same = match (&source.sha256, &ending) {
        (Some(expected), Ending::Taken(row)) => row.sha256 == *expected,
        _ => true,
    };
    anyhow::ensure!(same, "its bytes are not the ones that were taken in");
    Ok(rows)
}
