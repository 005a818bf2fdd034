//! `churn:`, and `crash:` of gateways.

use super::{Scope, Struck, lasting};
use crate::diagnostic::{Position, Problems};
use crate::plan::validate::SPAN_MAX;
use crate::plan::{FaultKind, FaultPlan};
use crate::scenario::reader::{Field, Map};
use crate::scenario::units;
use ledger_core::time::Duration;

/// Shorter spans would make more events than messages.
const LEAST: (Duration, &str) = (Duration::from_millis(1), "1ms");

/// `gateways:` or `hospitals:`, as written.
pub(super) struct Named<'a> {
    gateways: Option<Field<'a>>,
    hospitals: Option<Field<'a>>,
}

impl<'a> Named<'a> {
    pub fn take(map: &mut Map<'a>) -> Self {
        Self { gateways: map.optional("gateways"), hospitals: map.optional("hospitals") }
    }

    /// As [`take`](Self::take); one of them is required.
    pub fn require(map: &mut Map<'a>) -> Self {
        let named = Self::take(map);
        if named.is_none() {
            map.missing("gateways", "[0]");
        }
        named
    }

    pub fn is_none(&self) -> bool {
        self.gateways.is_none() && self.hospitals.is_none()
    }

    /// Gateways in the order of the population, each once; none if none are named. `institutions`, hospitals and all
    /// gateways, is `None` when the population has mistakes of its own.
    pub fn read(self, institutions: Option<(usize, usize)>, problems: &mut Problems) -> Option<Vec<usize>> {
        if let (Some(_), Some(second)) = (&self.gateways, &self.hospitals) {
            let message = "`gateways` and `hospitals` together in one fault";
            let report = problems.report(second.key, second.path.clone(), message);
            report.help("hospitals are the first gateways: name all under `gateways`");
            return None;
        }
        // Hospitals come first among the gateways.
        let (list, what, count) = match (self.gateways, self.hospitals) {
            (_, Some(list)) => (list, "hospital", institutions.map(|(hospitals, _)| hospitals)),
            (Some(list), None) => (list, "gateway", institutions.map(|(_, all)| all)),
            (None, None) => return Some(Vec::new()),
        };
        super::distinct(&list, what, problems, |item, problems| {
            let id = item.read(problems, &units::INTEGER)?;
            let count = count?;
            let found = usize::try_from(id).ok().filter(|id| *id < count);
            if found.is_none() {
                let report = item.wrong(problems, format!("{what} {id} does not exist"));
                report.help(match count {
                    0 => format!("the population has no {what}"),
                    _ => format!("the population has {count}, 0 to {}", count - 1),
                });
            }
            found
        })
    }
}

/// `crash:` of gateways.
pub(super) fn crash(field: &Field<'_>, scope: &Scope<'_>, problems: &mut Problems) -> Option<Struck> {
    let mut map = field.map(problems, "a map, as in `crash: { gateways: [0], for: 2s }`")?;
    let named = Named::require(&mut map);
    let lasts = lasting(&mut map, problems);
    map.finish(problems);
    let gateways = named.read(scope.institutions, problems)?;
    Some((FaultKind::CrashGateways { gateways }, lasts))
}

/// `churn:`
pub(super) fn churn(field: &Field<'_>, scope: &Scope<'_>, problems: &mut Problems) -> Option<Struck> {
    let example = "a map, as in `churn: { hospitals: [0, 1], period: 2s, away: 500ms, for: 20s }`";
    let mut map = field.map(problems, example)?;
    let named = Named::require(&mut map);
    let (period, away) = (map.required("period", "2s"), map.required("away", "500ms"));
    let lasts = lasting(&mut map, problems);
    map.finish(problems);
    let mut span = |field: &Option<Field<'_>>| {
        field.as_ref().and_then(|field| field.within(problems, &units::DURATION, LEAST, SPAN_MAX))
    };
    let (period, spent) = (span(&period), span(&away));
    if let (Some(period), Some(spent), Some(field)) = (period, spent, &away)
        && spent >= period
    {
        let report = field.wrong(problems, "they would never be there");
        report.help("expected less than `period`");
        return None;
    }
    let gateways = named.read(scope.institutions, problems)?;
    Some((FaultKind::Churn { gateways, period: period?, away: spent? }, lasts))
}

/// A gateway that is lost for good has nothing to come back with.
pub(super) fn refuse_lost(faults: &[(usize, Position, FaultPlan)], problems: &mut Problems) {
    for (index, position, fault) in faults {
        let FaultKind::Ransomware { hospitals } = &fault.kind else { continue };
        let comes_and_goes = |(_, _, other): &&(usize, Position, FaultPlan)| match &other.kind {
            FaultKind::Churn { gateways, .. } | FaultKind::CrashGateways { gateways } => {
                gateways.iter().any(|gateway| hospitals.contains(gateway))
            }
            _ => false,
        };
        if let Some((other, ..)) = faults.iter().find(comes_and_goes) {
            let message = format!("faults[{other}] has the same hospital come and go");
            let report = problems.report(*position, format!("faults[{index}]"), message);
            report.help("what is lost with its vault has nothing to come back with: name another hospital");
        }
    }
}
