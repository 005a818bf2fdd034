//! A commented scenario to begin with: small, valid, and to be edited. Knows which institutions each workload needs.
//!
//! Whether what it writes can run is the validator's to say, which reads it before it is written anywhere.

use crate::plan::duration_text;
use crate::scenario::units;
use crate::schema;
use ledger_core::time::{Duration, nanos};
use std::fmt::Write;

/// Kinds of workload that it can write: name, a rate that a small machine simulates quickly, who is needed, and what
/// else could be said.
pub const WORKLOADS: [Workload; 7] = [
    Workload {
        name: "personal_health_record",
        rate: "100/s",
        needs: &[("hospitals", 8), ("pharmacies", 4), ("laboratories", 2), ("insurers", 1)],
        hint: "mix: { register: 45%, share: 35%, consent: 15%, audit: 5% }",
        expect: &["shares.refused_wrongly == 0"],
        maybe: &["share.latency.p99 < 800ms"],
    },
    Workload {
        name: "drug_supply",
        rate: "100/s",
        needs: &[("pharmacies", 8), ("manufacturers", 2), ("wholesalers", 3)],
        hint: "counterfeit: 0.5%      # wrong on purpose; it must be caught",
        expect: &["drug_supply.false_alarms == 0"],
        maybe: &[],
    },
    Workload {
        name: "clinical_trial",
        rate: "100/s",
        needs: &[("hospitals", 8), ("sponsors", 2), ("ethics_boards", 1), ("research_institutes", 1)],
        hint: "late_data: 10%         # wrong on purpose; it must be refused",
        expect: &["clinical_trial.false_alarms == 0"],
        maybe: &[],
    },
    Workload {
        name: "telemedicine",
        rate: "100/s",
        needs: &[("hospitals", 8), ("pharmacies", 4), ("model_owners", 1), ("devices", 100)],
        hint: "vitals_gap: 1%         # wrong on purpose; it must be caught",
        expect: &["telemedicine.false_alarms == 0"],
        maybe: &[],
    },
    Workload {
        name: "claims",
        rate: "100/s",
        needs: &[("hospitals", 8), ("insurers", 3)],
        hint: "duplicate: 1%          # wrong on purpose; it must be caught",
        expect: &["claims.false_alarms == 0"],
        maybe: &[],
    },
    Workload {
        name: "access_decisions",
        rate: "400/s",
        needs: &[("hospitals", 8)],
        hint: "bundle: 16             # actions under one signature",
        expect: &["decisions.refused_wrongly == 0"],
        maybe: &[],
    },
    Workload { name: "opaque", rate: "1000/s", needs: &[], hint: "size: 512B", expect: &[], maybe: &[] },
];

/// Kinds of fault that it can write, with what is done to the last replica.
pub const FAULTS: [(&str, &str); 6] = [
    ("crash", "a replica dies and restarts from its disk"),
    ("pause", "a replica stands still"),
    ("partition", "a replica is cut off from the others"),
    ("link", "a replica's packets are late, and some are lost"),
    ("slow_disk", "a replica's disk is ten times slower"),
    ("byzantine", "a replica signs two blocks a round, one for each half of the others"),
];

/// What is known of one kind of workload.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// As in `workloads:`.
    pub name: &'static str,
    /// Unless something else is asked for.
    pub rate: &'static str,
    needs: &'static [(&'static str, u32)],
    hint: &'static str,
    expect: &'static [&'static str],
    maybe: &'static [&'static str],
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Starter {
    /// Of the scenario.
    pub name: String,
    /// How many.
    pub replicas: u32,
    /// A named one.
    pub topology: String,
    /// Names of [`WORKLOADS`], each once.
    pub workloads: Vec<String>,
    /// Names of [`FAULTS`], each once.
    pub faults: Vec<String>,
    /// Of each workload; `None`: its own.
    pub rate: Option<String>,
    /// Of the measurement.
    pub duration: String,
}

impl Starter {
    /// The scenario, commented.
    ///
    /// # Errors
    /// What is wrong with what is asked for, as far as the text would not show it.
    pub fn to_yaml(&self) -> Result<String, String> {
        let duration = (units::DURATION.parse)(&self.duration)
            .map_err(|found| format!("{found}: expected {}", units::DURATION.expected))?;
        if let Some(rate) = &self.rate {
            (units::RATE.parse)(rate)
                .map_err(|found| format!("{found}: expected {}", units::RATE.expected))?;
        }
        let workloads: Vec<&Workload> = self
            .workloads
            .iter()
            .filter_map(|name| WORKLOADS.iter().find(|workload| workload.name == *name))
            .collect();
        if workloads.len() > 1 && self.workloads.iter().any(|name| name == "opaque") {
            return Err("`opaque` is ordered and not executed: it stands alone".to_owned());
        }
        if self.replicas < 2 && self.faults.iter().any(|fault| fault == "partition" || fault == "link") {
            return Err("one replica has nobody to be cut off from".to_owned());
        }
        let mut text = String::new();
        self.head(&mut text);
        self.ledger(&mut text);
        population(&mut text, &workloads);
        self.load(&mut text, &workloads);
        self.troubles(&mut text, duration);
        self.expectations(&mut text, &workloads);
        Ok(text)
    }

    fn head(&self, text: &mut String) {
        let Self { name, replicas, duration, .. } = self;
        let faults = match self.faults.as_slice() {
            [] => String::new(),
            faults => format!(" through {}", faults.join(", ").replace('_', " ")),
        };
        let work = self.workloads.join(", ").replace('_', " ");
        let plural = if *replicas == 1 { "Does 1 replica" } else { &format!("Do {replicas} replicas") };
        let _ = write!(
            text,
            "# yaml-language-server: $schema=./{}
# {plural} carry {work}{faults}, safely and without standing still?

name: {name}
seed: 1                    # everything random follows from it: same file, same seed, same bits
warmup: 2s                 # load before anything is measured
duration: {duration:16} # of the measurement
# drain: 30s               # patience with what is under way at the end
",
            schema::FILE
        );
    }

    fn ledger(&self, text: &mut String) {
        let Self { replicas, topology, .. } = self;
        let tolerated = replicas.saturating_sub(1) / 3;
        let _ = write!(
            text,
            "
ledger:
  replicas: {replicas:<14} # 3f + 1 tolerate f faulty ones: {replicas} tolerate {tolerated}
  # checkpoint_interval: 1 # commits between two signed checkpoints; receipts wait for one
network:
  topology: {topology:14} # lan, metro, gulf-5, published-6, world-10, or regions and a matrix of one's own
  # loss: 0.1%             # of all packets
# host: reference-8core    # what replicas run on; `ideal` leaves the network's delays alone
"
        );
    }

    fn load(&self, text: &mut String, workloads: &[&Workload]) {
        text.push_str("\nworkloads:                 # each with its own rate\n");
        for workload in workloads {
            let rate = self.rate.as_deref().unwrap_or(workload.rate);
            let _ = write!(text, "  - {}:\n      rate: {rate}\n      # {}\n", workload.name, workload.hint);
        }
        text.push_str(
            "# arrivals: poisson        # or constant, or burst: { every: 10s, on: 1s, factor: 5 }\n",
        );
    }

    fn troubles(&self, text: &mut String, duration: Duration) {
        if self.faults.is_empty() {
            text.push_str(
                "\n# faults:                  # times count from the end of the warm-up\n#   - at: 5s\n#     crash: { replicas: [0], for: 2s }\n",
            );
            return;
        }
        text.push_str("\nfaults:                    # times count from the end of the warm-up\n");
        let last = self.replicas.saturating_sub(1);
        let shares = self.faults.len() as u64 + 1;
        let lasts = rounded(nanos(duration) / (2 * shares));
        for (index, fault) in self.faults.iter().enumerate() {
            let at = rounded(nanos(duration) * (index as u64 + 1) / shares);
            let what = match fault.as_str() {
                "byzantine" => {
                    let _ = writeln!(text, "  - byzantine: {{ replicas: [{last}], behaviour: equivocate }}");
                    continue;
                }
                "partition" => format!("partition: {{ groups: [[{last}], rest], for: {lasts} }}"),
                "link" => format!("link: {{ replicas: [{last}], loss: 5%, delay: 50ms, for: {lasts} }}"),
                "slow_disk" => format!("slow_disk: {{ replicas: [{last}], factor: 10, for: {lasts} }}"),
                kind => format!("{kind}: {{ replicas: [{last}], for: {lasts} }}"),
            };
            let _ = writeln!(text, "  - at: {at}\n    {what}");
        }
    }

    fn expectations(&self, text: &mut String, workloads: &[&Workload]) {
        text.push_str("\nexpect:                    # each is a line of the verdict; exit code 99 if one falls short\n  - safety\n");
        // With a Byzantine replica more may go wrong than a first scenario should promise.
        if !self.faults.iter().any(|fault| fault == "byzantine") {
            text.push_str("  - liveness\n");
        }
        for workload in workloads {
            for line in workload.expect {
                let _ = writeln!(text, "  - {line}");
            }
            for line in workload.maybe {
                let _ = writeln!(text, "  # - {line}");
            }
        }
        text.push_str(
            "  # - transactions.latency.p99 < 1s      # `amanah metrics` lists what can stand here\n",
        );
    }
}

fn population(text: &mut String, workloads: &[&Workload]) {
    let mut needs: Vec<(&str, u32)> = Vec::new();
    for (who, count) in workloads.iter().flat_map(|workload| workload.needs) {
        match needs.iter_mut().find(|(known, _)| known == who) {
            Some((_, known)) => *known = (*known).max(*count),
            None => needs.push((who, *count)),
        }
    }
    if needs.is_empty() {
        return;
    }
    text.push_str("population:                # each institution runs a gateway\n  patients: 1k\n");
    for (who, count) in needs {
        let _ = writeln!(text, "  {who}: {count}");
    }
    text.push_str("# documents: fhir          # real documents, read and checked where they arrive; `sized` are byte counts\n");
}

/// To whole milliseconds, if there are enough of them.
fn rounded(ns: u64) -> String {
    const MILLISECOND: u64 = 1_000_000;
    let whole = if ns > 10 * MILLISECOND { ns / MILLISECOND * MILLISECOND } else { ns.max(1) };
    duration_text::format(Duration::from_nanos(whole))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::topology;
    use crate::plan::Plan;
    use crate::scenario::Scenario;

    fn read(starter: &Starter) -> Plan {
        let text = starter.to_yaml().unwrap_or_else(|error| panic!("{error}: {starter:?}"));
        let scenario =
            Scenario::parse("init.yaml", &text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        Plan::from_scenario(&scenario).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
    }

    fn starter(replicas: u32, topology: &str, workloads: &[&str], faults: &[&str]) -> Starter {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Starter {
            name: "mine".to_owned(),
            replicas,
            topology: topology.to_owned(),
            workloads: owned(workloads),
            faults: owned(faults),
            rate: None,
            duration: "20s".to_owned(),
        }
    }

    #[test]
    fn whatever_is_asked_for_can_run() {
        let faults: Vec<&str> = FAULTS.iter().map(|(name, _)| *name).collect();
        let executed: Vec<&str> =
            WORKLOADS.iter().map(|workload| workload.name).filter(|name| *name != "opaque").collect();
        for replicas in [2, 4, 7, 25] {
            for topology in topology::NAMES {
                for workload in WORKLOADS {
                    for fault in &faults {
                        let plan = read(&starter(replicas, topology, &[workload.name], &[fault]));
                        assert_eq!((plan.replicas.len(), plan.faults.len()), (replicas as usize, 1));
                    }
                }
                let plan = read(&starter(replicas, topology, &executed, &faults));
                assert_eq!((plan.workloads.len(), plan.faults.len()), (executed.len(), faults.len()));
                assert!(plan.question.contains("safely"), "{}", plan.question);
            }
        }
        for duration in ["50ms", "3s", "90min"] {
            read(&Starter { duration: duration.to_owned(), ..starter(4, "lan", &["opaque"], &faults) });
        }
        read(&Starter { rate: Some("2/min".to_owned()), ..starter(1, "metro", &["claims"], &["crash"]) });
    }

    #[test]
    fn what_cannot_be_is_said() {
        let refused = |starter: &Starter, phrase: &str| {
            let error = starter.to_yaml().unwrap_err();
            assert!(error.contains(phrase), "{error}");
        };
        refused(&starter(4, "lan", &["opaque", "claims"], &[]), "stands alone");
        refused(&starter(1, "lan", &["claims"], &["partition"]), "nobody");
        refused(&Starter { duration: "20".to_owned(), ..starter(4, "lan", &["claims"], &[]) }, "no unit");
        refused(
            &Starter { rate: Some("20".to_owned()), ..starter(4, "lan", &["claims"], &[]) },
            "per what time",
        );
    }
}
