//! The lake's object store: memory, behind a wrapper that forwards every method and fails as the seed says.
//!
//! Besides failing before and after the effect it can do what S3 and its clients do to a conditional put: answer 409
//! although nobody was faster, meet its own first try after a lost reply (412), and really lose to a rival, who claims
//! what the loser claimed. The rival's entries add nothing, so that they change no table.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::faults::{Fault, Kind};
use crate::planted;
use crate::world::{Hand, Verdict};

/// The longest that a file takes.
const PUT_MAX_MS: u64 = 3_000;

/// One worker's way to the lake.
pub struct SimStore {
    hand: Hand,
    inner: Arc<InMemory>,
}

/// What a path is, with nothing in it that differs between two runs of a seed: files are named by chance.
struct Place {
    table: String,
    name: String,
    is_commit: bool,
}

impl SimStore {
    /// A worker's.
    pub fn new(hand: Hand) -> SimStore {
        let inner = Arc::clone(&hand.world.memory);
        SimStore { hand, inner }
    }

    /// Reads: where a call is let through or fails. A thread beside the runtime's never waits.
    async fn reads(&self, kind: Kind, place: &str) -> Result<()> {
        if self.hand.is_beside() {
            return if self.hand.fails_beside(kind, place) { Err(failed("beside")) } else { Ok(()) };
        }
        let verdict = self.hand.turn(kind, place).await;
        if self.hand.loses_reply(verdict).await || matches!(verdict.fault, Fault::Before | Fault::Odd(_)) {
            return Err(failed("read"));
        }
        Ok(())
    }

    /// In some worlds a file takes its time, as on S3. Without it two workers, of which each is at rest for seconds and
    /// commits within milliseconds, would hardly ever meet.
    async fn takes_a_while(&self, place: &Place) {
        let world = &self.hand.world;
        if world.dice.permille("the store takes a while", 0, 500) {
            let now_ms = world.state().now_ms();
            sleep(Duration::from_millis(world.dice.below(&place.name, now_ms, PUT_MAX_MS))).await;
        }
    }

    /// Before a put: whether it fails without an effect.
    async fn refuses(&self, verdict: Verdict, path: &Path, place: &Place, entry: &[u8]) -> Option<Error> {
        match verdict.fault {
            Fault::Before => Some(failed("put")),
            Fault::Odd(number) if place.is_commit && number % 4 == 0 => Some(exists(path)),
            Fault::Odd(number) if place.is_commit => {
                self.rival(path, entry, number).await;
                None
            }
            Fault::Odd(_) => Some(failed("put")),
            _ => None,
        }
    }

    /// Somebody else is faster by an instant.
    async fn rival(&self, path: &Path, entry: &[u8], number: u64) {
        let Some(rival) = rivals(entry, number) else { return };
        let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let _ = self.inner.put_opts(path, rival.into(), create).await;
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for SimStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, mut options: PutOptions) -> Result<PutResult> {
        let place = Place::of(path);
        let kind = if place.is_commit { Kind::StoreCommit } else { Kind::StorePut };
        self.takes_a_while(&place).await;
        let verdict = self.hand.turn(kind, &place.name).await;
        let mut bytes = Bytes::from(payload);
        if let Some(refused) = self.refuses(verdict, path, &place, &bytes).await {
            return Err(refused);
        }
        if let (true, Some(bug)) = (place.is_commit, self.hand.world.planted) {
            bytes =
                planted::commit(bug, &place.table, &bytes, &mut options, &self.hand.world.state().durable);
        }
        let put = self.inner.put_opts(path, bytes.clone().into(), options).await;
        if put.is_ok() {
            let mut state = self.hand.world.state();
            match place.is_commit {
                true => state.durable.committed(&bytes),
                false => state.durable.written(&place.table, path.as_ref(), &bytes),
            }
        }
        if self.hand.loses_reply(verdict).await {
            // A client that tries again by itself meets its own first try.
            let meets_itself = place.is_commit && verdict.ordinal % 2 == 0;
            return Err(if meets_itself { exists(path) } else { failed("hear of the put") });
        }
        put
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.reads(Kind::StorePut, &Place::of(path).name).await?;
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.reads(Kind::StoreGet, &Place::of(path).name).await?;
        self.inner.get_opts(path, options).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.reads(Kind::StoreGet, &Place::of(path).name).await?;
        self.inner.get_ranges(path, ranges).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.again();
        let paths = paths.and_then(move |path| {
            let store = store.again();
            async move {
                store.reads(Kind::StoreDelete, &Place::of(&path).name).await?;
                Ok(path)
            }
        });
        self.inner.delete_stream(paths.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, prefix) = (self.again(), prefix.cloned());
        let listed = async move {
            store.reads(Kind::StoreList, &Place::of_prefix(prefix.as_ref())).await?;
            Ok::<_, Error>(store.inner.list(prefix.as_ref()))
        };
        stream::once(listed).try_flatten().boxed()
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, prefix, offset) = (self.again(), prefix.cloned(), offset.clone());
        let listed = async move {
            store.reads(Kind::StoreList, &Place::of_prefix(prefix.as_ref())).await?;
            Ok::<_, Error>(store.inner.list_with_offset(prefix.as_ref(), &offset))
        };
        stream::once(listed).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.reads(Kind::StoreList, &Place::of_prefix(prefix)).await?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.reads(Kind::StorePut, &Place::of(to).name).await?;
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.reads(Kind::StorePut, &Place::of(to).name).await?;
        self.inner.rename_opts(from, to, options).await
    }
}

impl SimStore {
    fn again(&self) -> SimStore {
        SimStore::new(self.hand.clone())
    }
}

impl Place {
    /// `lake/events/_delta_log/00000000000000000003.json` is `events 3`.
    fn of(path: &Path) -> Place {
        let parts: Vec<&str> = path.as_ref().split('/').collect();
        let table = parts.get(1).copied().unwrap_or_default().to_owned();
        let file = parts.last().copied().unwrap_or_default();
        let version = file.strip_suffix(".json").and_then(|stem| stem.parse::<u64>().ok());
        let in_log = parts.contains(&"_delta_log");
        let name = match version {
            Some(version) if in_log => format!("{table} {version}"),
            _ if in_log => format!("{table} {file}"),
            _ => format!("{table} data"),
        };
        Place { table, name, is_commit: in_log && version.is_some() }
    }

    fn of_prefix(prefix: Option<&Path>) -> String {
        prefix.map_or(String::new(), |prefix| prefix.as_ref().to_owned())
    }
}

/// A log entry that claims what another one claims, with other tickets, and does nothing. None for an entry that makes
/// a table.
fn rivals(entry: &[u8], number: u64) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(entry);
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut action: Value = serde_json::from_str(line).ok()?;
        if action.get("metaData").is_some() {
            return None;
        }
        // Whoever claims, claims at its own `now` and by its own ticket; without claims nobody conflicts.
        if let Some(transaction) = action.get_mut("txn").filter(|_| number % 4 != 1) {
            if transaction["appId"] != "findings/judged-at" {
                transaction["version"] = json!(number >> 8);
            }
            lines.push(action.to_string());
        } else if action.get("commitInfo").is_some() {
            lines.push(action.to_string());
        }
    }
    Some(lines.join("\n").into_bytes())
}

fn failed(doing: &'static str) -> Error {
    Error::Generic { store: "simulated", source: format!("failed to {doing} for now").into() }
}

fn exists(path: &Path) -> Error {
    Error::AlreadyExists { path: path.to_string(), source: "409 or 412".into() }
}

impl fmt::Debug for SimStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SimStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimStore({})", self.hand.worker)
    }
}
