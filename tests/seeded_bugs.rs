//! Every checker notices the mistake that it is there for: a table of seeded bugs, the scenario that brings each out,
//! and the checker that must fail. Without the bug the same scenario passes. What is measured is in `seeded_bugs.md`.

use crate::support::{failures, plan, root, run};
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
pub const REVOCATIONS: &str = "# Does a revocation stop what comes after it?
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

/// Everything stops at once, before slow disks have what was sent.
const SLOW_BLACKOUT: &str = "# Does what was acknowledged survive, however slow the disks?
name: slow-blackout
duration: 5s
drain: 20s
ledger: { replicas: 4 }
network: { topology: lan, transport: message }
workloads:
  - opaque: { rate: 100/s, size: 64B }
faults:
  - { at: 0s, slow_disk: { replicas: [0, 1, 2, 3], factor: 100, for: 3500ms } }
  - { at: 3s, crash: { replicas: [0, 1, 2, 3], for: 1s } }
";

/// Permits for longer than some consents last.
const EXPIRIES: &str = "# Does a permit end with its consent?
name: expiries
duration: 6s
drain: 20s
ledger: { replicas: 4, policy: { permit_window: 10min } }
network: { topology: uniform-50-100ms, transport: message }
population: { patients: 8, hospitals: 6, pharmacies: 2, laboratories: 1, staff: 5 }
workloads:
  - personal_health_record: { rate: 120/s, mix: { register: 5%, share: 55%, consent: 40%, audit: 0% } }
";

/// More than a mempool holds, while nobody reaches anybody.
const FLOOD: &str = "# Does a mempool stay within its limit?
name: flood
duration: 4s
drain: 20s
ledger: { replicas: 4, tuning: { gc_depth: 10, block_bytes_max: 64KiB, mempool_bytes_max: 64KiB } }
network: { topology: lan, transport: message }
workloads:
  - opaque: { rate: 800/s, size: 4KiB }
faults:
  - { at: 500ms, partition: { groups: [[0], [1], [2], [3]], for: 3s } }
";

/// Nobody reaches anybody for a while.
const SILENCE: &str = "# Do commits go on after a silence?
name: silence
duration: 3s
drain: 20s
ledger: { replicas: 4, tuning: { leader_timeout: 100ms } }
network: { topology: lan, transport: message }
workloads:
  - opaque: { rate: 50/s, size: 64B }
faults:
  - { at: 1s, partition: { groups: [[0], [1], [2], [3]], for: 500ms } }
";

/// A row: what is done wrong, the scenario that brings it out, who does it, and the checker that must notice.
struct Row {
    what: &'static str,
    scenario: &'static str,
    bugs: &'static [SeededBug],
    checker: &'static str,
}

const fn one(bug: ReplicaBug) -> SeededBug {
    SeededBug::Replica(Some(ReplicaId(1)), bug)
}

const fn all(bug: ReplicaBug) -> SeededBug {
    SeededBug::Replica(None, bug)
}

macro_rules! rows {
    ($($checker:literal, $what:literal, $scenario:ident: $($bug:expr),+;)*) => {
        &[$(Row { what: $what, scenario: $scenario, bugs: &[$($bug),+], checker: $checker }),*]
    };
}

const ROWS: &[Row] = rows! {
    "agreement", "a replica leaves out undecided leader slots", ORDERING: one(ReplicaBug::SkipUndecided);
    "agreement", "a replica skips what the indirect rule commits", ORDERING: one(ReplicaBug::SkipIndirect);
    "agreement", "f + 1 votes commit", EQUIVOCATION: all(ReplicaBug::CommitWithFew);
    "total_order", "a replica executes the blocks of a commit backwards", RECORDS: one(ReplicaBug::ReverseCommits);
    "integrity", "sequences are forgotten, and submissions ordered twice", RECORDS:
        all(ReplicaBug::ExecuteTwice), SeededBug::Ledger(LedgerBug::ForgetSequence);
    "durability", "nothing is written to disk", BLACKOUT: all(ReplicaBug::ForgetPersist);
    "durability", "blocks are sent before they are on disk", SLOW_BLACKOUT: all(ReplicaBug::SendBeforePersist);
    "validity", "nothing missed is ever asked for", ORDERING: all(ReplicaBug::NeverFetch);
    "progress", "nothing is said again", SILENCE: all(ReplicaBug::NeverRepeat);
    "consent", "keys are released without a permit", REVOCATIONS:
        SeededBug::Gateway(GatewayBug::ReleaseWithoutPermit);
    "consent", "keys are released without a fresh check", REVOCATIONS:
        SeededBug::Gateway(GatewayBug::SkipFreshCheck);
    "consent", "erased documents are kept and served", ERASURES: SeededBug::Gateway(GatewayBug::KeepErased);
    "consent", "withdrawn consents permit", RECORDS: SeededBug::Ledger(LedgerBug::IgnoreRevocation);
    "revocation", "withdrawn consents permit for a second and a half", REVOCATIONS:
        SeededBug::Ledger(LedgerBug::AcceptStaleConsent);
    "revocation", "consents permit beyond their end", EXPIRIES: SeededBug::Ledger(LedgerBug::IgnoreExpiry);
    "linearizability", "consents are unknown for a second and a half", REVOCATIONS:
        SeededBug::Ledger(LedgerBug::LateGrants);
    "accounting", "refusals are not counted", REVOCATIONS: SeededBug::Ledger(LedgerBug::ForgetRefusals);
    "receipts", "a replica forges entries", RECORDS: one(ReplicaBug::ForgeReceipts);
    "receipts", "a replica certifies with f + 1 signatures", LIES: one(ReplicaBug::CertifyWithFew);
    "checkpoints", "checkpoints name the commit before", RECORDS: all(ReplicaBug::AttestPrevious);
    "resources", "mempools have no limit", FLOOD: all(ReplicaBug::BottomlessMempool);
    "detection", "packs are dispensed twice", MEDICINES: SeededBug::Ledger(LedgerBug::DispenseAgain);
    "detection", "packs of recalled lots are dispensed", MEDICINES: SeededBug::Ledger(LedgerBug::IgnoreRecall);
    "detection", "unattested devices count", TELEMEDICINE: SeededBug::Ledger(LedgerBug::IgnoreAttestation);
    "detection", "vitals may have gaps", TELEMEDICINE: SeededBug::Ledger(LedgerBug::IgnoreGaps);
    "detection", "prescriptions are dispensed again", TELEMEDICINE: SeededBug::Ledger(LedgerBug::DispenseBeyond);
    "detection", "services are paid again", CLAIMS: SeededBug::Ledger(LedgerBug::PayAgain);
    "detection", "data are captured after a lock", TRIALS: SeededBug::Ledger(LedgerBug::IgnoreLock);
    "detection", "stale consents enrol", TRIALS: SeededBug::Ledger(LedgerBug::IgnoreStaleConsent);
    "detection", "a gateway uses sequence numbers twice", RECORDS: SeededBug::Gateway(GatewayBug::ReuseSequence);
    "content", "custodians register another patient's document", DOCUMENTS: SeededBug::MixedUpPatients;
    "evidence", "equivocation that is seen is not told", EQUIVOCATION: all(ReplicaBug::ForgetEvidence);
    "forgery", "anybody's key is taken for the actor's", FORGED_CONSENTS: SeededBug::Ledger(LedgerBug::IgnoreKey);
    "conduct", "a replica forges entries, as gateways see it", RECORDS: one(ReplicaBug::ForgeReceipts);
    "conduct", "nobody checks signatures of blocks", FORGERY: SeededBug::BelieveSignatures;
    "conduct", "blocks are sent before they are on disk, and processes die at writes", WRITES:
        all(ReplicaBug::SendBeforePersist);
    "conduct", "a replica whose disk was wiped asks nobody what it signed", WIPED: all(ReplicaBug::AskNobody);
    "durability", "a torn tail of the journal is believed", WRITES: SeededBug::TrustTornTail;
};

/// What a row's bug needs to be found, and which checkers fail then.
struct Measured {
    seeds: u64,
    caught_by: Vec<&'static str>,
}

/// As it is found, or what happened instead.
fn measure(row: &Row) -> Result<Measured, String> {
    let Row { scenario, bugs, checker, .. } = row;
    let mut caught_by = Vec::new();
    let found = (1..=SEEDS_MAX).find(|seed| {
        let plan = Plan { seed: *seed, ..plan(scenario) };
        let options = Options { bugs: bugs.to_vec(), ..Options::default() };
        caught_by = failures(&run(&plan, &options)).iter().map(|verdict| verdict.checker).collect();
        caught_by.contains(checker)
    });
    let Some(seeds) = found else {
        return Err(format!(
            "{bugs:?} got past `{checker}` for {SEEDS_MAX} seeds; failed last: {caught_by:?}"
        ));
    };
    let plan = Plan { seed: seeds, ..plan(scenario) };
    let sound = failures(&run(&plan, &Options::default()));
    if !sound.is_empty() {
        return Err(format!("seed {seeds} without {bugs:?}: {sound:#?}"));
    }
    Ok(Measured { seeds, caught_by })
}

/// The table as it is checked in.
fn table(rows: &[(&Row, Measured)]) -> String {
    let mut text = String::from(
        "# Seeded bugs: which checker notices which mistake\n\n\
         Each mistake is made on purpose (feature `seeded-bugs`), in the scenario of `tests/seeded_bugs.rs` that is named, \
         with seeds from 1 on\nuntil the checker that it is there for fails; `seeds` is how many that took. What else failed \
         in the same run is beside it. Without the\nmistake the same seed fails no checker. `assumption` judges plans, \
         and has a test of its own (`tests/byzantine.rs`).\n\n\
         Measured and compared by `cargo test -p tests each_bug`; written anew with `AMANAH_SEEDED_BUGS=write`.\n\n\
         | checker | mistake | scenario | seeds | also failed |\n|---|---|---|---|---|\n",
    );
    for (Row { what, scenario, checker, .. }, Measured { seeds, caught_by }) in rows {
        let name = plan(scenario).name;
        let others: Vec<&str> = caught_by.iter().copied().filter(|other| other != checker).collect();
        let others = if others.is_empty() { "nothing".to_owned() } else { others.join(", ") };
        text += &format!("| {checker} | {what} | {name} | {seeds} | {others} |\n");
    }
    text
}

#[test]
fn each_bug_is_caught_by_its_checker() {
    let results: Vec<_> = ROWS.iter().map(|row| (row, measure(row))).collect();
    let missed: Vec<&String> = results.iter().filter_map(|(_, measured)| measured.as_ref().err()).collect();
    assert!(missed.is_empty(), "{missed:#?}");
    let found = |(row, measured): (_, Result<Measured, String>)| Some((row, measured.ok()?));
    let rows: Vec<(&Row, Measured)> = results.into_iter().filter_map(found).collect();
    let (file, measured) = (root().join("tests/seeded_bugs.md"), table(&rows));
    if std::env::var_os("AMANAH_SEEDED_BUGS").is_some_and(|what| what == "write") {
        std::fs::write(&file, &measured).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == measured,
        "{} is not what is measured; AMANAH_SEEDED_BUGS=write cargo test -p tests each_bug writes\n{measured}",
        file.display()
    );
    // No checker without a mistake that it is there for.
    for (checker, _) in sim::check::questions().filter(|(checker, _)| *checker != "assumption") {
        assert!(rows.iter().any(|(row, _)| row.checker == checker), "no mistake is there for `{checker}`");
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
