//! From a run's history to the figures of the catalog: one pass over the operations, one over everything else.

use super::recovery::{Recovered, Recovery, longest_gap, recoveries};
use super::split::{self, RegionFigures, SecondLatency};
use super::{Latency, Metrics, Value, Window, catalog, generator};
use crate::cpu::{Spent, Stage, combine};
use crate::document::Documents;
use crate::history::{Expected, Operation, OperationKind, Release, ReplicaRecord, Run};
use indexmap::IndexMap;
use ledger_core::crypto::Digest;
use ledger_core::gateway::End;
use ledger_core::ledger::transaction::{AccessId, ConsentId, Outcome};
use ledger_core::time::{Timestamp, nanos};
use std::collections::BTreeMap;

/// Every figure of a run.
pub fn collect(run: &Run) -> Metrics {
    let window = Window::of(run);
    let mut collector = Collector::default();
    let mut commits: Vec<Timestamp> = run.history.operations.iter().filter_map(committed_at).collect();
    commits.sort_unstable();
    let measured = || run.history.operations.iter().filter(|operation| window.contains(operation.scheduled));

    let started = collector.transactions(run, window);
    collector.shares(measured(), window);
    collector.audits(measured());
    collector.decisions(measured());
    collector.keys(measured());
    collector.revocations(run, measured());
    super::domain::collect(&mut collector, run, window);
    for (at, ns) in &run.history.commit_latencies {
        if window.contains(Timestamp(at.0.saturating_sub(*ns))) {
            collector.sample("commit.latency", *ns);
        }
    }
    let recoveries = recoveries(&run.history.faults, &commits, window.end);
    let longest = recoveries.iter().filter_map(|recovery| match recovery.recovered {
        Recovered::After(time) => Some(Value::Whole(nanos(time))),
        Recovered::Never => Some(Value::Never),
        Recovered::Unmeasured => None,
    });
    if let Some(longest) = longest.max_by(|a, b| a.as_f64().total_cmp(&b.as_f64())) {
        collector.set("recovery.time", longest);
    }
    if started > 0 {
        let gap = longest_gap(&commits, window.start, window.end);
        collector.count("unavailability.longest", nanos(gap));
    }
    collector.replicas(&run.history.replicas);
    if run.setting.is_live() {
        collector.processes(run);
    }
    collector.reading(run);
    collector.network(run);
    collector.simulator(run);
    let invalid = generator::invalid(&run.plan, window, started);
    let splits = (split::regions(run, window), split::seconds(run));
    collector.finish(recoveries, splits, window, invalid)
}

/// When an operation's transaction was committed as far as its client knows: its receipt, or its order where nothing is
/// executed.
pub fn committed_at(operation: &Operation) -> Option<Timestamp> {
    match (operation.kind, operation.ended) {
        (OperationKind::Audit, _) => None,
        (OperationKind::Opaque, Some((at, End::Done(_)))) => Some(at),
        (OperationKind::Opaque, _) => None,
        _ => operation.receipt_at,
    }
}

#[derive(Default)]
pub(super) struct Collector {
    values: BTreeMap<String, Value>,
    latencies: BTreeMap<&'static str, Latency>,
}

impl Collector {
    pub(super) fn set(&mut self, name: impl Into<String>, value: Value) {
        let name = name.into();
        debug_assert!(catalog::lookup(&name).is_some(), "{name} is not in the catalog");
        self.values.insert(name, value);
    }

    pub(super) fn count(&mut self, name: &str, number: u64) {
        self.set(name, Value::Whole(number));
    }

    fn real(&mut self, name: &str, number: Option<f64>) {
        if let Some(number) = number {
            self.set(name, Value::Real(number));
        }
    }

    pub(super) fn sample(&mut self, family: &'static str, ns: u64) {
        self.latencies.entry(family).or_default().record(ns);
    }

    /// The time from one moment of an operation to another, if it saw both.
    fn span(&mut self, family: &'static str, from: Option<Timestamp>, to: Option<Timestamp>) {
        if let (Some(from), Some(to)) = (from, to) {
            self.sample(family, nanos(to.since(from)));
        }
    }

    /// The number of actions started inside the window. Latencies are an operation's, and so a bundle's, and counted
    /// once.
    fn transactions(&mut self, run: &Run, window: Window) -> u64 {
        let [mut committed, mut refused, mut timed_out, mut rejected, mut unfinished, mut started] = [0; 6];
        let unlisted = &run.history.unlisted;
        committed += unlisted.committed;
        timed_out += unlisted.timed_out;
        rejected += unlisted.rejected;
        started += unlisted.scheduled;
        if unlisted.scheduled > 0 {
            let latency = self.latencies.entry("transactions.latency").or_default();
            unlisted.latencies.iter().for_each(|(ns, count)| latency.record_many(*ns, *count));
        }
        for operation in run.history.operations.iter().filter(|row| window.contains(row.scheduled)) {
            let actions = operation.actions;
            started += actions;
            if operation.kind == OperationKind::Audit {
                continue;
            }
            if let Some(at) = committed_at(operation) {
                committed += actions;
                refused += operation.refused;
                self.span("transactions.latency", Some(operation.scheduled), Some(at));
                if matches!(operation.ended, Some((_, End::Refused(_)))) {
                    self.span("transactions.refused.latency", Some(operation.scheduled), Some(at));
                }
                continue;
            }
            match operation.ended {
                None if run.partial => unfinished += actions,
                None | Some((_, End::TimedOut)) => timed_out += actions,
                // Without a receipt nothing else ends a transaction.
                Some((
                    _,
                    End::Rejected
                    | End::Overloaded
                    | End::Done(_)
                    | End::Answered
                    | End::Refused(_)
                    | End::KeyRefused(_)
                    | End::Corrupt,
                )) => rejected += actions,
            }
        }
        let submitted = committed + timed_out + rejected + unfinished;
        if submitted > 0 {
            for (name, number) in [
                ("transactions.submitted", submitted),
                ("transactions.committed", committed),
                ("transactions.refused", refused),
                ("transactions.timed_out", timed_out),
            ] {
                self.count(name, number);
                self.real(&format!("{name}.rate"), window.rate(number));
            }
            self.count("transactions.rejected", rejected);
            self.count("transactions.unfinished", unfinished);
        }
        self.real("generator.offered.rate", generator::offered_rate(&run.plan, window));
        self.real("generator.achieved.rate", window.rate(started));
        started
    }

    fn shares<'a>(&mut self, measured: impl Iterator<Item = &'a Operation>, window: Window) {
        let [mut requested, mut completed, mut refused, mut timed_out, mut failed] = [0; 5];
        let [mut refused_wrongly, mut permitted_wrongly, mut bytes] = [0; 3];
        for share in
            measured.filter(|row| matches!(row.kind, OperationKind::Share | OperationKind::BreakGlass))
        {
            requested += 1;
            match share.ended {
                Some((at, End::Done(_))) => {
                    completed += 1;
                    bytes += share.bytes;
                    permitted_wrongly += u64::from(share.expected == Expected::Refuse);
                    self.span("share.latency", Some(share.scheduled), Some(at));
                    self.span("share.phase.queue", Some(share.scheduled), share.proposed_at);
                    self.span("share.phase.order", share.proposed_at, share.decided_at);
                    self.span("share.phase.execute", share.decided_at, share.receipt_at);
                    self.span("share.phase.key", share.receipt_at, share.key_at);
                    self.span("share.phase.transfer", share.key_at, share.transferred_at);
                    self.span("share.phase.verify", share.transferred_at, Some(at));
                }
                Some((_, End::Refused(_))) => {
                    refused += 1;
                    refused_wrongly += u64::from(share.expected == Expected::Permit);
                }
                Some((
                    _,
                    End::Answered | End::KeyRefused(_) | End::Corrupt | End::Rejected | End::Overloaded,
                )) => failed += 1,
                None | Some((_, End::TimedOut)) => timed_out += 1,
            }
        }
        if requested == 0 {
            return;
        }
        for (name, number) in [
            ("shares.requested", requested),
            ("shares.completed", completed),
            ("shares.refused", refused),
            ("shares.refused_wrongly", refused_wrongly),
            ("shares.permitted_wrongly", permitted_wrongly),
            ("shares.timed_out", timed_out),
            ("shares.failed", failed),
            ("shares.bytes", bytes),
        ] {
            self.count(name, number);
        }
        self.real("shares.rate", window.rate(completed));
    }

    fn reading(&mut self, run: &Run) {
        if run.plan.documents == Documents::Fhir && run.plan.ledger.execution {
            self.count("documents.read", run.history.reading.documents);
            self.count("documents.defective", run.history.reading.defective);
        }
    }

    fn audits<'a>(&mut self, measured: impl Iterator<Item = &'a Operation>) {
        let [mut requested, mut verified, mut failed, mut timed_out] = [0; 4];
        for audit in measured.filter(|row| row.kind == OperationKind::Audit) {
            requested += 1;
            match audit.ended {
                Some((_, End::Answered)) => verified += 1,
                Some((
                    _,
                    End::Done(_)
                    | End::Refused(_)
                    | End::KeyRefused(_)
                    | End::Corrupt
                    | End::Rejected
                    | End::Overloaded,
                )) => {
                    failed += 1;
                }
                None | Some((_, End::TimedOut)) => timed_out += 1,
            }
        }
        if requested > 0 {
            self.count("audits.requested", requested);
            self.count("audits.verified", verified);
            self.count("audits.failed", failed);
            self.count("audits.timed_out", timed_out);
        }
    }

    fn keys<'a>(&mut self, measured: impl Iterator<Item = &'a Operation>) {
        let [mut rewrapped, mut rotated, mut erased, mut refused, mut delegated, mut asked] = [0; 6];
        for row in measured {
            let done = match row.kind {
                OperationKind::Rewrap => &mut rewrapped,
                OperationKind::Rotate => &mut rotated,
                OperationKind::Erase => &mut erased,
                OperationKind::Delegate => &mut delegated,
                OperationKind::Opaque
                | OperationKind::Register
                | OperationKind::Share
                | OperationKind::BreakGlass
                | OperationKind::Review
                | OperationKind::Grant
                | OperationKind::Deny
                | OperationKind::Revoke
                | OperationKind::Audit
                | OperationKind::AccessDecisions
                | OperationKind::ClinicalTrial
                | OperationKind::DrugSupply
                | OperationKind::Telemedicine
                | OperationKind::Claims => continue,
            };
            asked += 1;
            *done += u64::from(matches!(row.ended, Some((_, End::Done(_)))));
            let by_ledger = matches!(row.ended, Some((_, End::Refused(_))));
            refused += u64::from(by_ledger && row.kind != OperationKind::Delegate);
        }
        if asked > 0 {
            self.count("keys.rewrapped", rewrapped);
            self.count("keys.rotated", rotated);
            self.count("keys.erased", erased);
            self.count("keys.refused", refused);
            self.count("delegations.registered", delegated);
        }
    }

    fn decisions<'a>(&mut self, measured: impl Iterator<Item = &'a Operation>) {
        let [mut requested, mut permitted, mut refused_wrongly] = [0; 3];
        for decisions in measured.filter(|row| row.kind == OperationKind::AccessDecisions) {
            requested += decisions.actions;
            if matches!(decisions.ended, Some((_, End::Answered))) {
                permitted += decisions.actions - decisions.refused;
                let wrongly = decisions.expected == Expected::Permit;
                refused_wrongly += if wrongly { decisions.refused } else { 0 };
            }
        }
        if requested > 0 {
            self.count("decisions.requested", requested);
            self.count("decisions.permitted", permitted);
            self.count("decisions.refused_wrongly", refused_wrongly);
        }
    }

    fn revocations<'a>(&mut self, run: &Run, measured: impl Iterator<Item = &'a Operation>) {
        for revocation in measured.filter(|row| effective_revocation(row).is_some()) {
            self.span("consent.revocation.effect", Some(revocation.scheduled), revocation.receipt_at);
        }
        if let Some(effects) = self.latencies.get("consent.revocation.effect") {
            let completed = effects.count();
            self.count("consent.revocation.completed", completed);
            self.count("consent.revocation.late_accesses", late_accesses(run).count() as u64);
        }
    }

    fn replicas(&mut self, replicas: &[ReplicaRecord]) {
        let most = |figure: fn(&ReplicaRecord) -> u64| replicas.iter().map(figure).max();
        let all = |figure: fn(&ReplicaRecord) -> u64| replicas.iter().map(figure).sum();
        let Some(rounds) = most(|replica| replica.status.protocol.round.0) else { return };
        self.count("replica.rounds", rounds);
        for (name, figure) in [
            ("replica.blocks", (|replica| replica.status.protocol.accepted) as fn(&ReplicaRecord) -> u64),
            ("replica.memory.max", |replica| replica.memory_max),
            ("replica.mempool.bytes.max", |replica| replica.mempool_bytes_max),
            ("replica.blocks.suspended.max", |replica| replica.suspended_max),
        ] {
            self.count(name, most(figure).unwrap_or(0));
        }
        self.count("replica.bytes_sent", all(|replica| replica.bytes_sent));
        self.count("replica.restarts", all(|replica| replica.restarts));
        self.real("replica.cpu.utilisation", most(|replica| replica.cpu_ppm).map(|ppm| ppm as f64 / 1e6));
    }

    fn processes(&mut self, run: &Run) {
        let cpu: u64 = run.history.replicas.iter().map(|replica| replica.cpu_ns).sum();
        let spent = run.history.replicas.iter().map(|replica| &replica.spent);
        let spent = spent.fold(Spent::default(), |sum, one| combine(&sum, one, |a, b| a + b));
        self.spent(run, "replica.process.cpu", cpu, &spent);
        let clients = &run.history.clients_spent;
        self.spent(run, "clients.process.cpu", clients.iter().sum(), clients);
        self.count("replica.process.memory.max", resident_max(run));
    }

    /// Processor time, also for each transaction, and by what it was spent on, where that is ever anything.
    fn spent(&mut self, run: &Run, name: &str, cpu: u64, stages: &Spent) {
        self.count(name, cpu);
        let committed: u64 = run.history.series.iter().map(|second| second.committed).sum();
        if let Some(each) = cpu.checked_div(committed) {
            self.count(&format!("{name}_per_transaction"), each);
        }
        for (stage, ns) in Stage::ALL.into_iter().zip(stages) {
            let name = format!("{name}.{}", stage.name());
            if *ns > 0 && catalog::lookup(&name).is_some() {
                self.count(&name, *ns);
            }
        }
    }

    fn network(&mut self, run: &Run) {
        let network = &run.history.network;
        self.count("network.messages", network.messages.iter().sum());
        self.count("network.bytes", network.bytes.iter().sum());
        self.count("network.packets_lost", network.packets_lost);
        self.count("network.undelivered", network.undelivered);
        self.count("network.datagrams", network.datagrams);
        self.count("network.datagrams.bytes", network.datagram_bytes);
        self.count("network.datagrams.overflowed", network.datagrams_overflowed);
        self.count("network.packets_retransmitted", network.retransmitted);
        self.count("network.connections", network.connections);
        self.count("network.transferred.bytes", network.transferred);
    }

    fn simulator(&mut self, run: &Run) {
        let simulating = run.wall.saturating_sub(run.setup_wall).as_secs_f64();
        let rate = (simulating > 0.0).then(|| run.events as f64 / simulating);
        self.count("simulator.events", run.events);
        self.real("simulator.events_per_second", rate);
        self.count("simulator.wall", nanos(run.wall));
        self.count("simulator.setup_wall", nanos(run.setup_wall));
        let resident = resident_max(run);
        if resident > 0 && !run.setting.is_live() {
            self.count("simulator.memory.max", resident);
        }
    }

    /// Orders everything as the catalog does.
    fn finish(
        self,
        recoveries: Vec<Recovery>,
        (regions, seconds): (Vec<RegionFigures>, Vec<SecondLatency>),
        window: Window,
        invalid: Option<String>,
    ) -> Metrics {
        let mut values = IndexMap::new();
        for metric in catalog::all() {
            let name = metric.name.as_str();
            let (family, aggregate) = name.rsplit_once('.').unwrap_or((name, ""));
            let sampled = || self.latencies.get(family)?.aggregate(aggregate).map(Value::Whole);
            if let Some(value) = self.values.get(name).copied().or_else(sampled) {
                values.insert(name, value);
            }
        }
        let latencies = self.latencies;
        Metrics { values, latencies, recoveries, regions, seconds, window, invalid }
    }
}

/// Most resident memory that a second of the run ended with.
fn resident_max(run: &Run) -> u64 {
    run.history.series.iter().map(|second| second.resident_bytes).max().unwrap_or(0)
}

/// The consent that a revocation withdrew and when its client knew, if it did.
fn effective_revocation(operation: &Operation) -> Option<(ConsentId, Timestamp)> {
    let done = matches!(operation.ended, Some((_, End::Done(_))));
    let revoked = operation.kind == OperationKind::Revoke && done;
    revoked.then_some(()).and_then(|()| Some((operation.consent?, operation.receipt_at?)))
}

/// Keys let go under a consent although custodians began to ask about it after the receipt of its revocation. Over the
/// whole run: a breach in the warm-up is a breach.
fn late_accesses(run: &Run) -> impl Iterator<Item = &Release> {
    let mut revoked: BTreeMap<ConsentId, Timestamp> = BTreeMap::new();
    for (consent, at) in run.history.operations.iter().filter_map(effective_revocation) {
        revoked.entry(consent).and_modify(|first| *first = at.min(*first)).or_insert(at);
    }
    let named = |operation: &Operation| {
        let asks = matches!(operation.kind, OperationKind::Share | OperationKind::BreakGlass);
        let revoked_at = *revoked.get(&operation.consent.filter(|_| asks)?)?;
        Some((operation.transaction?, revoked_at))
    };
    let limits: BTreeMap<Digest, Timestamp> = run.history.operations.iter().filter_map(named).collect();
    let permit = |(transaction, outcome): (&Digest, Outcome)| match outcome {
        Outcome::Permitted { access, .. } => Some((access, *limits.get(transaction)?)),
        _ => None,
    };
    let answers = run.history.executed.iter().flat_map(|(_, executed)| {
        executed.answers.iter().map(|answer| (&executed.transaction, answer.outcome))
    });
    let late: BTreeMap<AccessId, Timestamp> = answers.filter_map(permit).collect();
    let is_late =
        move |release: &&Release| late.get(&release.access).is_some_and(|at| release.asked_at > *at);
    run.history.releases.iter().filter(is_late)
}

#[cfg(test)]
mod tests;
