//! The binary: everything is in the library; here is only the allocator.

use std::process::ExitCode;

/// Decoding makes some twenty small strings an event on one thread and frees them on another, which is what the
/// system's allocator is worst at: with it, ingest takes about a fifth more CPU (see the README, "How fast").
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    snowtrail::main()
}
