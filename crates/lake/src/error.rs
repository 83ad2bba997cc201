//! What can go wrong with a lake, in words that name the lake, the table, and what to do next.

use thiserror::Error;

/// A failure of the lake. The text says what was being done to which object; the cause is chained as `source`.
#[derive(Debug, Error)]
pub enum LakeError {
    /// The location cannot be used as a lake at all.
    #[error("`{uri}` is not a lake: {why}")]
    NotALake {
        /// The location as given.
        uri: String,
        /// What is there instead, and what to do.
        why: String,
    },
    /// The lake was written by a newer Snowtrail.
    #[error(
        "lake `{uri}` has schema {found}, this snowtrail writes {ours}; use the newer snowtrail, or another lake"
    )]
    Newer {
        /// The lake.
        uri: String,
        /// Its schema version.
        found: u32,
        /// [`crate::SCHEMA_VERSION`].
        ours: u32,
    },
    /// The lake was written by an older Snowtrail and lacks columns.
    #[error(
        "lake `{uri}` has schema {found}, this snowtrail needs {ours}; run `snowtrail lake upgrade --lake {uri}`"
    )]
    Older {
        /// The lake.
        uri: String,
        /// Its schema version.
        found: u32,
        /// [`crate::SCHEMA_VERSION`].
        ours: u32,
    },
    /// Reading or writing a table failed.
    #[error("failed to {what}")]
    Table {
        /// The verb and the object: "append to table `events` of `./lake`".
        what: String,
        /// The cause.
        #[source]
        source: deltalake::DeltaTableError,
    },
    /// A query of the lake's own failed.
    #[error("failed to {what}")]
    Query {
        /// The verb and the object.
        what: String,
        /// The cause.
        #[source]
        source: datafusion::error::DataFusionError,
    },
    /// Rows could not be put into columns.
    #[error("failed to {what}")]
    Arrow {
        /// The verb and the object.
        what: String,
        /// The cause.
        #[source]
        source: arrow::error::ArrowError,
    },
    /// Rows of a file were deleted by a note beside it, which plain readers of Parquet do not see. Snowtrail makes none.
    #[error(
        "failed to {what}: another program deleted rows by deletion vectors, which a cluster's executors cannot read; run \
         without --cluster, or rewrite those files (Spark: REORG TABLE … APPLY (PURGE))"
    )]
    DeletionVectors {
        /// The verb and the object.
        what: String,
    },
    /// Somebody else kept winning the race for the same days.
    #[error(
        "gave up appending to `{uri}` after {attempts} attempts: other writers kept committing to the same days; try again"
    )]
    Contended {
        /// The lake.
        uri: String,
        /// How often it was tried.
        attempts: usize,
    },
}

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, LakeError>;
