//! Feeds: where bytes come from. Files and folders here; each file becomes one source.

pub mod files;

pub use files::{LogFile, Search};
