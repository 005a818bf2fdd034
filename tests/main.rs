//! Everything that needs more than one crate: determinism across processes and profiles, the scenarios, seeded bugs
//! and the checkers that notice them, bounds derived from the network, and the shape of the house.

// mod determinism;
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod latency;
mod seeded_bugs;
mod support;
mod tidy;
