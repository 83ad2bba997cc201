//! What the lake holds at the end, read by its own SQL; and what a fresh lake finds in the same inputs.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::prelude::SessionContext;
use jiff::Timestamp;
use object_store::memory::InMemory;
use snowtrail::decoding::{self, Ending, Input};
use snowtrail::detector;
use snowtrail_lake::{Access, Batch, Ingest, Lake, Location, PageRow};
use snowtrail_model::{Finding, FindingState};
use snowtrail_rules::reconcile::Range;
use snowtrail_trail::{Decoder, Scope};

use crate::inputs::{Inputs, Source};
use crate::life::BOUND;

/// The books of one row of `sources`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Books {
    /// Where it was.
    pub uri: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// records, stored, out of scope, duplicates, rejects.
    pub counts: [i64; 5],
}

/// All that matters of a lake.
pub struct Seen {
    /// How many rows each event has, by its id.
    pub events: BTreeMap<String, i64>,
    /// Rows of `sources`.
    pub sources: Vec<Books>,
    /// Rejects: where, why, which event; with how many rows each.
    pub rejects: BTreeMap<(String, String, String), i64>,
    /// The newest revision of every finding.
    pub findings: Vec<Finding>,
    /// Keys of findings that were withdrawn although nothing that is stored can make them untrue.
    pub wronged: Vec<String>,
    /// The outbox.
    pub pages: Vec<PageRow>,
    /// The newest `now` that was judged by.
    pub judged_at: Option<Timestamp>,
}

/// Reads a lake.
pub async fn look(memory: &Arc<InMemory>) -> anyhow::Result<Seen> {
    let lake = open(memory, Access::Read).await?;
    let session = SessionContext::new();
    lake.register(&session).await?;
    let events = "SELECT arrow_cast(event_id, 'Utf8'), count(*) FROM events GROUP BY event_id, account_id";
    let sources = "SELECT arrow_cast(uri, 'Utf8'), arrow_cast(sha256, 'Utf8'), records, stored, out_of_scope, duplicates, \
                   rejects FROM sources";
    let rejects = "SELECT arrow_cast(source_uri, 'Utf8'), arrow_cast(reason, 'Utf8'), \
                   arrow_cast(coalesce(event_id, ''), 'Utf8'), count(*) FROM rejects GROUP BY 1, 2, 3";
    let wronged =
        "SELECT arrow_cast(key, 'Utf8') FROM findings_history WHERE state = 'withdrawn' AND rule <> 'lonely'";
    let books = |(texts, numbers): (Vec<String>, Vec<i64>)| {
        let counts = numbers.try_into().expect("five numbers");
        Books { uri: texts[0].clone(), sha256: texts[1].clone(), counts }
    };
    let reject = |(texts, numbers): (Vec<String>, Vec<i64>)| {
        ((texts[0].clone(), texts[1].clone(), texts[2].clone()), numbers[0])
    };
    let event = |(texts, numbers): (Vec<String>, Vec<i64>)| (texts[0].clone(), numbers[0]);
    Ok(Seen {
        events: rows(&session, events).await?.into_iter().map(event).collect(),
        sources: rows(&session, sources).await?.into_iter().map(books).collect(),
        rejects: rows(&session, rejects).await?.into_iter().map(reject).collect(),
        findings: lake.newest_findings().await?,
        wronged: rows(&session, wronged).await?.into_iter().map(|(texts, _)| texts[0].clone()).collect(),
        pages: lake.pages().await?,
        judged_at: lake.judged_at().await?,
    })
}

/// The open findings of a fresh lake that was fed every source once, by key with evidence and severity.
pub async fn fresh(inputs: &Inputs, now: Timestamp) -> anyhow::Result<Vec<Finding>> {
    let mut lake = open(&Arc::new(InMemory::new()), Access::Write).await?;
    let mut batch = Batch::default();
    for source in &inputs.sources {
        decode(source, now, &mut batch)?;
    }
    let _proof = Ingest::default().commit(&mut lake, &mut batch).await?;
    Ok(detector::run(None, &mut lake, &BOUND, now, Range::default(), &mut |_| {}).await?.findings)
}

/// The open ones.
pub fn open_ones(findings: &[Finding]) -> Vec<&Finding> {
    findings.iter().filter(|f| f.state == FindingState::Open).collect()
}

async fn open(memory: &Arc<InMemory>, access: Access) -> anyhow::Result<Lake> {
    let memory: Arc<InMemory> = Arc::clone(memory);
    Ok(Lake::open_at(Location::in_store("memory:///lake", memory)?, access).await?)
}

fn decode(source: &Source, now: Timestamp, batch: &mut Batch) -> anyhow::Result<()> {
    let scope = Scope::shipped();
    let input = Input {
        uri: Arc::clone(&source.uri),
        version: None,
        has_cloudtrail_name: source.is_log,
        taken_in_at: now,
        bytes: source.bytes.as_ref(),
    };
    let mut hand_over = |chunk: decoding::Chunk| {
        batch.events.extend(chunk.events);
        batch.rejects.extend(chunk.rejects);
    };
    if let Ending::Taken(row) = decoding::decode(&mut Decoder::new(&scope), input, &mut hand_over)? {
        batch.sources.push(*row);
    }
    Ok(())
}

/// Rows as their texts and their numbers, in the order of the columns.
async fn rows(session: &SessionContext, sql: &str) -> anyhow::Result<Vec<(Vec<String>, Vec<i64>)>> {
    let mut rows = Vec::new();
    for batch in session.sql(sql).await?.collect().await? {
        for row in 0..batch.num_rows() {
            let text = |column: &arrow::array::ArrayRef| {
                column.as_string_opt::<i32>().map(|texts| texts.value(row).to_owned())
            };
            let number = |column: &arrow::array::ArrayRef| {
                column.as_primitive_opt::<Int64Type>().map(|n| n.value(row))
            };
            let columns = batch.columns();
            rows.push((
                columns.iter().filter_map(text).collect(),
                columns.iter().filter_map(number).collect(),
            ));
        }
    }
    Ok(rows)
}
