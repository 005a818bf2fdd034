//! The command line of `amanah`.
use std::process::ExitCode;

/// Blocks are allocated by one thread and freed by another all the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sim::cli::main()
}
