//! `stalled_disk:`, `disk_full:` and `bit_rot:` of a fault, and what `crash:` says of a disk.

use super::{Scope, Struck, lasting, replicas_of};
use crate::diagnostic::Problems;
use crate::plan::{DiskLoss, FaultKind, PersistPoint, Side};
use crate::scenario::reader::{Field, Map};
use crate::scenario::units;

/// Bits of one fault.
const BITS_MAX: u64 = 1_000_000;
/// Writes that are let pass, and deaths, of one fault.
const TIMES_MAX: u64 = 1_000_000;

const LOSSES: [(&str, DiskLoss); 4] = [
    ("kept", DiskLoss::Kept),
    ("lost", DiskLoss::Lost),
    ("torn", DiskLoss::Torn),
    ("wiped", DiskLoss::Wiped),
];
const SIDES: [(&str, Side); 2] = [("before", Side::Before), ("after", Side::After)];

pub(super) fn trouble(
    field: &Field<'_>,
    kind: &str,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<Struck> {
    let expected = format!("a map, as in `{kind}: {{ replicas: [3], for: 5s }}`");
    let mut map = field.map(problems, &expected)?;
    let list = map.required("replicas", "[3]");
    let lasts = lasting(&mut map, problems);
    map.finish(problems);
    let replicas = replicas_of(&list?, if kind == "disk_full" { "fill" } else { "stall" }, scope, problems)?;
    let kind = match kind {
        "disk_full" => FaultKind::DiskFull { replicas },
        _ => FaultKind::StalledDisk { replicas },
    };
    Some((kind, lasts))
}

pub(super) fn rot(field: &Field<'_>, scope: &Scope<'_>, problems: &mut Problems) -> Option<Struck> {
    let mut map = field.map(problems, "a map, as in `bit_rot: { replicas: [3], bits: 8 }`")?;
    let list = map.required("replicas", "[3]");
    let bits = map
        .optional("bits")
        .map_or(Some(1), |field| field.within(problems, &units::COUNT, (1, "1"), (BITS_MAX, "1000000")));
    if let Some(field) = map.optional("for") {
        let report = field.wrong(problems, "bits that have flipped stay so");
        report.help("leave it out; a later `crash` of the replica shows what it finds when it starts again");
    }
    map.finish(problems);
    let replicas = replicas_of(&list?, "damage", scope, problems)?;
    Some((FaultKind::BitRot { replicas, bits: bits? }, Some(None)))
}

/// `disk:` and `persist:` of a crash: each inner `None` where it is not said, outer `None` where it has a mistake.
pub(super) struct Crash {
    pub disk: Option<DiskLoss>,
    pub persist: Option<Option<PersistPoint>>,
}

/// Reads them. `lasts`: whether the crash says for how long.
pub(super) fn crash(map: &mut Map<'_>, lasts: bool, problems: &mut Problems) -> Crash {
    let disk = match map.optional("disk") {
        Some(field) => field.choice(problems, &LOSSES, &[]),
        None => Some(DiskLoss::default()),
    };
    let side = map.optional("persist");
    let count = |map: &mut Map<'_>, key, least, text, problems: &mut Problems| match map.optional(key) {
        Some(field) => {
            if side.is_none() {
                let report = field.wrong(problems, format!("`{key}` counts writes"));
                report.help("it goes with `persist: before` or `persist: after`");
                return None;
            }
            field.within(problems, &units::COUNT, (least, text), (TIMES_MAX, "1000000"))
        }
        None => Some(least),
    };
    let skip = count(map, "skip", 0, "0", problems);
    let times = count(map, "times", 1, "1", problems);
    let Some(field) = side else { return Crash { disk, persist: skip.and(times).map(|_| None) } };
    let side = field.choice(problems, &SIDES, &[]);
    if !lasts && times.is_some_and(|times| times > 1) {
        let report = field.wrong(problems, "it dies more than once, and is never started again");
        report.help("say for how long it is down, as in `for: 1s`");
        return Crash { disk, persist: None };
    }
    let point = side.zip(skip).zip(times).map(|((side, skip), times)| PersistPoint { side, skip, times });
    Crash { disk, persist: point.map(Some) }
}
