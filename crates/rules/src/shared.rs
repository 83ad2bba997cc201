//! Tables in a shared place: files that a cluster's executors write and read under the address that the client uses.
//!
//! A session whose plans run elsewhere cannot name rows in the client's memory. So each view becomes one Parquet file,
//! written by the cluster and read by it again, and the small tables become files that the client writes. A plan then
//! names files of a known schema and nothing else, which a stock engine understands.
//!
//! One view is one file under one name: a task that runs again, because the executor that ran it was lost, replaces the
//! file that it wrote the first time. In a folder of files it would leave rows twice. The price is that the rows of a view
//! pass through one writer.
//!
//! Does not make the place, and does not remove it; does not know how plans get to the cluster.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::config::TableParquetOptions;
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::error::DataFusionError;
use datafusion::object_store::ObjectStoreExt;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::prelude::SessionContext;

use crate::files::COMPRESSION;

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

    /// Runs a query and keeps its rows as the file of the table `name`.
    ///
    /// # Errors
    /// When the query is wrong, or fails, or the place cannot be written.
    pub(crate) async fn make(
        &self,
        session: &SessionContext,
        name: &str,
        sql: &str,
    ) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        let frame = session.sql(sql.trim().trim_end_matches(';')).await?;
        let schema = Arc::clone(frame.schema().inner());
        let mut options = TableParquetOptions::default();
        options.global.compression = Some(COMPRESSION.to_owned());
        options.global.statistics_enabled = Some("chunk".to_owned());
        let one_file = DataFrameWriteOptions::new().with_single_file_output(true);
        let file = self.file(name);
        frame.write_parquet(&file, one_file, Some(options)).await?;
        table_of_files(&[file], schema)
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
        store.put(url.prefix(), bytes.into()).await?;
        table_of_files(&[file], rows.schema())
    }

    fn file(&self, name: &str) -> String {
        format!("{}{name}.parquet", self.url)
    }
}

/// Parquet files as one table. A column that a file lacks is null in its rows.
///
/// # Errors
/// When an address is no URL.
pub fn table_of_files(urls: &[String], schema: SchemaRef) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let urls = urls.iter().map(ListingTableUrl::parse).collect::<Result<Vec<_>, _>>()?;
    let parquet = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension(".parquet");
    let config = ListingTableConfig::new_with_multi_paths(urls).with_listing_options(parquet);
    Ok(Arc::new(ListingTable::try_new(config.with_schema(schema))?))
}
