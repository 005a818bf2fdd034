//! `population:` and where its institutions sit.

use crate::diagnostic::{Position, Problems};
use crate::plan::{
    ClinicalTrialPlan, DelayPlan, InstitutionKind, InstitutionPlan, NetworkPlan, PopulationPlan, RecordMix,
    ReplicaPlan, WorkloadPlan,
};
use crate::scenario::reader::Field;
use crate::scenario::units;

const PATIENTS_MAX: (u64, &str) = (1_000_000_000, "1 billion");
const INSTITUTIONS_MAX: (u64, &str) = (100_000, "100k");
const STAFF_MAX: (u64, &str) = (1_000_000, "1M");
const RECORDS_MAX: (u64, &str) = (10_000, "10k");
const STAFF: u64 = 20;
const RECORDS_PER_PATIENT: u64 = 2;
const DEVICES_MAX: (u64, &str) = (10_000_000, "10M");
const KINDS: [(&str, InstitutionKind); 10] = [
    ("hospitals", InstitutionKind::Hospital),
    ("pharmacies", InstitutionKind::Pharmacy),
    ("laboratories", InstitutionKind::Laboratory),
    ("insurers", InstitutionKind::Insurer),
    ("manufacturers", InstitutionKind::Manufacturer),
    ("wholesalers", InstitutionKind::Wholesaler),
    ("sponsors", InstitutionKind::Sponsor),
    ("ethics_boards", InstitutionKind::EthicsBoard),
    ("research_institutes", InstitutionKind::ResearchInstitute),
    ("model_owners", InstitutionKind::ModelOwner),
];

/// Without a population (opaque workloads only) every replica gets one gateway beside it, to submit the load.
pub(super) fn read(
    field: Option<Field<'_>>,
    network: Option<&NetworkPlan>,
    replicas: Option<&[ReplicaPlan]>,
    problems: &mut Problems,
) -> Option<PopulationPlan> {
    let Some(field) = field else { return Some(one_gateway_per_replica(replicas?)) };
    let mut map = field.map(problems, "a map, as in `population: { patients: 10k, hospitals: 8 }`")?;
    let mut number = |key, default, least, most| match map.optional(key) {
        Some(field) => field.within(problems, &units::COUNT, least, most),
        None => Some(default),
    };
    let patients = number("patients", 0, (1, "1"), PATIENTS_MAX);
    let counts =
        KINDS.map(|(key, kind)| number(key, 0, (0, "0"), INSTITUTIONS_MAX).map(|count| (kind, count)));
    let staff = number("staff", STAFF, (1, "1"), STAFF_MAX);
    let devices = number("devices", 0, (0, "0"), DEVICES_MAX);
    let records = number("records_per_patient", RECORDS_PER_PATIENT, (0, "0"), RECORDS_MAX);
    if let Some(placement) = map.optional("placement") {
        placement.choice(problems, &[("by_region", ())], &[]);
    }
    map.finish(problems);
    let counts: Option<Vec<(InstitutionKind, u64)>> = counts.into_iter().collect();
    let institutions = match (counts, network, replicas) {
        (Some(counts), Some(network), Some(replicas)) => Some(place(&counts, network, replicas)),
        _ => None,
    };
    Some(PopulationPlan {
        patients: patients?,
        institutions: institutions?,
        staff_per_institution: staff?,
        devices: devices?,
        records_per_patient: records?,
    })
}

fn one_gateway_per_replica(replicas: &[ReplicaPlan]) -> PopulationPlan {
    let gateway = |(replica, plan): (usize, &ReplicaPlan)| InstitutionPlan {
        kind: InstitutionKind::Hospital,
        region: plan.region,
        replica,
    };
    PopulationPlan {
        patients: 0,
        institutions: replicas.iter().enumerate().map(gateway).collect(),
        staff_per_institution: 1,
        devices: 0,
        records_per_patient: 0,
    }
}

/// `by_region`: institutions go round the regions, and within a region round its replicas. A region without replicas
/// uses those of the nearest region that has some.
fn place(
    counts: &[(InstitutionKind, u64)],
    network: &NetworkPlan,
    replicas: &[ReplicaPlan],
) -> Vec<InstitutionPlan> {
    let regions = network.regions.len();
    let replicas_in = |region: usize| -> Vec<usize> {
        (0..replicas.len()).filter(|replica| replicas[*replica].region == region).collect()
    };
    let homes: Vec<Vec<usize>> = (0..regions)
        .map(|region| {
            let mut nearest: Vec<usize> =
                (0..regions).filter(|other| !replicas_in(*other).is_empty()).collect();
            nearest
                .sort_by_key(|other| (*other != region, median_ns(network.delays[region][*other]), *other));
            nearest.first().map(|nearest| replicas_in(*nearest)).unwrap_or_default()
        })
        .collect();
    let kinds = counts.iter().flat_map(|(kind, count)| std::iter::repeat_n(*kind, *count as usize));
    kinds
        .enumerate()
        .map(|(id, kind)| {
            let region = id % regions;
            let homes = &homes[region];
            InstitutionPlan { kind, region, replica: homes[id / regions % homes.len()] }
        })
        .collect()
}

/// The median of an exponential is ln 2 of its mean.
fn median_ns(delay: DelayPlan) -> u64 {
    match delay {
        DelayPlan::Exponential { min_ns, jitter_mean_ns } => {
            min_ns.saturating_add((u128::from(jitter_mean_ns) * 693 / 1_000) as u64)
        }
        DelayPlan::Uniform { min_ns, max_ns } => min_ns + (max_ns - min_ns) / 2,
    }
}

/// Whether there is someone to do what the workloads ask; `at` is where the population is written.
pub(super) fn check(
    population: &PopulationPlan,
    workloads: &[WorkloadPlan],
    at: Position,
    problems: &mut Problems,
) {
    if population.institutions.is_empty() {
        let report = problems.report(at, "population", "no institution, so nobody to submit anything");
        report.help("add some, as in `hospitals: 8`");
        return;
    }
    // What several workloads miss is said once.
    let mut missing: Vec<Missing> = Vec::new();
    for workload in workloads {
        let found = match workload {
            WorkloadPlan::Opaque { .. } => Vec::new(),
            WorkloadPlan::AccessDecisions { .. } => missing_for_decisions(population),
            WorkloadPlan::PersonalHealthRecord { mix, .. } => missing_for_records(population, mix),
            WorkloadPlan::ClinicalTrial { trial, .. } => missing_for_trials(population, trial),
            WorkloadPlan::DrugSupply { .. } => missing_kinds(population, &FOR_SUPPLY),
            WorkloadPlan::Telemedicine { .. } => missing_for_telemedicine(population),
            WorkloadPlan::Claims { .. } => missing_kinds(population, &FOR_CLAIMS),
        };
        let is_news = |row: &Missing| !missing.iter().any(|(key, ..)| *key == row.0);
        let news: Vec<Missing> = found.into_iter().filter(is_news).collect();
        missing.extend(news);
    }
    for (key, message, cure) in missing {
        problems.report(at, format!("population.{key}"), message).help(cure);
    }
}

/// Key, message and cure.
type Missing = (&'static str, &'static str, &'static str);

/// A kind that a workload needs, and what to say of its absence.
type Needed = (InstitutionKind, Missing);

const FOR_TRIALS: [Needed; 4] = [
    (
        InstitutionKind::Hospital,
        ("hospitals", "no hospital, and hospitals are the sites of trials", "add `hospitals: 8`"),
    ),
    (InstitutionKind::Sponsor, ("sponsors", "no sponsor, and sponsors register trials", "add `sponsors: 2`")),
    (
        InstitutionKind::EthicsBoard,
        ("ethics_boards", "no ethics board, and ethics boards approve trials", "add `ethics_boards: 1`"),
    ),
    (
        InstitutionKind::ResearchInstitute,
        (
            "research_institutes",
            "no research institute, and research institutes read the data of trials",
            "add `research_institutes: 1`",
        ),
    ),
];
const FOR_SUPPLY: [Needed; 3] = [
    (
        InstitutionKind::Manufacturer,
        ("manufacturers", "no manufacturer, and manufacturers commission packs", "add `manufacturers: 2`"),
    ),
    (
        InstitutionKind::Wholesaler,
        ("wholesalers", "no wholesaler, and packs reach pharmacies by wholesalers", "add `wholesalers: 4`"),
    ),
    (
        InstitutionKind::Pharmacy,
        ("pharmacies", "no pharmacy, and pharmacies dispense packs", "add `pharmacies: 20`"),
    ),
];
const FOR_TELEMEDICINE: [Needed; 3] = [
    (
        InstitutionKind::Hospital,
        ("hospitals", "no hospital, and clinicians of hospitals open sessions", "add `hospitals: 8`"),
    ),
    (
        InstitutionKind::Pharmacy,
        ("pharmacies", "no pharmacy, and pharmacies dispense prescriptions", "add `pharmacies: 20`"),
    ),
    (
        InstitutionKind::ModelOwner,
        ("model_owners", "no model owner, and triage takes a registered model", "add `model_owners: 1`"),
    ),
];
const FOR_CLAIMS: [Needed; 2] = [
    (
        InstitutionKind::Hospital,
        ("hospitals", "no hospital, and hospitals claim for encounters", "add `hospitals: 8`"),
    ),
    (
        InstitutionKind::Insurer,
        ("insurers", "no insurer, and insurers adjudicate claims", "add `insurers: 2`"),
    ),
];

/// Of each hospital's devices the first is never attested, so that one measures what counts only if there are more.
fn missing_for_telemedicine(population: &PopulationPlan) -> Vec<Missing> {
    let mut missing = missing_kinds(population, &FOR_TELEMEDICINE);
    let is_hospital = |one: &&InstitutionPlan| one.kind == InstitutionKind::Hospital;
    let hospitals = population.institutions.iter().filter(is_hospital).count() as u64;
    if population.devices < 2 * hospitals {
        let message = "fewer than two devices for each hospital, and devices measure vitals";
        missing.push(("devices", message, "add `devices: 400`, at least twice the number of hospitals"));
    }
    missing
}

/// Patients, and every kind that is needed.
fn missing_kinds(population: &PopulationPlan, needed: &[Needed]) -> Vec<Missing> {
    let mut missing = Vec::new();
    if population.patients == 0 {
        missing.push(("patients", "no patients, and this is about patients", "add `patients: 10k`"));
    }
    let has = |kind| population.institutions.iter().any(|one| one.kind == kind);
    missing.extend(needed.iter().filter(|(kind, _)| !has(*kind)).map(|(_, row)| *row));
    missing
}

fn missing_for_trials(population: &PopulationPlan, trial: &ClinicalTrialPlan) -> Vec<Missing> {
    let mut missing = missing_kinds(population, &FOR_TRIALS);
    let hospitals = population.institutions.iter().filter(|one| one.kind == InstitutionKind::Hospital);
    let hospitals = hospitals.count() as u64;
    if hospitals > 0 && hospitals < trial.sites {
        let message = "fewer hospitals than a trial has sites";
        missing.push(("hospitals", message, "add hospitals, or lower the workload's `sites`"));
    }
    // One more, who comes too late.
    if population.patients > 0 && population.patients <= trial.subjects {
        let message = "too few patients for the subjects of a trial and one more";
        missing.push(("patients", message, "add patients, or lower the workload's `subjects`"));
    }
    missing
}

fn has_hospital(population: &PopulationPlan) -> bool {
    population.institutions.iter().any(|one| one.kind == InstitutionKind::Hospital)
}

fn missing_for_records(population: &PopulationPlan, mix: &RecordMix) -> Vec<Missing> {
    let mut missing = Vec::new();
    if population.patients == 0 {
        let message = "no patients, and personal health records belong to patients";
        missing.push(("patients", message, "add `patients: 10k`"));
    }
    if !has_hospital(population) {
        let message = "no hospital, and hospitals keep personal health records";
        missing.push(("hospitals", message, "add `hospitals: 8`"));
    }
    if mix.share > 0 && population.institutions.len() < 2 {
        let message = "one institution has nobody to share with";
        let cure = "add a second institution, or take `share` out of the mix";
        missing.push(("hospitals", message, cure));
    }
    if mix.register == 0 && population.records_per_patient == 0 {
        let message = "no record exists and none is registered";
        let cure = "give each patient at least 1, or `register` a part of the mix";
        missing.push(("records_per_patient", message, cure));
    }
    missing
}

fn missing_for_decisions(population: &PopulationPlan) -> Vec<Missing> {
    let mut missing = Vec::new();
    if population.patients == 0 {
        let message = "no patients, and access is asked for to patients' records";
        missing.push(("patients", message, "add `patients: 10k`"));
    }
    if !has_hospital(population) {
        let message = "no hospital, and what every patient permits is reading in hospitals";
        missing.push(("hospitals", message, "add `hospitals: 8`"));
    }
    if population.records_per_patient == 0 {
        let message = "no record exists to ask for access to";
        missing.push(("records_per_patient", message, "give each patient at least 1"));
    }
    missing
}
