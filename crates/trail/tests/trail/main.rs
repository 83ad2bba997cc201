//! What this crate promises, told from outside: the traps of CloudTrail's format, hostile input, agreement with a slow
//! and plain decoder, and other people's captures.
#![expect(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod corpus;
mod digests;
mod document;
mod envelopes;
mod hostile;
mod message_bodies;
mod message_support;
mod messages;
mod messages_hostile;
mod notifications;
mod object_kinds;
mod oracle;
mod records;
mod support;
mod whole;
