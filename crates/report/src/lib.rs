//! Reports for people who answer for secrets: what one says, and how it looks.
//!
//! Reading order: [`report`] (facts, sections, tables), [`value`] (what stands in a cell), [`chart`] (what people would
//! rather look at), then `draw` (charts as SVG) and [`render`] (HTML, Markdown, CSV, JSON from the same report).
//!
//! Everything that stands in a report may come from an attacker: it is made visible with the page crate's escape and
//! then escaped for the form that it is written in. Nothing here asks a lake or reads a file; what a number means was
//! decided by the query that it came from.

pub mod chart;
mod draw;
mod error;
pub mod render;
pub mod report;
pub mod value;

pub use error::ReportError;
pub use render::{Form, render};
pub use report::{Block, Column, Fact, Kind, Report, Section, Table};
pub use value::Value;
