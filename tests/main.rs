//! Everything that needs more than one crate: determinism across processes and profiles, the command line, the
//! scenarios, seeded bugs and the checkers that notice them, bounds derived from the network, QUIC in
//! virtual time, and the shape of the
//! house.

#![expect(clippy::unwrap_used, reason = "every function here is part of a test, helpers too")]

mod amanah;
mod byzantine;
mod command_line;
mod determinism;
mod disk;
mod disturbances;
mod documentation;
mod environment;
mod export;
mod fuzzing;
mod gate;
#[path = "fuzz/harness.rs"]
mod harness;
mod histories;
mod hunt;
mod latency;
mod live;
mod privacy;
mod proofs;
mod quic;
mod replay;
mod scenarios;
mod seeded_bugs;
mod support;
mod sweep;
mod tidy;
