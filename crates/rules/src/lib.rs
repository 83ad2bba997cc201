//! The rules: SQL files with a header, bound to a policy and run over the lake's tables with DataFusion.
//!
//! Reading order: [`header`] (what a rule file declares), [`set`] (the rules that ship, or a folder of them),
//! [`binding`] (parameters become literals), [`views`] (the views, in the order of their needs), [`small`] (the
//! policy as small tables), [`engine`] (rules run, rows become findings), [`reconcile`] (what changed since the last
//! run), [`check`] (what a rule may not do), [`fixture`] (what a rule's fixtures expect).
//!
//! The law of rules: the current set of finding keys is a function of the rules, the policy, the events and `now`
//! alone. The engine keeps it by always evaluating whole rules over whole tables; nothing is carried from run to run.
//! Knows nothing of Delta: tables come in as registered in a session.

pub mod binding;
pub mod check;
pub mod engine;
pub mod error;
pub mod fixture;
pub mod header;
pub mod reconcile;
mod rows;
pub mod set;
pub mod small;
pub mod views;

pub use engine::{Engine, Evaluation};
pub use error::RuleError;
pub use header::Header;
pub use reconcile::reconcile;
pub use set::{Rule, RuleSet};
