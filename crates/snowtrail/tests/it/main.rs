//! The tests of the whole: the binary as its users run it, one test binary for all of it.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a test fails by panicking, and says why it skips")]

mod architecture;
mod bad_input;
mod commands;
mod law;
mod once;
mod other_readers;
mod rules;
mod snowtrail;
mod story;
mod upgrade;
