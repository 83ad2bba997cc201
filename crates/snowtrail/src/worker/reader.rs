//! From one message to rows: its parts are found, its objects fetched, everything decoded and handed to the committer.
//!
//! Parts of a message do not wait for each other's faults: what can be read is stored, and a message with one part that
//! cannot be read goes back to the queue, whose own limit moves it to the dead-letter queue. Commits nothing.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use snowtrail_trail::message::{ObjectRef, Part, read_message};
use snowtrail_trail::{Decoder, Scope};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use crate::decoding::{self, Ending, Input};
use crate::feed::objects::OBJECT_BYTES_MAX;
use crate::feed::{FetchedObject, ObjectError, Objects};
use crate::telemetry;
use crate::worker::clock::Clock;
use crate::worker::committer::Piece;
use crate::worker::limits::Limits;
use crate::worker::message::Reading;
use crate::worker::pause::Pause;
use crate::worker::recent::{Recent, Standing, Turn};

/// Objects whose size nobody has told count as this many bytes until they are here.
const UNTOLD_BYTES: u64 = 4 << 20;
/// Unit in which bytes in hand are counted.
const BYTES_UNIT: u64 = 1 << 10;

/// Reads messages, many at a time.
pub struct Reader {
    objects: Arc<dyn Objects>,
    recent: Arc<Recent>,
    pieces: mpsc::Sender<Piece>,
    fetches: Semaphore,
    decodes: Semaphore,
    bytes: Arc<Semaphore>,
    queue_name: String,
    limits: Limits,
    clock: Arc<dyn Clock>,
}

/// How reading a message ended.
#[derive(Debug)]
pub enum Read {
    /// Handed over whole; the committer settles it.
    HandedOver,
    /// To be given back after a pause.
    GiveBack {
        /// The message.
        reading: Reading,
        /// For how long it stays hidden from now.
        pause: Duration,
        /// For the log.
        why: String,
    },
}

/// What was wrong with one part.
struct Fault {
    pause: Duration,
    why: String,
}

impl Reader {
    /// A reader that hands its pieces to `pieces`.
    pub fn new(
        objects: Arc<dyn Objects>,
        recent: Arc<Recent>,
        pieces: mpsc::Sender<Piece>,
        queue_name: &str,
        limits: &Limits,
        clock: Arc<dyn Clock>,
    ) -> Reader {
        let units = usize::try_from(limits.bytes_in_hand_max / BYTES_UNIT).unwrap_or(Semaphore::MAX_PERMITS);
        Reader {
            objects,
            recent,
            pieces,
            fetches: Semaphore::new(limits.fetches_max),
            decodes: Semaphore::new(limits.decodes_max),
            bytes: Arc::new(Semaphore::new(units)),
            queue_name: queue_name.to_owned(),
            limits: limits.clone(),
            clock,
        }
    }

    /// Reads one message. Cancel safe in the sense that matters: dropped, its message comes back.
    pub async fn read(&self, reading: Reading, body: String) -> Read {
        let message = match read_message(&body) {
            Ok(message) => message,
            Err(unknown) => {
                let why = unknown.to_string();
                telemetry::unknown(reading.message_id(), reading.receive_count(), &why);
                return Read::GiveBack { pause: self.longer_each_time(&reading), reading, why };
            }
        };
        drop(body);
        let mut fault: Option<Fault> = None;
        for (number, part) in message.parts.into_iter().enumerate() {
            if let Err(found) = self.part(&reading, number, part).await {
                fault.get_or_insert(found);
            }
            reading.hold().progress();
        }
        match fault {
            Some(Fault { pause, why }) => Read::GiveBack { reading, pause, why },
            None => self.hand_over(Piece::End(reading.all_handed_over())).await,
        }
    }

    async fn hand_over(&self, piece: Piece) -> Read {
        // The committer goes away only at a stop; the message then comes back by itself.
        let _ = self.pieces.send(piece).await;
        Read::HandedOver
    }

    async fn part(&self, reading: &Reading, number: usize, part: Part) -> Result<(), Fault> {
        match part {
            Part::Object(object) => self.object(reading, &object).await,
            Part::Records(bytes) => self.records(reading, number, bytes.into()).await,
            Part::Left(left) => {
                telemetry::left(&left);
                Ok(())
            }
            Part::Unknown(why) => {
                telemetry::unknown(reading.message_id(), reading.receive_count(), &why);
                Err(Fault { pause: self.longer_each_time(reading), why })
            }
        }
    }

    async fn object(&self, reading: &Reading, object: &ObjectRef) -> Result<(), Fault> {
        let uri = object.uri();
        let told = object.version_id.as_deref().or(object.etag.as_deref());
        let turn = match self.recent.stand(&uri, told).await {
            Standing::TakenIn => return Ok(()),
            Standing::Ours(turn) => turn,
        };
        let size = object.size.unwrap_or(UNTOLD_BYTES).min(OBJECT_BYTES_MAX);
        let room = self.room_for(size).await;
        let fetched = self.fetch(reading, object).await.map_err(|failure| {
            telemetry::object_failed(reading.message_id(), &failure);
            Fault { pause: self.pause_after(&failure, reading), why: failure.to_string() }
        })?;
        let has_cloudtrail_name = object.key.contains("_CloudTrail_");
        let FetchedObject { bytes, version, .. } = fetched;
        self.decode(&uri, version, has_cloudtrail_name, bytes, turn).await?;
        drop(room);
        Ok(())
    }

    async fn records(&self, reading: &Reading, number: usize, bytes: Bytes) -> Result<(), Fault> {
        let uri = match number {
            0 => format!("sqs://{}/{}", self.queue_name, reading.message_id()),
            _ => format!("sqs://{}/{}#{number}", self.queue_name, reading.message_id()),
        };
        let turn = match self.recent.stand(&uri, None).await {
            Standing::TakenIn => return Ok(()),
            Standing::Ours(turn) => turn,
        };
        let room = self.room_for(bytes.len() as u64).await;
        self.decode(&uri, None, false, bytes, turn).await?;
        drop(room);
        Ok(())
    }

    /// Waits until there is room for so many bytes; one that is larger than all the room gets all of it.
    async fn room_for(&self, bytes: u64) -> Option<tokio::sync::OwnedSemaphorePermit> {
        let all = self.limits.bytes_in_hand_max / BYTES_UNIT;
        let units = u32::try_from((bytes / BYTES_UNIT + 1).min(all)).unwrap_or(u32::MAX);
        Arc::clone(&self.bytes).acquire_many_owned(units).await.ok()
    }

    /// Fetches an object, patiently where it may help.
    async fn fetch(&self, reading: &Reading, object: &ObjectRef) -> Result<FetchedObject, ObjectError> {
        let mut pause = Pause::new(self.limits.pause_max);
        let until = Instant::now() + self.limits.fetch_patience;
        loop {
            let tried = {
                let _slot = self.fetches.acquire().await;
                reading.hold().progress();
                self.objects.get(object).await
            };
            match tried {
                Err(failure) if failure.may_pass() && Instant::now() < until => {
                    telemetry::object_failed(reading.message_id(), &failure);
                    pause.wait().await;
                }
                ended => return ended,
            }
        }
    }

    /// Decodes a source on a thread for such work. Its turn ends when its rows are durable.
    async fn decode(
        &self,
        uri: &str,
        version: Option<String>,
        has_cloudtrail_name: bool,
        bytes: Bytes,
        turn: Turn,
    ) -> Result<(), Fault> {
        let (pieces, recent) = (self.pieces.clone(), Arc::clone(&self.recent));
        let (uri, taken_in_at): (Arc<str>, _) = (Arc::from(uri), self.clock.now());
        let source = Arc::clone(&uri);
        let slot = self.decodes.acquire().await;
        let decoded = beside(move || {
            if recent.has_bytes(&sha256(&bytes)) {
                return Ok(());
            }
            let scope = Scope::shipped();
            let input = Input { uri, version, has_cloudtrail_name, taken_in_at, bytes: bytes.as_ref() };
            let mut hand_over = |chunk| drop(pieces.blocking_send(Piece::Chunk(chunk)));
            if let Ending::Taken(row) = decoding::decode(&mut Decoder::new(&scope), input, &mut hand_over)? {
                let _ = pieces.blocking_send(Piece::Source(row, turn));
            }
            Ok::<(), std::io::Error>(())
        });
        let decoded = decoded.await;
        drop(slot);
        let why = match decoded {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => format!("failed to decode `{source}`: {error}"),
            Err(panic) => format!("failed to decode `{source}`: {panic}"),
        };
        let _ = self.pieces.send(Piece::Abandoned(source)).await;
        Err(Fault { pause: self.limits.pause_max, why })
    }

    /// What cannot be read comes back later each time; the queue counts the deliveries.
    fn longer_each_time(&self, reading: &Reading) -> Duration {
        let doublings = reading.receive_count().saturating_sub(1).min(5);
        Duration::from_secs(5).saturating_mul(1 << doublings).min(self.limits.visibility)
    }

    /// A notification may be faster than its object, so one that is gone comes back soon; a permission takes people
    /// longer.
    fn pause_after(&self, failure: &ObjectError, reading: &Reading) -> Duration {
        match failure {
            ObjectError::Gone { .. } => self.longer_each_time(reading),
            ObjectError::Throttled { .. } | ObjectError::Passing { .. } => self.limits.pause_max,
            ObjectError::Forbidden { .. } | ObjectError::TooLarge { .. } => {
                self.longer_each_time(reading).saturating_mul(4).min(self.limits.visibility)
            }
        }
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs work that takes a core's time on a thread for such work. A runtime of one thread, which is how the seeded
/// simulation runs a worker, waits for it at once: what happens meanwhile must not hang on how fast the machine is.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        return std::thread::spawn(work).join().map_err(|_| "it panicked".to_owned());
    }
    tokio::task::spawn_blocking(work).await.map_err(|panic| panic.to_string())
}
