//! From files, or objects under a prefix, to a durable lake: decoding on all cores, commits in batches, books for every source.
//!
//! ```text
//! files → [hash, skip what was taken in whole] → decoder threads → chunks → batch → rejects, events, sources
//! ```
//! Memory is bounded by the constants here, not by files or lake. Does not know where a lake is or what a rule is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use futures::StreamExt;
use jiff::Timestamp;
use snowtrail_lake::{Batch, Ingest, Lake, RejectRow, SourceRow, Table};
use snowtrail_trail::message::ObjectRef;
use snowtrail_trail::{Decoder, Scope};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::aws::s3::{Prefix, S3Objects};
use crate::decoding::{self, Chunk, Ending, Input};
use crate::feed::{FetchedObject, LogFile, Objects, Search};
use crate::output::{self, with_causes};
use crate::progress;

/// Events in one commit. Fewer commits are cheaper; what waits for one is memory.
const BATCH_EVENTS_MAX: usize = 40_000;
/// Chunks that may wait between decoders and the committer; beyond it the decoders wait.
const CHUNKS_WAITING_MAX: usize = 8;
/// Files whose hashes are looked up in the lake at a time.
const FILES_LOOKED_UP: usize = 512;
/// Objects fetched at once; each may hold [`crate::feed::objects::OBJECT_BYTES_MAX`], and log files have a hundredth.
const FETCHES: usize = 8;
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
    Chunk(Chunk),
    Done(Box<SourceRow>),
    Digest,
    Failed(String),
}

/// Takes log files under a prefix of S3 into the lake. Objects whose address and entity tag were taken in lately are not
/// fetched again; what is fetched again is recognized by its bytes or event by event.
pub async fn take_in_objects(lake: &mut Lake, objects: &S3Objects, place: &Prefix) -> anyhow::Result<Report> {
    let (mut report, mut ingest, mut next) = (Report::default(), Ingest::default(), None);
    let bar = progress::spinner("taking in");
    loop {
        let listed = objects.list(place, next).await?;
        report.digests += listed.digests.len() as u64;
        report.skipped += listed.left;
        let fresh = skip_known_objects(lake, listed.logs, &mut report).await?;
        take_objects(lake, &mut ingest, objects, &fresh, &mut report).await?;
        bar.set_message(format!("taking in: {} files", report.files));
        next = listed.next;
        if next.is_none() {
            break;
        }
    }
    bar.finish_and_clear();
    Ok(report)
}

async fn skip_known_objects(
    lake: &Lake,
    logs: Vec<ObjectRef>,
    report: &mut Report,
) -> anyhow::Result<Vec<ObjectRef>> {
    let uris: Vec<String> = logs.iter().map(ObjectRef::uri).collect();
    let known = lake.known_sources(&uris).await?;
    let is_known = |object: &ObjectRef| {
        let uri = object.uri();
        known
            .iter()
            .any(|source| source.uri == uri && source.version.is_some() && source.version == object.etag)
    };
    let (old, fresh): (Vec<_>, Vec<_>) = logs.into_iter().partition(is_known);
    report.known_files += old.len() as u64;
    Ok(fresh)
}

async fn take_objects(
    lake: &mut Lake,
    ingest: &mut Ingest,
    objects: &S3Objects,
    logs: &[ObjectRef],
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut fetched = futures::stream::iter(logs)
        .map(|object| async move { (object, objects.get(object).await) })
        .buffered(FETCHES);
    let mut batch = Batch::default();
    while let Some((object, fetched)) = fetched.next().await {
        match fetched {
            Ok(found) => decode_object(object, found, &mut batch, report).await?,
            Err(failure) => report.problem(with_causes(&failure)),
        }
        if batch.events.len() >= BATCH_EVENTS_MAX {
            commit(lake, ingest, std::mem::take(&mut batch), report).await?;
        }
    }
    commit(lake, ingest, batch, report).await
}

async fn decode_object(
    object: &ObjectRef,
    found: FetchedObject,
    batch: &mut Batch,
    report: &mut Report,
) -> anyhow::Result<()> {
    let input = Input {
        uri: Arc::from(object.uri()),
        // The listing's tag, so that the next listing knows it again.
        version: object.etag.clone().or(found.version),
        has_cloudtrail_name: object.key.contains("_CloudTrail_"),
        taken_in_at: Timestamp::now(),
        bytes: std::io::Cursor::new(found.bytes),
    };
    let decoded = tokio::task::spawn_blocking(move || {
        let (scope, mut rows) = (Scope::shipped(), Chunk::default());
        let ending = decoding::decode(&mut Decoder::new(&scope), input, &mut |chunk| {
            rows.events.extend(chunk.events);
            rows.rejects.extend(chunk.rejects);
        });
        ending.map(|ending| (ending, rows))
    });
    let (ending, rows) = decoded.await.context("decoding panicked")??;
    tell_rejects(report, &rows.rejects);
    batch.events.extend(rows.events);
    batch.rejects.extend(rows.rejects);
    match ending {
        Ending::Taken(source) => batch.sources.push(*source),
        Ending::Digest => report.digests += 1,
    }
    Ok(())
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
            Piece::Chunk(Chunk { events, rejects }) => {
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
            Piece::Failed(problem) => report.problem(problem),
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
    mut batch: Batch,
    report: &mut Report,
) -> anyhow::Result<()> {
    let committed = ingest.commit(lake, &mut batch).await?;
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
            report.problem(format!("the books of `{}` do not balance: {source:?}", source.uri));
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
    let input = Input {
        uri: Arc::clone(&file.uri),
        version: None,
        has_cloudtrail_name: file.has_cloudtrail_name(),
        taken_in_at: Timestamp::now(),
        bytes: file.open()?,
    };
    // A committer that has gone away is noticed when the file's last piece is sent.
    let mut hand_over = |chunk| drop(sender.blocking_send(Piece::Chunk(chunk)));
    Ok(match decoding::decode(decoder, input, &mut hand_over)? {
        Ending::Taken(source) => Piece::Done(source),
        Ending::Digest => Piece::Digest,
    })
}

impl Report {
    /// Tells of what could not be read, and remembers it.
    fn problem(&mut self, problem: String) {
        output::note(&format!("error: {problem}"));
        self.problems.push(problem);
    }

    /// Adds the books of other sources.
    pub fn add(&mut self, other: Report) {
        self.files += other.files;
        self.known_files += other.known_files;
        self.known_records += other.known_records;
        self.records += other.records;
        self.stored += other.stored;
        self.out_of_scope += other.out_of_scope;
        self.duplicates += other.duplicates;
        self.rejects += other.rejects;
        self.remarks += other.remarks;
        self.skipped += other.skipped;
        self.digests += other.digests;
        self.problems.extend(other.problems);
    }

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
