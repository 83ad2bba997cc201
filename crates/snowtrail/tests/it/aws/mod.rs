//! The worker against a real protocol peer: an emulator of AWS, started by these tests.
//!
//! What is checked here is the wiring: bytes on the wire, envelopes as the services make them, limits as they enforce
//! them. What happens when things break in between is the simulation's business (`sim`), and `chaos` does it with real
//! processes.

mod canary;
mod chaos;
mod deployed;
mod doctor;
pub mod emulator;
mod end_to_end;
mod envelopes;
mod peer;
pub mod proxy;
pub mod records;
mod scale_out;
pub mod stage;
