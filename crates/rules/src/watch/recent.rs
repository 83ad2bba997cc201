//! The rows of recent events that are no landmarks, held so that ticks need not read the lake.
//!
//! The newest are in memory. Once there are many they become a file of a temporary folder (`TMPDIR`), which goes with the
//! watch that gathered them: a busy stream fills a disk that nobody else needs, and not the memory that a task of a few
//! hundred megabytes has. Does not know which events matter to a tick; see [`super::selection`].

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::TryStreamExt;
use jiff::Timestamp;
use tempfile::TempDir;

use super::{EVENTS_HELD_MAX, rows_in, selection};
use crate::error::{Result, RuleError};
use crate::memory;
use crate::watch::fresh::{unreadable, wrong};

/// Rows in memory before they become a file, about 400 bytes each.
const ROWS_IN_MEMORY_MAX: usize = 20_000;

/// Rows of a row group, which a writer has in memory until it is full.
const ROW_GROUP_ROWS: usize = 65_536;

/// Batches of fewer rows become one before there are many of them.
const SMALL_ROWS: usize = 4_096;
const SMALL_BATCHES_MAX: usize = 64;

/// Rows since a time, all of them.
#[derive(Debug)]
pub(super) struct Recent {
    since: Timestamp,
    schema: SchemaRef,
    rows_in_memory_max: usize,
    batches: Vec<RecordBatch>,
    files: Vec<PathBuf>,
    rows_in_files: usize,
    folder: Option<TempDir>,
    /// Keeps what the footers of the files say from tick to tick.
    runtime: Arc<RuntimeEnv>,
}

impl Recent {
    /// Nothing yet, of these columns.
    fn new(schema: &SchemaRef, since: Timestamp) -> Recent {
        Recent {
            since,
            schema: selection::plain(schema),
            rows_in_memory_max: ROWS_IN_MEMORY_MAX,
            batches: Vec::new(),
            files: Vec::new(),
            rows_in_files: 0,
            folder: None,
            runtime: Arc::default(),
        }
    }

    /// What a query gives; none if it is more than may be held.
    ///
    /// # Errors
    /// When it cannot be read, or there is no room for it on disk.
    pub(super) async fn gather(
        session: &SessionContext,
        query: &str,
        schema: &SchemaRef,
        since: Timestamp,
    ) -> Result<Option<Recent>> {
        let mut recent = Recent::new(schema, since);
        let mut rows = memory::stream(session, query).await.map_err(unreadable)?;
        let mut file = None;
        while let Some(batch) = rows.try_next().await.map_err(unreadable)? {
            match &mut file {
                Some(file) => recent.write(file, &batch)?,
                None => recent.batches.push(memory::compact(&batch).map_err(wrong)?),
            }
            if file.is_none() && recent.is_much_in_memory() {
                file = Some(recent.spill()?);
            }
            if recent.is_full() {
                return Ok(None);
            }
        }
        file.map(close).transpose()?;
        Ok(Some(recent))
    }

    /// From when on all rows are here.
    pub(super) fn since(&self) -> Timestamp {
        self.since
    }

    /// Whether there are more than may be held.
    pub(super) fn is_full(&self) -> bool {
        self.rows_in_files + rows_in(&self.batches) > EVENTS_HELD_MAX
    }

    /// Adds rows.
    ///
    /// # Errors
    /// When there is no room for them on disk. What is held is not whole then.
    pub(super) fn add(&mut self, batch: RecordBatch) -> Result<()> {
        self.batches.push(batch);
        if self.is_much_in_memory() {
            let file = self.spill()?;
            return close(file);
        }
        self.join_small().map_err(wrong)
    }

    /// A session whose table `events` has these rows and some more.
    ///
    /// # Errors
    /// When they have other columns.
    pub(super) async fn session(&self, more: Option<&RecordBatch>) -> Result<SessionContext> {
        let rows = self.batches.iter().chain(more).cloned().collect();
        if self.files.is_empty() {
            let session = memory::session();
            selection::register(&session, "events", &self.schema, rows)?;
            return Ok(session);
        }
        let mut config = SessionConfig::new()
            .with_target_partitions(1)
            .with_create_default_catalog_and_schema(true)
            .with_default_catalog_and_schema("lake", "public");
        config.options_mut().execution.parquet.pushdown_filters = true;
        config.options_mut().execution.collect_statistics = false;
        let session = SessionContext::new_with_config_rt(config, Arc::clone(&self.runtime));
        selection::register(&session, "in_memory", &self.schema, rows)?;
        session.register_table("in_files", Arc::new(self.listing()?)).map_err(unreadable)?;
        let all = "SELECT * FROM in_memory UNION ALL SELECT * FROM in_files";
        let all = session.sql(all).await.map_err(unreadable)?.into_view();
        session.register_table("events", all).map_err(unreadable)?;
        Ok(session)
    }

    /// The files as a table, each named: what a folder had when it was listed is not asked.
    fn listing(&self) -> Result<ListingTable> {
        let places = self.files.iter().map(|file| ListingTableUrl::parse(file.to_string_lossy()));
        let places = places.collect::<std::result::Result<Vec<_>, _>>().map_err(unreadable)?;
        let options = ListingOptions::new(Arc::new(ParquetFormat::default()));
        let config = ListingTableConfig::new_with_multi_paths(places)
            .with_listing_options(options)
            .with_schema(Arc::clone(&self.schema));
        ListingTable::try_new(config).map_err(unreadable)
    }

    fn is_much_in_memory(&self) -> bool {
        rows_in(&self.batches) > self.rows_in_memory_max
    }

    /// Puts what is in memory into a file, which takes more.
    fn spill(&mut self) -> Result<ArrowWriter<File>> {
        let mut file = self.create()?;
        for batch in std::mem::take(&mut self.batches) {
            self.write(&mut file, &batch)?;
        }
        Ok(file)
    }

    fn create(&mut self) -> Result<ArrowWriter<File>> {
        let unable = |place: PathBuf| move |source| RuleError::Folder { place, source };
        let folder = match self.folder.take() {
            Some(folder) => folder,
            None => tempfile::Builder::new()
                .prefix("snowtrail-recent-")
                .tempdir()
                .map_err(unable(std::env::temp_dir()))?,
        };
        let place = self.folder.insert(folder).path().join(format!("{}.parquet", self.files.len()));
        let file = File::create_new(&place).map_err(unable(place.clone()))?;
        self.files.push(place);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .build();
        ArrowWriter::try_new(file, Arc::clone(&self.schema), Some(properties)).map_err(unwritten)
    }

    fn write(&mut self, file: &mut ArrowWriter<File>, batch: &RecordBatch) -> Result<()> {
        let columns = batch.columns().to_vec();
        let plain = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(wrong)?;
        self.rows_in_files += batch.num_rows();
        file.write(&plain).map_err(unwritten)
    }

    /// Now and then small batches become one.
    fn join_small(&mut self) -> std::result::Result<(), arrow::error::ArrowError> {
        let small = |batch: &RecordBatch| batch.num_rows() < SMALL_ROWS;
        if self.batches.iter().filter(|batch| small(batch)).count() <= SMALL_BATCHES_MAX {
            return Ok(());
        }
        let (few, many): (Vec<_>, Vec<_>) = std::mem::take(&mut self.batches).into_iter().partition(small);
        self.batches = many;
        if let Some(first) = few.first() {
            let one = arrow::compute::concat_batches(&first.schema(), &few)?;
            self.batches.push(memory::compact(&one)?);
        }
        Ok(())
    }
}

fn close(file: ArrowWriter<File>) -> Result<()> {
    file.close().map(drop).map_err(unwritten)
}

fn unwritten(source: datafusion::parquet::errors::ParquetError) -> RuleError {
    let source = DataFusionError::ParquetError(Box::new(source));
    RuleError::Sql { file: "recent events".to_owned(), doing: "write to TMPDIR", source }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, StringViewArray};
    use proptest::prelude::*;

    use super::*;

    fn batch(numbers: &[i64]) -> RecordBatch {
        let names = numbers.iter().map(|n| (n % 3 != 0).then(|| format!("a name that is no short text {n}")));
        let names: ArrayRef = Arc::new(names.collect::<StringViewArray>());
        let numbers: ArrayRef = Arc::new(Int64Array::from(numbers.to_vec()));
        RecordBatch::try_from_iter([("name", names), ("number", numbers)]).expect("two columns of one length")
    }

    async fn told(session: &SessionContext, query: &str) -> Vec<String> {
        let (_, batches) = memory::rows(session, query).await.expect("rows");
        let lines = arrow::util::pretty::pretty_format_batches(&batches).expect("a table").to_string();
        lines.lines().map(str::to_owned).collect()
    }

    const QUERIES: [&str; 3] = [
        "SELECT number, name FROM events ORDER BY number",
        "SELECT number, name FROM events WHERE name IN ('a name that is no short text 7', 'x') OR number < 3 ORDER BY number",
        "SELECT count(*) AS n FROM events WHERE name IS NULL",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn rows_in_files_and_in_memory_are_the_rows_that_were_added(
            sizes in prop::collection::vec(1_usize..40, 1..12), gathered in 0_usize..60, bound in 1_usize..50,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let mut next = 0_i64..;
                let first = batch(&next.by_ref().take(gathered).collect::<Vec<_>>());
                let schema = first.schema();
                let (plain, all) = (memory::session(), memory::session());
                selection::register(&plain, "events", &schema, vec![first.clone()]).expect("a table");
                let gathered = Recent::gather(&plain, "SELECT * FROM events", &schema, Timestamp::MIN).await;
                let mut recent = gathered.expect("gathered").expect("few rows");
                recent.rows_in_memory_max = bound;
                let mut rows = vec![first];
                for size in sizes {
                    rows.push(batch(&next.by_ref().take(size).collect::<Vec<_>>()));
                    recent.add(rows[rows.len() - 1].clone()).expect("added");
                }
                let fresh = batch(&next.by_ref().take(2).collect::<Vec<_>>());
                rows.push(fresh.clone());
                selection::register(&all, "events", &schema, rows).expect("a table");
                let session = recent.session(Some(&fresh)).await.expect("a session");
                for query in QUERIES {
                    assert_eq!(told(&session, query).await, told(&all, query).await, "{query}");
                }
            });
        }
    }

    #[tokio::test]
    async fn many_rows_are_gathered_into_a_file_that_goes_with_them() {
        let many: Vec<i64> = (0..50_000).collect();
        let (session, rows) = (memory::session(), batch(&many));
        selection::register(
            &session,
            "events",
            &rows.schema(),
            vec![rows.slice(0, 25_000), rows.slice(25_000, 25_000)],
        )
        .expect("a table");
        let recent = Recent::gather(&session, "SELECT * FROM events", &rows.schema(), Timestamp::MIN).await;
        let recent = recent.expect("gathered").expect("few enough");
        assert_eq!((recent.files.len(), rows_in(&recent.batches)), (1, 0));
        let held = recent.session(None).await.expect("a session");
        assert_eq!(told(&held, QUERIES[1]).await, told(&session, QUERIES[1]).await);
        assert_eq!(told(&held, QUERIES[2]).await, told(&session, QUERIES[2]).await);
        let folder = recent.files[0].parent().expect("a folder").to_owned();
        drop((recent, held));
        assert!(!folder.exists());
    }
}
