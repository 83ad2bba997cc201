//! CloudTrail's digests: the hourly files, signed and chained, that say which log files there are and what is in them.
//!
//! ```text
//! bytes → Digest (document) → Link: where it was found, its hash, its signature → judge (chain) → faults
//! ```
//!
//! Reading order: `document` (what a digest says), `name` (what its file's name says), `offset` (a copy's paths against
//! the keys that were signed), `signature` (who can tell a good one), `chain` (a chain's digests against each other),
//! `fault` (what may be wrong, and what to do next).
//!
//! Everything here is judged from what it is given: nothing is fetched, inflated, hashed or decrypted, no clock is read.
//! A digest is hostile until its signature is good; what it says is bounded and checked before anybody follows it.
//! Source: AWS CloudTrail User Guide, "CloudTrail digest file structure" and "Custom implementations of CloudTrail log
//! file integrity validation".

mod chain;
mod document;
mod fault;
mod name;
mod offset;
mod signature;

pub use chain::{Judged, Link, Terms, judge};
pub use document::{DIGEST_BYTES_MAX, Digest, Header, NoDigest, Previous, SignedLog};
pub use fault::{Fault, FaultKind, Level};
pub use name::{DigestName, LogName};
pub use offset::Offset;
pub use signature::{Signature, Signatures, Verdict};
