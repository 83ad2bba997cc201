//! Facts about pages, from findings to the text that a person reads.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod fold_facts;
mod follow_up_facts;
mod message_facts;
mod outbox_facts;
mod sample;
mod text_facts;
