//! What this crate promises, told from outside: the traps of CloudTrail's format, hostile input, agreement with a slow
//! and plain decoder, and other people's captures.

mod corpus;
mod document;
mod envelopes;
mod hostile;
mod oracle;
mod records;
mod support;
