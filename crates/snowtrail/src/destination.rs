//! Where the rows of a query go: onto the screen, or into a file whose ending says the format.
//!
//! A file is written beside its place and renamed, so that a query that fails leaves what was there. Rows go to it as
//! they come, so that memory does not grow with the answer. Only its owner may read the file: it tells who reads which
//! secret. Cells of CSV that a spreadsheet would take for a formula are made text (see [`crate::output`]).

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::prelude::DataFrame;
use futures::TryStreamExt;
use tempfile::NamedTempFile;

use crate::cli::Format;
use crate::output::{self, Usage};

/// Where rows go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Stdout.
    Screen(Format),
    /// A file, replaced if it is there.
    File(PathBuf, FileFormat),
}

/// Formats of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// Comma-separated, with a header line.
    Csv,
    /// One JSON object a line.
    Json,
    /// Parquet, compressed with zstd.
    Parquet,
}

impl Destination {
    /// A file, its format told by its ending.
    ///
    /// # Errors
    /// When the ending is none of `.csv`, `.json`, `.jsonl`, `.ndjson`, `.parquet`.
    pub fn file(path: &Path) -> anyhow::Result<Destination> {
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        let format = match ending.as_str() {
            "csv" => FileFormat::Csv,
            "json" | "jsonl" | "ndjson" => FileFormat::Json,
            "parquet" => FileFormat::Parquet,
            _ => {
                let path = path.display();
                let message = format!(
                    "failed to choose a format for `{path}`; its ending says it: .csv, .json (one object a line), .parquet"
                );
                return Err(anyhow::Error::new(Usage(message)));
            }
        };
        Ok(Destination::File(path.to_owned(), format))
    }

    /// Runs a query and brings its rows there.
    ///
    /// # Errors
    /// When the query fails, or the file cannot be written.
    pub async fn fill(&self, frame: DataFrame) -> anyhow::Result<()> {
        match self {
            Destination::Screen(format) => print(frame, *format).await,
            Destination::File(path, format) => {
                let rows = write(frame, path, *format).await?;
                output::note(&format!("{rows} rows written to {}", path.display()));
                Ok(())
            }
        }
    }
}

async fn print(frame: DataFrame, format: Format) -> anyhow::Result<()> {
    let schema = frame.schema().inner().clone();
    let mut batches = frame.collect().await.context("failed to run the query")?;
    if batches.is_empty() {
        batches.push(RecordBatch::new_empty(schema));
    }
    output::rows(&batches, format)
}

async fn write(frame: DataFrame, path: &Path, format: FileFormat) -> anyhow::Result<u64> {
    let failed = || format!("failed to write `{}`", path.display());
    let mut batches = frame.execute_stream().await.context("failed to run the query")?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = NamedTempFile::new_in(folder).with_context(failed)?;
    let mut writer = Writer::new(file.reopen().with_context(failed)?, batches.schema(), format)?;
    let mut rows = 0;
    while let Some(batch) = batches.try_next().await.context("failed to run the query")? {
        rows += batch.num_rows() as u64;
        writer.write(&batch).with_context(failed)?;
    }
    writer.finish().with_context(failed)?;
    file.persist(path).map_err(|e| e.error).with_context(failed)?;
    Ok(rows)
}

/// A file that rows are written to.
enum Writer {
    Csv(Box<arrow::csv::Writer<File>>),
    Json(Box<arrow::json::Writer<File, LineDelimited>>),
    Parquet(Box<ArrowWriter<File>>),
}

impl Writer {
    fn new(file: File, schema: SchemaRef, format: FileFormat) -> anyhow::Result<Writer> {
        Ok(match format {
            FileFormat::Csv => {
                let mut writer = arrow::csv::WriterBuilder::new().with_header(true).build(file);
                // The header stands in the file of an empty answer too.
                writer.write(&output::csv_cells(&RecordBatch::new_empty(schema))?)?;
                Writer::Csv(Box::new(writer))
            }
            FileFormat::Json => {
                Writer::Json(Box::new(WriterBuilder::new().with_explicit_nulls(true).build(file)))
            }
            FileFormat::Parquet => {
                let compression = Compression::ZSTD(ZstdLevel::default());
                let properties = WriterProperties::builder().set_compression(compression).build();
                Writer::Parquet(Box::new(ArrowWriter::try_new(file, schema, Some(properties))?))
            }
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> anyhow::Result<()> {
        match self {
            Writer::Csv(writer) => writer.write(&output::csv_cells(batch)?)?,
            Writer::Json(writer) => writer.write(batch)?,
            Writer::Parquet(writer) => writer.write(batch)?,
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        match self {
            Writer::Csv(_) => {}
            Writer::Json(mut writer) => writer.finish()?,
            Writer::Parquet(writer) => {
                writer.close()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::prelude::{ParquetReadOptions, SessionContext};

    const ROWS: &str =
        "SELECT * FROM (VALUES (1, '=cmd()', ['a', '\"']), (2, NULL, NULL)) AS t(n, who, list) ORDER BY n";

    async fn written(folder: &Path, name: &str, query: &str) -> PathBuf {
        let path = folder.join(name);
        let frame = SessionContext::new().sql(query).await.unwrap();
        Destination::file(&path).unwrap().fill(frame).await.unwrap();
        path
    }

    #[tokio::test]
    async fn ending_of_the_file_says_the_format() {
        let folder = tempfile::tempdir().unwrap();
        let text = |path: PathBuf| std::fs::read_to_string(path).unwrap();
        let csv = text(written(folder.path(), "rows.csv", ROWS).await);
        assert_eq!(csv, "n,who,list\n1,'=cmd(),\"[\"\"a\"\",\"\"\\\"\"\"\"]\"\n2,,\n");
        let json = text(written(folder.path(), "rows.JSONL", ROWS).await);
        assert_eq!(
            json,
            "{\"n\":1,\"who\":\"=cmd()\",\"list\":[\"a\",\"\\\"\"]}\n{\"n\":2,\"who\":null,\"list\":null}\n"
        );
        let error = Destination::file(Path::new("rows.xlsx")).unwrap_err().to_string();
        assert!(error.contains(".parquet"), "{error}");
    }

    #[tokio::test]
    async fn parquet_has_the_rows_and_their_types() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), "rows.parquet", ROWS).await;
        let session = SessionContext::new();
        let read = session.read_parquet(path.to_str().unwrap(), ParquetReadOptions::default()).await.unwrap();
        let session = SessionContext::new();
        let direct = session.sql(ROWS).await.unwrap().collect().await.unwrap();
        let shown = |batches: &[RecordBatch]| {
            arrow::util::pretty::pretty_format_batches(batches).unwrap().to_string()
        };
        assert_eq!(shown(&read.collect().await.unwrap()), shown(&direct));
    }

    #[tokio::test]
    async fn query_that_fails_leaves_the_file_that_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), "rows.csv", ROWS).await;
        let before = std::fs::read(&path).unwrap();
        let frame =
            SessionContext::new().sql("SELECT CAST(x AS INT) FROM (VALUES ('a')) AS t(x)").await.unwrap();
        Destination::file(&path).unwrap().fill(frame).await.unwrap_err();
        assert_eq!(std::fs::read(&path).unwrap(), before);
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }

    #[tokio::test]
    async fn empty_answer_has_its_header() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), "rows.csv", "SELECT 1 AS n, [2] AS list WHERE false").await;
        assert_eq!(std::fs::read_to_string(path).unwrap(), "n,list\n");
    }
}
