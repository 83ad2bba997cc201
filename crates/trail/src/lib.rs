//! Bytes to events and rejects: CloudTrail's record format and every envelope around it.
//!
//! The flow, in reading order: [`gunzip`] inflates (small files `whole`), `window` holds what is being looked at, `walk` goes through the
//! envelopes and cuts out pieces (with `scan`, `keys`, `text` beneath it; `resync` and `lexical` where the bytes are
//! no JSON), `books` tells what a piece is and counts it, [`scope`] decides what is kept, `record` makes the event
//! (`view`, `identity`, `target`, `settings`, `policy_document`, `selectors`, `outcome`, `time`), [`redact`] takes
//! secret values out. Before all that, where the feed is a queue, [`message`] tells what a message's body asks for:
//! objects to fetch, or records to decode. Beside all that, [`digest`] judges the signed digests that prove log files.
//!
//! This crate is pure: it reads from a `Read` that it is given, does no other I/O, knows no clock and no table.
//! Every source's books balance ([`Summary::balances`]), every limit is a named constant, nothing recurses on input.

pub mod decode;
pub mod digest;
pub mod gunzip;
pub mod message;
pub mod redact;
pub mod resync;
pub mod scope;
pub mod summary;
pub mod window;

mod books;
mod content_hash;
mod fields;
mod identity;
mod keys;
mod lexical;
mod log_data;
mod outcome;
mod policy_document;
mod record;
mod scan;
mod selectors;
mod settings;
mod target;
mod text;
mod time;
mod view;
mod visit;
mod walk;
mod whole;

pub use decode::{Decoder, Limits};
pub use message::{Form, Left, LeftWhy, Message, ObjectKind, ObjectRef, Part, UnknownBody, read_message};
pub use scope::{Scope, ScopeError};
pub use summary::{Decoded, Origin, Shape, Summary};
