//! Pages: what people are told about findings, once.
//!
//! Reading order: [`fold`](mod@fold) (findings → pages: stories, storms, reminders, what stays unsent), [`story`]
//! (which findings are one story), [`membership`] (findings that are made of findings), [`kind`] (what can happen to a
//! finding), [`page`] (one page and its subject),
//! [`outbox`] (planned, sent, resumed), [`ledger`] (what people know by now), [`render`](mod@render) (a page as
//! text, JSON, OCSF or a chat's card), [`escape`] (text of attackers made inert), [`attribute`] (what subscriptions
//! filter by), [`publish`] (where pages go).
//!
//! Pure: no clock, no file, no network. Sending is the binary's business, behind [`Publish`]. Which findings hold
//! is the rules' business; this crate only decides who hears of them and how.

pub mod attribute;
pub mod escape;
pub mod fold;
pub mod kind;
pub mod ledger;
pub mod membership;
pub mod outbox;
pub mod page;
pub mod publish;
pub mod render;
pub mod story;

pub use attribute::{Attribute, AttributeKind};
pub use fold::{Fold, FoldInputs, Recorded, SecretTags, WhyRecorded, fold};
pub use kind::PageKind;
pub use ledger::Ledger;
pub use membership::Traces;
pub use outbox::{PageRecord, PageState};
pub use page::Page;
pub use publish::{MESSAGE_BYTES_MAX, Message, Publish, PublishError, PublishFuture};
pub use render::{RenderInputs, RuleDocs, render};
pub use snowtrail_model::policy::{MessageFormat, PublishTarget};
