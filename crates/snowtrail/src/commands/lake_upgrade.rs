//! `snowtrail lake upgrade`: new columns are added and filled from the sources, a day at a time.
//!
//! A source, a file or an object in S3, is read again only if its bytes are still the ones that were taken in. What cannot be
//! filled is said: events that came in a message have no source that lasts.

use std::io::{Cursor, Read};
use std::path::PathBuf;
use std::sync::Arc;

use futures::StreamExt;
use jiff::Timestamp;
use snowtrail_lake::upgrade::DaySource;
use snowtrail_lake::{EventRow, Lake, SCHEMA_VERSION};
use snowtrail_trail::message::ObjectRef;
use snowtrail_trail::{Decoder, Scope};
use url::Url;

use crate::aws::Aws;
use crate::aws::s3::S3Objects;
use crate::decoding::{self, Ending, Input};
use crate::exit::Exit;
use crate::feed::{LogFile, Objects};
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
    let (mut refilled, mut kept, mut objects) = (0, 0, None);
    for day in days {
        let sources = lake.day_sources(day).await?;
        if objects.is_none() && sources.iter().any(|source| ObjectRef::at(&source.uri).is_some()) {
            objects = Some(S3Objects::new(&Aws::load().await));
        }
        let decoded = read_again(&sources, objects.as_ref()).await;
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

/// Objects fetched at once.
const FETCHES: usize = 8;

/// The events of sources whose bytes are still the same; for each other one a line that says why not.
async fn read_again(sources: &[DaySource], objects: Option<&S3Objects>) -> Vec<EventRow> {
    let decoded = futures::stream::iter(sources).map(async |source| (source, decode(source, objects).await));
    let mut decoded = std::pin::pin!(decoded.buffered(FETCHES));
    let mut rows = Vec::new();
    while let Some((source, decoded)) = decoded.next().await {
        match decoded {
            Ok(decoded) => rows.extend(decoded),
            Err(why) => output::note(&format!("cannot fill from `{}`: {why:#}", source.uri)),
        }
    }
    rows
}

async fn decode(source: &DaySource, objects: Option<&S3Objects>) -> anyhow::Result<Vec<EventRow>> {
    if let (Some(object), Some(objects)) = (ObjectRef::at(&source.uri), objects) {
        let bytes = objects.get(&object).await?.bytes;
        return decode_bytes(source, object.key.contains("_CloudTrail_"), Cursor::new(bytes));
    }
    let path = Url::parse(&source.uri).ok().and_then(|url| url.to_file_path().ok());
    let path = path.unwrap_or_else(|| PathBuf::from(&source.uri));
    let file = LogFile { path, uri: Arc::from(source.uri.as_str()) };
    decode_bytes(source, file.has_cloudtrail_name(), file.open()?)
}

fn decode_bytes(
    source: &DaySource,
    has_cloudtrail_name: bool,
    bytes: impl Read,
) -> anyhow::Result<Vec<EventRow>> {
    let uri = Arc::from(source.uri.as_str());
    let input = Input { uri, version: None, has_cloudtrail_name, taken_in_at: Timestamp::now(), bytes };
    let scope = Scope::shipped();
    let (ending, rows) = decoding::decode_rows(&mut Decoder::new(&scope), input)?;
    let same = match (&source.sha256, &ending) {
        (Some(expected), Ending::Taken(row)) => row.sha256 == *expected,
        _ => true,
    };
    anyhow::ensure!(same, "its bytes are not the ones that were taken in");
    Ok(rows)
}
