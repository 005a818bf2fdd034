//! The deterministic simulator around `ledger-core`, and the program `amanah`.
//!
//! ```text
//! scenario.yaml → Scenario → Plan → World → Run → checkers → verdicts → metrics, expectations → report, result.json
//! ```
//!
//! Nothing flows back. [`Scenario`](scenario::Scenario) is what people write, [`Plan`](plan::Plan) is what can run,
//! and [`Run`](history::Run) is all that is known afterwards. The [`world`] plays a plan in virtual time: same plan,
//! same digest, on any machine, in debug and release, with any number of threads.
mod byzantine;
pub mod check;
pub mod cli;
pub mod compare;
pub mod cpu;
pub mod daemon;
pub mod deploy;
pub mod diagnostic;
pub mod document;
pub mod event_queue;
pub mod expect;
pub mod export;
pub mod gate;
pub mod history;
pub mod host;
pub mod hunt;
pub mod jepsen;
mod jobs;
pub mod keys;
pub mod metrics;
pub mod network;
pub mod plan;
pub mod population;
pub mod proof;
mod recorder;
pub mod replay;
pub mod report;
pub mod result;
pub mod scenario;
pub mod schema;
pub mod seed;
pub mod starter;
pub mod statistics;
pub mod sweep;
pub mod testbed;
pub mod triage;
pub mod twins;
pub mod workload;
pub mod world;
