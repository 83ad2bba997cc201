//! From files to a durable lake: decoding on all cores, commits in batches, books for every source.
//!
//! ```text
//! files → [hash, skip what was taken in whole] → decoder threads → chunks → batch → rejects, events, sources
//! ```
//! Memory is bounded by the constants here, not by files or lake. Does not know where a lake is or what a rule is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use jiff::Timestamp;
use snowtrail_lake::{Batch, EventRow, Ingest, Lake, RejectRow, SourceRow, Table};
use snowtrail_trail::{Decoded, Decoder, Origin, Scope, Shape};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::feed::{LogFile, Search};
use crate::output;
use crate::progress;

/// Events in one commit. Fewer commits are cheaper; more events cost about 3 KiB of memory each until they are stored.
const BATCH_EVENTS_MAX: usize = 20_000;
/// Events handed over at a time by a decoder.
const CHUNK_EVENTS: usize = 1_000;
/// Chunks that may wait between decoders and the committer; beyond it the decoders wait.
const CHUNKS_WAITING_MAX: usize = 8;
/// Files whose hashes are looked up in the lake at a time.
const FILES_LOOKED_UP: usize = 512;
/// Rejects told on stderr one by one; the rest is counted, and all are in the table.
const REJECTS_TOLD_MAX: usize = 20;

/// What became of a set of files.
#[derive(Debug, Default)]
pub struct Report {
    /// Files taken in now.
    pub files: u64,
    /// Files taken in before, not read again.
    pub known_files: u64,
    /// Records in those.
    pub known_records: u64,
    /// Records found now.
    pub records: u64,
    /// Became events.
    pub stored: u64,
    /// Other services' calls.
    pub out_of_scope: u64,
    /// Stored before, from elsewhere.
    pub duplicates: u64,
    /// Could not be understood.
    pub rejects: u64,
    /// Remarks about whole sources.
    pub remarks: u64,
    /// Files without a log's name.
    pub skipped: u64,
    /// Digest files.
    pub digests: u64,
    /// Paths and files that could not be read, and books that do not balance.
    pub problems: Vec<String>,
}

/// Decoders' messages to the committer.
enum Piece {
    Chunk(Vec<EventRow>, Vec<RejectRow>),
    Done(Box<SourceRow>),
    Digest,
    Failed(String),
}

/// Takes files and folders into the lake.
pub async fn take_in(lake: &mut Lake, paths: &[std::path::PathBuf]) -> anyhow::Result<Report> {
    let search = Search::new(paths);
    let mut report = Report {
        skipped: search.skipped,
        digests: search.digests,
        problems: search.problems,
        ..Report::default()
    };
    for problem in &report.problems {
        output::note(&format!("error: {problem}"));
    }
    let bar = progress::bar(search.files.len() as u64, "files");
    bar.set_message("taking in");
    let mut ingest = Ingest::default();
    for group in search.files.chunks(FILES_LOOKED_UP) {
        let fresh = skip_known(lake, &ingest, group, &mut report).await?;
        bar.inc((group.len() - fresh.len()) as u64);
        take_group(lake, &mut ingest, fresh, &mut report, &bar).await?;
    }
    bar.finish_and_clear();
    Ok(report)
}

/// Files whose bytes were taken in whole before are not read again; an empty lake knows none.
async fn skip_known(
    lake: &Lake,
    ingest: &Ingest,
    group: &[LogFile],
    report: &mut Report,
) -> anyhow::Result<Vec<LogFile>> {
    if lake.delta(Table::Sources).version() == Some(0) {
        return Ok(group.to_vec());
    }
    let files = group.to_vec();
    let hashes =
        tokio::task::spawn_blocking(move || files.iter().map(|f| f.sha256().ok()).collect::<Vec<_>>())
            .await
            .context("failed to hash files")?;
    let known = ingest.taken_in(lake, &hashes.iter().flatten().cloned().collect::<Vec<_>>()).await?;
    let mut fresh = Vec::new();
    for (file, hash) in group.iter().zip(hashes) {
        match hash.and_then(|h| known.get(&h)) {
            Some(records) => {
                report.known_files += 1;
                report.known_records += records;
            }
            None => fresh.push(file.clone()),
        }
    }
    Ok(fresh)
}

async fn take_group(
    lake: &mut Lake,
    ingest: &mut Ingest,
    files: Vec<LogFile>,
    report: &mut Report,
    bar: &indicatif::ProgressBar,
) -> anyhow::Result<()> {
    let mut pieces = start_decoders(files);
    let mut batch = Batch::default();
    while let Some(piece) = pieces.recv().await {
        match piece {
            Piece::Chunk(events, rejects) => {
                tell_rejects(report, &rejects);
                batch.events.extend(events);
                batch.rejects.extend(rejects);
            }
            Piece::Done(source) => {
                bar.inc(1);
                batch.sources.push(*source);
            }
            Piece::Digest => {
                bar.inc(1);
                report.digests += 1;
            }
            Piece::Failed(problem) => {
                output::note(&format!("error: {problem}"));
                report.problems.push(problem);
            }
        }
        if batch.events.len() >= BATCH_EVENTS_MAX {
            commit(lake, ingest, std::mem::take(&mut batch), report).await?;
        }
    }
    commit(lake, ingest, batch, report).await
}

async fn commit(
    lake: &mut Lake,
    ingest: &mut Ingest,
    batch: Batch,
    report: &mut Report,
) -> anyhow::Result<()> {
    let committed = ingest.commit(lake, batch).await?;
    tell_rejects(report, &committed.conflicts);
    for source in &committed.sources {
        report.files += 1;
        report.records += source.records;
        report.stored += source.stored;
        report.out_of_scope += source.out_of_scope;
        report.duplicates += source.duplicates;
        report.rejects += source.rejects;
        report.remarks += source.remarks;
        if !source.balances() {
            let problem = format!("the books of `{}` do not balance: {source:?}", source.uri);
            output::note(&format!("error: {problem}"));
            report.problems.push(problem);
        }
    }
    Ok(())
}

fn tell_rejects(report: &mut Report, rejects: &[RejectRow]) {
    let told = usize::try_from(report.rejects + report.remarks).unwrap_or(usize::MAX);
    for row in rejects.iter().take(REJECTS_TOLD_MAX.saturating_sub(told)) {
        let place = match row.reject.index {
            Some(index) => format!("record {index} (byte {})", row.reject.offset),
            None => "the whole file".to_owned(),
        };
        output::note(&format!(
            "reject: {}: {place}: {}: {}",
            row.source_uri,
            row.reject.reason.as_str(),
            row.reject.detail
        ));
    }
}

/// Starts one decoder thread a core over a shared list of files.
fn start_decoders(files: Vec<LogFile>) -> Receiver<Piece> {
    let (sender, receiver) = channel(CHUNKS_WAITING_MAX);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(files.len().max(1));
    let (files, next) = (Arc::new(files), Arc::new(AtomicUsize::new(0)));
    for _ in 0..threads {
        let (files, next, sender) = (Arc::clone(&files), Arc::clone(&next), sender.clone());
        tokio::task::spawn_blocking(move || {
            let scope = Scope::shipped();
            let mut decoder = Decoder::new(&scope);
            while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                if !decode(&mut decoder, file, &sender) {
                    return;
                }
            }
        });
    }
    receiver
}

/// Decodes one file into pieces; false when the committer has gone away.
fn decode(decoder: &mut Decoder<'_>, file: &LogFile, sender: &Sender<Piece>) -> bool {
    let last = match decode_file(decoder, file, sender) {
        Ok(piece) => piece,
        Err(error) => Piece::Failed(format!("failed to read `{}`: {error}", file.path.display())),
    };
    sender.blocking_send(last).is_ok()
}

fn decode_file(decoder: &mut Decoder<'_>, file: &LogFile, sender: &Sender<Piece>) -> std::io::Result<Piece> {
    let taken_in_at = Timestamp::now();
    let mut bytes = file.open()?;
    let mut chunk = Chunk { events: Vec::new(), rejects: Vec::new(), file, taken_in_at, sender };
    let origin = Origin { is_cloudtrail_log_name: file.has_cloudtrail_name() };
    let summary = decoder.decode(&mut bytes, origin, &mut |decoded| chunk.push(decoded))?;
    let (sha256, bytes_stored) = bytes.finish()?;
    if summary.shape == Some(Shape::Digest) {
        return Ok(Piece::Digest);
    }
    chunk.finish(&sha256);
    Ok(Piece::Done(Box::new(SourceRow {
        uri: Arc::clone(&file.uri),
        version: None,
        sha256,
        shape: summary.shape.map(|shape| shape.as_str().to_owned()),
        bytes_stored,
        bytes_plain: summary.plain_bytes,
        records: summary.records,
        stored: 0,
        out_of_scope: summary.out_of_scope,
        duplicates: 0,
        rejects: summary.rejects,
        remarks: summary.remarks,
        taken_in_at,
    })))
}

/// Events on their way to the committer. Rejects wait for the file's hash, which is known at its end; there are few,
/// and each is bounded.
struct Chunk<'c> {
    events: Vec<EventRow>,
    rejects: Vec<RejectRow>,
    file: &'c LogFile,
    taken_in_at: Timestamp,
    sender: &'c Sender<Piece>,
}

impl Chunk<'_> {
    fn push(&mut self, decoded: Decoded) {
        match decoded {
            Decoded::Event { event, index } => self.events.push(EventRow {
                event,
                source_uri: Arc::clone(&self.file.uri),
                source_index: index,
                ingested_at: self.taken_in_at,
            }),
            Decoded::Reject(reject) => self.rejects.push(RejectRow {
                reject,
                source_uri: Arc::clone(&self.file.uri),
                source_sha256: String::new(),
                rejected_at: self.taken_in_at,
            }),
        }
        if self.events.len() >= CHUNK_EVENTS {
            self.send(Vec::new());
        }
    }

    fn finish(mut self, sha256: &str) {
        let mut rejects = std::mem::take(&mut self.rejects);
        for row in &mut rejects {
            row.source_sha256 = sha256.to_owned();
        }
        self.send(rejects);
    }

    /// A committer that has gone away is noticed when the file's last piece is sent.
    fn send(&mut self, rejects: Vec<RejectRow>) {
        let events = std::mem::take(&mut self.events);
        let _ = self.sender.blocking_send(Piece::Chunk(events, rejects));
    }
}

impl Report {
    /// The books in one line, and what else there is to say.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "took in {} files: {} records = {} stored + {} out of scope + {} duplicates + {} rejects",
            self.files, self.records, self.stored, self.out_of_scope, self.duplicates, self.rejects
        )];
        if self.known_files > 0 {
            lines.push(format!(
                "{} files were taken in before ({} records) and not read again",
                self.known_files, self.known_records
            ));
        }
        if self.digests + self.skipped > 0 {
            lines.push(format!(
                "skipped {} digest files and {} files that are no logs",
                self.digests, self.skipped
            ));
        }
        if self.rejects + self.remarks > 0 {
            lines.push("what was rejected is kept, with the reason: SELECT * FROM rejects".to_owned());
        }
        lines
    }
}
