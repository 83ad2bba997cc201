//! The rules: SQL files with a header, bound to a policy and run over the lake's tables with DataFusion.
//!
//! Reading order: [`header`] (what a rule file declares), [`hunt`] (a question that people saved), [`set`] (the rules that ship, or a folder of them),
//! [`binding`] (parameters become literals), [`views`] (the views, in the order of their needs), [`memory`] (views as
//! tables in memory), [`shared`] (as files that a cluster reads and writes), [`sorting`] (what sorts may take), `own_text` (so that they can tell), `prepared` (plans that ticks run again), [`answers`] (rows as text), `listed` (the inventory as small tables), [`small`] (the policy as small tables), [`engine`] (rules run, rows become findings),
//! [`reconcile`] (what changed since the last run), [`kept`] (what can be judged where old days are gone), [`scope`] (what one finding of a rule is made of), [`knowledge`]
//! (what is known of events that are not in sight), [`watch`] (a few new events judged without looking at all),
//! [`check`] (what a rule may not do), [`fixture`] (what a rule's fixtures expect).
//!
//! The law of rules: the current set of finding keys is a function of the rules, the policy, the events and `now`
//! alone. A whole evaluation keeps it in the plainest way: whole rules over whole tables, nothing carried from run to
//! run. What a watch does in between gives what a whole evaluation would, for the findings that it touches.
//! Knows nothing of Delta: tables come in as registered in a session.

pub mod answers;
pub mod binding;
pub mod check;
mod distinct;
pub mod engine;
pub mod error;
mod files;
pub mod fixture;
pub mod header;
pub mod hunt;
pub mod kept;
pub mod knowledge;
mod listed;
pub mod memory;
mod own_text;
mod planning;
mod prepared;
pub mod reconcile;
mod rows;
pub mod scope;
pub mod set;
pub mod shared;
pub mod small;
pub mod sorting;
pub mod views;
pub mod watch;
mod windowed;

pub use engine::{Engine, Evaluation, Setting};
pub use error::RuleError;
pub use header::Header;
pub use hunt::Hunt;
pub use kept::Kept;
pub use knowledge::Knowledge;
pub use memory::Making;
pub use prepared::Prepared;
pub use reconcile::reconcile;
pub use scope::Scope;
pub use set::{Rule, RuleSet};
pub use shared::Place;
pub use watch::Watch;
