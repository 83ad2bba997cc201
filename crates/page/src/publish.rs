//! The seam to whatever carries a page to people: a terminal, a file, a topic.
//!
//! The implementations live in the binary, which owns the network. The name of a place is
//! [`PublishTarget`](snowtrail_model::policy::PublishTarget).

use crate::attribute::{Attribute, attributes};
use crate::page::Page;
use crate::render::{RenderInputs, render};
use snowtrail_model::Severity;
use snowtrail_model::policy::MessageFormat;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;

/// Size of a message in bytes: body, subject and attributes (name, type and value). SNS refuses a larger one, and the
/// page would never arrive ("Publish" in the SNS API reference: 262,144 bytes, attributes included; whether the
/// subject counts is not said, so it does here).
pub const MESSAGE_BYTES_MAX: usize = 262_144;

/// A page, rendered and ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The page's; receivers that can drop repetitions do it by this (SNS FIFO: the deduplication id).
    pub dedupe_key: String,
    /// The page's thread; receivers that keep an order keep it within this (SNS FIFO: the message group).
    pub group: String,
    /// The page's.
    pub severity: Severity,
    /// The page's: visible ASCII, short enough for every receiver.
    pub subject: String,
    /// What filter policies of subscriptions are matched against.
    pub attributes: Vec<Attribute>,
    /// The body, from [`render`](crate::render()).
    pub body: String,
}

impl Message {
    /// The page in a form, fitted into [`MESSAGE_BYTES_MAX`].
    pub fn of(page: &Page, inputs: &RenderInputs<'_>, format: MessageFormat) -> Message {
        let empty = Message::new(page, String::new());
        let body = render(page, inputs, format, MESSAGE_BYTES_MAX.saturating_sub(empty.bytes()));
        Message { body, ..empty }
    }

    /// Its size in bytes, as it counts for [`MESSAGE_BYTES_MAX`].
    pub fn bytes(&self) -> usize {
        let attributes = self.attributes.iter().map(Attribute::bytes).sum::<usize>();
        self.body.len() + self.subject.len() + attributes
    }

    /// The message for a page with this body, whatever its size.
    pub fn new(page: &Page, body: String) -> Message {
        Message {
            dedupe_key: page.dedupe_key.clone(),
            group: page.thread.clone(),
            severity: page.severity,
            subject: page.subject.clone(),
            attributes: attributes(page),
            body,
        }
    }
}

/// What a [`Publish`] gives back; boxed so that targets can be held as trait objects.
pub type PublishFuture<'a> = Pin<Box<dyn Future<Output = Result<(), PublishError>> + Send + 'a>>;

/// A place that pages can be sent to.
pub trait Publish: Send + Sync {
    /// Sends one message. When it gives `Ok`, the receiver has it, and the caller still owes the ledger its row
    /// ([`Page::sent`]); a crash in between sends the message again, under the same dedupe key. Owed before the call
    /// is the planned row ([`Page::planned`]). Failing is normal:
    /// [`PublishError`] says whether to try again. Implementations do not retry by themselves.
    fn publish<'a>(&'a self, message: &'a Message) -> PublishFuture<'a>;
}

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It may pass: throttled, unreachable, a disk that is full for now. Try again with the next run.
    #[error("failed to send page `{dedupe_key}` for now")]
    Passing {
        /// Which page.
        dedupe_key: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Somebody must act first: no such topic, no permission.
    #[error("failed to send page `{dedupe_key}`")]
    Lasting {
        /// Which page.
        dedupe_key: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
}
