//! Where a lake is: a folder on this machine, or a prefix in an object store that the caller has opened.
//!
//! The caller brings the store, because credentials, endpoints and regions are its business; this crate knows no
//! cloud. Every store must offer a conditional put (`PutMode::Create`), on which the whole of Delta's concurrency
//! stands. Does not look at what is there; see [`crate::open`].

use std::path::PathBuf;
use std::sync::Arc;

use deltalake::logstore::{
    LogStore, LogStoreFactory, ObjectStoreRef, StorageConfig, default_logstore, logstore_factories,
};
use deltalake::{DeltaResult, DeltaTableBuilder, DeltaTableError};
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt};
use url::Url;

use crate::error::{LakeError, Result};
use crate::tables::Table;

/// A lake's place. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Location {
    shown: String,
    /// With a slash at its end, so that tables can be joined to it.
    url: Url,
    store: Option<Arc<dyn ObjectStore>>,
}

impl Location {
    /// A folder: a path, or a `file://` URL.
    ///
    /// # Errors
    /// When the text names no place on this machine.
    pub fn folder(uri: &str) -> Result<Location> {
        let folder = local_folder(uri)?;
        let url = Url::from_directory_path(&folder)
            .map_err(|()| not_a_lake(uri, "the path is not absolute".to_owned()))?;
        Ok(Location { shown: uri.to_owned(), url, store: None })
    }

    /// A prefix in an object store. `uri` is the whole address (`s3://bucket/prefix`); `store` has the bucket as its
    /// root.
    ///
    /// # Errors
    /// When the address is no URL.
    pub fn in_store(uri: &str, store: Arc<dyn ObjectStore>) -> Result<Location> {
        let slashed = format!("{}/", uri.trim_end_matches('/'));
        let url = Url::parse(&slashed).map_err(|e| not_a_lake(uri, format!("it is no URL: {e}")))?;
        serve_scheme(&url);
        Ok(Location { shown: uri.to_owned(), url, store: Some(store) })
    }

    /// The address as the caller gave it.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether it lies in an object store.
    pub fn is_remote(&self) -> bool {
        self.store.is_some()
    }

    /// The whole address, with a slash at its end.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The object store that it lies in; none for a folder.
    pub fn store(&self) -> Option<&Arc<dyn ObjectStore>> {
        self.store.as_ref()
    }

    /// The folder that it lies in; none for an object store.
    pub fn path(&self) -> Option<PathBuf> {
        let path = self.url.to_file_path().ok().filter(|_| self.store.is_none())?;
        // Without the slash at its end, under which a file would pass for a folder that is missing.
        Some(path.components().collect())
    }

    pub(crate) fn builder(&self, table: Table) -> std::result::Result<DeltaTableBuilder, DeltaTableError> {
        self.builder_in(table.folder())
    }

    /// For a table in one of the lake's folders.
    pub(crate) fn builder_in(&self, folder: &str) -> std::result::Result<DeltaTableBuilder, DeltaTableError> {
        let url = self.url.join(&format!("{folder}/"));
        let url = url.map_err(|_| DeltaTableError::InvalidTableLocation(self.url.to_string()))?;
        let builder = DeltaTableBuilder::from_url(url.clone())?;
        Ok(match &self.store {
            Some(store) => builder.with_storage_backend(Arc::clone(store), url),
            None => builder,
        })
    }

    /// Names directly under a prefix of an object store; empty for a folder.
    pub(crate) async fn names_in_store(&self) -> Result<Vec<String>> {
        let Some(store) = &self.store else { return Ok(Vec::new()) };
        let failed = |error: object_store::Error| LakeError::Table {
            what: format!("list `{}`", self.shown),
            source: error.into(),
        };
        let prefix = StorePath::from_url_path(self.url.path())
            .map_err(|e| not_a_lake(&self.shown, format!("the prefix cannot be used: {e}")))?;
        let listed = store.list_with_delimiter(Some(&prefix)).await.map_err(failed)?;
        let objects = listed.objects.iter().map(|o| o.location.clone());
        let paths = listed.common_prefixes.into_iter().chain(objects);
        Ok(paths.filter_map(|path| path.filename().map(str::to_owned)).collect())
    }

    /// Writes a small object, always the same, so that a missing permission is known before the first batch.
    ///
    /// # Errors
    /// When the place cannot be written.
    pub async fn prove_writable(&self) -> Result<()> {
        let Some(store) = &self.store else { return Ok(()) };
        let prefix = StorePath::from_url_path(self.url.path()).unwrap_or_default();
        let probe = prefix.join("_snowtrail_writable");
        let failed = |source: object_store::Error| LakeError::Table {
            what: format!("write `{probe}` in `{}`", self.shown),
            source: source.into(),
        };
        store
            .put(&probe, "written at the start of a worker to prove that it can\n".into())
            .await
            .map_err(failed)?;
        Ok(())
    }
}

fn not_a_lake(uri: &str, why: String) -> LakeError {
    LakeError::NotALake { uri: uri.to_owned(), why }
}

/// The folder behind `uri`: a path, or a `file://` URL.
fn local_folder(uri: &str) -> Result<PathBuf> {
    if let Ok(url) = Url::parse(uri)
        && url.scheme().len() > 1
    {
        if url.scheme() != "file" {
            let why =
                format!("`{}:` is no place for a lake; give a folder or s3://bucket/prefix", url.scheme());
            return Err(not_a_lake(uri, why));
        }
        let no_path = |()| not_a_lake(uri, "the URL names no path on this machine".to_owned());
        return url.to_file_path().map_err(no_path);
    }
    std::path::absolute(uri).map_err(|e| not_a_lake(uri, format!("the path cannot be used: {e}")))
}

/// The engine refuses addresses whose scheme nobody has spoken for; every store given here has conditional puts, so
/// the default log serves it.
fn serve_scheme(url: &Url) {
    if let Ok(scheme) = Url::parse(&format!("{}://", url.scheme())) {
        logstore_factories().entry(scheme).or_insert_with(|| Arc::new(ConditionalPutLog));
    }
}

struct ConditionalPutLog;

impl LogStoreFactory for ConditionalPutLog {
    fn with_options(
        &self,
        prefixed_store: ObjectStoreRef,
        root_store: ObjectStoreRef,
        location: &Url,
        options: &StorageConfig,
    ) -> DeltaResult<Arc<dyn LogStore>> {
        Ok(default_logstore(prefixed_store, root_store, location, options))
    }
}
