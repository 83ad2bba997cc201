//! Tables in a shared place: files that a cluster's executors write and read under the address that the client uses.
//!
//! A session whose plans run elsewhere cannot name rows in the client's memory. So each view becomes one Parquet file,
//! written by the cluster and read by it again, and the small tables become files that the client writes. A plan then
//! names files of a known schema and nothing else, which a stock engine understands.
//!
//! One view is one file: a task that the scheduler runs again, because the executor that ran it was lost, replaces the file that
//! it wrote the first time, before anybody knows its size. In a folder of files it would leave rows twice. The price is that
//! the rows of a view pass through one writer.
//!
//! Does not make the place, and does not remove it; does not know how plans get to the cluster.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::internal_datafusion_err;
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::datasource::TableType;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingTableUrl, PartitionedFile};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::object_store::{ObjectMeta, ObjectStoreExt};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;

use crate::files::parquet_options;

/// How often a view is begun before its error is believed.
const WRITES_MAX: usize = 3;

/// A folder, or a prefix in an object store, by its URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// With a slash at its end.
    url: Arc<str>,
}

impl Place {
    /// The place that a URL names, such as `file:///mnt/lake/cluster/1` or `s3://bucket/prefix`.
    pub fn new(url: &str) -> Place {
        Place { url: format!("{}/", url.trim_end_matches('/')).into() }
    }

    /// Runs a query and keeps its rows as the file of the table `name`. A query that fails is run again, into another file: a
    /// task of the first attempt may still be writing, unheard.
    ///
    /// # Errors
    /// When the query is wrong, or fails again and again, or the place cannot be written; when this process does not see
    /// what was written.
    pub(crate) async fn make(
        &self,
        session: &SessionContext,
        name: &str,
        sql: &str,
    ) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        let mut attempt = 1;
        loop {
            let frame = session.sql(sql.trim().trim_end_matches(';')).await?;
            let schema = Arc::clone(frame.schema().inner());
            let file = self.file(&format!("{name}-{attempt}"));
            let one_file = DataFrameWriteOptions::new().with_single_file_output(true);
            match frame.write_parquet(&file, one_file, Some(parquet_options())).await {
                Ok(_) => return table_of_files(&[(file.clone(), seen(session, &file).await?)], schema),
                Err(error) if attempt < WRITES_MAX => {
                    tracing::warn!(name, attempt, error = %error, "view_made_again");
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes rows as the file of the table `name`.
    ///
    /// # Errors
    /// When the place cannot be written.
    pub async fn put(
        &self,
        session: &SessionContext,
        name: &str,
        rows: &RecordBatch,
    ) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        let file = self.file(name);
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), None)?;
        writer.write(rows)?;
        writer.close()?;
        let url = ListingTableUrl::parse(&file)?;
        let store = session.runtime_env().object_store(url.object_store())?;
        let size = bytes.len() as u64;
        store.put(url.prefix(), bytes.into()).await?;
        table_of_files(&[(file, size)], rows.schema())
    }

    fn file(&self, name: &str) -> String {
        format!("{}{name}.parquet", self.url)
    }
}

/// The bytes of a file that the cluster says that it wrote.
async fn seen(session: &SessionContext, file: &str) -> Result<u64, DataFusionError> {
    let url = ListingTableUrl::parse(file)?;
    let store = session.runtime_env().object_store(url.object_store())?;
    let found = store.head(url.prefix()).await.map_err(|error| {
        let why = format!(
            "the cluster says that it wrote `{file}`, and this process does not see it; executors and client must reach one lake \
             under one address"
        );
        DataFusionError::from(error).context(why)
    })?;
    Ok(found.size)
}

/// Files of a known size as one table: nothing is asked of the store until rows are read, and a file that is gone is an error
/// then. A table that lists its files would take a missing one for an empty folder, and would read every footer to plan. A
/// column that a file lacks is null in its rows.
#[derive(Debug)]
struct KnownFiles {
    store: ObjectStoreUrl,
    files: FileGroup,
    schema: SchemaRef,
}

#[async_trait]
impl TableProvider for KnownFiles {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        columns: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let parquet = ParquetFormat::default();
        let source = parquet.file_source(self.schema().into());
        let parts = session.config().target_partitions();
        let scan = FileScanConfigBuilder::new(self.store.clone(), source)
            .with_file_groups(self.files.clone().split_files(parts))
            .with_limit(limit)
            .with_projection_indices(columns.cloned())?
            .build();
        parquet.create_physical_plan(session, scan).await
    }
}

/// Parquet files, each an address and its bytes, as one table. All lie in one store.
///
/// # Errors
/// When there is none, or an address is no URL.
pub fn table_of_files(
    files: &[(String, u64)],
    schema: SchemaRef,
) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let url = |(url, bytes): &(String, u64)| Ok((ListingTableUrl::parse(url)?, *bytes));
    let files = files.iter().map(url).collect::<Result<Vec<_>, DataFusionError>>()?;
    let Some((first, _)) = files.first() else {
        return Err(internal_datafusion_err!("a table of no files"));
    };
    let store = first.object_store();
    let files = files.iter().map(|(url, bytes)| {
        PartitionedFile::new_from_meta(ObjectMeta {
            location: url.prefix().clone(),
            last_modified: Default::default(),
            size: *bytes,
            e_tag: None,
            version: None,
        })
    });
    Ok(Arc::new(KnownFiles { store, files: FileGroup::new(files.collect()), schema }))
}
