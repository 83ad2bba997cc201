//! The lake: Snowtrail's tables as Delta tables of Parquet, appended exactly once.
//!
//! Reading order: [`tables`] (what the columns are), [`column`] (how rows become Arrow; `filling` beneath it), [`gathered`] (events in
//! columns on their way here), [`location`] (where a lake is),
//! [`open`] (a lake is made, opened, or refused), [`commit`] (one atomic append; `encoding` of
//! its files), [`known`] (which events are stored already), [`ingest`]
//! (rejects, events, sources, in that order), [`history`] (findings and pages), [`upgrade`] (an older
//! lake is brought to today's columns). Then what looks after a lake: [`layout`] (how rows lie in files), [`compact`] (few
//! files of many), [`plain`] (a table as files, for engines that know no Delta), [`retain`] (the end of old days), [`vacuum`] (files that nobody names any more).
//! Beside all that: [`verifications`], a table that a lake has only once somebody has verified it.
//!
//! Owns arrow, parquet and deltalake. Knows nothing of CloudTrail's JSON, of rules, or of where bytes come from.

pub mod changes;
pub mod column;
pub mod commit;
pub mod compact;
mod doubled;
mod encoding;
pub mod error;
mod filling;
pub mod gathered;
pub mod history;
pub mod ingest;
pub mod known;
pub mod layout;
pub mod location;
pub mod open;
pub mod plain;
mod replace;
pub mod retain;
pub mod stats;
pub mod tables;
pub mod upgrade;
pub mod vacuum;
pub mod verifications;

pub use commit::{Appended, Claim, Terms, Ticket};
pub use error::LakeError;
pub use gathered::{Events, Gatherer};
pub use ingest::{Batch, Committed, Ingest};
pub use location::Location;
pub use open::{Access, Lake, SCHEMA_VERSION};
pub use tables::{EventRow, PageRow, RejectRow, SourceRow, Table};
