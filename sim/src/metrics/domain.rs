//! Figures of the systems: what their workloads did wrong on purpose, how much of it was caught and how soon, what was
//! refused although it was right, and what their users ask for.

use super::collect::Collector;
use super::{Value, Window};
use crate::history::{FigureKind, Run, System, Wrong};
use crate::plan::{Plan, WorkloadPlan};
use ledger_core::time::nanos;
use std::collections::BTreeMap;

/// Injected, caught.
type Tally = (u64, u64);

pub(super) fn collect(collector: &mut Collector, run: &Run, window: Window) {
    let domain = &run.history.domain;
    let mut tallies: BTreeMap<Wrong, Tally> = BTreeMap::new();
    for incident in run.history.incidents().filter(|incident| window.contains(incident.at)) {
        let (injected, caught) = tallies.entry(incident.wrong).or_default();
        *injected += 1;
        if let Some(at) = incident.caught {
            *caught += 1;
            collector.sample(incident.wrong.time_name(), nanos(at.since(incident.at)));
        }
    }
    for (wrong, (injected, caught)) in &tallies {
        let name = wrong.name();
        collector.count(&format!("{name}.injected"), *injected);
        collector.count(&format!("{name}.caught"), *caught);
        collector.count(&format!("{name}.missed"), injected - caught);
    }
    for system in System::ALL.into_iter().filter(|system| runs(&run.plan, *system)) {
        let of = tallies.iter().filter(|(wrong, _)| wrong.system() == system);
        let (injected, caught) = of.fold((0, 0), |sum, (_, row)| (sum.0 + row.0, sum.1 + row.1));
        let name = system.name();
        if injected > 0 {
            collector.set(format!("{name}.detection"), Value::Real(caught as f64 / injected as f64));
        }
        let falsely = |(of, at, _): &(System, _, _)| *of == system && window.contains(*at);
        let alarms = run.history.false_alarms().filter(falsely).count();
        collector.count(&format!("{name}.false_alarms"), alarms as u64);
    }
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut means: BTreeMap<&'static str, (u64, u64)> = BTreeMap::new();
    for (figure, _, sample) in domain.samples.iter().filter(|(_, at, _)| window.contains(*at)) {
        match figure.kind() {
            FigureKind::Count => *counts.entry(figure.name()).or_default() += sample,
            FigureKind::Mean => {
                let (sum, samples) = means.entry(figure.name()).or_default();
                (*sum, *samples) = (*sum + sample, *samples + 1);
            }
            FigureKind::Span => collector.sample(figure.name(), *sample),
        }
    }
    counts.into_iter().for_each(|(name, count)| collector.count(name, count));
    for (name, (sum, samples)) in means {
        collector.set(name, Value::Real(sum as f64 / samples as f64));
    }
}

/// Whether a plan has a workload of the system.
fn runs(plan: &Plan, system: System) -> bool {
    plan.workloads.iter().any(|workload| match workload {
        WorkloadPlan::Opaque { .. } | WorkloadPlan::AccessDecisions { .. } => false,
        WorkloadPlan::PersonalHealthRecord { .. } => system == System::PersonalHealthRecord,
        WorkloadPlan::ClinicalTrial { .. } => system == System::ClinicalTrial,
        WorkloadPlan::DrugSupply { .. } => system == System::DrugSupply,
        WorkloadPlan::Telemedicine { .. } => system == System::Telemedicine,
        WorkloadPlan::Claims { .. } => system == System::Claims,
    })
}
