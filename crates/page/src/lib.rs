//! Pages: what people are told about findings, once.
//!
//! Reading order: [`fold`](mod@fold) (findings → pages: stories, storms, what stays unsent), [`story`] (which findings
//! are one story), [`page`] (one page and its subject), [`ledger`] (what was sent before), [`render`] (the text and
//! the JSON of a page), [`escape`] (text of attackers made inert), [`publish`] (where pages go).
//!
//! Pure: no clock, no file, no network. Sending is the binary's business, behind [`Publish`]. Which findings hold
//! is the rules' business; this crate only decides who hears of them and how.

pub mod escape;
pub mod fold;
pub mod ledger;
pub mod page;
pub mod publish;
pub mod render;
pub mod story;

pub use fold::{Fold, FoldInputs, Recorded, SecretTags, WhyRecorded, fold};
pub use ledger::{Ledger, PageKind, SentPage};
pub use page::Page;
pub use publish::{Message, Publish, PublishError, PublishFuture};
pub use render::{RenderInputs, RuleDocs, render_json, render_text};
pub use snowtrail_model::policy::PublishTarget;
