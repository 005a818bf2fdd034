//! The command line of `amanah`.
use std::process::ExitCode;

fn main() -> ExitCode {
    sim::cli::main()
}
