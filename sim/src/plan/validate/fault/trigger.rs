//! `when:` of a fault.

use crate::diagnostic::Problems;
use crate::plan::Trigger;
use crate::scenario::reader::Field;
use crate::scenario::units;

/// What the fault waits for.
pub(super) fn read(field: &Field<'_>, problems: &mut Problems) -> Option<Trigger> {
    let (what, count) =
        field.single(problems, "`{ commits: 100 }`, `{ round: 50 }` or `{ leader_changes: 3 }`")?;
    let make = match what {
        "commits" => Trigger::Commits,
        "round" => Trigger::Round,
        "leader_changes" => Trigger::LeaderChanges,
        _ => {
            let message = format!("a fault cannot wait for {}", crate::diagnostic::quote(what));
            let report = problems.report(count.key, count.path.clone(), message);
            report.suggest(what, ["commits", "round", "leader_changes"]);
            report.help("expected `commits`, `round` or `leader_changes`");
            return None;
        }
    };
    count.within(problems, &units::COUNT, (1, "1"), (u64::MAX, "any whole number")).map(make)
}
