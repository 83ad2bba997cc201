//! What can go wrong between a report and its text.

/// A report that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The drawing library had no room for a chart.
    #[error("failed to draw the chart `{title}`: {message}")]
    Draw {
        /// The chart.
        title: String,
        /// What the library said.
        message: String,
    },
    /// The rows do not become CSV.
    #[error("failed to write the report as CSV")]
    Csv(#[source] csv::Error),
}
