//! The plain nouns that every other crate of Snowtrail speaks in.
//!
//! Reading order: [`event`] (a CloudTrail record that we keep), [`reject`] (bytes that we could not
//! understand), [`arn`] (how a secret is named), [`finding`] (what a rule says), [`policy`] (what the
//! organization declares), [`inventory`] (what AWS lists of its secrets).
//!
//! This crate does no I/O, knows no JSON shape of CloudTrail and no table format, and depends on nothing heavy.

pub mod arn;
pub mod event;
pub mod finding;
pub mod inventory;
pub mod policy;
pub mod reject;

pub use arn::SecretArn;
pub use event::{Event, Outcome, Target, TargetKind};
pub use finding::{Finding, FindingState, Severity};
pub use inventory::{Inventory, InventoryError};
pub use policy::Policy;
pub use reject::{Reject, RejectReason};
