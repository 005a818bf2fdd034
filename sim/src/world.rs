//! Stub: a run that never ran.

use crate::history::{Control, Progress, Run};
use crate::plan::Plan;
use ledger_core::time::{Duration, Timestamp};

#[path = "metrics/fake.rs"]
#[allow(dead_code, clippy::duplicate_mod)]
mod fake;

/// Why a plan could not be run.
#[derive(Debug, thiserror::Error)]
#[error("the world failed")]
pub struct WorldError;

/// Plays a plan.
///
/// # Errors
/// Never.
pub fn run(plan: &Plan, watch: &mut dyn FnMut(&Progress) -> Control) -> Result<Run, WorldError> {
    let mut run = fake::run(plan);
    let end = Timestamp::after_genesis(plan.warmup + plan.duration);
    let pause = std::env::var("AMANAH_STUB_PAUSE_MS").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    for step in 0..=100u64 {
        std::thread::sleep(Duration::from_millis(pause));
        let now = Timestamp(end.0 / 100 * step);
        let progress = Progress { now, end, events: run.events / 100 * step, committed: step * 25 };
        if watch(&progress) == Control::Stop {
            run.partial = true;
            run.end = now;
            break;
        }
    }
    Ok(run)
}
