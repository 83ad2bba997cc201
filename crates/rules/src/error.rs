//! What can be wrong with a rule or a view, in words that name the file and what to do.

use thiserror::Error;

/// A rule or view that cannot be used, or that failed while it ran.
#[derive(Debug, Error)]
pub enum RuleError {
    /// The header is no TOML, or lacks something, or has something unknown.
    #[error("{file}: header: {message}")]
    Header {
        /// The file.
        file: String,
        /// What is wrong.
        message: String,
    },
    /// The SQL names a parameter that the header does not declare, or breaks a law of rules.
    #[error("{file}: {message}")]
    Law {
        /// The file.
        file: String,
        /// What is wrong, and what to do.
        message: String,
    },
    /// A value in the result that no finding can have.
    #[error("{file}: {message}")]
    Row {
        /// The file.
        file: String,
        /// Which column, and what was found.
        message: String,
    },
    /// DataFusion refused or failed to run the SQL.
    #[error("{file}: failed to {doing}")]
    Sql {
        /// The file.
        file: String,
        /// "plan", "run".
        doing: &'static str,
        /// The cause.
        #[source]
        source: datafusion::error::DataFusionError,
    },
    /// There is no room for views and recent events that are too many for memory.
    #[error(
        "failed to make `{}` for what is too much for memory; set TMPDIR to a place with about as much room as the lake \
         takes",
        place.display()
    )]
    Folder {
        /// The folder or file, or where temporary folders are made.
        place: std::path::PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A rules folder cannot be read.
    #[error("failed to read rules from `{path}`")]
    Read {
        /// The path.
        path: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, RuleError>;
