//! One committer: pieces in, in order; batches closed on size, bytes or age; messages settled by what is durable.
//!
//! ```text
//! Chunk, Source, End … → open batch ──full or old──→ commit (again and again) ──→ sources remembered, messages deletable
//! ```
//! Because pieces come in order and no batch is given up, a commit makes everything durable that came before it. A
//! commit that fails is tried again with the same batch; the lake knows how far it came. Does not delete.

use std::sync::Arc;

use jiff::Timestamp;
use snowtrail_lake::{Batch, Ingest, Lake, SourceRow};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::decoding::Chunk;
use crate::telemetry;
use crate::worker::clock::Clock;
use crate::worker::detection::Wake;
use crate::worker::health::Health;
use crate::worker::limits::Limits;
use crate::worker::message::{AwaitingCommit, Deletable};
use crate::worker::pause::Pause;
use crate::worker::recent::{Recent, Turn};
use crate::worker::watched::Watched;

/// What a reader hands over.
#[derive(Debug)]
pub enum Piece {
    /// Rows of a source.
    Chunk(Chunk),
    /// A source ended; its turn ends when it is durable.
    Source(Box<SourceRow>, Turn),
    /// A message ended: everything of it came before this.
    End(AwaitingCommit),
    /// A source will not end; what came of it is stored, and its books start anew when it comes again.
    Abandoned(Arc<str>),
}

/// The batch being filled, and who waits for it.
#[derive(Default)]
struct Open {
    batch: Batch,
    turns: Vec<Turn>,
    messages: Vec<AwaitingCommit>,
    bytes: u64,
    since: Option<Instant>,
    newest_event: Option<Timestamp>,
}

/// Commits batches.
pub struct Committer {
    /// The lake, a handle of its own.
    pub lake: Lake,
    /// What is stored and known.
    pub ingest: Ingest,
    /// Where sources are remembered.
    pub recent: Arc<Recent>,
    /// Where messages go that may be deleted.
    pub deletable: mpsc::Sender<Deletable>,
    /// Tells detection of new events.
    pub wake: watch::Sender<Wake>,
    /// Where progress is noted.
    pub health: Arc<Health>,
    /// Whether reads arrive at all.
    pub watched: Watched,
    /// When a batch is closed.
    pub limits: Limits,
    /// For lags.
    pub clock: Arc<dyn Clock>,
}

impl Committer {
    /// Runs until every sender of pieces is gone, then closes the last batch.
    pub async fn run(mut self, mut pieces: mpsc::Receiver<Piece>) {
        let mut open = Open::default();
        loop {
            let piece = match open.since {
                None => pieces.recv().await,
                Some(since) => tokio::select! {
                    biased;
                    () = sleep_until(since + self.limits.batch_age_max) => {
                        self.close(&mut open).await;
                        continue;
                    }
                    piece = pieces.recv() => piece,
                },
            };
            match piece {
                Some(Piece::Abandoned(source_uri)) => self.ingest.abandon(&source_uri),
                Some(piece) => open.add(piece),
                None => break,
            }
            if open.is_full(&self.limits) {
                self.close(&mut open).await;
            }
        }
        self.close(&mut open).await;
    }

    /// Makes the open batch durable, however long it takes, and settles who waited for it.
    async fn close(&mut self, open: &mut Open) {
        let Open { mut batch, turns, messages, newest_event, .. } = std::mem::take(open);
        let (events, started) = (batch.events.len(), Instant::now());
        self.watched.see(&batch.events);
        let mut pause = Pause::new(self.limits.pause_max);
        let committed = loop {
            match self.ingest.commit(&mut self.lake, &mut batch).await {
                Ok(committed) => break committed,
                Err(failure) => {
                    let length = pause.length();
                    telemetry::commit_failed(&failure, length);
                    sleep(length).await;
                }
            }
        };
        telemetry::committed(started.elapsed(), events, newest_event, self.clock.now());
        self.health.committed();
        for source in &committed.sources {
            telemetry::taken_in(source);
            self.recent.remember(&source.uri, source.version.as_deref(), &source.sha256);
        }
        drop(turns);
        if committed.sources.iter().any(|source| source.stored > 0) || events > 0 {
            self.wake
                .send_replace(Wake { events_version: committed.events_version, at: Some(Instant::now()) });
        }
        for message in messages {
            // Whoever deletes goes away only at a stop; the message then comes back and is recognized.
            let _ = self.deletable.send(message.settle(&committed)).await;
        }
    }
}

impl Open {
    fn add(&mut self, piece: Piece) {
        self.since.get_or_insert_with(Instant::now);
        match piece {
            Piece::Chunk(Chunk { events, rejects }) => {
                self.newest_event = self.newest_event.max(events.newest());
                self.batch.events.extend(events);
                self.batch.rejects.extend(rejects);
            }
            Piece::Source(source, turn) => {
                self.bytes += source.bytes_stored;
                self.batch.sources.push(*source);
                self.turns.push(turn);
            }
            Piece::End(message) => self.messages.push(message),
            Piece::Abandoned(_) => {}
        }
    }

    fn is_full(&self, limits: &Limits) -> bool {
        self.batch.events.len() >= limits.batch_events_max || self.bytes >= limits.batch_bytes_max
    }
}
