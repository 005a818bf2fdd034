//! A question of the hunt's own, because its runs are too short for `validity` to ask: that checker excuses what was under
//! way within five seconds of a fault, which is all of a run of three. Once everything is healed, does the ledger go on
//! committing, and does every replica keep up?

use crate::history::Run;
use ledger_core::time::{Duration, Timestamp};

/// Stands for a checker's name.
pub const PROGRESS: &str = "progress";
/// Longest time, once all is healed, without a commit, or for a replica to be behind what another has executed. Below the
/// two seconds that a run lasts after its last operation; far above the leader timeout.
const LIMIT: Duration = Duration::from_millis(1900);

/// What stands still at the end, if anything does. Says nothing of runs in which a fault lasts to the end.
pub fn standstill(run: &Run) -> Option<String> {
    let history = &run.history;
    let healed = history
        .faults
        .iter()
        .map(|fault| fault.healed)
        .try_fold(run.start, |latest, healed| Some(latest.max(healed?)))?;
    let still = |since: Timestamp| since.max(healed) + LIMIT < run.end;
    let last = history.commits.last().map_or(run.start, |commit| commit.first_at);
    if still(last) {
        let (commits, end) = (history.commits.len(), run.end);
        return Some(format!(
            "nothing committed after {last} (commit {commits}); healed at {healed}, ended at {end}"
        ));
    }
    history.replicas.iter().enumerate().find_map(|(index, replica)| {
        let executed = replica.status.executed;
        let missed = history.commits.get(executed as usize)?;
        let text = format!(
            "replica {index} has executed {executed} of {} commits; the next was there at {}, all was healed at {healed}, \
             the run ended at {}",
            history.commits.len(),
            missed.first_at,
            run.end
        );
        (replica.up && still(missed.first_at)).then_some(text)
    })
}
