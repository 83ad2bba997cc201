//! The tests of the whole: the binary as its users run it, one test binary for all of it.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod architecture;
mod aws;
mod bad_input;
mod columns;
mod commands;
mod doctor;
mod faults_table;
mod inventory;
mod law;
mod makings;
mod once;
mod other_readers;
mod owners;
mod reports;
mod rules;
mod snowtrail;
mod sql;
mod story;
mod sweeps_aside;
mod ticks;
mod upgrade;
mod upkeep;
mod verify;
