//! `amanah`, for tests that run it as a process: the same program, built with the features that tests switch on.
use std::process::ExitCode;

fn main() -> ExitCode {
    sim::cli::main()
}
