//! Every checker notices the mistake that it is there for: a table of seeded bugs, the scenario that brings each out,
//! and the checker that must fail. Without the bug the same scenario passes.

use crate::support::{failures, plan, run};
use ledger_core::committee::ReplicaId;
use ledger_core::gateway::GatewayBug;
use ledger_core::ledger::LedgerBug;
use ledger_core::replica::ReplicaBug;
use sim::plan::Plan;
use sim::world::{Options, SeededBug};

/// Seeds in which a bug must show. The rarest, a left-out slot, shows in 6 of 48.
const SEEDS_MAX: u64 = 32;

/// Ordering under a partition and a crash.
const ORDERING: &str = "# Does ordering hold?
name: ordering
duration: 14s
drain: 20s
ledger: { replicas: 10, tuning: { leader_timeout: 50ms, leaders_per_round: 5 } }
network: { topology: uniform-50-100ms, transport: message }
workloads:
  - opaque: { rate: 50/s, size: 64B }
faults:
  - at: 2s
    partition: { groups: [[0, 1, 2], rest], for: 2s }
";

/// Everything stops at once.
const BLACKOUT: &str = "# Does what was acknowledged survive?
name: blackout
duration: 8s
drain: 20s
ledger: { replicas: 4 }
network: { topology: lan, transport: message }
workloads:
  - opaque: { rate: 50/s, size: 64B }
faults:
  - at: 3s
    crash: { replicas: [0, 1, 2, 3], for: 1s }
";

/// Replicas that die at their writes, one with all that it wrote before and one with a torn disk.
const WRITES: &str = "# Does a replica know what it signed?
name: writes
duration: 4s
drain: 20s
ledger: { replicas: 4 }
network: { topology: lan, transport: message }
workloads:
  - opaque: { rate: 50/s, size: 64B }
faults:
  - at: 1s
    crash: { replicas: [1], disk: kept, persist: before, skip: 3, times: 10, for: 100ms }
  - at: 1s
    crash: { replicas: [2], disk: torn, persist: before, skip: 5, times: 10, for: 100ms }
";

/// A replica whose disk is lost.
const WIPED: &str = "# Does a replica that forgot everything sign nothing twice?
name: wiped
duration: 3s
drain: 20s
ledger: { replicas: 4 }
network: { topology: lan, transport: message }
workloads:
  - opaque: { rate: 50/s, size: 64B }
faults:
  - at: 300ms
    crash: { replicas: [3], disk: wiped, for: 200ms }
";

/// Records, with a replica down for a while so that gateways submit again elsewhere.
const RECORDS: &str = "# Do records hold?
name: records
warmup: 1s
duration: 8s
drain: 20s
ledger: { replicas: 4 }
network: { topology: uniform-50-100ms, transport: message }
population: { patients: 200, hospitals: 4, pharmacies: 2, laboratories: 1, staff: 5 }
workloads:
  - personal_health_record: { rate: 60/s, mix: { register: 30%, share: 40%, consent: 25%, audit: 5% } }
faults:
  - at: 3s
    crash: { replicas: [1], for: 2s }
";

/// Few patients who change their minds while others ask for their records.
const REVOCATIONS: &str = "# Does a revocation stop what comes after it?
name: revocations
duration: 8s
drain: 20s
ledger: { replicas: 4 }
network: { topology: uniform-50-100ms, transport: message }
population: { patients: 8, hospitals: 6, pharmacies: 2, laboratories: 1, staff: 5 }
workloads:
  - personal_health_record: { rate: 120/s, mix: { register: 5%, share: 55%, consent: 40%, audit: 0% } }
";

/// Documents that say something.
const DOCUMENTS: &str = "# Is what is read what was asked for?
name: documents
duration: 4s
drain: 20s
ledger: { replicas: 4 }
network: { topology: lan, transport: message }
population: { patients: 40, hospitals: 4, laboratories: 1, staff: 5 }
documents: fhir
workloads:
  - personal_health_record: { rate: 60/s, mix: { register: 30%, share: 60%, consent: 10%, audit: 0% } }
";

/// Trials in which much is done wrong on purpose.
const TRIALS: &str = "# Are violations of trials refused?
name: trials
duration: 14s
drain: 20s
ledger: { replicas: 4 }
network: { topology: lan, transport: message }
population:
  { patients: 200, hospitals: 4, sponsors: 2, ethics_boards: 1, research_institutes: 1, staff: 5 }
workloads:
  - clinical_trial:
      { rate: 60/s, subjects: 4, visits: 2, visit_interval: 100ms, late_data: 50%, stale_consent: 30% }
";

/// Packs that are copied, and lots that are recalled and expire.
const MEDICINES: &str = "# Is what is wrong caught?
name: medicines
duration: 50s
drain: 20s
ledger: { replicas: 4 }
network: { topology: lan, transport: message }
population: { patients: 8, manufacturers: 1, wholesalers: 2, pharmacies: 4, staff: 5 }
workloads:
  - drug_supply: { rate: 60/s, packs_per_case: 4, cases_per_pallet: 2, recalled: 20%, careless: 50%, clone: 2% }
";

/// Records that are given up while others ask for them.
const ERASURES: &str = "# Does an erasure stop what comes after it?
name: erasures
duration: 8s
drain: 20s
ledger: { replicas: 4 }
network: { topology: uniform-50-100ms, transport: message }
population: { patients: 20, hospitals: 6, pharmacies: 2, laboratories: 1, staff: 5 }
workloads:
  - personal_health_record: { rate: 120/s, mix: { register: 10%, share: 75%, erase: 15% } }
";

/// Every other session is wronged by its device, or at the counter.
const TELEMEDICINE: &str = "# Is misuse noticed?
name: telemedicine
warmup: 1s
duration: 12s
drain: 15s
ledger: { replicas: 4 }
network: { topology: lan, transport: message }
population: { patients: 200, hospitals: 2, pharmacies: 3, model_owners: 1, devices: 40, staff: 5 }
workloads:
  - telemedicine: { rate: 60/s, batch: 1s, batches: 3, spoofed_device: 20%, vitals_gap: 15%, double_dispensing: 20% }
";

/// Many claims are made again.
const CLAIMS: &str = "# Is a service paid once?
name: claims
warmup: 1s
duration: 8s
drain: 15s
ledger: { replicas: 4 }
network: { topology: lan, transport: message }
population: { patients: 200, hospitals: 2, insurers: 2, staff: 5 }
workloads:
  - claims: { rate: 60/s, duplicate: 20%, no_encounter: 10%, not_covered: 10%, double_adjudication: 10% }
";

/// Blocks signed twice a round.
const EQUIVOCATION: &str = "# Does ordering hold against equivocation?
name: equivocation
duration: 8s
drain: 20s
ledger: { replicas: 4, tuning: { leader_timeout: 100ms } }
network: { topology: uniform-50-100ms, transport: message }
workloads:
  - opaque: { rate: 50/s, size: 64B }
faults:
  - byzantine: { replicas: [1], behaviour: equivocate }
";

/// Malformed messages, and blocks in others' names.
const FORGERY: &str = "# Does ordering hold against forgery?
name: forgery
duration: 3s
drain: 20s
ledger: { replicas: 4 }
network: { topology: uniform-50-100ms, transport: message }
workloads:
  - opaque: { rate: 50/s, size: 64B }
faults:
  - byzantine: { replicas: [1], behaviour: corrupt }
";

/// Consents that no patient gave.
const FORGED_CONSENTS: &str = "# Is a consent a patient's?
name: forged-consents
duration: 3s
drain: 20s
ledger: { replicas: 4 }
network: { topology: uniform-50-100ms, transport: message }
population: { patients: 100, hospitals: 4, pharmacies: 2, laboratories: 1, staff: 5 }
workloads:
  - personal_health_record: { rate: 40/s, mix: { register: 30%, share: 40%, consent: 25%, audit: 5% } }
faults:
  - hostile_gateway: { hospitals: [2], behaviour: forged_consents }
";

/// Wrong answers to clients, and signatures on another state.
const LIES: &str = "# Do records hold against lies?
name: lies
duration: 4s
drain: 20s
ledger: { replicas: 4 }
network: { topology: uniform-50-100ms, transport: message }
population: { patients: 100, hospitals: 4, pharmacies: 2, laboratories: 1, staff: 5 }
workloads:
  - personal_health_record: { rate: 60/s, mix: { register: 30%, share: 40%, consent: 25%, audit: 5% } }
faults:
  - byzantine: { replicas: [3], behaviour: wrong_results }
";

#[test]
fn each_bug_is_caught_by_its_checker() {
    let one = |bug| SeededBug::Replica(Some(ReplicaId(1)), bug);
    let all = |bug| SeededBug::Replica(None, bug);
    let table: &[Row<'_>] = &[
        (ORDERING, &[one(ReplicaBug::SkipUndecided)], "agreement"),
        (RECORDS, &[one(ReplicaBug::ReverseCommits)], "total_order"),
        (
            RECORDS,
            &[all(ReplicaBug::ExecuteTwice), SeededBug::Ledger(LedgerBug::ForgetSequence)],
            "integrity",
        ),
        (BLACKOUT, &[all(ReplicaBug::ForgetPersist)], "durability"),
        (ORDERING, &[all(ReplicaBug::NeverFetch)], "validity"),
        (REVOCATIONS, &[SeededBug::Gateway(GatewayBug::ReleaseWithoutPermit)], "consent"),
        (REVOCATIONS, &[SeededBug::Gateway(GatewayBug::SkipFreshCheck)], "consent"),
        (ERASURES, &[SeededBug::Gateway(GatewayBug::KeepErased)], "consent"),
        (RECORDS, &[SeededBug::Ledger(LedgerBug::IgnoreRevocation)], "consent"),
        (REVOCATIONS, &[SeededBug::Ledger(LedgerBug::ForgetRefusals)], "accounting"),
        (MEDICINES, &[SeededBug::Ledger(LedgerBug::DispenseAgain)], "detection"),
        (MEDICINES, &[SeededBug::Ledger(LedgerBug::IgnoreRecall)], "detection"),
        (TELEMEDICINE, &[SeededBug::Ledger(LedgerBug::IgnoreAttestation)], "detection"),
        (TELEMEDICINE, &[SeededBug::Ledger(LedgerBug::IgnoreGaps)], "detection"),
        (TELEMEDICINE, &[SeededBug::Ledger(LedgerBug::DispenseBeyond)], "detection"),
        (CLAIMS, &[SeededBug::Ledger(LedgerBug::PayAgain)], "detection"),
        (RECORDS, &[one(ReplicaBug::ForgeReceipts)], "receipts"),
        (RECORDS, &[one(ReplicaBug::ForgeReceipts)], "conduct"),
        (DOCUMENTS, &[SeededBug::MixedUpPatients], "content"),
        (TRIALS, &[SeededBug::Ledger(LedgerBug::IgnoreLock)], "detection"),
        (TRIALS, &[SeededBug::Ledger(LedgerBug::IgnoreStaleConsent)], "detection"),
        (EQUIVOCATION, &[all(ReplicaBug::CommitWithFew)], "agreement"),
        (EQUIVOCATION, &[all(ReplicaBug::ForgetEvidence)], "evidence"),
        (FORGERY, &[SeededBug::BelieveSignatures], "conduct"),
        (FORGED_CONSENTS, &[SeededBug::Ledger(LedgerBug::IgnoreKey)], "forgery"),
        (LIES, &[one(ReplicaBug::CertifyWithFew)], "receipts"),
    ];
    each_is_caught(table);
}

/// What only a crash at a write, or a damaged disk, brings out.
#[test]
fn each_bug_about_disks_is_caught_by_its_checker() {
    let all = |bug| SeededBug::Replica(None, bug);
    each_is_caught(&[
        (WRITES, &[all(ReplicaBug::SendBeforePersist)], "conduct"),
        (WRITES, &[SeededBug::TrustTornTail], "durability"),
        (WIPED, &[all(ReplicaBug::AskNobody)], "conduct"),
    ]);
}

/// A scenario, the mistakes in it, and the checker that must notice.
type Row<'a> = (&'a str, &'a [SeededBug], &'a str);

fn each_is_caught(table: &[Row<'_>]) {
    for (scenario, bugs, checker) in table {
        let mut caught_by = Vec::new();
        let found = (1..=SEEDS_MAX).find(|seed| {
            let plan = Plan { seed: *seed, ..plan(scenario) };
            let options = Options { bugs: bugs.to_vec(), ..Options::default() };
            caught_by = failures(&run(&plan, &options)).iter().map(|verdict| verdict.checker).collect();
            caught_by.contains(checker)
        });
        let Some(seed) = found else {
            panic!("{bugs:?} got past `{checker}` for {SEEDS_MAX} seeds; the last failed: {caught_by:?}");
        };
        let plan = Plan { seed, ..plan(scenario) };
        let sound = failures(&run(&plan, &Options::default()));
        assert!(sound.is_empty(), "seed {seed} without {bugs:?}: {sound:#?}");
    }
}

/// Nothing else goes wrong when evidence is dropped: one checker alone can tell.
#[test]
fn dropped_evidence_is_caught_by_evidence_alone() {
    let bugs = vec![SeededBug::Replica(None, ReplicaBug::ForgetEvidence)];
    let run = run(&plan(EQUIVOCATION), &Options { bugs, ..Options::default() });
    let caught_by: Vec<&str> = failures(&run).iter().map(|verdict| verdict.checker).collect();
    assert_eq!(caught_by, ["evidence"]);
}
