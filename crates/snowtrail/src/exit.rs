//! Exit statuses: what a script learns from a command without reading its output.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// All done.
    Done,
    /// Done, and there are findings at or above `--fail-on`.
    Findings,
    /// Used wrongly: an option, a policy, a rule.
    Usage,
    /// Failed, wholly or in part.
    Failed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Findings => 1,
            Exit::Usage => 2,
            Exit::Failed => 3,
        })
    }
}
